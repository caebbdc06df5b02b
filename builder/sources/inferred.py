"""The types of columns whose cells come one by one, from files that have no schema; and cells that fit them.

A type is plain data, so that a run can record it: the name of a leaf, a list around its item's type, a dict of a
struct's fields. It is widened by every cell: what no other type holds becomes text, in which what is no text is
written as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import pyarrow as pa

Kind: TypeAlias = str | list["Kind"] | dict[str, "Kind"]

NULL, BOOL, INT, LONG, FLOAT, TEXT, BYTES, MIXED = (
    "null", "bool", "int", "long", "float", "text", "bytes", "mixed"
)  # fmt: skip
_ARROW: dict[str, pa.DataType] = {
    NULL: pa.null(), BOOL: pa.bool_(), INT: pa.int64(), LONG: pa.int64(), FLOAT: pa.float64(), TEXT: pa.string(),
    BYTES: pa.binary(), MIXED: pa.string(),
}  # fmt: skip
_EXACT = 2**53  # below it a float holds every integer
_LEAVES = {bool: BOOL, float: FLOAT, str: TEXT, bytes: BYTES}
_WRITTEN_OUT = (datetime, date, time, timedelta, Decimal)
_FIELDS = 256  # of a struct; one with more is a map, whose keys are data


def widened(kind: Kind, cell: Any) -> Kind:  # noqa: ANN401 - whatever a file holds
    """Return the type that holds what `kind` holds, and the cell.

    Raises:
        TypeError: The cell is nothing that a file of rows holds.
    """
    if cell is None or kind == MIXED:
        return kind
    if isinstance(cell, list | tuple):
        if kind != NULL and not isinstance(kind, list):
            return MIXED
        item = kind[0] if isinstance(kind, list) else NULL
        for one in cell:
            item = widened(item, one)
        return [item]
    if isinstance(cell, dict):
        if kind != NULL and not isinstance(kind, dict):
            return MIXED
        return _struct(kind if isinstance(kind, dict) else {}, cell)
    return _leaf(kind, cell)


def _struct(fields: dict[str, Kind], cell: dict[str, Any]) -> Kind:
    found = fields
    for name, value in cell.items():
        before = found.get(name)
        after = widened(NULL if before is None else before, value)
        if before is None and not _is_name(name):
            return MIXED
        if before is None or after != before:
            found = {**found, name: after}
    return MIXED if len(found) > _FIELDS else found


def _is_name(name: str) -> bool:
    """Whether a field can have this name: half a surrogate pair is in none."""
    return name.encode("utf-8", "replace").decode() == name


def _leaf(kind: Kind, cell: Any) -> Kind:  # noqa: ANN401 - whatever a file holds
    if isinstance(cell, int) and not isinstance(cell, bool):
        if not -(2**63) <= cell < 2**63:
            return MIXED
        ours = INT if -_EXACT <= cell <= _EXACT else LONG
    elif type(cell) in _LEAVES:
        ours = _LEAVES[type(cell)]
    elif isinstance(cell, _WRITTEN_OUT):
        ours = TEXT
    else:
        raise TypeError(f"a {type(cell).__name__}")
    if kind in (NULL, ours):
        return ours
    both = {kind if isinstance(kind, str) else MIXED, ours}
    if both == {INT, LONG}:
        return LONG
    return FLOAT if both == {INT, FLOAT} else MIXED


def arrow_type(kind: Kind) -> pa.DataType:
    """Return it as Arrow's."""
    if isinstance(kind, list):
        return pa.list_(arrow_type(kind[0]))
    if isinstance(kind, dict):  # Parquet has no struct without fields
        return pa.struct([(name, arrow_type(field)) for name, field in kind.items()]) if kind else pa.string()
    return _ARROW[kind]


def fitting(kind: Kind) -> Callable[[Any], Any]:
    """Return what makes a cell one of this type; texts become bytes.

    It raises `TypeError` or `ValueError` for a cell by which the type was not widened.
    """
    if isinstance(kind, list):
        item = fitting(kind[0])
        return lambda cell: None if cell is None else [item(one) for one in cell]
    if isinstance(kind, dict) and kind:
        fields = {name: fitting(field) for name, field in kind.items()}
        return lambda cell: None if cell is None else {name: fit(cell.get(name)) for name, fit in fields.items()}
    if kind == FLOAT:
        return lambda cell: None if cell is None else float(cell)
    return _as_text if kind in (TEXT, MIXED, {}) else lambda cell: cell


def _as_text(cell: Any) -> bytes | None:  # noqa: ANN401 - whatever a file holds
    if cell is None:
        return None
    if isinstance(cell, _WRITTEN_OUT):
        written = str(cell)
    else:
        written = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, default=str)
    return written.encode("utf-8", "surrogatepass")
