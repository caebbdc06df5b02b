"""A command of the tool, or a program, run as a process and measured: wall, CPU with its children, peak memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import indent


@dataclass(frozen=True, slots=True)
class Measured:
    """Wall and CPU in seconds, the peak of the main process in MB, and what it printed."""

    wall: float
    cpu: float
    peak: float
    printed: str


def measured(*arguments: str, env: Mapping[str, str] | None = None) -> Measured:
    """Run `python -m builder` with these arguments, and `env` added to the environment."""
    program = (
        f"import runpy\nsys.argv = {['builder', *arguments]!r}\nrunpy.run_module('builder', run_name='__main__')"
    )
    return measured_program(program, env)


def measured_program(program: str, env: Mapping[str, str] | None = None) -> Measured:
    """Run Python, with `env` added to the environment."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    whole = (
        f"import pathlib, re, sys\ntry:\n{indent(program, '    ')}\n"
        # ru_maxrss would count this program's peak too: a child begins with its parent's.
        "finally:\n    told = pathlib.Path('/proc/self/status').read_text()\n"
        "    print(re.search(r'VmHWM:\\s+(\\d+)', told)[1], file=sys.stderr)\n"
    )
    command, more = [sys.executable, "-c", whole], {**os.environ, **(env or {})}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=more)
    if done.returncode:
        raise RuntimeError(done.stderr)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(wall, cpu, int(done.stderr.split()[-1]) / 1024, done.stdout)
