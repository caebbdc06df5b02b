"""What a card says of sources and stages comes from them, not from the recipe that theirs was copied from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from builder.errors import RecipeError
from builder.filters import FILTERS
from builder.recipe_file import load_recipe
from builder.resources import recipe_names, recipe_path, template_path
from builder.run.named_columns import named_columns
from tests.support import builder, write_corpus
from tests.tgi_double import TgiDouble

CODE = "def mean(values: list[float]) -> float:\n    return sum(values) / len(values)\n"


def copied(name: str, folder: Path, source: dict[str, Any], **release: Any) -> Path:
    """Write a copy of a shipped recipe that reads one's own source."""
    recipe = yaml.safe_load(recipe_path(name).read_text())
    recipe["source"] = source
    recipe["release"] = {**recipe["release"], "scan": [], **release}
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(recipe, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of somebody's own files by a copy of swallow-code with other limits."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "corpus").mkdir()
    for number in range(3):
        (folder / "corpus" / f"m{number}.py").write_text(CODE.replace("mean", f"mean_{number}"))
    (folder / "corpus" / "broken.py").write_text("def broken(:\n")
    (folder / "LICENSE").write_text("A licence.\n")
    recipe = copied("swallow-code", folder, {"kind": "files", "path": "corpus", "glob": "**/*.py"})
    with TgiDouble() as server:
        builder(
            "publish", recipe, "--run", folder / "run", "--to", folder / "out" / "our-code",
            "--server", server.url,
            "--license-file", folder / "LICENSE", "--set", "stages.lint.min_score=5",
            "--set", "release.license=Apache-2.0",
        )  # fmt: skip
    return folder / "out" / "our-code"


def test_a_copied_recipe_says_nothing_of_the_source_it_came_with(own: Path) -> None:
    said = (own / "README.md").read_text() + (own / "licenses" / "SOURCES.md").read_text()
    for foreign in (
        "SwallowCode", "Software Heritage", "the-stack-v2", "Stack v2", "bigcode", "repo_name", "revision_id",
        "detected_licenses", "7 or more", "score: `7.0`",
    ):  # fmt: skip
        assert foreign not in said
    assert "# our-code\n" in said and "pretty_name: our-code\n" in said
    assert "keeps what scores 5 or more of 10" in said
    assert "text files that match `**/*.py`" in said
    front = yaml.safe_load(said.split("---\n")[1])
    assert not {"language", "source_datasets"} & front.keys(), "nobody said what they are"


@pytest.mark.parametrize("terms", ["release.source_terms", "source.terms"])
def test_terms_that_name_absent_columns_are_refused_before_anything_is_built(terms: str, tmp_path: Path) -> None:
    recipe = write_corpus(tmp_path / "project", ("bisect.py",))
    words = "Columns repo_name and `file` of my_data say where a row is from (https://example.org/a_b)."
    arguments = ("build", recipe, "--run", tmp_path / "run", "--until", "syntax")
    said = builder(*arguments, "--set", f'{terms}="{words}"', exit_code=2).stderr
    assert "it names 'repo_name', 'my_data'" in said and terms in said and "sha256" in said
    assert not (tmp_path / "run" / "run.json").exists()
    builder(*arguments, "--set", f"{terms}=See `file` and lint_score at https://example.org/repo_name.")


def test_only_words_that_can_be_columns_are_taken_for_columns() -> None:
    said = "The `file`, a_b and c_d_e; not x/y_z, me@my_host.org, https://a.b/c_d, path, CC-BY-4.0 or `two words`."
    assert named_columns(said) == ["file", "a_b", "c_d_e"]


@pytest.mark.parametrize("kind", ["files", "parquet"])
def test_a_template_builds_as_it_is_and_says_nothing_of_others(kind: str, tmp_path: Path) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(builder("recipes", "--template", kind).stdout)
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").write_text("Some text.\n")
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"text": ["Some text.\n"]}), tmp_path / "data" / "a.parquet")
    out = tmp_path / "out"
    builder("publish", recipe, "--run", tmp_path / "run", "--to", out, "--set", "release.scan=[]")
    card = (out / "README.md").read_text()
    assert not re.search(r"swallow(?!-builder)|stack|heritage|python file", card, re.IGNORECASE)
    assert json.loads((out / "manifest.json").read_text())["content"]["rows"] == {"default": 1}


def test_every_template_is_a_valid_recipe_and_no_other_kind_has_one() -> None:
    for kind in ("files", "hub", "parquet"):
        assert load_recipe(str(template_path(kind))).recipe.sources[0].kind == kind
    assert "name one of files, hub, parquet" in builder("recipes", "--template", "s3", exit_code=2).stderr


def test_the_stacks_own_terms_come_with_the_stack() -> None:
    for name in recipe_names():
        release = load_recipe(name).recipe.release
        assert not (release.title or release.description or release.source_terms or release.source_datasets)


@pytest.mark.parametrize("place", ["source.language", "release.language"])
def test_a_language_that_the_hub_refuses_is_refused_by_the_recipe(place: str) -> None:
    for refused in ("Python", "zh-CN"):  # it takes no capitals
        with pytest.raises(RecipeError, match=f"'{refused}' is no language to the Hub"):
            load_recipe("swallow-math", [f"{place}=[{refused}]"])
    assert load_recipe("swallow-math", [f"{place}=[en, zh-hant, code]"])


def test_every_filter_says_what_it_keeps_with_its_values() -> None:
    said = {
        name: FILTERS[name].model_validate(options).keeps({"pylint": "4.1.4", "grammar 3.10": "3.10.14"})
        for name, options in {
            "syntax": {"python": "3.10"},
            "lint": {"min_score": 5},
            "contamination": {"benchmarks": ["a/HumanEval.jsonl"], "fields": ["prompt"], "similarity": 0.5},
            "language": {},
            "length": {"min_characters": 1, "max_lines": 2000},
            "licenses": {"allow": ["MIT"], "unlicensed": "keep"},
            "near_duplicates": {"similarity": 0.7},
            "repetition": {"min_repeat": 60},
            "score": {"column": "sgcr.grade", "minimum": 6},
            "secrets": {"action": "redact"},
        }.items()
    }
    assert said.keys() == FILTERS.keys()
    for name, value in (
        ("syntax", "3.10.14"), ("lint", "5 or more of 10: pylint 4.1.4's"), ("contamination", "`HumanEval.jsonl`"),
        ("length", "1 character or more, no more than 2,000 lines"),
        ("licenses", "`MIT` by its `detected_licenses`"),
        ("near_duplicates", "0.7"), ("repetition", "60 characters"), ("score", "`sgcr.grade` of 6 or more"),
        ("secrets", "`<REDACTED>`"),
    ):  # fmt: skip
        assert value in said[name]
