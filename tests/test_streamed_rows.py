"""JSON lines and other streamed rows: types that change are widened, wherever; lines that are no rows drop."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.cells import restored
from builder.errors import SourceError
from builder.sources.inferred import MIXED, NULL, Kind, arrow_type, fitting, widened
from builder.sources.json_lines import JsonLines
from tests.local_hub import LocalHub
from tests.support import builder

RECIPE = """
name: lines
source: {kind: hub, dataset: people/lines, shard_rows: 4}
stages: [{name: long, filter: length, min_characters: 1}]
release: {configs: {default: long}, license: apache-2.0, scan: []}
"""
cells = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "A"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def kind_of(column: list[Any]) -> Kind:
    kind: Kind = NULL
    for cell in column:
        kind = widened(kind, cell)
    return kind


def in_a_table(column: list[Any]) -> pa.Array[Any]:
    """Return a column as a run's table gets it."""
    kind = kind_of(column)
    fit, make = fitting(kind), restored(arrow_type(kind))
    fitted = [fit(cell) for cell in column]
    return pa.array([make(cell) for cell in fitted] if make else fitted, arrow_type(kind))


@settings(deadline=None)
@given(column=st.lists(cells, max_size=6))
def test_whatever_a_column_holds_there_is_a_type_for_it_and_every_cell_fits(column: list[Any]) -> None:
    kind = kind_of(column)
    assert json.loads(json.dumps(kind)) == kind
    held = in_a_table(column)
    pq.write_table(pa.table({"k": held}), io.BytesIO())
    assert [cell is None for cell in held.to_pylist()] == [cell is None for cell in column]


@pytest.mark.parametrize(
    ("column", "kind", "held"),
    [
        ([1, 2.5], pa.float64(), [1.0, 2.5]),
        ([2**53 + 1, 2.5], pa.string(), ["9007199254740993", "2.5"]),
        ([1, 2**70], pa.string(), ["1", str(2**70)]),
        ([None, "a"], pa.string(), [None, "a"]),
        ([1, "a", None, True], pa.string(), ["1", "a", None, "true"]),
        (["a", {"b": ["é"]}], pa.string(), ["a", '{"b": ["é"]}']),
        ([[], [None], ["x"]], pa.list_(pa.string()), [[], [None], ["x"]]),
        ([[[1, "a"]]], pa.list_(pa.list_(pa.string())), [[["1", "a"]]]),
        ([{"a": 1}, {"b": "x"}], pa.struct([("a", pa.int64()), ("b", pa.string())]),
         [{"a": 1, "b": None}, {"a": None, "b": "x"}]),
        ([{}, None], pa.string(), ["{}", None]),
        ([{"\ud800": 1}], pa.string(), [r'{"\xed\xa0\x80": 1}']),
        (["\ud800 half"], pa.string(), [r"\xed\xa0\x80 half"]),
        ([{str(n): n for n in range(300)}], pa.string(), [json.dumps({str(n): n for n in range(300)})]),
    ],
)  # fmt: skip
def test_a_type_is_widened_and_what_no_other_type_holds_becomes_text(
    column: list[Any], kind: pa.DataType, held: list[Any]
) -> None:
    assert in_a_table(column) == pa.array(held, kind)


def zstandard(content: bytes) -> bytes:
    """Compress into two frames, as tools do that append."""
    into = pa.BufferOutputStream()
    for part in content[:9], content[9:]:
        with pa.CompressedOutputStream(frame := pa.BufferOutputStream(), "zstd") as stream:
            stream.write(part)
        into.write(frame.getvalue())
    return bytes(into.getvalue())


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard,
}


def opened(content: bytes) -> JsonLines:
    def open(name: str) -> BinaryIO:
        return io.BytesIO(COMPRESSORS.get(Path(name).suffix, bytes)(content))

    return JsonLines(open, lambda name: f"hf://{name}")


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.jsonl.gz", "a.json.bz2", "a.ndjson.xz", "a.jsonl.zst"])
def test_a_line_is_a_row_whatever_json_it_is(name: str) -> None:
    content = [b'\xef\xbb\xbf{"a": 1}', b"", b'{"a": NaN, "b": 1e400}', b'{"a": "\\ud800"}', b'{"a": 1, "a": 2}',
             b"{oops", b"[1]", b'{"a": "\xff"}',
             b'{"a": 123456789012345678901234567890}', b"[" * 100_000]  # fmt: skip
    table = opened(b"\n".join(content))
    assert table.can_read([name])
    rows = list(table.rows(name, 0))
    assert [row and list(row) for row in rows] == [["a"], ["a", "b"], ["a"], ["a"], None, None, ["a"], ["a"], None]
    assert rows[3:] == list(table.rows(name, 3))
    assert rows[3] == {"a": 2}
    assert rows[7] == {"a": 123456789012345678901234567890}


def test_an_empty_file_of_lines_has_no_rows() -> None:
    assert opened(b"\n").can_read(["a.jsonl", "b.jsonl"])
    assert list(opened(b"\n").rows("a.jsonl", 0)) == []


