"""`servers` says which flags would help, by what a server's own pages say, and what it measured."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable

from builder.rewriting.advice import Observed, observe
from builder.rewriting.generation import Model
from builder.rewriting.servers import Server
from builder.rewriting.sessions import new_session
from tests.replay import replayed
from tests.support import builder
from tests.tgi_double import TgiDouble


def observed(name: str, kind: str, change: Callable[[str], str] = lambda page: page) -> Observed:
    async def ask() -> Observed:
        async with replayed(name, change=change) as url, new_session() as session:
            return await observe(session, Server(url, kind, Model("m"), 1, None, 1))

    return asyncio.run(ask())


def test_a_vllm_as_it_comes_is_advised_to_speculate() -> None:
    found = observed("vllm", "vllm")
    assert [line.partition(":")[0] for line in found.advice] == ["it does not speculate"]
    assert found.kv_cache_used == 0 and found.preemptions == 0


def test_a_vllm_without_prefix_caching_is_told_the_flag() -> None:
    assert any("without --no-enable-prefix-caching" in line for line in observed("vllm-limited", "vllm").advice)


def test_llama_cpp_with_one_slot_is_told_of_more() -> None:
    assert [line.partition(":")[0] for line in observed("llamacpp", "llama.cpp").advice] == [
        "it works on one request at a time"
    ]


def test_preemptions_and_a_full_cache_are_told() -> None:
    many = observed("vllm", "vllm", lambda page: re.sub(r"(num_preemptions_total\{.*\}) .*", r"\1 7.0", page))
    assert many.preemptions == 7 and any("7 requests were put back" in line for line in many.advice)
    full = observed("vllm", "vllm", lambda page: re.sub(r"(kv_cache_usage_perc\{.*\}) .*", r"\1 0.97", page))
    assert full.kv_cache_used == 0.97 and any("97% full" in line for line in full.advice)


def test_a_page_that_is_none_gives_no_advice_but_its_lack() -> None:
    async def ask() -> Observed:
        async with TgiDouble(profile="vllm", has_metrics=False) as server, new_session() as session:
            return await observe(session, Server(server.url, "vllm", Model("m"), 1, None, 1))

    assert len(asyncio.run(ask()).advice) == 1


def test_the_command_prints_it() -> None:
    with TgiDouble(profile="llamacpp", max_concurrent_requests=1) as server:
        shown, printed = builder("servers", server.url), builder("servers", server.url, "--json")
    assert "→ it works on one request at a time" in shown.stdout
    assert any("one request" in line for line in json.loads(printed.stdout)[0]["advice"])
