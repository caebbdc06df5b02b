"""Does a model talk of its task instead of doing it? Refusals, greetings, closing words, and what it left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from builder.checks.base import PairCheck
from builder.filters.base import Measures

_NOT = r"(?:can(?:not|['’]t| not)|could(?:n['’]t| not)|won['’]t|(?:am|['’]m) (?:not able|unable)|unable)\b"
_REMADE = r"(?:rewr[io]t|revis|improv|refactor|updat|optimi[sz]|clean|code|program|version|solution|text|page)"


def _any(before: str, phrases: tuple[str, ...], after: str = "") -> re.Pattern[str]:
    """Return a pattern for one of some phrases; what it says of a text is its group `said`."""
    return re.compile(f"{before}(?P<said>{'|'.join(phrases)}){after}", re.I | re.M)


_REFUSAL = _any(
    r"\A\W*",
    (
        rf"(?:I['’]m|I am|we['’]re|we are)? ?(?:very |so |really )?sorry\b[^\n]{{0,80}}?\b{_NOT}",
        rf"(?:unfortunately|I apologi[sz]e)\b[^\n]{{0,80}}?\b{_NOT}",
        rf"I ?{_NOT} (?:to )?(?:help|assist|comply|fulfil|provide|rewrite|process|complete|do)\b",
        r"as an? (?:AI|large language|language) ?(?:language )?(?:model|assistant)\b",
    ),
)
_OPENING = _any(
    r"\A\W*(?:(?:okay|ok|great|no problem|thank you)\b[,.!: ]+)?",
    (
        r"(?:sure|certainly|absolutely|of course)\b ?[,!]",
        rf"here(?:['’]s| is| are)(?: the| an?| your| my)?(?: [\w-]+,?){{0,3}} {_REMADE}",
        rf"(?:below is|I(?:['’]ve| have))(?: the| an?| your| my)?(?: [\w-]+,?){{0,3}} {_REMADE}",
    ),
)
_CLOSING = _any(
    "",
    (
        r"I hope (?:this|that|it) (?:helps|is helpful|clarifies)",
        r"let me know (?:if|whether|how|what)\b",
        r"feel free to (?:ask|reach out|contact)\b",
        r"is there anything else\b",
        r"(?:would you like|do you want|do you need) me to\b",
    ),
    r"[^\n]*\s*\Z",
)
_ELISION = _any(
    r"^[ \t]*(?:#|//|\.\.\.|\[|\()[ \t.#*(]*",
    (
        r"(?:the )?(?:rest|remainder) of (?:the |your |this )?(?:original )?"
        r"(?:code|file|class|function|method|module|program|script|solution)s?\b(?=(?:\W|"
        r"remains?|stays?|is|goes|here|unchanged|the|same|as|before|omitted|follows|for|brevity)*$)",
        r"(?:other|remaining|existing|previous) (?:methods|functions|code|classes|imports|parts)\b[^\n]{0,30}"
        r"(?:here|unchanged|as before|the same|omitted)",
        r"(?:the )?(?:same as|unchanged from) (?:before|in the original|the original)\W*$",
        r"your code (?:goes )?here\b",
    ),
)
_ENDS = 400  # characters at either end in which a model greets or takes its leave


class Chatter(PairCheck):
    """Refuses what is said to whoever asked: "Here is the …", "I'm sorry, but I can't …", "# rest of the code".

    What stands in the source as well is the source's. English alone is known.
    """

    measures: ClassVar[Mapping[str, type]] = {"kind": str, "phrase": str}

    def compare(self, before: str, after: str) -> Measures:
        """Return the kind of the first phrase found and the phrase, None where there is none."""
        text = after.strip()
        found = (
            ("refusal", _REFUSAL.search(text[:_ENDS])),
            ("chatter", _OPENING.search(text[:_ENDS])),
            ("chatter", _CLOSING.search(text[-_ENDS:])),
            ("elision", _ELISION.search(text)),
        )
        for kind, match in found:
            if match is not None and match["said"] not in before:
                return {"kind": kind, "phrase": match["said"][:100]}
        return {"kind": None, "phrase": None}

    def decide(self, measures: Measures) -> str | None:
        """Say which kind it is."""
        kind: str | None = measures["kind"]
        return kind
