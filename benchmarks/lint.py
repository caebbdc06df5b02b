"""Lint: filter workers against pylint's command line, a process a file, on the same real files in one run.

The files are such that their sizes are log-normal, with a median of 2 kB and a mean of 5 kB: many small scripts,
few large modules. CPU seconds are those of everything: the process that workers are forked from,
lanes and workers. Reports the time by size of file, what starting costs, two workers against one, memory, and
every score that differs.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import math
import random
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from python_files import python_files

from builder.filters import Lint
from builder.filters.workers import Workers
from tests.clean_pylint import clean_python, printed_score
from tests.lint_texts import parity_texts
from tests.pylint_scores import printed_scores

SIZES = (1_000, 2_500, 5_000, 10_000, 25_000, 70_000)
MEDIAN, MEAN = 2_000, 5_000  # bytes a file
WARM_UP = 150  # texts, after which the shared trees are there


@dataclass(frozen=True)
class Timed:
    """One file: its size, and the score and CPU seconds of each side."""

    size: int
    theirs: float | None
    ours: float | None
    their_seconds: float
    our_seconds: float


def children_seconds() -> float:
    """Return the CPU seconds of all children that have ended and been waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def family_seconds() -> float:
    """Return the CPU seconds of the living filter processes, and of those that they have waited for."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, fields = stat.read_text().partition("(")[2].rpartition(") ")
        except OSError:
            continue
        if name.startswith("builder-"):
            ticks += sum(map(int, fields.split()[11:15]))
    return ticks / 100


def memory() -> tuple[float, float]:
    """Return the proportional set size, in MB, of the process all are forked from and the largest worker."""
    sizes: dict[str, float] = {}
    for comm in Path("/proc").glob("[0-9]*/comm"):
        try:
            name = comm.read_text().strip()
            if name in ("builder-zygote", "builder-worker"):
                rollup = comm.with_name("smaps_rollup").read_text()
                size = next(float(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
                sizes[name] = max(sizes.get(name, 0), size / 1000)
        except (OSError, StopIteration):
            continue
    return sizes.get("builder-zygote", 0), sizes.get("builder-worker", 0)


async def warmed(workers: Workers, texts: Sequence[str]) -> None:
    """Use workers until they have all that they share."""
    await asyncio.gather(*(workers.verdict(Lint(), text) for text in texts[:WARM_UP]))
    last = -1.0
    while family_seconds() != last:
        last = family_seconds()
        await asyncio.sleep(1)
    await asyncio.gather(*(workers.verdict(Lint(), text) for text in texts[:4]))


async def one_by_one(texts: Sequence[str]) -> tuple[float, list[tuple[float | None, float]], tuple[float, float]]:
    """Return the CPU seconds of starting, each text's score and CPU seconds, and the memory at the end.

    A text is measured ten times, for the kernel counts in hundredths of a second.
    """
    before, found = family_seconds(), []
    async with Workers(1) as workers:
        await warmed(workers, texts)
        started = family_seconds() - before
        for text in texts:
            start = family_seconds()
            for _ in range(10):
                verdict = await workers.verdict(Lint(), text)
            found.append((verdict.record["pylint_score"], (family_seconds() - start) / 10))
        return started, found, memory()


async def rate(texts: Sequence[str], count: int) -> float:
    """Return the texts a second of `count` workers."""
    async with Workers(count) as workers:
        await warmed(workers, texts)
        start = time.perf_counter()
        await asyncio.gather(*(workers.verdict(Lint(), text) for text in texts))
        return len(texts) / (time.perf_counter() - start)


def command_line(texts: Sequence[str], folder: Path) -> list[tuple[float | None, float]]:
    """Return each text's score and CPU seconds by a process of its own."""
    python, found = clean_python(folder / "venv"), []
    for number, text in enumerate(texts):
        start = children_seconds()
        score = printed_score(python, text, folder / str(number))
        found.append((score, children_seconds() - start))
    return found


