"""Ctrl-C once stops asking and waits for what is in flight; twice, or a SIGTERM's deadline, stops at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builder.document import read_document
from builder.draining import Drain, Draining, InWork
from builder.filters.workers import Workers
from builder.rewriting.generation import Generation
from builder.rewriting.pool import ServerPool
from builder.rewriting.prompts import Sampling
from builder.run.steps import _filtering
from builder.run.stopping import Stopping, interrupted_once
from tests.asking import SHORT, ask, run
from tests.broken_filters import Sleeping
from tests.faulty import Chain, is_control, rows_of, write_chain
from tests.support import start
from tests.tgi_double import Reply, Request, Speed, TgiDouble, default_reply
from tests.virtual_time import run_in_virtual_time

DOCUMENTS, AT_ONCE = 30, 8  # of two shards, at one server
LONG = 20_000  # tokens: ten seconds and more


def asked(double: TgiDouble) -> list[Request]:
    return [one for one in double.log if not is_control(one)]


def in_flight(double: TgiDouble) -> int:
    return sum(one.end is None for one in asked(double))


def times_asked(double: TgiDouble) -> Counter[str]:
    return Counter(
        json.dumps([one.body[name] for name in ("messages", "seed", "max_tokens")]) for one in asked(double)
    )


def until(happened: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.005)


def is_last_of_first_shard(content: str) -> bool:
    return "def scaled_14(" in content and "Evaluation" not in content


def in_second_shard(content: str) -> bool:
    return any(f"def scaled_{number}(" in content for number in range(15, DOCUMENTS))


def chain_of(double: TgiDouble, folder: Path, *options: str) -> Chain:
    chain = Chain(write_chain(folder / "project", DOCUMENTS), folder / "run", [double])
    chain.options = [*options]
    return chain


def slow(which: Callable[[str], bool], tokens: int) -> Callable[..., Reply]:
    """Return a model that takes its time, so many tokens' of half a millisecond, for some requests."""

    def reply(messages: list[dict[str, Any]], seed: int | None, temperature: float, body: dict[str, Any]) -> Reply:
        text = str(default_reply(messages, seed, temperature, body))
        return Reply(text, completion_tokens=tokens if which(str(messages)) else None)

    return reply


def serving(which: Callable[[str], bool], tokens: int) -> TgiDouble:
    return TgiDouble(reply=slow(which, tokens), speed=Speed(step=0.0005), max_concurrent_requests=AT_ONCE)


def finish(chain: Chain, double: TgiDouble) -> None:
    """Have a server answer quickly, and the build go on to its end."""
    double.reply, chain.options = default_reply, []
    chain.finish()
    assert len(rows_of(chain.run)) == DOCUMENTS


def test_ctrl_c_waits_for_what_is_in_flight_and_asks_nothing_more(tmp_path: Path) -> None:
    def is_slow(content: str) -> bool:
        return is_last_of_first_shard(content) or in_second_shard(content)

    with serving(is_slow, tokens=2000) as double:
        chain = chain_of(double, tmp_path)
        process = chain.start()
        until(lambda: in_flight(double) == AT_ONCE and answered_of_first_shard(double) == 2 * 13 - 1)
        before = len(asked(double))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        said = process.stderr
        assert f"waiting for {AT_ONCE} answers in flight at 1 server" in said
        assert "(median)" in said
        assert f"{AT_ONCE} of the {AT_ONCE} that were in flight among them" in said
        assert "run the same command to go on" in said
        assert "Traceback" not in said
        assert len(asked(double)) == before
        assert not any(one.cancelled for one in asked(double))
        first = chain.run / "shards" / "shard-00000.parquet"
        assert first.exists(), "its last answer was waited for"
        assert len(rows_of(chain.run)) == 15
        finish(chain, double)
        assert max(times_asked(double).values()) == 1


def answered_of_first_shard(double: TgiDouble) -> int:
    """Return how many answers there were for its thirteen texts: one of its documents is broken, two are equal."""
    return sum(one.end is not None and not in_second_shard(str(one.body["messages"])) for one in asked(double))


