"""The process that filter workers are forked from: what they need is loaded once, memory is shared.

    zygote ── lane ── worker      a lane for each text in work; it outlives its worker
           └─ lane ── worker      a worker for each two hundred texts, or until a text kills it

A lane passes a text on and the answer back. When its worker dies it says of what, having tried once more with a
fresh one. The kernel's timers end a worker, also inside C code, where no signal handler would run. Run as a
script by `workers`, in a bare interpreter (standard library alone) where a filter says so, hence without imports
of this project. Frames both ways: 4 bytes of length, then JSON.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import json
import os
import select
import shutil
import signal
import site
import socket
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

_PR_SET_NAME = 15  # linux/prctl.h


def read_frame(stream: BinaryIO) -> bytes | None:
    """Return the next frame's body, None at the end of the stream."""
    header = stream.read(4)
    if len(header) < 4:
        return None
    (length,) = struct.unpack(">I", header)
    body = stream.read(length)
    return body if len(body) == length else None


def write_frame(stream: BinaryIO, body: bytes) -> None:
    """Write one frame and flush it."""
    stream.write(struct.pack(">I", len(body)) + body)
    stream.flush()


def sibling(name: str) -> Any:  # noqa: ANN401 - a module
    """Return a module beside this file without making it importable: a text must not find it."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_confine = sibling("confine")


class _FilterMeasurer:
    """A filter that measures by itself, in the shape of what a script's `load` returns."""

    worn = False

    def __init__(self, options: dict[str, Any]) -> None:
        kind = getattr(importlib.import_module(options["module"]), options["class"])
        self._filter = kind.model_validate(options["options"])
        self._filter.prepare()

    def measure(self, text: str) -> dict[str, Any]:
        measures: dict[str, Any] = self._filter.measure(text)
        return measures


def _load(task: dict[str, Any]) -> Any:  # noqa: ANN401 - a script's measurer
    if task["script"] is None:
        return _FilterMeasurer(task["options"])
    return sibling(task["script"]).load(task["options"], sibling)


def _name(name: str) -> None:
    """Name this process for `ps` and `top`."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def _work(texts: BinaryIO, answers: BinaryIO, measurer: Any, cpu_limit: float, lane: int) -> NoReturn:  # noqa: ANN401
    """Measure texts until there are no more, or until this process is worn."""
    _name("builder-worker")
    _confine.end_with_parent(lane)
    _confine.confine_worker()
    leaving = False
    while not leaving and (body := read_frame(texts)) is not None:
        signal.setitimer(signal.ITIMER_PROF, cpu_limit)
        signal.setitimer(signal.ITIMER_REAL, 4 * cpu_limit + 10)
        try:
            measures = measurer.measure(json.loads(body))
            leaving = measurer.worn
            answer = _framed({"worn": leaving, "measures": measures})
        except BaseException as error:  # noqa: BLE001 - reported to the lane, which names it in the row
            answer, leaving = _framed({"died": f"raised_{type(error).__name__}"}), True
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        write_frame(answers, answer)
    os._exit(0)


def _framed(answer: dict[str, Any]) -> bytes:
    """Return an answer as JSON that every reader takes: a text may have brought lone surrogates into a measure.

    Raises:
        ValueError: A measure is not a number.
    """
    return json.dumps(answer, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")


_DIED, _WORN = b'{"died"', b'{"worn": true'
_DEATHS: dict[int, str] = {signal.SIGPROF: "cpu_limit", signal.SIGALRM: "time_limit"}


class _Worker:
    """A lane's worker, forked from it."""

    def __init__(self, measurer: Any, cpu_limit: float) -> None:  # noqa: ANN401
        texts, texts_in = os.pipe()
        answers_out, answers = os.pipe()
        lane = os.getpid()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(texts_in)
            os.close(answers_out)
            _work(os.fdopen(texts, "rb"), os.fdopen(answers, "wb"), measurer, cpu_limit, lane)
        os.close(texts)
        os.close(answers)
        self._texts, self._answers = os.fdopen(texts_in, "wb"), os.fdopen(answers_out, "rb")

    def measure(self, body: bytes) -> bytes | None:
        """Return the answer's frame, None where the worker is gone."""
        try:
            write_frame(self._texts, body)
        except OSError:
            return None
        return read_frame(self._answers)

    def end(self) -> str:
        """Wait for the worker's end and say what it died of."""
        with contextlib.suppress(OSError):
            self._texts.close()
        self._answers.close()
        _, status = os.waitpid(self._pid, 0)
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            return _DEATHS.get(number, f"signal_{number}")
        return f"exit_{os.WEXITSTATUS(status)}"


