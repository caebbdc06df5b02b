r"""What an answer consists of: values with their units, option letters, times of day, or words."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from builder.checks.expressions import expression
from builder.checks.magnitude import numeric_end, quantity
from builder.checks.mathematics import number_of
from builder.checks.notation import normal, readings, spelled, trimmed
from builder.checks.units import unit

_MOST = 12  # values that are told apart in one answer
_LEAD = re.compile(
    r"(?i)(?:(?:so|there|thus|therefore|hence|the|final|correct|answers?|ans|is|are|be|to|exactly|only|just|at|on"
    r"|in"
    r"|approximately|approx|about|roughly|around|nearly|almost|option|choice|(?:[a-z]+ )?[a-z]+(?= is \d))\b\.?"
    r"|[≈~:=]|\\approx\b|\\therefore\b|\\implies\b)\s*"
)
_ROUGH = re.compile(
    r"(?i)\b(?:approx(?:imately)?|about|roughly|around|nearly|almost|rounded)\b|[≈~]|\\approx|\\sim"
)
_LETTER = re.compile(
    r"(?:(?i:option|choice)\s+)?(?:\(([A-Ha-h])\)|([A-H])\s*[).:]|([a-h])\)|([A-H])\Z)\s*[:.]?\s*"
)
_LABEL = re.compile(
    r"((?:\\?[A-Za-z]+(?:_\{?\w+\}?)?'*(?:\s?\((?:[A-Za-z\d, |]|\([A-Za-z\d, ]*\))*\))?|\\angle [A-Z]+"
    r"|\\(?:sin|cos|tan|cot|sec"
    r"|csc) ?[^=\s]{1,8}|\\frac\{[^{}]*\}\{d[^{}]*\}"
    r"|[A-Za-z][A-Za-z -]{2,30}|\d+ ?[CP] ?\d+))\s*(?:=|\\approx|\\in(?![a-z]))\s*"
)
_PART = re.compile(  # (a), b), 3., Part (c):, Question 2:
    r"(?i)(?:\A|(?<=[\s,;]))(?:(?:part|question|problem|example|exercise|ex|q|no)\b\.?\s*)?"
    r"(?:\(?([a-h]|i{1,3}|iv|v|\d{1,2})\)|([a-h]|\d{1,2})[.:](?=\s))[:.=]?\s*(?=\S)"
)
_ORDERS = (tuple("abcdefgh"), ("i", "ii", "iii", "iv", "v"), tuple(map(str, range(1, 13))))
_SPLIT = re.compile(r"(?i)\s*(?:[;&]|, ?(?:and|or)\b|,(?!\d{3}(?!\d))|,(?=\d)|\band\b|\bor\b)\s*")
_SYMBOL = re.compile(r"[A-Za-z]|\\[a-z]{2,7}")
_CLOCK = re.compile(
    r"(?i)(\d{1,2})(?:[:.](\d{2}))?(?::00)?\s*([ap])\.?\s?m\b\.?|(\d{1,2}):([0-5]\d)(?:\s*(?:h|hours|hrs))?"
)
_COMPOUND = re.compile(
    r"(-?\d[\d.]*) ?([A-Za-z]{1,12}),?(?: and)? (\d[\d.]*) ?([A-Za-z]{1,12})"
    r"(?:,?(?: and)? (\d[\d.]*) ?([A-Za-z]{1,12}))?"
)
_SHARE = re.compile(  # 12 of the 20 pupils
    r"(\d[\d,]*)(?: [a-z]+)? (?:(?:out )?of|in) (?:the |all |all the |every |his |her |their |our )?(\d[\d,]*)"
    r"(?: [A-Za-z]+){0,4}"
)
_BY = re.compile(r"(?<=[\da-z²]) by (?=\d)|(?<=[a-z]) ?\\times ?(?=\d[\d.]* ?[a-z])")
_POINT = re.compile(  # the centre (3, -2), P'(1, -1), local max at (0, 1)
    r"(?:(?:[Tt]he )?(?:\\?[A-Za-z]{3,12} ){0,2}\\?[A-Za-z]{3,12}(?: (?:at|is|of))? ?"
    r"|([A-Z]'*) ?)(?=\([^()]*,[^()]*\)\Z)"
)
_REMAINDER = re.compile(r"(?i)\A(\d+),? ?(?:with )?(?:a )?(?:remainder|rem\.?|r)(?: of)? ?(\d+)\Z")
_NAME = re.compile(
    r"(?!(?:minus|negative|twice|half|not|no|least|most|than|over|under|below|above|between|plus|root|arc|before"
    r"|after|up)\b)"
    r"(?:[A-Za-z][A-Za-z-]{2,15}:? ){1,3}"
    r"(?=[-+]?(?:\d|(?<!sin )(?<!cos )(?<!tan )(?<!log )(?<!sec )(?<!lim )(?<!exp )[a-z](?=\^|\Z| ?[-+*/])))"
)
_PERSON = re.compile(
    r"(?!(?:The|Only|About|Answer|Final|Option|Choice|Step|Each|Exactly|There|Approximately|So|At)\b)"
    r"([A-Z][a-z]{2,15}):?(?: (?:is|has|gets|was|had))? (?=[$€£]?\d)"
)
_IN_ALL = re.compile(r" (?:in (?:total|all)|altogether|overall|left over|left|remaining)\Z")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(
    rf"(?i)(?:(?:mon|tues?|wed(?:nes)?|thur?s?|fri|sat(?:ur)?|sun)(?:day)?,? )?(?:the )?(?:(\d{{1,2}})(?:st|nd|rd"
    rf"|th)?(?: of)? "
    rf"({'|'.join(_MONTHS)})[a-z]*\.?|({'|'.join(_MONTHS)})[a-z]*\.? (\d{{1,2}})(?:st|nd|rd|th)?)(?:,? (\d{{4}}))?"
)
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)")


@dataclass(frozen=True, slots=True)
class Value:
    """One value of an answer.

    Attributes:
        math: What is compared as mathematics, LaTeX; empty where there is none.
        unit: Its unit as pint writes it, None where none is known.
        words: The stems of its words, those that count things, or all of an answer in words.
        label: What it is the value of: `x` in `x = 5`.
        letter: The letter of the option that it is, upper case.
        minute: Of a time of day, the minute of the day.
        half: Whether that time says which half of the day it is in.
        is_rough: Whether it says that it is approximate.
    """

    math: str = ""
    unit: str | None = None
    words: frozenset[str] = frozenset()
    label: str = ""
    letter: str = ""
    minute: int | None = None
    half: bool = True
    is_rough: bool = False


def values(text: str) -> list[list[Value]]:
    """Return an answer's values, once for each way in which its commas can be read."""
    clean = normal(spelled(normal(text)))
    whole = _date(clean) or _measured_twice(clean)
    if whole is not None:
        return [[whole]]
    share = _SHARE.fullmatch(clean)
    said = [share[1], f"\\frac{{{share[1]}}}{{{share[2]}}}"] if share is not None else readings(_listed(clean))
    return [_values(one) for one in said]


