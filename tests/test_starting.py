"""What the other tests rely on: a forked run of the command line is a process like one that was executed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support import start

WHO = """
import atexit, json, os, sys, tempfile, threading
atexit.register(lambda: print("ended", file=sys.stderr))
threading.Timer(0.2, lambda: print("joined", file=sys.stderr)).start()
print(json.dumps({
    "pid": os.getpid(), "folder": os.getcwd(), "environment": dict(os.environ), "arguments": sys.argv[1:],
    "temporary": tempfile.gettempdir(), "hash": hash("a"),
    "threads": len(os.listdir("/proc/self/task")), "descriptors": os.listdir("/proc/self/fd"),
    "clients": [name for name in sys.modules if name.partition(".")[0] in ("huggingface_hub", "datasets")],
}))
sys.exit(7)
"""
SLEEP = "import time; print('asleep', flush=True); time.sleep(60)"


def told(*arguments: str, **more: str) -> dict[str, Any]:
    run = start(*arguments, first=WHO, **more)
    assert run.wait(60) == 7
    assert run.stderr == "joined\nended\n"
    said: dict[str, Any] = json.loads(run.stdout)
    assert said["pid"] == run.pid
    return said


def test_it_has_its_own_of_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", "the tester's")
    one, other = told("build", "a b", MORE="1", TMPDIR=str(tmp_path)), told()
    assert one["pid"] != other["pid"]
    assert one["hash"] != other["hash"]
    assert one["arguments"] == ["build", "a b"]
    assert one["folder"] == str(tmp_path)
    assert one["environment"]["MORE"] == "1"
    assert one["temporary"] == str(tmp_path)
    assert not {"MORE", "HF_TOKEN", "OPENBLAS_NUM_THREADS"} & other["environment"].keys()
    assert one["threads"] == 2, "its own two"
    assert one["clients"] == [], "they would have the environment of another process"
    assert len(one["descriptors"]) == 4, "stdin, stdout, stderr, and that of the list itself"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_dies_of_signals(number: signal.Signals) -> None:
    run = start(first=SLEEP)
    while not run.stdout:
        assert run.poll() is None
    run.send_signal(number)
    code = run.wait(30)
    assert code == -number
    assert ("KeyboardInterrupt" in run.stderr) == (number == signal.SIGINT)
    assert not Path(f"/proc/{run.pid}").exists()


def test_the_tool_gets_its_arguments_and_its_exit_code_comes_back() -> None:
    assert start("status", "nowhere").wait(60) == 2
    run = start("recipes", "demo")
    assert run.wait(60) == 0
    assert run.stdout.startswith("#")
    assert os.getpid() != run.pid
