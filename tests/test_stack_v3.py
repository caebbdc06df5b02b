"""The Stack v3 as a source: repositories with their files' text in a dataset, and the files' text in a bucket."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.recipe_file import load_recipe
from builder.release.columns import origin_columns
from builder.sources.parquet_table import ParquetTable
from tests.local_hub import LocalHub
from tests.stack_v3_data import FULL, TRAIN, contents, repositories, train
from tests.starting import Started
from tests.support import builder, builder_json, digests

CODE = """
name: code
source: {kind: the-stack-v3, languages: [Python], shard_rows: 2, exclude: [vendored], license_types: [permissive],
  max_bytes: 100000}
stages:
  - {name: syntax, filter: syntax}
release: {configs: {default: syntax}, license: odc-by, scan: []}
"""
TEXTS = """
name: texts
source: {kind: parquet, path: "hf://buckets/HuggingFaceCode/stack-v3-full/contents/language=*/*.parquet",
  text: content, id: content_id, shard_rows: 4}
stages:
  - {name: long, filter: length, min_characters: 1}
release: {configs: {default: long}, license: odc-by, scan: []}
"""
PYTHON, CPP = "contents/language=Python/part-0.parquet", "contents/language=C%2B%2B/part-0.parquet"
ALL = ("--set", "source.languages=null")


@pytest.fixture(scope="module")
def hub() -> Iterator[LocalHub]:
    with LocalHub(cdn=True) as local:
        local.put(TRAIN, {"data/part-0.parquet": train(), "data/part-1.parquet": train(repositories()[:1])})
        local.put(f"buckets/{FULL}", {PYTHON: contents([f"x = {n}\n" for n in range(10)]), "README.md": b"# v3"})
        local.put(
            f"buckets/{FULL}", {CPP: contents(["int x;\n"]), "contents/language=Python-old/a.parquet": b"no"}
        )
        yield local


class World:
    """Recipes beside a Hub."""

    def __init__(self, hub: LocalHub, folder: Path) -> None:
        self.hub, self.folder = hub, folder
        self.env: dict[str, Any] = {**hub.env(folder / "home"), "BUILDER_PATIENCE": "30"}
        for name, text in (("code", CODE), ("texts", TEXTS)):
            (folder / f"{name}.yaml").write_text(text)

    def build(self, recipe: str, run: Path, *more: object, exit_code: int = 0) -> Started:
        return builder(
            "build", self.folder / f"{recipe}.yaml", "--run", run, *more, exit_code=exit_code, **self.env
        )

    def refusal(self, recipe: str, run: Path, *more: object, exit_code: int = 2) -> str:
        said = self.build(recipe, run, *more, exit_code=exit_code).stderr
        assert "Traceback" not in said
        return " ".join(said.split())


@pytest.fixture(scope="module")
def world(hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(hub, tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def calm(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("calm") / "run"
    world.build("code", run)
    return run


def rows_of(run: Path) -> list[dict[str, Any]]:
    return pq.read_table(run / "shards").to_pylist()


def test_what_is_passed_over_is_counted_as_far_as_a_limit_goes(world: World, tmp_path: Path) -> None:
    stages = "  - {name: syntax, filter: syntax}\n"
    more = stages + "  - {name: long, filter: length, min_characters: 1}\n"
    (world.folder / "two.yaml").write_text(CODE.replace(stages, more).replace("shard_rows: 2", "shard_rows: 100"))
    world.build("two", tmp_path / "fresh", "--limit", 2)
    for options in ((), ("--limit", 2, "--until", "syntax"), ("--limit", 2)):  # less of it, then further with that
        world.build("two", tmp_path / "run", *options)
    assert digests(tmp_path / "run" / "shards") == digests(tmp_path / "fresh" / "shards")


# --- the dataset: a row a repository ---


def test_every_file_of_a_repository_is_a_document_with_all_that_is_known_of_it(world: World, calm: Path) -> None:
    listed = [(row, one) for row in repositories() for one in row["files"]]
    listed += [(row, one) for row in repositories()[:1] for one in row["files"]]
    python = [(row, one) for row, one in listed if one["language"] == "Python"]
    status = builder_json("status", calm)["stages"][0]
    assert status["passed_over"] == {"other_language": len(listed) - len(python)}
    assert status["dropped"] == {"license_type": 1, "null_text": 1, "nul_bytes": 1, "too_large": 2, "vendored": 1}
    for found, (row, one) in zip(rows_of(calm), python, strict=True):
        assert found["text"] == (None if (found["verdict"] or {}).get("stage") == "read" else one["content"])
        source = found["source"]
        own = {"dataset", "revision", "file", "row"}
        assert source.keys() - own == {*row, *one} - {"files", "content"}
        assert {name: source[name] for name in one if name != "content"} == {
            name: value for name, value in one.items() if name != "content"
        }
        assert source["github_metadata"] == row["github_metadata"]
        assert source["revision"] == world.hub.repos[TRAIN].find("main").sha
        assert found["id"].startswith(f"{row['repo_path']}/{one['file_path']}@{one['content_id'][:12]}")


def test_a_part_and_then_all_gives_the_same_bytes(world: World, calm: Path, tmp_path: Path) -> None:
    world.hub.fail("short", match="GET /cdn/", after=2)
    world.build("code", tmp_path / "run", "--limit", 5)
    world.build("code", tmp_path / "run")
    assert digests(tmp_path / "run" / "shards") == digests(calm / "shards")


def test_other_languages_are_no_python_that_fails(world: World, tmp_path: Path) -> None:
    more = ("--set", "source.languages=[Python, JavaScript]")
    said = world.refusal("code", tmp_path / "a", *more)
    assert "filter `syntax` knows Python alone, and the source gives JavaScript, too" in said
    assert "where: {language: Python}" in said
    assert "gives JavaScript, too" in world.refusal("code", tmp_path / "b", *ALL), "footers tell of it"
    world.build("code", tmp_path / "c", *more, "--set", "stages.0.where={language: Python}")
    stages = builder_json("status", tmp_path / "c")["stages"]
    assert stages[1]["passed_by"] == 2, "JavaScript travels through"
    world.build("code", tmp_path / "d", *ALL, "--set", "stages.0={name: syntax, filter: length, min_lines: 1}")
    assert {row["source"]["language"] for row in rows_of(tmp_path / "d")} == {"Python", "JavaScript", None}


def test_a_release_of_it_says_whose_each_file_is(world: World, calm: Path, tmp_path: Path) -> None:
    arguments = ("publish", world.folder / "code.yaml", "--run", calm, "--to", tmp_path / "release")
    builder(*arguments, **world.env)
    rows = pq.read_table(tmp_path / "release" / "data" / "default").to_pylist()
    assert rows[0]["repo_path"] == "people/project-0"
    assert rows[0]["detected_licenses"] == ["MIT"]
    assert rows[0]["github_metadata"]["stars"] == 3
    card = (tmp_path / "release" / "README.md").read_text()
    assert "the repository, as owner/name" in card
    assert "Name the rows by their `id`, `repo_path`, `file_path` or `content_id`." in card
    carried = origin_columns(rows[0].keys(), load_recipe(str(world.folder / "code.yaml")))  # by `generations`, too
    assert {"dataset", "repo_path", "file_path", "content_id", "commit_id", "detected_licenses"} <= set(carried)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("{kind: the-stack-v2, dataset: %s}", "no column 'blob_id', 'path'; it has repo_path"),
        ("{kind: hub, dataset: %s, text: content}", "use `kind: the-stack-v3`"),
    ],
)
def test_another_kind_of_source_names_the_right_one(world: World, tmp_path: Path, kind: str, said: str) -> None:
    told = world.refusal("code", tmp_path / "run", "--set", f"source={kind % TRAIN}")
    assert said in told
    assert "the-stack-v3" in told


def test_lists_whose_texts_come_to_two_gigabytes_are_read(tmp_path: Path, is_long: bool) -> None:
    if not is_long:
        pytest.skip("takes 6 GB of memory")
    files = pa.list_(pa.struct([("content", pa.large_string())]))
    text = "x" * (2**30 * 3 // 4)
    table = pa.table({"files": pa.array([[{"content": text}]] * 3, files)})
    pq.write_table(table, tmp_path / "a.parquet", use_dictionary=False, store_schema=False)
    read = ParquetTable(["a.parquet"], lambda name: (tmp_path / name).open("rb"), str)
    assert [len(row["files"][0]["content"]) for row in read.read(read.shards(3)[0], ["files"])] == [len(text)] * 3


# --- the bucket: a row a file's text, in a folder a language ---


def test_a_bucket_is_read_by_ranges_and_its_folders_are_columns(world: World, tmp_path: Path) -> None:
    more = ("--set", f"source.path=hf://buckets/{FULL}/contents/language=[PC]*/part-*.parquet")
    world.hub.fail("short", match="GET /cdn/", after=1)
    world.hub.fail("429", match="GET /buckets/.*/resolve/", after=3)
    world.hub.requests.clear()
    world.build("texts", tmp_path / "run", *more, "--limit", 3)
    world.build("texts", tmp_path / "run", *more)
    rows = rows_of(tmp_path / "run")
    assert [row["text"] for row in rows] == ["int x;\n", *(f"x = {n}\n" for n in range(10))]
    assert [row["source"]["language"] for row in rows] == ["C++"] + ["Python"] * 10
    source = rows[1]["source"]
    assert (source["dataset"], source["file"], source["row"], source["repo_ids"]) == (FULL, PYTHON, 0, [0])
    assert len(rows[1]["id"]) == 40, "the id of its content"
    assert all(request.start is not None for request in world.hub.seen("GET /cdn/"))
    assert not any(request.authorized for request in world.hub.seen("/cdn/"))


def test_a_bucket_whose_files_were_replaced_is_another_source(world: World, tmp_path: Path) -> None:
    name, run = "buckets/people/moving", tmp_path / "run"
    more = ("--set", "source.path=hf://buckets/people/moving/**/*.parquet")
    world.hub.put(name, {"a/b/one.parquet": contents(["a = 1\n"] * 4 + ["b = 1\n"] * 4)})
    world.build("texts", run, *more, "--set", "source.id=null", "--limit", 4)
    world.hub.put(name, {"a/b/one.parquet": contents(["a = 2\n"] * 4 + ["b = 2\n"] * 4)})
    said = world.refusal("texts", run, *more, "--set", "source.id=null")
    assert "this run began with sources.0.footers_sha256" in said


def test_a_file_that_is_replaced_while_it_is_read_ends_the_build(hub: LocalHub, tmp_path: Path) -> None:
    hub.put("buckets/people/torn", {"one.parquet": contents([f"{n}" for n in range(9)])})
    ranges = """
        import time
        from builder.errors import SourceError
        from builder.sources import ParquetSource
        source = ParquetSource(kind="parquet", path="hf://buckets/people/torn/one.parquet", text="content")
        source.pin()
        file = source.files.open("one.parquet")
        file.read(4)
        open({told!r}, "w").close()
        while open({told!r}).read() != "go":
            time.sleep(0.01)
        try:
            out = file.read(4).hex()
        except SourceError as error:
            out = str(error)
    """
    told, said = tmp_path / "told", list[str]()
    reading = Thread(target=lambda: said.append(hub.client(tmp_path / "home", ranges.format(told=str(told)))))
    reading.start()
    while not told.exists():
        reading.join(0.01)
    hub.put("buckets/people/torn", {"one.parquet": contents([f"{n}" for n in range(8)])})
    told.write_text("go")
    reading.join()
    assert "the file was replaced since it was listed" in said[0]


def test_files_of_a_dataset_are_read_at_the_commit_of_the_first_build(world: World, tmp_path: Path) -> None:
    place = "hf://datasets/people/loose@refs/convert/parquet/x/*.parquet"  # as the Hub keeps what it has converted
    run, more = tmp_path / "run", ("--set", f"source.path={place}")
    world.hub.put("people/loose", {"x/a.parquet": contents(["a\n", "b\n"]), "load.py": b"raise SystemExit\n"})
    loose = world.hub.repos["people/loose"]
    loose.refs["refs/convert/parquet"] = loose.refs.pop("refs/heads/main")
    world.build("texts", run, *more, "--limit", 1)
    loose.refs["refs/heads/main"] = loose.refs["refs/convert/parquet"]
    world.hub.put("people/loose", {"x/a.parquet": contents(["c\n", "d\n"])})
    loose.refs["refs/convert/parquet"] = loose.find("main")
    world.build("texts", run, *more)
    assert [row["text"] for row in rows_of(run)] == ["a\n", "b\n"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "hf://buckets/people/none/*.parquet",
            "there is no such bucket on the Hub, or it is private → correct `source.path`",
        ),
        (f"hf://buckets/{FULL}/contents/language=Cobol/*.parquet", "no Parquet file matches"),
        (f"hf://buckets/{FULL}/README.md", "this is not a readable Parquet file"),
        (f"hf://buckets/{FULL}", "names no file: add a path or a glob, such as /**/*.parquet"),
        (f"hf://buckets/{FULL}@v1/a.parquet", "do not support a revision"),
        ("hf://people/model/a.parquet", "is in no dataset and no bucket"),
        ("hf://datasets/people/none/*.parquet", "there is no such dataset on the Hub, or it is private"),
    ],
)
def test_what_is_wrong_with_a_place_on_the_hub_is_said_at_the_start(
    world: World, tmp_path: Path, path: str, said: str
) -> None:
    assert said in world.refusal("texts", tmp_path / "run", "--set", f"source.path={path}")


def test_folders_of_partitions_on_disk_are_columns_too(tmp_path: Path) -> None:
    from builder.sources import ParquetSource

    for language, text in (("C%2B%2B", "int x;\n"), ("Python", "x = 1\n")):
        folder = tmp_path / "contents" / f"language={language}"
        folder.mkdir(parents=True)
        (folder / "part-0.parquet").write_bytes(contents([text]))
    for pattern, expected in (
        ("language=*/*.parquet", ["C++", "Python"]),
        ("language=Python/*.parquet", ["Python"]),
    ):
        path = str(tmp_path / "contents" / pattern)
        source = ParquetSource(kind="parquet", path=path, text="content", keep=["language", "repo_ids"])
        source.pin()
        found = [one.source for shard in source.shards() for one in source.read(shard, Counter())]
        assert [one["language"] for one in found] == expected
        assert source.columns().keys() == found[0].keys()
