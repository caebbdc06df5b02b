"""Does a model talk of its task instead of doing it? Refusals, greetings, closing words, and what it left out."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import ClassVar

from builder.checks import phrases
from builder.checks.base import PairCheck
from builder.checks.elision import left_out
from builder.checks.python_code import UNREADABLE, is_code, parsed
from builder.filters.base import Measures

_ENDS = 400  # characters at either end in which a model greets or takes its leave


class Chatter(PairCheck):
    """Refuses what is said to whoever asked: "Here is the …", "I'm sorry, but I can't …", "# other code".

    Of Python code it reads the comments and docstrings, and compares bodies with the source's. What stands in the
    source as well is the source's. English alone is known.
    """

    measures: ClassVar[Mapping[str, type]] = {"kind": str, "phrase": str}

    def compare(self, before: str, after: str) -> Measures:
        """Return the kind of the first phrase found and the phrase, None where there is none."""
        tree = parsed(after)
        if tree is not None and not is_code(tree):
            tree = None
        begin, end, all_ = (after.strip(),) * 3 if tree is None else _said(after, tree)
        known = before.casefold()
        for kind, match in (
            ("refusal", phrases.REFUSAL.search(begin[:_ENDS])),
            ("chatter", phrases.OPENING.search(begin[:_ENDS])),
            ("chatter", phrases.AGREED.search(begin[:_ENDS])),
            ("chatter", phrases.CLOSING.search(end[-_ENDS:])),
            ("chatter", phrases.CHANGES.search(all_)),
        ):
            if match is not None and match["said"].casefold() not in known:
                return {"kind": kind, "phrase": match["said"][:100]}
        return _elision(before, after, tree)

    def decide(self, measures: Measures) -> str | None:
        """Say which kind it is."""
        kind: str | None = measures["kind"]
        return kind


def _elision(before: str, after: str, tree: ast.Module | None) -> Measures:
    try:
        found = left_out(before, after, parsed(before), tree)
    except UNREADABLE:  # nested too deep: the syntax filter's to refuse
        found = None
    return {"kind": found and "elision", "phrase": found and found[:100]}


def _said(code: str, tree: ast.Module) -> tuple[str, str, str]:
    """Return what code says in words: at its beginning, at its end, and in all comments."""
    lines = code.splitlines()
    first, last = tree.body[0], tree.body[-1]
    comments = [line.strip() for line in lines if line.lstrip().startswith("#")]
    begin = [line for line in lines[: first.lineno - 1] if line.lstrip().startswith("#")]
    docstring = ast.get_docstring(tree) or ""
    end = [line for line in lines[last.end_lineno or len(lines) :] if line.lstrip().startswith("#")]
    return "\n".join([*begin, docstring]).strip(), "\n".join(end), "\n".join(comments)
