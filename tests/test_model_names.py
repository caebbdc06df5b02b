"""One model by several names: what gateways add to a name, and what is said of other weights."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest

from builder.rewriting.model_names import is_another, may_be_one
from builder.rewriting.pool import ServerPool
from tests.asking import Outcome, ask_all, failures, texts
from tests.gateway import Gateway, Said
from tests.virtual_time import run_in_virtual_time

LLAMA = "meta-llama/Llama-3.3-70B-Instruct"


@pytest.mark.parametrize(
    "name",
    [
        "Llama-3.3-70B-Instruct",
        "llama-3.3-70b-instruct",
        "Meta-Llama-3.3-70B-Instruct",
        f"openai/{LLAMA}",
        "hosted_vllm/Llama-3.3-70B-Instruct",
        "accounts/fireworks/models/llama-3.3-70b-instruct",
        f"{LLAMA}:free",
        f"{LLAMA}:2",
        f"{LLAMA}@main",
        f"{LLAMA}-2024-12-06",
        "/models/Llama-3.3-70B-Instruct/",
        "C:\\models\\Llama-3.3-70B-Instruct-00001-of-00003.gguf",
        "/data/hub/models--meta-llama--Llama-3.3-70B-Instruct/snapshots/6f6073b423013f6a7d4d9f39144961bfbfbc386b",
        "Llama-3.3-70B-Instruct-BF16",
    ],
)
def test_what_a_gateway_adds_makes_no_other_model(name: str) -> None:
    assert may_be_one(LLAMA, name)
    assert may_be_one(name, LLAMA)
    assert not is_another(name, [LLAMA], [LLAMA])


@pytest.mark.parametrize(
    "name",
    [
        "another",
        "meta-llama/Llama-3.1-70B-Instruct",
        "meta-llama/Llama-3.3-8B-Instruct",
        "meta-llama/Llama-3.3-70B",
        f"{LLAMA}-FP8",
        f"{LLAMA}@fp8",
        f"{LLAMA}-Turbo",
        "Llama-3.3-70B-Instruct-AWQ",
        "/models/Llama-3.3-70B-Instruct-Q4_K_M.gguf",
        "unsloth/Llama-3.3-70B-Instruct-bnb-4bit",
        "nvidia/Llama-3.3-70B-Instruct",
        "DeepSeek-R1-Distill-Llama-3.3-70B-Instruct",
        "Llama-3.3-70B-Instruct-abliterated",
    ],
)
def test_what_is_said_of_the_weights_makes_another(name: str) -> None:
    assert not may_be_one(LLAMA, name)
    assert not may_be_one(name, LLAMA)
    assert is_another(name, [LLAMA], [LLAMA])


def test_a_name_of_its_own_is_learned_from_the_first_answer_and_no_other_after_it() -> None:
    assert not is_another("house-model", [LLAMA], [])
    assert is_another("house-model-2", [LLAMA], ["house-model"])
    assert is_another(f"{LLAMA}-AWQ", [LLAMA], [f"{LLAMA}-FP8"])
    assert not is_another("gpt-4o-2024-08-06", ["gpt-4o"], ["gpt-4o"])
    assert is_another("gpt-4o-2024-11-20", ["gpt-4o"], ["gpt-4o", "gpt-4o-2024-08-06"])
    assert may_be_one("llama3.3:latest", "llama3.3")
    assert not may_be_one("llama3.3:70b", "llama3.3:8b"), "Ollama's tags say a size"


def answered_by(names: Sequence[str], said: list[str]) -> set[str]:
    """Return which answers are taken of a gateway that answers by these names in turn; each says its name."""

    async def answer(_: str) -> Said:
        name = names[len(gateway.asked) % len(names)]
        await asyncio.sleep(0.5)
        return 200, json.dumps(
            {"model": name, "choices": [{"message": {"content": name}, "finish_reason": "stop"}]}
        )

    listed = json.dumps({"object": "list", "data": [{"id": LLAMA, "owned_by": "openai"}]})
    gateway = Gateway({"/v1/models": (200, listed)}, answer=answer)

    async def work() -> list[Outcome]:
        async with gateway, ServerPool([gateway.url], say=said.append) as pool:
            return await ask_all(pool, texts(30), 4)

    outcomes = run_in_virtual_time(work)
    assert failures(outcomes) == []
    return {one.answer for one in outcomes}


def test_a_gateway_that_names_one_model_in_several_ways_answers_all() -> None:
    said: list[str] = []
    names = [LLAMA, f"openai/{LLAMA}", "Llama-3.3-70B-Instruct", f"{LLAMA}:free"]
    assert answered_by(names, said) == set(names)
    assert said == []


def test_a_quantized_variant_among_its_answers_is_not_taken() -> None:
    said: list[str] = []
    assert answered_by([LLAMA, LLAMA, f"{LLAMA}-FP8", f"{LLAMA}-FP8"], said) == {LLAMA}
    assert any(f"{LLAMA}-FP8 answers there" in line for line in said)
    assert answered_by([f"{LLAMA}-FP8"], []) == {f"{LLAMA}-FP8"}, "so it was from the first answer on"
