"""The recipes that ship, from their sources to a release on the Hub and to the next one, as users make them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
import yaml

from builder.document import Verdict, read_document
from builder.recipe_file import load_recipe
from builder.recipe_parts import RewriteStage
from builder.release.views import kept
from builder.resources import folder
from builder.rewriting.control_tokens import fallback
from builder.rewriting.generation import Generation, Model
from builder.rewriting.rewriter import Request, Rewriter
from builder.run.directory import Run
from tests.local_hub import LocalHub
from tests.stack_data import FINEMATH, IDS, S3, finemath_rows, small_stack
from tests.support import builder, builder_json
from tests.tgi_double import TgiDouble

LLAMA = "meta-llama/Llama-3.3-70B-Instruct"
LICENSE, POLICY = b"LLAMA 3.3 COMMUNITY LICENSE AGREEMENT\n", b"# Acceptable use\n"
CARD = b"---\nconfigs:\n- config_name: finemath-4plus\n  data_files: finemath-4plus/*.parquet\n---\n"
Rows = dict[str, list[tuple[str, str]]]


class Newcomer:
    """Somebody with a Hub, a server and an account, who publishes to one dataset and looks at what comes of it."""

    def __init__(self, hub: LocalHub, server: TgiDouble, dataset: str, folder: Path, **env: str) -> None:
        self.hub, self.server, self.dataset, self.folder = hub, server, dataset, folder
        self.env: dict[str, Any] = {**hub.env(folder / "home"), **env}

    def publish(self, recipe: object, run: str, *more: object) -> Any:
        return builder_json(
            "publish", recipe, "--to", f"hf://datasets/{self.dataset}", "--run", self.folder / run,
            "--server", self.server.url, *more, **self.env,
        )  # fmt: skip

    def read(self, version: str, path: str) -> bytes:
        return self.hub.blob(self.hub.tree(self.dataset, f"v{version}")[path].sha256).read_bytes()

    def verify(self, version: str) -> None:
        told = builder_json("verify", f"hf://datasets/{self.dataset}@v{version}", **self.env)
        assert told["version"] == version

    def loaded(self, versions: list[str], configs: list[str]) -> list[Rows]:
        """Return what `load_dataset` gives at each version: id and text of every row of each config."""
        found: list[dict[str, list[list[str]]]] = self.hub.client(
            self.folder / "reader",
            f"""
            from datasets import load_dataset
            out = [
                {{
                    config: [
                        [row["id"], row["text"]]
                        for row in load_dataset("{self.dataset}", config, split="train", revision="v" + version)
                    ]
                    for config in {configs}
                }}
                for version in {versions}
            ]
            """,
        )
        return [{name: [(id_, text) for id_, text in rows] for name, rows in one.items()} for one in found]

    def views(self, run: str, configs: dict[str, str]) -> Rows:
        """Return what the views of a run hold: id and text of every row of each config."""
        opened = Run.read(self.folder / run)
        return {
            config: [
                (row["id"], row["text"])
                for table in kept(opened, stage)
                for row in table.select(["id", "text"]).to_pylist()
            ]
            for config, stage in configs.items()
        }


@pytest.fixture(scope="module")
def hub() -> Iterator[LocalHub]:
    with LocalHub(cdn=True) as local:
        yield local


@pytest.fixture
def server(hub: LocalHub) -> Iterator[TgiDouble]:
    sha = hub.put(f"models/{LLAMA}", {"LICENSE": LICENSE, "USE_POLICY.md": POLICY})
    with TgiDouble(model_id=LLAMA, model_sha=sha) as double:
        yield double


def asked(server: TgiDouble, start: int = 0) -> list[str]:
    """Return what the server was asked, from a request on: messages and seed."""
    return [json.dumps([one.body["messages"], one.body["seed"]]) for one in server.log[start:]]


def texts_of(shard: Path) -> list[str]:
    return [str(text) for text in pq.read_table(shard, columns=["text"])["text"]]


def assert_uploads_only_what_is_new(newcomer: Newcomer, old: str, new: str, uploads: int) -> None:
    trees = [newcomer.hub.tree(newcomer.dataset, f"v{version}") for version in (old, new)]
    before, after = ({file.sha256 for file in tree.values() if file.lfs} for tree in trees)
    assert uploads == len(after - before)
    assert {"LICENSE", "NOTICE"} <= {path for path in trees[0] if trees[0][path] == trees[1].get(path)}


def assert_documented(newcomer: Newcomer, version: str, prompts: dict[str, str]) -> str:
    """Fail unless licences and prompts are there as they should; return the card."""
    assert newcomer.read(version, "LICENSE") == LICENSE
    assert newcomer.read(version, "USE_POLICY.md") == POLICY
    assert b"Llama 3.3 Community License, Copyright" in newcomer.read(version, "NOTICE")
    for name, text in prompts.items():
        assert newcomer.read(version, f"prompts/{name}.md").decode() == text
    card = newcomer.read(version, "README.md").decode()
    assert "**Built with Llama**" in card and "begins with “Llama”" in card
    assert "use policy](https://www.llama.com/llama3_3/use-policy), which is also [here](USE_POLICY.md)" in card
    assert yaml.safe_load(card.split("---\n")[1])["license"] == "llama3.3"
    return card


def test_swallow_code_twice_the_second_time_with_more_documents_and_another_prompt(
    hub: LocalHub, server: TgiDouble, tmp_path: Path
) -> None:
    stack = small_stack(24)
    hub.put(IDS, {"data/train-00000-of-00001.parquet": stack.nested()})
    with S3(stack.contents) as s3:
        newcomer = Newcomer(hub, server, "org/swallow-code-again", tmp_path, **s3.environment())
        first = newcomer.publish("swallow-code", "one", "--limit", 10)
        old, uploads = asked(server), len(hub.seen("PUT /lfs/"))
        recipe, prompts = tmp_path / "mine.yaml", folder("prompts")
        sgcr, scor = ((prompts / f"{name}.md").read_text() for name in ("sgcr", "scor"))
        changed = scor.replace("version: 2", "version: 3").replace("You are an expert", "You are a careful")
        (tmp_path / "scor.md").write_text(changed)
        shipped = builder("recipes", "swallow-code").stdout
        recipe.write_text(shipped.replace("rewrite: scor,", "rewrite: scor.md,"))
        second = newcomer.publish(
            recipe, "two", "--limit", 14, "--reuse", "hf://datasets/org/swallow-code-again@v1.0.0"
        )
        uploads = len(hub.seen("PUT /lfs/")) - uploads
    assert (first["version"], second["version"]) == ("1.0.0", "1.1.0")
    assert not set(asked(server, len(old))) & set(old), "nothing is asked for twice"
    careful = [one for one in asked(server, len(old)) if "careful" in one]
    assert len(asked(server, len(old))) - len(careful) < 10, "of the SGCR answers, only the new documents'"
    for version in ("1.0.0", "1.1.0"):
        newcomer.verify(version)
    configs = orjson.loads(newcomer.read("1.1.0", "manifest.json"))["content"]["recipe"]["release"]["configs"]
    assert list(configs) == ["default", "ablation-exp2-syntax", "ablation-exp3-lint", "ablation-exp5-sgcr"]
    found = newcomer.loaded(["1.0.0", "1.1.0"], list(configs))
    assert found == [newcomer.views("one", configs), newcomer.views("two", configs)]
    assert all(rows for one in found for rows in one.values())
    assert_documented(newcomer, "1.0.0", {"sgcr": sgcr, "scor": scor})
    card = assert_documented(newcomer, "1.1.0", {"sgcr": sgcr, "scor": changed})
    assert "Each file's own licence binds" in newcomer.read("1.1.0", "licenses/SOURCES.md").decode()
    assert "not all of what the sources hold" in card
    assert_uploads_only_what_is_new(newcomer, "1.0.0", "1.1.0", uploads)
    changelog = newcomer.read("1.1.0", "CHANGELOG.md").decode()
    before, after = (dict(one["default"]) for one in found)
    rewritten = sum(after.get(id_) not in (None, text) for id_, text in before.items())
    counted = (
        f"{len(after.keys() - before.keys())} added, {len(before.keys() - after.keys())} removed, {rewritten}"
    )
    assert rewritten and f"Config `default`: {len(before)} → {len(after)} rows: {counted} changed." in changelog
    assert (
        changelog.index("## 1.1.0")
        < changelog.index("The prompt of stage `scor` changed")
        < changelog.index("## 1.0.0")
    )


def test_swallow_code_paper_is_the_paper_and_nothing_else(
    hub: LocalHub, server: TgiDouble, tmp_path: Path
) -> None:
    stack = small_stack(12)
    hub.put(IDS, {"data/train-00000-of-00001.parquet": stack.nested()})
    with S3(stack.contents) as s3:
        newcomer = Newcomer(hub, server, "org/swallow-code-paper", tmp_path, **s3.environment())
        newcomer.publish("swallow-code-paper", "run", "--limit", 3)
    newcomer.verify("1.0.0")
    prompts = {name: (folder("prompts") / f"{name}.md").read_text() for name in ("sgcr-paper", "scor-paper")}
    card = assert_documented(newcomer, "1.0.0", prompts)
    assert "swallow-code-paper" in card and "It follows the paper and adds nothing" in card
    first = server.log[0].body
    assert {name: first[name] for name in ("temperature", "top_p", "max_tokens")} == {
        "temperature": 0.2, "top_p": 0.7, "max_tokens": 8192,
    }  # fmt: skip
    sources = {text for path in Run.read(tmp_path / "run").shard_paths() for text in texts_of(path)}
    assert [message["role"] for message in first["messages"]] == ["system", "user"]
    assert first["messages"][1]["content"] in sources, "the raw code and nothing else"


def rewritten(stage: str, before: str, answer: str) -> Verdict:
    """Return what a stage of swallow-code-paper makes of an answer to a document."""
    loaded = load_recipe("swallow-code-paper")
    used = next(one for one in loaded.recipe.stages if one.name == stage)
    assert isinstance(used, RewriteStage) and not loaded.checks[stage]

    async def ask(request: Request) -> Generation:
        return Generation(answer, "length" if answer == CUT else "stop", 1, 1)

    prompt, sampling = loaded.prompts[stage], loaded.sampling(used)
    rewriter = Rewriter(stage, prompt, sampling, used.on_failure, Model("m"), fallback())
    return asyncio.run(rewriter.rewrite(read_document("a", before, {}), ask))


CUT = "```python\nx = 1\n"
LONG = "x = 'long enough to be more than fifty characters'\n"
BEFORE = "def camelCase(a):\n    return a\n\n\nprint(camelCase(1))\n"
RENAMED = "import numpy\n\n\ndef snake_case(a):\n    return b\n\n\nprint(snake_case(1)\n"  # and no Python


@pytest.mark.parametrize(
    ("stage", "answer", "reason"),
    [
        ("sgcr", f"### Evaluation: 7\n### Improved Code:\n```python\n{RENAMED}```\n", None),
        ("sgcr", "### Evaluation: 7\n### Improved Code:\n```python\nx\n```\n", None),
        ("sgcr", "I can't.", "no_section"),
        ("scor", f"```python\n{RENAMED}```\n", None),
        ("scor", "Here is the code that you have asked me for:\n```python\nx = 1\n```\n", None),
        ("scor", f"```python\n{LONG[:36]}\n```", "too_short"),
        ("scor", f"```python\n{LONG[:37]}\n```", None),
        ("scor", "```python\n\n```\n" + LONG, "empty_answer"),
        ("scor", LONG, "no_code_block"),
        ("scor", CUT, "truncated"),
    ],
)
def test_the_papers_gates_and_no_others(stage: str, answer: str, reason: str | None) -> None:
    verdict = rewritten(stage, BEFORE, answer)
    assert verdict.drop == reason
    assert verdict.record["attempts"] == 1


def test_swallow_code_checks_what_the_paper_does_not() -> None:
    loaded, paper = load_recipe("swallow-code"), load_recipe("swallow-code-paper")
    assert {"public_names", "lint", "syntax"} <= set(loaded.checks["sgcr"])
    assert not any(paper.checks.values())
    names = ("syntax", "lint")
    assert [loaded.filters[name] for name in names] == [paper.filters[name] for name in names]
    assert set(paper.filters) == {*names, "repetition"}


def test_swallow_math_twice_the_second_time_with_more_pages(
    hub: LocalHub, server: TgiDouble, tmp_path: Path
) -> None:
    file = "finemath-4plus/train-00000-of-00001.parquet"
    hub.put(FINEMATH, {"README.md": CARD, file: finemath_rows(100)})
    newcomer, configs = Newcomer(hub, server, "org/swallow-math-again", tmp_path), {"default": "rewrite"}
    first = newcomer.publish("swallow-math", "run", "--limit", 60)
    old, uploads, views = asked(server), len(hub.seen("PUT /lfs/")), newcomer.views("run", configs)
    second = newcomer.publish("swallow-math", "run")
    uploads = len(hub.seen("PUT /lfs/")) - uploads
    assert (first["version"], second["version"]) == ("1.0.0", "1.1.0")
    assert not set(asked(server, len(old))) & set(old), "nothing is asked for twice"
    for version in ("1.0.0", "1.1.0"):
        newcomer.verify(version)
    found = newcomer.loaded(["1.0.0", "1.1.0"], ["default"])
    assert found == [views, newcomer.views("run", configs)]
    assert 0 < len(found[0]["default"]) < len(found[1]["default"])
    prompt = {"swallow-math": (folder("prompts") / "swallow-math.md").read_text()}
    assert "not all of what the sources hold" in assert_documented(newcomer, "1.0.0", prompt)
    assert "not all of what the sources hold" not in assert_documented(newcomer, "1.1.0", prompt)
    sources = newcomer.read("1.1.0", "licenses/SOURCES.md").decode()
    assert "odc-by" in sources and "Common Crawl's terms of use" in sources
    assert_uploads_only_what_is_new(newcomer, "1.0.0", "1.1.0", uploads)
    changelog = newcomer.read("1.1.0", "CHANGELOG.md").decode()
    before, after = (len(one["default"]) for one in found)
    counted = f"Config `default`: {before} → {after} rows: {after - before} added, 0 removed, 0 changed."
    assert changelog.index("## 1.1.0") < changelog.index(counted) < changelog.index("## 1.0.0")
