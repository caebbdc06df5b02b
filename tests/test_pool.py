"""The server pool: full where there is room, out of the way where there is none, whatever servers do."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio
import pytest

from builder.errors import ModelMismatch, NoServer, RequestFailed, UsageError
from builder.rewriting import endpoint as endpoint_module
from builder.rewriting.endpoint import Endpoint
from builder.rewriting.generation import Generation, Model
from builder.rewriting.pool import ServerPool
from builder.rewriting.servers import Server
from tests.asking import SHORT, Outcome, ask, ask_all, failures, run, texts
from tests.tgi_double import Speed, TgiDouble
from tests.virtual_time import run_in_virtual_time

# --- servers that fail ---


def test_a_server_killed_and_restarted_is_used_again() -> None:
    told: list[str] = []

    async def work(first: TgiDouble, second: TgiDouble) -> tuple[list[Outcome], int]:
        async with ServerPool([first.url, second.url], say=told.append) as pool:
            asked = asyncio.ensure_future(ask_all(pool, texts(2500), at_once=40))
            await asyncio.sleep(0.7)
            await asyncio.to_thread(second.__exit__, None, None, None)
            await asyncio.sleep(0.7)
            with TgiDouble(speed=SHORT, max_concurrent_requests=16, port=second.port) as again:
                return await asked, len(again.log)

    with TgiDouble(speed=SHORT, max_concurrent_requests=16) as first:
        second = TgiDouble(speed=SHORT, max_concurrent_requests=16).__enter__()
        answers, after = asyncio.run(work(first, second))
    assert failures(answers) == []
    assert after > 100, "the restarted server got next to nothing"
    assert any("left alone" in line for line in told)
    assert any("answers again" in line for line in told)


def test_a_server_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint_module, "_SILENCE", (1.5, 1.0))
    monkeypatch.setattr(endpoint_module, "_FIRST_SILENCE", (1.5, 0.0))
    told: list[str] = []
    with TgiDouble(speed=SHORT) as good, TgiDouble(speed=SHORT) as hanging:
        hanging.fault("hang")

        async def work() -> list[Outcome]:
            async with ServerPool([good.url, hanging.url], say=told.append) as pool:
                return await ask_all(pool, texts(600))

        start = time.monotonic()
        assert failures(run(work)) == []
        assert time.monotonic() - start < 30
    assert any("no answer for" in line for line in told)


def test_a_request_that_is_ended_does_not_end_its_task_and_a_task_that_is_ends_its_request() -> None:
    async def work(server: TgiDouble) -> tuple[Outcome, int, bool]:
        async with ServerPool([server.url]) as pool:
            (member,) = pool.members

            async def under_way() -> asyncio.Task[Generation]:
                asked = asyncio.ensure_future(ask(pool, "word"))
                while not member.requests:
                    await asyncio.sleep(0.01)
                return asked

            ended = await under_way()
            member.end_all()
            with anyio.fail_after(30):
                answer = await ended
            server.fault("hang")
            cancelled = await under_way()
            cancelled.cancel()
            await asyncio.wait([cancelled])
            return answer, len(member.requests), cancelled.cancelled()

    with TgiDouble(speed=SHORT) as server:
        server.fault("hang", match="word", attempt=0)
        answer, in_work, is_cancelled = asyncio.run(work(server))
    assert isinstance(answer, Generation)
    assert is_cancelled and not in_work


def test_a_prompt_that_breaks_the_batch_goes_alone_and_then_no_more() -> None:
    with TgiDouble(speed=SHORT, max_concurrent_requests=16) as server:
        server.fault("424", match="poison", whole_batch=True)

        async def work() -> list[Outcome]:
            async with ServerPool([server.url]) as pool:
                return await ask_all(pool, [*texts(100), "poison " * 20, *texts(300, words=30)])

        answers = run(work)
        (failed,) = failures(answers)
        assert isinstance(failed, RequestFailed)
        assert answers.index(failed) == 100
        tries = [request for request in server.log if "poison" in str(request.body)]
        assert 4 <= len(tries) <= 8
        last = tries[-1]
        beside = [
            request
            for request in server.log
            if request is not last
            and "Say OK." not in str(request.body)
            and request.arrival < (last.end or 0)
            and (request.end or 0) > last.arrival
        ]
        assert beside == []


def test_with_no_server_left_it_waits_and_then_says_so() -> None:
    told: list[str] = []
    server = TgiDouble(speed=SHORT).__enter__()

    async def work() -> float:
        async with ServerPool([server.url], patience=2, say=told.append) as pool:
            await ask(pool, "a")
            await asyncio.to_thread(server.__exit__, None, None, None)
            start = time.monotonic()
            with pytest.raises(NoServer) as caught:
                await ask(pool, "b")
            assert caught.value.exit_code == 4
            assert "goes on" in caught.value.remedy
            return time.monotonic() - start

    assert 2 <= asyncio.run(work()) < 15


def test_a_pause_of_all_servers_costs_time_alone() -> None:
    async def work(server: TgiDouble) -> list[Outcome]:
        async with ServerPool([server.url]) as pool:
            asked = asyncio.ensure_future(ask_all(pool, texts(400), at_once=20))
            await asyncio.sleep(0.3)
            await asyncio.to_thread(server.__exit__, None, None, None)
            await asyncio.sleep(2)
            with TgiDouble(speed=SHORT, port=server.port):
                return await asked

    assert failures(asyncio.run(work(TgiDouble(speed=SHORT).__enter__()))) == []


# --- who is in the pool ---


class Refusing(BaseHTTPRequestHandler):
    """Lets nobody in."""

    def do_GET(self) -> None:
        self.send_error(403)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def refusing() -> Iterator[str]:
    """Give the URL of a server that answers 403."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_servers_join_and_leave_with_their_file(tmp_path: Path) -> None:
    told: list[str] = []
    file = tmp_path / "servers"
    with TgiDouble(speed=SHORT, max_concurrent_requests=8) as first, TgiDouble(speed=SHORT) as second:
        second.max_concurrent_requests = 24
        file.write_text(f"# ours\n{first.url}  # the first\n")

        async def work() -> tuple[float, int, int]:
            joined: list[int] = []
            async with ServerPool([], file=file, say=told.append) as pool:
                pool.on_more = joined.append
                asked = asyncio.ensure_future(ask_all(pool, itertools.islice(texts(20_000), 4000)))
                await asyncio.sleep(0.5)
                file.write_text(f"{first.url}\n{second.url}/v1\n")
                start = time.monotonic()
                while second.peak < 24:
                    assert time.monotonic() - start < 10, "the new server is not full"
                    await asyncio.sleep(0.05)
                filled = time.monotonic() - start
                file.write_text(f"{second.url}\n")
                await asyncio.sleep(2.5)
                left = len(first.log)
                assert failures(await asked) == []
                assert joined == [24]
                return filled, left, len(first.log)

        _, left, end = run(work)
        assert left == end, "a server that left got more requests"
    assert sum("joins" in line for line in told) == 1
    assert sum("leaves" in line for line in told) == 1


