"""What fits into a context: each request asks for no more, and what can't fit says so, having cost little."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from builder.errors import ContextTooSmall, TooLong
from builder.rewriting.context import Fit, Fitting, see_that_they_fit
from builder.rewriting.generation import Generation, Model
from builder.rewriting.pool import ServerPool
from builder.rewriting.prompts import Sampling
from builder.rewriting.rewriter import Request
from builder.rewriting.servers import Server
from tests import tgi_protocol as wire
from tests.asking import uneven
from tests.support import builder, builder_json
from tests.tgi_double import Speed, TgiDouble
from tests.virtual_time import run_in_virtual_time

SMALL, LARGE = 1000, 8000


def request(text: str, asked: int = 700, *, prompt_tokens: int = 0, least: int = 0) -> Request:
    messages = [{"role": "user", "content": text}]
    return Request(text, messages, Sampling(max_tokens=asked), 1, prompt_tokens, least)


def double(context: int, profile: wire.Profile = "tgi", speed: Speed | None = None) -> TgiDouble:
    return TgiDouble(
        profile=profile, max_total_tokens=context, max_input_tokens=context - 1, speed=speed or Speed()
    )


def answered(
    servers: list[TgiDouble], work: Callable[[Fitting], Coroutine[Any, Any, Any]], *, patience: float = 300
) -> Any:
    """Have requests answered by these servers, in virtual time."""

    async def inner() -> Any:
        for server in servers:
            await server.__aenter__()
        try:
            async with ServerPool([server.url for server in servers], patience=patience) as pool:
                return await work(Fitting(pool))
        finally:
            for server in servers:
                await server.__aexit__(None, None, None)

    return run_in_virtual_time(inner)


def ask_all(*requests: Request) -> Callable[[Fitting], Coroutine[Any, Any, list[Any]]]:
    async def work(fitting: Fitting) -> list[Any]:
        return await asyncio.gather(*map(fitting.generate, requests), return_exceptions=True)

    return work


def taken(server: TgiDouble) -> list[tuple[int, int]]:
    """Return the tokens of the prompt, and those asked for, of each request that a server took."""
    done = [one.body for one in server.log if one.status == 200]
    return [(wire.count_tokens(wire.default_template(body["messages"])), body["max_tokens"]) for body in done]


@pytest.mark.parametrize("profile", ["tgi", "vllm", "sglang", "llamacpp"])
def test_a_request_asks_for_what_its_context_leaves(profile: wire.Profile) -> None:
    texts = uneven(60, 200)
    server = double(SMALL, profile)
    answers = answered([server], ask_all(*map(request, texts)))
    assert [type(answer) for answer in answers] == [Generation] * 60
    if profile in ("tgi", "vllm"):  # the others cut what is too much down themselves
        assert all(prompt + asked <= SMALL for prompt, asked in taken(server))
    assert len(taken(server)) == 60, "one generation each"
    clamped = [(prompt, asked) for prompt, asked in taken(server) if asked < 700]
    assert clamped
    assert all(prompt + asked > 0.8 * SMALL for prompt, asked in clamped), "little of the room is left unused"


def test_what_is_too_long_costs_one_refusal_and_no_generation() -> None:
    server = double(SMALL)
    outcomes = answered([server], ask_all(request("word " * 3000)))
    assert [type(outcome) for outcome in outcomes] == [TooLong]
    assert [one.status for one in server.log] == [422]
    assert "3000" in outcomes[0].what or "must be <= 1000" in outcomes[0].what


def test_what_does_not_fit_into_one_context_goes_to_a_larger_one() -> None:
    small, large = double(SMALL, speed=Speed(step=0.01)), double(LARGE, speed=Speed(step=0.01))
    long = [request(f"{number} " + "word " * 1500, 2000) for number in range(20)]
    short = [request(text, 600) for text in uneven(200, 50)]
    answers = answered([small, large], ask_all(*short[:100], *long, *short[100:]))
    assert [type(answer) for answer in answers] == [Generation] * 220
    assert len(small.log) > 50, "the short ones go there, too"
    assert all(prompt < SMALL for prompt, _ in taken(small))
    assert all(asked == 2000 for prompt, asked in taken(large) if prompt > SMALL)
    refused = [one for one in small.log if one.status != 200]
    assert len(refused) <= 20, "each at most once, before a server has counted others"


def test_after_a_cut_it_goes_where_there_is_more_room_or_nowhere() -> None:
    again = request("word " * 500, 1400, prompt_tokens=510, least=491)
    small = double(SMALL)
    (outcome,) = answered([small], ask_all(again))
    assert isinstance(outcome, TooLong)
    assert "510" in outcome.what
    assert "491" in outcome.what
    assert small.log == []
    small, large = double(SMALL), double(LARGE)
    (outcome,) = answered([small, large], ask_all(again))
    assert isinstance(outcome, Generation)
    assert [len(small.log), len(large.log)] == [0, 1]


def test_the_one_large_server_is_waited_for_no_longer_than_patience_lasts() -> None:
    long, short = request("word " * 1500), request("word")

    async def work(fitting: Fitting) -> Any:
        large.asleep = wire.QUEUE_FULL
        asked = asyncio.ensure_future(fitting.generate(long))
        for _ in range(40):
            await fitting.generate(short)
            await asyncio.sleep(1)
        return (await asyncio.gather(asked, return_exceptions=True))[0]

    small, large = double(SMALL), double(LARGE)
    outcome = answered([small, large], work, patience=20)
    assert isinstance(outcome, TooLong)


def test_a_server_that_tells_no_context_is_gone_by_what_it_says() -> None:
    server = double(SMALL, "vllm")
    texts = [text for text in uneven(30, 200) if wire.count_tokens(text) < SMALL - 50]
    real = wire.PAGES["vllm"]["/v1/models"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(wire.PAGES["vllm"], "/v1/models", lambda s: {"data": [_untold(real(s)["data"][0])]})
        answers = answered([server], ask_all(*map(request, texts)))
    assert {type(answer) for answer in answers} == {Generation}
    assert all(prompt + asked <= SMALL for prompt, asked in taken(server))


def _untold(model: dict[str, Any]) -> dict[str, Any]:
    return {**model, "max_model_len": None}


# --- what is learned from a refusal ---


def server(context: int | None = 1000, most_input: int | None = None) -> Server:
    return Server(f"http://{context}", "vllm", Model("m"), 1, context, 1, None, most_input)


def asked_for(fit: Fit, *refusals: TooLong) -> list[int]:
    """Return what is asked of a server, first and after each refusal, as long as asking again makes sense."""
    found = [fit.max_tokens(server())]
    for refusal in refusals:
        if not fit.refused(refusal) or not fit.has_room(server()):
            break
        found.append(fit.max_tokens(server()))
    return found


def guess(prompt: int, seldom_more: int = 0) -> Fit:
    return Fit(700, 32, prompt, seldom_more or prompt, is_counted=False, contexts={})


def test_a_count_is_gone_by_exactly() -> None:
    assert asked_for(guess(400), TooLong("", prompt_tokens=470, is_exact=True, limit=1000)) == [600, 530]


def test_a_count_that_was_not_finished_is_no_count() -> None:
    unfinished = TooLong("", prompt_tokens=401, is_exact=False, limit=1000)
    assert asked_for(guess(400, 450), *[unfinished] * 3) == [600, 550, 275, 137]


def test_words_without_numbers_are_believed_once() -> None:
    assert asked_for(guess(400), *[TooLong("")] * 4) == [600, 300]


def test_a_prompt_longer_than_the_context_is_asked_nowhere() -> None:
    assert asked_for(guess(400), TooLong("", prompt_tokens=1001, is_exact=False, limit=1000)) == [600]


def test_a_prompt_longer_than_tgis_limit_for_prompts_has_no_room() -> None:
    fit = guess(100)
    fit.max_tokens(server(1000, 200))
    assert fit.refused(TooLong("", prompt_tokens=300, is_exact=True, limit=200))
    assert not fit.has_room(server(1000, 200))
    assert not fit.has_room(server(9000, 150))
    assert fit.has_room(server(1000, 500))
    assert fit.contexts == {}, "its context is as large as it was"


def test_a_limit_for_prompts_that_is_stated_counts_when_it_refuses() -> None:
    fit = Fit(700, 101, 300, 300, is_counted=True, contexts={}, at_least=300)
    assert fit.max_tokens(server(1000, 200)) == 700, "it has taken the prompt before"


# --- a whole run ---

RECIPE = """
name: fits
source: {kind: parquet, path: rows.parquet, id: id, shard_rows: 4}
stages: [{name: tidy, rewrite: tidy.md}]
release: {configs: {default: tidy}, license: mit}
"""
PROMPT = """---
id: tidy
version: 1
answer: {format: text}
sampling: {temperature: 0.2, max_tokens: 700}
attempts: 2
min_characters: 1
---
<!-- user -->
{{ text }}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    import pyarrow as pa

    texts = ["a " * 100, "b " * 600, "c " * 2000, "d " * 450]
    pq.write_table(pa.table({"id": list("abcd"), "text": texts}), tmp_path / "rows.parquet")
    (tmp_path / "tidy.md").write_text(PROMPT)
    (tmp_path / "fits.yaml").write_text(RECIPE)
    return tmp_path / "fits.yaml"