@pytest.mark.parametrize(
    ("numbers", "options", "says"),
    [
        ([signal.SIGINT, signal.SIGINT], [], "Ctrl-C again stops at once"),
        ([signal.SIGTERM], ["--grace", "0.3"], "waiting for at most 0.3 s for 8 answers"),
    ],
)
def test_the_second_ctrl_c_or_the_end_of_the_grace_stops_at_once(
    tmp_path: Path, numbers: list[signal.Signals], options: list[str], says: str
) -> None:
    with serving(lambda _: True, LONG) as double:
        chain = chain_of(double, tmp_path, *options)
        process = chain.start()
        until(lambda: in_flight(double) == AT_ONCE)
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.05)
        signalled = time.monotonic()
        assert process.wait(60) == 130
        assert time.monotonic() - signalled < 5, "an answer takes ten seconds"
        assert says in process.stderr
        assert f"0 of the {AT_ONCE} that were in flight" in process.stderr
        assert "Traceback" not in process.stderr
        until(lambda: in_flight(double) == 0)
        lost = sum(one.cancelled for one in asked(double))
        assert lost == AT_ONCE
        finish(chain, double)
        assert sum(times_asked(double).values()) - len(times_asked(double)) == lost


def test_with_nothing_in_flight_ctrl_c_ends_at_once(tmp_path: Path) -> None:
    recipe = write_chain(tmp_path / "project", DOCUMENTS)
    process = start("build", recipe, "--run", tmp_path / "run", "--server", "http://127.0.0.1:9")
    until(lambda: "no server answers yet" in process.stderr)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    assert "interrupted; every answer that had arrived is kept\n" in process.stderr


def test_outside_the_event_loop_too_it_says_how_to_go_on(tmp_path: Path) -> None:
    recipe, servers = write_chain(tmp_path / "project", DOCUMENTS), tmp_path / "servers"
    os.mkfifo(servers)
    process = start("build", recipe, "--run", tmp_path / "run", "--servers", servers)

    def is_read() -> bool:
        with contextlib.suppress(OSError):
            descriptors.append(os.open(servers, os.O_WRONLY | os.O_NONBLOCK))
        return bool(descriptors)

    descriptors: list[int] = []
    until(is_read)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    os.close(descriptors[0])
    assert process.stderr == "error interrupted\n→ run the same command to go on\n"


def test_what_is_tried_again_or_waits_is_not_in_flight() -> None:
    """Of a server that refuses all but two for a minute, one of them answered, one refused after the signal."""

    async def work() -> None:
        drain = Drain()
        async with TgiDouble(reply=slow(lambda content: "long" in content, 40_000), speed=SHORT) as server:
            server.fault("status", status=503, match="refused", headers={"Retry-After": "60"})
            server.fault("429", headers={"Retry-After": "60"}, match="busy")
            server.fault("cut", match="broken")
            async with ServerPool([server.url], drain=drain) as pool:
                tasks = [
                    asyncio.ensure_future(ask(pool, text)) for text in ("long", "long, broken", "refused", "busy")
                ]
                await asyncio.sleep(10)
                before, loop = len(asked(server)), asyncio.get_running_loop()
                drain.begin()
                begun = loop.time()
                assert drain.in_work().requests == 2
                ended = [await asyncio.gather(one, return_exceptions=True) for one in tasks[2:]]
                assert loop.time() == begun, "they wait for nothing"
                ended += [await asyncio.gather(one, return_exceptions=True) for one in tasks[1::-1]]
                assert [type(one) for (one,) in ended] == [Draining, Draining, Draining, Generation]
                assert len(asked(server)) == before

    run_in_virtual_time(work)


def test_a_request_in_isolation_is_waited_for_and_others_there_are_not_begun() -> None:
    async def work() -> None:
        drain = Drain()
        async with TgiDouble(speed=SHORT) as server:
            for attempt in range(2):
                server.fault("424", match="suspect", attempt=attempt)
            server.fault("hang", match="suspect", attempt=2, seconds=0.5)
            async with ServerPool([server.url], drain=drain) as pool:
                tasks = [asyncio.ensure_future(ask(pool, f"suspect {number}")) for number in range(3)]
                while not any(one.fault == "hang" and one.end is None for one in server.log):
                    await asyncio.sleep(0.01)
                before, waited_for = len(asked(server)), drain.in_work().requests
                assert waited_for == in_flight(server)
                drain.begin()
                outcomes = await asyncio.gather(*tasks, return_exceptions=True)
                assert sum(isinstance(one, Generation) for one in outcomes) == waited_for
                assert sum(isinstance(one, Draining) for one in outcomes) == 3 - waited_for
                assert len(asked(server)) == before

    run_in_virtual_time(work)


