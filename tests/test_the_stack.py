"""The Stack v2 as a source: ids on a local Hub, contents in a local S3 service, whole builds."""

from __future__ import annotations

import gzip
import hashlib
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.errors import StorageError
from builder.sources.contents import Content, Contents, Wanted
from builder.sources.text import decode_declared, inflate
from tests.local_hub import LocalHub
from tests.stack_data import IDS, S3, Stack, small_stack
from tests.starting import Started
from tests.support import builder, builder_json, digests, start

FILE = "data/train-00000-of-00001.parquet"
SMALL = ("--set", "source.shard_rows=3")


class World:
    """A Hub with ids, an S3 service with contents, and the environment that leads to both."""

    def __init__(self, hub: LocalHub, s3: S3, home: Path) -> None:
        self.hub, self.s3 = hub, s3
        self.env: dict[str, Any] = {**hub.env(home), **s3.environment(), "BUILDER_PATIENCE": "60"}

    def build(self, run: Path, *more: object, exit_code: int = 0, **env: str) -> Started:
        arguments = ("build", "swallow-code", "--until", "syntax", "--run", run, *more)
        return builder(*arguments, exit_code=exit_code, **{**self.env, **env})


@pytest.fixture(scope="module")
def stack() -> Stack:
    return small_stack()


