"""Sentences that stand beside code, or in its place, where a source is code and an answer does not parse."""

from __future__ import annotations

import ast
import re

from builder.checks.python_code import is_code, parsed, stops_at

_LINES_OF_CODE = re.compile(
    r"^[ \t]*(?:(?:def|class|import|from|for|if|elif|while|return|print|with|try|except|raise|else)\b.*"
    r"|@\w.*|[\w.\[\]'\"]+(?:, ?[\w.]+)* ?[-+*/%|&]?= ?\S.*|[\w.]+\(.*|[)\]}]+,?|#.*)$",
)
_SURELY_CODE = re.compile(
    r"^[ \t]*(?:def \w+ ?\(|class \w+.{0,80}:|import \w|from [\w.]+ import|print\b|(?:if|for|while) .{0,120}:)",
    re.M,
)
_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*[,.;:!?)]*")
_ENDS = (".", "!", "?", ":")
_MOST_ODD = 0.3  # of a sentence's words, which may be names in backticks, numbers, formulas


def is_program(text: str, tree: ast.Module | None) -> bool:
    """Whether a text is code: what parses, or what looks like it line by line, as Python 2 does."""
    if tree is not None:
        return is_code(tree)
    if _SURELY_CODE.search(text) is None:
        return False
    lines = [line for line in text.splitlines() if line.strip()]
    return 3 * sum(_LINES_OF_CODE.match(line[:200]) is not None for line in lines) >= 2 * max(2, len(lines))


def stray_prose(text: str) -> str | None:
    """Return the sentence that keeps a text from being Python, None where something else does.

    It stands alone, before code that parses without it, or behind such code.
    """
    lines = text.splitlines()
    at = stops_at(text)
    if at is None or not 0 < at <= len(lines):
        return None
    first = at - 1
    while first and lines[first - 1].strip() and _is_sentence(lines[first - 1]):
        first -= 1
    if not _is_sentence(lines[first]):
        return None
    before = "\n".join(lines[:first])
    return lines[first].strip() if not before.strip() or parsed(before) is not None else None


def _is_sentence(line: str) -> bool:
    bare = line.strip()
    words = bare.split()
    if (
        line[:1].isspace()
        or len(words) < 4
        or bare.startswith(("#", "@", '"', "'"))
        or _LINES_OF_CODE.match(line[:200])
    ):
        return False
    odd = sum(_WORD.fullmatch(word.strip("`*_\"'(")) is None for word in words)
    return odd <= _MOST_ODD * len(words) and (bare.endswith(_ENDS) or len(words) >= 8)
