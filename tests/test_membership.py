"""Servers that are not up: at the start and later they are waited for, as long as patience lasts and no longer."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder.errors import ModelMismatch, NoServer, NotAServer, ServerRefused
from builder.rewriting import health, membership, patience
from builder.rewriting.pool import ServerPool
from builder.rewriting.wanted import Wanted
from tests.asking import SHORT, Outcome, ask, ask_all, failures, run, texts
from tests.support import builder, builder_json
from tests.tgi_double import HTML_503, Speed, TgiDouble
from tests.virtual_time import run_in_virtual_time

ASLEEP = [HTML_503, '{"error": "Service Unavailable"}', '{"error": {"code": 503, "message": "Loading model"}}']


@contextmanager
def later(seconds: float, do: Callable[[], object]) -> Iterator[None]:
    timer = threading.Timer(seconds, do)
    timer.start()
    yield
    timer.join()


def first_answer(server: TgiDouble, *others: str, patience: float = 60, said: list[str] | None = None) -> float:
    """Return how many seconds it took to enter the pool and get an answer."""

    async def work() -> float:
        start = time.monotonic()
        say = (said if said is not None else []).append
        async with ServerPool([server.url, *others], patience=patience, say=say) as pool:
            await ask(pool, "a")
        return time.monotonic() - start

    seconds: float = run(work)
    return seconds


@pytest.mark.parametrize("body", ASLEEP)
def test_an_endpoint_that_scales_up_is_waited_for(body: str) -> None:
    said: list[str] = []
    with TgiDouble(asleep=body) as server:

        def wake() -> None:
            server.asleep = None

        with later(2, wake):
            assert first_answer(server, said=said) >= 2
        assert len(server.log) == 1
    (waiting,) = said
    assert server.url in waiting
    assert "503" in waiting
    assert "no server answers yet" in waiting


def test_a_server_that_refuses_connections_while_it_loads_is_waited_for() -> None:
    server = TgiDouble().__enter__()
    server.__exit__(None, None, None)
    loaded = TgiDouble(port=server.port)
    with later(2, loaded.__enter__):
        assert first_answer(loaded) >= 2
    loaded.__exit__(None, None, None)


@pytest.mark.parametrize("asleep", [HTML_503, None])
def test_patience_ends_with_what_to_do(asleep: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "_STILL_SECONDS", 1.0)
    said: list[str] = []
    with TgiDouble(asleep=asleep) as server:
        if asleep is None:
            server.__exit__(None, None, None)
        start = time.monotonic()
        with pytest.raises(NoServer) as caught:
            first_answer(server, patience=3, said=said)
        assert 3 <= time.monotonic() - start < 20
    assert caught.value.exit_code == 4
    assert "--patience" in caught.value.remedy
    assert "run the same command" in caught.value.remedy
    assert 2 <= len(said) <= 4, "at once, and then now and then"


def test_who_refuses_us_or_is_no_server_is_not_waited_for() -> None:
    start = time.monotonic()
    with TgiDouble(profile="vllm") as no_pages:
        no_pages.status_of = {"/v1/models": 404}
        with pytest.raises(NotAServer) as wrong:
            first_answer(no_pages)
        no_pages.status_of = {"/v1/models": 401}
        with pytest.raises(ServerRefused) as closed:
            first_answer(no_pages)
    assert time.monotonic() - start < 30
    assert wrong.value.exit_code == closed.value.exit_code == 4
    assert "BUILDER_SERVER_KEY" in closed.value.remedy


def test_who_refuses_us_is_named_while_others_are_waited_for() -> None:
    said: list[str] = []
    with TgiDouble(asleep=HTML_503) as server, TgiDouble() as closed:
        closed.status_of = {"/info": 403, "/v1/models": 403}

        def wake() -> None:
            server.asleep = None

        with later(1.5, wake):
            first_answer(server, closed.url, said=said)
        assert closed.log == []
    assert any(closed.url in line and "403" in line and "gets no requests" in line for line in said)


def test_another_model_is_not_waited_for() -> None:
    with TgiDouble() as one, TgiDouble(model_sha="0" * 40) as other, pytest.raises(ModelMismatch):
        first_answer(one, other.url)


def test_servers_that_all_fall_asleep_are_waited_for_and_that_is_said() -> None:
    said: list[str] = []

    async def work() -> list[Outcome]:
        async with TgiDouble(speed=SHORT) as server, ServerPool([server.url], say=said.append) as pool:
            asked = asyncio.ensure_future(ask_all(pool, texts(600), 20))
            await asyncio.sleep(0.5)
            server.asleep = HTML_503
            await asyncio.sleep(3)
            assert pool.is_waiting
            server.asleep = None
            return await asked

    assert failures(run_in_virtual_time(work)) == []
    waits = [line for line in said if "the build waits for one" in line]
    assert len(waits) == 1
    assert "at most 300 s" in waits[0]
    assert any("answers again" in line for line in said)


def test_a_server_at_work_is_no_reason_to_lose_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "_AT_WORK", 1.0)

    async def work() -> list[Outcome]:
        slow_one = TgiDouble(speed=Speed(step=0.2), max_concurrent_requests=4)
        async with slow_one as slow, TgiDouble() as failing:
            failing.fault("503")  # its pages answer, it generates nothing
            async with ServerPool([slow.url, failing.url], patience=2) as pool:
                return await ask_all(pool, texts(8, words=20), 8)

    assert failures(run_in_virtual_time(work)) == []


def test_a_server_that_generates_nothing_is_tried_less_and_less() -> None:
    said: list[str] = []

    async def work() -> list[Outcome]:
        async with TgiDouble() as server:
            server.fault("503")
            async with ServerPool([server.url], patience=8, say=said.append) as pool:
                return await ask_all(pool, texts(60))

    assert {type(failure) for failure in failures(run_in_virtual_time(work))} == {NoServer}
    assert sum("left alone" in line for line in said) == 1, "it was asked for a small answer before it had more"


def test_an_error_in_looking_after_servers_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(health, "read_gauges", broken)
    with TgiDouble(profile="vllm", speed=Speed(step=0.1)) as server:

        async def work() -> list[Outcome]:
            async with ServerPool([server.url]) as pool:
                return await ask_all(pool, texts(600), 300)

        assert any(isinstance(failure, ZeroDivisionError) for failure in failures(run(work)))


# --- the command that asks ---


def test_servers_are_asked_what_they_are_and_how_fast() -> None:
    with TgiDouble(speed=Speed(step=0.01)) as tgi, TgiDouble(profile="vllm") as vllm:
        told, untold = builder_json("servers", tgi.url, f"{vllm.url}/v1")
        said = builder("servers", tgi.url).stdout
        assert f"{tgi.url}  tgi, {tgi.model_id}" in said
        assert "128 at once" in said
    assert (told["kind"], told["max_concurrent_requests"], told["error"]) == ("tgi", 128, None)
    assert (untold["kind"], untold["max_concurrent_requests"]) == ("vllm", None)
    tokens = len("Count from one to one hundred, in words. (01234567)") // 6
    assert told["seconds_to_answer"] >= 0.01 * tokens
    assert 10 < told["tokens_per_second"] <= 100, "a token takes 10 ms"
    assert told["tokens_per_second"] < told["tokens_per_second_of_4"]


def test_a_server_that_is_down_hides_no_other() -> None:
    with TgiDouble() as up, TgiDouble(asleep=HTML_503) as asleep, TgiDouble() as broken:
        broken.fault("500")
        done = builder("servers", asleep.url, broken.url, up.url, "--json", exit_code=4)
    first, second, third = json.loads(done.stdout)
    assert "503" in first["error"]
    assert "generates nothing" in second["error"]
    assert third["error"] is None
    assert asleep.url in done.stderr


def test_a_file_of_servers_may_begin_with_a_mark(tmp_path: Path) -> None:
    file = tmp_path / "servers"
    file.write_text("http://one:1/v1\r\n# two\r\nhttp://two:2\r\n", encoding="utf-8-sig")
    assert Wanted([], file, None, None, 1.0, print).addresses() == ["http://one:1", "http://two:2"]
