"""Several models at one address: they are named and none is guessed; names of one model are one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from builder.errors import ModelMismatch, ModelUnclear, ServerRefused
from builder.rewriting.generation import Model
from builder.rewriting.pool import ServerPool
from builder.rewriting.servers import Server, probe
from builder.rewriting.sessions import new_session
from tests import tgi_protocol as wire
from tests.support import builder, builder_json, write_corpus
from tests.tgi_double import TgiDouble

BASE = {"id": "org/Base-8B", "owned_by": "vllm", "root": "org/Base-8B", "parent": None, "max_model_len": 32768}
LORA = {"id": "lora", "owned_by": "vllm", "root": "/loras/r", "parent": "org/Base-8B", "max_model_len": None}
ALIASES = [{**BASE, "id": name} for name in ("one", "two")]
OLD_LORA = {**LORA, "root": "org/Base-8B", "parent": None}  # vLLM before it told adapters from their base
GATEWAY = [{"id": f"org/model-{number}", "owned_by": "openai"} for number in range(20)]


@contextmanager
def listing(*models: dict[str, Any]) -> Iterator[TgiDouble]:
    """Serve what lists these models, and answers under any of their names."""
    with pytest.MonkeyPatch.context() as patch, TgiDouble(profile="sglang") as server:
        patch.setitem(wire.PAGES["sglang"], "/v1/models", lambda _: {"object": "list", "data": list(models)})
        yield server


def probed(server: TgiDouble, served_model: str | None = None, known: str | None = None) -> Server:
    async def work() -> Server:
        async with new_session() as session:
            return await probe(session, server.url, None, served_model, known)

    return asyncio.run(work())


@pytest.mark.parametrize("models", [[BASE, LORA], [BASE, OLD_LORA], GATEWAY, [LORA, BASE]])
def test_several_models_are_named_and_none_is_guessed(models: list[dict[str, Any]]) -> None:
    with listing(*models) as server, pytest.raises(ModelUnclear) as caught:
        probed(server)
    assert caught.value.exit_code == 2
    assert all(model["id"] in caught.value.what for model in models[:8])
    assert len(caught.value.what) < 300, "however many there are"
    assert "--served-model" in caught.value.remedy


def test_the_one_that_is_chosen_answers_and_an_adapter_has_its_bases_context() -> None:
    with listing(BASE, LORA) as server:
        chosen = probed(server, "lora")
        assert (chosen.model.id, chosen.max_total_tokens, chosen.weights) == ("lora", 32768, "org/Base-8B")
        assert probed(server, None, "lora") == chosen, "a run goes on with what it began with"
        assert probed(server, "org/Base-8B").model.id == "org/Base-8B"
        with pytest.raises(ServerRefused, match="org/Base-8B, lora"):
            probed(server, "another")


def test_names_of_one_model_are_one() -> None:
    with listing(*ALIASES) as server:
        assert probed(server).model.id == "one"
        assert probed(server, None, "two").model.id == "two"


def test_a_router_may_list_a_model_once_for_each_worker() -> None:
    with listing(BASE, {**BASE, "max_model_len": 4096}) as server:
        assert probed(server).model.id == "org/Base-8B"


def test_tgi_serves_one_model_and_no_other_is_asked_of_it() -> None:
    with TgiDouble() as server:
        assert probed(server, server.model_id).model.id == server.model_id
        with pytest.raises(ServerRefused, match=server.model_id):
            probed(server, "adapter")


def test_a_server_that_lacks_the_model_gets_nothing_and_the_others_answer() -> None:
    said: list[str] = []

    async def work(*urls: str) -> list[str]:
        async with ServerPool(urls, say=said.append, served_model="lora") as pool:
            return [member.server.url for member in pool.members]

    with listing(BASE, LORA) as server, TgiDouble() as other:
        assert asyncio.run(work(server.url, other.url)) == [server.url]
        (line,) = said
        assert other.url in line
        assert "gets no requests" in line

        async def another() -> None:
            async with ServerPool([server.url], expected=Model("lora"), served_model="org/Base-8B"):
                pass

        with pytest.raises(ModelMismatch):
            asyncio.run(another())


def test_a_run_asks_the_model_that_was_chosen_and_remembers_it(tmp_path: Path) -> None:
    recipe = write_corpus(tmp_path, ("this.py", "tty.py"), lints=False)
    arguments = ("build", recipe, "--run", tmp_path / "run", "--server")
    with listing(BASE, LORA) as server:
        stopped = builder(*arguments, server.url, exit_code=2)
        assert "org/Base-8B, lora" in stopped.stderr
        assert server.log == []
        builder_json(*arguments, server.url, "--served-model", "lora", "--limit", 1)
        builder_json(*arguments, server.url)
        assert {request.body["model"] for request in server.log} == {"lora"}
        (found,) = builder_json("servers", server.url, "--served-model", "lora")
    assert found["model"] == "lora"
