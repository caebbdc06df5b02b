"""Names that become files, folders, columns and parts of addresses, so that they are good for all of these.

Where two may not be equal they may not differ by case alone either: DuckDB takes such columns for one, macOS and
Windows such files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_CHARACTERS = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?<!\.)")
_LONGEST = 64  # characters: a file's name has room for a split and a number behind it
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.I)


def name_problem(name: str) -> str | None:
    """Return what is wrong with a name, to stand behind "a stage's name", None where nothing is."""
    if not _CHARACTERS.fullmatch(name):
        return (
            "is made of letters (a to z), digits, `-`, `_` and `.`, begins with none of `-` and `.`, and does not"
            f" end with `.`; {name[:_LONGEST]!r} is not"
        )
    if len(name) > _LONGEST:
        return f"has at most {_LONGEST} characters; {name[:20] + '…'!r} has {len(name)}"
    if _DEVICE.fullmatch(name):
        return f"can't be {name!r}: Windows takes that for a device"
    return None


def same_name(name: str, others: Iterable[str]) -> str | None:
    """Return the first of the others that is the same name, case aside, None where none is."""
    return next((other for other in others if other.casefold() == name.casefold()), None)
