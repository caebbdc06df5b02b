"""What holds whatever goes wrong on the way to the servers: whole builds, each against the undisturbed one.

Where a server says that it broke over a request, it may be the document's fault, and three times are enough for a
verdict: such faults come once a request here, as those do that are nobody's fault.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from builder.rewriting.control_tokens import fallback
from builder.rewriting.generation import Model
from builder.run.directory import Run
from builder.run.unique_ids import UniqueIds
from tests.faulty import (
    DOCUMENTS,
    Chain,
    answers_of,
    check_ledger,
    check_paid_once,
    check_token_stayed_home,
    rows_of,
    server,
    write_chain,
)
from tests.support import digests
from tests.tgi_double import TgiDouble

IMPATIENT = """
import builder.rewriting.endpoint as endpoint
endpoint._SILENCE, endpoint._FIRST_SILENCE = (1.5, 3.0), (1.5, 0.0)
"""
"""Minutes of silence are what tells a server that hangs; a test has seconds."""

SMALL_SEGMENTS = """
import resource
import builder.run.answers.log as log
log._SEGMENT_BYTES = 1
"""

LISTENED = """
import asyncio, os, sys
import builder.run.worker as worker
worker._PROGRESS_SECONDS = 0.01
def hear(event, arguments):
    if event in ("open", "os.remove", "os.rename", "os.truncate") and asyncio._get_running_loop() is not None:
        place = str(arguments[0])
        if place.startswith({run!r}):
            os.write(descriptor, f"{{place}}\\n".encode())
descriptor = os.open({heard!r}, os.O_CREAT | os.O_WRONLY)
sys.addaudithook(hear)
"""
"""Writes down for which of a run's files the event loop waits: a busy disk takes seconds."""

Script = Callable[[TgiDouble, TgiDouble], None]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the recipe and an undisturbed run: the model's own bad answers are all its trouble."""
    folder = tmp_path_factory.mktemp("calm")
    with server() as double:
        Chain(write_chain(folder / "project"), folder / "run", [double]).finish()
    answers = [answer for row in rows_of(folder / "run") for answer in (row["sgcr"] or {"answers": ()})["answers"]]
    assert {answer["failure"] for answer in answers} == {
        None, "empty_answer", "truncated", "unclosed_code_block", "syntax_error"
    }  # fmt: skip
    return folder


def check(chain: Chain, calm: Path) -> None:
    """What must hold after every script."""
    check_ledger(chain.run, DOCUMENTS)
    assert digests(chain.run / "shards") == digests(calm / "run" / "shards")
    keys = answers_of(calm / "run")
    assert {(one.body["seed"], one.body["max_tokens"]) for _, one in chain.log if one.body} == keys.keys()
    check_paid_once(chain, keys)
    assert not list((chain.run / "journal").iterdir()), "a finished shard's journal goes"
    check_token_stayed_home(chain.servers, chain.run.parent)


def overload(first: TgiDouble, second: TgiDouble) -> None:
    first.max_concurrent_requests = second.max_concurrent_requests = 4
    first.fault("429", rate=0.5, seed=1)
    second.fault("429", at=range(40, 50))


def broken_batches(first: TgiDouble, second: TgiDouble) -> None:
    first.fault("424", attempt=0, rate=0.1, seed=2, whole_batch=True)
    second.fault("500", attempt=0, rate=0.1, seed=3)


def tenth_of_the_speed(first: TgiDouble, second: TgiDouble) -> None:
    second.speed = type(second.speed)(step=10 * first.speed.step)
    second.fault("slow", rate=0.1, seed=4, seconds=0.5)


def torn_bodies(first: TgiDouble, second: TgiDouble) -> None:
    first.fault("cut", attempt=range(3), rate=0.2, seed=5)
    first.fault("reset", attempt=range(3), rate=0.2, seed=6)
    second.fault("close_idle", rate=0.3, seed=7, seconds=0.01)
    second.fault("reset", attempt=range(3), rate=0.2, seed=8)


def a_proxys_pages(first: TgiDouble, second: TgiDouble) -> None:
    first.fault("503", rate=0.2, seed=9)
    first.fault("status", rate=0.2, seed=10, status=200)
    second.fault("status", at=range(10, 25), status=200)
    second.fault("status", rate=0.1, seed=11, status=502, body="", headers={"Content-Type": "image/png"})
    second.fault("status", rate=0.1, seed=12, status=302, headers={"Location": "/health"})
    second.fault("status", rate=0.1, seed=13, status=408, body="Request Timeout")


def no_answers(first: TgiDouble, second: TgiDouble) -> None:
    first.fault("not_json", attempt=0, rate=0.2, seed=14)
    first.fault("not_utf8", attempt=0, rate=0.1, seed=15)
    second.fault("not_utf8", attempt=0, rate=0.1, seed=16)


def all_of_it(first: TgiDouble, second: TgiDouble) -> None:
    first.max_concurrent_requests, second.max_concurrent_requests = 16, 8
    for seed, double in enumerate((first, second)):
        for kind in ("424", "500", "not_utf8", "not_json"):
            double.fault(kind, attempt=0, rate=0.02, seed=seed, whole_batch=kind == "424")
        for kind in ("429", "503", "reset", "cut", "close_idle"):
            double.fault(kind, rate=0.02, seed=seed)
        for kind in ("slow", "hang"):
            double.fault(kind, rate=0.02, seed=seed, seconds=0.3)
        for status in (200, 302, 408, 502):
            double.fault("status", rate=0.01, seed=status + seed, status=status)


