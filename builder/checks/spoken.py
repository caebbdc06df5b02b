"""What a text says in words: of Python code its comments, docstrings and lone strings, else all of it."""

from __future__ import annotations

import ast
import io
import re
import textwrap
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from builder.checks.python_code import UNREADABLE, is_code

_MARK = re.compile(r"#+!?[ \t]?")
_QUOTES = "\"' \t\n"


@dataclass(frozen=True, slots=True)
class Spoken:
    """What is said in words.

    Attributes:
        begin: What the text begins with.
        end: What it ends with.
        all_: All of it, comments with their marks, each line as it is.
        passages: All of it without marks, a line for each paragraph of a comment or docstring.
        ends: Of code, those that stand before all statements or behind them; module docstrings are the module's.
        is_code: Whether the text is code.
    """

    begin: str
    end: str
    all_: str
    passages: tuple[str, ...]
    ends: tuple[str, ...]
    is_code: bool


def spoken(text: str, tree: ast.Module | None) -> Spoken:
    """Return what a text says in words.

    Args:
        text: Code or prose.
        tree: Its syntax tree, None of prose.
    """
    if tree is None or not is_code(tree):
        bare = text.strip()
        bare = bare.strip(_QUOTES) if tree is not None and _is_string(tree.body[:1]) else bare
        return Spoken(bare, bare, bare, (bare,), (), False)
    strings = list(_strings(tree))
    lines = text.splitlines()
    first, last = tree.body[0], tree.body[-1]
    behind = [line for line in lines[last.end_lineno or len(lines) :] if line.lstrip().startswith("#")]
    before = [line for line in lines[: first.lineno - 1] if line.lstrip().startswith("#")]
    comments = [line.strip() for line in lines if line.lstrip().startswith("#")]
    begin = "\n".join([*before, ast.get_docstring(tree) or ""]).strip()
    end = "\n".join([strings[-1] if _is_string([last]) else "", *behind]).strip()
    all_ = "\n".join([*comments, "", *strings])
    ends = tuple(
        _unwrapped("\n".join(_MARK.sub("", line.strip(), count=1) for line in one)) for one in (before, behind)
    )
    return Spoken(begin, end, all_, (*_comments(text), *map(_unwrapped, strings)), (*ends, _unwrapped(end)), True)


def _is_string(body: list[ast.stmt]) -> bool:
    return any(
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for node in body
    )


def _strings(tree: ast.Module) -> Iterator[str]:
    """Yield docstrings and other strings that are statements, in the order of their lines."""
    try:
        found = [node for node in ast.walk(tree) if isinstance(node, ast.Expr) and _is_string([node])]
    except UNREADABLE:
        return
    for node in sorted(found, key=lambda one: one.lineno):
        yield textwrap.dedent(ast.literal_eval(node.value)).strip()


def _comments(code: str) -> Iterator[str]:
    """Yield comments without their marks; lines of one block that go on with a small letter are one."""
    block: list[str] = []
    at = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type != tokenize.COMMENT:
                continue
            if block and token.start[0] != at + 1:
                yield _unwrapped("\n".join(block))
                block = []
            block.append(_MARK.sub("", token.string, count=1))
            at = token.start[0]
    except (tokenize.TokenError, *UNREADABLE):
        pass  # it parses, so this is a fault of the tokenizer's: what it has read is kept
    if block:
        yield _unwrapped("\n".join(block))


def _unwrapped(text: str) -> str:
    """Join lines with those that they go on in."""
    return re.sub(r"(?<=[\w,;)])[ \t]*\n[ \t]*(?=[a-z(])", " ", text)
