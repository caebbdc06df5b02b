"""A release holds what it takes to make it again, and no answer that leads to a text which it does not publish."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.faulty import SHARD_ROWS, Chain, answers_of, rows_of, server, write_chain
from tests.support import builder, digests
from tests.tgi_double import Reply, TgiDouble

DOCUMENTS = 5 * SHARD_ROWS
SECRET = "AKIAQ6FAKEKEY3XNDPTB"
ANSWERS = "data/generations/train-00000-of-00001.parquet"


@pytest.fixture
def double() -> Iterator[TgiDouble]:
    with server(step=0.0) as double:
        yield double


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_chain(tmp_path / "project", DOCUMENTS)


def publish(recipe: Path, double: TgiDouble, folder: Path, *more: str) -> Path:
    """Build and publish; return the release."""
    builder(
        "publish", recipe, "--run", folder / "run", "--to", folder / "release", "--server", double.url,
        "--license-file", recipe.parent / "LICENSE-generator", *more,
    )  # fmt: skip
    return folder / "release"


def asked_again(recipe: Path, double: TgiDouble, run: Path, source: Path) -> list[dict[str, Any]]:
    """Build a new run from what there is; return the requests that servers got."""
    before = len(double.log)
    builder("build", recipe, "--run", run, "--server", double.url, "--reuse", source)
    return [request.body for request in double.log[before:]]


def keys(bodies: list[dict[str, Any]], run: Path) -> set[str]:
    known = answers_of(run)
    return {known[body["seed"], body["max_tokens"]] for body in bodies}


def keys_at(run: Path, stage: str, verdicts: set[str | None]) -> set[str]:
    """Return the keys of a stage's answers for documents that ended at one of some stages."""
    return {
        answer["key"]
        for row in rows_of(run)
        if row[stage] and (row["verdict"] or {"stage": None})["stage"] in verdicts
        for answer in row[stage]["answers"]
    }


def test_made_again_from_its_release_it_is_the_same_and_only_drops_are_asked_for(
    recipe: Path, double: TgiDouble, tmp_path: Path
) -> None:
    release = publish(recipe, double, tmp_path)
    shutil.move(tmp_path / "run", tmp_path / "gone")
    asked = asked_again(recipe, double, tmp_path / "run", release)
    assert digests(tmp_path / "run" / "shards") == digests(tmp_path / "gone" / "shards")
    # Those that SGCR kept are in the config `styled`: only a stage's answers for what it dropped are not there.
    dropped = keys_at(tmp_path / "gone", "sgcr", {"sgcr"}) | keys_at(tmp_path / "gone", "scor", {"scor"})
    assert keys(asked, tmp_path / "gone") == dropped
    assert dropped


def test_another_prompt_for_the_last_stage_costs_that_stage_alone(
    recipe: Path, double: TgiDouble, tmp_path: Path
) -> None:
    release = publish(recipe, double, tmp_path)
    prompt = recipe.parent / "scor.md"
    prompt.write_text(prompt.read_text().replace("Answer with one", "Answer, please, with one"))
    asked = asked_again(recipe, double, tmp_path / "other", release.with_name("release.versions") / "v1.0.0")
    old = [body for body in asked if "please" not in body["messages"][0]["content"]]
    assert keys(old, tmp_path / "run") == keys_at(tmp_path / "run", "sgcr", {"sgcr"})
    assert len(asked) - len(old) > DOCUMENTS / 2


def test_answers_are_published_for_published_texts_alone(recipe: Path, double: TgiDouble, tmp_path: Path) -> None:
    release = publish(recipe, double, tmp_path, "--set", "release.configs={default: scor}")
    answers = pq.read_table(release / ANSWERS).to_pylist()
    kept = [row for row in rows_of(tmp_path / "run") if row["verdict"] is None]
    assert [(answer["key"], answer["stage"], answer["answer"]) for answer in answers] == [
        (answer["key"], stage, answer["answer"])
        for row in kept
        for stage in ("sgcr", "scor")
        for answer in row[stage]["answers"]
    ], "in the table's order: document, stage, attempt"
    assert list(answers[0]) == [
        "key", "id", "stage", "seed", "max_tokens", "failure", "answer", "finish_reason", "prompt_tokens",
        "completion_tokens", "model", "model_sha", "prompt_sha", "dataset",
    ]  # fmt: skip
    assert {answer["prompt_sha"] for answer in answers} == {kept[0][s]["prompt_sha"] for s in ("sgcr", "scor")}
    assert {answer["model"] for answer in answers} == {double.model_id}
    dropped = [
        row["sgcr"]["text"] for row in rows_of(tmp_path / "run") if (row["verdict"] or {}).get("stage") == "scor"
    ]
    assert dropped and not any(text in answer["answer"] for text in dropped for answer in answers)
    builder("verify", release)
    assert "`generations`" in (release / "README.md").read_text()


