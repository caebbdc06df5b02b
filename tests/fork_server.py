"""A process that has imported all that the command line may need, and forks a run of it for each request.

Python and the libraries take longer to start than most of the tests' runs take. A forked run is a process like any
other: its own pid, descriptors, environment and folder; it dies of signals and ends with all that an interpreter
does at its end. Only what it was executed with (`/proc/PID/cmdline`, `environ`) is this process's.

Started by `tests.starting` with a socket's descriptor. A message there is JSON (arguments, environment, folder,
Python to run first) with four descriptors: stdin, stdout, stderr, and a pipe that gets a line with the pid and,
when the process has ended, one with its exit status as `subprocess` has it. When the socket closes, all runs are
killed.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

LIBRARIES = (
    "aiohttp", "anyio", "bpe_openai._bindings", "jinja2", "license_expression", "numpy", "orjson",
    "packaging.requirements",
    "pyarrow.compute", "pyarrow.dataset", "pyarrow.parquet", "pydantic", "rensa", "rich.logging", "rich.markup",
    "rich.panel", "rich.progress", "rich.syntax", "rich.table", "sqlite3", "tenacity", "typer", "uvloop", "yaml",
    # What the Hub's clients import, and not the clients: those read the environment while they are imported.
    "dill", "filelock", "fsspec", "httpx2", "multiprocess.pool", "pandas", "tqdm.auto", "xxhash",
)  # fmt: skip
OURS = (
    "builder.checkpoints.table", "builder.cli", "builder.filters.workers", "builder.recipe_file",
    "builder.release.publish", "builder.release.verify", "builder.report", "builder.rewriting.local",
    "builder.run.build", "builder.run.explain", "builder.sources.contents",
)  # fmt: skip
SINGLE_THREADED = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


def preload() -> None:
    """Import what the command line may need, without a thread and without what depends on the environment."""
    spare_memory = importlib.import_module("builder.arrow").spare_memory
    spare_memory()
    for module in LIBRARIES:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # or each collection in a child, the last one too, would go through all of it
    for module in OURS:  # after it: of DuckDB's types a frozen one would be reported as a leak
        importlib.import_module(module)
    list(importlib.import_module("builder.checks").CHECKS.values())  # imported when they are wanted
    # DuckDB before 2 opens a connection as it is imported, with a thread for each further core.
    importlib.import_module("duckdb").close()
    if early := {"huggingface_hub", "datasets"} & sys.modules.keys():
        raise RuntimeError(f"{early} would have the environment of this process")
    threads = [file.read_text().strip() for file in Path("/proc/self/task").glob("*/comm")]
    if len(threads) > 1:
        raise RuntimeError(f"imports have started threads, which no fork has: {', '.join(threads)}")


def serve(control: socket.socket) -> dict[str, Any]:
    """Fork runs until the socket closes; return, in each of them, what it is to run."""
    runs: dict[int, int] = {}  # by pid: where its status goes
    woken, wake = os.pipe()
    for descriptor in (woken, wake):
        os.set_blocking(descriptor, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends pytest, which closes the socket
    while True:
        ready, _, _ = select.select([control.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _reap(runs)
        if control.fileno() not in ready:
            continue
        message, descriptors, _, _ = socket.recv_fds(control, 2**20, 4)
        if not message:
            for pid in runs:
                os.kill(pid, signal.SIGKILL)
            os._exit(0)
        *streams, told = descriptors
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for descriptor in (woken, wake, told, *runs.values()):
                os.close(descriptor)
            control.close()
            return _become(json.loads(message), streams)
        runs[pid] = told
        os.write(told, f"{pid}\n".encode())
        for descriptor in streams:
            os.close(descriptor)


def _reap(runs: dict[int, int]) -> None:
    """Tell how runs have ended."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            told = runs.pop(pid)
            with contextlib.suppress(BrokenPipeError):  # nobody waits for it
                os.write(told, f"{os.waitstatus_to_exitcode(status)}\n".encode())
            os.close(told)


def _become(task: dict[str, Any], streams: list[int]) -> dict[str, Any]:
    """Take a run's streams, folder, environment and arguments."""
    for target, descriptor in enumerate(streams):
        os.dup2(descriptor, target)
        os.close(descriptor)
    os.chdir(task["folder"])
    os.environ.clear()
    os.environ.update(task["environment"])
    sys.argv[1:] = task["arguments"]
    tempfile.tempdir = None  # found out by an import, for another environment
    time.tzset()
    return task


def _status(main: Callable[[], None]) -> int:
    """Run the command line; return its exit status as an interpreter has it."""
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:  # noqa: BLE001 - whatever it is, as an interpreter does
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    preload()
    exec(cast("str", serve(socket.socket(fileno=int(sys.argv[1])))["first"]))
    from builder.cli import main

    status = _status(main)
    # As programs end: threads joined, `atexit` obeyed, streams flushed; but what was imported is not taken apart,
    # which would touch, and so copy, all of its memory: half of what most runs cost.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
