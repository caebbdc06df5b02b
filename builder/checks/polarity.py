"""Yes and no in answers: as words, as a statement that is true, as a claim that repeats its question."""

from __future__ import annotations

import re

_POLAR = re.compile(
    r"(?i)\W*(?:(?:(?:the|this|that) )?(?:statement|claim|assertion|it|this|that)(?: is|:) )?(yes|no|true|false)\b"
    r"(?=\W*(?:\Z|[,.;:!–—-]))"
)
_CLAIM = re.compile(r"(?i)\b(?:is|are|has|have|does|converges?|diverges?)\b(?P<rest>[^\d=]*)\Z")
_ADJECTIVE = re.compile(r"(?i)(?:it is |it's )?(?P<rest>(?:not )?[a-z]{4,15})")
_DENIED = re.compile(r"(?i)\b(?:not|no|never|neither|cannot)\b|n't\b")
_ASKS = re.compile(r"(?im)^[^?\n]{0,40}\b(?:is|are|does|do|can|will)\b[^?\n]{1,120}\?")


def is_polar(said: str) -> bool:
    """Whether an answer begins with yes or no, or says that a statement is true or false."""
    return _POLAR.match(said) is not None


def polar(said: str) -> str:
    """Return the yes or no that an answer begins with, else all of it: `No, it is not prime`."""
    match = _POLAR.match(said)
    return match[1] if match is not None else said


def is_claim(said: str) -> bool:
    """Whether an answer is a sentence with a verb: the square root of 2 is irrational."""
    return _CLAIM.search(said) is not None


def as_polar(said: str, page: str) -> str:
    """Return the yes or no that a claim comes to where a page asks whether it holds, else the claim itself."""
    claim = _CLAIM.search(said) or _ADJECTIVE.fullmatch(said.strip(" .*_$"))
    if claim is None or is_polar(said):
        return said
    words = {word for word in re.findall(r"[a-z]{3,}", claim["rest"].lower()) if not _DENIED.fullmatch(word)}
    asked = [set(re.findall(r"[a-z]+", question[0].lower())) for question in _ASKS.finditer(page)]
    if not words or not any(words <= question for question in asked) or any("or" in one for one in asked):
        return said
    return "no" if _DENIED.search(said) else "yes"
