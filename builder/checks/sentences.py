"""What a sentence that a page calls its answer comes to: `Mary is 13 and John is 15` has 13 and 15."""

from __future__ import annotations

import re

_AMOUNT = r"(?<=[$€£])\d(?:[\d,.]*\d)?|-?\d(?:[\d,.]*\d)?(?:[/:]\d+)*"
# What a sentence with one number is about, where the number ends it: Mary is 13 years old.
_COUNTING = re.compile(
    rf"(?P<before>[^\d\n]{{3,120}}?\s[$€£]?)(?P<value>(?:{_AMOUNT})(?:[ °%][^\d\n.,;:!?=]{{0,40}})?)"
    r"(?:, [^\d\n]{0,60})?[.!\s]*"
)
_REFERS = re.compile(
    r"(?i)\b(?:see|page|exercise|problem|question|step|chapter|example|theorem|line|figure|fig|table|section|hint|part"
    r"|case|method|equation|eq|option|choice|post|comment|yes|no|not|true|false|never|least|most|about|over|under"
    r"|between|than|rounded?|prime|even|odd|divisible|except|all)\b"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may(?= \d)|june|july|august"
    r"|september|october|november|december"
    r"|\bof (?:radius|diameter|sides?|slope)\b|, by\b"
)
_VERB = re.compile(r"(?i)\b(?:is|are|was|were|has|have|had|will|can|does|did|do|so|because|than|if|when)\b")
_CLAUSE = re.compile(r"\s*(?:;|,(?!\d{3}(?!\d))|,?\s\b(?:and|while|but)\b)\s*")
_NAMED = re.compile(
    rf"(?P<name>[^\d\n$€£]{{0,60}}?)(?P<value>[$€£]?(?:{_AMOUNT})"
    r"(?: ?[°%]| (?!are|is|left|remain|more|each)[A-Za-z²³/]{1,12}"
    r"(?: [A-Za-z]{1,12})?)?)(?P<rest>(?: [A-Za-z]+){0,3})"
)
_STATES = re.compile(
    r"(?i)\b(is|are|was|were|has|have|gets?|receives?|pays?|costs?|weighs?|needs?|scores?|earns?|takes?|will be"
    r"|owns?|measures?)\b"
)
_TELLS = re.compile(
    r"\b(?:if|when|after|than|so|to|gave|had|ate|buys?|sells?|sold|bought|adds?|runs?|walks?|drives?)\b"
)
_SAME = {"are": "is", "is": "is", "will be": "is", "was": "is", "were": "is", "have": "has", "has": "has"}
_MEASURE = re.compile(
    r"(?i)(?:the )?(?:base|height|length|width|depth|radius|diameter|area|perimeter|volume|side|hypotenuse"
    r"|slope|[xy]-intercept|mean|median|mode|range|speed|time|distance|mass|price|cost|profit|interest)(?: of)? "
)
_TOGETHER = re.compile(r"(?i)\b(?:together|total|altogether|sum|difference|in all|combined)\b")
_CONDITION = re.compile(r"(?i)(?:in|after|for|at|with|when|if|on|from|by|per|of|since|because|before|out)\b")
_LEFT = re.compile(r"(?i)\b(?:left(?: over)?|remain\w*)\b")
_MOST_CLAUSES = 6
_MOST_WORDS = 6  # of a name


def counted(said: str) -> str | None:
    """Return the quantity that a sentence ends with, where it has one number: `Mary is 13 years old`."""
    sentence = re.split(r"(?<=[.!?])\s", said, maxsplit=1)[0]
    if re.search(r"\d", said[len(sentence) :]) or _REFERS.search(sentence):
        return None
    match = _COUNTING.fullmatch(sentence)
    if match is None or _VERB.search(match["value"]):
        return None
    return (match["before"][-1:].strip() + match["value"]).strip() if len(match["before"].split()) > 1 else None


def of_clauses(said: str) -> str | None:
    """Return the values of a sentence each of whose clauses says what one thing is, None of any other sentence."""
    sentence = re.split(r"(?<=[.!?])\s", said.strip(), maxsplit=1)[0].rstrip(" .!")
    if re.search(r"\d", said[len(sentence) :]) or _REFERS.search(_LEFT.sub("", sentence)) or "=" in sentence:
        return None
    clauses = [part for part in _CLAUSE.split(sentence) if part]
    found = [_NAMED.fullmatch(clause) for clause in clauses]
    if not 2 <= len(clauses) <= _MOST_CLAUSES or None in found:
        return None
    named = [match for match in found if match is not None]
    verbs = {
        _SAME.get(verb.lower(), verb.lower().removesuffix("s"))
        for clause in clauses
        if not _LEFT.search(clause)
        for verb in _STATES.findall(clause)
    }
    is_list = all(match["name"].strip().endswith(":") or _MEASURE.fullmatch(match["name"]) for match in named)
    if not is_list and (len(verbs) != 1 or not _STATES.search(clauses[0]) or len(set(map(_sums_up, clauses))) > 1):
        return None
    if any(_CONDITION.match(clause) for clause in clauses) or any(_others(match) for match in named):
        return None
    return ", ".join(f"{_person(match['name'])}{match['value'].strip()}" for match in named)


def _sums_up(clause: str) -> bool:
    return bool(_TOGETHER.search(clause))


def _person(name: str) -> str:
    """Return whose value it is, where a clause begins with a name."""
    found = re.match(
        r"(?!The|There|Each|They|He|She|It|So|We|You|His|Her|Its|Their|This|That|Both)[A-Z][a-z]+\b", name
    )
    return f"{found[0]}: " if found is not None else ""


def _others(match: re.Match[str]) -> bool:
    """Whether a clause says more than a name, a verb and a value."""
    return len(match["name"].split()) > _MOST_WORDS or bool(_TELLS.search(match[0]))
