"""What a worker can do should a text get the better of it: real attempts, each from within."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builder.document import Verdict
from builder.filters.workers import Workers
from tests.sandbox_filter import Breakout

FILES, PROGRAMS = "no files but what Python needs (Landlock)", "no programs, processes, sockets (seccomp)"
CAPABILITIES, NETWORK = "no capabilities", "no network (namespaces)"


def attempt(*texts: str) -> tuple[list[Verdict], str]:
    """Return how the attempts went in one worker, and what the user was told."""
    told: list[str] = []

    async def use() -> list[Verdict]:
        async with Workers(1, told.append) as workers:
            return [await workers.verdict(Breakout(), text) for text in texts]

    return asyncio.run(use()), " ".join(told)


def needs(lacking: str, *measures: str) -> None:
    for measure in measures:
        if measure in lacking:
            pytest.skip(f"this kernel does not give: {measure}")


@pytest.fixture
def bystander() -> Iterator[int]:
    """A process of the same user that is none of the workers' business."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={"SECRET": "1"})
    yield process.pid
    assert process.poll() is None, "a worker has ended another process"
    process.kill()
    process.wait()


def went(texts: list[str], *measures: str) -> dict[str, Any]:
    verdicts, lacking = attempt(*texts, "thread")
    needs(lacking, *measures)
    assert verdicts[-1].record == {"error": None, "result": "done"}, "the worker did not go on"
    return {text: verdict.record["error"] for text, verdict in zip(texts, verdicts, strict=False)}


def test_a_worker_reads_no_file_that_python_does_not_need(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    secret.chmod(0o644)
    home, parent = Path.home(), os.getpid()
    texts = [f"read|{secret}", f"list|{home}", "read|/etc/passwd", f"read|/proc/{parent}/environ", "list|/proc"]
    assert set(went(texts, FILES).values()) == {"PermissionError"}
    assert went([f"read|{os.__file__}"]) == {f"read|{os.__file__}": None}


def test_a_worker_changes_no_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    before = mine.stat()
    changes = ("write", "remove", "rename", "link", "chmod", "touch", "truncate")
    texts = [*(f"{change}|{mine}" for change in changes), f"make folder|{tmp_path}/new", "write|/dev/shm/new"]
    assert set(went(texts, FILES, PROGRAMS).values()) <= {"PermissionError", "OSError"}
    after = mine.stat()
    assert (after.st_mode, after.st_mtime_ns, after.st_uid) == (before.st_mode, before.st_mtime_ns, before.st_uid)
    assert (mine.read_text(), list(tmp_path.iterdir())) == ("mine", [mine])


def test_a_worker_reaches_nobody() -> None:
    name = f"builder-test-{os.getpid()}"
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("\0" + name)
        abstract.listen()
        port = server.getsockname()[1]
        errors = went([f"connect|{port}", f"abstract socket|{name}", "socket", "netlink"], PROGRAMS)
        assert set(errors.values()) == {"PermissionError"}


def test_a_worker_starts_nothing(bystander: int) -> None:
    errors = went(["fork", "execute", "spawn", "subprocess"], PROGRAMS)
    assert set(errors.values()) == {"PermissionError"}


def test_a_worker_touches_no_other_process(bystander: int) -> None:
    texts = [
        f"{what}|{pid}"
        for what in ("kill", "probe", "trace", "limit", "affinity", "priority")
        for pid in (bystander, os.getpid())
    ]
    assert set(went(texts, PROGRAMS).values()) == {"PermissionError"}


def test_a_worker_gets_no_more_than_it_has() -> None:
    errors = went(["raise own limit", "user", "namespace", "map memory"], PROGRAMS, CAPABILITIES)
    assert None not in errors.values()
    verdicts, _ = attempt("capabilities", "environment", "own limit")
    capabilities, environment, limit = (verdict.record["result"] for verdict in verdicts)
    assert capabilities == "False"
    assert set(eval(environment)) <= {"PATH", "LANG", "HOME", "PYTHONHASHSEED", "LC_CTYPE"}
    assert limit == "(0, 0)"


def test_a_worker_is_in_a_network_of_its_own() -> None:
    (network,), lacking = attempt("network")
    needs(lacking, NETWORK)
    assert network.record["result"].startswith("net:[")
    assert network.record["result"] != str(Path("/proc/self/ns/net").readlink())


def test_a_worker_that_aborts_is_named_by_its_signal() -> None:
    (died, after), _ = attempt("abort", "thread")
    assert died.drop == "worker_signal_6"
    assert after.record["result"] == "done"


WITHOUT_LANDLOCK = """
import asyncio, ctypes
from builder.filters import confine
from builder.filters.workers import Workers
from tests.sandbox_filter import Breakout
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS, without which no user may deny calls
confine.deny_calls({"landlock_create_ruleset": (444, 444)})
async def use():
    async with Workers(1, print) as workers:
        for _ in range(3):
            print((await workers.verdict(Breakout(), "thread")).record["result"])
asyncio.run(use())
"""


def test_the_user_is_told_once_of_what_the_kernel_does_not_give() -> None:
    _, lacking = attempt("thread")
    needs(lacking, PROGRAMS)
    done = subprocess.run([sys.executable, "-c", WITHOUT_LANDLOCK], capture_output=True, text=True, check=True)
    told, *results = done.stdout.splitlines()
    assert results == ["done"] * 3
    assert told.startswith("this machine does not give filter workers: ")
    assert FILES in told
    assert PROGRAMS not in told
