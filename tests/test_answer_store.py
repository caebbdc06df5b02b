"""The answer store: what a server finished is on disk before it counts, and no generation is paid for twice."""

import asyncio
import hashlib
import os
import resource
import time
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import anyio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import RequestFailed, StorageError
from builder.rewriting.generation import Generation
from builder.rewriting.pool import ServerPool
from builder.rewriting.prompts import Sampling
from builder.rewriting.rewriter import Request
from builder.run.answers import log as log_module
from builder.run.answers.keys import number_of
from builder.run.answers.lines import decode, encode, whole_lines
from builder.run.answers.log import Log
from builder.run.answers.segments import segments_in
from builder.run.answers.store import AnswerStore, ShardAnswers
from builder.run.lease import Lease
from tests.tgi_double import TgiDouble

Given = TypeVar("Given")
GENERATION = Generation('{"a": "é\\n"}\n\ud7ff\0', "stop", 3, 4)


def key_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def request(text: str) -> Request:
    return Request(key_of(text), [{"role": "user", "content": text}], Sampling(), 1)


def text_of(request: Request) -> str:
    return str(request.messages[0]["content"])


class Server:
    """Generates, and counts for what."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.gate.set()

    async def generate(self, request: Request) -> Generation:
        self.asked[text_of(request)] += 1
        await self.gate.wait()
        return Generation(f"answer to {text_of(request)}", "stop", 1, 2)


def run(folder: Path, use: Callable[[AnswerStore, Server], Awaitable[Given]]) -> Given:
    """Use a store whose log is in a folder, as one process does from its start to its end."""

    async def main() -> Given:
        server, log = Server(), Log(folder)
        log.replay()
        async with AnswerStore(log, server.generate) as store:
            return await use(store, server)

    return asyncio.run(main())


def ask_all(folder: Path, *texts: str) -> tuple[Counter[str], Counter[str]]:
    """Ask for answers one after another for one shard; return what the server was asked and the counts."""

    async def use(store: AnswerStore, server: Server) -> tuple[Counter[str], Counter[str]]:
        shard = store.for_shard()
        for text in texts:
            assert (await shard.ask(request(text))).answer == f"answer to {text}"
        return server.asked, store.counts

    return run(folder, use)


def logged(folder: Path) -> dict[str, Generation]:
    """Return what the log in a folder holds."""
    lines = (line for segment in segments_in(folder) for line in whole_lines(segment))
    return dict(filter(None, map(decode, lines)))


def read_all(folder: Path, *texts: str) -> set[str]:
    """Return those of the texts that a log gives the right answer to, which is `GENERATION`."""
    log = Log(folder)
    log.replay()
    found = {text: log.read(key_of(text)) for text in texts if log.knows(key_of(text))}
    assert set(found.values()) <= {GENERATION, None}
    return {text for text, generation in found.items() if generation is not None}


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let no file grow over `size`: the write that would is cut short, and the next fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# --- the file ---


@given(
    st.dictionaries(
        st.text(),
        st.builds(Generation, st.text(), st.text(), st.integers(0, 2**40), st.integers(0, 2**40)),
        max_size=5,
    )
)
def test_what_is_encoded_is_decoded(generations: dict[str, Generation]) -> None:
    lines = [encode(key, generation) for key, generation in generations.items()]
    assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in lines)
    assert list(map(decode, lines)) == list(generations.items())


def test_no_folder_holds_nothing_and_reading_makes_none(tmp_path: Path) -> None:
    assert read_all(tmp_path / "none", "a") == set()
    assert not (tmp_path / "none").exists()


def test_a_last_line_torn_at_any_byte_is_not_there_and_the_others_are(tmp_path: Path) -> None:
    path = tmp_path / "log-000000-000000.jsonl"
    whole, last = (encode(key_of(text), GENERATION) for text in ("whole", "last"))
    for length in range(len(last)):
        path.write_bytes(whole + last[:length])
        assert read_all(tmp_path, "whole", "last") == {"whole"}
    path.write_bytes(whole + last)
    assert read_all(tmp_path, "whole", "last") == {"whole", "last"}


def test_a_line_spoilt_in_any_byte_is_asked_for_again_and_the_others_are_good(tmp_path: Path) -> None:
    path = tmp_path / "log-000000-000000.jsonl"
    texts = ("first", "middle", "end")
    lines = [encode(key_of(text), GENERATION) for text in texts]
    for at in range(len(lines[1])):
        spoilt = bytearray(lines[1])
        spoilt[at] ^= 0x55
        path.write_bytes(lines[0] + bytes(spoilt) + lines[2])
        # Without its own end of line, the middle one takes the next along.
        assert read_all(tmp_path, *texts) == ({"first", "end"} if at < len(spoilt) - 1 else {"first"})


def test_what_a_power_cut_leaves_at_the_end_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "log-000000-000000.jsonl").write_bytes(encode(key_of("a"), GENERATION) + b"\0" * 4096)
    assert read_all(tmp_path, "a") == {"a"}


def test_a_spoilt_line_costs_one_request_and_is_replaced(tmp_path: Path) -> None:
    ask_all(tmp_path, "a", "b")
    (segment,) = segments_in(tmp_path)
    segment.write_bytes(segment.read_bytes().replace(b"answer to a", b"answer to c"))
    assert ask_all(tmp_path, "a", "b") == ({"a": 1}, {"requested": 1, "replayed": 1})
    segments_in(tmp_path)[0].open("ab").write(b"\n\xff\n" + encode(key_of("c"), GENERATION)[5:])
    assert ask_all(tmp_path, "a", "b") == ({}, {"replayed": 2})


# --- paid once ---


def test_a_restart_asks_for_nothing_again(tmp_path: Path) -> None:
    asked, counts = ask_all(tmp_path, "a", "b")
    assert (asked, counts) == ({"a": 1, "b": 1}, {"requested": 2})
    asked, counts = ask_all(tmp_path, "a", "b", "c", "c")
    assert (asked, counts) == ({"c": 1}, {"replayed": 2, "requested": 1, "reused": 1})
    asked, counts = ask_all(tmp_path, "c", "b", "a")
    assert (asked, counts) == ({}, {"replayed": 3})


def test_a_generation_is_on_disk_before_it_counts(tmp_path: Path) -> None:
    async def use(store: AnswerStore, server: Server) -> None:
        shard = store.for_shard()
        for number in range(5):
            await shard.ask(request(str(number)))
            assert set(logged(tmp_path)) == {key_of(str(n)) for n in range(number + 1)}

    run(tmp_path, use)


def test_only_the_line_a_crash_tore_is_asked_for_again(tmp_path: Path) -> None:
    ask_all(tmp_path, "a", "b")
    (segment,) = segments_in(tmp_path)
    os.truncate(segment, segment.stat().st_size - 1)
    asked, counts = ask_all(tmp_path, "a", "b")
    assert (asked, counts) == ({"b": 1}, {"replayed": 1, "requested": 1})
    assert ask_all(tmp_path, "a", "b")[1] == {"replayed": 2}


def test_equal_requests_in_flight_are_one_request(tmp_path: Path) -> None:
    async def use(store: AnswerStore, server: Server) -> tuple[list[Generation], Counter[str], Counter[str]]:
        server.gate.clear()
        first, second = store.for_shard(), store.for_shard()
        asks = [shard.ask(request("same")) for shard in (first, second, first, second)]
        waiting = [asyncio.create_task(ask) for ask in asks]
        await asyncio.sleep(0.05)
        server.gate.set()
        answers = await asyncio.gather(*waiting)
        answers.append(await second.ask(request("same")))
        return answers, server.asked, store.counts

    answers, asked, counts = run(tmp_path, use)
    assert asked == {"same": 1}
    assert counts == {"requested": 1, "reused": 4}
    assert {generation.answer for generation in answers} == {"answer to same"}
    assert set(logged(tmp_path)) == {key_of("same")}


def test_an_answer_stays_in_the_log_until_all_shards_that_have_it_are_in_the_table(tmp_path: Path) -> None:
    async def use(store: AnswerStore, server: Server) -> None:
        first, second = store.for_shard(), store.for_shard()
        for shard in (first, second):
            await shard.ask(request("same"))
        assert (server.asked, store.counts) == ({"same": 1}, {"requested": 1, "reused": 1})
        await first.in_table()
        await second.ask(request("same"))
        assert server.asked == {"same": 1}
        await second.in_table()
        await store.for_shard().ask(request("same"))
        assert server.asked == {"same": 2}, "it would be in the table, which is not here"

    run(tmp_path, use)


def test_after_a_kill_an_answer_for_a_later_shard_serves_an_earlier_one(tmp_path: Path) -> None:
    async def be_killed(store: AnswerStore, _: Server) -> None:
        store.for_shard()
        await store.for_shard().ask(request("same"))

    async def go_on(store: AnswerStore, server: Server) -> None:
        await store.for_shard().ask(request("same"))
        assert (server.asked, store.counts) == ({}, {"replayed": 1})

    run(tmp_path, be_killed)
    run(tmp_path, go_on)


def test_a_failure_is_everyones_who_asked_and_is_not_kept(tmp_path: Path) -> None:
    failing = True

    async def main() -> list[object]:
        async def generate(request: Request) -> Generation:
            await asyncio.sleep(0.05)
            if failing:
                raise RequestFailed("too long", reason="rejected_by_server")
            return GENERATION

        nonlocal failing
        async with AnswerStore(Log(tmp_path), generate) as store:
            shard = store.for_shard()
            asks = (shard.ask(request("a")) for _ in range(3))
            failed: list[object] = list(await asyncio.gather(*asks, return_exceptions=True))
            assert not segments_in(tmp_path)
            failing = False
            assert await shard.ask(request("a")) == GENERATION
            assert store.counts == {"requested": 1}
            return failed

    assert [type(error) for error in asyncio.run(main())] == [RequestFailed] * 3
    assert logged(tmp_path) == {key_of("a"): GENERATION}


def test_many_at_once_are_all_on_disk(tmp_path: Path) -> None:
    async def use(store: AnswerStore, server: Server) -> None:
        opened = [store.for_shard() for number in range(4)]
        await asyncio.gather(*(opened[number % 4].ask(request(f"k{number}")) for number in range(1000)))

    run(tmp_path, use)
    assert set(logged(tmp_path)) == {key_of(f"k{number}") for number in range(1000)}


def test_generations_of_a_real_server_are_replayed_as_they_were(tmp_path: Path) -> None:
    async def answers(url: str) -> tuple[list[Generation], Counter[str]]:
        async with ServerPool([url]) as pool:

            async def generate(request: Request) -> Generation:
                return await pool.generate(request.messages, request.sampling, request.seed)

            log = Log(tmp_path)
            log.replay()
            async with AnswerStore(log, generate) as store:
                shard = store.for_shard()
                asks = (shard.ask(request(f"text {number}")) for number in range(20))
                return list(await asyncio.gather(*asks)), store.counts

    with TgiDouble() as server:
        first, counts = asyncio.run(answers(server.url))
        assert (len(server.log), counts) == (20, {"requested": 20})
        again, counts = asyncio.run(answers(server.url))
        assert (len(server.log), counts) == (20, {"replayed": 20})
    assert again == first
    assert len({generation.answer for generation in first}) == 20


# --- a disk that refuses ---


def test_a_full_disk_is_a_storage_error_for_all_who_wait(tmp_path: Path) -> None:
    async def use(store: AnswerStore, server: Server) -> list[BaseException | Generation]:
        shard = store.for_shard()
        await shard.ask(request("before"))
        server.gate.clear()
        waiting = [asyncio.create_task(shard.ask(request("x" * 400 + str(number)))) for number in range(9)]
        await asyncio.sleep(0.05)
        with file_size_limit(700):
            server.gate.set()
            return await asyncio.gather(*waiting, return_exceptions=True)

    errors = run(tmp_path, use)
    assert [type(error) for error in errors] == [StorageError] * 9
    assert isinstance(errors[0], StorageError)
    assert errors[0].exit_code == 4
    assert errors[0].where == str(segments_in(tmp_path)[0])
    assert errors[0].remedy
    assert set(logged(tmp_path)) == {key_of("before")}


def test_a_line_after_a_failed_write_is_not_spoilt_by_it(tmp_path: Path) -> None:
    async def use(store: AnswerStore, server: Server) -> None:
        shard = store.for_shard()
        with file_size_limit(200), pytest.raises(StorageError):
            await shard.ask(request("x" * 400))
        await shard.ask(request("after"))

    run(tmp_path, use)
    assert set(logged(tmp_path)) == {key_of("after")}


def test_what_fits_of_a_group_that_is_refused_is_kept(tmp_path: Path) -> None:
    async def use(store: AnswerStore, server: Server) -> list[BaseException | Generation]:
        shard = store.for_shard()
        server.gate.clear()
        waiting = [asyncio.create_task(shard.ask(request(f"{number}" * 400))) for number in range(9)]
        await asyncio.sleep(0.05)
        with file_size_limit(2000):
            server.gate.set()
            got = await asyncio.gather(*waiting, return_exceptions=True)
        await shard.ask(request("after"))
        return list(got)

    got = run(tmp_path, use)
    kept = [number for number, one in enumerate(got) if isinstance(one, Generation)]
    assert 1 <= len(kept) < 9
    assert {type(one) for one in got} == {Generation, StorageError}
    assert set(logged(tmp_path)) == {key_of(f"{number}" * 400) for number in kept} | {key_of("after")}


def test_the_end_of_the_store_cancels_what_is_in_flight(tmp_path: Path) -> None:
    async def main() -> asyncio.Task[Generation]:
        server = Server()
        server.gate.clear()
        async with AnswerStore(Log(tmp_path), server.generate) as store:
            shard: ShardAnswers = store.for_shard()
            waiting = asyncio.create_task(shard.ask(request("a")))
            await asyncio.sleep(0.05)
        await asyncio.wait([waiting], timeout=5)
        return waiting

    assert asyncio.run(main()).cancelled()
    assert not segments_in(tmp_path)


def test_what_arrives_while_a_group_is_written_is_on_disk_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fdatasync

    def slow(descriptor: int) -> None:
        time.sleep(0.5)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)

    async def use(store: AnswerStore, server: Server) -> None:
        shard = store.for_shard()
        asked = [asyncio.create_task(shard.ask(request("first")))]
        await asyncio.sleep(0.1)  # it is being written
        asked.append(asyncio.create_task(shard.ask(request("later"))))
        await asyncio.sleep(0.1)
        assert server.asked == {"first": 1, "later": 1} and not any(task.done() for task in asked)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, use)
    assert set(logged(tmp_path)) == {key_of("first"), key_of("later")}


def test_a_second_ctrl_c_loses_nothing_that_waits_for_the_disk(tmp_path: Path) -> None:
    async def main() -> None:
        server = Server()

        async def build() -> None:
            async with AnswerStore(Log(tmp_path), server.generate) as store:
                shard = store.for_shard()
                async with anyio.create_task_group() as asking:
                    asking.start_soon(shard.ask, request("a"))

        building = asyncio.create_task(build())
        while not server.asked:
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # it is answered, and waits for others to be written with
        while not building.done():
            building.cancel()
            await asyncio.sleep(0)

    asyncio.run(main())
    assert set(logged(tmp_path)) == {key_of("a")}


# --- what goes ---


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "_SEGMENT_BYTES", 1000)


@pytest.mark.usefixtures("small_segments")
def test_a_segment_goes_with_the_last_of_its_answers(tmp_path: Path) -> None:
    async def use(store: AnswerStore, _: Server) -> None:
        straggler = store.for_shard()
        await straggler.ask(request("slow"))
        for number in range(20):
            shard = store.for_shard()
            for place in range(4):
                await shard.ask(request(f"{number} {place}"))
            await shard.in_table()
            assert len(segments_in(tmp_path)) <= 3
        assert key_of("slow") in logged(tmp_path)
        await straggler.in_table()

    run(tmp_path, use)
    assert not segments_in(tmp_path)


@pytest.mark.usefixtures("small_segments")
def test_what_is_in_the_table_is_not_taken_up(tmp_path: Path) -> None:
    texts = [str(number) for number in range(30)]
    ask_all(tmp_path, *texts)
    before = segments_in(tmp_path)
    assert len(before) > 3
    in_table = np.array(sorted(number_of(key_of(text)) for text in texts[:25]), np.uint64)
    log = Log(tmp_path)
    log.replay(lambda numbers: np.isin(numbers, in_table))
    assert [text for text in texts if log.knows(key_of(text))] == texts[25:]
    assert 0 < len(segments_in(tmp_path)) < len(before)
    log.let_go([key_of(text) for text in texts])
    assert not segments_in(tmp_path)


def test_every_epoch_writes_segments_of_its_own(tmp_path: Path) -> None:
    folder, names = tmp_path / "journal", list[str]()
    for texts in ("ab", "cd"):
        with Lease(tmp_path) as lease:
            names += [f"log-{lease.epoch}-{number:06d}.jsonl" for number in (0, 1)]
            for text in texts:
                with closing(Log(folder, lease.fence)) as log:
                    log.salvage([(key_of(text), GENERATION)])
    assert [path.name for path in segments_in(folder)] == names
    assert read_all(folder, *"abcd") == set("abcd")


def test_texts_that_the_log_holds_are_not_in_memory(tmp_path: Path) -> None:
    answers = 20_000
    with closing(Log(tmp_path)) as log:
        log.salvage((key_of(str(number)), Generation("a" * 400, "stop", 1, 2)) for number in range(answers))
    tracemalloc.start()
    log = Log(tmp_path)
    log.replay()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert log.knows(key_of("7")) and log.read(key_of("7")) == Generation("a" * 400, "stop", 1, 2)
    assert held < 40 * answers
