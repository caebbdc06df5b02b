"""A changed prompt costs what it changes: answers of another run to equal requests are taken, no others."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.support import builder, builder_json, digests, write_corpus
from tests.tgi_double import TgiDouble


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "project", lints=False)


def again_stage(recipe: Path, old: str, new: str) -> Path:
    """Return another recipe whose last stage has a prompt of its own, with one thing changed."""
    prompt = recipe.parent / "other.md"
    prompt.write_text((recipe.parent / "tidy.md").read_text().replace(old, new))
    other = recipe.parent / "other.yaml"
    other.write_text(
        recipe.read_text().replace("{name: again, rewrite: tidy.md", "{name: again, rewrite: other.md")
    )
    return other


def test_another_prompt_for_the_last_stage_keeps_every_answer_of_the_one_before(
    recipe: Path, tmp_path: Path
) -> None:
    with TgiDouble() as server:
        server.fault("empty", rate=0.3, seed=1)  # so that some have several answers
        first = builder_json("build", recipe, "--run", tmp_path / "first", "--server", server.url)
        asked = len(server.log)
    assert first["generations"] == {"requested": asked, "replayed": 0, "reused": first["generations"]["reused"]}
    other = again_stage(recipe, "Answer with the headings", "Answer, please, with the headings")
    with TgiDouble() as server:
        server.fault("empty", rate=0.3, seed=1)
        reusing = builder_json(
            "build", other, "--run", tmp_path / "second", "--server", server.url, "--reuse", tmp_path / "first"
        )
        prompts = [request.body["messages"][0]["content"] for request in server.log]
        assert prompts and all("please" in prompt for prompt in prompts), "the first stage was asked for again"
    with TgiDouble() as server:
        server.fault("empty", rate=0.3, seed=1)
        fresh = builder_json("build", other, "--run", tmp_path / "fresh", "--server", server.url)
    assert digests(tmp_path / "second" / "shards") == digests(tmp_path / "fresh" / "shards")
    tidy = pq.read_table(tmp_path / "first" / "shards", columns=["tidy"])["tidy"].to_pylist()
    answers = sum(len(record["answers"]) for record in tidy if record)
    assert reusing["generations"]["reused"] >= answers - 3 > 10  # a twin's are shared within the run
    assert reusing["generations"]["requested"] < fresh["generations"]["requested"]


def test_a_whole_run_again_asks_for_nothing(recipe: Path, tmp_path: Path) -> None:
    with TgiDouble() as server:
        builder("build", recipe, "--run", tmp_path / "first", "--server", server.url)
        asked = len(server.log)
        options = ("--server", server.url, "--reuse", tmp_path / "first")
        builder("build", recipe, "--run", tmp_path / "second", *options, "--limit", 7)
        builder("build", recipe, "--run", tmp_path / "second", *options)
        assert len(server.log) == asked
    assert digests(tmp_path / "second" / "shards") == digests(tmp_path / "first" / "shards")
    assert len(list((tmp_path / "second" / "reuse").iterdir())) == 1


@pytest.mark.parametrize("change", ["temperature: 0.2", "Improved Code with one"])
def test_what_differs_is_asked_for(recipe: Path, tmp_path: Path, change: str) -> None:
    with TgiDouble() as server:
        builder("build", recipe, "--run", tmp_path / "first", "--server", server.url, "--until", "tidy")
        asked = len(server.log)
        prompt = recipe.parent / "tidy.md"
        prompt.write_text(prompt.read_text().replace("temperature: 0.2", "temperature: 0.3") if ":" in change
                          else prompt.read_text().replace("code block.", "block of code."))  # fmt: skip
        status = builder_json(
            "build", recipe, "--run", tmp_path / "second", "--server", server.url, "--until", "tidy",
            "--reuse", tmp_path / "first",
        )  # fmt: skip
        assert len(server.log) == 2 * asked
    assert status["generations"]["requested"] == asked


def test_a_changed_check_asks_only_for_what_it_refuses(recipe: Path, tmp_path: Path) -> None:
    with TgiDouble() as server:
        options = ("--server", server.url, "--until", "tidy")
        builder("build", recipe, "--run", tmp_path / "first", *options)
        asked = len(server.log)
        prompt = recipe.parent / "tidy.md"
        prompt.write_text(
            prompt.read_text().replace("checks: [{filter: syntax}]", "checks: [{filter: repetition}]")
        )
        builder("build", recipe, "--run", tmp_path / "second", *options, "--reuse", tmp_path / "first")
        assert len(server.log) == asked, "the messages are the same, so the answers are"


@pytest.mark.parametrize(
    ("path", "said"), [("no", "neither a run nor a release"), ("hf://elsewhere", "neither a run nor a release")]
)
def test_what_answers_cant_be_taken_from_is_said(recipe: Path, tmp_path: Path, path: str, said: str) -> None:
    with TgiDouble() as server:
        options = ("--run", tmp_path / "run", "--server", server.url, "--reuse", path)
        error = builder("build", recipe, *options, exit_code=2).stderr
    assert said in error
    assert "→" in error