def test_a_document_in_a_filter_ends_there() -> None:
    async def work() -> None:
        drain = Drain()
        async with Workers(1) as workers:
            judge = _filtering(Sleeping(), workers, drain)
            judged = [asyncio.ensure_future(judge(read_document(name, "x = 1\n", {}), _nobody)) for name in "ab"]
            await asyncio.sleep(0.3)
            begun = time.monotonic()
            drain.begin()
            assert [type(one) for one in await asyncio.gather(*judged, return_exceptions=True)] == 2 * [Draining]
            assert time.monotonic() - begun < 5
            with pytest.raises(Draining):
                await judge(read_document("c", "x = 1\n", {}), _nobody)

    run(work)


async def _nobody(_: object) -> Any:
    raise AssertionError("nothing is asked")


def test_a_signal_that_is_handed_on_as_well_is_one() -> None:
    """Ended by the second, which comes a second later; a SIGTERM after a Ctrl-C sets a deadline, and no more."""

    async def signalled(*numbers: signal.Signals, pause: float = 0.0) -> tuple[bool, bool, list[str]]:
        drain, said, task = Drain(), list[str](), asyncio.ensure_future(asyncio.sleep(60))
        drain.in_work = lambda: InWork(2, 1, 0, [3.0, 5.0, 70.0])
        with interrupted_once(), Stopping(drain, 30.0, said.append).handling(task):
            for number in numbers:
                os.kill(os.getpid(), number)
                await asyncio.sleep(pause)
            await asyncio.sleep(0.01)
        is_on, is_ended = drain.is_on, task.cancelled() or bool(getattr(task, "cancelling", int)())
        task.cancel()
        return is_on, is_ended, said

    async def work() -> None:
        term, ctrl_c = signal.SIGTERM, signal.SIGINT
        assert (await signalled(term, term))[:2] == (True, False)
        assert (await signalled(ctrl_c, ctrl_c))[:2] == (True, False)
        assert (await signalled(ctrl_c, ctrl_c, pause=0.03))[:2] == (True, True)
        assert (await signalled(term, ctrl_c))[:2] == (True, True)
        is_on, is_ended, said = await signalled(ctrl_c, term)
        assert (is_on, is_ended) == (True, False)
        assert (
            "for 2 answers in flight at 1 server, of which the last ones took 5.0 s (median), 1 min 10 s"
            in said[0]
        )
        assert "for at most 30 s" in said[1]
        assert len(said) == 2

    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    run(work)
    assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_later_stages_and_older_shards_come_first() -> None:
    async def work() -> None:
        async with TgiDouble(speed=SHORT, max_concurrent_requests=1) as server, ServerPool([server.url]) as pool:
            orders = {
                "first": (0, 5),
                "new": (0, 4),
                "newer": (0, 6),
                "old": (0, 2),
                "later": (-1, 3),
                "old too": (0, 2),
            }
            tasks = []
            for text, order in orders.items():
                messages = [{"role": "user", "content": text}]
                tasks.append(
                    asyncio.ensure_future(pool.generate(messages, Sampling(max_tokens=9), 1, order=order))
                )
                await asyncio.sleep(0)
            await asyncio.gather(*tasks)
            told = [one.body["messages"][0]["content"] for one in asked(server)]
            assert told == ["first", "later", "old", "old too", "new", "newer"]

    run_in_virtual_time(work)


def test_a_document_that_was_answered_asks_next(tmp_path: Path, is_long: bool) -> None:
    if not is_long:
        pytest.skip("two rounds of slow answers: --long")
    with serving(lambda _: True, tokens=400) as double:
        chain = chain_of(double, tmp_path)
        double.speed = Speed(step=0.0005)
        chain.finish()
        stages = ["Evaluation" in str(one.body["messages"]) for one in asked(double)]
        waiting = [stages[:at].count(True) - stages[:at].count(False) for at in range(1, len(stages) + 1)]
        assert max(waiting) <= 2 * AT_ONCE, "more have been through the first stage than two rounds of a server's"
