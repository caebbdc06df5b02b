"""Seeing, before anything is paid for, that a release can hold a source's columns, and readers load them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builder.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa

    from builder.loaded_recipe import LoadedRecipe


def see_that_columns_publish(loaded: LoadedRecipe) -> None:
    """Try the type of every column that travels along, as a release will write it and `datasets` read it.

    Raises:
        SourceError: With the column that it fails on.
    """
    from builder.run.table import schema_of

    schema_of(loaded)  # that the sources agree
    for source in loaded.recipe.sources:
        for name, kind in source.columns().items():
            if not _is_common(kind) and (problem := _problem(kind)):
                raise SourceError(
                    f"column {name!r} holds {kind}, which can't be published ({problem})",
                    where=source.label(),
                    remedy="leave it out of `source.keep`, which lists the columns that travel along",
                )


def _is_common(kind: pa.DataType) -> bool:
    """Whether a type is one that everybody writes and reads: `datasets`, a second to import, need not be asked."""
    import pyarrow as pa

    if isinstance(kind, pa.ListType):
        return _is_common(kind.value_type)
    common = pa.string(), pa.large_string(), pa.bool_(), pa.int32(), pa.int64(), pa.float32(), pa.float64()
    return kind in common


def _problem(kind: pa.DataType) -> str | None:
    """Return what fails on a column of a type, None where nothing does."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from datasets import Features

    schema = pa.schema([("column", kind)])
    try:
        _see_fields(kind)
        Features.from_arrow_schema(schema)
        file = pa.BufferOutputStream()
        pq.write_table(schema.empty_table(), file)
        read = pq.read_table(pa.BufferReader(file.getvalue())).schema
        Features.from_arrow_schema(read)
    except (ValueError, TypeError, KeyError, NotImplementedError, pa.ArrowException) as error:
        return str(error).strip().partition("\n")[0][:200]
    return None


def _see_fields(kind: pa.DataType) -> None:
    """Raise `ValueError` where a type, at any depth, is none that rows can be made of."""
    import pyarrow as pa

    if isinstance(kind, pa.StructType):
        names = [field.name for field in kind]
        if len(set(names)) < len(names):
            raise ValueError(f"two fields have one name: {', '.join(names)}")
        for field in kind:
            _see_fields(field.type)
    elif isinstance(kind, pa.ListType | pa.LargeListType | pa.FixedSizeListType):
        _see_fields(kind.value_type)
    elif isinstance(kind, pa.TimestampType) and kind.tz is not None:
        pa.scalar(0, kind).as_py()  # its time zone is looked up
