"""What a card says of each config is true of it: whose texts, whose licence, how many tokens, how to load it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from bpe_openai._bindings import tokenizer_for_encoding

from builder.recipe_file import load_recipe
from builder.release.card import variables
from builder.release.texts import Texts, count_tokens
from builder.release.views import kept
from builder.run.directory import Run
from tests.local_hub import LocalHub
from tests.support import builder, builder_json, digests, environment
from tests.tgi_double import TgiDouble

LONG = "def mean(values: list[float]) -> float:\n    return sum(values) / len(values)\n\n\n"
SHORT = "def mean(numbers: list[float]) -> float:\n    return sum(numbers) / len(numbers)\n"
PROMPT = """---
id: tidy
version: 1
about: better names
answer: {format: code}
checks: [{filter: syntax}]
---
<!-- user -->
{{ text }}
"""
RECIPE = """
name: our
source:
  - {name: ours, kind: files, path: code, license: MIT, language: [code]}
  - {name: pages, kind: files, path: pages, language: [en], terms: "Say that `file` is theirs."}
stages:
  - {name: syntax, filter: syntax, where: {dataset: ours}}
  - {name: tidy, rewrite: tidy.md, where: {dataset: [ours]}}
  - {name: long, filter: length, min_characters: 5}
release:
  configs: {default: long, 4plus: tidy, class: syntax, a-b: syntax}
  license: Llama3.3
  contact: data@example.org
  scan: []
  columns:
    {grade: tidy.grade, answer_tokens: tidy.completion_tokens, error: tidy.checks.syntax.error, before: text}