def test_a_server_that_refuses_us_or_has_another_model_does_not_join(tmp_path: Path) -> None:
    told: list[str] = []
    file = tmp_path / "servers"
    with TgiDouble(speed=SHORT) as first, TgiDouble(model_sha="0" * 40) as other, refusing() as closed:
        file.write_text(first.url)

        async def work() -> None:
            async with ServerPool([], file=file, say=told.append) as pool:
                file.write_text(f"{first.url}\n{other.url}\n{closed}\n")
                await asyncio.sleep(5)  # it is looked at each second
                assert failures(await ask_all(pool, texts(100))) == []
                assert [member.server.url for member in pool.members] == [first.url]

        run(work)
    assert len(told) == 2, "each is said once"
    assert all("it gets no requests" in line for line in told)
    assert other.log == []


def test_a_server_that_comes_back_with_another_model_is_in_no_more(tmp_path: Path) -> None:
    told: list[str] = []
    file = tmp_path / "servers"

    async def work(first: TgiDouble, second: TgiDouble) -> int:
        async with ServerPool([], file=file, say=told.append) as pool:
            asked = asyncio.ensure_future(ask_all(pool, texts(1500), at_once=40))
            await asyncio.sleep(0.5)
            await asyncio.to_thread(second.__exit__, None, None, None)
            with TgiDouble(speed=SHORT, port=second.port, model_sha="0" * 40) as other:
                assert failures(await asked) == []
                with anyio.fail_after(60):
                    while [member.server.url for member in pool.members] != [first.url]:
                        await asyncio.sleep(0.1)  # it is looked at each second
                return len(other.log)

    with TgiDouble(speed=SHORT, max_concurrent_requests=16) as first:
        second = TgiDouble(speed=SHORT, max_concurrent_requests=16).__enter__()
        file.write_text(f"{first.url}\n{second.url}\n")
        asked_of_other = asyncio.run(work(first, second))
    assert len([line for line in told if "it gets no requests" in line]) == 1, told
    assert asked_of_other <= 2 * 16, "what was under way as it fell"


