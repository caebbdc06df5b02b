"""What `publish` says and `verify` reads: a place that never changes, and configs whatever rows are held out."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.errors import StorageError, UsageError
from builder.release.destination import destination_of
from builder.release.folder import FolderDestination
from tests.support import builder

RECIPE = """
name: few
source: {kind: parquet, path: few.parquet}
stages: [{name: long, filter: length, min_characters: 1}, {name: longer, filter: length, min_characters: 9}]
release: {configs: {all: long, some: longer}, license: apache-2.0, scan: [], held_out: 0.9999999}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    pq.write_table(pa.table({"text": ["short", "a longer text"]}), tmp_path / "few.parquet")
    (tmp_path / "few.yaml").write_text(RECIPE)
    return tmp_path / "few.yaml"


def test_a_config_all_of_whose_rows_are_held_out_verifies(recipe: Path) -> None:
    dest = recipe.parent / "out"
    said = builder("publish", recipe, "--run", recipe.parent / "run", "--to", dest).stdout
    assert not list(dest.glob("data/[as]*/train-*"))
    builder("verify", dest)
    calls = re.findall(r'load_dataset\("(.*)", "(.*)", split="(.*)"\)  # (\d+) rows', said)
    at = str(dest.with_name("out.versions") / "v1.0.0")
    assert calls == [(at, "all", "test", "2"), (at, "some", "test", "1"), (at, "dropped", "train", "1")]
    for place, config, split, rows in calls:
        assert len(pq.read_table(next(Path(place).glob(f"data/{config}/{split}-*")))) == int(rows)


def test_a_directory_that_no_release_can_be_in_is_said_before_anything_is_built(
    recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = recipe.parent / "run"
    said = builder("publish", recipe, "--run", run, "--to", recipe / "more" / "out", exit_code=2).stderr
    assert "few.yaml: a release would lie below this file" in "".join(said.split("\n")) and not run.exists()
    monkeypatch.setattr("os.access", lambda *_: False)  # to a superuser every folder is open
    with pytest.raises(StorageError) as caught:
        FolderDestination(recipe.parent / "new" / "out").see_writable()
    assert caught.value.where == str(recipe.parent)


@pytest.mark.parametrize(
    ("dest", "meant"),
    [
        ("org/small", "org/small"),
        ("datasets/org/small", "org/small"),
        ("releases/small", None),
        ("there/small", None),
        ("some/deeper/small", None),
        ("./org/small", None),
    ],
)
def test_a_path_that_may_be_meant_for_the_hub_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dest: str, meant: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    said: list[str] = []
    assert isinstance(destination_of(dest, tmp_path, said.append, private=False), FolderDestination)
    told = f"{dest}: this is a directory's path; a dataset on the Hub is hf://datasets/{meant}"
    assert said == ([] if meant is None else [told])


@pytest.mark.parametrize(
    ("dest", "meant"),
    [
        ("https://huggingface.co/datasets/org/small/tree/main", "org/small"),
        ("hf://org/small", "org/small"),
        ("hf://datasets/org/small@v1.0.0", "org/small"),
        ("hf://spaces/org/small", "ORG/NAME"),
        ("s3://bucket/small", "ORG/NAME"),
    ],
)
def test_the_place_that_is_meant_is_named(tmp_path: Path, dest: str, meant: str) -> None:
    with pytest.raises(UsageError) as caught:
        destination_of(dest, tmp_path, lambda _: None, private=False)
    assert caught.value.remedy.endswith(f"hf://datasets/{meant}")


def test_a_tilde_is_the_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert destination_of("~/out", tmp_path, lambda _: None, private=False).name == str(tmp_path / "out")
