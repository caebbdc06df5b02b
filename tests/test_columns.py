"""Columns of every kind: published as they were read, or refused before a document is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.cells import carried, common
from builder.errors import SourceError
from builder.recipe_file import load_recipe
from builder.run.publishable import see_that_columns_publish
from builder.run.table import read_shard, schema_of, write_shard
from tests.support import builder

RECIPE = """
name: columns
source: {kind: parquet, path: "*.parquet", shard_rows: 2}
stages: [{name: long, filter: length, min_characters: 1}]
release: {configs: {default: long}, license: apache-2.0, scan: [], dropped: false}
"""
MOMENT = 1_700_000_000_123_456_789
SURROGATE = b"\xed\xa0\x80"


def bytes_as_text(cells: list[bytes | None]) -> pa.Array[Any]:
    found: Any = pa.Array.from_buffers(pa.string(), len(cells), pa.array(cells, pa.binary()).buffers())
    return cast("pa.Array[Any]", found)


def of(kind: Any, cell: Any) -> pa.Array[Any]:
    return cast("pa.Array[Any]", pa.array([cell, None, cell], kind))


AS_THEY_ARE: dict[str, pa.Array[Any]] = {
    "bytes": of(pa.binary(), b"\x89PNG\xff"),
    "image": of(pa.struct([("bytes", pa.binary()), ("path", pa.string())]), {"bytes": b"\xff\xd8", "path": "a"}),
    "moment": of(pa.timestamp("ns", "Asia/Tokyo"), MOMENT),
    "moments": of(pa.list_(pa.struct([("at", pa.timestamp("ns"))])), [{"at": MOMENT}]),
    "time": of(pa.time64("ns"), 123_456_789),
    "lasts": of(pa.duration("ns"), 123_456_789),
    "day": of(pa.date32(), 19_000),
    "null": pa.nulls(3),
    "nested_null": of(pa.struct([("a", pa.list_(pa.null()))]), {"a": [None]}),
    "wide": of(pa.large_list(pa.large_string()), ["é", None]),
    "pair": of(pa.list_(pa.float32(), 2), [1.5, float("inf")]),
    "half": of(pa.float16(), 1.5),
    "exact": of(pa.decimal256(50, 2), 12345678901234567890),
    "most": of(pa.uint64(), 2**64 - 1),
    "a.b": of(pa.string(), "a dot"),
    "": of(pa.string(), "no name"),
    "original_dataset": of(pa.string(), "x"),
}
OTHERWISE: dict[str, tuple[pa.Array[Any], str, pa.Array[Any]]] = {
    "codes": (of(pa.string(), "a").dictionary_encode(), "codes", of(pa.string(), "a")),
    "nested_codes": (
        of(pa.list_(pa.dictionary(pa.int8(), pa.string())), ["a"]),
        "nested_codes",
        of(pa.list_(pa.string()), ["a"]),
    ),
    "view": (of(pa.string_view(), "a"), "view", of(pa.string(), "a")),
    "four": (of(pa.binary(4), b"\xff\0\0\1"), "four", of(pa.binary(), b"\xff\0\0\1")),
    "map": (
        of(pa.map_(pa.string(), pa.int64()), [("k", 1)]),
        "map",
        of(pa.list_(pa.struct([("key", pa.string()), ("value", pa.int64())])), [{"key": "k", "value": 1}]),
    ),
    "surrogate": (bytes_as_text([SURROGATE, None, b"ok"]), "surrogate", pa.array([r"\xed\xa0\x80", None, "ok"])),
    "dataset": (of(pa.string(), "y"), "original_original_dataset", of(pa.string(), "y")),
    "ID": (of(pa.string(), "i"), "source_ID", of(pa.string(), "i")),
    "source_id": (of(pa.string(), "j"), "source_source_id", of(pa.string(), "j")),
    "id": (of(pa.string(), "k"), "source_source_source_id", of(pa.string(), "k")),
    "url": (of(pa.string(), "u"), "url", of(pa.string(), "u")),
    "URL": (of(pa.string(), "U"), "source_URL", of(pa.string(), "U")),
}  # fmt: skip


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "columns.yaml"
    path.write_text(RECIPE)
    return path


def files(recipe: Path, *tables: dict[str, Any] | pa.Table) -> Path:
    for number, table in enumerate(tables):
        made = pa.table({"text": ["one", "two", "three"], **table}) if isinstance(table, dict) else table
        pq.write_table(made, recipe.parent / f"{number}.parquet")
    return recipe


def in_a_table(recipe: Path) -> pa.Table:
    """Return the provenance of all rows, having been written and read as often as in a build in two parts."""
    loaded = load_recipe(str(recipe), ())
    (source,) = loaded.recipe.sources
    source.pin()
    see_that_columns_publish(loaded)
    documents = [document for shard in source.shards() for document in source.read(shard, Counter())]
    one, two = recipe.parent / "one", recipe.parent / "two"
    write_shard(one, documents, schema_of(loaded), {})
    write_shard(two, list(read_shard(one, [])), schema_of(loaded), {})
    assert pq.read_table(one) == pq.read_table(two)
    return pa.Table.from_struct_array(pq.read_table(two)["source"])


def test_a_release_holds_every_kind_of_column_as_it_was(recipe: Path) -> None:
    table = {**AS_THEY_ARE, **{name: column for name, (column, _, _) in OTHERWISE.items()}}
    files(recipe, table)
    builder("publish", recipe, "--run", recipe.parent / "run", "--to", recipe.parent / "out")
    builder("verify", recipe.parent / "out")
    published = pq.read_table(recipe.parent / "out/data/default")
    expected = {**AS_THEY_ARE, **{name: column for _, name, column in OTHERWISE.values()}}
    assert set(published.column_names) == {"text", "id", "dataset", "file", "row", *expected}
    for name, column in expected.items():
        assert carried(published[name].type) == published[name].type
        assert published[name].combine_chunks().cast(column.type) == column, name


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (pa.int32(), pa.int64(), pa.int64()),
        (pa.uint32(), pa.int64(), pa.int64()),
        (pa.int32(), pa.float64(), pa.float64()),
        (pa.null(), pa.timestamp("s"), pa.timestamp("s")),
        (pa.string(), pa.large_string(), pa.large_string()),
        (pa.dictionary(pa.int32(), pa.string()), pa.string(), pa.string()),
        (pa.list_(pa.null()), pa.list_(pa.string()), pa.list_(pa.string())),
        (pa.int64(), pa.float64(), None),
        (pa.uint64(), pa.int64(), None),
        (pa.string(), pa.int64(), None),
        (pa.timestamp("s"), pa.timestamp("ns"), None),
        (pa.list_(pa.int64()), pa.list_(pa.float64()), None),
    ],
)
def test_the_type_of_files_that_differ_holds_every_value_or_there_is_none(
    first: pa.DataType, second: pa.DataType, kind: pa.DataType | None
) -> None:
    for pair in ((first, second), (second, first)):
        assert common(map(carried, pair)) == kind


@pytest.mark.parametrize(("number", "holds"), [(2**53, True), (2**53 + 1, False)])
def test_whole_numbers_and_fractions_are_one_column_where_no_number_changes(
    recipe: Path, number: int, holds: bool
) -> None:
    files(
        recipe, {"k": [1.5, 2.5, 3.5]}, {"k": pa.array([number, None, 1])}, {"k": pa.array([None] * 3, pa.int64())}
    )
    if holds:
        assert in_a_table(recipe)["k"].to_pylist() == [1.5, 2.5, 3.5, float(number), None, 1.0, None, None, None]
    else:
        with pytest.raises(SourceError, match="'k' holds int64 here, double in the files before"):
            in_a_table(recipe)


def test_files_may_differ_in_their_columns(recipe: Path) -> None:
    struct = pa.struct([("b", pa.string()), ("a", pa.int32())])
    one = {"k": of(pa.struct([("a", pa.int64())]), {"a": 1}), "first": [1, 2, 3]}
    two = {"k": of(struct, {"a": 2, "b": "x"}), "text": bytes_as_text([b"1", b"2", b"3"]), "late": ["a", "b", "c"]}
    read = in_a_table(files(recipe, one, two))
    a, b = {"a": 1, "b": None}, {"a": 2, "b": "x"}
    assert read["k"].to_pylist() == [a, None, a, b, None, b]
    assert read["first"].to_pylist() == [1, 2, 3, None, None, None]
    assert read["late"].to_pylist() == [None, None, None, "a", "b", "c"]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ([{"k": [1, 2, 3]}, {"k": ["a", "b", "c"]}], "'k' holds string here, int64 in the files before"),
        ([pa.table([["a"], [1], [2]], names=["text", "k", "k"])], "2 columns 'k'"),
        ([{"k": of(pa.timestamp("us", "Nowhere/Land"), 1)}], "Nowhere/Land"),
        ([{"k": pa.StructArray.from_arrays([pa.array(list("abc"))] * 2, ["u", "u"])}], "two fields have one name"),
    ],
)
def test_what_can_not_be_published_is_said_before_a_document_is_read(
    recipe: Path, tables: list[dict[str, Any] | pa.Table], said: str
) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        in_a_table(files(recipe, *tables))
    assert "source.keep" in caught.value.remedy


def test_a_time_that_no_reader_shows_is_a_drop(recipe: Path) -> None:
    for number, (kind, far) in enumerate(
        ((pa.timestamp("ms"), 2**60), (pa.date32(), 2**30), (pa.duration("s"), 2**60))
    ):
        files(recipe, {"k": pa.array([far, 1, None], kind)})
        loaded = load_recipe(str(recipe), ())
        (source,) = loaded.recipe.sources
        documents = [document for shard in source.shards() for document in source.read(shard, Counter())]
        assert [document.dropped for document in documents] == [("read", "time_out_of_range"), None, None], number
        assert [document.source["k"] for document in documents] == [None, 1, None]


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        (pa.array([7, None, 0]), ["7", "0.parquet#1", "0"]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array([b"\xff\0", b"a", b""]), ["ff00", "61", "0.parquet#2"]),
    ],
)
def test_ids_may_be_codes_whole_numbers_and_bytes(recipe: Path, column: pa.Array[Any], ids: list[str]) -> None:
    files(recipe, {"key": column})
    (source,) = load_recipe(str(recipe), ["source.id=key"]).recipe.sources
    source.pin()
    read = [document.id for shard in source.shards() for document in source.read(shard, Counter())]
    assert read == ids