def _values(text: str) -> list[Value]:
    """Read the parts of an answer; what stands behind (a), (b), … is named so."""
    marked = _marked(text)
    if marked:
        return [replace(value, label=f"#{place}") for place, part in enumerate(marked) for value in _value(part)]
    parts = _parts(text)
    kept = [part for part in parts if "\\neq" not in part] or parts  # (x - 3)/(x + 2), x ≠ -3
    return _with_labels([value for part in kept for value in _value(part)])


def _with_labels(found: list[Value]) -> list[Value]:
    """Return values of which those behind `x = 2` that have no name are values of x, too: x = 2, 3."""
    kept, label = list[Value](), ""
    for one in found:
        label = one.label or label
        is_symbol = _SYMBOL.fullmatch(label) is not None
        kept.append(replace(one, label=label) if is_symbol and not one.label and one.math else one)
    return kept


def _listed(text: str) -> str:
    """Return an answer in which commas separate what `by` does, and labels a quotient and its remainder: 7 R 2."""
    return _BY.sub(", ", _REMAINDER.sub(r"(a) \1 (b) \2", text))


def _marked(text: str) -> list[str]:
    """Return what stands behind the labels of parts, (a), (b), …; nothing where there are none in order."""
    marks = [] if "matrix" in text else list(_PART.finditer(text))
    said = tuple((mark[1] or mark[2]).lower() for mark in marks)
    if len(marks) < 2 or said not in {order[: len(marks)] for order in _ORDERS}:
        return []
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    found = [text[mark.end() : end] for mark, end in zip(marks, ends, strict=True)]
    return [part for one in found if (part := trimmed(re.sub(r"\W(?:and|or)\W*\Z", "", one)))]


def _parts(text: str) -> list[str]:
    """Split at commas and the like outside of brackets."""
    if "matrix" in text or "array" in text:
        return [text]
    text = re.sub(r"\\(?:begin|end)\{[a-z*]+\}", "", text)
    braced = re.fullmatch(r"(?:[A-Za-z] ?(?:=|\\in) ?)?\\?\{([^{}\\]*(?:\\[a-z]+[^{}\\]*)*)\\?\}", text)
    text = braced[1] if braced is not None else text
    depths, depth = [], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        depths.append(depth)
    parts, begin = [], 0
    for match in _SPLIT.finditer(text):
        if depths[match.start()] <= 0 and match.start() > begin:
            parts.append(text[begin : match.start()])
            begin = match.end()
    parts.append(text[begin:])
    return [part for part in parts if trimmed(part)][:_MOST]


def value(part: str) -> list[Value]:
    """Return the values of one part of an answer that is normal already."""
    return _value(part)


