r"""One notation for an answer, however it is written: Markdown, Unicode, plain text and LaTeX become LaTeX.

`**½**`, `1/2`, `$\dfrac{1}{2}$` and `\boxed{\frac12}` are the same afterwards, or nearly so: what is left, such as
0.5, is for math-verify. Every pattern takes linear time, for a model wrote what they read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_CHARACTERS = str.maketrans(
    {
        "∴": " ", "∵": " ",
        "−": "-", "–": "-", "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u2061": "", "\u200b": "", "’": "'",
        "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "÷": "/", "⁄": "/", "∶": ":",
        "π": r"\pi ", "∞": r"\infty ", "≤": r"\leq ", "≥": r"\geq ", "≠": r"\neq ", "∪": r"\cup ",
        "≈": r"\approx ",
        "∈": r"\in ", "∅": r"\emptyset ", "±": r"\pm ", "º": "°", "˚": "°", "∠": r"\angle ", "θ": r"\theta ",
        "½": " 1/2", "⅓": " 1/3", "⅔": " 2/3", "¼": " 1/4", "¾": " 3/4", "⅕": " 1/5", "⅛": " 1/8", "⅙": " 1/6",
        "⅖": " 2/5", "⅗": " 3/5", "⅘": " 4/5", "⅜": " 3/8", "⅝": " 5/8", "⅞": " 7/8", "μ": "µ", "Ω": "Ω",
        **{sign: f"^{{{plain}}}" for sign, plain in _SUPERSCRIPTS.items()},
        **{sign: f"_{{{plain}}}" for sign, plain in _SUBSCRIPTS.items()},
    }
)  # fmt: skip
_MONEY = "\ue000"  # a dollar that is none of LaTeX's, until those are gone
_FUNCTIONS = r"arcsin|arccos|arctan|sin|cos|tan|cot|sec|csc|log|ln|exp|gcd|lcm|(?:max|min|lim)(?=\s*[({\\_])"
_AMOUNT = r"(-?(?:\d[\d,.]*\d|\d)(?:\\cdot 10\^\{\d+\})?)"
_DEGREE = r"\s*\^\s*(?:\\circ\b|\{\s*\\circ\s*\}|o(?![A-Za-z]))|\\degree\b|\\circ\b"
_STEPS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        (r"\}(?:\^|_)\{(?=[-\d+n])(?<=\}\^\{)(?=[-+\dn]\})", ""),  # ¹⁰ came as ^{1}^{0}
        (r"\\\$", _MONEY),
        (r"\$\$([^$\n]+)\$\$|\$(?=\S)([^$\n]*[^\s$])\$(?!\d)|\$ +([^$\n]*[^\s$]) +\$", r" \1\2\3 "),
        (r"(?<!\\)\\[\[\]()]", " "),
        (r"\{,\}|(?<=\d),\\!\s*(?=\d{3})", ","),
        (r"\\(?:text(?:bf|it|rm|sf|tt|normal)?|mathrm|mathbf|mathsf|mbox|operatorname|boldsymbol|bm|fbox)"
         r"\s*\{([^{}]*)\}", r" \1 "),
        (r"\\boxed\s*\{([^{}]*(?:\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}[^{}]*)*)\}", r" \1 "),
        (r"(?<!\\)\\(?:!|displaystyle\b|left\b\.?|right\b\.?|[bB]igg?[lr]?\b|limits\b)", ""),
        (r"(?<!\\)\\(?:[,;:> ]|q?quad\b|hspace\{[^{}]*\}|thinspace\b)|~(?=[\dA-Za-z\\])(?<=\S~)", " "),
        (r"\\%|(?<=\d)\s*(?:percent|per cent|pct)\b\.?", "%"),
        (r"\\[dtc]frac\b", r"\\frac"),
        (r"\\frac\s*(\d)\s*(\d)(?!\d)", r"\\frac{\1}{\2}"),
        (r"(?<=\d)\s*\\frac\s*\{\s*([A-Za-z]{1,12})\s*\}\s*\{\s*([A-Za-z]{1,12}(?:\^\{?\d\}?)?)\s*\}", r" \1/\2"),
        (_DEGREE, "°"),
        (r"(?<=[\w)}])\*\*(?=[-\w({])", "^"),
        (r"\*\*|__|`", ""),
        (r"(?<=\S)\s*\*\s*(?=[^\s*])", r"\\cdot "),
        (r"^\*|\*$", ""),
        (r"(?<=\d)\s+[xX]\s+(?=-?\d)|(?<=\d)[xX]\s*(?=\d)", r"\\times "),
        (r"(?<![\dA-Za-z.])(\d+(?:\.\d+)?)[eE]([-+]?\d{1,3})(?![\dA-Za-z.])", r"\1\\cdot 10^{\2}"),
        (r"(?:√|(?<![\\A-Za-z])sqrt\s*|\\sqrt\s*)(\d+(?:\.\d+)?|[A-Za-z](?![A-Za-z]))", r"\\sqrt{\1}"),
        (r"(?:√|(?<![\\A-Za-z])sqrt|\\sqrt)\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)", r"\\sqrt{\1}"),
        (rf"(?<![\\A-Za-z])({_FUNCTIONS})(?![A-Za-z])", r"\\\1 "),
        (r"(?<![\\A-Za-z])pi(?![A-Za-z])", r"\\pi "),
        (r"(?<![\\A-Za-z])(?:infinity|inf)(?![A-Za-z])", r"\\infty "),
        (r"\\Omega(?![A-Za-z])", "Ω"),
        (r"\\mathcal\s*\{?\s*O\s*\}?", "O"),
        (r"\^\s*\(([^()]*)\)", r"^{\1}"),
        (r"\^\s*(-?\d+)", r"^{\1}"),
        (r"<=|=<|\\le\b|\\leqslant\b", r"\\leq "),
        (r">=|\\ge\b|\\geqslant\b", r"\\geq "),
        (r"\\ne\b|!=", r"\\neq "),
        (r"\\varnothing\b", r"\\emptyset "),
        (r"(?<=[)\]])\s*U\s*(?=[(\[])", r" \\cup "),
        (r"\s*\((?:to )?\d+ ?(?:d\.?p|s\.?f|sig|decimal)[^()]{0,20}\)|\s+to \d+ ?(?:d\.?p|s\.?f)\b\.?", ""),
        (r"\[ ?(\[[^\[\]]{1,60}\](?: ?[,;]? ?\[[^\[\]]{1,60}\])+) ?\]", lambda match: _matrix(match)),
        (r"\[((?: *-?[\d./]+(?=[ ;\]])){1,6}(?: *;(?: *-?[\d./]+(?=[ ;\]])){1,6}){1,6}) *\]",
         lambda match: _matrix_of_rows(match)),
        (r"(?<=\d)(?:st|nd|rd|th)\b", ""),
        (r"(?<=[\dA-F])_\{(\d)\}_\{(\d)\}", r"_{\1\2}"),
        (r"(?<=[\dA-F]) ?(?:\(base (\d{1,2})\)|,? ?(?:in )?base (\d{1,2})\Z)", r"_{\1\2}"),
        (r"(?<=\d)_(?:\{?10\}?|\{1\}_\{0\})(?!\d)", ""),
        (r"≡|\\equiv\b", "="),
        (r"\s*(?:\\p?mod|\\bmod|\(?\bmod)\s*\{?\s*\d+\s*\}?\)?", ""),
        (r"(?i)\b(?:Rs|INR)\b\.? ?(?=\d)", "₹"),
        (r"(?<![\d.])(\d+(?:\.\d+)?) dozens?\b", lambda match: f"{float(match[1]) * 12:.12g}"),
        (r"\b(\d+) ([a-z]+?)s? and a half\b", r"\1.5 \2"),
        (r"\b(\d+) and (?:a|one)[- ]half\b", r"\1.5"),
        (r"\b(\d+) and (?:a|one)[- ]quarter\b", r"\1.25"),
        (r"£ ?(\d+)(?: and |,? )(\d\d) ?p(?:ence)?\b", r"£\1.\2"),
        (r"(?<![\d.])(\d+)/(\d+) ?(?=\\(?:ln|log|sqrt|pi|sin|cos|tan)(?![A-Za-z]))", r"\\frac{\1}{\2}"),
        (r"\|([a-z])\| ?(<|\\leq) ?(\d+(?:\.\d+)?)\Z", r"-\3 \2 \1 \2 \3"),
        (r"[,;]? (?:where )?\b[nk] ?(?:\\in ?(?:ℤ|Z|\\mathbb\s*\{?\s*[ZN]\s*\}?)|is an(?:y)? integer)\Z", ""),
        (r"(\d(?:[\d.]*\d)?)\s*(thousand|million|billion|trillion)\b", lambda match: _scaled(match)),
        (r"\\and\b", " and "),
        (r"\( *([A-Ha-h]) *\)", r"(\1)"),
    )
)  # fmt: skip
_POWERS = {"thousand": 3, "million": 6, "billion": 9, "trillion": 12}
_UNITS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
)
_SMALL = {word: i for i, word in enumerate(f"zero {_UNITS} eighteen nineteen".split())}
_TENS = {
    f"{stem}ty": 10 * i for i, stem in enumerate(("twen", "thir", "for", "fif", "six", "seven", "eigh", "nine"), 2)
}
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "eighth": 8, "tenth": 10}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_NUMERALS = frozenset((*_SMALL, *_TENS, *_SCALES))
_NUMERAL = re.compile(r"([A-Za-z]+)")
_BETWEEN_NUMERALS = re.compile(r"[ -]*(?:and )?")
_SPELLED = re.compile(rf"(?i)\A({'|'.join([*_SMALL, *_TENS, 'a'])})\b(?:[- ]([a-z]+))?")


def normal(text: str) -> str:
    """Return an answer as LaTeX on one line, without markup, a full stop or a text's dollars."""
    text = text.translate(_CHARACTERS)
    for pattern, by in _STEPS:
        text = pattern.sub(by, text)
    text = text.replace("$", _MONEY)
    text = re.sub(rf"{_MONEY}\s*{_AMOUNT}(?:\s*(?:dollars|usd)\b)?", r"\1 dollar", text, flags=re.I)
    text = re.sub(rf"([€£¥₹])\s*{_AMOUNT}", r"\2 \1", text).replace(_MONEY, " dollar")
    return trimmed(re.sub(r"(?<![\d.])\.(?=\d)", "0.", re.sub(r"\s+", " ", text)))


