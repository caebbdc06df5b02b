"""A config's files: every row once and in order, cut where the content says, whatever tables the rows come in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.release import config_files
from builder.release.config_files import Config, write_config


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_files, "_GROUP_ROWS", (20, 200))
    monkeypatch.setattr(config_files, "_CUT_ONE_IN", 30)
    monkeypatch.setattr(config_files, "_FILE_BYTES", 12_000)


def tables(ids: Sequence[str], rows: int) -> Iterator[pa.Table]:
    for start in range(0, max(1, len(ids)), rows):
        some = list(ids[start : start + rows])
        yield pa.table(
            {"text": pa.array([f"text of {id}" for id in some], pa.string()), "id": pa.array(some, pa.string())}
        )


def write(ids: Sequence[str], folder: Path, rows: int = 64, held_out: Sequence[str] = ()) -> Config:
    folder.mkdir()
    return write_config(tables(ids, rows), "default", "lint", "train", held_out, folder)


def ids_of(folder: Path, files: Sequence[str]) -> list[str]:
    return [str(id) for file in files for id in pq.read_table(folder / file)["id"].to_pylist()]


def groups_of(folder: Path, config: Config) -> list[tuple[str, ...]]:
    found = []
    for path in config.files:
        file = pq.ParquetFile(folder / path)
        groups = (file.read_row_group(group)["id"].to_pylist() for group in range(file.num_row_groups))
        found += [tuple(map(str, group)) for group in groups]
    return found


IDS = [f"row-{number:05d}" for number in range(3000)]


def test_every_row_is_there_once_and_in_order(tmp_path: Path) -> None:
    config = write(IDS, tmp_path / "a")
    assert ids_of(tmp_path / "a", config.files) == IDS
    assert len(config.files) > 3
    assert config.files[0].endswith(f"train-00000-of-{len(config.files):05d}.parquet")
    groups = groups_of(tmp_path / "a", config)
    assert all(20 <= len(group) <= 200 for group in groups[:-1])
    assert {path.name for path in (tmp_path / "a/data/default").iterdir()} == {
        Path(file).name for file in config.files
    }


def test_files_tell_the_least_and_greatest_of_what_is_short(tmp_path: Path) -> None:
    rows = pa.table({"text": ["a long text"], "id": ["row-1"], "licenses": [["mit", "bsd"]]})
    config = write_config(iter([rows]), "default", "lint", "train", (), tmp_path)
    group = pq.read_metadata(tmp_path / config.files[0]).row_group(0)
    columns = [group.column(place) for place in range(group.num_columns)]
    told = {column.path_in_schema: column.statistics is not None for column in columns}
    assert told == {"text": False, "id": True, "licenses.list.element": True}


@pytest.mark.parametrize("change", ["insert", "delete", "append", "prepend"])
def test_a_change_in_one_place_leaves_the_other_groups_as_they_are(tmp_path: Path, change: str) -> None:
    changed = {
        "insert": [*IDS[:1500], *(f"new-{number}" for number in range(50)), *IDS[1500:]],
        "delete": [*IDS[:1500], *IDS[1550:]],
        "append": [*IDS, "new"],
        "prepend": ["new", *IDS],
    }[change]
    before = groups_of(tmp_path / "a", write(IDS, tmp_path / "a"))
    after = groups_of(tmp_path / "b", write(changed, tmp_path / "b"))
    assert len(set(after) - set(before)) <= 5, f"{len(set(after) - set(before))} of {len(after)} groups are new"


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    one, two = write(IDS, tmp_path / "a"), write(IDS, tmp_path / "b")
    assert one.files == two.files
    for file in one.files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_groups_do_not_depend_on_the_tables_that_rows_come_in(tmp_path: Path) -> None:
    assert groups_of(tmp_path / "a", write(IDS, tmp_path / "a", rows=7)) == groups_of(
        tmp_path / "b", write(IDS, tmp_path / "b", rows=1000)
    )


def test_rows_that_are_held_out_are_a_split(tmp_path: Path) -> None:
    config = write(IDS, tmp_path / "a", held_out=IDS[5:300:2])
    train, test = config.splits
    assert (train.name, test.name) == ("train", "test")
    assert ids_of(tmp_path / "a", test.files) == list(IDS[5:300:2])
    assert train.rows + test.rows == config.rows == len(IDS)


def test_a_config_without_rows_has_no_split(tmp_path: Path) -> None:
    config = write([], tmp_path / "a")
    assert (config.splits, config.files, config.rows) == ([], [], 0)
