"""The journal: what a server finished is on disk before it counts, and no generation is paid for twice."""

import asyncio
import os
import resource
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import RequestFailed, StorageError
from builder.rewriting.generation import Generation
from builder.rewriting.pool import ServerPool
from builder.rewriting.prompts import Sampling
from builder.rewriting.rewriter import Request
from builder.run.answers.log import Journals, ShardJournal, encode, recover
from tests.tgi_double import TgiDouble

Given = TypeVar("Given")
GENERATION = Generation('{"a": "é\\n"}\n\ud7ff\0', "stop", 3, 4)


def request(key: str) -> Request:
    return Request(key, [{"role": "user", "content": key}], Sampling(), 1)


class Server:
    """Generates, and counts for what."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.gate = asyncio.Event()
        self.gate.set()

    async def generate(self, request: Request) -> Generation:
        self.asked[request.key] += 1
        await self.gate.wait()
        return Generation(f"answer to {request.key}", "stop", 1, 2)


def run(folder: Path, use: Callable[[Journals, Server], Awaitable[Given]]) -> Given:
    """Use journals in a folder, as one process does from its start to its end."""

    async def main() -> Given:
        server = Server()
        async with Journals(folder, server.generate) as journals:
            return await use(journals, server)

    return asyncio.run(main())


def ask_all(folder: Path, *keys: str) -> tuple[Counter[str], Counter[str]]:
    """Ask for the keys one after another in shard 0; return what the server was asked and the counts."""

    async def use(journals: Journals, server: Server) -> tuple[Counter[str], Counter[str]]:
        journal = await journals.open(0)
        for key in keys:
            assert (await journal.ask(request(key))).answer == f"answer to {key}"
        return server.asked, journals.counts

    return run(folder, use)


def shard(folder: Path, number: int = 0) -> Path:
    return folder / f"shard-{number:05d}.jsonl"


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
def test_what_is_encoded_is_recovered(
    tmp_path_factory: pytest.TempPathFactory, generations: dict[str, Generation]
) -> None:
    path = tmp_path_factory.getbasetemp() / "journal.jsonl"
    lines = [encode(key, generation) for key, generation in generations.items()]
    assert all(line.count(b"\n") == 1 and line.endswith(b"\n") for line in lines)
    path.write_bytes(b"".join(lines))
    assert recover(path) == generations
    assert path.read_bytes() == b"".join(lines)


def test_no_file_holds_nothing(tmp_path: Path) -> None:
    assert recover(tmp_path / "none") == {}
    assert not (tmp_path / "none").exists()


def test_a_last_line_torn_at_any_byte_is_cut_off_and_the_file_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    whole, last, new = (encode(key, GENERATION) for key in ("whole", "last", "new"))
    for length in range(len(last)):
        path.write_bytes(whole + last[:length])
        assert recover(path) == {"whole": GENERATION}
        assert path.read_bytes() == whole
        with path.open("ab") as file:
            file.write(new)
        assert recover(path) == {"whole": GENERATION, "new": GENERATION}
    path.write_bytes(whole + last)
    assert set(recover(path)) == {"whole", "last"}


def test_a_line_spoilt_in_any_byte_is_asked_for_again_and_the_others_are_good(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    lines = [encode(key, GENERATION) for key in ("first", "middle", "end")]
    for at in range(len(lines[1])):
        spoilt = bytearray(lines[1])
        spoilt[at] ^= 0x55
        path.write_bytes(lines[0] + bytes(spoilt) + lines[2])
        known = recover(path)
        # Without its own end of line, the middle one takes the next along.
        assert set(known) == ({"first", "end"} if at < len(spoilt) - 1 else {"first"})
        assert set(known.values()) == {GENERATION}


def test_what_a_power_cut_leaves_at_the_end_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(encode("a", GENERATION) + b"\0" * 4096)
    assert set(recover(path)) == {"a"}
    assert path.read_bytes() == encode("a", GENERATION)


# --- paid once ---


def test_a_restart_asks_for_nothing_again(tmp_path: Path) -> None:
    asked, counts = ask_all(tmp_path, "a", "b")
    assert (asked, counts) == ({"a": 1, "b": 1}, {"requested": 2})
    asked, counts = ask_all(tmp_path, "a", "b", "c", "c")
    assert (asked, counts) == ({"c": 1}, {"replayed": 2, "requested": 1, "reused": 1})
    asked, counts = ask_all(tmp_path, "c", "b", "a")
    assert (asked, counts) == ({}, {"replayed": 3})


def test_a_generation_is_on_disk_before_it_counts(tmp_path: Path) -> None:
    async def use(journals: Journals, server: Server) -> None:
        journal = await journals.open(0)
        for number in range(5):
            await journal.ask(request(str(number)))
            assert set(recover(shard(tmp_path))) == {str(n) for n in range(number + 1)}

    run(tmp_path, use)


def test_only_the_line_a_crash_tore_is_asked_for_again(tmp_path: Path) -> None:
    ask_all(tmp_path, "a", "b")
    os.truncate(shard(tmp_path), shard(tmp_path).stat().st_size - 1)
    asked, counts = ask_all(tmp_path, "a", "b")
    assert (asked, counts) == ({"b": 1}, {"replayed": 1, "requested": 1})
    assert ask_all(tmp_path, "a", "b")[1] == {"replayed": 2}


def test_equal_requests_in_flight_are_one_request(tmp_path: Path) -> None:
    async def use(journals: Journals, server: Server) -> tuple[list[Generation], Counter[str], Counter[str]]:
        server.gate.clear()
        first, second = await journals.open(0), await journals.open(1)
        asks = [journal.ask(request("same")) for journal in (first, second, first, second)]
        waiting = [asyncio.create_task(ask) for ask in asks]
        await asyncio.sleep(0.05)
        server.gate.set()
        answers = await asyncio.gather(*waiting)
        answers.append(await second.ask(request("same")))
        return answers, server.asked, journals.counts

    answers, asked, counts = run(tmp_path, use)
    assert asked == {"same": 1}
    assert counts == {"requested": 1, "reused": 4}
    assert {generation.answer for generation in answers} == {"answer to same"}
    # Each shard's journal holds it, for the other's goes once its shard is done.
    assert [set(recover(shard(tmp_path, number))) for number in (0, 1)] == [{"same"}, {"same"}]


def test_an_equal_request_of_another_shard_is_reused_and_kept(tmp_path: Path) -> None:
    async def use(journals: Journals, server: Server) -> tuple[Counter[str], Counter[str]]:
        await (await journals.open(0)).ask(request("same"))
        await (await journals.open(1)).ask(request("same"))
        await journals.discard(0, is_through=True)
        return server.asked, journals.counts

    asked, counts = run(tmp_path, use)
    assert (asked, counts) == ({"same": 1}, {"requested": 1, "reused": 1})
    assert not shard(tmp_path, 0).exists()
    assert set(recover(shard(tmp_path, 1))) == {"same"}


def test_a_failure_is_everyones_who_asked_and_is_not_kept(tmp_path: Path) -> None:
    failing = True

    async def main() -> list[object]:
        async def generate(request: Request) -> Generation:
            await asyncio.sleep(0.05)
            if failing:
                raise RequestFailed("too long", reason="rejected_by_server")
            return GENERATION

        nonlocal failing
        async with Journals(tmp_path, generate) as journals:
            journal = await journals.open(0)
            asks = (journal.ask(request("a")) for _ in range(3))
            failed: list[object] = list(await asyncio.gather(*asks, return_exceptions=True))
            assert not shard(tmp_path).exists()
            failing = False
            assert await journal.ask(request("a")) == GENERATION
            assert journals.counts == {"requested": 1}
            return failed

    assert [type(error) for error in asyncio.run(main())] == [RequestFailed] * 3
    assert recover(shard(tmp_path)) == {"a": GENERATION}


def test_many_at_once_are_all_on_disk(tmp_path: Path) -> None:
    async def use(journals: Journals, server: Server) -> None:
        opened = [await journals.open(number) for number in range(4)]
        await asyncio.gather(*(opened[number % 4].ask(request(f"k{number}")) for number in range(1000)))

    run(tmp_path, use)
    for number in range(4):
        assert set(recover(shard(tmp_path, number))) == {f"k{n}" for n in range(number, 1000, 4)}


def test_generations_of_a_real_server_are_replayed_as_they_were(tmp_path: Path) -> None:
    async def answers(url: str) -> tuple[list[Generation], Counter[str]]:
        async with ServerPool([url]) as pool:

            async def generate(request: Request) -> Generation:
                return await pool.generate(request.messages, request.sampling, request.seed)

            async with Journals(tmp_path, generate) as journals:
                journal = await journals.open(0)
                asks = (journal.ask(request(f"text {number}")) for number in range(20))
                return list(await asyncio.gather(*asks)), journals.counts

    with TgiDouble() as server:
        first, counts = asyncio.run(answers(server.url))
        assert (len(server.log), counts) == (20, {"requested": 20})
        again, counts = asyncio.run(answers(server.url))
        assert (len(server.log), counts) == (20, {"replayed": 20})
    assert again == first
    assert len({generation.answer for generation in first}) == 20


# --- a disk that refuses ---


def test_a_full_disk_is_a_storage_error_for_all_who_wait(tmp_path: Path) -> None:
    async def use(journals: Journals, server: Server) -> list[BaseException | Generation]:
        journal = await journals.open(0)
        await journal.ask(request("before"))
        server.gate.clear()
        waiting = [asyncio.create_task(journal.ask(request("x" * 400 + str(number)))) for number in range(9)]
        await asyncio.sleep(0.05)
        with file_size_limit(1000):
            server.gate.set()
            return await asyncio.gather(*waiting, return_exceptions=True)

    errors = run(tmp_path, use)
    assert [type(error) for error in errors] == [StorageError] * 9
    assert isinstance(errors[0], StorageError)
    assert errors[0].exit_code == 4
    assert errors[0].where == str(shard(tmp_path))
    assert errors[0].remedy
    assert set(recover(shard(tmp_path))) == {"before"}


def test_a_line_after_a_failed_write_is_not_spoilt_by_it(tmp_path: Path) -> None:
    async def use(journals: Journals, server: Server) -> None:
        journal = await journals.open(0)
        with file_size_limit(200), pytest.raises(StorageError):
            await journal.ask(request("x" * 400))
        await journal.ask(request("after"))

    run(tmp_path, use)
    assert set(recover(shard(tmp_path))) == {"after"}


def test_a_journal_that_is_refused_costs_no_answer_in_another(tmp_path: Path) -> None:
    async def use(journals: Journals, server: Server) -> list[BaseException | Generation]:
        opened = [await journals.open(number) for number in range(3)]
        shard(tmp_path, 1).mkdir(parents=True)
        asks = (journal.ask(request(f"of {number}")) for number, journal in enumerate(opened))
        return await asyncio.gather(*asks, return_exceptions=True)

    first, refused, last = run(tmp_path, use)
    assert isinstance(first, Generation) and isinstance(last, Generation)
    assert isinstance(refused, IsADirectoryError)
    assert [set(recover(shard(tmp_path, number))) for number in (0, 2)] == [{"of 0"}, {"of 2"}]


def test_the_end_of_the_journals_cancels_what_is_in_flight(tmp_path: Path) -> None:
    async def main() -> asyncio.Task[Generation]:
        server = Server()
        server.gate.clear()
        async with Journals(tmp_path, server.generate) as journals:
            journal: ShardJournal = await journals.open(0)
            waiting = asyncio.create_task(journal.ask(request("a")))
            await asyncio.sleep(0.05)
        await asyncio.wait([waiting], timeout=5)
        return waiting

    assert asyncio.run(main()).cancelled()
    assert not shard(tmp_path).exists()


def test_what_arrives_while_a_group_is_written_is_on_disk_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = os.fdatasync

    def slow(descriptor: int) -> None:
        time.sleep(0.5)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)

    async def use(journals: Journals, server: Server) -> None:
        journal = await journals.open(0)
        asked = [asyncio.create_task(journal.ask(request("first")))]
        await asyncio.sleep(0.1)  # it is being written
        asked.append(asyncio.create_task(journal.ask(request("later"))))
        await asyncio.sleep(0.1)
        assert server.asked == {"first": 1, "later": 1} and not any(task.done() for task in asked)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, use)
    assert set(recover(shard(tmp_path))) == {"first", "later"}


def test_a_second_ctrl_c_loses_nothing_that_waits_for_the_disk(tmp_path: Path) -> None:
    async def main() -> None:
        server = Server()

        async def build() -> None:
            async with Journals(tmp_path, server.generate) as journals:
                journal = await journals.open(0)
                async with anyio.create_task_group() as asking:
                    asking.start_soon(journal.ask, request("a"))

        building = asyncio.create_task(build())
        while not server.asked:
            await asyncio.sleep(0)
        await asyncio.sleep(0)  # it is answered, and waits for others to be written with
        while not building.done():
            building.cancel()
            await asyncio.sleep(0)

    asyncio.run(main())
    assert set(recover(shard(tmp_path))) == {"a"}
