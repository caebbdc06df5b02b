"""What failed for want of a good server is asked again: mended, a run is as one that never had trouble."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest

from tests.faulty import Chain, answers_of, check_ledger, check_paid_once, rows_of, server, write_chain
from tests.support import builder, builder_json, digests
from tests.tgi_double import Fault, TgiDouble

DOCUMENTS = 60

GATE_OF_FEW = "import builder.run.gates as gates; gates.WINDOW = 10"
"""A gate that looks back on fewer documents than it does for users."""


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the recipe and a run that never had trouble."""
    folder = tmp_path_factory.mktemp("calm")
    with server() as double:
        Chain(write_chain(folder / "project", DOCUMENTS), folder / "run", [double]).finish()
    return folder


@pytest.fixture
def double() -> Iterator[TgiDouble]:
    with server() as double:
        yield double


@pytest.fixture
def chain(calm: Path, double: TgiDouble, tmp_path: Path) -> Chain:
    return Chain(calm / "project" / "chain.yaml", tmp_path / "run", [double])


def refuse_some(double: TgiDouble) -> Fault:
    """Refuse a third of all texts as too long for this server."""
    return double.fault(
        "status", status=422, body="inputs are too long", match="return total", rate=0.3, sticky=True, seed=3
    )


def finish(chain: Chain) -> None:
    """Build, and remember what answers there are then."""
    chain.finish()
    chain.known.append(chain.answered())


def failed(run: Path) -> Counter[str]:
    """Count the documents of a run whose last request got no answer, by reason."""
    records = [row[stage] for row in rows_of(run) for stage in ("sgcr", "scor") if lacks(row[stage])]
    return Counter(record["failure"] for record in records)


def lacks(record: dict[str, Any] | None) -> bool:
    return record is not None and record["answers"][-1]["finish_reason"] is None


def check_as_calm(chain: Chain, calm: Path) -> None:
    check_ledger(chain.run, DOCUMENTS)
    assert digests(chain.run / "shards") == digests(calm / "run" / "shards")
    check_paid_once(chain, answers_of(calm / "run"))
    assert not list((chain.run / "journal").iterdir())


def test_what_a_server_refused_is_asked_again_once_it_is_mended(
    chain: Chain, double: TgiDouble, calm: Path
) -> None:
    fault = refuse_some(double)
    finish(chain)
    lacking = failed(chain.run).total()
    assert lacking > 10
    assert f"failed for want of a server: {lacking} (the same command" in chain.builds[-1].stdout
    assert builder_json("status", chain.run)["unanswered"] == {"same_command": lacking, "retry_failed": 0}
    asked, written = len(double.log), [path.stat().st_mtime_ns for path in (chain.run / "shards").iterdir()]
    chain.prelude = GATE_OF_FEW
    finish(chain)  # it is not mended yet, and no gate minds that all of these fail again
    assert failed(chain.run).total() == lacking
    assert [path.stat().st_mtime_ns for path in (chain.run / "shards").iterdir()] == written, "nothing is new"
    again = {(one.body["seed"], one.body["max_tokens"]) for one in double.log[asked:]} & answers_of(
        chain.run
    ).keys()
    assert 0 < len(again) <= lacking, "some are equal"
    assert f"asking again where servers failed: {lacking}" in chain.builds[-1].stderr
    fault.times = 0
    finish(chain)
    check_as_calm(chain, calm)
    assert builder_json("status", chain.run)["unanswered"] == {"same_command": 0, "retry_failed": 0}
    asked = len(double.log)
    chain.finish()
    assert len(double.log) == asked
    assert "again" not in chain.builds[-1].stderr + chain.builds[-1].stdout


def kill_when(chain: Chain, has_come: Callable[[], bool]) -> None:
    """Start a build and kill it when a moment has come."""
    process = chain.start()
    while not has_come():
        assert process.poll() is None, chain.talk()
        time.sleep(0.005)
    assert chain.kill(process)


def test_killed_while_it_asks_again_it_loses_nothing_and_pays_nothing_twice(
    chain: Chain, double: TgiDouble, calm: Path
) -> None:
    fault = refuse_some(double)
    finish(chain)
    fault.times = 0
    asked, shards = len(double.log), digests(chain.run / "shards", "shard-*")
    hang = double.fault("hang", match="scaled_5")  # one that was refused: no build comes to its end
    kill_when(chain, lambda: len(double.log) > asked + 3)
    kill_when(chain, lambda: len(chain.answered()) > len(chain.known[-1]) + 3)
    kill_when(chain, lambda: digests(chain.run / "shards", "shard-*") != shards)
    assert chain.known[0] <= chain.known[1] < chain.known[2] <= chain.known[3]
    release = ("--to", chain.run.parent / "release", "--license-file", chain.recipe.parent / "LICENSE-generator")
    trial = builder("publish", chain.recipe, "--run", chain.run, *release, "--dry-run")
    assert "failed for want of a server: " in trial.stderr
    assert chain.answered() == chain.known[3], "a build without servers took answers away"
    hang.times = 0
    finish(chain)
    check_as_calm(chain, calm)


def test_a_document_that_was_blamed_is_asked_for_on_demand_alone(
    chain: Chain, double: TgiDouble, calm: Path
) -> None:
    poison = double.fault("500", match="scaled_17(")
    finish(chain)
    assert failed(chain.run) == {"generation_failed": 1}
    poison.times = 0
    asked, whole = len(double.log), digests(chain.run / "shards")
    finish(chain)
    assert len(double.log) == asked
    assert digests(chain.run / "shards") == whole
    assert "failed with the document to blame: 1 (--retry-failed" in chain.builds[-1].stdout
    chain.options = ["--retry-failed"]
    finish(chain)
    check_as_calm(chain, calm)


