"""The last look before publishing: what a release must not hold stops it, and what was looked at is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.errors import RecipeError
from builder.recipe_file import load_recipe
from tests.support import builder, builder_json
from tests.test_secrets import key_block
from tests.tgi_double import TgiDouble

RECIPE = """
name: looked-at
source: {{kind: parquet, path: rows.parquet, id: id}}
stages:
  - {{name: length, filter: length, min_characters: 1}}
  - {{name: tidy, rewrite: tidy.md}}
release:
  configs: {{default: tidy, raw: length}}
  license: mit
  scan: {scan}
"""
PROMPT = """---
id: tidy
version: 1
answer: {format: text}
sampling: {temperature: 0.2, max_tokens: 512}
attempts: 1
min_characters: 1
---
<!-- user -->
{{ text }}
"""
ITEM = (
    "def add_up(numbers):\n    total = 0\n    for number in numbers:\n        total += number\n    return total\n"
)


class Project:
    """Three hundred harmless rows, and some of the test's."""

    def __init__(self, folder: Path, scan: str, *others: str) -> None:
        texts = [f"value_{number} = {number}\n" for number in range(300)] + list(others)
        ids = [f"row-{number:03d}" for number in range(len(texts))]
        pq.write_table(pa.table({"id": ids, "text": texts}), folder / "rows.parquet")
        (folder / "tidy.md").write_text(PROMPT)
        (folder / "licence").write_text("A licence.\n")
        (folder / "items.jsonl").write_text(json.dumps({"prompt": ITEM}) + "\n")
        self.recipe, self.folder = folder / "looked-at.yaml", folder
        self.recipe.write_text(RECIPE.format(scan=scan))

    def publish(self, *faults: tuple[str, str], **options: Any) -> Any:
        with TgiDouble() as server:
            for kind, match in faults:
                server.fault(kind, match=match)
            return builder(
                "publish", self.recipe, "--run", self.folder / "run", "--to", self.folder / "out", "--json",
                "--server", server.url, "--license-file", self.folder / "licence", **options,
            )  # fmt: skip

    @property
    def scanned(self) -> list[dict[str, Any]]:
        return self._content("scan")

    @property
    def special_tokens(self) -> list[dict[str, Any]]:
        return self._content("special_tokens")

    def _content(self, part: str) -> list[dict[str, Any]]:
        manifest = json.loads((self.folder / "out" / "manifest.json").read_text())
        found: list[dict[str, Any]] = manifest["content"][part]
        return found


def test_every_text_of_every_config_is_looked_at(tmp_path: Path) -> None:
    project = Project(tmp_path, "[{filter: secrets}, {filter: repetition}]")
    project.publish()
    assert project.scanned == [
        {"filter": name, "config": config, "rows": 300, "found": {}}
        for config in ("default", "raw", "generations")
        for name in ("secrets", "repetition")
    ]
    card = (tmp_path / "out/README.md").read_text()
    assert "| `secrets` | `raw` | 300 | none |" in card
    assert "Secrets: no stage looked for them; the audit before publishing, below, did." in card
    assert "No text holds a control token" in card


def test_a_secret_stops_a_release_and_names_its_row(tmp_path: Path) -> None:
    project = Project(tmp_path, "[{filter: secrets}]", f'key = """{key_block("RSA PRIVATE")}"""\n')
    said = project.publish(exit_code=3).stderr.replace("\n", " ")
    assert "secrets refuses 1 of 301 rows of default (row-300" in said
    assert "nothing was published" in said
    assert not (tmp_path / "out").exists()


def test_a_benchmarks_item_stops_a_release_unless_the_recipe_allows_it(tmp_path: Path) -> None:
    scan = "[{filter: contamination, benchmarks: [items.jsonl], fields: [prompt], allow: %d}]"
    project = Project(tmp_path, scan % 0, f"import os\n\n\n{ITEM}")
    assert "contamination refuses 1 of 301 rows of raw" in project.publish(exit_code=3).stderr.replace("\n", " ")
    project.recipe.write_text(RECIPE.format(scan=scan % 1))
    project.publish()
    assert [one["config"] for one in project.scanned] == ["default", "raw", "generations"]
    assert all(one["found"] == {"contaminated": 1} for one in project.scanned)


