"""What is held out says nothing that the rest says too, and stays held out."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.document import Document
from builder.recipe_file import load_recipe
from builder.release.held_out import held_out
from builder.release.views import kept
from builder.run.directory import Run
from builder.run.table import schema_of, write_shard

RECIPE = """
name: held
source: {kind: parquet, path: rows.parquet, id: id}
stages:
  - {name: plain, filter: secrets, action: redact}
  - {name: unique, filter: near_duplicates}
release: {configs: {default: unique, all: plain}, license: mit, held_out: 0.2}
"""
ALONE = {"survivor": None, "similarity": None, "exact": False, "copies": 1}
Row = tuple[str, str, str, str | None]
"""Id, text as read, text of the first stage, and whose near-duplicate it is."""


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Return rows of which a third say something of their own; the others belong together, each for a reason."""
    rows: list[Row] = [(f"own-{number}", f"text {number}", f"text {number}", None) for number in range(500)]
    for number in range(250):
        rows += [(f"twin-{number}-{copy}", f"twin {number}", f"twin {number}", None) for copy in "ab"]
        rows += [
            (f"bare-{number}-{copy}", f"bare {number} # {copy}", f"bare {number}{copy}", None) for copy in "\n "
        ]
    chain = [(f"near-{number}-a", f"near {number} a", f"near {number} a", None) for number in range(100)]
    rows += chain + [(f"near-{number}-b", f"near {number} b", f"near {number} b", f"near-{number}-a")
                     for number in range(100)]  # fmt: skip
    # And one says what a near-duplicate of another says.
    rows += [(f"near-{number}-c", f"near {number} b", f"near {number} c", None) for number in range(100)]
    return rows


def run_of(rows: Sequence[Row], folder: Path) -> Run:
    folder.mkdir()
    pq.write_table(pa.table({"id": ["one"], "text": ["one"]}), folder / "rows.parquet")
    (folder / "held.yaml").write_text(RECIPE)
    loaded = load_recipe(str(folder / "held.yaml"))
    run = Run.begin(folder / "run", loaded)
    documents = [document(*row) for row in rows]
    middle = len(rows) // 2
    for number, part in enumerate((documents[:middle], documents[middle:])):
        write_shard(run.shard_path(number), part, schema_of(loaded), {})
    return run


def document(id: str, text: str, plain: str, survivor: str | None) -> Document:
    unique = {**ALONE, "survivor": survivor}
    records: Mapping[str, Any] = {"plain": {"text": plain}, "unique": unique}
    dropped = None if survivor is None else ("unique", "near_duplicate")
    return Document(id, text, {"dataset": "held", "file": "rows.parquet", "row": 0}, plain, records, dropped)


def test_nothing_that_is_held_out_is_in_the_rest(rows: list[Row], tmp_path: Path) -> None:
    run = run_of(rows, tmp_path / "a")
    held = held_out(run, ["unique", "plain"], 0.2, tmp_path)
    assert 0.12 < len(held) / len(rows) < 0.28
    for stage in ("unique", "plain"):
        split: dict[bool, set[str]] = {True: set(), False: set()}
        for table in kept(run, stage):
            for id, text in zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True):
                split[id in held].add(str(text).strip())
        assert split[True] and not split[True] & split[False]
    for number in range(100):
        assert len({f"near-{number}-{one}" in held for one in "abc"}) == 1
    own = [id for id, *_ in rows if id.startswith("own")]
    assert 60 < len(held.intersection(own)) < 140
    assert not (tmp_path / ".held-out").exists()


def test_it_stays_held_out_whatever_else_there_is_and_in_whatever_order(rows: list[Row], tmp_path: Path) -> None:
    held = held_out(run_of(rows, tmp_path / "a"), ["plain"], 0.2, tmp_path)
    more = [*rows, *((f"more-{number}", f"more {number}", f"more {number}", None) for number in range(50))]
    random.Random(1).shuffle(more)
    later = held_out(run_of(more, tmp_path / "b"), ["plain", "unique"], 0.2, tmp_path)
    assert {id for id in later if not id.startswith("more")} == held
    renamed = [(id[::-1], text, plain, survivor and survivor[::-1]) for id, text, plain, survivor in rows]
    again = held_out(run_of(renamed, tmp_path / "c"), ["plain"], 0.2, tmp_path)
    assert {id[::-1] for id in again} == held, "the ids have no part in it"
    assert held_out(run_of(rows, tmp_path / "d"), ["plain"], 0.0, tmp_path) == frozenset()
