"""A column on its way from a source into a table: which type it gets, and cells that lose nothing as Python's own.

A `datetime` has no nanoseconds and no year 10,000, a `str` no bytes that are not UTF-8. So cells of time travel as
the integers that Arrow stores, those of a source's texts as bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa

_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_SHOWN = -62135510400, 253402214400  # seconds: from year 1 to 9999, but for a day that a time zone may take
_LONGEST = 2**63 // 10**6 - 1  # seconds: what microseconds of 64 bits hold
_EXACT = {16: 11, 32: 24, 64: 53}  # of a float's bits those that hold an integer

Cell = Any
"""A value as a table takes it: bytes, str, int, float, bool, Decimal, None, lists and dicts of them."""


def is_text(kind: pa.DataType) -> bool:
    """Whether a column's cells are text."""
    types = pa.types
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def is_bytes(kind: pa.DataType) -> bool:
    """Whether a column's cells are bytes."""
    types = pa.types
    return types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind)


def carried(kind: pa.DataType) -> pa.DataType:
    """Return the type that a source's column has in a table: the same values, in a type that readers know.

    Codes become what they stand for, maps lists of pairs, extensions what they are stored as.
    """
    types = pa.types
    if isinstance(kind, pa.DictionaryType | pa.RunEndEncodedType):
        return carried(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return carried(kind.storage_type)
    if isinstance(kind, pa.MapType):
        pair = [pa.field("key", carried(kind.key_type)), pa.field("value", carried(kind.item_type))]
        return pa.list_(pa.struct(pair))
    if types.is_string_view(kind):
        return pa.string()
    if types.is_binary_view(kind) or types.is_fixed_size_binary(kind):
        return pa.binary()
    if types.is_decimal32(kind) or types.is_decimal64(kind):
        return pa.decimal128(kind.precision, kind.scale)
    return _with_leaves(kind, carried)


def as_stored(kind: pa.DataType, *, texts: bool = False) -> pa.DataType:
    """Return the type to cast a column to before its cells become Python's: integers for times.

    Args:
        kind: A type that `carried` returns.
        texts: Texts become bytes, too.
    """
    types = pa.types
    if types.is_temporal(kind) and not types.is_interval(kind):
        return pa.int32() if kind.bit_width == 32 else pa.int64()
    if texts and is_text(kind):
        return pa.large_binary()  # those of a batch may come to more than 2 GiB
    return _with_leaves(kind, lambda leaf: as_stored(leaf, texts=texts))


def _with_leaves(kind: pa.DataType, change: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    """Return a list's or struct's type with other types in it; the very same one where they don't change."""
    if isinstance(kind, pa.StructType):
        fields = [field.with_type(change(field.type)) for field in kind]
        return kind if fields == list(kind) else pa.struct(fields)
    if not isinstance(kind, pa.ListType | pa.LargeListType | pa.FixedSizeListType):
        return kind
    item = kind.value_field.with_type(change(kind.value_type))
    if item == kind.value_field:
        return kind
    if isinstance(kind, pa.LargeListType):
        return pa.large_list(item)
    return pa.list_(item, kind.list_size if isinstance(kind, pa.FixedSizeListType) else -1)


def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a table's rows with columns whose cells Python can hold."""
    kinds = [as_stored(column.type) for column in batch.columns]
    if kinds == batch.schema.types:
        return batch
    columns = [column.cast(kind) for column, kind in zip(batch.columns, kinds, strict=True)]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def common(kinds: Iterable[pa.DataType]) -> pa.DataType | None:
    """Return a type that holds every value of these types, which `carried` returned; None if none does."""
    found: pa.DataType = pa.null()
    for kind in kinds:
        if kind == found:
            continue
        schemas = [pa.schema([("", one)]) for one in (found, kind)]
        try:
            both = pa.unify_schemas(schemas, promote_options="permissive").field(0).type
        except pa.ArrowException:
            return None
        if not (_fits(found, both) and _fits(kind, both)):
            return None
        found = both
    return found


def _fits(kind: pa.DataType, wider: pa.DataType) -> bool:
    """Whether every value of a type is one of the type that Arrow holds to be wider."""
    types = pa.types
    if kind == wider or types.is_null(kind):
        return True
    if isinstance(kind, pa.StructType) and isinstance(wider, pa.StructType):
        return all(_fits(field.type, wider.field(field.name).type) for field in kind)
    if hasattr(kind, "value_type") and hasattr(wider, "value_type"):
        return _fits(kind.value_type, wider.value_type)
    if types.is_integer(kind) and types.is_floating(wider):
        return bool(kind.bit_width < _EXACT[wider.bit_width])
    if types.is_unsigned_integer(kind) and types.is_signed_integer(wider):
        return bool(kind.bit_width < wider.bit_width)
    return not types.is_temporal(kind)


def restored(kind: pa.DataType) -> Callable[[Cell], Cell] | None:
    """Return what makes a cell whose texts are bytes and whose times are integers one that a table takes.

    What is not UTF-8 in a text is escaped. It raises `OverflowError` for a time that readers can't show: before
    the year 1 or after 9999. None where a cell is one already.
    """
    if is_text(kind):
        return _decoded
    if pa.types.is_temporal(kind):
        return _in_bounds(kind)
    if isinstance(kind, pa.StructType):
        inner = {field.name: make for field in kind if (make := restored(field.type))}
        return (lambda cell: _fields(cell, inner)) if inner else None
    item = restored(kind.value_type) if hasattr(kind, "value_type") else None
    return None if item is None else lambda cell: None if cell is None else [item(one) for one in cell]


def restore(cells: dict[str, Cell], makers: Mapping[str, Callable[[Cell], Cell]]) -> bool:
    """Put what `makers` make of cells in their place; False where one can't be made, which is None then."""
    are_all_made = True
    for name, make in makers.items():
        try:
            cells[name] = make(cells[name])
        except OverflowError:
            cells[name], are_all_made = None, False
    return are_all_made


def _decoded(cell: bytes | None) -> str | None:
    return None if cell is None else cell.decode("utf-8", "backslashreplace")


def _fields(cell: dict[str, Cell] | None, inner: dict[str, Callable[[Cell], Cell]]) -> dict[str, Cell] | None:
    if cell is None:
        return None
    return {name: inner[name](value) if name in inner else value for name, value in cell.items()}


def _in_bounds(kind: pa.DataType) -> Callable[[int | None], int | None] | None:
    """Return what lets pass a time of a type in the integers that it is stored as; None for a time of day."""
    unit = _A_SECOND[getattr(kind, "unit", "ms")]  # a date of 64 bits counts milliseconds
    if isinstance(kind, pa.DurationType):
        least, most = -_LONGEST * unit, _LONGEST * unit
    elif pa.types.is_date32(kind):
        least, most = (bound // 86400 for bound in _SHOWN)
    elif isinstance(kind, pa.TimestampType) or pa.types.is_date64(kind):
        least, most = (bound * unit for bound in _SHOWN)
    else:
        return None

    def passed(cell: int | None) -> int | None:
        if cell is not None and not least <= cell <= most:
            raise OverflowError
        return cell

    return passed
