"""How much of a release is new to the Hub: estimated from what became of its rows."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from builder.release import config_files, new_bytes
from builder.release.config_files import Config, write_config
from builder.release.manifest import Manifest, described
from builder.release.new_bytes import estimate
from builder.release.rows import RowChanges

ROWS = 3000


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_files, "_GROUP_ROWS", (20, 200))
    monkeypatch.setattr(config_files, "_CUT_ONE_IN", 100)
    monkeypatch.setattr(new_bytes, "_CHUNK", 8)


def write(folder: Path, rows: int, revision: str) -> tuple[Config, Manifest]:
    folder.mkdir()
    texts = [f"{number} text {number**7} of {number**9}" for number in range(rows)]
    table = pa.table(
        {"text": texts, "id": [f"row-{number:05d}" for number in range(rows)], "revision": [revision] * rows}
    )
    config = write_config(iter([table]), "default", "lint", "train", (), folder)
    files = [described(folder, path, None, config.groups[path]) for path in config.files]
    return config, Manifest("1.0.0", "small", "", {}, files)


def share(tmp_path: Path, rows: int, revision: str, change: RowChanges) -> float:
    _, old = write(tmp_path / "old", ROWS, "one")
    config, new = write(tmp_path / "new", rows, revision)
    return estimate(tmp_path / "new", new, old, {"default": change}, config.files) / config.bytes


def test_what_is_the_same_is_not_new(tmp_path: Path) -> None:
    added = ROWS // 100
    assert 0.01 < share(tmp_path, ROWS + added, "one", RowChanges(added, 0, 0, 0)) < 0.3


def test_of_rows_with_another_text_all_is_new(tmp_path: Path) -> None:
    whole = share(tmp_path, ROWS, "two", RowChanges(0, 0, ROWS, ROWS))
    assert 0.95 < whole <= 1


def test_of_rows_that_moved_what_says_so_is_new(tmp_path: Path) -> None:
    assert 0 < share(tmp_path, ROWS, "two", RowChanges(0, 0, ROWS, 0)) < 0.5


def test_a_new_config_is_new(tmp_path: Path) -> None:
    config, manifest = write(tmp_path / "one", ROWS, "one")
    assert estimate(tmp_path / "one", manifest, None, {}, config.files) == config.bytes