def test_killed_while_it_asks_for_what_was_blamed_it_goes_on_with_that(
    chain: Chain, double: TgiDouble, calm: Path
) -> None:
    poisons = [double.fault("500", match=f"scaled_{number}(") for number in (17, 18)]
    finish(chain)
    assert failed(chain.run) == {"generation_failed": 2}
    for poison in poisons:
        poison.times = 0
    hang = double.fault("hang", match="scaled_18(")
    chain.options = ["--retry-failed"]
    kill_when(chain, lambda: len(chain.answered()) > len(chain.known[-1]))
    hang.times, chain.options = 0, []
    finish(chain)
    check_as_calm(chain, calm)
    assert not list((chain.run / "ask-again").iterdir())


def test_a_kill_makes_no_build_ask_again_for_what_was_blamed(chain: Chain, double: TgiDouble) -> None:
    poison = double.fault("500", match="scaled_17(")
    chain.options = ["--until", "sgcr"]
    finish(chain)
    assert failed(chain.run) == {"generation_failed": 1}
    poison.times, chain.options = 0, []
    hang = double.fault("hang", match="scaled_18(")  # of the same shard
    kill_when(chain, lambda: len(chain.answered()) > len(chain.known[-1]) + 20)
    hang.times = 0
    finish(chain)
    assert failed(chain.run) == {"generation_failed": 1}


def test_a_journal_beside_a_shard_with_a_blamed_input_has_it_asked_again(
    chain: Chain, double: TgiDouble, calm: Path
) -> None:
    poison = double.fault("500", match="scaled_17(")
    finish(chain)
    poison.times = 0
    (chain.run / "journal" / "shard-00001.jsonl").touch()  # as runs had it that were begun earlier
    assert builder_json("status", chain.run)["unanswered"] == {"same_command": 1, "retry_failed": 0}
    finish(chain)
    check_as_calm(chain, calm)


def test_what_failed_before_a_gate_stopped_the_build_is_asked_again(
    chain: Chain, double: TgiDouble, calm: Path
) -> None:
    chain.prelude = GATE_OF_FEW
    faults = [double.fault("500", match="scaled_17(")]
    chain.options = ["--limit", 30]
    finish(chain)
    assert builder_json("status", chain.run)["unanswered"] == {"same_command": 0, "retry_failed": 1}
    chain.options = []
    faults.append(double.fault("status", status=422, match="return total", rate=0.9, sticky=True, seed=1))
    assert chain.start().wait(60) == 3, chain.talk()
    assert "asks again for what got none" in chain.builds[-1].stderr
    chain.known.append(chain.answered())
    assert builder_json("status", chain.run)["unanswered"]["retry_failed"] == 0, (
        "that one may be wrongly blamed, too"
    )
    for fault in faults:
        fault.times = 0
    finish(chain)
    check_as_calm(chain, calm)


KEPT = ("{name: sgcr, rewrite: sgcr.md}", "{name: sgcr, rewrite: sgcr.md, on_failure: keep}")
COMPARED = ("- {name: scor,", "- {name: near, filter: near_duplicates}\n  - {name: scor,")


def test_stages_behind_the_one_that_failed_are_gone_through_anew(tmp_path: Path) -> None:
    recipe = write_chain(tmp_path / "project", DOCUMENTS)
    for old, new in (KEPT, COMPARED):
        assert old in recipe.read_text()
        recipe.write_text(recipe.read_text().replace(old, new))
    with server() as double:
        Chain(recipe, tmp_path / "calm", [double]).finish()
    with server() as double:
        chain = Chain(recipe, tmp_path / "run", [double])
        fault = refuse_some(double)
        finish(chain)
        stages = Counter(stage for row in rows_of(chain.run) for stage in ("sgcr", "scor") if lacks(row[stage]))
        assert min(stages["sgcr"], stages["scor"]) > 2
        fault.times = 0
        finish(chain)
        assert digests(chain.run / "shards") == digests(tmp_path / "calm" / "shards")


def forget_failures(run: Path) -> None:
    """Make a table as builds did before shards said how many of their documents lack an answer."""
    for path in (run / "shards").iterdir():
        table = pq.read_table(path)
        facts = orjson.loads(table.schema.metadata[b"builder"])
        del facts["unanswered"]
        pq.write_table(table.replace_schema_metadata({"builder": orjson.dumps(facts)}), path)


@pytest.mark.parametrize("less", [["--limit", 20], ["--until", "sgcr"]])
def test_a_build_of_more_asks_again_what_one_of_less_was_refused(
    chain: Chain, double: TgiDouble, calm: Path, less: list[object]
) -> None:
    fault = refuse_some(double)
    chain.options = less
    finish(chain)
    lacking = failed(chain.run).total()
    assert lacking > 3
    forget_failures(chain.run)
    assert builder_json("status", chain.run)["unanswered"]["same_command"] == lacking
    fault.times = 0
    finish(chain)
    assert not failed(chain.run)
    chain.options = []
    finish(chain)
    assert rows_of(chain.run) == rows_of(calm / "run")
    check_paid_once(chain, answers_of(calm / "run"))
