"""The sentences of a page, by problem and by poster, each with whether the problem is still being stated there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_PART = re.compile(  # where another problem begins, or another person
    r"(?i)^[\W_]*(?:(?:example|problem|exercise|question|ex|worked example|try it|practice|quiz"
    r"|part)\b[\s#.:]*\w{0,4}[\s.:)]"
    r"|q\d*[.:]|\(?(?:\d{1,2}|[a-h])[.)]\s|#\d+\b|re:|(?:reply|comment|answer)s? (?:by|from|posted)"
    r"|answered\b|posted\b"
    r"|\w+ (?:said|says|wrote|writes)\b|(?!(?:step|area|volume|note|hint|solution|proof|speed|total|formula)\b)"
    r"@?[a-z][\w.]{1,15}(?: [A-Z]\.?)?: )"
)
_SUM = re.compile(r"\W*[A-Za-z]+: [-+*/×÷·x–−().,$€£\d\s]+=[^=]*\Z")  # Mia: 3 * 12 = 36 stickers
_VOTE = re.compile(r"^[^\w=≈]{0,3}[-−+]?\d+(?: (?:votes?|points?)\b|\s*$|\s{2,})")
_SENTENCE = re.compile(
    r"(?<=[.!?])(?<!\D [A-Za-z]\.)(?<!^[A-H]\.)(?<!^\d\.)(?<!^\d\d\.)(?<!Rs\.)(?<!No\.)(?<!vs\.)\s+(?=\S)"
)
_CHAT = re.compile(  # a question about the solution, or about the page
    r"(?i)\A\W*(?:(?:so|then|hence|is it|isn't it|[a-h])\b[^?]{0,20}|(?:is|was|does|did|do|can|could|am|are) "
    r"(?:this|that|it|i|you|we|my|anyone|anybody|someone) (?:\w+ ){0,3}(?:right|correct|helpful|help|helps?"
    r"|sense|doing|ok"
    r"|sure|agree|see|explain|wrong)\b[^?]{0,40}|any(?:one|body)? (?:ideas?|help|thoughts)[^?]{0,40}"
    r"|why[^?]{0,80}|do you[^?]{0,60}"
    r"|(?:got |have |any )?(?:more )?questions|need [^?]{0,30}help[^?]{0,20}|[^?]{0,60}\bright)\?"
    r"|\b(?:was|is) this (?:answer|page|lesson|article|helpful)\b"
)
_GUESS = re.compile(
    r"(?i)\b(?:i (?:thought|guess(?:ed)?|get|got|did|tried|keep getting|(?:am|was|'m) getting|came up with"
    r"|believed?|first)"
    r"|my (?:friend|answer|calculator|guess|simulation|teacher|book)[^.;]{0,20} (?:is|was|gets|got|gives"
    r"|says|said)|i used|(?:most|many|some) (?:people|students)|tempting|you might|common mistake|wrong|mistake"
    r"|incorrect)\b"
)
_REMARK = re.compile(r"(?<==)(?P<kept>[^=\n]{1,60}?\S)[ \t]{3,}[a-z][a-z ,\dx+*/-]*$")  # x = 8     divide by 3
_TASK = re.compile(
    r"(?i)(?:^|[:.),]\s|\band\s)\W*(?:please )?(?:find|compute|calculate|determine|evaluate|solve|simplify"
    r"|differentiate|integrate"
    r"|expand|factori[sz]e|factor|divide|multiply|convert|express|write|rewrite|round|add|subtract|graph"
    r"|give|state|estimate"
    r"|work out|show that|prove|how (?:many|much|long|far|old|fast)|what(?: is|'s))\b"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a page.

    Attributes:
        text: The sentence.
        paragraph: Which of the page's paragraphs it is in.
        is_before_question: Whether it asks, or what is asked follows it: it states the problem.
    """

    text: str
    paragraph: int
    is_before_question: bool


def parts(page: str) -> Iterator[list[Sentence]]:
    """Yield the sentences of a page, for each problem and each poster a list."""
    paragraph, part = 0, list[tuple[int, str]]()
    for line in map(_without_remark, page.splitlines()):
        paragraph += not line.strip()
        if begins_part(line):
            yield _with_questions(part)
            part = []
        part += [(paragraph, one.strip()) for one in _SENTENCE.split(line) if one.strip()]
    yield _with_questions(part)


def _without_remark(line: str) -> str:
    """Leave out what a column beside a step of working says of it."""
    return _REMARK.sub(r"\g<kept>", line)


def is_guess(sentence: str) -> bool:
    """Whether a sentence says what somebody only thought, or what is wrong."""
    return _GUESS.search(sentence) is not None


def begins_part(line: str) -> bool:
    """Whether another problem or poster begins with a line."""
    return _VOTE.match(line) is not None or (_PART.match(line) is not None and not _SUM.match(line))


def _with_questions(part: list[tuple[int, str]]) -> list[Sentence]:
    asked = dict[int, int]()  # by paragraph: its last question
    first, is_solved = -1, False
    for place, (paragraph, text) in enumerate(part):
        is_solved = is_solved or (first >= 0 and ("=" in text or paragraph != part[first][0]))
        if _is_question(text) or (not is_solved and "=" not in text and _TASK.search(text)):
            first = place if first < 0 else first
            asked[paragraph] = place
    return [
        Sentence(text, paragraph, place <= max(first, asked.get(paragraph, -1)))
        for place, (paragraph, text) in enumerate(part)
    ]


def _is_question(text: str) -> bool:
    return text.rstrip(" *_)\"'").endswith("?") and not _CHAT.search(text)