@pytest.mark.parametrize("content", [b"[1]\n{}", b"version https://git-lfs", b"<!doctype html>", b'{\n"a": 1\n}'])
def test_what_begins_with_no_object_is_left_to_others(content: bytes) -> None:
    assert not opened(content).can_read(["a.json"])
    assert not opened(b"{}").can_read(["a.csv"])


@pytest.mark.parametrize(
    "content",
    [
        b'[{"d": "2024-01-01T00:00:00Z"}, 5, {"m": {"x": 1}}]',
        b'\xef\xbb\xbf[\n  {\n  "d": "2024-01-01T00:00:00Z"},\n5, {"m": {"x": 1}}\n]\n',
    ],
)
def test_an_array_of_objects_keeps_what_they_hold(content: bytes) -> None:
    table = opened(content)
    assert table.can_read(["a.json"])
    assert list(table.rows("a.json", 0)) == [{"d": "2024-01-01T00:00:00Z"}, None, {"m": {"x": 1}}]
    assert list(table.rows("a.json", 2)) == [{"m": {"x": 1}}]
    with pytest.raises(SourceError, match=r"hf://a\.json: it begins as a JSON array and is none"):
        list(opened(content.strip()[:-1]).rows("a.json", 0))


@pytest.mark.parametrize("ending", COMPRESSORS)
@pytest.mark.parametrize("damage", [lambda whole: whole[:-9], lambda whole: b'{"a": 1}\n'])
def test_a_compressed_file_that_is_damaged_is_named(ending: str, damage: Callable[[bytes], bytes]) -> None:
    content = damage(COMPRESSORS[ending](b"".join(b'{"a": %d}\n' % number for number in range(5000))))
    table = JsonLines(lambda _: io.BytesIO(content), lambda name: f"hf://{name}")
    with pytest.raises(SourceError, match=rf"hf://a\.jsonl{ending}: it is cut off, damaged"):
        list(table.rows(f"a.jsonl{ending}", 0))


@pytest.fixture(scope="module")
def hub() -> Iterator[LocalHub]:
    with LocalHub() as local:
        yield local


def lines(*rows: dict[str, Any]) -> bytes:
    return b"".join(
        json.dumps({"text": f"text {number}", **row}).encode() + b"\n" for number, row in enumerate(rows)
    )


def test_types_that_change_in_the_middle_and_rows_that_are_none_are_published(
    hub: LocalHub, tmp_path: Path
) -> None:
    first = lines(
        {"k": 1, "key": 7}, {"k": 2, "late": "x"}, {"k": "three", "key": 7}, {"text": "\udc00", "key": "a"}
    )
    second = lines({"k": None, "key": 7, "n": 1}) + b"{oops\n" + lines({"k": {"a": [1]}, "n": 0.5})
    hub.put("people/lines", {"data/a.jsonl": first, "data/b.jsonl": second})
    recipe = tmp_path / "lines.yaml"
    recipe.write_text(RECIPE)
    env: dict[str, Any] = hub.env(tmp_path)
    options = ("--run", tmp_path / "run", "--to", tmp_path / "out", "--set", "source.id=key")
    said = builder("publish", recipe, *options, "--limit", 3, **env).stderr
    assert "column 'k' is kept as text: row 2 of hf://datasets/people/lines@" in " ".join(said.split())
    said = builder("publish", recipe, *options, **env).stderr
    assert "kept as text" not in said, "the types are recorded"
    builder("verify", tmp_path / "out", **env)
    table = pq.read_table(tmp_path / "run/shards")
    source = pa.Table.from_struct_array(table["source"])
    assert source["k"].to_pylist() == ["1", "2", "three", None, None, None, '{"a": [1]}']
    assert source["n"].to_pylist() == [None, None, None, None, 1.0, None, 0.5]
    assert source["late"].to_pylist() == [None, "x", None, None, None, None, None]
    place = "data/a.jsonl#1", "data/b.jsonl#1", "data/b.jsonl#2"
    assert table["id"].to_pylist() == ["7", place[0], "7~2", "a", "7~3", *place[1:]]
    reasons = Counter(verdict["reason"] for verdict in table["verdict"].to_pylist() if verdict)
    assert reasons == {"undecodable": 1, "malformed_row": 1}


def test_files_that_are_no_json_lines_keep_what_they_hold(hub: LocalHub, tmp_path: Path) -> None:
    rows = "".join(f"text {number},{number if number < 5 else 'late'},NA\n" for number in range(6))
    hub.put("people/csv", {"data/a.csv": f"text,k,country\n{rows}None,,null\n".encode()})
    recipe = tmp_path / "lines.yaml"
    recipe.write_text(RECIPE)
    options = ("--set", "source.dataset=people/csv")
    env: dict[str, Any] = hub.env(tmp_path)
    builder("build", recipe, "--run", tmp_path / "run", *options, **env)
    source = pa.Table.from_struct_array(pq.read_table(tmp_path / "run/shards")["source"])
    assert source["k"].to_pylist() == ["0", "1", "2", "3", "4", "late", None]
    assert source["country"].to_pylist() == [*["NA"] * 6, "null"]
    assert pq.read_table(tmp_path / "run/shards")["text"].to_pylist()[6] == "None"


def test_a_column_that_is_text_stays_text() -> None:
    assert widened(MIXED, 5) == MIXED
