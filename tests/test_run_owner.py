"""Two processes never build one run at once, and one that was killed keeps nobody out."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.errors import RunInUse
from builder.run import lease as lease_module
from builder.run.fence import OWNER
from builder.run.lease import Lease
from tests.faulty import DOCUMENTS, Chain, check_ledger, server, write_chain
from tests.support import builder
from tests.tgi_double import TgiDouble

ELSEWHERE = {"host": "node-7", "place": "another machine", "pid": 1, "started": "1", "claim": "c"}


@pytest.fixture
def double() -> Iterator[TgiDouble]:
    with server(step=0.002) as double:
        yield double


@pytest.fixture
def chain(double: TgiDouble, tmp_path: Path) -> Chain:
    return Chain(write_chain(tmp_path / "project"), tmp_path / "run", [double])


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.01)


def test_a_second_build_of_a_run_is_refused_and_the_first_goes_on(chain: Chain, double: TgiDouble) -> None:
    double.fault("hang", at=20)
    first = chain.start()
    wait_for(chain.run / "journal")
    said = builder("build", chain.recipe, "--run", chain.run, "--server", chain.servers[0].url, exit_code=2).stderr
    assert first.poll() is None, "the first was done before the second came"
    assert f" {first.pid} " not in Path("/proc/locks").read_text(), "not every network file system has locks"
    assert f"process {first.pid} on {socket.gethostname()} builds this run" in " ".join(said.split())
    assert "--run DIR" in said
    double.__exit__(None, None, None)
    double.__enter__()
    assert first.wait(timeout=60) == 0
    check_ledger(chain.run, DOCUMENTS)
    assert not (chain.run / OWNER).exists()


def test_a_killed_build_keeps_nobody_out(chain: Chain) -> None:
    process = chain.start()
    wait_for(chain.run / OWNER)
    chain.kill(process)
    assert (chain.run / OWNER).exists()
    chain.finish()
    assert not [path for path in chain.run.iterdir() if OWNER in path.name]


def test_another_process_of_the_same_number_is_not_the_owner(tmp_path: Path) -> None:
    with Lease(tmp_path):
        mine = json.loads((tmp_path / OWNER).read_text())
    (tmp_path / OWNER).write_text(json.dumps({**mine, "started": "1"}))
    with Lease(tmp_path):
        pass
    (tmp_path / OWNER).write_text(json.dumps(mine))
    with pytest.raises(RunInUse), Lease(tmp_path):
        pass


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("content", [json.dumps(ELSEWHERE), "", "[]"])
def test_what_is_not_of_this_machine_counts_while_it_is_fresh(tmp_path: Path, content: str, ahead: bool) -> None:
    file = tmp_path / OWNER
    file.write_text(content)
    with pytest.raises(RunInUse, match="node-7" if content.startswith("{") else "unknown host"), Lease(tmp_path):
        pass
    assert file.read_text() == content
    silent = (-10 if ahead else 10) * lease_module._SILENT_SECONDS  # the file server's clock may be put back
    os.utime(file, 2 * (time.time() - silent,))
    with Lease(tmp_path):
        assert file.read_text() != content
    assert not list(tmp_path.iterdir())


def test_an_owner_keeps_saying_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_module, "_BEAT_SECONDS", 0.02)
    with Lease(tmp_path):
        os.utime(tmp_path / OWNER, (0, 0))
        while (tmp_path / OWNER).stat().st_mtime == 0:
            time.sleep(0.01)


def owners_of(folder: Path, tries: int) -> list[str]:
    """Return who of several that try at once got a run, while all of them try."""
    got: list[str] = []
    all_tried = threading.Barrier(tries)

    def claim(name: str) -> None:
        try:
            with Lease(folder):
                got.append(name)
                all_tried.wait()
        except RunInUse:
            all_tried.wait()

    threads = [threading.Thread(target=claim, args=(str(number),)) for number in range(tries)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


@pytest.mark.parametrize("stale", [True, False])
def test_of_many_that_find_a_run_free_one_gets_it(tmp_path: Path, stale: bool) -> None:
    for _ in range(50):
        if stale:
            (tmp_path / OWNER).write_text(json.dumps(ELSEWHERE))
            os.utime(tmp_path / OWNER, (0, 0))
        assert len(owners_of(tmp_path, 8)) == 1
        assert not list(tmp_path.iterdir())


def test_a_build_whose_run_another_took_stops_and_waits_for_no_answer(chain: Chain, double: TgiDouble) -> None:
    impatient = "import builder.run.lease as lease; lease._BEAT_SECONDS = 0.1"
    stopped = Chain(chain.recipe, chain.run, chain.servers, impatient)
    process = stopped.start()
    wait_for(chain.run / "journal")
    double.fault("hang")
    hangs = len(double.log)
    while len(double.log) == hangs:
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)  # a machine that sleeps, say
    (chain.run / OWNER).write_text(json.dumps(ELSEWHERE))
    process.send_signal(signal.SIGCONT)
    assert process.wait(timeout=60) == 2, stopped.talk()
    assert "process 1 on node-7 builds this run" in stopped.talk()
    assert json.loads((chain.run / OWNER).read_text()) == ELSEWHERE, "it is the other's"
