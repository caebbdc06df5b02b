"""What a model left out: "# ... existing code ...", `pass  # unchanged`, a body that has become `...`.

A note that stands for code is made of few words, whatever their order, so it is known by having no others.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

from builder.checks.hollow import hollowed, is_hollow
from builder.checks.python_code import UNREADABLE, Function

_REST = {
    "rest",
    "remainder",
    "remaining",
    "existing",
    "other",
    "others",
    "previous",
    "original",
    "more",
    "similar",
}
_WHAT = {
    "code", "file", "class", "classes", "function", "functions", "method", "methods", "module", "program",
    "script", "import", "imports", "logic", "implementation", "implementations", "body", "bodies", "tests",
    "definitions", "solution", "docstring", "docstrings", "helpers", "handlers", "setup", "snippet",
    "calculations", "derivation", "proof", "working", "version", "loop", "constructor", "initialization",
    "calculation",
}  # fmt: skip
_ITEMS = {
    "lines", "line", "part", "parts", "content", "contents", "text", "section", "sections", "cases", "case",
    "items", "entries", "steps", "step", "attributes", "fields", "routes", "endpoints", "properties",
    "details", "page", "blocks", "paragraphs", "statements", "variables", "constants", "stuff", "things",
    "everything", "arguments", "test", "block", "answer", "problem", "exercises", "questions", "examples",
    "rows", "elements", "values", "article", "post", "document", "story", "chapter", "problems", "solutions",
    "answers", "exercise", "question", "example", "lessons", "topics", "output", "definition",
}  # fmt: skip
_LEFT_OUT = {
    "unchanged", "omitted", "elided", "truncated", "snipped", "snip", "skipped", "unmodified", "untouched",
    "brevity", "intact", "abbreviated",
}  # fmt: skip
_STATE = _LEFT_OUT | {
    "remain", "remains", "stay", "stays", "same", "here", "identical", "keep", "kept", "follows", "follow",
    "continue", "continues", "goes", "go", "needed", "shown", "changes", "change", "modified", "changed",
    "below", "included", "continued", "see", "refer", "repeated", "copied",
}  # fmt: skip
_BACK = {"above", "before", "earlier", "previously", "previous", "original"}
_MAKE = {
    "implement", "implemented", "add", "insert", "put", "place", "write", "fill", "complete", "include",
    "port", "finish", "restore", "define", "copy", "paste", "move", "provide",
}  # fmt: skip
_TODO = {"todo", "fixme", "tbd", "placeholder", "xxx"}
_FILL = {
    "the", "of", "this", "your", "our", "my", "a", "an", "for", "to", "in", "is", "are", "and", "with",
    "from", "it", "its", "any", "etc", "at", "be", "been", "will", "would", "should", "as", "all", "so", "on",
    "forth", "not", "no", "actual", "real", "same", "similarly", "likewise", "exactly", "just", "also", "or",
    "was", "were", "per", "additional", "pattern", "further", "own", "that", "these", "those", "another", "s",
    "up", "out", "next", "message", "response", "reply", "over", "way", "manner", "fashion", "approach",
    "there", "both", "each", "every", "only", "still", "where", "they", "have", "has", "had", "can", "must",
}  # fmt: skip
_GO_ON = _FILL | {
    "then", "but", "otherwise", "on", "w", "which", "if", "we", "because", "since", "unless", "except", "while",
    "when", "end", "nor", "else", "until", "after", "by", "without", "than", "finally", "even", "though", "plus",
    "you",
}  # fmt: skip
_KNOWN = _REST | _WHAT | _ITEMS | _STATE | _BACK | _MAKE | _TODO | _FILL
_FUNCTIONS = {"function", "functions", "method", "methods", "helper", "helpers", "rest", "others", "remainder"}
_ELSEWHERE = {
    "analogous", "analogously", "similar", "similarly", "same", "above", "input", "original", "pattern",
    "likewise",
    "omitted", "left", "exercise", "source", "before", "unchanged", "follow", "follows",
}  # fmt: skip
_MOST_WORDS = 14

_FREE = re.compile(
    r"(?:all )?(?:the |your )?(?:rest|remainder|remaining|other|existing|previous"
    r"|original) (?:of )?[\w ,'()-]{3,80}?"
    r"(?:remains? |stays? |is |are |goes |continues? |left |kept )(?:here|unchanged|the same|as (?:before"
    r"|is|above)"
    r"|omitted|identical|untouched|intact|exactly)\b.{0,40}",
    re.I,
)
_ABOUT_CODE = re.compile(
    r"\b(?:code|functions?|methods?|class(?:es)?|implementations?|imports?|file|logic|script)\b", re.I
)
_NOUN = r"(?:code|logic|implementations?|functions?|methods?|body|class(?:es)?|imports?)"
_LEFT = r"(?:omitted|skipped|left out|elided|abbreviated|shortened|not (?:shown|repeated|included))"
_FOR = (
    r"(?:for (?:brevity|clarity|simplicity|space)|to save space|to keep (?:it|this|things|the \w+) (?:short"
    r"|brief|simple))"
    r"\b"
)
_OUTRIGHT = re.compile(
    rf"not shown\b.{{0,60}}|.{{0,60}}\b{_LEFT}(?: here)? {_FOR}.{{0,60}}"
    rf"|{_FOR}.{{0,80}}\b{_LEFT}\b.{{0,20}}"
    r"|.{0,40}\b(?:before|old|original|originally|was)\s*:.{1,60}(?:->|=>|→).{0,10}\b(?:after|new|now)\s*:.*"
    rf"|.{{0,60}}\b(?:{_NOUN}|calculations?|details|handling)\b.{{0,50}}\b(?:goes|go|comes"
    rf"|belongs) here\b.{{0,20}}"
    r"|in (?:a|an|the|your) (?:real|actual|full|complete|production|proper|real-world|practical)"
    r"(?:[- ]\w+)? (?:implementation|application|app|program|system|scenario|code|version|project)\b.{0,100}"
    r"|(?:this is )?(?:just |only )?an? (?:simplified|dummy|mock|stub(?:bed)?|placeholder|simulated) "
    r"(?:implementation|version|return|value|response|data|function|result)\b(?! of\b).{0,60}"
    r"|(?:add|put|insert|define|include|fill in|list|implement)\b.{0,40}\b(?:other|others|more|additional"
    r"|remaining"
    r"|rest|further)\b.{0,50}\b(?:here|as needed|if needed|as required|as necessary|below)"
    r"|.{0,80}\bleft as an exercise\b.{0,40}|.{0,60}\bfollows? the same (?:pattern|logic|structure"
    r"|approach)\b.{0,60}"
    r"|(?:replace|change|set|update|substitute|swap|fill)\b.{0,50}\b(?:with|to|for) (?:your|yours|the actual"
    r"|the real"
    r"|actual|real)\b.{0,50}"
    rf"|(?:please )?(?:add|insert|put|place|write|implement|copy|paste|include)\b.{{0,40}}\b{_NOUN}\b.{{0,20}}"
    r"\b(?:here|from (?:the )?(?:original|above|before))"
    rf"|(?:the )?(?:[\w-]+ ){{0,4}}{_NOUN} (?:\w+ )?(?:stays?|remains?|is|are|was|were|left|kept)(?: \w+)?"
    r" (?:unchanged|the same|as it was|as they were|as is|as before)"
    rf"(?: (?:as|in|from) (?:the )?(?:original|before|above)\b.{{0,20}})?(?: {_FOR})?",
    re.I,
)
_BEGINS = re.compile(r"(?:\.{2,}|…)\s*")
_DEFINITION = re.compile(r"(?:(?:def|class) )?\b(?P<name>[A-Za-z_]\w*)(?:\([^()\n]*\))?:?")
_DOTS = re.compile(r"\.\.|…")
_WORD = re.compile(r"[a-z]+")
_BRACKETED = re.compile(r"(?<=\S )\[[^\[\]]{12,160}\](?!\()")
_ANSWER = re.compile(r"#### .*\d")
_COMMENT = ("#", "//", "/*", "*", "<!--", "--")
_MARKED = re.compile(r"[ \t]*(?:#|//|/\*|\*|<!--|--|%|;|\.\.\.|…|[\[(<{])")


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
    said = set(_WORD.findall(text.lower()))
    if not said:
        return _DOTS.search(text) is not None
    return note.is_outer and len(said) <= _MOST_WORDS and bool(said & _FUNCTIONS) and bool(said & _ELSEWHERE)


def _names_gone(text: str, gone: set[str]) -> bool:
    """Whether a note says of something that is no longer there that it is as it was."""
    rest = _DEFINITION.sub(lambda match: " " if match["name"] in gone else match[0], text)
    words = _WORD.findall(rest.lower())
    said = set(words)
    is_known = rest != text and len(words) <= _MOST_WORDS and _KNOWN.issuperset(said)
    return is_known and bool(said & (_REST | _LEFT_OUT | _BACK | {"same", "changes", "here", "as"}))


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.lower())) or text.strip()


def _trailing(text: str) -> Iterator[str]:
    return (_plain(line.rpartition("#")[2]) for line in text.splitlines() if "#" in line)


def _is_elision(note: _Note) -> bool:
    text = note.text.strip().strip("#/*-<>!%; \t=")
    has_dots = _DOTS.search(text) is not None
    words = _WORD.findall(text.lower())
    if not words:
        is_framed = text[:1] in ("[", "{") and text[-1:] in ("]", "}")
        return has_dots and (note.is_alone or is_framed) and text.strip(" .…[]{}") == ""
    plain = " ".join(text.strip("([{<>}]). …:\t").split())
    if _OUTRIGHT.fullmatch(plain):
        return True
    opening = "([{<" if note.is_comment or {"so", "etc", *_STATE}.intersection(words) else "[{<"
    marked = has_dots or note.is_instead or (text[:1] in opening and text[-1:] in ")]}>") or "<" in note.text[:3]
    if len(words) > _MOST_WORDS or not _KNOWN.issuperset(words):
        is_framed = text.startswith(("..", "…")) and text.endswith(("..", "…")) and note.is_alone
        is_free = _FREE.fullmatch(plain) is not None and (marked or _ABOUT_CODE.search(plain) is not None)
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
    is_bracketed = text[:1] + text[-1:] in ("<>", "[]", "{}") and bool(said & _REST)
    if is_bracketed and (
        said & (_STATE | {"original", "above", "your"}) or words[0] in ("rest", "remainder", "remaining")
    ):
        return True
    begins = _BEGINS.match(text)
    if begins is None or len(text) > 120:
        return False
    rest = text[begins.end() :]
    is_framed = rest.startswith("(") and rest.endswith(")")
    # Behind a comment's dots a sentence goes on ("... and the last"), or a statement was to stand.
    return (
        is_framed
        or bool(said & (_LEFT_OUT | _REST))
        or (is_alone and begins[0][-1].isspace() and words[0] not in _GO_ON)
    )


def _says_so(said: set[str], words: list[str], marked: bool, is_instead: bool) -> bool:
    """Decide on a note in which every word is one of those that such notes are made of."""
    of_code, of_rest = bool(said & _WHAT), bool(said & _REST)
    if of_rest and of_code and (said & (_STATE | {"above", "before"}) or marked):
        return True
    if of_rest and marked and (said & (_STATE | _ITEMS | {"rest", "remainder"}) or is_instead):
        return True
    if said & {"rest", "remainder"} and said & {"unchanged", "omitted", "same", "todo"}:
        return True
    if said & {"same", "identical", "unchanged"} and said & _BACK and len(words) <= 7 and "with" not in said:
        return True
    if said & _LEFT_OUT and (of_code or marked or "brevity" in said):
        return True
    if "here" in said and said & (_WHAT | {"details"}) and said & (_MAKE | {"your", "goes", "go"} | _TODO):
        return True
    if len(words) <= 3 and said & {"placeholder", "snip", "snipped", "omitted", "elided", "truncated"}:
        return True
    if "original" in said and of_code and said & {"see", "refer", "copy", "copied", "paste"}:
        return True
    if marked and said & {"see", "refer"} and said & _BACK:
        return True
    if marked and "continued" in said and len(words) <= 6:
        return True
    if said & _TODO and said & (_MAKE | _REST) and (of_rest or is_instead or "implement" in said):
        return True
    if is_instead and said & (_MAKE | {"same", "here"}) and said & (_WHAT | _BACK | {"rest", "todo", "here"}):
        return True
    return (marked or of_rest) and bool(said & {"etc", "forth", "similarly", "likewise"}) and len(words) <= 8


def _lines(text: str) -> Iterator[_Note]:
    """Yield the lines of a text that is no Python which a mark, brackets or dots set apart."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if _ANSWER.match(line):
            continue
        bare = line.strip()
        if len(bare) <= 200 and (_MARKED.match(line) or bare.endswith(("...", "…"))):
            is_comment = bare.startswith(_COMMENT)
            is_last = is_comment and not any(rest.strip() for rest in lines[number + 1 :][:5])
            yield _Note(line, is_last, False, is_comment)
        for match in _BRACKETED.finditer(line[:2000]):
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
