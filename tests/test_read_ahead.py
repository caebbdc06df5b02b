"""Reading ahead: bounded, in order, and over when nobody wants more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from builder.run import read_ahead
from builder.run.read_ahead import ReadAhead


def no_one() -> None:
    """Interrupt nothing."""


def test_what_waits_is_bounded_in_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "CHARACTERS_AHEAD", 1000)
    read, taken, most = 0, 0, 0

    def items() -> Iterator[str]:
        nonlocal read
        for number in range(200):
            read += 1
            yield "x" * (number % 300)

    async def run() -> None:
        nonlocal taken, most
        async with ReadAhead(items(), len, no_one) as ahead:
            async for item in ahead:
                taken += len(item)
                most = max(most, ahead._characters)
                await asyncio.sleep(0.001)

    asyncio.run(run())
    assert taken == sum(number % 300 for number in range(200))
    assert read == 200
    assert 0 < most <= 1000


def test_items_come_in_order_and_one_over_the_bound_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_ahead, "CHARACTERS_AHEAD", 10)
    monkeypatch.setattr(read_ahead, "ITEMS_AHEAD", 3)

    async def run() -> list[str]:
        async with ReadAhead(iter(["a" * 50, "b", "c" * 11, *"defghijk"]), len, no_one) as ahead:
            return [item async for item in ahead]

    assert asyncio.run(run()) == ["a" * 50, "b", "c" * 11, *"defghijk"]


def test_an_error_comes_behind_the_items_before_it() -> None:
    def items() -> Iterator[str]:
        yield "a"
        raise ValueError("broken")

    got: list[str] = []

    async def run() -> None:
        async with ReadAhead(items(), len, no_one) as ahead:
            async for item in ahead:
                got.append(item)

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(run())
    assert got == ["a"]


def test_leaving_early_ends_the_thread_and_a_read_that_waits() -> None:
    woken = threading.Event()

    def items() -> Iterator[str]:
        yield "a"
        woken.wait(30)
        yield "b"

    async def run() -> None:
        async with ReadAhead(items(), len, woken.set) as ahead:
            async for _ in ahead:
                break

    asyncio.run(run())
    assert woken.is_set()
    assert not any(thread.name == "read-ahead" for thread in threading.enumerate())