SCRIPTS = [overload, broken_batches, tenth_of_the_speed, torn_bodies, a_proxys_pages, no_answers, all_of_it]


@contextmanager
def two_servers(script: Script | None = None) -> Iterator[tuple[TgiDouble, TgiDouble]]:
    """Run two servers with a script; how often something was asked is counted over both."""
    with server() as first, server() as second:
        second._attempts = first._attempts
        if script is not None:
            script(first, second)
        yield first, second


@contextmanager
def restarting(double: TgiDouble, seconds: float) -> Iterator[None]:
    """Take a server down and up again, over and over, each for so many seconds."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(seconds):
            double.__exit__(None, None, None)
            stop.wait(seconds)
            double.__enter__()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("script", SCRIPTS)
def test_whatever_goes_wrong_on_the_way_the_table_is_the_same(calm: Path, tmp_path: Path, script: Script) -> None:
    with two_servers(script) as servers:
        chain = Chain(calm / "project" / "chain.yaml", tmp_path / "run", servers)
        chain.finish()
        check(chain, calm)
        assert any(request.fault for _, request in chain.log) or script is tenth_of_the_speed


def test_a_server_that_dies_and_comes_back_costs_only_what_it_had_in_work(calm: Path, tmp_path: Path) -> None:
    with two_servers() as servers, restarting(servers[0], 0.5):
        chain = Chain(calm / "project" / "chain.yaml", tmp_path / "run", servers)
        chain.finish()
        check(chain, calm)


def test_a_server_that_hangs_costs_only_what_it_had_in_work(calm: Path, tmp_path: Path) -> None:
    with two_servers() as servers:
        servers[0].fault("hang", at=range(20, 40))
        chain = Chain(calm / "project" / "chain.yaml", tmp_path / "run", servers, IMPATIENT)
        chain.finish()
        check(chain, calm)
        assert any(request.fault == "hang" for _, request in chain.log)


def test_servers_have_work_while_the_disk_is_waited_for(calm: Path, tmp_path: Path) -> None:
    heard, run = tmp_path / "heard", tmp_path / "run"
    with server(step=0.002) as double:
        listened = LISTENED.format(heard=str(heard), run=str(run))
        Chain(calm / "project" / "chain.yaml", run, [double], listened).finish()
    assert heard.read_text().splitlines() == []


def refuses_a_write(chain: Chain, name: str) -> bool:
    """Build until a file of this name is refused: answers that come at once may outgrow the limit before it."""
    for _ in range(6):
        assert chain.start().wait(timeout=60) == 4, chain.talk()
        chain.known.append(chain.answered())
        if f"{name}: " in chain.builds[-1].stderr:
            return True
    return False


def test_a_full_disk_stops_the_build_and_costs_no_answer_that_was_kept(calm: Path, tmp_path: Path) -> None:
    with two_servers() as servers:
        chain = Chain(calm / "project" / "chain.yaml", tmp_path / "run", servers)
        # No file may grow over so many bytes.
        refusals = ((3000, "run.json"), (3000, "ids.sqlite"), (3000, "jsonl"), (17000, "parquet"))
        for size, refused in refusals:
            chain.prelude = SMALL_SEGMENTS + f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, -1))"
            assert refuses_a_write(chain, refused), chain.talk()
            assert ("make room" if "sqlite" in refused else "allow larger files") in chain.talk()
            run = Run.read(chain.run)
            if refused == "ids.sqlite":  # there is room for it again, and for what the first start records
                with UniqueIds(run) as ids:
                    list(ids.unique(0, []))
            run.pin(Model(servers[0].model_id, servers[0].model_sha), fallback())
        assert all(earlier <= later for earlier, later in pairwise(chain.known))
        assert len(chain.known[2]) < len(chain.known[-1])
        chain.prelude = ""
        chain.finish()
        check(chain, calm)


def kill_somewhere(chain: Chain, moments: random.Random, kind: str) -> bool:
    """Start a build and kill it at a moment of a kind; return whether it was still at work."""
    shards, asked = len(list(chain.run.glob("shards/*.parquet"))), len(chain.log)
    process = chain.start()
    seconds, more = moments.uniform(0, 0.6), moments.randint(1, 25)
    until = time.monotonic() + seconds

    def has_come() -> bool:
        if kind == "starting":
            return time.monotonic() > until
        if kind == "answering":
            return sum(len(double.log) for double in chain.servers) >= asked + more
        if kind == "writing":
            return any(chain.run.glob(".writing-*/shard-*"))
        return len(list(chain.run.glob("shards/*.parquet"))) > shards  # and its journal may be there

    while process.poll() is None and not has_come():
        time.sleep(0.0005)
    return chain.kill(process)


def test_killed_at_many_moments_it_loses_nothing_and_pays_nothing_twice(
    calm: Path, tmp_path: Path, is_long: bool
) -> None:
    moments = random.Random(11)
    kinds = ["starting"] * 4 + ["answering"] * 9 + ["writing"] * 3 + ["written"] * 3
    kinds = kinds if is_long else kinds[::3]
    moments.shuffle(kinds)
    with two_servers(all_of_it) as servers:
        chain = Chain(calm / "project" / "chain.yaml", tmp_path / "run", servers)
        at_work = sum(kill_somewhere(chain, moments, kind) for kind in ["starting", *kinds])
        chain.finish()
        check(chain, calm)
    assert at_work >= len(kinds) * 0.6, "the builds ended before they could be killed"
    assert all(known <= later for known, later in zip(chain.known, chain.known[1:], strict=False)), (
        "an answer went"
    )
