"""Removal on request: who is listed is in nothing that is shown or published, and nothing is paid for it again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from builder.errors import RecipeError
from builder.exclusions import ExclusionList, read_exclusions
from builder.recipe_file import load_recipe
from builder.run.build import build
from builder.run.build_options import BuildOptions
from tests.local_hub import LocalHub
from tests.support import PROMPT, builder, builder_json, digests
from tests.tgi_double import TgiDouble

RECIPE = """
name: asked
source: {kind: parquet, path: rows.parquet, id: id, shard_rows: 3}
stages:
  - {name: long, filter: length, min_characters: 20}
  - {name: unique, filter: near_duplicates}
  - {name: tidy, rewrite: tidy.md}
  - {name: sized, filter: length, max_characters: 1000}
release: {configs: {default: sized, read: long}, license: apache-2.0, scan: []}
"""


def function(number: int) -> str:
    return "".join(
        f"def function_{number}_{part}(value):\n    return value * {number + part}\n" for part in range(4)
    )


ROWS = [
    # id, repository, page, text
    ("a", "Alice/One", "https://Example.com/A/", function(1)),
    ("b", "bob/two", "https://example.org/?p=7", function(2)),
    ("c", "bob/two", "https://other.net/x", function(3)),
    ("d", "carol/three", "https://other.net/y", "short"),
    ("e", "carol/fork", "https://other.net/z", function(1)),  # what alice wrote, elsewhere
    ("f", "carol/fork", "https://other.net/w", function(1)),
    ("g", "dave/four", "https://other.net/v", function(5) + "# " + "x" * 1000),
    ("h", "dave/four", "https://other.net/u", function(6)),
]


class Project:
    """A recipe, its run and its release, and a server that counts."""

    def __init__(self, folder: Path, server: TgiDouble) -> None:
        self.folder, self.run, self.dest, self.server = folder, folder / "run", folder / "out", server

    def write(self, rows: list[tuple[str, str, str, str]] = ROWS) -> Project:
        self.folder.mkdir(exist_ok=True)
        columns = zip(("id", "repo_name", "url", "text"), map(list, zip(*rows, strict=True)), strict=True)
        table = pa.table(
            {**dict(columns), "path": ["f.py"] * len(rows), "detected_licenses": [["MIT"]] * len(rows)}
        )
        pq.write_table(table, self.folder / "rows.parquet", row_group_size=3)
        (self.folder / "tidy.md").write_text(PROMPT)
        (self.folder / "asked.yaml").write_text(RECIPE)
        (self.folder / "LICENCE").write_text("A licence.\n")
        return self

    def compares_nothing(self) -> None:
        """Take away the run, and the stage whose sketches take seconds."""
        shutil.rmtree(self.run)
        recipe = self.folder / "asked.yaml"
        recipe.write_text(recipe.read_text().replace("  - {name: unique, filter: near_duplicates}\n", ""))

    def listed(self, text: str, name: str = "removed.txt") -> Path:
        (self.folder / name).write_bytes(text.encode())
        return self.folder / name

    def arguments(self, command: str, *more: object) -> list[object]:
        release = ("--to", self.dest, "--license-file", self.folder / "LICENCE") if command == "publish" else ()
        server = ("--server", self.server.url, "--workers", 1)
        return [command, self.folder / "asked.yaml", "--run", self.run, *server, *release, *more]

    def texts(self, config: str, dest: Path | None = None) -> dict[str, Any]:
        table = pq.read_table((dest or self.dest) / "data" / config)
        return {row.get("id") or row["key"]: row for row in table.to_pylist()}

    def said_in_release(self, *words: str) -> list[str]:
        """Return the files of the release that hold one of the words, Parquet by its cells."""
        found = []
        for path in sorted(self.dest.resolve().rglob("*")):
            if path.is_file():
                cells = pq.read_table(path).to_pylist() if path.suffix == ".parquet" else path.read_text()
                found += [path.name for word in words if word.casefold() in str(cells).casefold()]
        return found


@pytest.fixture(scope="module")
def server() -> Iterator[TgiDouble]:
    with TgiDouble() as double:
        yield double


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, server: TgiDouble) -> Project:
    """Version 1.0.0 of all rows."""
    project = Project(tmp_path_factory.mktemp("first") / "project", server).write()
    builder(*project.arguments("publish"))
    return project


@pytest.fixture
def project(first: Project, tmp_path: Path) -> Project:
    shutil.copytree(first.folder, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project", first.server)


@pytest.mark.parametrize(
    ("column", "entry", "is_in", "is_not"),
    [
        ("repo_name", "Alice/One", ["alice/one", "Alice/One"], ["alice/oneself", "malice/one"]),
        ("repo_name", "https://github.com/alice/one.git", ["Alice/One"], ["alice"]),
        ("repo_name", "git@github.com:alice/one.git", ["alice/one"], []),
        ("repo_name", "alice/*", ["Alice/one", "alice/two"], ["alicia/one"]),
        ("repo_name", "https://github.com/alice/*", ["alice/one"], []),
        ("repo_name", "alice/one/", ["alice/one"], []),
        ("repo_name", "- Alice", ["alice/one"], ["malice/one", "bob/alice"]),
        ("repo_name", "https://github.com/alice", ["alice/one"], ["alices/one"]),
        ("url", "*.example.com", ["https://a.b.example.com/c", "http://example.com"], ["https://anexample.com"]),
        ("url", "*.example.com/*", ["https://a.example.com/c?d"], ["https://example.com.net/c"]),
        ("url", "HTTP://www.Example.com:80/a/", ["https://example.com/a", "http://example.com/a#top"],
         ["https://example.com/A", "https://example.com/a/b", "https://example.com:8080/a"]),
        ("url", "example.com", ["https://www.example.com/", "http://EXAMPLE.COM."], ["https://example.com/a"]),
        ("url", "https://example.com/*", ["http://example.com", "http://example.com/a/b?c", "https://example.com/?p=1"],
         ["https://example.company/a", "https://sub.example.com/a"]),
        ("url", "https://example.com/caf%C3%A9", ["https://example.com/café"], []),
        ("url", "https://bücher.example/", ["http://xn--bcher-kva.example"], []),
        ("url", "https://example.com/?p=1", ["https://example.com/?p=1"], ["https://example.com/?p=2"]),
        ("blob_id", "swh:1:cnt:" + "AB" * 20, ["ab" * 20], ["cd" * 20]),
        ("id", "one/f.py@123", ["one/f.py@123", "one/f.py@123~2"], ["one/f.py@1234"]),
        ("id", "one/f.py@123~2", ["one/f.py@123~2"], ["one/f.py@123", "one/f.py@123~22"]),
        ("id", "f.parquet#7", ["f.parquet#7"], ["f.parquet#70"]),
        ("id", "cafe\u0301", ["caf\u00e9"], ["cafe"]),
        ("row", "7", ["7"], ["70"]),
    ],
)  # fmt: skip
def test_an_entry_means_what_people_write(column: str, entry: str, is_in: list[str], is_not: list[str]) -> None:
    listed = ExclusionList.of(column, [entry])
    assert [value for value in is_in if listed.match(value) != entry.removeprefix("- ")] == []
    assert [value for value in is_not if listed.match(value) is not None] == []


def test_a_file_may_hold_comments_blank_lines_and_any_line_ends(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbf# who asked\r\n\r\n  a/b  # by mail\r\nc/d#e\r\t\n#f\ng/h #i\n")
    (listed,) = read_exclusions({"id": [tmp_path / "list"]}).lists
    assert listed.entries == ["a/b", "c/d#e", "g/h #i"]


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "No such file"), (b"caf\xe9\n", "utf-8"), (b"a/b\n/*\n", "line 2: .* names nothing")],
)
def test_a_list_that_cannot_be_read_is_named(content: bytes | None, said: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "list").write_bytes(content)
    with pytest.raises(RecipeError, match=f"(?s){tmp_path / 'list'}.*{said}"):
        read_exclusions({"repo_name": [tmp_path / "list"]})


def test_a_finished_run_is_published_without_them_and_nobody_is_asked(project: Project) -> None:
    asked, table = len(project.server.log), digests(project.run / "shards")
    removed = project.listed("alice/one\ncarol/*\nnobody/nothing\nmallory\n")
    done = builder(*project.arguments("publish", "--exclude", f"repo_name={removed}"))
    assert len(project.server.log) == asked
    assert "excluded: 4 documents of this run" in done.stderr
    assert "2 of 4 entries match no document: nobody/nothing, mallory" in done.stderr
    assert "versions before 1.1.0" in done.stderr
    assert set(project.texts("default")) == {"b", "c", "h"}
    assert set(project.texts("read")) == {"b", "c", "g", "h"}
    assert set(project.texts("dropped")) == {"g"}
    assert len(project.texts("generations")) == 3
    assert project.said_in_release("alice", "carol", "removed.txt", "function_1_") == []
    changelog = (project.dest / "CHANGELOG.md").read_text()
    assert "- Removed on request: 4 documents.\n" in changelog
    builder("verify", project.dest)
    status = builder_json("status", project.run)
    assert (status["documents"], status["stages"][0]["passed_over"]) == (4, {"excluded": 4})
    assert "left out on request: 4" in builder("status", project.run).stdout
    builder("inspect", project.run, "--id", "a", exit_code=2)
    assert digests(project.run / "shards") == table, "the answers stay where they were paid for"


def test_lists_that_grow_shrink_or_were_wrong_cost_nothing(project: Project) -> None:
    asked = len(project.server.log)
    old = {config: project.texts(config) for config in ("default", "read", "dropped", "generations")}
    two = ("--exclude", f"url={project.listed('example.com/A', 'pages')}")
    builder(*project.arguments("publish", *two))
    three = (*two, "--exclude", f"id={project.listed('b', 'ids')}")
    builder(*project.arguments("publish", *three))
    changelog = (project.dest / "CHANGELOG.md").read_text()
    assert "Removed on request: 1 document; 2 are left out in all." in changelog
    assert builder_json(*project.arguments("publish", *three))["new"] is False
    for forgotten in ((), two):
        said = builder(*project.arguments("publish", *forgotten), exit_code=2).stderr
        assert "2 document(s) were left out" in said and "--readmit" in said
    builder(*project.arguments("publish", "--readmit"))
    assert {config: project.texts(config) for config in old} == old
    assert "Left out on request before and no longer: 2 documents." in (project.dest / "CHANGELOG.md").read_text()
    assert len(project.server.log) == asked
    assert not (project.run / "excluded").exists()


def test_the_recipe_may_name_the_lists_and_the_release_does_not(project: Project) -> None:
    project.listed("alice/one", "lists-of-alice.txt")
    recipe = project.folder / "asked.yaml"
    recipe.write_text(recipe.read_text() + "exclude: {repo_name: lists-of-alice.txt, id: [lists-of-alice.txt]}\n")
    builder(*project.arguments("publish"))
    assert "a" not in project.texts("default")
    assert project.said_in_release("alice", "lists-of") == []
    manifest = json.loads((project.dest / "manifest.json").read_text())
    assert "exclude" not in manifest["content"]["recipe"]


def test_what_an_excluded_document_stood_for_stays_out_and_names_another(project: Project) -> None:
    dropped = project.texts("dropped")
    stood = next(id for id in "aef" if id not in dropped)
    others = sorted({"a", "e", "f"} - {stood})
    builder(*project.arguments("publish", "--exclude", f"id={project.listed(stood)}"))
    now = project.texts("dropped")
    assert [now[id]["unique_survivor"] for id in others] == [None, others[0]]
    assert {"a", "e", "f"} & set(project.texts("default")) == set()
    assert project.server.log, "and nobody was asked for the next of them"


@pytest.mark.parametrize("column", ["repo", "source", "text"])
def test_a_column_that_the_source_has_not_is_refused_with_those_it_has(column: str, tmp_path: Path) -> None:
    removed = Project(tmp_path / "project", TgiDouble()).write().listed("alice/one")
    recipe = str(removed.parent / "asked.yaml")
    loaded = load_recipe(recipe, excludes=[f"{column}={removed}"])
    with pytest.raises(RecipeError, match=f"no column '{column}'") as error:
        build(loaded, tmp_path / "run", BuildOptions(), Console(quiet=True))
    assert error.value.remedy == "it has id, dataset, file, row, repo_name, url, path, detected_licenses"
    with pytest.raises(RecipeError, match="names no file"):
        load_recipe(recipe, excludes=["repo_name"])


def test_who_is_excluded_from_the_start_is_not_asked_about(project: Project) -> None:
    project.compares_nothing()
    project.dest = project.folder / "fresh"
    removed = project.listed("bob/two\ndave/four\n")
    asked = len(project.server.log)
    builder(*project.arguments("publish", "--exclude", f"repo_name={removed}"))
    assert len(project.server.log) - asked == 1, "the one that three of them say"
    raw = pq.read_table(project.run / "shards").to_pylist()
    assert {row["id"]: row["text"] for row in raw if row["source"]["repo_name"] in ("bob/two", "dave/four")} == {
        "b": None, "c": None, "g": None, "h": None
    }  # fmt: skip
    assert "- First release." in (project.dest / "CHANGELOG.md").read_text()
    data = digests(project.dest, "data/**/*")
    # What is taken back is built, and it alone is paid for.
    asked = len(project.server.log)
    project.listed("dave/four\n")
    builder(*project.arguments("publish", "--exclude", f"repo_name={removed}", "--readmit"))
    assert set(project.texts("default")) >= {"b", "c"} and "h" not in project.texts("default")
    assert len(project.server.log) - asked == 2
    # The same, whether the run or the list was first.
    project.listed("bob/two\ndave/four\n")
    builder(*project.arguments("publish", "--exclude", f"repo_name={removed}"))
    assert digests(project.dest, "data/**/*") == data


def test_a_document_on_its_way_stops_there_and_goes_on_when_it_may(project: Project) -> None:
    project.compares_nothing()
    builder(*project.arguments("build", "--until", "long"))
    excluded = ("--exclude", f"id={project.listed('b', 'ids')}")
    asked = len(project.server.log)
    status = builder_json(*project.arguments("build", *excluded))
    assert len(project.server.log) - asked == 4
    assert status["documents"] == 7
    whole = builder_json(*project.arguments("build"))
    assert len(project.server.log) - asked == 5
    assert whole["documents"] == 8 and whole["stages"][0]["passed_over"] == {}


def test_failed_requests_of_excluded_documents_are_not_asked_again(project: Project) -> None:
    project.compares_nothing()
    with TgiDouble() as other:
        other.fault("503", match="function_2_", sticky=True)
        project.server = other
        builder(*project.arguments("build", "--max-failures", 1), exit_code=0)
    # Nobody is to be asked now: that server is gone.
    excluded = ("--exclude", f"id={project.listed('b', 'ids')}")
    status = builder_json(*project.arguments("build", *excluded, "--patience", 0))
    assert status["documents"] == 7 and status["unanswered"] == {"same_command": 0, "retry_failed": 0}


def test_all_of_a_shard_and_all_of_a_run_may_be_excluded(project: Project) -> None:
    ids = project.listed("a\nb\nc\n")
    builder(*project.arguments("publish", "--exclude", f"id={ids}"))
    assert set(project.texts("default")) == {"e", "h"} - ({"e"} - set(project.texts("default")))
    ids.write_text("\n".join("abcdefgh"))
    said = builder(*project.arguments("publish", "--exclude", f"id={ids}"), exit_code=2).stderr
    assert "every document is excluded" in said


def test_a_removal_is_honoured_on_the_hub(project: Project, tmp_path: Path) -> None:
    project.dest = "hf://datasets/org/asked"  # type: ignore[assignment]
    asked = len(project.server.log)
    removed = project.listed("alice/one\n")
    with LocalHub() as hub:
        environment: dict[str, Any] = {**hub.env(tmp_path / "home")}
        builder(*project.arguments("publish"), **environment)
        builder(*project.arguments("publish", "--exclude", f"repo_name={removed}"), **environment)
        builder("verify", f"{project.dest}@v1.1.0", **environment)
        naming: dict[str, list[str]] = {"v1.0.0": [], "v1.1.0": []}
        for version, found in naming.items():
            for path, file in hub.tree("org/asked", version).items():
                blob = hub.blob(file.sha256)
                said = str(pq.read_table(blob).to_pylist()) if path.endswith(".parquet") else blob.read_text()
                found += [path] if "alice" in said.casefold() else []
        assert naming["v1.0.0"] and naming["v1.1.0"] == []
    assert len(project.server.log) == asked


def test_answers_say_what_they_were_derived_from(first: Project) -> None:
    answers = pq.read_table(first.dest / "data" / "generations").to_pylist()
    assert answers[0].keys() >= {"key", "answer", "dataset"} and not answers[0].keys() & {"text", "file", "row"}
    told = {row["id"]: (row["repo_name"], row["url"], row["path"], row["detected_licenses"]) for row in answers}
    assert told == {id: (repo, url, "f.py", ["MIT"]) for id, repo, url, _ in ROWS if id in told}
    assert told.keys() == first.texts("default").keys()
