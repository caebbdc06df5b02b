"""A filter that tries to get out of its worker: each text names one attempt."""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal
import socket
import struct
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from builder.filters.base import Measures, TextFilter


def _libc(name: str, *arguments: int) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return "done"


def _thread() -> str:
    done: list[str] = []
    thread = threading.Thread(target=done.append, args=("done",))
    thread.start()
    thread.join()
    return done[0]


def _capabilities() -> str:
    data = ctypes.create_string_buffer(24)
    ctypes.CDLL(None).capget(struct.pack("Ii", 0x20080522, 0), data)
    return str(any(struct.unpack("6I", data.raw)))


def _connect(port: str) -> str:
    return str(socket.create_connection(("127.0.0.1", int(port)), 2))


def _abstract(name: str) -> str:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\0" + name)
    return "done"


def _fork() -> str:
    if os.fork() == 0:
        os._exit(0)
    return "done"


ATTEMPTS: Mapping[str, Callable[..., object]] = {
    "read": lambda path: Path(path).read_text(),
    "list": lambda path: list(Path(path).iterdir()),
    "write": lambda path: Path(path).write_text("x"),
    "make folder": lambda path: Path(path).mkdir(),
    "remove": lambda path: Path(path).unlink(),
    "rename": lambda path: Path(path).rename(path + "-2"),
    "link": lambda path: Path(path + "-3").symlink_to(path),
    "chmod": lambda path: Path(path).chmod(0o777),
    "touch": lambda path: os.utime(path),
    "truncate": lambda path: os.truncate(path, 0),
    "connect": _connect,
    "abstract socket": _abstract,
    "socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "fork": _fork,
    "execute": lambda: os.execv("/bin/true", ["true"]),
    "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "subprocess": lambda: subprocess.run(["/bin/true"], check=True),
    "kill": lambda pid: os.kill(int(pid), signal.SIGKILL),
    "probe": lambda pid: os.kill(int(pid), 0),
    "trace": lambda pid: _libc("ptrace", 16, int(pid), 0, 0),
    "limit": lambda pid: resource.prlimit(int(pid), resource.RLIMIT_NOFILE, (1, 1)),
    "affinity": lambda pid: os.sched_setaffinity(int(pid), {0}),
    "priority": lambda pid: os.setpriority(os.PRIO_PROCESS, int(pid), 5),
    "raise own limit": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (9, 9)),
    "user": lambda: os.setuid(12345),
    "namespace": lambda: _libc("unshare", 0x10000000),
    "map memory": lambda: mmap.mmap(-1, 4 * 2**30),
    # What a worker may:
    "thread": _thread,
    "own limit": lambda: resource.getrlimit(resource.RLIMIT_FSIZE),
    "capabilities": _capabilities,
    "network": lambda: Path("/proc/self/ns/net").readlink(),
    "environment": lambda: dict(os.environ),
    "abort": os.abort,
}


class Breakout(TextFilter):
    """Tries what its text says; measures how that went."""

    cpu_limit: ClassVar[float] = 2.0
    measures: ClassVar[Mapping[str, type]] = {"error": str, "result": str}

    def measure(self, text: str) -> Measures:
        attempt, *arguments = text.split("|")
        try:
            return {"error": None, "result": str(ATTEMPTS[attempt](*arguments))}
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            return {"error": type(error).__name__, "result": str(error)}

    def decide(self, measures: Measures) -> str | None:
        return None
