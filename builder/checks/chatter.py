"""Does a model talk of its task instead of doing it? Refusals, greetings, closing words, and what it left out."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import ClassVar

from builder.checks.base import PairCheck
from builder.checks.elision import left_out
from builder.checks.python_code import UNREADABLE, parsed
from builder.filters.base import Measures

_A = "['’]"
_NOT = rf"(?:can(?:not|{_A}t| not)|could(?:n{_A}t| not)|won{_A}t|will not|(?:am |{_A}m )?(?:not able|unable))\b"
_DO = (
    r"(?:help|assist|comply|fulfil\w*|provide|rewrite|process|complete|continue|answer|respond|generate"
    r"|create|write"
    r"|discuss|engage|support|analy[sz]e|produce|share|improve|refactor|summari[sz]e|do (?:that|this|so)"
    r"|offer|proceed"
    r"|(?:access|view|open|see|read|execute|run) (?:the|any|your|this|external|an?)? ?"
    r"(?:\w+ )?(?:code|file|files|link|links|url|urls|page|pages|images?|pictures?|attachments?|content|script))\b"
)
_MADE = (
    r"(?:re-?written|revised|improved|refactored|updated|optimi[sz]ed|cleaned(?:[- ]up)?|corrected|modified"
    r"|complete"
    r"|full|final|polished|enhanced|re-?worked|restructured|edited|fixed|reformatted|requested"
    r"|self-contained|tidied"
    r"|condensed|step-by-step|detailed|possible|simplified|clean|better|translated|converted|reorgani[sz]ed"
    r"|adapted)"
)
_WORK = (
    r"(?:code|program|script|file|function|class|module|implementation|version|solution|answer|text|page|rewrite"
    r"|rewriting|draft|material|snippet|output|explanation|breakdown|summary|content|example|study guide"
    r"|refactoring)s?\b"
)
_HERE = rf"(?:here(?:{_A}s| is| are)|below (?:is|are)|the following is|(?:this|these) (?:is|are))"
_CHANGED = (
    r"(?:re-?wrote|re-?written|revised|improved|refactored|updated|optimi[sz]ed|cleaned up|corrected"
    r"|modified|reworked"
    r"|restructured|enhanced|reformatted|simplified|fixed|converted|removed|added|rewrite|refactor|improve"
    r"|revise|clean up)"
)
_YES = (
    r"(?:sure(?: thing)?|certainly|absolutely|of course|no problem|okay|ok|alright|all right|great|got it"
    r"|understood"
    r"|yes|hello|hi|hey)"
)


def _any(before: str, phrases: tuple[str, ...], after: str = "") -> re.Pattern[str]:
    """Return a pattern for one of some phrases; what it says of a text is its group `said`."""
    return re.compile(f"{before}(?P<said>{'|'.join(phrases)}){after}", re.I | re.M)


# A quotation mark is no mark of the beginning: behind it somebody in a story speaks.
_BEGIN = rf"\A[\s#*>/_(\[-]*(?:{_YES}(?: there)?[,.!: ]+)?"
_REFUSAL = _any(
    _BEGIN,
    (
        rf"(?:I{_A}m|I am|we{_A}re|we are)? ?(?:\w+ )?sorry\b[^\n]{{0,60}}?\b(?:I"
        rf"|we)(?: am)? ?{_NOT}[^\n.]{{0,40}}?\b{_DO}",
        rf"(?:unfortunately|regrettably|I apologi[sz]e|apologies)\b[^\n]{{0,60}}?\b(?:I"
        rf"|we)(?: am)? ?{_NOT}[^\n.]{{0,40}}?\b{_DO}",
        rf"(?:I|we)(?: am| are)? ?{_NOT} (?:to )?(?:directly |fully |currently )?{_DO}",
        r"as an? (?:AI|large language|language) ?(?:language )?(?:model|assistant)?\b,? ",
        rf"(?:the|this|your) (?:provided|given|supplied|attached|above|input)[ \w]{{1,40}}? (?:does not"
        rf"|doesn{_A}t|contains no"
        rf"|has no|is (?:empty|incomplete|not|too|already)|appears|seems|can ?not|can{_A}t)\b",
        r"there (?:is|are) no (?:\w+ )?(?:code|text|content|mathematic\w*|math|problem|question"
        r"|exercise)s? (?:\w+ )?(?:on|in|to)\b"
        r"[^\n]{0,30}\b(?:page|text|file|input|message|rewrite|provided)\b",
        rf"(?:this|the|your) (?:web ?)?(?:page|snippet|file|code|text) (?:does not|doesn{_A}t|contains no|has no)"
        r" (?:contain |have |include |appear )?(?:to )?(?:\w+ ){0,2}?(?:mathematic\w*|math|problem|question"
        r"|content|code)",
        r"it (?:looks|seems|appears) (?:like |that |as if )?(?:you|the (?:provided )?(?:page|code|text|file"
        r"|message|content|input))",
        r"(?:please|could you(?: please)?|can you(?: please)?) (?:provide|share|paste|send|clarify|upload)\b",
        r"I (?:would )?need (?:more|additional|further) (?:context|information|details)",
    ),
)
_OPENING = _any(
    _BEGIN,
    (
        rf"{_HERE}(?: (?:the|your|an?|my|how))?(?: [\w-]+,?){{0,4}}? {_MADE}(?: (?!of\b)[\w,-]+){{0,3}}? {_WORK}",
        rf"{_HERE} (?:the|your|my) (?:[\w-]+ )?{_WORK}",
        rf"{_HERE} (?:my|an?) (?:\w+ )?(?:attempt|try|rewrite|refactoring|take)\b",
        rf"{_HERE} how (?:I|you|we) (?:would|can|could|might) (?:\w+ )?(?:rewrite|refactor|improve|write"
        rf"|solve|clean)",
        rf"(?:I|we)(?: have|{_A}ve|{_A}ll| will|{_A}d| would| can| am going to| tried to)?(?: now| also"
        rf"| carefully)? {_CHANGED}"
        rf"(?: (?!is\b|are\b)[\w-]+){{0,4}}? {_WORK}",
        rf"(?:I{_A}d|I would|I{_A}ll|I will|I am|I{_A}m|I can)(?: be)?(?: (?:happy|glad"
        rf"|going))?(?: to)? (?:help|assist) (?:you|with)",
        r"(?:I{_A}d be |I am |I{_A}m )?(?:happy|glad) to (?:help|assist|rewrite)\b",
        r"thank(?:s| you) for (?:sharing|providing|your (?:question|page|code|message|patience))",
        r"as (?:you )?(?:requested|asked)[,:]",
        r"based on (?:the|your) (?:(?:provided|given) )?(?:page|code|text|file|information|content|input)"
        r"(?: (?:you )?(?:provided|shared|given|above))?[,:]",
        rf"to (?:rewrite|refactor|improve|clean up) (?:the|this|your) (?:\w+ )?{_WORK}",
        r"(?:the|this) user (?:wants|asks|is asking|has asked|asked|requests|provided|has provided|gave)\b",
        r"(?:we|I) (?:need|should|have|must|want) to (?:rewrite|refactor|produce|output|clean up|respond"
        r"|return|provide|format)\b",
        r"let me (?:think|rewrite|start|analy[sz]e|break|clean|refactor|see if|look|know what|carefully|help)",
        r"(?:this is|the following is) (?:an? )?(?:improved|rewritten|refactored|cleaned)",
        r"(?:rewritten|revised|improved|refactored|updated|cleaned[- ]up) (?:code|version|page|text|file"
        r"|solution) ?(?::|\*\*:?|$)",
    ),
)
_AGREED = _any(
    r"\A[\s#*>/_(\[-]*",
    (
        r"(?:sure(?: thing)?|certainly|absolutely|of course|no problem|got it|understood) ?!",
        rf"{_YES} ?[.,:!]*[ \t]*$(?=\s*\S)",
        rf"{_YES} ?[,.!:-]+ (?:so )?(?:here{_A}s|here is|here are|let me|below is|below are|I{_A}ll|the user)\b",
        rf"{_YES} ?[,.!:-]+ (?:so )?let{_A}s (?:rewrite|solve|break|go|walk|start|take|look|work|see|begin"
        rf"|clean|tackle)\b",
        rf"{_YES} ?[,.!:-]+ I (?:can|will|would be) (?:help|assist|rewrite|provide|explain|solve|glad|happy"
        rf"|walk|refactor)\b",
    ),
)
_CLOSING = _any(
    r"(?<![\"“'‘«])\b",
    (
        r"I hope (?:this|that|it|these) (?:\w+ )?(?:helps|is helpful|is useful|is clear|clarifies"
        r"|explanation|meets|makes|was)",
        r"(?:please )?let me know (?:if|whether|should) (?:you|there|this|that|anything|any|I|it|something"
        r"|further)\b",
        r"let me know (?:what you think|how (?:I|it|this|else))\b",
        r"feel free to (?:ask|reach out|contact|let me|modify|adjust|adapt|use|customi[sz]e|message|share"
        r"|leave)\b",
        r"is there anything else (?:I|you|that)\b",
        r"(?:would you like|do you want|do you need) me to\b",
        r"if you (?:have|need|want|would like|require) (?:any |some |me )?(?:further|more|other|additional"
        r"|questions|help|to (?:add|change|make)"
        r"|another|clarification|assistance)\b",
        rf"(?:please )?note:? (?:that )?I(?: have|{_A}ve| had| did| made| removed| added| changed| kept"
        rf"| assumed)\b",
        r"happy (?:coding|learning|studying|programming|calculating)\b",
        r"(?:this|the) (?:re-?written|revised|improved|refactored|updated|cleaned[- ]up) (?:code|version"
        r"|page|text|file|solution|program)"
        r" (?:is|has|now|should|uses|follows|includes|keeps|adheres|provides|removes|maintains|preserves"
        r"|meets|addresses)\b",
        rf"I(?: have|{_A}ve) (?:also |now )?{_CHANGED}(?: [\w-]+){{0,4}}? {_WORK}",
    ),
    r"[^\n]*(?:\n[^\n]*)?\s*\Z",
)
_LIST = re.compile(
    r"^[ \t#*_>]*(?P<said>(?:(?:key|main|major|notable|summary of(?: the)?|list of(?: the)?"
    r"|explanation of(?: the)?) )"
    r"(?:changes|improvements|modifications|enhancements)(?: (?:made|include|are))?"
    r"|(?:changes|improvements|modifications|enhancements) (?:made|I made|include))[ \t*_]*:?[ \t*_]*$",
    re.I | re.M,
)
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
        if tree is not None and not _is_code(tree):
            tree = None
        begin, end, all_ = (after.strip(),) * 3 if tree is None else _said(after, tree)
        known = before.casefold()
        for kind, match in (
            ("refusal", _REFUSAL.search(begin[:_ENDS])),
            ("chatter", _OPENING.search(begin[:_ENDS])),
            ("chatter", _AGREED.search(begin[:_ENDS])),
            ("chatter", _CLOSING.search(end[-_ENDS:])),
            ("chatter", _LIST.search(all_)),
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


def _is_code(tree: ast.Module) -> bool:
    """Whether what parses is code: a single word does, too."""
    return any(not isinstance(node, ast.Expr) or isinstance(node.value, ast.Call) for node in tree.body)


def _said(code: str, tree: ast.Module) -> tuple[str, str, str]:
    """Return what code says in words: at its beginning, at its end, and in all comments."""
    lines = code.splitlines()
    first, last = tree.body[0], tree.body[-1]
    comments = [line.strip() for line in lines if line.lstrip().startswith("#")]
    begin = [line for line in lines[: first.lineno - 1] if line.lstrip().startswith("#")]
    docstring = ast.get_docstring(tree) or ""
    end = [line for line in lines[last.end_lineno or len(lines) :] if line.lstrip().startswith("#")]
    return "\n".join([*begin, docstring]).strip(), "\n".join(end), "\n".join(comments)
