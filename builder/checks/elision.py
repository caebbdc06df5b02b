"""What a model left out: "# ... existing code ...", `pass  # unchanged`, a body that has become `...`.

A note that stands for code is made of few words, whatever their order, so it is known by having no others.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from builder.checks.elision_words import (
    ABOUT_CODE,
    ANSWER,
    BACK,
    BEGINS,
    BRACKETED,
    COMMENT,
    DEFINITION,
    DOTS,
    ELSEWHERE,
    FREE,
    FUNCTIONS,
    GO_ON,
    ITEMS,
    KNOWN,
    LEFT_OUT,
    MAKE,
    MARKED,
    MOST_WORDS,
    OUTRIGHT,
    REST,
    STATE,
    TODO,
    WHAT,
    WORD,
)
from builder.checks.hollow import hollowed, is_hollow
from builder.checks.python_code import UNREADABLE, Function


@dataclass(frozen=True, slots=True)
class _Note:
    """A comment or a line of text.

    Attributes:
        text: It, with its mark.
        is_instead: Whether it stands where there is nothing else: beside `pass`, in an empty body, at the end.
        is_alone: Whether its line holds nothing else, and no comment is above or below.
        is_comment: Whether it has a comment's mark; a line of prose has not.
        is_outer: Whether it stands in no function or class.
    """

    text: str
    is_instead: bool
    is_alone: bool
    is_comment: bool = True
    is_outer: bool = False


def left_out(before: str, after: str, source: ast.Module | None, tree: ast.Module | None) -> str | None:
    """Return the first sign in `after` of something left out that `before` does not have itself."""
    notes = _lines(after) if tree is None else _comments(after, tree)
    known, gone, is_shorter = None, _gone(source, tree), _has_fewer(source, tree)
    for note in notes:
        if (
            _is_elision(note)
            or (gone and _names_gone(note.text, gone))
            or (is_shorter and _stands_for_functions(note))
        ):
            known = known or {_plain(line) for line in before.splitlines()} | set(_trailing(before))
            if _plain(note.text) not in known:
                return note.text.strip()
    if tree is None:
        return None
    return hollowed(before, source, tree)


def _gone(source: ast.Module | None, tree: ast.Module | None) -> set[str]:
    """Return the names of what the source defines and the new code doesn't."""
    return set() if source is None or tree is None else _defined(source) - _defined(tree)


def _defined(tree: ast.Module) -> set[str]:
    return {node.name for node in ast.walk(tree) if isinstance(node, Function | ast.ClassDef)}


def _has_fewer(source: ast.Module | None, tree: ast.Module | None) -> bool:
    """Whether the source has more functions, whatever they are called."""
    return source is not None and tree is not None and len(_functions(source)) > len(_functions(tree))


def _functions(tree: ast.Module) -> list[ast.AST]:
    return [node for node in ast.walk(tree) if isinstance(node, Function)]


def _stands_for_functions(note: _Note) -> bool:
    """Whether a comment stands for functions that are missing: `# (mean function as in the input)`."""
    text = note.text.strip("# \t")
    said = set(WORD.findall(text.lower()))
    if not said:
        return DOTS.search(text) is not None
    return note.is_outer and len(said) <= MOST_WORDS and bool(said & FUNCTIONS) and bool(said & ELSEWHERE)


def _names_gone(text: str, gone: set[str]) -> bool:
    """Whether a note says of something that is no longer there that it is as it was."""
    rest = DEFINITION.sub(lambda match: " " if match["name"] in gone else match[0], text)
    words = WORD.findall(rest.lower())
    said = set(words)
    is_known = rest != text and len(words) <= MOST_WORDS and KNOWN.issuperset(said)
    return is_known and bool(said & (REST | LEFT_OUT | BACK | {"same", "changes", "here", "as"}))


def _plain(text: str) -> str:
    return " ".join(WORD.findall(text.lower())) or text.strip()


def _trailing(text: str) -> Iterator[str]:
    return (_plain(line.rpartition("#")[2]) for line in text.splitlines() if "#" in line)


def _is_elision(note: _Note) -> bool:
    text = note.text.strip().strip("#/*-<>!%; \t=")
    has_dots = DOTS.search(text) is not None
    words = WORD.findall(text.lower())
    if not words:
        is_framed = text[:1] in ("[", "{") and text[-1:] in ("]", "}")
        return has_dots and (note.is_alone or is_framed) and text.strip(" .…[]{}") == ""
    plain = " ".join(text.strip("([{<>}]). …:\t").split())
    if OUTRIGHT.fullmatch(plain):
        return True
    opening = "([{<" if note.is_comment or {"so", "etc", *STATE}.intersection(words) else "[{<"
    marked = has_dots or note.is_instead or (text[:1] in opening and text[-1:] in ")]}>") or "<" in note.text[:3]
    if len(words) > MOST_WORDS or not KNOWN.issuperset(words):
        is_framed = text.startswith(("..", "…")) and text.endswith(("..", "…")) and note.is_alone
        is_free = FREE.fullmatch(plain) is not None and (marked or ABOUT_CODE.search(plain) is not None)
        return (
            is_free
            or (is_framed and len(words) <= 8)
            or (note.is_comment and _stands_for(note.text.strip("#/*- \t"), words, note.is_alone))
        )
    if not note.is_comment and not marked:
        return False
    return _says_so(set(words), words, marked, note.is_instead)