def test_two_scans_by_one_filter_have_a_limit_each(tmp_path: Path) -> None:
    scan = "[{filter: length, max_characters: 30}, {filter: length, max_characters: 500, allow: 9}]"
    project = Project(tmp_path, scan, "word " * 20)
    said = project.publish(exit_code=3).stderr.replace("\n", " ")
    assert "length refuses 1 of 301 rows of default" in said


def test_nothing_is_scanned_where_the_recipe_says_so(tmp_path: Path) -> None:
    project = Project(tmp_path, "[]", f'key = """{key_block("RSA PRIVATE")}"""\n')
    project.publish()
    assert project.scanned == []
    assert "no filter was asked" in (tmp_path / "out/README.md").read_text()


def test_the_same_scan_by_more_workers_gives_the_same_release(tmp_path: Path) -> None:
    scan = "[{filter: repetition, min_length: 1, min_repeat: 4, allow: 400}]"
    project, digests = Project(tmp_path, scan, *["abababab"] * 9), set()
    for workers in ("1", "3"):
        with TgiDouble() as server:
            told = builder_json(
                "publish", project.recipe, "--run", tmp_path / "run", "--to", tmp_path / workers,
                "--server", server.url, "--license-file", tmp_path / "licence", "--workers", workers,
            )  # fmt: skip
        assert told["new"] is True
        manifest = json.loads((tmp_path / workers / "manifest.json").read_text())
        assert any(one["found"] for one in manifest["content"]["scan"])
        digests.add(manifest["content_sha256"])
    assert len(digests) == 1


# --- special tokens of chat templates ---

TOKENS = "prompt = '<|start_header_id|>user<|eot_id|>'\n"


def test_special_tokens_of_source_texts_are_counted(tmp_path: Path) -> None:
    project = Project(tmp_path, "[]", TOKENS)
    project.publish()
    counts = {"rows": 301, "holding": 1, "tokens": 2}
    none = {"rows": 301, "holding": 0, "tokens": 0}
    assert project.special_tokens == [
        {"config": "default", **counts}, {"config": "raw", **counts}, {"config": "generations", **none}
    ]  # fmt: skip
    card = (tmp_path / "out/README.md").read_text()
    assert "such as `<|eot_id|>`: 2 in 1 of the 301 rows of `default`, 2 in 1 of the 301 rows of `raw`." in card


def test_a_source_text_that_was_kept_unchanged_may_hold_them(tmp_path: Path) -> None:
    project = Project(tmp_path, "[{filter: secrets}]", TOKENS)
    project.recipe.write_text(project.recipe.read_text().replace("tidy.md}", "tidy.md, on_failure: keep}"))
    project.publish(("empty", "start_header_id"))
    assert [one["tokens"] for one in project.special_tokens] == [2, 2, 0]


def test_in_a_text_that_a_model_wrote_they_stop_a_release(tmp_path: Path) -> None:
    project = Project(tmp_path, "[{filter: secrets}]")
    project.publish()
    shard = next((tmp_path / "run" / "shards").iterdir())
    table = pq.read_table(shard)
    rows = table.to_pylist()
    rows[7]["tidy"]["text"] += "<|im_end|>"
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), shard)
    said = project.publish(exit_code=3).stderr.replace("\n", " ")
    assert "1 text(s) of stage tidy that a model wrote" in said and "row-007" in said
    assert [path.name for path in (tmp_path / "out.versions").iterdir()] == ["v1.0.0"]


@pytest.mark.parametrize(
    ("scan", "words"),
    [
        ("[{filter: secretz}]", "did you mean 'secrets'"),
        ("[{filter: lint}]", "does not look at a text by itself"),
        ("[{filter: secrets, acton: drop}]", "its options: action"),
        ("[{filter: contamination, benchmarks: [none.jsonl], fields: [a]}]", "there is no such file"),
    ],
)
def test_a_scan_that_cannot_be_is_said_before_anything_is_built(tmp_path: Path, scan: str, words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(str(Project(tmp_path, scan).recipe))
    assert words in str(caught.value)