def _value(part: str) -> list[Value]:
    """Read one part; `± 3` is two values."""
    rough = bool(_ROUGH.search(part))
    person = _PERSON.match(trimmed(part))
    part = _led(part)
    letter = _LETTER.match(part)
    option = ""
    if letter is not None:
        option = (letter[1] or letter[2] or letter[3] or letter[4]).upper()
        part = _led(part[letter.end() :])
    if not option and (behind := re.search(r"(?<=\S) \(([A-H])\)\Z", part)) is not None:
        option, part = behind[1], part[: behind.start()]
    label = _LABEL.match(part)
    name = ""
    if label is not None and not re.search(r"[<>]|\\[lg]eq", part[: label.end()]):
        name, part = label[1].strip(), part[label.end() :]
    elif (point := _POINT.match(part)) is not None:
        name, part = point[1] or "", part[point.end() :]
    elif (owner := _NAME.match(part)) is not None:  # Mary 13, John: 15
        name, part = owner[0].strip(" :"), part[owner.end() :]
    if part.count("=") >= 1 and not re.search(r"[<>]|\\[lg]eq|\\neq", part):
        last = part.rpartition("=")[2].strip()
        worked = part if numeric_end(last) == len(last) else part.rpartition("=")[0]  # 2(3 + 4) = 14 cm
        is_chain = part.count("=") > 1 or not re.search("[A-Za-z]", re.sub(r"\\[a-z]+", "", worked))
        part = last if name or (is_chain and numeric_end(last)) else part
    left, _, right = part.partition("=")
    if part.count("=") == 1 and expression(left) is None and numeric_end(right.strip()):
        part = right.strip()  # the integral of it = 12
    exact = part.partition("\\approx")[0].strip()
    if exact != part:  # 2√5 ≈ 4.47
        rounded = part.rpartition("\\approx")[2].strip()
        part = exact if number_of(exact) is not None else rounded if numeric_end(rounded) else part
    sides = part.split("=")
    if len(sides) == 2 and all(quantity(side.strip())[1] for side in sides):
        part = sides[1]  # 3/4 hour = 45 minutes
    name = person[1] if person is not None else name
    part = trimmed(spelled(_led(part)))
    if "\\pm" in part and len(part) < 80:
        return [_read(part.replace("\\pm", sign), name, option, rough) for sign in ("+", "-")]
    return [_read(part, name, option, rough)]


def _led(part: str) -> str:
    part = _IN_ALL.sub("", trimmed(part))
    while (lead := _LEAD.match(part)) is not None and lead.end() < len(part):
        part = part[lead.end() :]
    return part


def _read(part: str, label: str, letter: str, is_rough: bool) -> Value:
    part = part.strip()
    clock = _CLOCK.fullmatch(part)
    if clock is not None:
        hour, minute = int(clock[1] or clock[4]), int(clock[2] or clock[5] or 0)
        afternoon = 12 if (clock[3] or "").lower() == "p" else 0
        minute += 60 * (hour % 12 + afternoon if clock[3] else hour)
        return Value(
            part if clock[4] else "",
            None,
            frozenset(),
            label,
            letter,
            minute,
            bool(clock[3]) or hour > 12,
            is_rough,
        )
    compound = _measured_twice(part)
    if compound is not None:
        return Value(compound.math, compound.unit, compound.words, label, letter, is_rough=is_rough)
    ratio = re.fullmatch(r"(\d[\d.]*) (?:to|:) ?(\d[\d.]*)", part)
    if ratio is not None:
        part = f"{ratio[1]}:{ratio[2]}"
    magnitude, measure, words = quantity(part)
    return Value(magnitude, measure, words, label, letter, is_rough=is_rough)


def _measured_twice(text: str) -> Value | None:
    """Return `2 hours 30 minutes` in its first unit, None where a text is no such thing."""
    match = _COMPOUND.fullmatch(text.strip())
    if match is None:
        return None
    from builder.checks.units import converted

    first = unit(match[2])
    if first is None or any(unit(name) == first for name in (match[4], match[6]) if name):
        return None  # 12 cm, 5 cm
    total = float(match[1].rstrip("."))
    for number, name in ((match[3], match[4]), (match[5], match[6])):
        if number is not None:
            measure = unit(name)
            more = None if measure is None else converted(float(number.rstrip(".")), measure, first)
            if more is None:
                return None
            total += more
    return Value(f"{total:.12g}", first)


def is_date(text: str) -> bool:
    """Whether a text is a date and nothing else."""
    return _date(normal(text)) is not None


def _date(text: str) -> Value | None:
    """Return a date as words that any way to write it leads to."""
    match = _DATE.fullmatch(text)
    if match is not None:
        month = _MONTHS.index((match[2] or match[3])[:3].lower()) + 1
        return Value(
            words=frozenset({f"m{month}", f"d{int(match[1] or match[4])}", *([match[5]] if match[5] else ())})
        )
    iso = _ISO.fullmatch(text)
    return Value(words=frozenset({f"m{int(iso[2])}", f"d{int(iso[3])}", iso[1]})) if iso is not None else None
