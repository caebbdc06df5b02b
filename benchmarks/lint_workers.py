"""Lint: a long-lived filter worker against pylint's command line, a process a file, on the same files in one run.

Prints CPU seconds of everything (children included) and their ratio, and counts scores that differ.
"""

from __future__ import annotations

import asyncio
import re
import resource
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from builder.filters import Lint
from builder.filters.lint import DISABLED
from builder.filters.workers import Workers

FILES = 20


def children_seconds() -> float:
    """Return the CPU seconds of all children that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def command_line(path: Path, cwd: str) -> float | None:
    """Return what `pylint FILE` prints as the score."""
    options = ["--rcfile=/dev/null", "--persistent=n", f"--disable={','.join(DISABLED)}"]
    done = subprocess.run(
        [sys.executable, "-m", "pylint", *options, str(path)], capture_output=True, text=True, cwd=cwd, check=False
    )
    found = re.search(r"rated at (-?\d+\.\d+)/10", done.stdout)
    return float(found.group(1)) if found else None


async def workers(texts: list[str]) -> list[float | None]:
    """Return the same scores from one worker."""
    async with Workers(1) as pool:
        return [(await pool.verdict("lint", Lint(), text)).record["pylint_score"] for text in texts]


def main() -> None:
    """Measure both."""
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    sources = [path for path in sorted(stdlib.glob("*.py")) if 1000 < path.stat().st_size < 12000][:FILES]
    with tempfile.TemporaryDirectory() as folder:
        copies = []
        for number, source in enumerate(sources):
            # Each in a folder of its own: pylint resolves imports beside a file.
            copy = Path(folder) / str(number) / "source.py"
            copy.parent.mkdir()
            copy.write_bytes(source.read_bytes())
            copies.append(copy)
        start = children_seconds()
        theirs = [command_line(copy, str(copy.parent)) for copy in copies]
        middle = children_seconds()
        ours = asyncio.run(workers([copy.read_text(encoding="utf-8") for copy in copies]))
        end = children_seconds()
    kilobytes = sum(source.stat().st_size for source in sources) / 1000
    differing = sum(one != other for one, other in zip(theirs, ours, strict=True))
    print(f"{len(sources)} files, {kilobytes:.0f} kB; {differing} scores differ")
    print(f"pylint's command line  {middle - start:6.1f} CPU-s")
    print(f"one worker             {end - middle:6.1f} CPU-s   {(middle - start) / (end - middle):.1f} times less")


if __name__ == "__main__":
    main()
