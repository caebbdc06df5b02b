"""The README's first command, end to end: a real llama.cpp server, a real model, a release that loads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import builder, builder_json, digests

_SECONDS = 840  # a slow machine's model takes its time; minutes are usual
pytestmark = [pytest.mark.llm, pytest.mark.timeout(_SECONDS + 60)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    destination = ("--run", folder / "run", "--to", folder / "releases" / "demo")
    said = builder("publish", "demo", *destination, timeout=_SECONDS).stdout
    assert 'load_dataset("' in said
    assert "before code" in said
    assert "after math" in said
    return folder


def test_the_model_rewrote_code_and_math(demo: Path) -> None:
    status = builder_json("status", demo / "run")
    entered = status["documents"]
    for stage in status["stages"]:
        assert stage["in"] == entered == stage["kept"] + sum(stage["dropped"].values())
        entered = stage["kept"]
    manifest = json.loads((demo / "releases" / "demo" / "manifest.json").read_text())
    rows = manifest["content"]["rows"]
    assert rows["code"] >= 1
    assert rows["math"] >= 1
    assert rows["code"] + rows["math"] == status["kept"]
    assert rows["dropped"] == status["documents"] - status["kept"]
    assert manifest["content"]["run"]["model"]["sha"].startswith("b179c9523d0e6a0f")


def test_the_release_loads_streaming_and_not(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import load_dataset

    release = str(demo / "releases" / "demo")
    rows = json.loads((demo / "releases" / "demo" / "manifest.json").read_text())["content"]["rows"]
    for config, count in rows.items():
        loaded = load_dataset(release, config, split="train", cache_dir=str(tmp_path / "cache"))
        streamed = list(load_dataset(release, config, split="train", streaming=True))
        assert len(loaded) == count
        assert streamed == list(loaded)
        if config in ("code", "math"):
            assert all(len(row["text"]) >= 50 and row["id"] for row in streamed)
    for row in load_dataset(release, "code", split="train", streaming=True):
        compile(row["text"], row["id"], "exec")


def test_publishing_again_needs_no_model_and_changes_nothing(demo: Path) -> None:
    before = digests(demo)
    again = builder_json(
        "publish",
        "demo",
        "--run",
        demo / "run",
        "--to",
        demo / "releases" / "demo",
        "--server",
        "http://127.0.0.1:9",
    )
    assert again["new"] is False
    assert digests(demo) == before
    builder("verify", demo / "releases" / "demo")


def test_the_release_carries_its_licences_and_no_path_of_this_machine(demo: Path) -> None:
    release = demo / "releases" / "demo"
    assert "Apache License" in (release / "LICENSE").read_text()
    assert (release / "licenses" / "SOURCES.md").is_file()
    assert (release / "prompts" / "demo-code.md").is_file()
    texts = [path.read_text() for path in release.rglob("*") if path.suffix in (".md", ".json")]
    for private in (str(demo), str(Path.home())):
        assert not any(private in text for text in texts)
