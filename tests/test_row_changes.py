"""What a changelog says of rows: added, removed, changed, against sets in Python; and what is read to know it."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.errors import VerificationFailed
from builder.release import config_files
from builder.release.config_files import write_config
from builder.release.manifest import File, Manifest, described
from builder.release.rows import RowChanges, group_digest, row_changes
from tests.local_hub import LocalHub
from tests.support import builder, builder_json, release_digests

Row = tuple[str, str, int | None]


class Version:
    """A release's data as it is written: one config of texts, ids and a number."""

    def __init__(self, rows: Sequence[Row], folder: Path, names: Sequence[str] = ("text", "id", "stars")) -> None:
        folder.mkdir()
        kinds = (pa.string(), pa.string(), pa.int64())
        columns = (
            pa.array([row[place] for row in rows], kind) for place, kind in zip((1, 0, 2), kinds, strict=True)
        )
        table = pa.table(dict(zip(names, columns, strict=True)))
        tables = iter([table.slice(start, 700) for start in range(0, len(rows), 700)])
        config = write_config(tables, "default", "lint", "train", (), folder)
        self.folder, self.groups = folder, config.groups
        self.files = [described(folder, name, groups=digests) for name, digests in config.groups.items()]
        self.content: dict[str, Any] = {
            "data": {"default": [file.sha256 for file in self.files]},
            "schemas": {"default": [f"{field.name}: {field.type}" for field in config.schema]},
            "rows": {"default": len(rows)},
        }
        self.bytes_read = 0

    def open(self, path: str) -> BinaryIO:
        version = self

        class Counting(io.FileIO):
            def readinto(self, buffer: Any) -> int:
                count = super().readinto(buffer) or 0
                version.bytes_read += count
                return count

            def read(self, size: int | None = -1) -> bytes:
                content = super().read(size) or b""
                version.bytes_read += len(content)
                return content

        return Counting(self.folder / path)

    def changes(self, newer: Version, files: list[File] | None = None) -> RowChanges | None:
        manifest = Manifest("1.0.0", "pages", "", self.content, self.files if files is None else files)
        found = row_changes(manifest, newer.content, newer.groups, self.open, newer.folder)
        assert not list(newer.folder.glob(".*")), "nothing is left behind"
        return found.get("default")


def expected(old: Sequence[Row], new: Sequence[Row]) -> RowChanges:
    before, after = {row[0]: row for row in old}, {row[0]: row for row in new}
    stayed = before.keys() & after.keys()
    return RowChanges(
        len(after.keys() - stayed),
        len(before.keys() - stayed),
        sum(before[id_] != after[id_] for id_ in stayed),
        sum(before[id_][1] != after[id_][1] for id_ in stayed),
    )


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_files, "_GROUP_ROWS", (20, 200))
    monkeypatch.setattr(config_files, "_CUT_ONE_IN", 30)
    monkeypatch.setattr(config_files, "_FILE_BYTES", 60_000)


ROWS: list[Row] = [(f"row-{n:05d}", f"The text of {n}. " * 5, n if n % 3 else None) for n in range(3000)]


def changed(kind: str) -> list[Row]:
    new = [(f"new-{n}", f"New text {n}.", n) for n in range(50)]
    return {
        "append": [*ROWS, *new],
        "insert": [*ROWS[:1500], *new, *ROWS[1500:]],
        "remove": [*ROWS[:1500], *ROWS[1540:]],
        "rewrite": [(id_, "Another.", stars) if 700 <= n < 720 else (id_, text, stars)
                    for n, (id_, text, stars) in enumerate(ROWS)],
        "stars": [(id_, text, 1) if n in (7, 3 * 800) else (id_, text, stars)
                  for n, (id_, text, stars) in enumerate(ROWS)],
        "move": [*ROWS[100:], *ROWS[:100]],
        "all": [*new, *((id_, text[5:] if n % 7 == 0 else text, stars)
                for n, (id_, text, stars) in enumerate(ROWS[::-1]) if n % 5)],
    }[kind]  # fmt: skip


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", ["append", "insert", "remove", "rewrite", "stars", "move", "all"])
def test_rows_are_counted_and_only_what_changed_is_read(tmp_path: Path, kind: str) -> None:
    old, new = Version(ROWS, tmp_path / "old"), Version(changed(kind), tmp_path / "new")
    assert old.changes(new) == expected(ROWS, changed(kind))
    whole = sum(file.bytes for file in old.files)
    assert len(old.files) > 5
    if kind != "all":
        assert old.bytes_read < whole / 2, f"{old.bytes_read} of {whole} bytes were read"


