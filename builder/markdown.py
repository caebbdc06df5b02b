"""Text that others wrote, in Markdown and SVG: whatever it holds, it stays text."""

from __future__ import annotations

import html
import re

_LONGEST = 160
# What XML 1.0 has no way to write, what ends a line somewhere, and what turns the direction of writing.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)

_FORBIDDEN = re.compile(r"[{}\\~^`]")  # what BibTeX reads as more than text, and what would close the block
_WORD = re.compile("[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*")


def fenced(text: str, language: str = "") -> str:
    """Return a text as a fenced block that nothing in the text can close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def line(value: object) -> str:
    """Return a value as one line of what can be seen, cut where it is long."""
    text = " ".join(_UNSEEN.sub("\N{REPLACEMENT CHARACTER}", str(value)).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def code(value: object) -> str:
    """Return a value as code within a line."""
    text = line(value) or " "
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    if "`" in (text[0], text[-1]):
        text = f" {text} "
    return fence + text + fence


def cell(value: object) -> str:
    """Return a value as code within a table, where a bar is a border even in code."""
    return code(value).replace("|", "\\|")


def word(value: object) -> str:
    """Return a plain word as it is, and as code what could be more than that."""
    return str(value) if _WORD.fullmatch(str(value)) else cell(value)


def size(count: int) -> str:
    """Return a number of bytes in words."""
    for unit, bound in (("GB", 10**9), ("MB", 10**6)):
        if count >= bound:
            return f"{count / bound:,.1f} {unit}"
    return f"{count / 1000:,.1f} kB"


def percent(part: int, whole: int) -> str:
    """Return a share, which is 0 or 100 % only where it is none or all."""
    if not whole:
        return "–"
    if 0 < part < whole:
        return f"{min(max(100 * part / whole, 0.1), 99.9):.1f} %"
    return f"{100 * part // whole} %"


def bibtex(value: object) -> str:
    """Return a value as text within braces of a BibTeX entry."""
    text = _FORBIDDEN.sub(" ", line(value))
    return re.sub(r"([&%$#_])", r"\\\1", " ".join(text.split()))


def escaped(value: object) -> str:
    """Return a value as text for HTML, for a title or an image's description."""
    return html.escape(line(value))
