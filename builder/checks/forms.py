r"""What form a piece of mathematics has (expression, equation, interval, tuple, set), and when two are the same.

`x - 2y = 3` is `2x - 4y = 6`, `-2 < x < 5` is `(-2, 5)`, a column vector is a tuple. What has no form that is
known here is not compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from builder.checks.expressions import Expression, expression, minus, number, same_up_to_factor, same_values

_MATRIX = re.compile(r"\\begin\{([bpvBV]?matrix|array)\}(?:\{[clr|]*\})?(.*)\\end\{\1\}", re.S)
_RELATION = re.compile(r"(\\leq|\\geq|\\neq|\\approx|[=<>])(?![A-Za-z])")
_NAME = re.compile(
    r"\\?[A-Za-z]+(?:_(?:\{\w+\}|\w))?'*(?:\^\{-1\})?(?: ?\([^()=<>]{1,24}\))?"
    r"|d\^?\{?\d?\}?[a-z]?/d[a-z]\^?\{?\d?\}?"
    r"|\\frac ?\{d[^{}=]{0,9}(?:\{\d\})?[^{}=]{0,3}\}\{d[^{}=]{1,9}(?:\{\d\})?\}"
)
_VARIABLE = re.compile(r"[A-Za-z]|\\[a-z]{2,7}")
_IN = re.compile(r"(?:[A-Za-z] ?(?:\\in(?![A-Za-z])|=)|\([A-Za-z], ?[A-Za-z](?:, ?[A-Za-z])?\) ?=) ?(?=[\[(\\])")
_RATIO = re.compile(r"\d+(?:\.\d+)?(?: ?: ?\d+(?:\.\d+)?){1,5}")
_INFINITE = re.compile(r"([-+]?) ?\\infty ?")
_TURNED = {"<": ">", ">": "<", "\\leq": "\\geq", "\\geq": "\\leq"}
_MOST_PARTS = 12


@dataclass(frozen=True, slots=True)
class Form:
    """A piece of mathematics.

    Attributes:
        kind: `expression`, `equation`, `inequality`, `identity`, `infinity`, `tuple`, `set`, `union` or `matrix`.
        value: Of an expression itself; of an equation or inequality its left side less its right one.
        parts: Of what is made of others, these.
        marks: The brackets around a tuple, an inequality's sign, the sign of an infinity, the rows of a matrix.
        of: Of an equation that says what something is, what that is.
    """

    kind: str
    value: Expression | None = None
    parts: tuple[Form, ...] = ()
    marks: str = ""
    of: Form | None = None


@lru_cache(1024)
def form(text: str) -> Form | None:
    """Return the form that a text in LaTeX has, None where it has none that is known."""
    text = text.strip()
    if (bare := _IN.match(text)) is not None:
        text = text[bare.end() :]
    if (matrix := _MATRIX.fullmatch(text.removeprefix("(").removesuffix(")"))) is not None:
        return _matrix(matrix[2])
    if _RATIO.fullmatch(text) is not None:
        first, *others = text.split(":")
        shares = [f"\\frac{{{first}}}{{{one}}}" for one in others]
        return form(shares[0]) if len(shares) == 1 else _made("tuple", shares, ":")
    if (infinite := _INFINITE.fullmatch(text)) is not None:
        return Form("infinity", marks="-" if infinite[1] == "-" else "+")
    sides = _RELATION.split(text)
    if len(sides) > 1:
        return _related(*([one.strip() for one in sides[start::2]] for start in (0, 1)))
    joined = text.split("\\cup")
    if len(joined) > 1:
        return _made("union", joined)
    return _bracketed(text) or _expression(text)


def same_form(one: Form, other: Form) -> bool | None:
    """Whether two pieces of mathematics are the same; None where that can't be said."""
    if "identity" in (one.kind, other.kind):
        return None
    compare = _SAME.get((one.kind, other.kind))
    if compare is None:
        one, other = other, one
        compare = _SAME.get((one.kind, other.kind))
    return compare(one, other) if compare is not None else False


def _expression(text: str) -> Form | None:
    read = expression(text)
    return Form("expression", read) if read is not None else None


def _made(kind: str, texts: Sequence[str], marks: str = "") -> Form | None:
    parts = [form(one.strip()) for one in texts[: _MOST_PARTS + 1]]
    known = tuple(part for part in parts if part is not None)
    return Form(kind, parts=known, marks=marks) if len(known) == len(texts) <= _MOST_PARTS else None


def _matrix(inner: str) -> Form | None:
    rows = [row.split("&") for row in re.split(r"\\\\", inner) if row.strip()]
    cells = [cell for row in rows for cell in row]
    if len(rows) == 1 or all(len(row) == 1 for row in rows):
        return _made("tuple", cells, "()")
    return _made("matrix", cells, f"{len(rows)}x{len(cells)}")


def _bracketed(text: str) -> Form | None:
    """Return the tuple, interval or set that a text is, None where it is none."""
    is_set = text.startswith("\\{") and text.endswith("\\}")
    inner = text[2:-2] if is_set else text[1:-1]
    if not is_set and (len(text) < 3 or text[0] not in "([" or text[-1] not in ")]"):
        return None
    parts = list(_separated(inner))
    if is_set:
        return _made("set", parts)
    if len(parts) < 2 and not (text[0] == "(" and _bracketed(inner)):
        return None  # (x + 1), and (x + 1)(x - 1), which are no tuples
    return _made("tuple", parts, text[0] + text[-1]) if len(parts) > 1 else form(inner)