def _stands_for(text: str, words: list[str], is_alone: bool) -> bool:
    """Whether a comment with words of its own stands for code: `... (training step)`, `<other cases go here>`."""
    said = set(words)
    is_bracketed = text[:1] + text[-1:] in ("<>", "[]", "{}") and bool(said & REST)
    if is_bracketed and (
        said & (STATE | {"original", "above", "your"}) or words[0] in ("rest", "remainder", "remaining")
    ):
        return True
    begins = BEGINS.match(text)
    if begins is None or len(text) > 120:
        return False
    rest = text[begins.end() :]
    is_framed = rest.startswith("(") and rest.endswith(")")
    # Behind a comment's dots a sentence goes on ("... and the last"), or a statement was to stand.
    return (
        is_framed
        or bool(said & (LEFT_OUT | REST))
        or (is_alone and begins[0][-1].isspace() and words[0] not in GO_ON)
    )


def _says_so(said: set[str], words: list[str], marked: bool, is_instead: bool) -> bool:
    """Decide on a note in which every word is one of those that such notes are made of."""
    of_code, of_rest = bool(said & WHAT), bool(said & REST)
    if of_rest and of_code and (said & (STATE | {"above", "before"}) or marked):
        return True
    if of_rest and marked and (said & (STATE | ITEMS | {"rest", "remainder"}) or is_instead):
        return True
    if said & {"rest", "remainder"} and said & {"unchanged", "omitted", "same", "todo"}:
        return True
    if said & {"same", "identical", "unchanged"} and said & BACK and len(words) <= 7 and "with" not in said:
        return True
    if said & LEFT_OUT and (of_code or marked or "brevity" in said):
        return True
    if "here" in said and said & (WHAT | {"details"}) and said & (MAKE | {"your", "goes", "go"} | TODO):
        return True
    if len(words) <= 3 and said & {"placeholder", "snip", "snipped", "omitted", "elided", "truncated"}:
        return True
    if "original" in said and of_code and said & {"see", "refer", "copy", "copied", "paste"}:
        return True
    if marked and said & {"see", "refer"} and said & BACK:
        return True
    if marked and "continued" in said and len(words) <= 6:
        return True
    if said & TODO and said & (MAKE | REST) and (of_rest or is_instead or "implement" in said):
        return True
    if is_instead and said & (MAKE | {"same", "here"}) and said & (WHAT | BACK | {"rest", "todo", "here"}):
        return True
    return (marked or of_rest) and bool(said & {"etc", "forth", "similarly", "likewise"}) and len(words) <= 8


def _lines(text: str) -> Iterator[_Note]:
    """Yield the lines of a text that is no Python which a mark, brackets or dots set apart."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if ANSWER.match(line):
            continue
        bare = line.strip()
        if len(bare) <= 200 and (MARKED.match(line) or bare.endswith(("...", "…"))):
            is_comment = bare.startswith(COMMENT)
            is_last = is_comment and not any(rest.strip() for rest in lines[number + 1 :][:5])
            yield _Note(line, is_last, False, is_comment)
        for match in BRACKETED.finditer(line[:2000]):
            yield _Note(match[0], False, False, False)


def _comments(code: str, tree: ast.Module) -> Iterator[_Note]:
    """Yield the comments of Python code, and the lines of its docstrings that dots or brackets set apart."""
    empty = _empty_lines(tree)
    last = max((node.end_lineno or 0 for node in tree.body), default=0)
    try:
        found = [
            one for one in tokenize.generate_tokens(io.StringIO(code).readline) if one.type == tokenize.COMMENT
        ]
    except (tokenize.TokenError, *UNREADABLE):
        found = []  # it parses, so this is a fault of the tokenizer's: carriage returns, in 3.12
    own = {one.start[0] for one in found if not one.line[: one.start[1]].strip()}
    for one in found:
        number = one.start[0]
        is_alone = number in own and not {number - 1, number + 1} & own
        if number in own or number in empty:
            yield _Note(one.string, number in empty or number > last, is_alone, is_outer=one.start[1] == 0)
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str() as text)) if ">>>" not in text:
                yield from _set_apart(text)


def _set_apart(docstring: str) -> Iterator[_Note]:
    for line in docstring.splitlines():
        if line.lstrip().startswith(("...", "…", "[", "(")) and len(line.strip()) > 3:
            yield _Note(line.strip(), False, False)


def _empty_lines(tree: ast.Module) -> set[int]:
    """Return the lines of blocks that do nothing, and of statements that do nothing."""
    found: set[int] = set()
    for node in ast.walk(tree):
        for name in ("body", "orelse", "finalbody", "handlers"):
            body = getattr(node, name, None)
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt) and is_hollow(body):
                begin = node.lineno if name == "body" and isinstance(node, ast.stmt) else body[0].lineno
                found.update(range(begin, (body[-1].end_lineno or begin) + 1))
    return found
