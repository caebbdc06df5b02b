"""A release: whole or not there, never changed once published, what the manifest says and what the card says."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from builder.run.process import this_process
from tests.support import builder, builder_json, digests, start, write_corpus
from tests.tgi_double import TgiDouble


class Project:
    """A built run, and how to publish it."""

    def __init__(self, folder: Path, server: TgiDouble) -> None:
        self.recipe = write_corpus(folder / "project", lints=False)
        self.run, self.dest, self.server = folder / "run", folder / "out" / "small", server
        self.license = self.recipe.parent / "LICENSE-generator"

    def arguments(self, *more: object) -> list[object]:
        return ["publish", self.recipe, "--run", self.run, "--to", self.dest, "--server", self.server.url,
                "--license-file", self.license, *more]  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with TgiDouble() as double:
        yield Project(tmp_path, double)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose version 1.0.0 is published."""
    with TgiDouble() as double:
        project = Project(tmp_path_factory.mktemp("first"), double)
        builder_json(*project.arguments())
    return project


@pytest.fixture
def built(project: Project, first: Project) -> Project:
    """The first project before it was published."""
    shutil.copytree(first.run, project.run)
    return project


@pytest.fixture
def published(built: Project, first: Project) -> Project:
    """The first project, published."""
    shutil.copytree(first.dest.parent, built.dest.parent, symlinks=True)
    return built


def rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.ParquetFile(path).read().to_pylist()
    return found


def test_views_equal_the_table(project: Project) -> None:
    project.server.fault("empty", match="bisect", sticky=True)
    builder_json(*project.arguments())
    table = [row for path in sorted((project.run / "shards").iterdir()) for row in rows(path)]
    kept = [row for row in table if row["verdict"] is None]
    default = rows(project.dest / "data/default/train-00000-of-00001.parquet")
    assert [row["id"] for row in default] == [row["id"] for row in kept]
    assert [row["text"] for row in default] == [row["again"]["text"] or row["tidy"]["text"] for row in kept]
    assert all(row["file"] == row["id"] for row in default), "provenance is flat"
    long = rows(project.dest / "data/long/train-00000-of-00001.parquet")
    assert [row["text"] for row in long] == [
        row["text"] for row in table if row["long"] and (row["verdict"] or {}).get("stage") != "long"
    ]
    dropped = rows(project.dest / "data/dropped/train-00000-of-00001.parquet")
    assert {(row["id"], row["stage"], row["reason"]) for row in dropped} == {
        (row["id"], row["verdict"]["stage"], row["verdict"]["reason"]) for row in table if row["verdict"]
    }
    assert "text" not in dropped[0]


def test_stages_whose_prompts_share_an_id_each_have_theirs_in_a_release(project: Project) -> None:
    folder = project.recipe.parent
    other = (folder / "tidy.md").read_text().replace("id: tidy", "id: Tidy") + "Be kind.\n"
    (folder / "others").mkdir()
    (folder / "others" / "tidy.md").write_text(other, encoding="utf-8-sig")
    recipe = project.recipe.read_text().replace("default: again", "default: select")
    recipe = recipe.replace("name: again, rewrite: tidy.md", "name: select, rewrite: others/tidy.md")
    project.recipe.write_text(recipe, encoding="utf-8-sig")
    builder_json(*project.arguments())
    assert digests(project.dest / "prompts").keys() == {"tidy/tidy.md", "select/Tidy.md"}
    assert (project.dest / "prompts/tidy/tidy.md").read_bytes() == (folder / "tidy.md").read_bytes()
    assert (project.dest / "prompts/select/Tidy.md").read_text() == other
    card = (project.dest / "README.md").read_text()
    assert "[prompt `Tidy`](prompts/select/Tidy.md)" in card
    assert "[prompt `tidy`](prompts/tidy/tidy.md)" in card
    assert builder("verify", project.dest).returncode == 0


