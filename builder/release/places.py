"""How places on the Hub are written, and what somebody may mean who writes them otherwise."""

from __future__ import annotations

import re

from builder.errors import UsageError

SCHEME = "hf://datasets/"
"""What a destination on the Hub begins with."""

_LIKE_A_DATASET = re.compile(r"(?!releases/)(?:datasets/)?[\w-][\w.-]*/[\w-][\w.-]*")
_ON_HUB = re.compile(r"(?:https?://[^/]+/|hf:/*)?(?:datasets/+)?([\w.-]+/[\w.-]+)(?:[/@].*)?", re.IGNORECASE)


def dataset_of(place: str) -> str:
    """Return `ORG/NAME` of `hf://datasets/ORG/NAME`.

    Raises:
        UsageError: It names no dataset.
    """
    dataset = place.removeprefix(SCHEME).strip("/")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", dataset):
        raise UsageError("it names no dataset", where=place, remedy=f"write {meant(place)}")
    return dataset


def meant(place: str) -> str:
    """Return the dataset that somebody may mean by what is none."""
    found = _ON_HUB.fullmatch(place)
    named = found and not re.match(r"(?:spaces|models|buckets|datasets)/", found.group(1))
    return f"{SCHEME}{found.group(1)}" if found and named else f"{SCHEME}ORG/NAME"


def looks_like_a_dataset(path: str) -> bool:
    """Whether a path reads as a dataset's name, or its page's address."""
    return _LIKE_A_DATASET.fullmatch(path) is not None