@pytest.mark.parametrize("sha", [TgiDouble.model_sha, "0" * 40])
def test_a_server_that_is_named_again_is_asked_what_it_serves(tmp_path: Path, sha: str) -> None:
    file = tmp_path / "servers"
    first, second = (TgiDouble(speed=Speed(step=0.01), max_concurrent_requests=8) for _ in range(2))

    async def work() -> tuple[int, int, list[str]]:
        async with first, second:
            file.write_text(f"{first.url}\n{second.url}\n")
            async with ServerPool([], file=file) as pool:
                asked = asyncio.ensure_future(ask_all(pool, texts(800), at_once=20))
                await asyncio.sleep(1)
                file.write_text(first.url)
                await asyncio.sleep(3)
                second.model_sha, before = sha, len(second.log)
                file.write_text(f"{first.url}\n{second.url}\n")
                assert failures(await asked) == []
                await asyncio.sleep(3)
                return before, len(second.log), [member.server.url for member in pool.members]

    before, after, members = run_in_virtual_time(work)
    assert before > 0
    if sha == TgiDouble.model_sha:
        assert after > before + 50 and set(members) == {first.url, second.url}
    else:
        assert after == before and members == [first.url]


def test_what_a_server_that_goes_for_good_has_in_work_is_asked_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "servers"
    good = TgiDouble(speed=SHORT, max_concurrent_requests=8)
    gone = TgiDouble(speed=SHORT, max_concurrent_requests=8)
    gone.fault("hang", at=range(4))
    gone.fault("reset")

    async def work() -> float:
        async with good, gone:
            file.write_text(f"{good.url}\n{gone.url}\n")
            async with ServerPool([], file=file) as pool:
                start = time.monotonic()
                gone.status_of = {"/info": 500}  # it is left alone, and stays so
                asked = asyncio.ensure_future(ask_all(pool, texts(400), at_once=20))
                await asyncio.sleep(0.5)
                file.write_text(good.url)
                assert failures(await asked) == []
                return time.monotonic() - start

    assert run_in_virtual_time(work) < 60, "they were taken to be under way until it was silent for too long"


def test_patience_begins_when_no_server_works_any_more() -> None:
    server = TgiDouble(speed=Speed(step=5.0), max_concurrent_requests=8)
    server.fault("reset", times=1)  # and no answer for a hundred seconds

    async def work() -> list[Outcome]:
        async with server, ServerPool([server.url], patience=3) as pool:
            long = asyncio.ensure_future(ask(pool, "word " * 20))
            await asyncio.sleep(60)
            server.fault("reset", times=3)
            return [*await ask_all(pool, texts(3), 3), await long]

    assert failures(run_in_virtual_time(work)) == []


def test_one_short_and_slow_answer_does_not_make_silence_usual() -> None:
    endpoint = Endpoint(Server("http://x", "tgi", Model("m"), 1, None, 1))
    endpoint.learn_speed(12.0, 5)
    for _ in range(50):
        endpoint.learn_speed(15.0, 500)
    assert endpoint.silence_allowed(2048) < 600
    endpoint.learn_speed(40.0, 0)
    assert endpoint.silence_allowed(2048) < 600


def test_a_server_that_is_not_up_yet_is_asked_again() -> None:
    late = TgiDouble(speed=SHORT).__enter__()
    late.__exit__(None, None, None)

    async def work(first: TgiDouble) -> int:
        async with ServerPool([first.url, late.url]) as pool:
            with TgiDouble(speed=SHORT, port=late.port) as up:
                for _ in range(100):
                    assert failures(await ask_all(pool, texts(30))) == []
                    if up.log:
                        break
                return len(up.log)

    with TgiDouble(speed=SHORT, max_concurrent_requests=4) as first:
        assert asyncio.run(work(first)) > 0


def test_one_model_alone_answers_a_run() -> None:
    async def enter(*urls: str, expected: Model | None = None) -> None:
        async with ServerPool(urls, expected=expected):
            pass

    with TgiDouble() as one, TgiDouble(model_sha="0" * 40) as other:
        with pytest.raises(ModelMismatch):
            asyncio.run(enter(one.url, other.url))
        with pytest.raises(ModelMismatch):
            asyncio.run(enter(one.url, expected=Model("another", None)))


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\xff\xfe\n", None])
def test_a_file_that_names_no_server_is_an_error(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "servers"
    if content is not None:
        file.write_bytes(content)

    async def enter() -> None:
        async with ServerPool([], file=file):
            pass

    with pytest.raises(UsageError) as caught:
        asyncio.run(enter())
    assert str(file) in str(caught.value)
