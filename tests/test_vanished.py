"""What a source has taken out since is told, listed and left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.local_hub import LocalHub
from tests.stack_data import IDS, Stack, parquet, small_stack
from tests.support import builder, builder_json

FILE = "data/train-00000-of-00001.parquet"
PAGES = """
name: pages
source:
  - {name: addresses, kind: hub, dataset: org/pages, shard_rows: 2}
  - {name: ids, kind: hub, dataset: org/pages, id: url}
  - {name: numbers, kind: hub, dataset: org/pages, id: number}
  - {name: keys, kind: hub, dataset: org/pages, id: key, keep: [key]}
stages: [{name: long, filter: length, min_characters: 1}]
release: {configs: {default: long}, license: odc-by, scan: []}
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    with LocalHub() as local:
        yield local


def pages(*urls: str) -> bytes:
    keys = [url.encode("utf-16-le")[-4:] for url in urls]
    told = {"number": [int.from_bytes(key, "little") for key in keys], "key": keys}
    return parquet(pa.table({"url": urls, "text": [f"A page at {url}." for url in urls], **told}), 2)


def kept(release: Path) -> list[Any]:
    return pq.read_table(release / "data" / "default")["id"].to_pylist()


def test_what_a_dataset_no_longer_lists_is_told_listed_and_left_out(hub: LocalHub, tmp_path: Path) -> None:
    env: dict[str, Any] = {**hub.env(tmp_path / "home")}
    first = hub.put("org/pages", {FILE: pages("https://a.org/1", "https://a.org/2~3", "https://b.org/a # x")})
    (tmp_path / "pages.yaml").write_text(PAGES)
    run = (tmp_path / "pages.yaml", "--run", tmp_path / "run")
    builder("build", *run, **env)
    newest = hub.put("org/pages", {FILE: pages("https://a.org/2~3", "https://c.org/new")})
    said = builder("publish", *run, "--to", tmp_path / "out", **env).stderr
    for source in ("addresses", "ids"):
        assert f"{source}: read at {first}, and {newest} is newer." in said
    assert f"`python -m builder removals RECIPE --run {tmp_path / 'run'} --into removed.txt`" in said
    removed = tmp_path / "removed.txt"
    addresses, ids, numbers, keys = builder_json("removals", *run, "--into", removed, **env)
    assert (addresses["pinned"], addresses["newest"], addresses["documents"]) == (first, newest, 3)
    assert addresses["ids"] == [f"addresses/{FILE}#0", f"addresses/{FILE}#2"]
    assert ids["ids"] == ["ids/https://a.org/1"]
    assert ids["unwritable"] == 1, "`# x` behind a blank begins a comment"
    gone = ("/1", " x")
    assert numbers["ids"] == [f"numbers/{int.from_bytes(one.encode('utf-16-le'), 'little')}" for one in gone]
    assert keys["ids"] == [f"keys/{one.encode('utf-16-le').hex()}" for one in reversed(gone)]
    said = builder("publish", *run, "--to", tmp_path / "out", "--exclude", f"id={removed}", **env).stderr
    assert "is newer" not in said
    assert kept(tmp_path / "out") == [
        f"addresses/{FILE}#1",
        *("ids/https://a.org/2~3", "ids/https://b.org/a # x"),
        *("numbers/3342462", "keys/7e003300"),
    ]


def test_a_hub_that_is_away_stops_no_release(hub: LocalHub, tmp_path: Path) -> None:
    env: dict[str, Any] = {**hub.env(tmp_path / "home"), "BUILDER_PATIENCE": "0"}
    hub.put("org/pages", {FILE: pages("https://a.org/1")})
    (tmp_path / "pages.yaml").write_text(PAGES)
    builder("build", tmp_path / "pages.yaml", "--run", tmp_path / "run", **env)
    # What a build asks, it asks at the pinned commit; what is newest, of main.
    hub.fail("503", times=9, match="GET /api/datasets/org/pages$")
    said = builder("publish", tmp_path / "pages.yaml", "--run", tmp_path / "run", "--to", tmp_path / "out", **env)
    assert "can't be told" in said.stderr
    assert kept(tmp_path / "out")[:2] == [f"addresses/{FILE}#0", "ids/https://a.org/1"]


def test_what_the_stack_no_longer_lists_is_told_by_repository_path_and_content(
    hub: LocalHub, tmp_path: Path
) -> None:
    stack = small_stack(12)
    (tmp_path / "mirror").mkdir()
    for blob_id, body in stack.contents.items():
        (tmp_path / "mirror" / blob_id).write_bytes(body)
    hub.put(IDS, {FILE: stack.nested()})
    env: dict[str, Any] = {**hub.env(tmp_path / "home")}
    source = ("--set", f"source.contents=file://{tmp_path / 'mirror'}")
    run = ("swallow-code", "--run", tmp_path / "run", *source)
    builder("build", *run, "--until", "syntax", **env)
    gone, changed = stack.repositories[0], stack.repositories[1]
    later = Stack()
    later.repositories = [
        {**row, "files": row["files"][1:] if row is changed else row["files"]}
        for row in stack.repositories[::-1]
        if row is not gone
    ]
    newest = hub.put(IDS, {FILE: later.nested()})
    removed = tmp_path / "removed.txt"
    said = builder("removals", *run, "--into", removed, **env).stdout
    files = [
        f"{row['repo_name']}/{one['path']}@{one['blob_id'][:12]}"
        for row, files in ((gone, gone["files"]), (changed, changed["files"][:1]))
        for one in files
        if one["language"] == "Python"
    ]
    assert f"{len(files)} of {len(stack.python_files)} documents are not in {newest}" in said
    assert removed.read_text().splitlines()[1:] == sorted(files)
    status = builder_json("build", *run, "--until", "syntax", "--exclude", f"id={removed}", **env)
    assert status["stages"][0]["passed_over"]["excluded"] == len(files)
