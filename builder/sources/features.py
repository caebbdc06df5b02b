"""Names of classes, which `datasets` knows of columns of numbers, so that a release can say them, too."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Features = Mapping[str, Any]
"""By column what `datasets.Features.to_dict` gives for it, where that has names of classes."""

_KEY = b"huggingface"
_CLASSES = "ClassLabel"
_TYPES = frozenset({"Value", "List", "LargeList", "Sequence", _CLASSES})  # pictures stay as they are stored

log = logging.getLogger(__name__)


def in_metadata(metadata: Mapping[bytes, bytes] | None) -> Features:
    """Return what the metadata of a Parquet file's schema says, as `datasets` writes it there."""
    try:
        found = json.loads((metadata or {}).get(_KEY, b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):  # none, or whatever somebody else calls so
        return {}
    return with_classes(found) if isinstance(found, dict) else {}


def with_classes(features: Features) -> Features:
    """Return those of some features that have names of classes."""
    found = {column: set(_types(feature)) for column, feature in features.items()}
    return {column: features[column] for column, types in found.items() if _CLASSES in types <= _TYPES}


def _types(feature: Any) -> Iterator[str]:  # noqa: ANN401 - what JSON holds
    if isinstance(feature, dict) and isinstance(kind := feature.get("_type"), str):
        yield kind
    parts = feature.values() if isinstance(feature, dict) else feature if isinstance(feature, list) else ()
    for part in parts:
        yield from _types(part)


def agreed(parts: Iterable[tuple[str, Iterable[str], Features]]) -> Features:
    """Return what all parts of something say that have the column: where one says other things, or nothing, none.

    Args:
        parts: Of each part where it is, its columns, and what it says of them.
    """
    found: dict[str, Any] = {}
    for where, columns, features in parts:
        for column in columns:
            if found.setdefault(column, features.get(column)) != features.get(column):
                log.warning("column %r has other names of classes in %s than before: none are kept", column, where)
                found[column] = None
    return {column: feature for column, feature in found.items() if feature is not None}
