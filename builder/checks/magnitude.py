"""A value without its label: its mathematics, its unit, and its words."""

from __future__ import annotations

import re

from builder.checks.units import unit

_NUMERIC = re.compile(
    r"(?:\\(?:frac|sqrt|pi|times|cdot|pm|infty|ln|log|sin|cos|tan|arcsin|arccos|arctan|exp)(?![A-Za-z])"
    r"|e(?=\^|\Z|[ )}])|[\d\s.,+\-/^{}()!])+"
)
_FILLER = frozenset(
    re.findall(
        r"\w+",
        "a an the of in to by for each all total altogether left remaining more units unit square cubic old tall"
        " long wide high deep away apart per exactly only approximately about value solution solutions both",
    )
)
_SAME = {
    "true": "yes", "correct": "yes", "false": "no", "incorrect": "no",
    "dne": "not exist", "undefined": "not exist",
    "diverges": "diverge", "divergent": "diverge", "converges": "converge", "convergent": "converge",
    "infinite": "infinity", "infinitely": "infinity", "none": "no solution", "impossible": "no solution",
    "nothing": "0", "zero": "0",
    "mon": "monday", "tue": "tuesday", "tues": "tuesday", "wed": "wednesday", "thu": "thursday",
    "thur": "thursday", "thurs": "thursday", "fri": "friday", "sat": "saturday", "sun": "sunday",
}  # fmt: skip


def quantity(part: str) -> tuple[str, str | None, frozenset[str]]:
    """Return a value's mathematics, its unit, and its words."""
    if not part:
        return "", None, frozenset()
    end = numeric_end(part)
    if end:
        rest = part[end:]
        if not rest.strip():
            return part, None, frozenset()
        said = rest.strip()
        measure = unit(said, is_attached=rest[0] not in " " and part[end - 1] not in " ")
        if measure is not None:
            return part[:end].strip(), measure, frozenset()
        words = re.findall(r"[A-Za-zµΩ°%/€£¥₹]+(?:\^\{\d\})?", said)
        for many in range(min(len(words), 4), 0, -1):
            if (
                said.startswith(first := " ".join(words[:many]))
                and (measure := unit(first))
                and (len(first) > 1 or first in "%°€£¥₹")
            ):
                return part[:end].strip(), measure, frozenset()
        if re.fullmatch("[A-Z]", said) and rest[0] == " ":  # coulombs, or the constant C
            return part[:end].strip(), None, frozenset({said.lower()})
        if re.fullmatch(r"[A-Za-z%°' .,()-]*", said) and re.search(r"[A-Za-z]{3}|°|%", said):
            return part[:end].strip(), None, stems(said) - _FILLER
    if re.search(r"\d|\\[a-z]|[=<>^]", part) or re.fullmatch(r"[-+]?[A-Za-z]", part):
        return part, None, frozenset()
    if re.fullmatch(r"[A-Za-z](?:\([A-Za-z]\))?(?:\s*[-+*/]\s*[A-Za-z])*", part):
        return part, None, frozenset()
    return "", None, stems(part)


def numeric_end(part: str) -> int:
    """Return where the number at the beginning ends, 0 where there is none that ends like one."""
    match = _NUMERIC.match(part)
    if match is None:
        return 0
    number = match[0].rstrip(" .,+-/^{(\\")
    while number and number.count("{") < number.count("}"):
        number = number[:-1]
    if number.count("{") != number.count("}") or number.count("(") != number.count(")"):
        return 0
    return len(number) if re.search(r"\d|\\pi|\\infty", number) else 0


def stems(text: str) -> frozenset[str]:
    """Return a text's words without those that add nothing, in the singular, lower case."""
    words = [_SAME.get(word, word) for word in re.findall(r"[a-z]+", text.lower())]
    found = [word.removesuffix("s") if len(word) > 3 else word for said in words for word in said.split()]
    return frozenset(word for word in found if word not in _FILLER) or frozenset(found)