def test_a_releases_columns_differ_by_more_than_their_case(tmp_path: Path) -> None:
    columns = {"text": ["x = 1\n"] * 3, "ID": list("abc"), "Stars": [1, 2, 3], "stars": [3, 2, 1]}
    pq.write_table(pa.table({**columns, "File": list("abc")}), tmp_path / "d.parquet")
    recipe = tmp_path / "cased.yaml"
    recipe.write_text(
        "name: cased\nsource: {kind: parquet, path: d.parquet}\n"
        "stages: [{name: long, filter: length, min_lines: 1}]\n"
        "release: {configs: {default: long}, license: apache-2.0, scan: []}\n"
    )
    builder("publish", recipe, "--run", tmp_path / "run", "--to", tmp_path / "out")
    (file,) = (tmp_path / "out" / "data" / "default").iterdir()
    described = duckdb.connect().execute(f"DESCRIBE SELECT * FROM '{file}'").fetchall()
    own = ["text", "id", "dataset", "file", "row"]
    assert [name for name, *_ in described] == [*own, "source_ID", "Stars", "source_stars", "source_File"]
    assert [row["source_stars"] for row in rows(file)] == [3, 2, 1]


def test_the_card_says_what_the_files_hold(published: Project) -> None:
    project = published
    card = (project.dest / "README.md").read_text()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["license"] == "apache-2.0"
    for info in front["dataset_info"]:
        files = list((project.dest / "data" / info["config_name"]).iterdir())
        assert info["splits"][0]["num_examples"] == sum(pq.read_metadata(file).num_rows for file in files)
        assert info["download_size"] == sum(file.stat().st_size for file in files)
    status = builder_json("status", project.run)
    for stage in status["stages"]:
        assert f"| `{stage['name']}` | {stage['kind']} | {stage['in']} | {stage['kept']} |" in card
        for reason, count in stage["dropped"].items():
            assert f"{reason} {count}" in card


def test_publishing_is_idempotent_and_a_change_is_a_new_version(project: Project) -> None:
    first = builder_json(*project.arguments())
    assert (first["version"], first["new"]) == ("1.0.0", True)
    before = digests(project.dest.parent)
    asked = len(project.server.log)
    again = builder_json(*project.arguments())
    assert (again["version"], again["new"]) == ("1.0.0", False)
    assert digests(project.dest.parent) == before
    assert len(project.server.log) == asked
    patched = builder_json(*project.arguments("--set", "release.description=Other words."))
    assert patched["version"] == "1.0.1", "the card changed, and nothing else"
    licensed = builder_json(*project.arguments("--set", "release.contact=Ask.", "--set", "source.license=mit"))
    assert licensed["version"] == "1.0.2"
    builder("publish", *project.arguments("--version", "1.0.0", "--set", "release.title=X")[1:], exit_code=2)
    changed = builder_json(*project.arguments("--set", "release.configs={default: again}"))
    assert changed["version"] == "2.0.0", "a config is gone"
    changelog = (project.dest / "CHANGELOG.md").read_text()
    assert changelog.index("## 2.0.0") < changelog.index("## 1.0.1") < changelog.index("## 1.0.0")
    assert "Config `tidied` is gone" in changelog
    old = project.dest.with_name("small.versions") / "v1.0.0"
    assert {path: digest for path, digest in before.items() if "v1.0.0/" in path} == {
        f"small.versions/v1.0.0/{path}": digest for path, digest in digests(old).items()
    }, "an old version stays as it was"
    builder("verify", old)


def test_readers_see_the_old_version_or_the_new_one(published: Project) -> None:
    project = published
    seen: set[str] = set()
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            folder = project.dest.resolve()
            manifest = json.loads((folder / "manifest.json").read_text())
            for file in manifest["files"]:
                assert (folder / file["path"]).stat().st_size == file["bytes"]
            seen.add(manifest["version"])

    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            read()
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            failures.append(error)

    reader = threading.Thread(target=guarded)
    reader.start()
    publish = [str(argument) for argument in project.arguments("--set", "release.title=New")]
    for delay in (0.2, 0.4, 0.7, 1.1):
        killed = start(*publish)
        time.sleep(delay)
        killed.kill()
        killed.wait()
    builder(*publish)
    time.sleep(0.2)
    stop.set()
    reader.join()
    assert not failures
    assert seen == {"1.0.0", "1.0.1"}
    versions = project.dest.with_name("small.versions")
    assert {path.name for path in versions.iterdir()} == {"v1.0.0", "v1.0.1"}, "what was killed is cleared away"
    builder("verify", project.dest)