def _separated(text: str) -> Iterator[str]:
    """Yield what commas outside of brackets separate."""
    depth, begin = 0, 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth < 0:
            return  # (a)(b)
        if character == "," and not depth:
            yield text[begin:place]
            begin = place + 1
    yield text[begin:]


def _related(sides: Sequence[str], signs: Sequence[str]) -> Form | None:
    """Return the equation, inequality or interval that sides with signs between them are."""
    read = [expression(side) for side in sides]
    if len(signs) == 1 and signs[0] in ("=", "\\approx"):
        named = form(sides[1]) if _NAME.fullmatch(sides[0]) else None
        if named is not None and named.kind != "expression":
            return named
        if named is not None and read[0] is None:  # f(x) = 2x
            return Form("equation", of=named)
        if all(one is not None and not one.letters for one in read):
            return form(sides[signs[0] == "="])  # 2 * 3 = 6; sqrt(3) = 1.73, roughly
        if read[0] is not None and read[1] is not None and same_values(read[0], read[1]):
            return Form("identity")  # what holds for every value says nothing of any
        both = None if read[0] is None or read[1] is None else minus(read[0], read[1])
        return Form("equation", both, of=named) if both is not None else None
    if len(signs) == 2 and _VARIABLE.fullmatch(sides[1]):
        return _between(sides, signs)
    if len(signs) == 1 and signs[0] in _TURNED:
        return _one_sided(sides, signs[0], read)
    if len(signs) == 1 and signs[0] == "\\neq" and read[0] is not None and read[1] is not None:
        return Form("inequality", minus(read[0], read[1]), marks="\\neq")
    return None


def _between(sides: Sequence[str], signs: Sequence[str]) -> Form | None:
    """Return the interval that `-2 < x \\leq 5` is."""
    if not {*signs} <= {"<", "\\leq"}:
        turned = [_TURNED.get(sign, "") for sign in reversed(signs)]
        return _between(sides[::-1], turned) if {*turned} <= {"<", "\\leq"} else None
    return _made("tuple", [sides[0], sides[2]], f"{'(['[signs[0] != '<']}{')]'[signs[1] != '<']}")


def _one_sided(sides: Sequence[str], sign: str, read: Sequence[Expression | None]) -> Form | None:
    """Return the interval that `x > 2` is, an inequality where it has no single letter on a side."""
    for letter, bound, turned in ((*sides, sign), (*sides[::-1], _TURNED[sign])):
        if _VARIABLE.fullmatch(letter) and number(bound) is not None:
            is_closed = turned in ("\\leq", "\\geq")
            if turned in (">", "\\geq"):
                return _made("tuple", [bound, "\\infty"], "[)" if is_closed else "()")
            return _made("tuple", ["-\\infty", bound], "(]" if is_closed else "()")
    if read[0] is None or read[1] is None:
        return None
    is_less = sign in ("<", "\\leq")
    difference = minus(read[0], read[1]) if is_less else minus(read[1], read[0])
    return Form("inequality", difference, marks="<" if sign in ("<", ">") else "\\leq")


# --- when two are the same, by their kinds ---


def _values(one: Form, other: Form) -> bool | None:
    return same_values(one.value, other.value) if one.value is not None and other.value is not None else None


def _equations(one: Form, other: Form) -> bool | None:
    if one.of is not None and other.of is not None and same_form(one.of, other.of):
        return True  # what they are called may differ: y = 2x, f(x) = 2x
    if one.value is None or other.value is None:
        return False if one.of is not None and other.of is not None else None
    return same_up_to_factor(one.value, other.value, is_positive=False)


def _of_equation(one: Form, other: Form) -> bool | None:
    return same_form(one.of, other) if one.of is not None else False


def _inequalities(one: Form, other: Form) -> bool | None:
    if one.value is None or other.value is None or one.marks != other.marks:
        return False
    return same_up_to_factor(one.value, other.value, is_positive=one.marks != "\\neq")


def _in_order(one: Form, other: Form) -> bool | None:
    many = len(one.parts)
    if many != len(other.parts) or (one.marks != other.marks and (many == 2 or one.kind == "matrix")):
        return False
    verdicts = [same_form(a, b) for a, b in zip(one.parts, other.parts, strict=True)]
    return False if False in verdicts else None if None in verdicts else True


def _in_any_order(one: Form, other: Form) -> bool | None:
    if len(one.parts) != len(other.parts):
        return False
    left = list(other.parts)
    for part in one.parts:
        match = next((candidate for candidate in left if same_form(part, candidate)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _only_member(one: Form, other: Form) -> bool | None:
    return same_form(one.parts[0], other) if len(one.parts) == 1 else False


def _infinities(one: Form, other: Form) -> bool:
    return one.marks == other.marks


_SAME: Mapping[tuple[str, str], Callable[[Form, Form], bool | None]] = {
    ("expression", "expression"): _values,
    ("equation", "equation"): _equations,
    ("equation", "expression"): _of_equation,
    ("inequality", "inequality"): _inequalities,
    ("infinity", "infinity"): _infinities,
    ("tuple", "tuple"): _in_order,
    ("matrix", "matrix"): _in_order,
    ("set", "set"): _in_any_order,
    ("set", "tuple"): _in_any_order,
    ("union", "union"): _in_any_order,
    ("set", "expression"): _only_member,
}
"""By two kinds: how they are compared. Two kinds that are not here are never the same."""
