"""Sources: every row becomes one document, in the same order on every machine, or a drop that says why."""

import hashlib
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from builder.document import Document
from builder.errors import SourceError
from builder.sources import FilesSource, ParquetSource, Source
from builder.sources.text import decode


def documents(source: Source) -> list[Document]:
    """Read every shard, in order."""
    return [document for shard in source.shards() for document in source.read(shard, Counter())]


def tree(folder: Path, **files: bytes) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def source_of(folder: Path, **options: Any) -> FilesSource:
    return FilesSource(kind="files", path=folder, **options)


def only(source: Source) -> Document:
    (document,) = documents(source)
    return document


# --- files ---


def test_files_come_sorted_by_path_from_any_depth(tmp_path: Path) -> None:
    for name in ("b.py", "a/z.py", "a/b/c.py", "a.py", "a/b/note.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    read = documents(source_of(tmp_path, glob="**/*.py"))
    assert [document.id for document in read] == ["a.py", "a/b/c.py", "a/z.py", "b.py"]
    assert [document.text for document in read] == [document.id for document in read]
    assert [document.source["row"] for document in read] == [0, 1, 2, 3]


def test_overlapping_globs_give_a_file_once(tmp_path: Path) -> None:
    tree(tmp_path, a=b"1", b=b"2", c=b"3")
    assert [document.id for document in documents(source_of(tmp_path, glob=["b", "*", "a"]))] == ["a", "b", "c"]


def test_a_document_says_where_it_is_from(tmp_path: Path) -> None:
    tree(tmp_path, code__x=b"x = 1\n")
    document = only(source_of(tmp_path, name="mine"))
    assert document.id == "mine/code/x"
    assert document.source == {
        "dataset": "mine",
        "file": "code/x",
        "row": 0,
        "encoding": "utf-8",
        "bytes": 6,
        "sha256": hashlib.sha256(b"x = 1\n").hexdigest(),
    }
    assert set(document.source) == set(source_of(tmp_path).columns())


@pytest.mark.parametrize(
    ("encoding", "content", "text"),
    [
        ("utf-8", "é".encode(), "é"),
        ("latin-1", b"\xe9", "é"),
        ("utf-16", "é\n".encode("utf-16"), "é\n"),
        ("utf-8", b"\xef\xbb\xbfx\xef\xbb\xbf\n", "x\ufeff\n"),
        ("utf-8", b"\xef\xbb\xbf\xef\xbb\xbfx\n", "x\n"),
        ("utf-8", b"\xef\xbb\xbf", ""),
        ("utf-16-le", "\ufeffé\n".encode("utf-16-le"), "é\n"),
        ("utf-32-be", "\ufeffé\n".encode("utf-32-be"), "é\n"),
        ("cp932", b"\x83e", "テ"),
        ("utf-8", b"a\r\nb\rc\0", "a\r\nb\rc\0"),
        ("utf-8-sig", b"\xef\xbb\xbfx", "x"),
        ("utf-8", b"", ""),
    ],
)
def test_text_is_the_files_bytes_in_the_recipes_encoding(
    tmp_path: Path, encoding: str, content: bytes, text: str
) -> None:
    document = only(source_of(tree(tmp_path, f=content), encoding=encoding))
    assert (document.text, document.current, document.dropped) == (text, text, None)


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("utf-8", b"ok\xff"),
        ("utf-8", b"\xed\xa0\x80"),  # a surrogate, as CESU-8 has it
        ("utf-8", b"cut \xe3\x83"),
        ("utf-16", b"\x00"),
        ("utf-7", b"+2AA-"),  # decodes, to a lone surrogate that no table holds
        ("ascii", b"\x80"),
    ],
)
def test_bytes_that_are_no_text_are_a_drop_not_a_loss(tmp_path: Path, encoding: str, content: bytes) -> None:
    tree(tmp_path, a=content, b=b"")
    bad, _ = documents(source_of(tmp_path, encoding=encoding))
    assert bad.dropped == ("read", "undecodable")
    assert (bad.text, bad.current) == (None, "")
    assert bad.source["sha256"] == hashlib.sha256(content).hexdigest()


@given(content=st.binary(), encoding=st.sampled_from(["utf-8", "utf-7", "utf-16", "cp932", "punycode", "idna"]))
def test_decoding_gives_text_that_a_table_can_hold_or_a_reason(content: bytes, encoding: str) -> None:
    text, reason = decode(content, encoding)
    if text is None:
        assert reason == "undecodable"
    else:
        assert reason is None
        assert text.encode() is not None
        assert not text.startswith("\ufeff")


def test_a_file_over_the_limit_is_not_even_read(tmp_path: Path) -> None:
    tree(tmp_path, a=b"12345", b=b"1234")
    large, small = documents(source_of(tmp_path, max_bytes=4))
    assert (large.dropped, large.source["bytes"], large.text) == (("read", "too_large"), 5, None)
    assert (small.dropped, small.text) == (None, "1234")


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"6" * 64 + b"\nsize 146946961\n"


def test_a_pointer_of_git_lfs_is_no_document(tmp_path: Path) -> None:
    tree(tmp_path, pointer=POINTER, about=b"# On pointers\n" + POINTER)
    about, pointer = documents(source_of(tmp_path))
    assert (pointer.dropped, pointer.text) == (("read", "git_lfs_pointer"), None)
    assert about.dropped is None
    (tmp_path / "a.parquet").write_bytes(POINTER)
    with pytest.raises(SourceError, match="a pointer that Git LFS left") as caught:
        rows_of(tmp_path / "a.parquet").pin()
    assert "git lfs pull" in caught.value.remedy


def test_a_file_that_cannot_be_read_is_a_drop_that_says_why(tmp_path: Path) -> None:
    tree(tmp_path, gone=b"x", ok=b"y")
    (tmp_path / "refuses").symlink_to("/proc/self/mem")  # a regular file whose first byte is an I/O error
    source = source_of(tmp_path)
    shards = source.shards()
    (tmp_path / "gone").unlink()
    read = [document for shard in shards for document in source.read(shard, Counter())]
    assert [document.dropped for document in read] == [
        ("read", "unreadable_FileNotFoundError"),
        None,
        ("read", "unreadable_OSError"),
    ]


def test_a_file_name_that_is_not_utf8_is_read_and_named(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/n\xff.py", "wb") as file:  # noqa: PTH123 - bytes
        file.write(b"x = 1\n")
    source = source_of(tmp_path)
    document = only(source)
    assert (document.id, document.text) == ("n\\xff.py", "x = 1\n")
    assert document.source["file"].encode() == b"n\\xff.py"
    assert source.pin()["files"] == 1


def test_fifos_devices_and_folders_are_no_documents(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tree(tmp_path, a=b"x", folder__b=b"y")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "itself").symlink_to("itself")
    assert [document.id for document in documents(source_of(tmp_path))] == ["a", "folder/b"]
    assert f"2 links lead to nothing and are passed over, such as {tmp_path / 'dangling'}" in caplog.text


def test_files_that_hold_many_documents_are_said_to_become_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tree(tmp_path, **{"package.json": b"{}", "rows.csv": b"a,b", "a.py": b"a = 1"})
    source_of(tmp_path).pin()
    assert not caplog.text
    source_of(tree(tmp_path, **{"rows.jsonl.gz": b"", "b.parquet": b""})).pin()
    assert "2 of these files hold many documents" in caplog.text and "b.parquet" in caplog.text


def test_a_missing_folder_and_an_empty_glob_say_what_to_correct(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    for source, key in ((source_of(missing), "source.path"), (source_of(tmp_path, glob="*.py"), "source.glob")):
        for use in (source.pin, source.shards):
            with pytest.raises(SourceError) as caught:
                use()
            assert caught.value.where == str(source.path)
            assert key in caught.value.remedy


def test_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="utf-99"):
        source_of(tmp_path, encoding="utf-99")


@pytest.mark.parametrize("shard_rows", [1, 2, 3, 7, 100])
def test_shards_of_files_are_always_the_same_and_cover_each_file_once(tmp_path: Path, shard_rows: int) -> None:
    tree(tmp_path, **{f"f{number}": b"x" for number in range(7)})
    source, again = (source_of(tmp_path, shard_rows=shard_rows) for _ in range(2))
    assert source.shards() == again.shards()
    assert sum(shard.rows for shard in source.shards()) == 7
    assert max(shard.rows for shard in source.shards()) <= shard_rows
    assert [document.id for document in documents(source)] == [f"f{number}" for number in range(7)]
    last = again.shards()[-1]  # alone, without those before it
    assert [document.source["row"] for document in again.read(last, Counter())] == list(range(last.start, 7))


def test_the_pin_moves_with_names_and_sizes(tmp_path: Path) -> None:
    pins = []
    for change in ({"a": b"1"}, {"a": b"12"}, {"b": b""}):
        tree(tmp_path, **change)
        pins.append(source_of(tmp_path).pin()["listing_sha256"])
    assert len(set(pins)) == 3
    assert source_of(tmp_path).pin()["listing_sha256"] == pins[-1]


# --- parquet ---


def parquet(path: Path, table: dict[str, Any] | pa.Table, group: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table) if isinstance(table, dict) else table, path, row_group_size=group)
    return path


def rows_of(path: Path, **options: Any) -> ParquetSource:
    return ParquetSource(kind="parquet", path=str(path), **options)


def spoil(path: Path, *, keep_column: str, keep_group: int) -> None:
    """Overwrite every column chunk of the file but one with 0xff."""
    metadata = pq.read_metadata(path)
    content = bytearray(path.read_bytes())
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            if (column.path_in_schema, group) != (keep_column, keep_group):
                first = column.dictionary_page_offset or column.data_page_offset
                size = column.total_compressed_size
                content[first : first + size] = b"\xff" * size
    path.write_bytes(bytes(content))


def test_only_the_row_groups_and_columns_that_are_needed_are_read(tmp_path: Path) -> None:
    numbers = [str(number) for number in range(30)]
    path = parquet(tmp_path / "d.parquet", {"text": numbers, "other": numbers, "id": numbers}, group=10)
    spoil(path, keep_column="text", keep_group=1)
    source = rows_of(path, shard_rows=10, keep=[])
    assert [document.text for document in source.read(source.shards()[1], Counter())] == numbers[10:20]
    with pytest.raises(OSError):  # the spoilt pages do fail where they are read
        list(source.read(source.shards()[0], Counter()))


def test_shards_close_on_row_group_borders_and_cover_each_row_once(tmp_path: Path) -> None:
    for name, rows in (("a", 25), ("b", 0), ("c", 7)):
        parquet(
            tmp_path / f"{name}.parquet", {"text": pa.array([f"{name}{n}" for n in range(rows)], pa.string())}, 4
        )
    source = rows_of(tmp_path / "*.parquet", shard_rows=10)
    shards = [(Path(shard.file).name, shard.start, shard.stop) for shard in source.shards()]
    assert shards == [("a.parquet", 0, 12), ("a.parquet", 12, 24), ("a.parquet", 24, 25), ("c.parquet", 0, 7)]
    assert source.shards() == rows_of(tmp_path / "*.parquet", shard_rows=10).shards()
    expected = [f"a{n}" for n in range(25)] + [f"c{n}" for n in range(7)]
    assert [document.text for document in documents(source)] == expected
    assert source.pin() == {"files": 3, "rows": 32, "footers_sha256": source.pin()["footers_sha256"]}


@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, 1200), length=st.integers(1, 1200))
def test_any_range_of_rows_can_be_read_alone(
    tmp_path_factory: pytest.TempPathFactory, start: int, length: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "range" / "d.parquet"
    if not path.exists():
        parquet(path, {"text": [f"t{n}" for n in range(1200)]}, group=500)
    source = rows_of(path, shard_rows=10_000)
    (whole,) = source.shards()
    shard = type(whole)(whole.file, start, min(start + length, whole.stop))
    read = list(source.read(shard, Counter()))
    assert [document.text for document in read] == [f"t{n}" for n in range(shard.start, shard.stop)]
    assert [document.source["row"] for document in read] == list(range(shard.start, shard.stop))


def as_text(cells: list[bytes | None], kind: pa.DataType) -> "pa.Array[Any]":
    """Return bytes as a column of text, valid or not, as a careless writer leaves it."""
    wide = pa.types.is_large_string(kind)
    binary = pa.array(cells, pa.large_binary() if wide else pa.binary())
    return pa.Array.from_buffers(kind, len(binary), binary.buffers())


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
def test_null_and_invalid_text_are_drops_and_cost_no_other_row(tmp_path: Path, kind: pa.DataType) -> None:
    column = as_text([b"fine", b"bad \xff", None, "é".encode(), b""], kind)
    path = parquet(tmp_path / "d.parquet", {"text": column})
    read = documents(rows_of(path))
    assert [document.text for document in read] == ["fine", None, None, "é", ""]
    reasons = [None, ("read", "undecodable"), ("read", "null_text"), None, None]
    assert [document.dropped for document in read] == reasons


def test_invalid_text_in_kept_columns_is_escaped_at_any_depth(tmp_path: Path) -> None:
    bad = as_text([b"\xff", b"ok"], pa.string())
    table = {
        "text": ["one", "two"],
        "id": bad,
        "flat": bad,
        "many": pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), bad),
        "nested": pa.StructArray.from_arrays([bad], names=["inner"]),
    }
    source = rows_of(parquet(tmp_path / "d.parquet", table), id="id", keep=["flat", "many", "nested"])
    first, second = documents(source)
    assert (first.id, second.id) == ("\\xff", "ok")
    kept = [[document.source[column] for column in source.keep] for document in (first, second)]
    assert kept == [["\\xff", ["\\xff"], {"inner": "\\xff"}], ["ok", ["ok"], {"inner": "ok"}]]
    pa.Table.from_pylist([dict(first.source), dict(second.source)], schema=pa.schema(source.columns().items()))


def test_ids_come_from_their_column_or_from_file_and_row(tmp_path: Path) -> None:
    path = parquet(tmp_path / "d.parquet", {"text": ["x"] * 3, "key": ["k", None, ""]})
    assert [document.id for document in documents(rows_of(path))] == [f"d.parquet#{row}" for row in range(3)]
    named = documents(rows_of(path, id="key", name="mine"))
    assert [document.id for document in named] == ["mine/k", "mine/d.parquet#1", "mine/d.parquet#2"]


def test_ids_may_be_whole_numbers_of_any_size(tmp_path: Path) -> None:
    wide = pa.array([Decimal(2**100), Decimal(-3)], pa.decimal128(38, 0))
    for key, ids in ((wide, [str(2**100), "-3"]), (pa.array([2**64 - 1, 0], pa.uint64()), [str(2**64 - 1), "0"])):
        found = rows_of(parquet(tmp_path / "d.parquet", {"text": ["x"] * 2, "key": key}), id="key")
        found.pin()
        assert [document.id for document in documents(found)] == ids
    cents = pa.array([Decimal("1.50"), None], pa.decimal32(5, 2))
    with pytest.raises(SourceError, match=r"'key' holds decimal128\(5, 2\), not text or whole numbers"):
        rows_of(parquet(tmp_path / "d.parquet", {"text": ["x"] * 2, "key": cents}), id="key").pin()
    kept = rows_of(tmp_path / "d.parquet")
    assert kept.columns()["key"] == pa.decimal128(5, 2)
    assert [document.source["key"] for document in documents(kept)] == [Decimal("1.50"), None]


def test_texts_that_become_bytes_are_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    parquet(tmp_path / "a.parquet", {"text": ["x"], "note": ["s"], "raw": [b"\xff"]})
    late = parquet(tmp_path / "b.parquet", {"text": [b"y"], "note": [b"\xff"], "raw": [b"z"]})
    found = rows_of(tmp_path / "*.parquet")
    found.pin()
    assert (found.columns()["note"], found.columns()["raw"]) == (pa.binary(), pa.binary())
    (said,) = caplog.messages
    assert said.startswith(f"column 'note' is published as bytes: {late} has bytes in it")


def test_links_to_nothing_and_links_to_the_same_rows_are_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parquet(tmp_path / "a.parquet", {"text": ["x"]})
    (tmp_path / "b.parquet").symlink_to("a.parquet")
    assert rows_of(tmp_path / "*.parquet").pin()["rows"] == 2
    assert "and its rows are read twice" in caplog.text
    (tmp_path / "c.parquet").symlink_to("nowhere")
    with pytest.raises(SourceError, match="it is a link to nothing") as caught:
        rows_of(tmp_path / "*.parquet").pin()
    assert caught.value.where == str(tmp_path / "c.parquet")


@pytest.mark.parametrize(("name", "content"), [("r.jsonl", b'{"text": "a"}\n'), ("r.tsv", b"text\tn\na\t1\n")])
def test_the_way_from_other_formats_to_parquet_leads_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    tree(tmp_path, **{name: content})
    with pytest.raises(SourceError, match="it is no Parquet") as caught:
        rows_of(Path(name)).pin()
    code = caught.value.remedy.partition('-c "')[2].rpartition('"')[0]
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    exec(code)
    assert only(rows_of(Path("rows.parquet"))).text == "a"


def test_files_of_one_name_in_several_folders_keep_their_ids_apart(tmp_path: Path) -> None:
    for folder in ("en", "ja"):
        parquet(tmp_path / folder / "part-0.parquet", {"text": [folder]})
    read = documents(rows_of(tmp_path / "**" / "*.parquet"))
    assert [document.id for document in read] == ["en/part-0.parquet#0", "ja/part-0.parquet#0"]
    assert [document.source["file"] for document in read] == ["en/part-0.parquet", "ja/part-0.parquet"]


def test_kept_columns_travel_with_their_types(tmp_path: Path) -> None:
    table = {"text": ["x"], "stars": pa.array([5], pa.int32()), "tags": [["a", "b"]], "unused": [1]}
    source = rows_of(parquet(tmp_path / "d.parquet", table), keep=["stars", "tags"])
    assert only(source).source == {
        "dataset": tmp_path.name,
        "file": "d.parquet",
        "row": 0,
        "stars": 5,
        "tags": ["a", "b"],
    }
    assert source.columns()["stars"] == pa.int32()
    assert set(source.columns()) == set(only(source).source)


def test_a_rows_text_begins_behind_its_mark(tmp_path: Path) -> None:
    path = parquet(tmp_path / "d.parquet", {"text": ["\ufeffx = 1\n"], "note": ["\ufeffas it is"]})
    document = only(rows_of(path))
    assert (document.text, document.current, document.source["note"]) == ("x = 1\n", "x = 1\n", "\ufeffas it is")


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    path = parquet(tmp_path / "d.parquet", {"content": ["x"], "key": ["k"]})
    with pytest.raises(SourceError, match="no column 'text'; it has content, key") as caught:
        rows_of(path).pin()
    assert caught.value.where == str(path)
    assert "source.text" in caught.value.remedy


def test_a_column_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = parquet(tmp_path / "d.parquet", {"text": ["x"], "score": [1.5]})
    with pytest.raises(SourceError, match="'score' holds double, not text or whole numbers"):
        rows_of(path, id="score").pin()


def test_a_column_that_is_empty_in_a_file_has_the_type_of_the_others(tmp_path: Path) -> None:
    """Writers that don't know it make one up: DuckDB takes 32-bit integers."""
    empty = {"w": pa.array([None, None], pa.int32()), "l": pa.array([None, None], pa.int32()), "a.b": [1, 2]}
    parquet(tmp_path / "0.parquet", {"text": ["a", "b"], **empty})
    held = {"w": ["x", None], "l": pa.array([[1], []]), "a.b": [3, 4]}
    parquet(tmp_path / "1.parquet", {"text": ["c", "d"], **held})
    found = rows_of(tmp_path / "*.parquet", shard_rows=2)
    found.pin()
    assert (found.columns()["w"], found.columns()["l"]) == (pa.string(), pa.list_(pa.int64()))
    read = [[document.source[name] for name in ("w", "l", "a.b")] for document in documents(found)]
    assert read == [[None, None, 1], [None, None, 2], ["x", [1], 3], [None, [], 4]]


@pytest.mark.parametrize(
    ("other", "message"),
    [({"content": ["x"], "n": [1]}, "no column 'text'"), ({"text": ["x"], "n": ["1"]}, "'n' holds string here")],
)
def test_a_later_file_that_does_not_fit_is_found_before_the_run(
    tmp_path: Path, other: dict[str, Any], message: str
) -> None:
    parquet(tmp_path / "a.parquet", {"text": ["x"], "n": [1]})
    late = parquet(tmp_path / "b.parquet", other)
    with pytest.raises(SourceError, match=message) as caught:
        rows_of(tmp_path / "*.parquet", keep=["n"]).pin()
    assert caught.value.where == str(late)


def test_what_is_no_parquet_file_is_said_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no footer")
    empty = parquet(tmp_path / "empty.parquet", {"text": pa.array([], pa.string())})
    for path in (tmp_path / "none.parquet", tmp_path / "none-*.parquet", tmp_path / "torn.parquet", empty):
        with pytest.raises(SourceError) as caught:
            rows_of(path).pin()
        assert caught.value.where == str(path)
        assert "source.path" in caught.value.remedy


def test_a_path_may_hold_brackets_and_a_source_is_called_after_a_folder_and_no_wildcard(tmp_path: Path) -> None:
    path = parquet(tmp_path / "pages" / "we[1]rd.parquet", {"text": ["a"]})
    for pattern in (path, path.parent / "*.parquet", tmp_path / "pages" / "**" / "*.parquet"):
        rows = rows_of(pattern)
        assert rows.pin()["rows"] == 1 and rows.label() == "pages"


def test_a_folder_is_said_to_be_one_unless_what_is_in_it_is_meant(tmp_path: Path) -> None:
    path = parquet(tmp_path / "made.parquet" / "part-0.parquet", {"text": ["a"]})
    for pattern in (path.parent, tmp_path / "*.parquet"):
        with pytest.raises(SourceError, match="this is a folder") as caught:
            rows_of(pattern).pin()
        assert caught.value.remedy == f"write {path.parent}/**/*.parquet"
    assert rows_of(tmp_path / "**" / "*.parquet").pin()["files"] == 1


def test_ids_are_unique_over_all_shards(tmp_path: Path) -> None:
    for number in range(3):
        parquet(tmp_path / str(number) / "d.parquet", {"text": ["x"] * 50}, group=7)
    counts = Counter(document.id for document in documents(rows_of(tmp_path / "*" / "d.parquet", shard_rows=10)))
    assert len(counts) == 150


def test_shards_that_end_inside_a_batch_hold_no_batch_back(tmp_path: Path) -> None:
    rows = 120_000
    path = parquet(tmp_path / "d.parquet", {"text": [f"{n:0100d}" for n in range(rows)]}, group=6_000)
    source = rows_of(path, shard_rows=1)
    before, most, read = pa.total_allocated_bytes(), 0, 0
    for shard in source.shards():
        read += len(list(source.read(shard, Counter())))
        most = max(most, pa.total_allocated_bytes() - before)
    assert read == rows
    assert most < 4 * 2**20, f"{most} bytes for a row group of 600 kB"