"""


class Mixed:
    """A release of code that a model rewrote and of pages that it did not."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.run, self.release = folder, folder / "run", folder / "out" / "our-code"
        for name in ("code", "pages"):
            (folder / name).mkdir()
        for number in range(5):
            (folder / "code" / f"{number}.py").write_text(LONG.replace("mean", f"mean_{number}") * 3)
        (folder / "code" / "broken.py").write_text("def broken(:\n")
        for number in range(7):
            (folder / "pages" / f"{number}.txt").write_text(
                f"What is {number} + {number}? <|endoftext|> é {2 * number}\n"
            )
        (folder / "tidy.md").write_text(PROMPT)
        (folder / "LICENSE").write_text("A text that says nothing of a Llama.\n")
        (folder / "our.yaml").write_text(RECIPE)
        with TgiDouble(
            reply=lambda *_: f"```python\n{SHORT}```\n", model_id="meta-llama/Llama-3.3-70B-Instruct"
        ) as server:
            self.said = builder(*self.publish(self.release), "--server", server.url).stdout
        self.card = (self.release / "README.md").read_text()

    def publish(self, to: Path, *more: object) -> list[object]:
        license_ = ("--license-file", self.folder / "LICENSE")
        return ["publish", self.folder / "our.yaml", "--run", self.run, "--to", to, *license_, *more]

    def rows(self, config: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = pq.read_table(self.release / "data" / config).to_pylist()
        return found

    def section(self, heading: str) -> str:
        return " ".join(self.card.split(f"\n## {heading}\n")[1].split("\n## ")[0].split())


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    return Mixed(tmp_path_factory.mktemp("mixed"))


def test_each_config_says_who_wrote_its_texts_and_under_which_licence(mixed: Mixed) -> None:
    assert "`default`: what stage `long` kept, 5 texts written by the model, 7 as they were" in mixed.card
    assert "`4plus`: what stage `tidy` kept, all written by the model" in mixed.card
    assert "`class`: what stage `syntax` kept, the sources' texts as they were" in mixed.card
    limits, licence = mixed.section("Limits and biases"), mixed.section("Licence")
    model = "`meta-llama/Llama-3.3-70B-Instruct`"
    assert (
        f"The texts of `default` and `4plus` were written by a language model ({model}), of `default` only"
        in limits
    )
    assert "The texts of `class` and `a-b` are the sources' own." in limits
    assert (
        "under `Llama3.3`: the texts of `4plus`, those of `default` that it wrote, and the answers in" in licence
    )
    assert (
        "The texts of `class` and `a-b` and the other texts of `default` are the sources' own, as they were: each"
        " under the licence that it came with, not under `Llama3.3`." in licence
    )
    front = yaml.safe_load(mixed.card.split("---\n")[1])
    assert (front["license"], front["language"]) == ("llama3.3", ["code", "en"])
    assert "data@example.org" in mixed.section("Removal")


def test_rates_are_of_the_documents_that_a_stage_applies_to(mixed: Mixed) -> None:
    assert "| `syntax` | filter | 6 | 5 | 1 | syntax_error 1 (does not apply to 7 more) | 83.3 % |" in mixed.card
    assert "| `long` | filter | 12 | 12 | 0 |  | 100 % |" in mixed.card
    drawn = (mixed.release / "assets/funnel.svg").read_text()
    assert "5 of 6 kept, 83.3 %; does not apply to 7" in drawn
    told = builder("status", mixed.run).stdout
    assert re.search(r"syntax +filter +6 +5 +1 ", told) and re.search(r"syntax +filter +6 +5 +1 ", mixed.said)


def test_tokens_are_those_of_the_files(mixed: Mixed) -> None:
    tokenizer = tokenizer_for_encoding("o200k_base")
    for config in ("default", "4plus", "class", "a-b"):
        rows = mixed.rows(config)
        tokens = sum(len(tokenizer.encode(row["text"])) for row in rows)
        assert f"| `{config}` | {len(rows)} | {tokens:,} | " in mixed.card
    assert "tokenizer `o200k_base`" in mixed.card
    assert count_tokens(["<|endoftext|>", "", None, "\u202e"]) > 3


def test_a_stages_measures_and_texts_from_before_are_columns(mixed: Mixed) -> None:
    table = {
        row["id"]: row for path in (mixed.run / "shards").iterdir() for row in pq.read_table(path).to_pylist()
    }
    for row in mixed.rows("default"):
        record = table[row["id"]]["tidy"] or {"grade": None, "completion_tokens": None}
        assert (row["grade"], row["answer_tokens"]) == (record["grade"], record["completion_tokens"])
        assert row["before"] == table[row["id"]]["text"]
        assert (row["text"] == row["before"]) is (row["dataset"] == "pages")
    assert list(mixed.rows("class")[0])[:4] == ["text", "id", "before", "dataset"], "what comes later is not there"
    assert "| `before` | `string` | the document's text, as it was read |" in mixed.card
    assert "| `error` | `string` | measure `checks.syntax.error` of stage `tidy`" in mixed.card


def test_texts_from_before_are_looked_at_before_they_are_published(mixed: Mixed, tmp_path: Path) -> None:
    scan = ("--set", "release.scan=[{filter: length, max_characters: 200}]")
    configs = ("--set", "release.configs={default: long}", "--set", "release.generations=false")
    said = builder(*mixed.publish(tmp_path / "out", *scan, *configs), exit_code=3).stderr
    assert "length refuses 5 of 12 rows of default.before" in said and "rows of default (" not in said


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ("{score: lint.score}", "no stage measures 'lint.score'"),
        ("{n: long.charcters}", "did you mean 'long.characters'?"),
        ("{n: tidy.checks.syntax.lines}", "there are error, line, message, python2, python"),
        ("{n: tidy.answers}", "no stage measures 'tidy.answers'"),
        ("{Text: tidy.grade}", "can't be a column's name"),
        ("{a: tidy.grade, A: tidy.grade}", "is 'a' but for its case"),
    ],
)
def test_columns_that_nothing_measures_are_refused(
    mixed: Mixed, columns: str, problem: str, tmp_path: Path
) -> None:
    said = builder(*mixed.publish(tmp_path / "out", "--set", f"release.columns={columns}"), exit_code=2).stderr
    assert problem in " ".join(said.split())


