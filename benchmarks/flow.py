"""The flow: CPU a document and peak memory of a whole build, at two sizes of input, against a server on loopback.

The peer is the same number of bare requests from one aiohttp session: no log, no table, no parsing.
Prints ratios: what a document costs beyond its request, and whether memory grows with the input.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import pyarrow as pa
import pyarrow.parquet as pq
from measured import Measured, measured

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.tgi_double import separate_process

SIZES = (2_000, 20_000)
IN_FLIGHT = 128
PROMPT = """---
id: plain
version: 1
answer: {format: code}
sampling: {temperature: 0.2, top_p: 0.7, max_tokens: 8192}
---
<!-- system -->
Answer with one ```python block.
<!-- user -->
{{ text }}
"""
RECIPE = """
name: flow
source: {kind: parquet, path: rows.parquet, id: id}
stages:
  - {name: plain, rewrite: plain.md}
release: {configs: {default: plain}, license: mit}
"""


def write_rows(folder: Path, rows: int) -> None:
    """Write `rows` distinct documents of about 1.5 kB."""
    lines = "\n".join(f"    value_{line} = compute(value_{line - 1})" for line in range(1, 40))
    texts = [f"def task_{row}(value_0):\n{lines}\n    return value_39\n" for row in range(rows)]
    table = pa.table({"id": [f"row-{row}" for row in range(rows)], "text": texts})
    pq.write_table(table, folder / "rows.parquet", row_group_size=1000)


def build(folder: Path, rows: int, url: str) -> Measured:
    """Return what one build takes."""
    write_rows(folder, rows)
    run = str(folder / f"run-{rows}")
    return measured("build", str(folder / "flow.yaml"), "--run", run, "--server", url)


async def bare(rows: int, url: str) -> float:
    """Return the CPU seconds of the same number of bare requests."""
    permits = asyncio.Semaphore(IN_FLIGHT)
    content = "def task():\n" + "    value = compute(value)\n" * 40
    body = {"model": "tgi", "messages": [{"role": "user", "content": content}], "max_tokens": 8192}

    async def one() -> None:
        async with permits, session.post(f"{url}/v1/chat/completions", json=body) as response:
            await response.read()

    start = time.process_time()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(one() for _ in range(rows)))
    return time.process_time() - start


def main() -> None:
    """Measure both sizes and the peer."""
    with (
        tempfile.TemporaryDirectory() as name,
        separate_process("--max-concurrent-requests", str(IN_FLIGHT)) as url,
    ):
        folder = Path(name)
        (folder / "plain.md").write_text(PROMPT)
        (folder / "flow.yaml").write_text(RECIPE)
        small, large = (build(folder, rows, url) for rows in SIZES)
        peer = asyncio.run(bare(SIZES[1], url))
    added = SIZES[1] - SIZES[0]
    own = (large.cpu - small.cpu) / added * 1000
    print(f"{SIZES[1]} documents in {large.wall:.1f} s; CPU a document {own:.2f} ms, start-up left out")
    request, growth = peer / SIZES[1] * 1000, large.peak / small.peak
    print(f"bare requests: {request:.2f} ms; a document costs {own / request:.1f} times that")
    print(
        f"peak memory: {small.peak:.0f} MB for {SIZES[0]}, {large.peak:.0f} MB for {SIZES[1]}: {growth:.2f} times"
    )


if __name__ == "__main__":
    main()