def trimmed(text: str) -> str:
    """Return a text without the punctuation around it; a full stop before a digit is none."""
    return re.sub(r"\A(?:[ ,:;*!]|\.(?!\d))+", "", text).rstrip(" .,:;*!" if not text.endswith("!") else " ")


def readings(text: str) -> list[str]:
    """Return what a normal text may mean: its commas separate thousands, or items, or they are decimal."""
    joined = re.sub(
        r"(?<![\d.,])\d{1,3}(?:(?:,\d\d)+,\d{3}|(?:[, ']\d{3})+)(?!\d)",
        lambda match: re.sub(r"\D", "", match[0]),
        text,
    )
    found = [joined, text]
    if not re.search(r"[(\[{]", text):
        found.append(re.sub(r"(?<![\d.,])(\d+),(\d{1,2})(?![\d,])", r"\1.\2", text))
    return list(dict.fromkeys(_with_mixed_numbers(one) for one in found))


def spelled(text: str) -> str:
    """Return a text with the number in words that it begins with, in digits."""
    text = re.sub(r"(?i)\Ahalf(?: of)?(?: an?)?\b", "1/2", text)
    match = _SPELLED.match(text)
    if match is None:
        return text
    first, second = match[1].lower(), (match[2] or "").lower()
    part = _PARTS.get(second.removesuffix("s") if second != "halves" else "half")
    if part is not None:
        return f"{_SMALL.get(first, 1)}/{part}{text[match.end() :]}"
    number, end = _number(text)
    return f"{number}{text[end:]}" if end else text