@pytest.fixture(scope="module")
def served(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with LocalHub() as hub, S3(stack.contents) as s3:
        hub.put(IDS, {FILE: stack.nested()})
        yield World(hub, s3, tmp_path_factory.mktemp("home"))


@pytest.fixture
def world(served: World) -> World:
    served.s3.asked.clear()
    return served


@pytest.fixture(scope="module")
def calm(served: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("calm") / "run"
    served.build(run, *SMALL)
    return run


def rows_of(run: Path) -> list[dict[str, Any]]:
    return pq.read_table(run / "shards").to_pylist()


def test_every_file_of_the_language_is_a_row_and_every_other_is_counted(
    world: World, stack: Stack, tmp_path: Path
) -> None:
    said = world.build(tmp_path / "run")
    status = builder_json("status", tmp_path / "run")
    listed = [one for row in stack.repositories for one in row["files"]]
    read = status["stages"][0]
    assert status["documents"] == len(stack.python_files)
    assert read["passed_over"] == {"other_language": len(listed) - len(stack.python_files)}
    rows = rows_of(tmp_path / "run")
    assert [row["source"]["path"] for row in rows] == [one["path"] for one in stack.python_files]
    expected = Counter(stack.reasons.values()) + Counter(bad_blob_id=2, too_large=1)
    assert read["dropped"] == dict(sorted(expected.items()))
    for row, one in zip(rows, stack.python_files, strict=True):
        reason = stack.reasons.get(one["blob_id"])
        if reason:
            assert row["verdict"] == {"stage": "read", "reason": reason}
            assert row["text"] is None
        elif row["text"] is not None:
            content = gzip.decompress(stack.contents[one["blob_id"]])
            assert row["text"] == content.decode(one["src_encoding"] or "utf-8").removeprefix("\ufeff")
    assert said.stderr.count("Software Heritage") == 1


def test_every_blob_is_fetched_once_though_several_repositories_hold_it(
    world: World, stack: Stack, tmp_path: Path
) -> None:
    world.build(tmp_path / "run", *SMALL)
    wanted = [one["blob_id"] for one in stack.python_files]
    assert max(Counter(wanted).values()) > 1
    assert max(world.s3.asked.values()) == 1
    assert not any(".." in key for key in world.s3.asked)


def test_nothing_is_fetched_of_what_is_excluded(world: World, stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "removed.txt").write_text("People/Project-000\n")
    world.build(tmp_path / "run", *SMALL, "--exclude", f"repo_name={tmp_path / 'removed.txt'}")
    alone, *others = (
        {one["blob_id"] for one in row["files"] if one["language"] == "Python"} for row in stack.repositories
    )
    alone -= set().union(*others)
    assert alone and not {key.rpartition("/")[2] for key in world.s3.asked} & alone
    status = builder_json("status", tmp_path / "run")
    assert status["stages"][0]["passed_over"]["excluded"] == 5


def test_tables_of_ids_may_differ_and_list_a_file_again(world: World, stack: Stack, tmp_path: Path) -> None:
    ids = pq.read_table(pa.BufferReader(stack.nested()))
    less = ids.drop_columns(["visit_date"]).append_column("stars", pa.array([7] * len(ids), pa.int32()))
    tables = {"data/train-0.parquet": ids, "data/train-1.parquet": less.select(less.column_names[::-1])}
    content = {name: pa.BufferOutputStream() for name in tables}
    for name, table in tables.items():
        pq.write_table(table, content[name])
    world.hub.put("people/ids", {name: file.getvalue().to_pybytes() for name, file in content.items()})
    world.build(tmp_path / "run", "--set", "source.dataset=people/ids", *SMALL)
    rows, files = rows_of(tmp_path / "run"), stack.python_files
    assert [row["text"] for row in rows[: len(files)]] == [row["text"] for row in rows[len(files) :]]
    told = [(row["source"]["visit_date"] is None, row["source"]["stars"]) for row in rows]
    assert told == [(False, None)] * len(files) + [(True, 7)] * len(files)
    first = [row["id"] for row in rows[: len(files)]]
    assert len({row["id"] for row in rows}) == len(rows)
    assert all(
        row["id"].startswith(f"{id.partition('~')[0]}~") for row, id in zip(rows[len(files) :], first, strict=True)
    )


def test_every_row_says_whose_it_is(world: World, stack: Stack, tmp_path: Path) -> None:
    world.build(tmp_path / "run")
    row, file = rows_of(tmp_path / "run")[0], stack.python_files[0]
    source, repository = row["source"], stack.repositories[0]
    for column in ("blob_id", "content_id", "path", "detected_licenses", "license_type", "src_encoding"):
        assert source[column] == file[column]
    for column in ("repo_name", "repo_url", "revision_id", "snapshot_id", "branch_name"):
        assert source[column] == repository[column]
    assert source["dataset"] == IDS
    assert source["revision"] == world.hub.repos[IDS].find("main").sha
    assert (source["file"], source["row"]) == (FILE, 0)
    assert row["id"] == f"{repository['repo_name']}/{file['path']}@{file['blob_id'][:12]}"


def test_killed_builds_give_the_same_bytes(world: World, calm: Path, tmp_path: Path) -> None:
    moments, kills, run = random.Random(3), 0, tmp_path / "run"
    arguments = ("build", "swallow-code", "--until", "syntax", "--run", run, *SMALL)
    for _ in range(4):
        before = sum(world.s3.asked.values())
        process = start(*arguments, **world.env)
        moment = before + moments.randint(1, 12)
        while process.poll() is None and sum(world.s3.asked.values()) < moment:
            time.sleep(0.002)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    world.build(run, *SMALL)
    assert kills >= 2, "the builds ended before they could be killed"
    assert digests(run / "shards") == digests(calm / "shards")
    assert not (run / "fetched").exists()


def test_a_storage_that_fails_changes_nothing(world: World, calm: Path, tmp_path: Path) -> None:
    for status in (503, 429, 500, 0, 408, 503, 503, 0):
        world.s3.fail(status)
    world.build(tmp_path / "run", *SMALL)
    assert digests(tmp_path / "run" / "shards") == digests(calm / "shards")


def test_a_storage_and_a_hub_that_are_gone_for_a_while_are_waited_for(
    world: World, calm: Path, tmp_path: Path
) -> None:
    def outage() -> None:
        while sum(world.s3.asked.values()) < 10:
            time.sleep(0.005)
        world.s3.down()
        world.hub.down()
        time.sleep(6)
        world.hub.up()
        world.s3.up()

    trouble = threading.Thread(target=outage)
    trouble.start()
    said = world.build(tmp_path / "run", *SMALL)
    trouble.join()
    assert world.s3.url not in said.stderr
    for who in ("the Hub", "s3://softwareheritage/content"):
        assert said.stderr.replace("\n", " ").count(f"{who} does not answer") <= 1, "told of every request"
    assert "trying again" in said.stderr
    assert digests(tmp_path / "run" / "shards") == digests(calm / "shards")


def test_a_limit_and_then_all_gives_the_same_bytes(world: World, calm: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    for limit in (7, 20, 11):
        world.build(run, *SMALL, "--limit", limit)
        assert builder_json("status", run)["documents"] == limit
    world.build(run, *SMALL)
    assert digests(run / "shards") == digests(calm / "shards")


def test_what_the_recipe_selects_by_is_a_drop_and_fetches_nothing(
    world: World, stack: Stack, tmp_path: Path
) -> None:
    settings = {"exclude": "[vendored, generated]", "license_types": "[permissive]", "min_bytes": "1000"}
    more = [part for key, value in settings.items() for part in ("--set", f"source.{key}={value}")]
    world.build(tmp_path / "run", *more)
    dropped = builder_json("status", tmp_path / "run")["stages"][0]["dropped"]
    assert dropped["vendored"] == sum(one["is_vendor"] for one in stack.python_files)
    assert dropped["too_small"] >= 10
    assert set(world.s3.asked) <= {
        one["blob_id"] for one in stack.python_files if one["length_bytes"] >= 1000 and not one["is_vendor"]
    }


FLAT = ["blob_id", "path", "content_id", "detected_licenses", "license_type", "repo_name", "revision_id",
        "src_encoding", "language", "is_vendor", "is_generated", "length_bytes", "extension"]  # fmt: skip
EDU = [
    "blob_id",
    "language",
    "repo_name",
    "path",
    "src_encoding",
    "length_bytes",
    "detected_licenses",
    "license_type",
]


@pytest.mark.parametrize("columns", [FLAT, EDU])
def test_tables_with_a_row_a_file_give_the_same_texts(
    world: World, stack: Stack, calm: Path, tmp_path: Path, columns: list[str]
) -> None:
    dataset = f"someone/flat-{len(columns)}"
    world.hub.put(dataset, {"data/train.parquet": stack.flat(columns)})
    world.build(tmp_path / "run", "--set", f"source.dataset={dataset}")
    rows, expected = rows_of(tmp_path / "run"), rows_of(calm)
    assert [(row["id"], row["text"], row["verdict"]) for row in rows] == [
        (row["id"], row["text"], row["verdict"]) for row in expected
    ]
    assert set(columns) <= set(rows[0]["source"])


def test_a_table_without_ids_says_what_it_has(world: World, stack: Stack, tmp_path: Path) -> None:
    world.hub.put("someone/no-ids", {"data/train.parquet": stack.flat(["path", "language"])})
    said = world.build(tmp_path / "run", "--set", "source.dataset=someone/no-ids", exit_code=2)
    assert "no column 'blob_id'; it has path, language" in said.stderr


def test_refused_credentials_say_which_to_mend_and_the_same_command_goes_on(world: World, tmp_path: Path) -> None:
    run = tmp_path / "run"
    world.s3.close_to_all()
    said = world.build(run, exit_code=4)
    assert "403 Forbidden" in said.stderr
    assert "requests were anonymous: set AWS_ACCESS_KEY_ID" in said.stderr
    world.s3.check_credentials()
    said = world.build(run, exit_code=4, AWS_ACCESS_KEY_ID="AKIAWRONG", AWS_SECRET_ACCESS_KEY="wrong")
    assert "InvalidAccessKeyId" in said.stderr
    assert "correct or unset AWS_ACCESS_KEY_ID" in said.stderr
    assert "Traceback" not in said.stderr
    assert "AKIAWRONG" not in said.stderr
    world.s3.check_credentials(False)
    world.build(run, AWS_ACCESS_KEY_ID="right", AWS_SECRET_ACCESS_KEY="right")
    world.s3.close_to_all(False)


def test_a_wrong_bucket_and_an_empty_one_stop_the_run(world: World, tmp_path: Path) -> None:
    said = world.build(tmp_path / "a", "--set", "source.contents=s3://nowhere/content", exit_code=4)
    assert "there is no such bucket" in said.stderr
    said = world.build(tmp_path / "b", "--set", "source.contents=s3://softwareheritage/elsewhere", exit_code=3)
    assert "contents are missing, and 0 are there" in said.stderr
    assert "source.contents" in said.stderr


def test_a_storage_that_stays_away_is_given_up(world: World, tmp_path: Path) -> None:
    settings = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "BUILDER_PATIENCE": "2"}
    said = world.build(tmp_path / "run", exit_code=4, **settings)
    assert "the storage does not answer" in said.stderr
    assert "run the same command: it goes on" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("gone", ["storage", "hub"])
def test_ctrl_c_while_waiting_ends_soon_and_says_how_to_go_on(
    world: World, calm: Path, tmp_path: Path, gone: str
) -> None:
    run = tmp_path / "run"
    fault = world.hub.fail("drop", times=10**6 if gone == "hub" else 0, match="GET .*parquet", after=2)
    if gone == "storage":
        world.s3.down()
    process = start("build", "swallow-code", "--until", "syntax", "--run", run, *SMALL, **world.env)
    while not (run / "progress.json").exists():  # left every other second: the build is under way
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(1)
    interrupted = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    took = time.monotonic() - interrupted
    fault.times = 0
    if gone == "storage":
        world.s3.up()
    assert process.returncode == 130, said
    assert "run the same command to go on" in said
    assert "Traceback" not in said
    assert took < 20, f"{took:.1f} s: the wait, of 60 s, was not ended, but left behind"
    world.build(run, *SMALL)
    assert digests(run / "shards") == digests(calm / "shards")


def test_a_folder_serves_as_a_mirror(world: World, stack: Stack, calm: Path, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for blob_id, body in stack.contents.items():
        (mirror / blob_id).write_bytes(body)
    world.build(tmp_path / "run", *SMALL, "--set", f"source.contents=file://{mirror}")
    assert digests(tmp_path / "run" / "shards") == digests(calm / "shards")
    assert not world.s3.asked


# --- bytes to text ---


def test_inflating_stops_at_the_limit() -> None:
    bomb = gzip.compress(b"\0" * 2**26)
    assert inflate(bomb, 2**20) == (None, "too_large")
    assert inflate(gzip.compress(b"x" * 100), 100) == (b"x" * 100, None)
    assert inflate(gzip.compress(b"x" * 101), 100) == (None, "too_large")
    assert inflate(gzip.compress(b"a") + gzip.compress(b"b"), 100) == (b"ab", None)
    assert inflate(gzip.compress(b"a") + b"trailing", 100) == (None, "broken_gzip")
    assert inflate(b"", 100) == (None, "broken_gzip")


def mirror_of(folder: Path, blobs: list[bytes]) -> tuple[str, list[tuple[int, Wanted]]]:
    """Lay blobs down as a storage does; return its URL and what to want of it."""
    folder.mkdir()
    ids = [hashlib.sha1(blob, usedforsecurity=False).hexdigest() for blob in blobs]
    for blob_id, blob in zip(ids, blobs, strict=True):
        (folder / blob_id).write_bytes(gzip.compress(blob))
    return f"file://{folder}", [(number, Wanted(blob_id, None)) for number, blob_id in enumerate(ids)]


def test_what_was_committed_is_not_asked_for_again_after_a_kill(tmp_path: Path) -> None:
    blobs = [b"x = %d\n" % number for number in range(50)]
    url, wanted = mirror_of(tmp_path / "mirror", blobs)
    killed = Contents(url, None, 2**20, tmp_path / "kept")
    assert [content for _, content in killed.read(wanted)] == [Content(blob) for blob in blobs]
    for file in (tmp_path / "mirror").iterdir():  # and `killed` is never closed
        file.unlink()
    resumed = Contents(url, None, 2**20, tmp_path / "kept")
    assert [content for _, content in resumed.read(wanted)] == [Content(blob) for blob in blobs]
    resumed.close()


def test_a_disk_too_full_for_contents_stops_the_run_and_room_continues_it(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs privileges: " + mounted.stderr.decode().strip())
    try:
        blobs = [random.Random(number).randbytes(20_000) for number in range(300)]
        url, wanted = mirror_of(tmp_path / "mirror", blobs)
        with pytest.raises(StorageError, match="full") as caught:
            list(Contents(url, None, 2**20, small).read(wanted))
        assert "run the same command" in caught.value.remedy
        subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
        contents = Contents(url, None, 2**20, small)
        assert [content for _, content in contents.read(wanted)] == [Content(blob) for blob in blobs]
        contents.close()
    finally:
        subprocess.run(["umount", "--lazy", small], check=False)


def test_a_blob_larger_than_declared_is_read_for_all_who_want_it(tmp_path: Path) -> None:
    content = random.Random(1).randbytes(20_000)
    url, [(_, wanted)] = mirror_of(tmp_path / "mirror", [content])
    contents = Contents(url, None, 2**20, tmp_path / "kept")
    read = list(contents.read([(number, Wanted(wanted.blob_id, 1)) for number in range(3)]))
    assert read == [(number, Content(content)) for number in range(3)]
    contents.close()


@pytest.mark.parametrize(
    ("content", "encoding", "expected"),
    [
        (b"\xe9", "ISO-8859-1", ("é", None)),
        (b"\xe9", "windows-1252", ("é", None)),
        (b"\xe9", None, (None, "undecodable")),
        (b"x", "rot13", (None, "unknown_encoding")),
        (b"x", "base64", (None, "unknown_encoding")),
        (b"x", "idna", (None, "unknown_encoding")),
        (b"x", "raw_unicode_escape", (None, "unknown_encoding")),
        (b"x", "a\0b", (None, "unknown_encoding")),
        (b"x", "../../etc", (None, "unknown_encoding")),
        (b"+2AA-", "utf-7", (None, "undecodable")),
        (b"a\0b", "ascii", (None, "nul_bytes")),
        ("a".encode("utf-16"), "UTF-16", ("a", None)),
        ("똠".encode("cp949"), "windows-949", ("똠", None)),
        ("Привет".encode("mac-cyrillic"), "x-mac-cyrillic", ("Привет", None)),
        ("שלום".encode("iso8859-8"), "ISO-8859-8-I", ("שלום", None)),
        ("漢".encode("cp932"), "x-sjis", ("漢", None)),
        (b"\x85", "ISO-8859-1", ("\x85", None)),  # a browser would read windows-1252's ellipsis
        (b"x", "replacement", (None, "unknown_encoding")),
        (b"x", "iso-2022-cn", (None, "unknown_encoding")),
        (b"x", "x-user-defined", (None, "unknown_encoding")),
    ],
)
def test_bytes_become_text_or_a_reason(
    content: bytes, encoding: str | None, expected: tuple[str | None, str | None]
) -> None:
    assert decode_declared(content, encoding) == expected
