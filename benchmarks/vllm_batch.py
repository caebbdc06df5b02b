"""How full a build keeps the real vLLM (`make .venv-servers/.ready` installs it), beside plain floods of requests.

The same documents, in turns: floods by a bare client with as many requests at once as the server has slots and
with twice as many, and a build by the command line. A round's time goes from the first look at the server's gauges
that finds a request to the last one, so that nothing before and behind the requests counts. How many run is the
mean over the looks, but for the first and the last tenth of that time: there a batch fills and empties.

With two servers, one of them a third of the other's size, it is told how long each was idle at the end.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import re
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median

import aiohttp
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.real_vllm import MODEL, vllm

SLOTS, DOCUMENTS, ROUNDS = 24, 240, 3
LOOK = 0.2  # seconds
MAX_TOKENS = 48
PROMPT = """---
id: plain
version: 1
answer: {{format: text}}
sampling: {{temperature: 0.7, max_tokens: {tokens}}}
attempts: 1
min_characters: 1
---
<!-- user -->
Say in your own words:
{{{{ text }}}}
"""
RECIPE = """name: full
source: {kind: parquet, path: rows.parquet, text: text, id: id, license: PSF-2.0}
stages: [{name: plain, rewrite: plain.md, on_failure: keep}]
release: {configs: {default: plain}, license: apache-2.0}
"""


def docstrings() -> list[str]:
    """Return docstrings of the standard library, of 150 to 600 characters."""
    texts: dict[str, None] = {}
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            said = isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node)
            if said and 150 <= len(said) <= 600:
                texts[said] = None
    return list(texts)[:DOCUMENTS]


@dataclass
class Gauges:
    """What one server says of itself, look by look: seconds, running, waiting."""

    url: str
    looks: list[tuple[float, float, float]] = field(default_factory=list)

    def look(self) -> None:
        """Ask for them now."""
        page = urllib.request.urlopen(f"{self.url}/metrics").read().decode()
        running, waiting = (
            sum(float(value) for value in re.findall(rf"^vllm:num_requests_{name}{{[^}}]*}} (\S+)", page, re.M))
            for name in ("running", "waiting")
        )
        self.looks.append((time.monotonic(), running, waiting))

    @property
    def busy(self) -> tuple[float, float]:
        """When it had its first and its last request."""
        at = [second for second, *load in self.looks if sum(load)]
        return at[0], at[-1]

    @property
    def middle(self) -> list[tuple[float, float]]:
        """Running and waiting, but for the first and the last tenth of the time."""
        first, last = self.busy
        margin = (last - first) / 10
        return [(running, waiting) for at, running, waiting in self.looks if first + margin < at < last - margin]


@contextlib.contextmanager
def watched(*urls: str) -> Iterator[list[Gauges]]:
    """Look at servers while the block runs."""
    gauges, over = [Gauges(url) for url in urls], threading.Event()

    def watch() -> None:
        while not over.wait(LOOK):
            for one in gauges:
                one.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield gauges
    finally:
        over.set()
        thread.join()


async def flood(url: str, texts: list[str], at_once: int) -> None:
    """Ask for all texts by a bare client."""
    left = iter(list(enumerate(texts)))
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:

        async def lane() -> None:
            for number, text in left:
                body = {
                    "model": MODEL,
                    "messages": [{"role": "user", "content": f"Say in your own words:\n{text}"}],
                    "temperature": 0.7,
                    "max_tokens": MAX_TOKENS,
                    "seed": number,
                }
                async with session.post(f"{url}/v1/chat/completions", json=body) as response:
                    response.raise_for_status()
                    await response.read()

        await asyncio.gather(*(lane() for _ in range(at_once)))


def build(folder: Path, run: str, *urls: str) -> None:
    """Run a build of all texts by the command line."""
    servers = [argument for url in urls for argument in ("--server", url)]
    gates = ["--max-failures", "1", "--max-reason", "1"]
    subprocess.run(
        [sys.executable, "-m", "builder", "build", folder / "full.yaml", "--run", folder / run, *servers, *gates],
        check=True,
        capture_output=True,
    )


def told(name: str, gauges: Gauges) -> float:
    """Print a round, and return its requests a second."""
    first, last = gauges.busy
    running, waiting = zip(*gauges.middle, strict=True)
    queued = mean(count > SLOTS / 2 for count in waiting)
    rate = DOCUMENTS / (last - first)
    print(f"  {name:9} {rate:5.2f} requests/s, {mean(running) / SLOTS:4.0%} of the slots in work,", end=" ")
    print(f"over {SLOTS // 2} waiting in {queued:.0%} of looks", flush=True)
    return rate


def one_server(folder: Path, texts: list[str]) -> None:
    """Print floods and builds in turns, and the median of the builds' share of the better flood."""
    shares = []
    with vllm("--max-num-seqs", str(SLOTS)) as url:
        asyncio.run(flood(url, texts, SLOTS))  # what a first round alone would pay
        for number in range(ROUNDS):
            floods = []
            for at_once in (SLOTS, 2 * SLOTS):
                with watched(url) as (gauges,):
                    asyncio.run(flood(url, texts, at_once))
                floods.append(told(f"flood {at_once}", gauges))
            with watched(url) as (gauges,):
                build(folder, f"run-{number}", url)
            shares.append(told("build", gauges) / max(floods))
    print(f"a build has {median(shares):.2f} of the better flood ({min(shares):.2f} to {max(shares):.2f})")


def two_servers(folder: Path) -> None:
    """Print how long each of two servers of unequal size had nothing to do before the other ended."""
    sizes = (SLOTS, SLOTS // 3)
    idle: list[list[float]] = [[], []]
    with vllm("--max-num-seqs", str(sizes[0])) as large, vllm("--max-num-seqs", str(sizes[1])) as small:
        for number in range(ROUNDS):
            with watched(large, small) as gauges:
                build(folder, f"two-{number}", large, small)
            begin, end = min(one.busy[0] for one in gauges), max(one.busy[1] for one in gauges)
            for shares, one in zip(idle, gauges, strict=True):
                shares.append((end - one.busy[1]) / (end - begin))
    for slots, shares in zip(sizes, idle, strict=True):
        each = ", ".join(f"{share:.1%}" for share in shares)
        print(f"a server of {slots:2} slots was idle for the last {median(shares):.1%} ({each})")


def main() -> None:
    texts = docstrings()
    print(f"{len(texts)} documents, at most {MAX_TOKENS} tokens each, {SLOTS} slots")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ids = [str(number) for number in range(len(texts))]
        pq.write_table(pa.table({"id": ids, "text": texts}), folder / "rows.parquet")
        (folder / "plain.md").write_text(PROMPT.format(tokens=MAX_TOKENS))
        (folder / "full.yaml").write_text(RECIPE)
        one_server(folder, texts)
        two_servers(folder)


if __name__ == "__main__":
    main()
