"""What the Hub refuses in a card's front matter, as far as its rules are known: before it is asked itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from builder.release.licenses import HUB_LICENSES

LARGEST = 10 * 2**20
"""Bytes of a file that is kept in Git itself, as a card has to be."""

_WORDS = (
    "license", "language", "pretty_name", "tags", "task_categories", "size_categories", "source_datasets",
)  # fmt: skip
"""The keys whose values are words, one or several."""


def card_problems(front: Mapping[str, Any], size: int) -> Iterator[str]:
    """Yield, in the Hub's manner, what it would refuse in a card of so many bytes."""
    for key in _WORDS:
        value = front.get(key)
        if value is None:
            continue
        is_list = isinstance(value, list)
        for place, one in enumerate(value if is_list else [value]):
            name = f"{key}[{place}]" if is_list else key
            if not isinstance(one, str) or not one:
                yield f'"{name}" must be a string that is not empty, and is {one!r}'
            elif key == "license" and one not in HUB_LICENSES:
                yield f'"{name}" is {one!r}, which is none of the Hub\'s identifiers'
            elif key == "language" and one != one.lower():
                yield f'"{name}" is {one!r}, and must only contain lowercase characters'
    if size > LARGEST:
        yield f"it has {size:,} bytes, and at most {LARGEST:,} can be shown"