def rows(run: Path) -> list[dict[str, Any]]:
    (shard,) = (run / "shards").glob("*.parquet")
    found: list[dict[str, Any]] = pq.read_table(shard).to_pylist()
    return found


def test_a_recipe_that_asks_for_more_than_any_context_holds_is_refused_with_the_numbers(recipe: Path) -> None:
    with TgiDouble(max_total_tokens=512, max_input_tokens=511) as server:
        done = builder("build", recipe, "--run", recipe.parent / "run", "--server", server.url, exit_code=2)
        said = " ".join(done.stderr.split())
        assert server.log == []
    assert "stage tidy: it asks for answers of up to 700 tokens (max_tokens)" in said
    assert f"{server.url} 512" in said
    assert "--max-total-tokens" in said


def test_the_check_at_the_start_goes_by_the_largest_context_and_by_what_is_told() -> None:
    with pytest.raises(ContextTooSmall, match=r"stage b.* 2000 tokens"):
        see_that_they_fit({"a": 10, "b": 2000}, [server(1000), server(2000)])
    assert see_that_they_fit({"a": 10, "b": 2000}, [server(1000), server(None)])
    assert see_that_they_fit({"a": 10}, [server(1000)]) is None


def test_what_was_paid_for_stays_and_a_larger_context_takes_the_rest(recipe: Path, tmp_path: Path) -> None:
    arguments = ("build", recipe, "--run")
    with double(SMALL) as small:
        done = builder(*arguments, tmp_path / "one", "--server", small.url)
        paid = len(taken(small))
    kept, cut, long, fits = rows(tmp_path / "one")
    assert kept["verdict"] is None
    assert fits["verdict"] is None
    assert [answer["failure"] for answer in cut["tidy"]["answers"]] == ["truncated", "too_long_for_context"]
    assert [answer["max_tokens"] for answer in cut["tidy"]["answers"]] == [700, 1400], "as the recipe asks for it"
    assert long["verdict"] == {"stage": "tidy", "reason": "too_long_for_context"}
    assert long["tidy"]["answers"][0]["finish_reason"] is None
    said = [line for line in done.stderr.splitlines() if "too_long_for_context" in line and "said once" in line]
    assert len(said) == 2, "one of a prompt too long, one of an answer"
    assert any("Input validation error" in line for line in said), "in the server's words"

    with double(LARGE) as large:
        status = builder_json(*arguments, tmp_path / "two", "--server", large.url, "--reuse", tmp_path / "one")
    assert status["kept"] == 4
    assert status["generations"] == {"requested": 3, "replayed": 0, "reused": paid}
    assert rows(tmp_path / "two")[0] == kept
    assert rows(tmp_path / "two")[3] == fits, "asked for less of the small context, and the same"
