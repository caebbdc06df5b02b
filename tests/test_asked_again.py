"""What failed for want of a good server is asked again, and leaves no trace: mended, a run is as one without trouble."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faulty import Chain, answers_of, check_ledger, check_paid_once, rows_of, server, write_chain
from tests.support import builder, builder_json, digests
from tests.tgi_double import Fault, TgiDouble

DOCUMENTS = 60

PATIENT_GATE = "import builder.run.gates as gates; gates.WINDOW = 20"
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
    return double.fault("status", status=422, body="inputs are too long", rate=0.3, sticky=True, seed=3)


def finish(chain: Chain) -> None:
    """Build, and remember what answers there are then."""
    chain.finish()
    chain.known.append(chain.answered())


def failed(run: Path) -> Counter[str]:
    """Count the documents of a run whose last request got no answer, by reason."""
    records = [row[stage] for row in rows_of(run) for stage in ("sgcr", "scor") if row[stage]]
    return Counter(record["failure"] for record in records if record["answers"][-1]["finish_reason"] is None)


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
    assert f"{lacking} documents failed for want of a server: the same command" in chain.builds[-1].stdout
    assert builder_json("status", chain.run)["unanswered"] == {"same_command": lacking, "retry_failed": 0}
    asked = len(double.log)
    finish(chain)  # it is not mended yet
    assert failed(chain.run).total() == lacking
    assert len(double.log) == asked + lacking
    assert f"asking again for {lacking} documents" in chain.builds[-1].stderr
    fault.times = 0
    finish(chain)
    check_as_calm(chain, calm)
    assert builder_json("status", chain.run)["unanswered"] == {"same_command": 0, "retry_failed": 0}
    asked = len(double.log)
    chain.finish()
    assert len(double.log) == asked
    assert "again" not in chain.builds[-1].stderr + chain.builds[-1].stdout