def compiling(count: int) -> list[str]:
    """Return real files that compile, as text: for each of `count` sizes drawn, the file nearest to it in size."""
    drawn = random.Random(2)
    sizes = [drawn.lognormvariate(math.log(MEDIAN), math.sqrt(2 * math.log(MEAN / MEDIAN))) for _ in range(count)]
    files = sorted(python_files(10**6), key=lambda path: (path.stat().st_size, path))
    texts: list[str] = []
    for size in sizes:
        place = bisect.bisect_left(files, min(size, 70_000), key=lambda path: path.stat().st_size)
        while (text := _compiled(files.pop(min(place, len(files) - 1)))) is None:
            pass
        texts.append(text)
    return texts


def _compiled(path: Path) -> str | None:
    try:
        text = path.read_bytes().decode()
        compile(text, "<string>", "exec", dont_inherit=True)
    except (UnicodeDecodeError, SyntaxError, ValueError):
        return None
    return text


def report(timed: Sequence[Timed], name: str) -> None:
    """Print one line: files, CPU seconds a file of both, their ratio."""
    if timed:
        theirs = sum(one.their_seconds for one in timed) / len(timed)
        ours = sum(one.our_seconds for one in timed) / len(timed)
        print(
            f"{name:>16} {len(timed):5} files  {theirs:6.2f} s  {1000 * ours:7.1f} ms  {theirs / ours:6.1f} times"
        )


async def scores(texts: Sequence[str]) -> list[float | None]:
    """Return the scores that two workers give."""
    async with Workers(2) as workers:
        verdicts = await asyncio.gather(*(workers.verdict(Lint(), text) for text in texts))
    return [verdict.record["pylint_score"] for verdict in verdicts]


def report_misleading() -> None:
    """Print for how many of the tests' texts, many of them made to mislead, the scores differ."""
    texts = parity_texts()
    with tempfile.TemporaryDirectory() as folder:
        theirs = printed_scores(texts, Path(folder))
    ours = dict(zip(texts, asyncio.run(scores(list(texts.values()))), strict=True))
    differing = {name: (theirs[name], ours[name]) for name in texts if theirs[name] != ours[name]}
    print(f"of the {len(texts)} texts of the tests, scores that differ: {len(differing)} {differing or ''}")


def main() -> None:
    """Measure both sides and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=200, help="files that both sides score (default 200)")
    texts = compiling(parser.parse_args().files)
    started, ours, (shared, each) = asyncio.run(one_by_one(texts))
    with tempfile.TemporaryDirectory() as folder:
        theirs = command_line(texts, Path(folder))
    timed = [
        Timed(len(text), their_score, our_score, their_seconds, our_seconds)
        for text, (their_score, their_seconds), (our_score, our_seconds) in zip(texts, theirs, ours, strict=True)
    ]
    told = sorted(one.size for one in timed)
    print(f"{len(told)} files, mean {sum(told) / len(told):.0f}, median {told[len(told) // 2]} characters")
    print(f"{'':16} {'':11}  pylint's CLI, workers (CPU time a file)")
    for low, high in zip((0, *SIZES), SIZES, strict=False):
        report([one for one in timed if low <= one.size < high], f"under {high / 1000:g} kB")
    report(timed, "all")
    differing = [(one.theirs, one.ours) for one in timed if one.theirs != one.ours]
    decisions = sum(((a or 0) >= 7) != ((b or 0) >= 7) for a, b in differing)
    print(f"scores that differ: {len(differing)} {differing}; decisions that differ: {decisions}")
    report_misleading()
    print(f"starting, once: {started:.1f} CPU-s; memory: {shared:.0f} MB shared, {each:.0f} MB the largest worker")
    rates = [asyncio.run(rate(texts, count)) for count in (1, 2)]
    print(f"1 worker {rates[0]:.1f} files/s, 2 workers {rates[1]:.1f} files/s: {rates[1] / rates[0]:.2f} times")


if __name__ == "__main__":
    main()