@pytest.mark.usefixtures("small")
def test_random_changes_are_counted_as_sets_count_them(tmp_path: Path) -> None:
    for seed in range(4):
        draw = random.Random(seed)
        new = [
            (id_, draw.choice([text, "Other."]) if draw.random() < 0.2 else text, draw.choice([stars, stars, 5]))
            for id_, text, stars in ROWS
            if draw.random() < 0.9
        ]
        for number in range(draw.randrange(100)):
            new.insert(draw.randrange(len(new)), (f"new-{number}", "New.", None))
        old = Version(ROWS, tmp_path / f"old-{seed}")
        assert old.changes(Version(new, tmp_path / f"new-{seed}")) == expected(ROWS, new)


@pytest.mark.usefixtures("small")
def test_rows_of_one_key_are_counted_one_by_one(tmp_path: Path) -> None:
    rows = [("a", "one", 1), ("a", "one", 1), ("a", "two", 1), ("b", "one", 1)]
    new = [("a", "one", 1), ("a", "three", 1), ("b", "one", 1), ("b", "one", 1)]
    found = Version(rows, tmp_path / "old").changes(Version(new, tmp_path / "new"))
    assert found == RowChanges(added=1, removed=1, changed=1, rewritten=1)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (pa.decimal256(50, 2), Decimal("1.50"), Decimal("1.51")),
        (pa.float16(), np.float16(1), np.float16(2)),
        (pa.list_(pa.float16()), [np.float16(1)], []),
        (pa.null(), None, None),
        (pa.struct([("a", pa.list_(pa.int8()))]), {"a": [1]}, {"a": None}),
        (pa.map_(pa.string(), pa.int8()), [("a", 1)], [("a", 2)]),
        (pa.timestamp("us", "UTC"), 1, 2),
        (pa.binary(), b"a", None),
    ],
)
def test_columns_of_any_type_have_digests(kind: pa.DataType, one: object, other: object) -> None:
    columns = {"text": ["a", "b"], "id": ["1", "2"]}
    tables = [pa.table({**columns, "x": pa.array([None, value], kind)}) for value in (one, one, other)]
    with duckdb.connect() as connection:
        found = [group_digest(connection, table) for table in tables]
    assert found[0] == found[1]
    assert (found[0] != found[2]) == (kind != pa.null())


@pytest.mark.usefixtures("small")
def test_equal_data_is_not_looked_at(tmp_path: Path) -> None:
    old = Version(ROWS, tmp_path / "old")
    assert old.changes(Version(ROWS, tmp_path / "new")) is None
    assert old.bytes_read == 0


@pytest.mark.usefixtures("small")
def test_a_release_without_digests_of_groups_is_read_whole(tmp_path: Path) -> None:
    old, new = Version(ROWS, tmp_path / "old"), Version(changed("insert"), tmp_path / "new")
    files = [File(file.path, file.sha256, file.bytes, file.rows) for file in old.files]
    assert old.changes(new, files) == expected(ROWS, changed("insert"))


@pytest.mark.usefixtures("small")
def test_of_other_columns_rows_are_told_apart_by_their_keys(tmp_path: Path) -> None:
    old = Version(ROWS, tmp_path / "old")
    new = Version([*ROWS[10:], ("new", "New.", None)], tmp_path / "new", names=("text", "id", "score"))
    assert old.changes(new) == RowChanges(added=1, removed=10, changed=len(ROWS) - 10, rewritten=None)


@pytest.mark.usefixtures("small")
def test_a_release_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    old, new = Version(ROWS, tmp_path / "old"), Version(changed("all"), tmp_path / "new")
    file = old.folder / old.files[2].path
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(VerificationFailed, match="can't be read"):
        old.changes(new)
    file.unlink()
    with pytest.raises(VerificationFailed, match="can't be read"):
        old.changes(new)


# --- by the command line ---

RECIPE = """
name: pages
source: {kind: parquet, path: rows.parquet, text: text, id: id, keep: all, shard_rows: 500}
stages: [{name: length, filter: length, min_characters: 10}]
release: {configs: {default: length}, license: apache-2.0, scan: []}
"""
CHANGED = (  # behind what is put in, rows have another `row` in their source
    "Config `default`: 1,000 → 1,005 rows: 7 added, 2 removed, 701 changed, 2 of them in their text.",
    "Config `default`: 1,005 rows, as before: 0 added, 0 removed; the 1,005 that stayed have other columns:"
    " `stars` is double, it was int64.",
)


