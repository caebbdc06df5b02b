"""What users get wrong, and what disks and servers do: a typed error with its exit code, nothing lost, go on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import builder, builder_json, command, digests, environment, write_corpus
from tests.tgi_double import TgiDouble


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "project", lints=False)


@pytest.fixture
def server() -> Iterator[TgiDouble]:
    with TgiDouble() as double:
        yield double


def test_a_wrong_recipe_key_is_one_message_with_line_and_remedy(recipe: Path) -> None:
    recipe.write_text(recipe.read_text().replace("min_characters", "min_character"))
    said = builder("build", recipe, exit_code=2).stderr
    assert f"{recipe}:6" in said
    assert "did you mean 'min_characters'?" in said


def test_unknown_recipe_and_prompt(recipe: Path) -> None:
    assert "did you mean 'swallow-code'" in builder("build", "swallow-cod", exit_code=2).stderr
    (recipe.parent / "tidy.md").unlink()
    assert "tidy.md" in builder("build", recipe, exit_code=2).stderr


def test_missing_and_empty_sources(recipe: Path) -> None:
    said = builder("build", recipe, "--set", "source.path=nowhere", exit_code=2).stderr
    assert "nowhere" in said
    said = builder("build", recipe, "--set", "source.glob=*.rs", exit_code=2).stderr
    assert "*.rs" in said


def test_no_server_and_a_server_that_is_down(recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert "--server" in builder("build", recipe, "--run", run, exit_code=4).stderr
    said = builder(
        "build", recipe, "--run", run, "--server", "http://127.0.0.1:9", "--patience", 1, exit_code=4
    ).stderr
    assert "http://127.0.0.1:9" in said
    assert "no server answers yet" in " ".join(said.split())
    assert "Traceback" not in said
    with TgiDouble() as double:
        builder("build", recipe, "--run", run, "--server", double.url)


def test_a_server_with_another_model_than_the_run_began_with(recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with TgiDouble() as double:
        builder("build", recipe, "--run", run, "--limit", 5, "--server", double.url)
    with TgiDouble(model_sha="f" * 40) as other:
        said = builder("build", recipe, "--run", run, "--server", other.url, exit_code=4).stderr
        assert "f" * 12 in said
        assert not other.log
    with TgiDouble() as double:
        builder("build", recipe, "--run", run, "--server", double.url)


def test_a_server_that_refuses_us_stops_the_run_and_a_key_continues_it(recipe: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with TgiDouble(api_key="open-sesame") as double:
        said = builder("build", recipe, "--run", run, "--server", double.url, exit_code=4).stderr
        assert "BUILDER_SERVER_KEY" in said
        builder("build", recipe, "--run", run, "--server", double.url, BUILDER_SERVER_KEY="open-sesame")


def test_a_run_directory_of_another_recipe(recipe: Path, server: TgiDouble, tmp_path: Path) -> None:
    run = tmp_path / "run"
    builder("build", recipe, "--run", run, "--until", "long")
    before = digests(run)
    said = builder("build", recipe, "--run", run, "--set", "stages.long.min_characters=100", exit_code=2).stderr
    assert "min_characters" in said
    assert "200" in said
    prompt = recipe.parent / "tidy.md"
    prompt.write_text(prompt.read_text() + "Be kind.\n")
    said = builder("build", recipe, "--run", run, "--server", server.url, exit_code=2).stderr
    assert "prompt" in said
    (recipe.parent / "corpus" / "new.py").write_text("a = 1\n")
    builder("build", recipe, "--run", run, exit_code=2)
    assert digests(run) == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    builder("build", recipe, "--run", tmp_path / "other", exit_code=2)


def test_a_full_disk_stops_the_run_and_room_continues_it(recipe: Path, server: TgiDouble, tmp_path: Path) -> None:
    builder("build", recipe, "--run", tmp_path / "calm", "--server", server.url)
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a small file system needs privileges: " + mounted.stderr.decode().strip())
    try:
        said = builder("build", recipe, "--run", small / "run", "--server", server.url, exit_code=4).stderr
        assert os.strerror(28) in said
        assert "go" in said
        assert "Traceback" not in said
        asked = len(server.log)
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        builder("build", recipe, "--run", small / "run", "--server", server.url)
        assert digests(small / "run" / "shards") == digests(tmp_path / "calm" / "shards")
        assert len(server.log) - asked < asked, "what was journalled is not asked for again"
    finally:
        subprocess.run(["umount", str(small)], check=False)


def test_a_poison_document_is_dropped_and_the_run_goes_on(recipe: Path, server: TgiDouble, tmp_path: Path) -> None:
    server.fault("424", match="_geometric_mean_of_nothing", sticky=True)
    poison = f"def _geometric_mean_of_nothing() -> float:\n    return {' + '.join(['0.0'] * 40)}\n"
    (recipe.parent / "corpus" / "poison.py").write_text(poison)
    status = builder_json("build", recipe, "--run", tmp_path / "run", "--server", server.url)
    tidy = next(stage for stage in status["stages"] if stage["name"] == "tidy")
    assert tidy["dropped"] == {"generation_failed": 1}, tidy


def test_interrupted_before_anything_leaves_no_mess(recipe: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("build", recipe, "--run", tmp_path / "run", "--until", "long"),
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    process.terminate()
    process.wait(30)
    builder("build", recipe, "--run", tmp_path / "run", "--until", "long")
    assert not list(tmp_path.rglob("*.tmp"))
