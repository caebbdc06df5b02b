"""What a solution that marks no answer ends with: what its last sentence says, or its working comes to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from builder.checks.clauses import clauses
from builder.checks.sentences import of_clauses
from builder.checks.stated_value import value_of

_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!\bRs\.)(?<!\bNo\.)(?<!\bsq\.)(?<!\bcu\.)(?<!approx\.)[*_)\s]*\s+(?=\S)|\n\s*\n+"
)
_SAID = re.compile(
    r"(?is)(?:\b(?:answers?|ans|results?|solutions?|roots?|values?)\b[^.:=\n]{0,60}?(?:\bis|\bare|\bof|:|=)"
    r"|\b(?:get|have|obtain|find|conclude|gives|yields)(?: that)?\b)[\s:*_]*(?P<rest>\S.*)"
)
_CHECKS = re.compile(
    r"(?i)\A\W*(?:(?:as a |to |we |let us )?(?:check|verif)\w*|note\b|remark\b|indeed\b|this (?:agrees"
    r"|checks|matches"
    r"|confirms|completes)|both (?:check|satisf)\w*|(?:in )?other words\b)"
)
_PROVES = re.compile(r"(?i)\b(?:prove|proof|show that|contradiction|q\.?e\.?d)\b|∎|\\blacksquare|\\square\b")
_QUANTITY = re.compile(
    r"\\?[-−$€£]?\d[\d,./]*(?:\s?\\?%|\s?°|\^?\{?\\circ\}?| [a-zA-Z/²³]+)?|\$\$?[^$]+\$\$?|\\[(\[].+?\\[)\]]"
)
_GOES_ON = re.compile(
    r"(?i)\b(?:because|since|which|as|so|when|after|if|where|is|are|was|were|has|have|that|for|by|to|from"
    r"|and (?:the|its))\b"
)
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}")
_MOST_WORDS = 8  # of an answer behind "the answer is"
_LONGEST = 600
_MOST_SENTENCES = 3


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a solution without a marked answer ends with.

    Attributes:
        said: What its last sentence with a value may say that the answer is, the likeliest first.
        within: The values of that sentence, each of which may be meant.
    """

    said: tuple[str, ...] = ()
    within: tuple[str, ...] = ()


def concluded(text: str) -> Conclusion:
    """Return what the last sentence of a solution comes to; nothing of a proof, or of one without a value."""
    if _PROVES.search(text):
        return Conclusion()
    sentences = [one.strip() for one in _SENTENCE_END.split(text.strip()) if one.strip()][-_MOST_SENTENCES:]
    for sentence in reversed(sentences):
        if _CHECKS.match(sentence) or len(sentence) > _LONGEST:
            continue
        match = _SAID.search(sentence)
        rest = match["rest"].strip().rstrip(".!*_ ") if match is not None else ""
        if rest and not _GOES_ON.search(rest) and len(_WORD.findall(rest)) <= _MOST_WORDS:
            return Conclusion((rest,))
        within = [one.strip() for one in _QUANTITY.findall(sentence)]
        said = list(dict.fromkeys(_said(sentence)))
        if said or within:
            return Conclusion(tuple(said), (*within, ", ".join(within)))
    return Conclusion()


def _said(sentence: str) -> Iterator[str]:
    sentence = sentence.strip().strip("*_ ").rstrip(".! ")
    if (match := _SAID.search(sentence)) is not None:
        yield match["rest"].rstrip(".*_ ")
        if (value := value_of(match["rest"], may_be_words=True, is_marked=True)) is not None:
            yield value
    if re.fullmatch(r"\$\$?[^$]+\$\$?|\\[(\[][^$]+\\[)\]]", sentence):
        yield sentence
    if (named := of_clauses(sentence)) is not None:
        yield named
    found = [one for one in clauses(sentence) if not one.is_loose and one.sides is None]
    yield from (one.text for one in reversed(found))
    if len(found) > 1:
        yield ", ".join(one.text for one in found)
