"""A command of the tool, run as a process and measured: wall, CPU with all its children, peak memory."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """Wall and CPU in seconds, the peak of the main process in MB."""

    wall: float
    cpu: float
    peak: float


def measured(*arguments: str) -> Measured:
    """Run `python -m builder` with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    program = f"import pathlib, re, runpy, sys; sys.argv = {['builder', *arguments]!r}\n"
    program += (
        "try:\n    runpy.run_module('builder', run_name='__main__')\n"
        # ru_maxrss would count this program's peak too: a child begins with its parent's.
        "finally:\n    told = pathlib.Path('/proc/self/status').read_text()\n"
        "    print(re.search(r'VmHWM:\\s+(\\d+)', told)[1], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(wall, cpu, int(done.stderr.split()[-1]) / 1024)