def _lane(channel: socket.socket, measurer: Any, cpu_limit: float, folder: Path) -> None:  # noqa: ANN401
    """Have texts measured, one after another, each by a worker that is not worn."""
    _name("builder-lane")
    lacking = _confine.confine_lane(folder)
    worker: _Worker | None = None
    stream = cast("BinaryIO", channel.makefile("rwb"))
    write_frame(stream, json.dumps({"pid": os.getpid(), "lacking": lacking}).encode())
    while (body := read_frame(stream)) is not None:
        answer = b""
        for _ in range(2):
            worker = worker or _Worker(measurer, cpu_limit)
            found = worker.measure(body)
            if found is None or found.startswith((_DIED, _WORN)):
                death, worker = worker.end(), None
                found = found or json.dumps({"died": death}).encode()
            answer = found
            if not answer.startswith(_DIED):
                break
        write_frame(stream, answer)
    if worker is not None:
        worker.end()


class _Zygote:
    """Loads measurers, forks lanes, and warms up in between."""

    def __init__(self, control: socket.socket, folder: Path) -> None:
        self._control, self._folder = control, folder
        self._measurers: dict[int, Any] = {}
        self._warming: dict[int, Iterator[None]] = {}

    def run(self) -> None:
        """Serve until the parent has gone."""
        while True:
            ready, _, _ = select.select([self._control], [], [], 0 if self._warming else None)
            if ready:
                message, descriptors, _, _ = socket.recv_fds(self._control, 2**20, 1)
                if not message:
                    return
                self._obey(json.loads(message), descriptors)
            else:
                self._warm_up()
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass

    def _warm_up(self) -> None:
        """Do one step of what is to be shared; tell the parent when it is all there."""
        key, steps = next(iter(self._warming.items()))
        if next(steps, self) is self:
            del self._warming[key]
            self._control.send(json.dumps({"warm": key}).encode())

    def _obey(self, task: dict[str, Any], descriptors: list[int]) -> None:
        key = task["key"]
        if not descriptors:
            if hasattr(self._measurers.get(key), "warm"):
                self._warming[key] = self._measurers[key].warm()
            return
        channel = socket.socket(fileno=descriptors[0])
        try:
            if key not in self._measurers:
                self._measurers[key] = _load(task)
        except Exception as error:  # noqa: BLE001 - told to the parent
            with channel.makefile("wb") as stream:
                write_frame(stream, json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode())
            channel.close()
            return
        gc.collect()
        gc.freeze()  # or a collection in a child would copy every page
        zygote = os.getpid()
        if os.fork() == 0:
            _confine.end_with_parent(zygote)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            self._control.close()
            status = 1
            try:
                _lane(channel, self._measurers[key], task["cpu_limit"], self._folder)
                status = 0
            finally:
                os._exit(status)
        channel.close()


def main() -> None:
    """Serve the parent on the socket with the given descriptor; the given folder is ours to remove."""
    descriptor, folder = int(sys.argv[1]), Path(sys.argv[2])
    here = str(Path(__file__).parent)
    sys.path[:] = [entry for entry in sys.path if entry != here]
    os.chdir(folder / "beside")
    if (folder / "packages").is_dir():
        # A file's folder comes first for pylint: nothing lies in it but the file itself.
        sys.path.insert(0, str(folder / "beside"))
        sys.path.append(str(folder / "packages"))
        # The rest of what `site` does at an interpreter's start: `exit`, `quit` and `help` are builtins.
        for fill_builtins in (site.setquit, site.setcopyright, site.sethelper):
            fill_builtins()
    _name("builder-zygote")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        _Zygote(socket.socket(fileno=descriptor), folder).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        end = time.monotonic() + 0.5  # idle lanes end by themselves, for their parent has closed them too
        with contextlib.suppress(ChildProcessError):
            while time.monotonic() < end:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    time.sleep(0.01)
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