def numerals(text: str) -> Iterator[int]:
    """Yield the numbers that a text has in words, wherever they are."""
    place = 0
    while (match := _NUMERAL.search(text, place)) is not None:
        number, end = _number(text, match.start()) if match[1].lower() in _NUMERALS else (0, 0)
        if end:
            yield number
        place = end or match.end()


def _number(text: str, begin: int = 0) -> tuple[int, int]:
    """Return the number in words at a place of a text, and where it ends; 0 where there is none."""
    total, group, end = 0, 0, 0
    for match in _NUMERAL.finditer(text, begin):
        word = match[1].lower()
        if word not in _NUMERALS or (end and not _BETWEEN_NUMERALS.fullmatch(text, end, match.start())):
            if word == "and" and end:
                continue
            break
        if word == "hundred":
            group = max(group, 1) * 100
        elif word in _SCALES:
            total, group = total + max(group, 1) * _SCALES[word], 0
        else:
            group += _SMALL.get(word, _TENS.get(word, 0))
        end = match.end()
    return total + group, end


def _with_mixed_numbers(text: str) -> str:
    text = re.sub(r"(?<![\d.}/^])(\d+)(?: |-| and )(\d+)/(\d+)(?![\d.])", r"\1\\frac{\2}{\3}", text)
    return re.sub(r"(?<![\d.}/])(\d+) ?(?=\\frac\{\d+\}\{\d+\})", r"\1", text)


def _matrix(match: re.Match[str]) -> str:
    """Write [[1, 2], [0, 1]] as LaTeX does."""
    rows = [" & ".join(re.split(r"\s*,\s*|\s+", row.strip())) for row in re.findall(r"\[([^\[\]]+)\]", match[1])]
    return r"\begin{pmatrix}" + r" \\ ".join(rows) + r"\end{pmatrix}"


def _matrix_of_rows(match: re.Match[str]) -> str:
    return (
        r"\begin{pmatrix}"
        + r" \\ ".join(" & ".join(row.split()) for row in match[1].split(";"))
        + r"\end{pmatrix}"
    )


def _scaled(match: re.Match[str]) -> str:
    return f"{match[1]}\\cdot 10^{{{_POWERS[match[2]]}}}"
