"""Releases on the Hub: one commit and one tag a version, whatever happens on the way, and no reader sees a mix."""

from __future__ import annotations

import random
import re
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pyarrow.parquet as pq
import pytest
from huggingface_hub import CommitOperationAdd

from builder.errors import UsageError
from builder.release.hub_limits import batches, see_room
from tests.hub_cards import push_errors
from tests.hub_repos import Commit
from tests.local_hub import LocalHub
from tests.support import builder, builder_json, command, start, write_corpus
from tests.tgi_double import TgiDouble

DEST = "hf://datasets/org/small"
MODULES = ("bisect.py", "colorsys.py", "fnmatch.py", "sched.py", "tty.py", "reprlib.py", "queue.py", "shelve.py")


class Project:
    """Two built runs of one recipe, the second of them changed, and a Hub to publish them to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe = write_corpus(folder / "project", MODULES, lints=False)
        self.license = self.recipe.parent / "LICENSE-generator"
        with TgiDouble() as server:
            for run, more in self.changes.items():
                builder("build", self.recipe, "--run", folder / run, "--server", server.url, *more)

    changes: ClassVar[dict[str, Sequence[str]]] = {"one": (), "two": ("--set", "stages.long.min_characters=3000")}

    def arguments(self, run: str, *more: object) -> list[object]:
        return ["publish", self.recipe, "--run", self.folder / run, "--to", DEST, *self.changes[run],
                "--license-file", self.license, *more]  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("hub-release"))


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as local:
        yield local


def env(hub: LocalHub, home: Path) -> dict[str, Any]:
    return {**hub.env(home)}


def publish(project: Project, hub: LocalHub, home: Path, run: str, *more: object, **options: Any) -> Any:
    return builder_json(*project.arguments(run, *more), **{**env(hub, home), **options})


def tags(hub: LocalHub) -> dict[str, str]:
    refs = hub.repos["org/small"].refs
    return {ref.removeprefix("refs/tags/"): commit.sha for ref, commit in refs.items() if "/tags/" in ref}


def manifest_of(hub: LocalHub, ref: str) -> Any:
    tree = hub.repos["org/small"].refs[ref].tree
    return orjson.loads((hub.blobs / tree["manifest.json"].sha256).read_bytes())


def assert_whole(hub: LocalHub, ref: str) -> None:
    """Fail unless a revision holds what its manifest lists, byte for byte, and nothing beside."""
    tree = hub.repos["org/small"].refs[ref].tree
    listed = {file["path"]: file["sha256"] for file in manifest_of(hub, ref)["files"]}
    assert {path: tree[path].sha256 for path in tree.keys() - {"manifest.json", ".gitattributes"}} == listed


def commits(hub: LocalHub) -> list[str]:
    titles: list[str] = []
    commit: Commit | None = hub.repos["org/small"].refs["refs/heads/main"]
    while commit is not None:
        titles.append(commit.title)
        commit = commit.parent
    return titles[::-1]


def test_two_versions_load_as_the_views_say(project: Project, hub: LocalHub, tmp_path: Path) -> None:
    first = publish(project, hub, tmp_path, "one")
    second = publish(project, hub, tmp_path, "two")
    assert (first["version"], second["version"]) == ("1.0.0", "1.1.0")
    assert list(tags(hub)) == ["v1.0.0", "v1.1.0"]
    assert commits(hub)[-2:] == ["Version 1.0.0", "Version 1.1.0"]
    for version, run, told in (("v1.0.0", "one", first), ("v1.1.0", "two", second)):
        assert_whole(hub, f"refs/tags/{version}")
        rows = assert_loads(project, hub, tmp_path / "reader", version, run)
        assert rows == told["rows"]["default"]


def assert_loads(project: Project, hub: LocalHub, home: Path, version: str, run: str) -> int:
    """Fail unless `load_dataset` gives at a tag what the view of a run holds; return its rows."""
    loaded = hub.client(
        home,
        f"""
        from datasets import load_dataset
        whole = load_dataset("org/small", "default", split="train", revision="{version}")
        lazily = load_dataset("org/small", "default", split="train", revision="{version}", streaming=True)
        out = [whole.to_list(), list(lazily)]
        """,
    )
    table = pq.read_table(project.folder / run / "shards").to_pylist()
    kept = [row for row in table if row["verdict"] is None]
    expected = [(row["id"], row["again"]["text"] or row["tidy"]["text"]) for row in kept]
    for rows in loaded:
        assert [(row["id"], row["text"]) for row in rows] == expected
    return len(expected)


def test_two_versions_through_xet(project: Project, tmp_path: Path) -> None:
    with LocalHub(tmp_path / "hub", xet=tmp_path / "xet") as hub:
        assert hub.store_xet is not None
        assert "HF_HUB_DISABLE_XET" not in env(hub, tmp_path)
        reporting = {**env(hub, tmp_path), "HF_HUB_DISABLE_PROGRESS_BARS": "0"}
        for run, version in (("one", "v1.0.0"), ("two", "v1.1.0")):
            before = hub.store_xet.stored
            estimate = publish(project, hub, tmp_path, run, "--dry-run")["new_bytes"]
            done = builder(*project.arguments(run, "--json"), **reporting)
            new = hub.store_xet.stored - before
            told = re.findall(r"([\d.]+) kB of ([\d.]+) kB of data were new", done.stderr)
            sent, read = (1000 * float(size) for size in told[-1])
            assert 0 < new <= sent <= read  # it sends them compressed
            assert sent <= estimate
            assert list(tags(hub))[-1] == version
            rows = orjson.loads(done.stdout)["rows"]["default"]
            assert assert_loads(project, hub, tmp_path / "reader", version, run) == rows
        for version in tags(hub):
            assert_whole(hub, f"refs/tags/{version}")
            assert builder_json("verify", f"{DEST}@{version}", **env(hub, tmp_path))["version"] == version[1:]
        assert not hub.seen("PUT /lfs/|/objects/batch")
        assert hub.seen("xet-write-token") and hub.seen("xet-read-token")


def test_equal_content_again_uploads_and_commits_nothing(project: Project, hub: LocalHub, tmp_path: Path) -> None:
    shown = builder(*project.arguments("one"), **env(hub, tmp_path)).stdout
    assert 'load_dataset("org/small", "default", split="train", revision="v1.0.0")' in shown
    before = len(hub.seen("POST .*/commit|PUT|/tag/"))
    assert publish(project, hub, tmp_path, "one")["new"] is False
    assert len(hub.seen("POST .*/commit|PUT|/tag/")) == before


def test_a_version_is_never_changed(project: Project, hub: LocalHub, tmp_path: Path) -> None:
    publish(project, hub, tmp_path, "one")
    sha = tags(hub)["v1.0.0"]
    said = builder(*project.arguments("two", "--version", "1.0.0"), exit_code=2, **env(hub, tmp_path)).stderr
    assert "a version never changes" in said and "publish as 1.1.0" in said
    assert tags(hub) == {"v1.0.0": sha}


def test_a_trial_shows_all_and_does_nothing(project: Project, hub: LocalHub, tmp_path: Path) -> None:
    told = publish(project, hub, tmp_path, "one", "--dry-run")
    assert "data/default/train-00000-of-00001.parquet" in told["adds"]
    shown = builder(*project.arguments("one", "--dry-run"), **env(hub, tmp_path)).stdout
    assert "## Load it" not in shown and "not published" in shown
    assert "## Load it" in builder(*project.arguments("one", "--dry-run", "--card"), **env(hub, tmp_path)).stdout
    assert "org/small" not in hub.repos
    publish(project, hub, tmp_path, "one")
    writing = "POST (?!/api/validate-yaml)|PUT|DELETE"  # which asks, and changes nothing
    writes = len(hub.seen(writing))
    changed = publish(project, hub, tmp_path, "two", "--dry-run")
    assert changed["version"] == "1.1.0" and "LICENSE" in changed["same"]
    assert len(hub.seen(writing)) == writes


STEPS = {
    "create": "POST /api/repos/create",
    "info": "GET /api/datasets/org/small/revision/main",
    "refs": "GET .*/refs",
    "tree": "GET .*/tree/",
    "preupload": "POST .*/preupload/",
    "batch": "POST .*/objects/batch",
    "put": "PUT /lfs/",
    "commit": "POST .*/commit/",
    "tag": "POST .*/tag/",
    "read": "GET .*/resolve/",
    "validate": "POST .*/validate-yaml",
}
FAULTS = [(kind, step) for step, kind in zip(STEPS, cycle(("429", "500", "drop")), strict=False)]
FAULTS += [("drop", "commit"), ("drop", "tag"), ("429", "commit"), ("500", "put"), ("500", "tag")]
FAULTS += [
    ("502-applied", "commit"),
    ("502-applied", "tag"),
    ("torn", "read"),
    ("short", "read"),
    ("412", "commit"),
    ("503", "validate"),
]


@pytest.mark.parametrize(("kind", "step"), FAULTS)
def test_trouble_at_any_step_costs_time_alone(
    project: Project, hub: LocalHub, tmp_path: Path, kind: str, step: str
) -> None:
    fault = hub.fail(kind, times=1 if kind in ("412", "502-applied") else 2, match=STEPS[step])
    told = publish(project, hub, tmp_path, "one")
    assert fault.times == 0 or step == "create", "the fault was never met"
    assert told["version"] == "1.0.0"
    assert list(tags(hub)) == ["v1.0.0"]
    assert_whole(hub, "refs/tags/v1.0.0")
    assert commits(hub).count("Version 1.0.0") == 1


def test_a_hub_that_stays_away_is_an_error_and_the_same_command_goes_on(
    project: Project, hub: LocalHub, tmp_path: Path
) -> None:
    fault = hub.fail("503", times=1000, match="POST .*/commit/")
    said = builder(*project.arguments("one"), exit_code=4, **env(hub, tmp_path), BUILDER_PATIENCE="3").stderr
    assert "the Hub does not answer" in said and "it goes on" in said
    assert tags(hub) == {}
    uploads = len(hub.seen("PUT /lfs/"))
    fault.times = 0
    publish(project, hub, tmp_path, "one")
    assert len(hub.seen("PUT /lfs/")) == uploads, "content was sent twice"
    assert_whole(hub, "refs/tags/v1.0.0")


@pytest.mark.parametrize("is_there", [False, True])
def test_a_token_that_may_not_write_is_said_before_anything_is_paid_for(
    is_there: bool, project: Project, hub: LocalHub, tmp_path: Path
) -> None:
    if is_there:
        hub.put("org/small", {})
    tokens = {"hf_other": "Invalid credentials", "": "hf auth login", "hf_read": "token that may write"}
    run = ("--run", tmp_path / "new")
    for token, words in tokens.items():
        ours = {**env(hub, tmp_path), "HF_TOKEN": token}
        said = builder(*project.arguments("one", *run), exit_code=4, **ours).stderr
        assert words in " ".join(said.split())
    assert not (tmp_path / "new").exists() and not hub.seen("POST|PUT")


def test_a_namespace_that_is_not_ours_is_doubted_before_anything_is_built(hub: LocalHub, tmp_path: Path) -> None:
    recipe = write_corpus(tmp_path, MODULES[:1], lints=False)
    arguments = ("publish", recipe, "--run", tmp_path / "new", "--to", "hf://datasets/others/small")
    said = builder(*arguments, exit_code=4, **env(hub, tmp_path)).stderr
    assert "'others' is neither this account nor one of its organisations" in " ".join(said.split())


def test_a_dataset_that_was_renamed_is_published_to_and_its_new_name_said(
    project: Project, hub: LocalHub, tmp_path: Path
) -> None:
    hub.put("org/renamed", {})
    hub.renamed["org/small"] = "org/renamed"
    said = builder(*project.arguments("one"), **env(hub, tmp_path)).stderr
    assert "it is called org/renamed now" in " ".join(said.split())
    assert "refs/tags/v1.0.0" in hub.repos["org/renamed"].refs and "org/small" not in hub.repos


def test_a_new_dataset_can_be_private(project: Project, hub: LocalHub, tmp_path: Path) -> None:
    publish(project, hub, tmp_path, "one", "--private")
    assert hub.repos["org/small"].private


def test_large_files_are_uploaded_one_after_the_other_and_small_ones_together() -> None:
    sizes = {"a": 2**20, "b": 2**29, "c": 2**28, **{f"d{number:02d}": 2**10 for number in range(60)}}
    found = list(batches([CommitOperationAdd(path, b"") for path in sizes], sizes))
    names = [[add.path_in_repo for add in batch] for batch in found]
    assert names == [["a"], ["b"], ["c"], [f"d{n:02d}" for n in range(50)], [f"d{n:02d}" for n in range(50, 60)]]


def test_of_many_files_main_gets_one_commit(project: Project, hub: LocalHub, tmp_path: Path) -> None:
    arguments = [str(argument) for argument in project.arguments("one")]
    program = f"""
        import sys
        from builder.release import hub
        hub.COMMITTED_AT_ONCE = 3
        sys.argv = ["builder", *{arguments!r}]
        from builder.cli import app
        app(standalone_mode=False)
        out = None
    """
    hub.fail("500", times=1, match="POST .*/commit/staging", after=1)
    hub.client(tmp_path, program)
    assert len(hub.seen("POST .*/commit/staging")) >= 3
    assert len(hub.seen("POST .*/commit/main")) == 1
    assert_whole(hub, "refs/tags/v1.0.0")
    assert not any("staging" in ref for ref in hub.repos["org/small"].refs)


class Reader(threading.Thread):
    """Looks at main all the time, and keeps what was not whole."""

    def __init__(self, hub: LocalHub) -> None:
        super().__init__(daemon=True)
        self.hub, self.stopped, self.looked, self.mixed = hub, threading.Event(), 0, list[str]()

    def run(self) -> None:
        while not self.stopped.wait(0.002):
            repo = self.hub.repos.get("org/small")
            tree = dict(repo.refs["refs/heads/main"].tree) if repo and "refs/heads/main" in repo.refs else {}
            if "manifest.json" not in tree:
                if tree.keys() - {".gitattributes"}:
                    self.mixed.append(f"no manifest beside {sorted(tree)}")
                continue
            self.looked += 1
            listed = orjson.loads((self.hub.blobs / tree["manifest.json"].sha256).read_bytes())["files"]
            found = {
                path: file.sha256 for path, file in tree.items() if path not in ("manifest.json", ".gitattributes")
            }
            if found != {file["path"]: file["sha256"] for file in listed}:
                self.mixed.append(f"{sorted(found)}")


def test_killed_at_any_moment_the_same_command_completes_the_version(
    project: Project, hub: LocalHub, tmp_path: Path, is_long: bool
) -> None:
    client = env(hub, tmp_path)
    moments, kills = random.Random(3), 0
    steps = "PUT /lfs/|POST .*/(preupload|commit|tag|repos|validate)|GET .*/(tree|refs|revision|resolve)"
    reader = Reader(hub)
    reader.start()
    times = 20 if is_long else 6
    for number in range(times):
        run = "one" if number < times / 2 else "two"
        process = start(*project.arguments(run), **client)
        wanted = len(hub.seen(steps)) + moments.randint(0, 24)
        while process.poll() is None and len(hub.seen(steps)) < wanted:
            time.sleep(0.002)
        time.sleep(moments.random() * 0.02)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        if number == times / 2 - 1:
            publish(project, hub, tmp_path, "one")
    publish(project, hub, tmp_path, "two")
    reader.stopped.set()
    reader.join()
    assert kills >= times / 3, "most publishers ended before they could be killed"
    assert reader.looked > 20 and reader.mixed == []
    assert list(tags(hub)) == ["v1.0.0", "v1.1.0"]
    for version in ("v1.0.0", "v1.1.0"):
        assert_whole(hub, f"refs/tags/{version}")
        assert commits(hub).count(f"Version {version[1:]}") == 1
    assert not list((project.folder / "one").glob("release/*"))


def test_of_two_publishers_at_once_both_end_with_a_version_of_their_own(
    project: Project, hub: LocalHub, tmp_path: Path
) -> None:
    hub.new_repo("org/small")
    both = [start(*project.arguments(run), **env(hub, tmp_path / run)) for run in ("one", "two")]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sorted(tags(hub)) == ["v1.0.0", "v1.1.0"]
    for version in tags(hub):
        assert_whole(hub, f"refs/tags/{version}")
    assert len({manifest_of(hub, f"refs/tags/{version}")["content_sha256"] for version in tags(hub)}) == 2


def test_of_two_first_publishers_the_second_plans_again(project: Project, hub: LocalHub, tmp_path: Path) -> None:
    """The second has seen that there is no dataset, and the first is through before it goes on."""
    first = command(*project.arguments("one"))
    told = hub.client(
        tmp_path,
        f"""
        import subprocess
        from pathlib import Path
        from builder.release.destination import Overtaken
        from builder.release.hub import HubDestination
        second = HubDestination("org/small", Path({str(tmp_path / "work")!r}), print)
        out = [second.newest()]
        subprocess.run({first!r}, check=True, capture_output=True)
        try:
            second.put(None, None)
        except Overtaken as error:
            out.append(str(error))
        """,
    )
    assert told == [None, "org/small"]
    assert publish(project, hub, tmp_path, "two")["version"] == "1.1.0"


def test_a_dataset_that_is_not_ours_keeps_its_files(project: Project, hub: LocalHub, tmp_path: Path) -> None:
    hub.put("org/small", {"README.md": b"# Mine\n", "data/train.csv": b"a\n1\n"})
    for more in ((), ("--dry-run",)):
        said = builder(*project.arguments("one", *more), exit_code=2, **env(hub, tmp_path)).stderr
        assert "no release of ours" in said and "data/train.csv" in said and "--to" in said
    assert tags(hub) == {}
    assert set(hub.repos["org/small"].refs["refs/heads/main"].tree) >= {"README.md", "data/train.csv"}


def test_a_tag_that_is_not_ours_is_not_met_with_a_commit(project: Project, hub: LocalHub, tmp_path: Path) -> None:
    repo = hub.new_repo("org/small")
    repo.refs["refs/tags/v1.0.0"] = repo.refs["refs/heads/main"]
    said = builder(*project.arguments("one"), exit_code=2, **env(hub, tmp_path)).stderr
    assert "v1.0.0" in said and "--version" in said
    assert "Version 1.0.0" not in commits(hub)
    assert publish(project, hub, tmp_path, "one", "--version", "1.0.1")["version"] == "1.0.1"
    assert_whole(hub, "refs/tags/v1.0.1")


def test_a_tag_that_was_moved_is_told_of_and_the_next_version_goes_on(
    project: Project, hub: LocalHub, tmp_path: Path
) -> None:
    publish(project, hub, tmp_path, "one")
    publish(project, hub, tmp_path, "two")
    refs = hub.repos["org/small"].refs
    refs["refs/tags/v1.1.0"] = refs["refs/tags/v1.0.0"]
    assert "it is version 1.0.0" in builder("verify", f"{DEST}@v1.1.0", exit_code=5, **env(hub, tmp_path)).stderr
    said = builder(*project.arguments("two"), exit_code=5, **env(hub, tmp_path)).stderr
    assert "its tag was moved" in said and "publish as --version 1.1.1" in said and "outside the marks" not in said
    assert publish(project, hub, tmp_path, "two", "--version", "1.1.1")["version"] == "1.1.1"
    assert_whole(hub, "refs/tags/v1.1.1")


def test_a_card_edited_before_the_tag_came_is_left_alone(project: Project, hub: LocalHub, tmp_path: Path) -> None:
    fault = hub.fail("500", times=1000, match=STEPS["tag"])
    builder(*project.arguments("one"), exit_code=4, **env(hub, tmp_path), BUILDER_PATIENCE="2")
    fault.times = 0
    repo = hub.repos["org/small"]
    ours = repo.refs["refs/heads/main"]
    readme = hub.commit(
        repo, "refs/heads/main", {**ours.tree, "README.md": ours.tree["LICENSE"]}, "edited by hand"
    )
    assert publish(project, hub, tmp_path, "one")["version"] == "1.0.0"
    assert tags(hub) == {"v1.0.0": ours.sha}
    assert_whole(hub, "refs/tags/v1.0.0")
    assert repo.refs["refs/heads/main"] is readme


def test_a_number_that_is_taken_is_passed_over(project: Project, hub: LocalHub, tmp_path: Path) -> None:
    publish(project, hub, tmp_path, "one")
    publish(project, hub, tmp_path, "two", "--version", "1.1.0")
    back = builder(*project.arguments("one", "--version", "1.0.1"), exit_code=2, **env(hub, tmp_path)).stderr
    assert "1.0.1 would take readers back from 1.1.0" in back and "publish as 1.2.0" in back
    other = ("--set", "release.tags=[another]")
    said = builder(*project.arguments("two", *other, "--version", "1.1.0"), exit_code=2, **env(hub, tmp_path))
    told = publish(project, hub, tmp_path, "two", *other)
    assert f"publish as {told['version']}" in said.stderr
    assert told["new"] and told["version"] == "1.1.1"


@pytest.mark.parametrize("harm", [None, "missing", "changed", "beside"])
def test_verify_compares_what_the_hub_holds(
    project: Project, hub: LocalHub, tmp_path: Path, harm: str | None
) -> None:
    publish(project, hub, tmp_path, "one")
    repo = hub.repos["org/small"]
    tree = dict(repo.refs["refs/heads/main"].tree)
    path = "data/default/train-00000-of-00001.parquet"
    if harm is not None:
        if harm == "missing":
            del tree[path]
        else:
            target = path if harm == "changed" else "data/default/more.parquet"
            tree[target] = tree["data/long/train-00000-of-00001.parquet"]
        hub.commit(repo, "refs/heads/main", tree, "harm")
    client = env(hub, tmp_path)
    assert builder_json("verify", f"{DEST}@v1.0.0", **client)["version"] == "1.0.0"
    if harm is None:
        assert builder_json("verify", DEST, **client)["files"] == len(manifest_of(hub, "refs/heads/main")["files"])
        fetched = sum(request.sent for request in hub.seen("GET .*/resolve/.*parquet"))
        assert fetched < 2_000_000
    else:
        said = builder("verify", DEST, exit_code=5, **client).stderr
        assert re.search("more.parquet: not in the manifest" if harm == "beside" else f"{path}: ", said)


def test_a_release_that_is_not_there_is_said(hub: LocalHub, tmp_path: Path) -> None:
    assert "there is no release here" in builder("verify", DEST, exit_code=2, **env(hub, tmp_path)).stderr


def test_the_token_goes_to_the_hub_alone(project: Project, hub: LocalHub, tmp_path: Path) -> None:
    with TgiDouble() as server:
        arguments = project.arguments("one", "--server", server.url)
        arguments[arguments.index(project.folder / "one")] = tmp_path / "fresh"
        done = builder(*arguments, **env(hub, tmp_path / "home"))
    assert server.log
    assert not any(
        hub.token in str(request.headers) + str(request.body) for request in [*server.log, *server.probes]
    )
    assert all(request.authorized for request in hub.seen("POST .*/(commit|tag|preupload)"))
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert hub.token.encode() not in written
    assert hub.token not in done.stdout + done.stderr


@pytest.mark.parametrize("dest", ["hf://datasets/small", "hf://datasets/org/small/more", "hf://datasets/"])
def test_a_place_that_cannot_be_is_said_before_anything_is_built(tmp_path: Path, dest: str) -> None:
    recipe = write_corpus(tmp_path / "project", MODULES[:2], lints=False)
    said = builder("publish", recipe, "--run", tmp_path / "run", "--to", dest, exit_code=2).stderr
    assert "it names no dataset" in said and "→ write hf://datasets/" in said
    assert not (tmp_path / "run").exists()
    assert "it names no dataset" in builder("verify", f"{dest}@v1.0.0", exit_code=2).stderr
    for elsewhere in ("hf://org/small", "s3://bucket/small", "hf:datasets/org/small"):
        said = builder("publish", recipe, "--run", tmp_path / "run", "--to", elsewhere, exit_code=2).stderr
        assert "a directory's path, or hf://datasets/" in said
    assert not (tmp_path / "run").exists()


def test_answers_are_taken_from_a_release_on_the_hub(project: Project, hub: LocalHub, tmp_path: Path) -> None:
    publish(project, hub, tmp_path / "home", "one")
    publish(project, hub, tmp_path / "home", "two")
    hub.fail("503", times=2, match="GET .*/resolve/.*generations")
    with TgiDouble() as server:
        told = builder_json(
            "build", project.recipe, "--run", tmp_path / "again", "--server", server.url,
            "--reuse", f"{DEST}@v1.0.0", **env(hub, tmp_path / "other"),
        )  # fmt: skip
        assert server.log == [], "every document was kept, so every answer is there"
        said = builder(
            "build", project.recipe, "--run", tmp_path / "none", "--server", server.url,
            "--reuse", f"{DEST}@v9.9.9", exit_code=2, **env(hub, tmp_path / "other"),
        ).stderr  # fmt: skip
    assert "no revision 'v9.9.9'" in said
    assert told["generations"]["requested"] == 0 < told["generations"]["reused"]
    one, again = (pq.read_table(run / "shards") for run in (project.folder / "one", tmp_path / "again"))
    assert again.equals(one)


# --- what the Hub refuses ---


def test_what_the_hub_would_refuse_in_a_card_is_said_before_anything_is_built(
    project: Project, hub: LocalHub, tmp_path: Path
) -> None:
    run = ("--run", tmp_path / "new")
    ours = ("--set", "release.language=[dna]", "--set", "source.license=Foo", "--set", "release.license=apche-2.0")
    said = " ".join(
        builder(*project.arguments("one", *run, *ours), exit_code=2, **env(hub, tmp_path)).stderr.split()
    )
    assert '"language[0]" with value "dna" is not valid' in said and "correct it in the recipe" in said
    assert "'Foo' as it is written" in said and "did you mean apache-2.0?" in said
    for words, card in (
        ("\"language[1]\" is 'Zh', and must only contain lowercase", b"---\nlanguage: [en, Zh]\n---\n"),
        ('"tags[2]" must be a string that is not empty, and is 2024', b"---\ntags: [2024]\n---\n"),
        (
            'its card: the Hub does not take it (400 Bad Request: "language[0]" with value "dna"',
            b"---\nlanguage: [dna]\n---\n",
        ),
    ):
        hub.put("org/small", {"README.md": card})
        said = builder(*project.arguments("one", *run), exit_code=2, **env(hub, tmp_path)).stderr
        assert words in " ".join(said.split())
    assert not (tmp_path / "new").exists()


def test_a_card_that_is_too_large_is_said_before_anything_is_sent(
    project: Project, hub: LocalHub, tmp_path: Path
) -> None:
    words = ("--set", f"release.description={'word ' * 400}")
    hub.fail("413", match="validate-yaml", after=1)
    said = builder(*project.arguments("one", *words), exit_code=2, **env(hub, tmp_path)).stderr
    assert "413" in said and "shorten `description`" in said
    assert "org/small" not in hub.repos


@pytest.mark.parametrize(
    ("status", "step", "said", "words"),
    [
        ("413", "PUT /lfs/", "EntityTooLarge", "storage-limits"),
        (
            "403",
            "objects/batch",
            "Private repository storage limit reached, please upgrade your plan",
            "storage-limits",
        ),
        ("403", "PUT /lfs/", "AccessDenied", "may write to this dataset"),
    ],
)
def test_what_storage_refuses_is_told_and_the_same_command_goes_on(
    project: Project, hub: LocalHub, tmp_path: Path, status: str, step: str, said: str, words: str
) -> None:
    hub.fail(status, match=step, said=said)
    told = builder(*project.arguments("one"), exit_code=4, **env(hub, tmp_path)).stderr
    assert said in told and words in told
    publish(project, hub, tmp_path, "one")
    assert_whole(hub, "refs/tags/v1.0.0")


def test_content_that_the_hub_lost_before_the_commit_is_sent_again(
    project: Project, hub: LocalHub, tmp_path: Path
) -> None:
    fault = hub.fail("503", times=1000, match="POST .*/commit/")
    builder(*project.arguments("one"), exit_code=4, **env(hub, tmp_path), BUILDER_PATIENCE="0")
    sent = hub.seen("PUT /lfs/")
    for request in sent:
        (hub.blobs / request.path.removeprefix("/lfs/")).unlink()
    fault.times = 0
    publish(project, hub, tmp_path, "one")
    assert len(hub.seen("PUT /lfs/")) == 2 * len(sent)
    assert_whole(hub, "refs/tags/v1.0.0")


def test_a_folder_with_more_files_than_the_hub_takes_is_said_before_anything_is_sent(
    project: Project, hub: LocalHub, tmp_path: Path
) -> None:
    publish(project, hub, tmp_path, "one")
    repo = hub.repos["org/small"]
    tree, sent = repo.refs["refs/heads/main"].tree, len(hub.seen("PUT"))
    others = {f"prompts/p{number}.md": tree["LICENSE"] for number in range(10_000)}
    hub.commit(repo, "refs/heads/main", {**tree, **others}, "others' files")
    said = builder(*project.arguments("two"), exit_code=2, **env(hub, tmp_path)).stderr
    assert "too many in prompts/ (10,001)" in said and len(hub.seen("PUT")) == sent
    assert list(push_errors([*tree, *others])) != []
    with pytest.raises(UsageError, match="100,000 in all; there would be 100,001"):
        see_room([f"f{number // 1000}/{number}" for number in range(100_001)], DEST)
