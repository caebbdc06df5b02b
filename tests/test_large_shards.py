"""A shard with more text than Arrow holds in one piece: written, read again, and released."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from builder.document import Document, Verdict, read_document
from builder.loaded_recipe import LoadedRecipe
from builder.recipe_file import load_recipe
from builder.release.config_files import write_config
from builder.release.views import drops, kept
from builder.run import table
from builder.run.directory import Run
from builder.run.table import is_same, read_shard, schema_of, write_shard
from builder.sources import rows
from tests.test_columns import RECIPE


@pytest.fixture
def loaded(tmp_path: Path) -> LoadedRecipe:
    pq.write_table(pa.table({"text": ["x"]}), tmp_path / "0.parquet")
    (tmp_path / "columns.yaml").write_text(RECIPE.replace("filter: length, min_characters: 1", "filter: secrets"))
    return load_recipe(str(tmp_path / "columns.yaml"), ())


def documents(count: int, characters: int) -> Iterator[Document]:
    """Yield documents, of which each third is dropped and each fourth has a new text, of so many bytes."""
    for number in range(count):
        text = f"{number:08d}" + "é" * ((characters - 8) // 2)
        document = read_document(f"id-{number}", text, {"dataset": "d", "file": "f", "row": number})
        drop, new = ("found" if number % 3 == 0 else None), (text[::-1] if number % 4 == 0 else None)
        yield document.after("long", Verdict({"text": new}, drop, new))


def told(document: Document) -> tuple[object, ...]:
    return document.id, document.text, document.current, document.source, document.dropped


def check(loaded: LoadedRecipe, path: Path, count: int, characters: int) -> Path:
    run, schema = Run(path, {"recipe": {"stages": [{"name": "long", "filter": "secrets"}]}}), schema_of(loaded)
    shard = run.shard_path(0)
    write_shard(shard, list(documents(count, characters)), schema, {})
    pairs = zip(documents(count, characters), read_shard(shard, ["long"]), strict=True)
    assert all(told(ours) == told(theirs) for ours, theirs in pairs)
    config = write_config(kept(run, "long"), "default", "long", "train", (), path)
    expected = [one for one in documents(count, characters) if one.dropped is None]
    read = (row for file in config.files for batch in pq.ParquetFile(path / file).iter_batches(8)
            for row in batch.to_pylist())  # fmt: skip
    assert config.rows == len(expected)
    assert all((row["id"], row["text"]) == (one.id, one.current) for row, one in zip(read, expected, strict=True))
    assert sum(len(some) for some in drops(run)) == count - len(expected)
    return shard


def test_a_shard_is_written_in_row_groups_that_arrow_can_hold(
    loaded: LoadedRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = pq.read_table(check(loaded, tmp_path / "plain", 30, 100))
    monkeypatch.setattr(table, "_GROUP_CHARACTERS", 400)
    shard = check(loaded, tmp_path / "small", 30, 100)
    groups = pq.read_metadata(shard)
    assert max(groups.row_group(number).num_rows for number in range(groups.num_row_groups)) < 8
    assert pq.read_table(shard) == plain
    some = list(documents(30, 100))
    assert is_same(some, list(read_shard(shard, ["long"])), schema_of(loaded))
    assert not is_same(some, list(read_shard(shard, ["long"]))[:-1], schema_of(loaded))


def test_more_than_two_gibibytes_of_text_are_a_shard(loaded: LoadedRecipe, tmp_path: Path, is_long: bool) -> None:
    if not is_long:
        pytest.skip("it takes minutes")
    shard = check(loaded, tmp_path / "large", 72, 2**25)
    assert pc.sum(pc.binary_length(pq.read_table(shard, columns=["text"])["text"])).as_py() > 2**31


def test_a_text_that_no_table_holds_is_a_drop(
    loaded: LoadedRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(pa.table({"text": ["12345", "1234"]}), tmp_path / "0.parquet")
    monkeypatch.setattr(rows, "LONGEST", 4)
    (source,) = loaded.recipe.sources
    read = [one for shard in source.shards() for one in source.read(shard, {})]  # type: ignore[arg-type]
    assert [(one.text, one.dropped) for one in read] == [(None, ("read", "too_large")), ("1234", None)]