def test_no_answer_is_published_that_a_filter_for_secrets_had_still_to_look_at(
    recipe: Path, double: TgiDouble, tmp_path: Path
) -> None:
    reply = double.reply

    def telling(messages: list[Any], seed: int | None, temperature: float, body: dict[str, Any]) -> Any:
        given = reply(messages, seed, temperature, body)
        assert isinstance(given, Reply)
        if "### Improved Code" in messages[0]["content"]:
            given.text = given.text.replace("Mark it", f"Take out the key {SECRET}. Mark it")
        return given

    double.reply = telling
    recipe.write_text(
        recipe.read_text().replace("  - {name: scor", "  - {name: secrets, filter: secrets}\n  - {name: scor")
    )
    release = publish(recipe, double, tmp_path)
    assert {answer["stage"] for answer in pq.read_table(release / ANSWERS).to_pylist()} == {"scor"}
    assert any(SECRET in answer["answer"] for row in rows_of(tmp_path / "run") if row["sgcr"]
               for answer in row["sgcr"]["answers"])  # fmt: skip
    for config in ("generations", "default"):
        for path in (release / "data" / config).iterdir():
            assert not any(SECRET in str(row) for row in pq.read_table(path).to_pylist())


def test_a_release_without_answers_and_a_spoilt_one_are_said(
    recipe: Path, double: TgiDouble, tmp_path: Path
) -> None:
    release = publish(recipe, double, tmp_path)
    options = ("--run", tmp_path / "other", "--server", double.url, "--reuse")
    file = release / ANSWERS
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert file.name in builder("build", recipe, *options, release, exit_code=5).stderr
    publish(recipe, double, tmp_path, "--set", "release.generations=false")
    assert "holds no answers" in builder("build", recipe, *options, release, exit_code=2).stderr
    assert "DEST" in builder("build", recipe, *options, tmp_path / "release.versions", exit_code=2).stderr
    assert json.loads((release / "manifest.json").read_text())["version"] == "2.0.0", "a config is gone"


def test_answers_load_as_a_dataset(recipe: Path, double: TgiDouble, tmp_path: Path) -> None:
    from datasets import load_dataset

    release = publish(recipe, double, tmp_path)
    loaded = load_dataset(str(release), "generations", split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded.to_list() == pq.read_table(release / ANSWERS).to_pylist()


def test_an_unfinished_runs_answers_are_taken_and_its_journals_left_as_they_are(
    recipe: Path, double: TgiDouble, tmp_path: Path
) -> None:
    double.fault("hang", at=DOCUMENTS + 10)  # so that its shard stays unfinished
    unfinished = Chain(recipe, tmp_path / "run", [double])
    process = unfinished.start()
    while not (len(list(unfinished.run.glob("shards/*.parquet"))) and list(unfinished.run.glob("journal/*"))):
        assert process.poll() is None
        time.sleep(0.005)
    assert unfinished.kill(process)
    journals = list((unfinished.run / "journal").iterdir())
    with journals[0].open("ab") as file:
        file.write(b"0123abcd {torn")  # as one has it whose process is in the middle of a write
    before = digests(unfinished.run)
    asked = asked_again(recipe, double, tmp_path / "other", unfinished.run)
    assert digests(unfinished.run) == before
    known = unfinished.known[-1]
    assert not keys(asked, tmp_path / "other") & known
    assert known - set(answers_of(unfinished.run).values()), "nothing was in the journals alone"
    assert not asked_again(recipe, double, tmp_path / "third", tmp_path / "other")