class Project:
    """A recipe whose source a user changes between publishing."""

    def __init__(self, folder: Path, dest: object, **env: Any) -> None:
        self.folder, self.dest, self.env = folder, dest, env
        folder.mkdir()
        (folder / "pages.yaml").write_text(RECIPE)

    def write(self, version: int) -> None:
        rows: list[Row] = ROWS[:1000]
        if version > 1:
            rows = [(id_, text, -1 if n in (5, 6, 7) else stars) for n, (id_, text, stars) in enumerate(rows)]
            rows[900], rows[901] = (rows[900][0], "Another text.", 3), (rows[901][0], "And another.", rows[901][2])
            rows = [*rows[:300], *((f"mid-{n}", "Inserted text.", n) for n in range(4)), *rows[302:],
                    *((f"end-{n}", "Appended text.", n) for n in range(3))]  # fmt: skip
        ids, texts, stars = (list(column) for column in zip(*rows, strict=True))
        kind = pa.float64() if version > 2 else pa.int64()
        table = pa.table({"id": ids, "text": texts, "stars": pa.array(stars, kind)})
        pq.write_table(table, self.folder / "rows.parquet")

    def publish(self, version: int, **more: Any) -> Any:
        self.write(version)
        run = self.folder / f"run-{version}"
        arguments = ("publish", self.folder / "pages.yaml", "--run", run, "--to", self.dest)
        if "exit_code" in more:
            return builder(*arguments, **self.env, **more)
        return builder_json(*arguments, **self.env, **more)


def test_the_changelog_of_a_directory_counts_rows(tmp_path: Path) -> None:
    one = Project(tmp_path / "one", tmp_path / "one" / "pages")
    assert [one.publish(version)["version"] for version in (1, 2, 3)] == ["1.0.0", "1.1.0", "2.0.0"]
    changelog, card = ((tmp_path / "one/pages" / name).read_text() for name in ("CHANGELOG.md", "README.md"))
    assert changelog.index("## 2.0.0") < changelog.index(CHANGED[1]) < changelog.index("## 1.1.0")
    assert changelog.index("## 1.1.0") < changelog.index(CHANGED[0]) < changelog.index("## 1.0.0")
    assert f"- {CHANGED[1]}" in card
    builder("verify", tmp_path / "one/pages")
    again = tmp_path / "again" / "pages"
    again.parent.mkdir()
    for version in (1, 2, 3):
        one.dest = again
        one.publish(version)
    assert release_digests(again) == release_digests(tmp_path / "one/pages"), "byte for byte"


def test_a_spoilt_release_before_stops_the_next_one(tmp_path: Path) -> None:
    project = Project(tmp_path / "one", tmp_path / "one" / "pages")
    project.publish(1)
    file = tmp_path / "one/pages.versions/v1.0.0/data/default/train-00000-of-00001.parquet"
    content = file.read_bytes()
    file.write_bytes(content[:300])
    assert file.name in project.publish(2, exit_code=5).stderr
    assert [path.name for path in (tmp_path / "one/pages.versions").iterdir()] == ["v1.0.0"]
    file.write_bytes(content)
    assert project.publish(2)["version"] == "1.1.0"


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub(cdn=True) as local:
        yield local


def test_the_changelog_on_the_hub_counts_rows(hub: LocalHub, tmp_path: Path) -> None:
    env: dict[str, Any] = {**hub.env(tmp_path / "home"), "BUILDER_PATIENCE": "3"}
    project = Project(tmp_path / "one", "hf://datasets/org/pages", **env)
    project.publish(1)
    tree = hub.tree("org/pages", "v1.0.0")
    manifest = orjson.loads(hub.blob(tree["manifest.json"].sha256).read_bytes())
    data = "data/default/train-00000-of-00001.parquet"
    assert len(next(file for file in manifest["files"] if file["path"] == data)["groups"]) == 1
    sha = tree[data].sha256
    down = hub.fail("503", times=1000, match=f"GET /cdn/{sha}")
    assert "does not answer" in project.publish(2, exit_code=4).stderr
    assert "v1.1.0" not in json.dumps(list(hub.repos["org/pages"].refs)), "nothing was published"
    down.times = 0
    hub.fail("503", times=2, match=f"GET /cdn/{sha}")
    assert project.publish(2)["version"] == "1.1.0"
    changelog = hub.blob(hub.tree("org/pages", "v1.1.0")["CHANGELOG.md"].sha256).read_text()
    assert CHANGED[0] in changelog
    builder("verify", "hf://datasets/org/pages@v1.1.0", **env)
