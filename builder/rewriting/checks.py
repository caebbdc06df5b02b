"""Checks of an answer against its source that need no process of their own.

Filters are the other kind of check: a prompt may name any of them to be run on the new text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_FINAL = re.compile(r"^####[ \t]*(\S.*)$", re.M)
_DEFINED = re.compile(r"^(?:async +)?(?:def|class) +([A-Za-z]\w*)", re.M)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def final_answer(source: str, text: str) -> bool:
    """Whether the text ends its solution with a line `#### answer` whose numbers all stand in the source.

    For pages that state their answer; a source that leaves it to be worked out can't pass.
    """
    stated = _FINAL.findall(text)
    if not stated:
        return False
    numbers = _NUMBER.findall(stated[-1])
    return bool(numbers) and set(numbers) <= set(_NUMBER.findall(source))


def public_names(source: str, text: str) -> bool:
    """Whether every function and class at the top level of the source, but for private ones, is in the text."""
    return set(_DEFINED.findall(source)) <= set(_DEFINED.findall(text))


CHECKS: dict[str, Callable[[str, str], bool]] = {"final_answer": final_answer, "public_names": public_names}