def test_a_text_from_before_secrets_were_taken_out_is_no_column(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text(
        "name: r\nsource: {kind: files, path: .}\nstages: [{name: clean, filter: secrets, action: redact}]\n"
        "release: {configs: {default: clean}, license: mit, columns: [text]}\n"
    )
    said = builder("build", tmp_path / "r.yaml", exit_code=2).stderr
    assert "'clean' takes secrets out of that text" in " ".join(said.split())


def test_the_code_that_loads_it_runs_from_anywhere(mixed: Mixed, tmp_path: Path) -> None:
    code = re.findall(r"```python\n(from datasets.*?)```", mixed.card, re.DOTALL)[0]
    code += "for one in (config_4plus, config_class, a_b, default): print(one.num_rows)\n"
    code += "print(next(iter(streamed))['id'])\n"
    env = environment(HF_DATASETS_CACHE=str(tmp_path / "cache"), HF_DATASETS_DISABLE_PROGRESS_BARS="1")
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["5", "5", "5", "12", "ours/0.py"], done.stderr
    assert str(mixed.release.with_name("our-code.versions") / "v1.0.0") in code, "whatever is published meanwhile"
    assert re.findall(r"load_dataset\(.*?\)", code)[:-1] == re.findall(r"load_dataset\(.*?\)", mixed.said)


def test_names_of_configs_become_names_in_python() -> None:
    names = ["4plus", "class", "a-b", "a_b", "a.b", "é", "load_dataset", "default", "None"]
    found = variables(names)
    assert len(set(found)) == len(names)
    compile("; ".join(f"{name} = 0" for name in found), "card", "exec")


def test_the_command_of_the_card_makes_it_again_and_asks_for_nothing(mixed: Mixed, tmp_path: Path) -> None:
    command = mixed.card.split("```sh\n")[1].split("```")[0].replace("\\\n", " ").split()
    assert command[:4] == ["python", "-m", "builder", "publish"] and command[-2:] == ["--to", "copy"]
    copy, license_ = tmp_path / "our-code", mixed.release / "LICENSE"
    with TgiDouble(model_id="meta-llama/Llama-3.3-70B-Instruct") as server:
        given = [server.url if word == "URL" else word for word in command[3:-1]]
        builder(
            *given, copy, "--run", tmp_path / "run", "--license-file", license_,
            "--set", f"source.ours.path={mixed.folder / 'code'}",
            "--set", f"source.pages.path={mixed.folder / 'pages'}",
        )  # fmt: skip
    assert builder_json("status", tmp_path / "run")["generations"] == {"requested": 0, "replayed": 0, "reused": 5}
    assert digests(copy / "data") == digests(mixed.release / "data")


def views(run: Path) -> Iterator[int]:
    for stage in ("syntax", "tidy", "long"):
        texts = Texts()
        list(kept(Run.read(run), stage, None, texts))
        yield texts.written


def test_texts_are_counted_by_who_wrote_them(mixed: Mixed) -> None:
    assert list(views(mixed.run)) == [0, 5, 5]


def test_paths_alone_name_their_columns(mixed: Mixed) -> None:
    loaded = load_recipe(str(mixed.folder / "our.yaml"), ["release.columns=[tidy.grade, text, tidy.text]"])
    release = loaded.recipe.release
    assert release.columns == {"tidy_grade": "tidy.grade", "text_before": "text", "tidy_text": "tidy.text"}
    assert release.text_columns == ["text_before", "tidy_text"]


def test_a_releases_recipe_is_that_which_it_was_made_by(mixed: Mixed) -> None:
    ours, theirs = (load_recipe(str(path)).snapshot() for path in (mixed.folder / "our.yaml", mixed.release))
    theirs["stages"][1]["rewrite"] = "tidy.md"
    assert ours == theirs


def test_a_release_on_the_hub_is_named_as_a_recipe(mixed: Mixed, tmp_path: Path) -> None:
    wanted = ("recipe.yaml", "prompts/tidy.md")
    with LocalHub() as hub:
        hub.put("org/our", {name: (mixed.release / name).read_bytes() for name in wanted})
        env: dict[str, Any] = hub.env(tmp_path / "home")
        said = builder_json("explain", "hf://datasets/org/our@main", mixed.folder / "code" / "broken.py", **env)
        assert {one["stage"] for one in said} == {"syntax", "long"}
        hub.put("org/other", {"README.md": b"# Another\n"})
        refused = builder("explain", "hf://datasets/org/other", __file__, exit_code=2, **env).stderr
    assert "this dataset holds no recipe" in refused
