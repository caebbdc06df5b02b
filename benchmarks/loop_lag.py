"""The event loop's lateness while a build rewrites, with the checks of the shipped prompt `sgcr`.

A task in the client's own loop is due every 5 ms and notes how late it is. The same task in a process that does
nothing else, at the same time, tells how much of that is the machine's.
"""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import quantiles
from typing import TypeVar

import uvloop
from chat_servers import Speed, chat_servers
from python_texts import write_rows
from rich.console import Console

from builder.recipe_file import load_recipe
from builder.run.build import build
from builder.run.build_options import BuildOptions
from builder.run.gates import GateLimits

DOCUMENTS = 1_000
IN_FLIGHT = 200
SECONDS = 0.5
TICK = 0.005
RECIPE = """
name: lag
source: {kind: parquet, path: rows.parquet, id: id}
stages:
  - {name: sgcr, rewrite: sgcr}
release: {configs: {default: sgcr}, license: mit}
"""


Loop = TypeVar("Loop", bound=asyncio.AbstractEventLoop)

late: list[float] = []
"""How many milliseconds late the watched loop was, each time it was due."""


def watch(loop: Loop) -> Loop:
    """Have a loop note, each 5 ms, how late it is."""

    def tick(due: float) -> None:
        now = loop.time()
        late.append((now - due) * 1000)
        loop.call_at(now + TICK, tick, now + TICK)

    loop.call_soon(lambda: tick(loop.time()))
    return loop


def measured_build(folder: Path, url: str) -> None:
    """Build in this process and print how late its loop was, each time it was due."""
    uvloop.run = partial(uvloop.run, loop_factory=lambda: watch(uvloop.new_event_loop()))
    loaded = load_recipe(str(folder / "recipe.yaml"))
    build(
        loaded,
        folder / "run",
        BuildOptions(servers=[url], gates=GateLimits(failures=1)),
        Console(file=io.StringIO()),
    )
    print(json.dumps(late))


async def beside(command: list[str]) -> tuple[list[float], list[float]]:
    """Run the build; return how late its loop was, and how late this one was meanwhile."""
    watch(asyncio.get_running_loop())
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    told, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError("the build failed")
    theirs: list[float] = json.loads(told)
    return theirs, list(late)


def said(late: list[float]) -> str:
    part = quantiles(late, n=1000)
    return (
        f"median {part[499]:.1f} ms, 99 % {part[989]:.1f} ms, 99.9 % {part[998]:.1f} ms, most {max(late):.0f} ms"
    )


def main() -> None:
    if len(sys.argv) > 1:
        measured_build(Path(sys.argv[1]), sys.argv[2])
        return
    with tempfile.TemporaryDirectory() as name, chat_servers([Speed(IN_FLIGHT)], SECONDS, echo=True) as servers:
        folder = Path(name)
        write_rows(folder / "rows.parquet", DOCUMENTS)
        (folder / "recipe.yaml").write_text(RECIPE)
        start = time.monotonic()
        ours, idle = uvloop.run(beside([sys.executable, __file__, name, servers.urls[0]]))
        seconds = time.monotonic() - start
    print(f"{DOCUMENTS} documents, rewritten and checked, in {seconds:.0f} s: {DOCUMENTS / seconds:.0f}/s")
    print(f"  the build's loop: {said(ours)}")
    print(f"  an idle loop:     {said(idle)}")


if __name__ == "__main__":
    main()
