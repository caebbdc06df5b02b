"""Which process this is, in words that another one can look up, on this machine or elsewhere."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import orjson


@dataclass(frozen=True, slots=True)
class Process:
    """A process, with what tells it from another of the same number, and the number of what it claims."""

    host: str
    place: str
    pid: int
    started: str
    claim: str = field(default_factory=lambda: secrets.token_hex(8))
    epoch: int = 0

    @classmethod
    def named_in(cls, content: bytes) -> Process:
        """Return the process that a file names; a file that a power cut emptied names none there is."""
        try:
            return cls(**orjson.loads(content))
        except (orjson.JSONDecodeError, TypeError):
            return cls("an unknown host", "", 0, "", "")

    @classmethod
    def this(cls) -> Process:
        """Return this process, with a claim of its own at each call."""
        return cls(socket.gethostname(), this_place(), os.getpid(), _started(os.getpid()) or "")

    @property
    def is_here(self) -> bool:
        """Whether it is, or was, where this process can look it up."""
        return self.place == this_place()

    @property
    def has_ended(self) -> bool:
        """Whether it has ended, of one that is here."""
        return _started(self.pid) != self.started


@cache
def this_place() -> str:
    """Return a name of this machine since it began, and of the container: they number processes for themselves."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def this_process() -> str:
    """Return a name of this process, good for a file's, for `is_gone`."""
    me = Process.this()
    return f"{_short(me.place)}-{me.pid}-{me.started}"


def is_gone(name: str) -> bool | None:
    """Whether the process that called itself so has ended; None where it was on another machine, or container."""
    place, _, process = name.partition("-")
    pid, _, started = process.partition("-")
    if place != _short(this_place()) or not pid.isdigit():
        return None
    return _started(int(pid)) != started


def _short(place: str) -> str:
    return hashlib.sha256(place.encode()).hexdigest()[:12]


def _started(pid: int) -> str | None:
    """Return when a process of this machine began, in ticks since the machine did; None where there is none."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if told[0] in "ZX" else told[19]  # a zombie builds nothing