@pytest.mark.parametrize("harm", ["bit", "missing", "extra", "ledger"])
def test_verify_finds_what_differs(published: Project, harm: str) -> None:
    project = published
    data = project.dest / "data/default/train-00000-of-00001.parquet"
    manifest = project.dest / "manifest.json"
    if harm == "bit":
        content = bytearray(data.read_bytes())
        content[len(content) // 2] ^= 1
        data.write_bytes(content)
    elif harm == "missing":
        (project.dest / "LICENSE").unlink()
    elif harm == "extra":
        (project.dest / "data" / "extra.parquet").write_bytes(b"")
    else:
        content_of = json.loads(manifest.read_text())
        content_of["content"]["ledger"][0]["kept"] += 1
        manifest.write_text(json.dumps(content_of))
    said = builder("verify", project.dest, exit_code=5).stderr
    expected = {"bit": data.name, "missing": "LICENSE", "extra": "extra.parquet", "ledger": "ledger"}[harm]
    assert expected in said
    before = {path.name for path in project.dest.with_name("small.versions").iterdir()}
    assert "is made again as it was" in builder(*project.arguments()).stderr
    builder("verify", project.dest)
    after = {path.name for path in project.dest.with_name("small.versions").iterdir()}
    assert before < after and len(after - before) == 1, "what was edited is kept beside it"


def test_an_edited_version_with_one_before_it_is_made_again_byte_for_byte(published: Project) -> None:
    project = published
    builder(*project.arguments("--set", "release.title=New"))
    files = {path.name: path.read_bytes() for path in project.dest.resolve().iterdir() if path.is_file()}
    (project.dest / "README.md").write_text("Mine.\n")
    builder(*project.arguments("--set", "release.title=New"))
    assert files == {path.name: path.read_bytes() for path in project.dest.resolve().iterdir() if path.is_file()}
    edited = [path for path in project.dest.with_name("small.versions").iterdir() if "edited" in path.name]
    assert [(path / "README.md").read_text() for path in edited] == ["Mine.\n"]


def test_no_licence_text_no_release(built: Project) -> None:
    project = built
    arguments = [
        argument for argument in project.arguments() if argument not in ("--license-file", project.license)
    ]
    assert "--license-file" in builder(*arguments, exit_code=4).stderr, "the Hub is not to be reached here"
    assert not project.dest.exists()


def test_a_licence_file_that_is_not_there_is_said_before_anything_is_built(project: Project) -> None:
    project.license = project.license.with_name("LICENCE")
    assert "there is no such licence file" in builder(*project.arguments(), exit_code=2).stderr
    assert not project.run.exists()


def test_a_llama_release_says_so(built: Project) -> None:
    project = built
    builder_json(*project.arguments("--set", "release.license=llama3.3"))
    assert "**Built with Llama**" in (project.dest / "README.md").read_text()
    assert "Llama 3.3 Community License" in (project.dest / "NOTICE").read_text()
    assert (project.dest / "LICENSE").read_text() == project.license.read_text()


def test_every_llama_licence_has_its_duties(built: Project) -> None:
    project = built
    builder_json(*project.arguments("--set", "release.license=Llama3.1"))
    assert "Llama 3.1 is licensed under the Llama 3.1" in (project.dest / "NOTICE").read_text()
    card = (project.dest / "README.md").read_text()
    assert "**Built with Llama**" in card and "https://www.llama.com/llama3_1/use-policy" in card


def test_a_sources_licence_file_that_is_not_there_is_said_before_anything_is_built(project: Project) -> None:
    said = builder(*project.arguments("--set", "source.license_file=LICENCE"), exit_code=2).stderr
    assert "no such licence file of source" in said
    assert not project.run.exists()


def test_a_version_that_no_reader_got_is_passed_over_and_an_old_one_takes_none_back(published: Project) -> None:
    project = published
    longer = ("--set", "stages.long.min_characters=3000")
    first, project.run = project.run, project.run.with_name("longer")
    assert builder_json(*project.arguments(*longer))["version"] == "1.1.0"
    project.dest.unlink()  # killed between the rename and the link
    project.dest.symlink_to("small.versions/v1.0.0", target_is_directory=True)
    longest = ("--set", "stages.long.min_characters=6000")
    project.run = project.run.with_name("longest")
    assert builder_json(*project.arguments(*longest))["version"] == "1.2.0"
    project.run = first
    assert builder_json(*project.arguments("--version", "1.0.0"))["new"] is False
    assert project.dest.readlink().name == "v1.2.0"


def test_what_a_killed_publisher_left_goes_and_what_another_has_in_work_stays(built: Project) -> None:
    project = built
    versions = project.dest.with_name("small.versions")
    killed = (
        versions / f".staging-{this_process().rpartition('-')[0]}-0-12345678"
    )  # a process of this number before us
    at_work, elsewhere = (
        versions / f".staging-{this_process()}-12345678",
        versions / ".staging-0123456789ab-1-5-12345678",
    )
    for stage in (killed, at_work, elsewhere):
        stage.mkdir(parents=True)
    builder_json(*project.arguments())
    assert {path.name for path in versions.glob(".staging-*")} == {at_work.name, elsewhere.name}


def test_nothing_kept_is_no_release(project: Project) -> None:
    project.server.fault("empty")
    builder(*project.arguments("--set", "release.configs={default: tidy}"), exit_code=3)
    assert not project.dest.exists()


def test_a_first_drop_is_no_other_config(project: Project) -> None:
    dropped = ("--set", "release.configs={long: long}", "--set", "release.generations=false")
    longer = ("--set", "stages.long.min_characters=3000")
    for corpus in (project.recipe.parent / "corpus").glob("zz_*"):
        corpus.unlink()
    project.run = project.dest.with_name("without")
    builder_json(*project.arguments(*dropped, "--set", "stages.long.min_characters=0"))
    assert not (project.dest / "data/dropped").exists()
    project.run = project.dest.with_name("with")
    assert builder_json(*project.arguments(*dropped, *longer))["version"] == "1.1.0"
    assert "Config `dropped` is new, with " in (project.dest / "CHANGELOG.md").read_text()
    untold = ("--set", "release.dropped=false")
    assert builder_json(*project.arguments(*dropped, *longer, *untold))["version"] == "2.0.0"


def test_the_changelog_says_what_changed_and_from_what(published: Project, tmp_path: Path) -> None:
    project = published
    prompt = project.recipe.parent / "tidy.md"
    prompt.write_text(prompt.read_text().replace("one code block.", "a single code block."))
    with TgiDouble(model_sha="e" * 40) as other:
        project.run, project.server = tmp_path / "other", other
        assert builder_json(*project.arguments("--set", "stages.long.min_characters=3000"))["version"] == "1.1.0"
    changelog = (project.dest / "CHANGELOG.md").read_text()
    assert changelog.index("## 1.1.0") < changelog.index("## 1.0.0")
    status = builder_json("status", project.run)
    dropped = {stage["name"]: stage["dropped"] for stage in status["stages"]}["long"]["too_short"]
    assert f"Drops at `long`: too_short 1 → {dropped}." in changelog
    assert "Config `long`: 20 → " in changelog
    assert f"at `{'e' * 12}`; it was `tgi-test/Double-70B` at `" in changelog
    assert "The prompt of stage `tidy` changed." in changelog
    assert "The recipe changed: `stages.long.min_characters`.\n" in changelog
