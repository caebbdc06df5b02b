"""What storage refuses, and files of which there are too many: an error with a remedy, at most a slower run."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import resource
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from builder.errors import StorageError
from builder.files import database, storage, storage_error, write_text
from builder.rewriting.pool import ServerPool
from builder.sources.files import FilesSource
from tests.asking import SHORT, Outcome, ask_all, failures, run, texts
from tests.faulty import write_chain
from tests.support import builder, start, write_corpus
from tests.tgi_double import Speed, TgiDouble

REFUSED = (
    *("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EMFILE", "ENFILE", "ESTALE", "ETIMEDOUT", "EIO"),
    *(
        "EHOSTDOWN",
        "EHOSTUNREACH",
        "ENOTCONN",
        "ESHUTDOWN",
        "ENODEV",
        "ENOKEY",
        "EKEYEXPIRED",
        "EREMOTEIO",
        "EUCLEAN",
    ),
)


@contextlib.contextmanager
def no_file_left() -> Iterator[None]:
    """Have this process open as many files as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(int(file.name) for file in Path("/dev/fd").iterdir()) + 2, hard)
    )
    taken = []
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(1))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("name", REFUSED)
def test_what_storage_refuses_says_what_to_do(name: str, tmp_path: Path) -> None:
    code = getattr(errno, name)
    with pytest.raises(StorageError) as met, storage(tmp_path / "file"):
        raise OSError(code, os.strerror(code))
    assert (met.value.exit_code, met.value.where) == (4, str(tmp_path / "file"))
    assert os.strerror(code) in met.value.what
    assert "run the same command" in met.value.remedy


def test_causes_that_differ_have_remedies_that_differ() -> None:
    remedies = {
        error.remedy
        for name in ("ENOSPC", "EDQUOT", "EROFS", "EMFILE", "ENFILE", "ESTALE", "ETIMEDOUT", "EKEYEXPIRED", "EIO")
        if (error := storage_error(OSError(getattr(errno, name), "", "/run/file")))
    }
    assert len(remedies) == 9


def test_a_bug_is_no_trouble_with_storage() -> None:
    assert storage_error(FileNotFoundError(errno.ENOENT, "", "/run/file")) is None
    assert storage_error(ValueError("x")) is None
    assert storage_error(TimeoutError(errno.ETIMEDOUT, "a socket's, which has no file")) is None
    with pytest.raises(FileExistsError), storage(Path("x")):
        raise FileExistsError(errno.EEXIST, "")


def test_of_a_folder_the_file_is_named(tmp_path: Path) -> None:
    with no_file_left(), pytest.raises(StorageError, match="Too many open files") as met, storage(tmp_path):
        (tmp_path / "one").open("w")
    assert met.value.where == str(tmp_path / "one")


def test_what_a_file_server_says_late_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "run.json", "before")

    def over_quota(descriptor: int) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(os, "fsync", over_quota)
    with pytest.raises(StorageError, match="quota"):
        write_text(tmp_path / "run.json", "after")
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert (tmp_path / "run.json").read_text() == "before"


def test_a_table_that_cannot_be_opened_for_want_of_files(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").touch()
    connection = duckdb.connect()
    with no_file_left(), pytest.raises(duckdb.IOException) as met:
        connection.read_parquet(str(tmp_path / "a.parquet"))
    error = storage_error(met.value)
    assert error is not None and os.strerror(errno.EMFILE) in error.what


def test_no_document_is_dropped_for_want_of_files(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("a = 1\n")
    source = FilesSource(kind="files", path=tmp_path)
    shard = source.shards()[0]
    with no_file_left(), pytest.raises(StorageError, match="Too many open files"):
        list(source.read(shard, Counter()))
    assert [document.text for document in source.read(shard, Counter())] == ["a = 1\n"]


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """Give a recipe whose run has begun, in `run` beside it."""
    recipe = write_corpus(tmp_path / "in", ("this.py", "keyword.py"), lints=False)
    builder("build", recipe, "--run", tmp_path / "run", "--until", "long")
    return recipe


@pytest.mark.parametrize("file", ["run.json", "journal/shard-00000.jsonl", "progress.json"])
def test_a_file_of_the_run_that_the_disk_cannot_read(begun: Path, tmp_path: Path, file: str) -> None:
    run = tmp_path / "run"
    broken = run / file
    broken.unlink(missing_ok=True)
    broken.parent.mkdir(exist_ok=True)
    broken.symlink_to("/proc/self/mem")  # its first page is not there: an I/O error
    with TgiDouble() as server:
        said = builder("build", begun, "--run", run, "--server", server.url, exit_code=4).stderr
    assert os.strerror(errno.EIO) in said
    assert "Traceback" not in said
    if "journal" not in file:
        said = builder("status", run, exit_code=4).stderr
        assert os.strerror(errno.EIO) in said
        assert "Traceback" not in said


def test_few_open_files_make_a_run_slower_and_break_nothing(tmp_path: Path) -> None:
    recipe = write_chain(tmp_path / "in", 120)
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))"
    with TgiDouble(max_concurrent_requests=2000, speed=Speed(step=0.002)) as server:
        done = start("build", recipe, "--run", tmp_path / "run", "--server", server.url, first=few)
        assert done.wait(120) == 0, done.stderr
    assert "ulimit" in " ".join(done.stderr.split())
    assert 8 <= server.peak < 128


def test_with_next_to_no_files_a_build_does_not_begin(tmp_path: Path) -> None:
    recipe = write_chain(tmp_path / "in", 5)
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))"
    done = start("build", recipe, "--run", tmp_path / "run", "--server", "http://127.0.0.1:9", first=few)
    assert done.wait(60) == 4
    assert "32 files" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_the_limit_of_open_files_is_raised_as_far_as_it_goes() -> None:
    script = (
        "import resource as r; from builder.open_files import *; r.setrlimit(r.RLIMIT_NOFILE, (64, 900));"
        "print(raise_limit(), r.getrlimit(r.RLIMIT_NOFILE)[0], room_for_connections() < 900 - 225, at_most(256))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["900", "900", "True", "112"]


def test_a_server_is_not_blamed_for_files_that_we_lack() -> None:
    async def work() -> tuple[list[Outcome], bool]:
        async with TgiDouble(speed=SHORT) as server, ServerPool([server.url]) as pool:
            assert failures(await ask_all(pool, texts(4), 4)) == []
            with no_file_left():
                asked = asyncio.ensure_future(ask_all(pool, texts(60), 60))
                await asyncio.sleep(0.5)
                was_able = pool.members[0].is_able
            return await asked, was_able

    answers, was_able = run(work)
    assert was_able
    assert failures(answers) == []


def test_what_a_database_is_refused_is_no_full_disk(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    path = tmp_path / "some.sqlite"
    sqlite3.connect(path).close()

    def said(address: str, statement: str) -> str:
        with (
            pytest.raises(StorageError) as caught,
            database(path, "it fails", "make room"),
            contextlib.closing(sqlite3.connect(address, uri=True)) as connection,
        ):
            connection.execute(statement)
        return caught.value.remedy

    for refused in (f"{path.as_uri()}?mode=ro", (tmp_path / "folder").as_uri()):
        assert "give this user the right to it" in said(refused, "CREATE TABLE more (a)")
    path.write_bytes(b"no database at all" * 100)
    assert said(path.as_uri(), "SELECT * FROM more") == "make room"
