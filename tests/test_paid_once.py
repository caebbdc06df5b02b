"""No build makes an earlier one's answers go: not one that stops earlier, takes fewer documents, or is killed."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.run.answers.index import AnswerIndex
from builder.run.answers.sources import RunAnswers
from builder.run.directory import Run
from tests.faulty import (
    SHARD_ROWS,
    Chain,
    answers_of,
    check_ledger,
    check_paid_once,
    logged,
    rows_of,
    server,
    write_chain,
)
from tests.support import builder, builder_json, digests
from tests.tgi_double import TgiDouble

DOCUMENTS = 5 * SHARD_ROWS


@pytest.fixture
def double() -> Iterator[TgiDouble]:
    with server(step=0.0005) as double:
        yield double


@pytest.fixture
def chain(double: TgiDouble, tmp_path: Path) -> Chain:
    return Chain(write_chain(tmp_path / "project", DOCUMENTS), tmp_path / "run", [double])


def kill_in_the_middle(chain: Chain, double: TgiDouble) -> None:
    """Have a build journal answers of several shards, of both stages, and be killed."""
    double.fault("hang", at=DOCUMENTS + 10)  # so that it can't end before
    process = chain.start()
    while len(double.log) <= DOCUMENTS + 10 or len(chain.answered()) <= SHARD_ROWS:
        assert process.poll() is None
        time.sleep(0.01)
    assert chain.kill(process)


@pytest.mark.parametrize("less", [("--until", "syntax"), ("--until", "sgcr"), ("--limit", str(SHARD_ROWS + 3))])
def test_a_build_of_less_keeps_the_answers_it_has_no_use_for(
    chain: Chain, double: TgiDouble, less: tuple[str, str]
) -> None:
    kill_in_the_middle(chain, double)
    builder(
        "build", chain.recipe, "--run", chain.run, "--server", chain.servers[0].url, *less,
        BUILDER_SERVER_KEY="life-2",
    )  # fmt: skip
    chain.lives = 2
    chain.known.append(chain.answered())
    assert chain.known[0] <= chain.known[1]
    chain.finish()
    check_ledger(chain.run, DOCUMENTS)
    check_paid_once(chain, answers_of(chain.run))
    assert not list((chain.run / "journal").iterdir())


def test_a_smaller_limit_takes_documents_out_of_the_table_and_keeps_their_answers(chain: Chain) -> None:
    chain.finish()
    whole, asked = digests(chain.run / "shards"), len(chain.servers[0].log)
    options = ("--run", chain.run, "--server", chain.servers[0].url)
    for limit in (SHARD_ROWS + 3, 2):
        there = builder_json("status", chain.run)["documents"]
        done = builder("build", chain.recipe, *options, "--limit", limit, "--json")
        assert json.loads(done.stdout)["documents"] == limit
        assert f"--limit {limit} takes {there - limit} of {there} documents out of the table" in done.stderr
    status = builder_json("build", chain.recipe, *options)
    assert status["documents"] == DOCUMENTS
    assert len(chain.servers[0].log) == asked, "what was paid for was asked for again"
    assert digests(chain.run / "shards") == whole
    assert not list((chain.run / "journal").iterdir())


@pytest.mark.parametrize("is_indexed", [True, False])
def test_a_document_equal_to_one_of_a_shard_that_is_done_is_not_paid_for_again(
    chain: Chain, double: TgiDouble, is_indexed: bool
) -> None:
    rows = chain.recipe.parent / "rows.parquet"
    first = pq.read_table(rows).slice(0, 3 * SHARD_ROWS)
    again = first.set_column(0, "id", pa.array([f"again-{number:04d}" for number in range(len(first))]))
    pq.write_table(pa.concat_tables([first, again]), rows)
    options = ("--run", chain.run, "--server", double.url)
    builder("build", chain.recipe, *options, "--limit", len(first))
    asked = len(double.log)
    if not is_indexed:  # as after a kill between a shard and its entry
        shutil.rmtree(chain.run / "answers")
    builder("build", chain.recipe, *options)
    assert len(double.log) == asked
    built = [{**row, "id": None, "source": None} for row in rows_of(chain.run)]
    assert built[: len(first)] == built[len(first) :]


def test_a_shard_that_was_made_anew_since_it_was_indexed_gives_no_other_answer(chain: Chain) -> None:
    chain.finish()
    keys = list(answers_of(chain.run).values())
    one, other = sorted((chain.run / "shards").iterdir())[:2]
    run = Run.read(chain.run)
    with closing(AnswerIndex(RunAnswers(run), run.path / "answers")) as answered:
        assert all(answered.maybe_contains(key) and answered.get(key) for key in keys)
        changed = keys[0][:-1] + ("0" if keys[0][-1] != "0" else "1")
        assert answered.maybe_contains(changed), "it begins as a known one"
        assert answered.get(changed) is None
        assert sum(answered.maybe_contains(f"{number:032x}{number:032x}") for number in range(1000)) < 10
        shutil.copy(other, one)
        answered.add(one)
        found = {key for key in keys if answered.get(key)}
    with closing(AnswerIndex(RunAnswers(run), run.path / "answers")) as answered:
        assert {key for key in keys if answered.get(key)} == found
    there = set(answers_of(chain.run).values())
    assert found <= there < set(keys)
    assert len(found) >= len(there) - 2, "but for those of equal documents, of which the index keeps one place"


def test_a_journal_that_outlived_its_shard_goes_with_the_next_build(
    chain: Chain, double: TgiDouble, tmp_path: Path
) -> None:
    kill_in_the_middle(chain, double)
    shutil.copytree(chain.run / "journal", tmp_path / "journal")
    chain.finish()
    shutil.copytree(tmp_path / "journal", chain.run / "journal", dirs_exist_ok=True)
    assert logged(chain.run)
    before = digests(chain.run / "shards")
    builder("build", chain.recipe, "--run", chain.run)
    assert not list((chain.run / "journal").iterdir())
    assert digests(chain.run / "shards") == before


def test_a_journal_for_each_shard_is_taken_up_and_serves_all_shards(chain: Chain, double: TgiDouble) -> None:
    kill_in_the_middle(chain, double)
    log = chain.run / "journal"
    lines = b"".join(path.read_bytes() for path in sorted(log.iterdir()))
    for path in log.iterdir():
        path.unlink()
    (log / f"shard-{DOCUMENTS // SHARD_ROWS - 1:05d}.jsonl").write_bytes(lines)  # the last one's, as runs had them
    (chain.run / "answered.sqlite").touch()
    double.max_concurrent_requests = 2  # so that the first shard's documents ask before the last one is begun
    chain.finish()
    check_paid_once(chain, answers_of(chain.run))
    assert not list(log.iterdir())
    assert not (chain.run / "answered.sqlite").exists()


def test_a_build_killed_before_it_wrote_what_it_began_with_is_begun_again(chain: Chain) -> None:
    chain.run.mkdir()
    for left in (".run.json.tmp", ".owner.json.0123456789abcdef"):
        (chain.run / left).write_text("{")
    builder("build", chain.recipe, "--run", chain.run, "--until", "syntax")
