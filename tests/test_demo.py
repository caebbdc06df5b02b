"""The README's first command, end to end: a real llama.cpp server, a real model, a release that loads."""

from __future__ import annotations

import ast
import json
import re
import sysconfig
from pathlib import Path

import pytest

from builder.resources import RECIPES
from tests.support import builder, builder_json, digests

_SECONDS = 840  # a slow machine's model takes its time; minutes are usual
pytestmark = [pytest.mark.llm, pytest.mark.timeout(_SECONDS + 60)]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    destination = ("--run", folder / "run", "--to", folder / "releases" / "demo")
    done = builder("publish", "demo", *destination, timeout=_SECONDS)
    (folder / "said.txt").write_text(done.stdout)
    assert "smollm2-135m-instruct.q4_1.gguf, the first that can be had of 2" in done.stderr.lower()
    assert "qwen2.5-coder-0.5b-instruct" in done.stderr
    return folder


def test_the_model_rewrote_code_and_math(demo: Path) -> None:
    status = builder_json("status", demo / "run")
    entered = status["documents"]
    for stage in status["stages"]:
        assert stage["in"] == entered == stage["kept"] + sum(stage["dropped"].values())
        entered = stage["kept"]
    manifest = json.loads((demo / "releases" / "demo" / "manifest.json").read_text())
    rows = manifest["content"]["rows"]
    assert rows["code"] + rows["math"] == status["kept"] >= 1
    assert rows["dropped"] == status["documents"] - status["kept"]
    assert manifest["content"]["run"]["model"]["sha"].startswith("b179c9523d0e6a0f")


class _Unannotated(ast.NodeTransformer):
    """Removes hints and docstrings in the plainest way: the demo's modules hold nothing that reads them."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else node


def source_of(id_: str) -> str:
    """Return the text of a document of the demo."""
    source, _, path = id_.partition("/")
    folders = {
        "modules": RECIPES / "demo-modules",
        "stdlib": Path(sysconfig.get_paths()["stdlib"]),
        "forum": RECIPES / "demo-pages",
    }
    return (folders[source] / path).read_text(encoding="utf-8")


def numbers(text: str) -> list[str]:
    return re.findall(r"\d+(?:[/.]\d+)?", text)


@pytest.mark.parametrize("config", ["code", "math"])
def test_the_last_screen_shows_a_pair_that_is_right_or_says_that_there_is_none(demo: Path, config: str) -> None:
    from datasets import load_dataset

    said = (demo / "said.txt").read_text()
    assert f'load_dataset("{demo / "releases" / "demo.versions" / "v1.0.0"}", "{config}"' in said
    rows = list(load_dataset(str(demo / "releases" / "demo"), config, split="train", streaming=True))
    texts = {row["id"]: row["text"] for row in rows}
    shown = re.findall(rf"(\S+) · before {config} ", said)
    if not rows:
        assert f"{config}: the model made no new text that passes its checks; of " in said
        return
    assert len(shown) == 1
    assert shown[0] in texts
    for id_, text in texts.items():
        before = source_of(id_)
        assert text != before
        if config == "code":
            trees = [_Unannotated().visit(ast.parse(code)) for code in (before, text)]
            assert ast.dump(trees[0]) == ast.dump(trees[1]), id_
            assert text.count("->") + text.count('"""') > before.count("->") + before.count('"""'), id_
        else:
            answer = next(line for line in before.splitlines() if "Answer: " in line).partition("Answer: ")[2]
            assert numbers(text.splitlines()[-1]) == numbers(answer), id_


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
    texts = [path.read_text() for path in release.rglob("*") if path.suffix in (".md", ".json", ".yaml")]
    place = str(demo / "releases" / "demo.versions" / "v1.0.0")  # where its card's code reads it
    for private in (str(demo), str(Path.home())):
        assert not any(private in text.replace(place, "") for text in texts)
