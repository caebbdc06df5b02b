"""The ledger of finished shards says what the table says, whatever becomes of it; only who builds writes it."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from builder.errors import LedgerUnbalanced
from builder.recipe_file import load_recipe
from builder.run import ledger as ledger_module
from builder.run.build import build
from builder.run.build_options import BuildOptions
from builder.run.directory import Run
from builder.run.fence import Fence
from builder.run.ledger import Ledger
from builder.run.status import read_status
from tests.faulty import DOCUMENTS, SHARD_ROWS, Chain, check_ledger, server, write_chain

SHARDS = DOCUMENTS // SHARD_ROWS


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run in which documents were dropped, kept, passed by and left unchanged."""
    folder = tmp_path_factory.mktemp("built")
    recipe = write_chain(folder / "project")
    rows = pq.read_table(recipe.with_name("rows.parquet"))
    kinds = pa.array(["code" if number % 3 else "notes" for number in range(len(rows))])
    pq.write_table(rows.append_column("kind", kinds), recipe.with_name("rows.parquet"))
    text = recipe.read_text().replace("id: id,", "id: id, keep: [kind],")
    recipe.write_text(text.replace("scor.md", "scor.md, on_failure: keep, where: {kind: code}"))
    with server() as double:
        Chain(recipe, folder / "run", [double]).finish()
    return folder


@pytest.fixture
def run(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built / "run", tmp_path / "run", copy_function=shutil.copy2))


@pytest.fixture
def footers(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the shards whose footers are read."""
    read: list[Path] = []

    def counted(path: Any) -> Any:
        if isinstance(path, Path):  # the source's own comes as an open file
            read.append(path)
        return read_footer(path)

    read_footer = pq.read_metadata
    monkeypatch.setattr(pq, "read_metadata", counted)
    return read


def status_of(run: Path) -> dict[str, Any]:
    return read_status(Run.read(run)).as_json()


def build_again(built: Path, run: Path) -> None:
    build(load_recipe(str(built / "project" / "chain.yaml")), run, BuildOptions(workers=1), Console(quiet=True))


def test_status_and_a_build_with_nothing_to_do_open_no_shard(
    built: Path, run: Path, footers: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("a shard's rows were looked at")

    monkeypatch.setattr(duckdb, "connect", refused)
    assert status_of(run)["documents"] == DOCUMENTS
    before = (run / "ledger.jsonl").read_bytes()
    assert len(before.splitlines()) == SHARDS
    build_again(built, run)
    assert footers == [] and (run / "ledger.jsonl").read_bytes() == before


def test_counted_by_documents_or_by_rows_it_is_the_same(run: Path) -> None:
    counted = status_of(run)
    assert (
        counted["stages"][3]["unchanged"] and counted["stages"][3]["passed_by"] and counted["stages"][2]["dropped"]
    )
    (run / "ledger.jsonl").unlink()
    assert status_of(run) == counted
    assert not (run / "ledger.jsonl").exists(), "who only looks writes nothing"


def test_whatever_becomes_of_it_it_says_what_the_table_says(built: Path, run: Path, footers: list[Path]) -> None:
    counted, content = status_of(run), (run / "ledger.jsonl").read_bytes()
    draw = random.Random(1)
    spoilt = [content[: draw.randrange(len(content))] for _ in range(6)]
    spoilt += [b"", b"\n\n", content[:-1], content + content, b"no line\n" + content]
    for _ in range(6):
        place = draw.randrange(len(content))
        spoilt.append(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    for one in spoilt:
        (run / "ledger.jsonl").write_bytes(one)
        assert status_of(run) == counted
    torn = content[: len(content) // 2]
    (run / "ledger.jsonl").write_bytes(torn)
    build_again(built, run)
    assert len(footers) >= SHARDS // 2
    footers.clear()
    assert status_of(run) == counted and footers == [], "mended by who builds"
    assert (run / "ledger.jsonl").read_bytes().startswith(torn), "only ever appended to"


def test_a_shard_that_changed_is_looked_at_again(run: Path, footers: list[Path]) -> None:
    counted = status_of(run)
    shard = sorted((run / "shards").iterdir())[3]
    os.utime(shard, (1, 1))
    assert status_of(run) == counted and footers == [shard]
    table = pq.read_table(shard)
    pq.write_table(table.slice(1), shard)
    with pytest.raises(LedgerUnbalanced, match=f"{DOCUMENTS - 1} rows, but {DOCUMENTS} documents"):
        status_of(run)
    shard.unlink()
    assert status_of(run)["documents"] == DOCUMENTS - SHARD_ROWS


def test_a_line_for_a_shard_that_was_written_often_is_kept_once(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, shards = run / "ledger.jsonl", sorted((run / "shards").iterdir())
    whole = file.read_bytes()
    file.write_bytes(5 * whole)
    monkeypatch.setattr(ledger_module, "_DEAD", 10)
    ledger = Ledger(file, Fence(run))
    assert len(ledger.entries(shards)) == SHARDS
    assert file.read_bytes() == 5 * whole
    with Ledger(file, Fence(run)).writing():
        assert file.read_bytes() == whole


def test_a_disk_that_refuses_costs_the_ledger_alone(built: Path, run: Path) -> None:
    counted = status_of(run)
    (run / "ledger.jsonl").unlink()
    (run / "ledger.jsonl").mkdir()
    assert status_of(run) == counted
    build_again(built, run)
    check_ledger(run, DOCUMENTS)
    assert status_of(run) == counted
