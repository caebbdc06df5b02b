"""A fleet: how busy a run keeps eight servers, one of them slow, with two stages and small shards.

The busy share is taken from the servers' own log, from the first request to the last answer:

    requests in work, integrated over time  /  requests that could be in work, integrated over time

What could be in work at a time is the sum of the servers' permits or, near the end, the answers that are not yet
given, whichever is less; that one of them may have to wait for its document's first stage is not allowed for. The
share of the permits alone, up to the last answer, is printed beside it, and so is the time taken.

Answers' lengths are log-normal (sigma 1, at most 15 times the mean). The peers, over fewer documents: batches of
1,000, all of one stage, then all of the next, spread over the servers by their room; and datatrove, which takes
one server and has one stage: each server gets a process and an eighth of the documents, and the stages run one
after the other. The start of its processes is not counted.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import aiohttp
import orjson
from chat_servers import Request, Servers, Speed, chat_servers
from peers import DATATROVE, here, peer_python
from python_texts import prompt_without_checks, python_texts, write_rows

DOCUMENTS = 10_000
FEWER = 3_000
BATCH = 1_000
SECONDS = 0.5
SPEEDS = [*[Speed(32)] * 7, Speed(32, slower=4)]
PERMITS = sum(speed.limit for speed in SPEEDS)
RECIPE = """
name: fleet
source: {kind: parquet, path: rows.parquet, id: id, shard_rows: 50}
stages:
  - {name: sgcr, rewrite: sgcr.md}
  - {name: scor, rewrite: scor.md}
release: {configs: {default: scor}, license: mit}
"""


def shares(requests: Sequence[Request]) -> tuple[float, float, float]:
    """Return seconds in work, seconds that could have been in work, and seconds from first to last."""
    changes = sorted([(one.arrival, 1) for one in requests] + [(one.end, -1) for one in requests])
    at, held, left = changes[0][0], 0, len(requests)
    busy = possible = 0.0
    for now, change in changes:
        busy += held * (now - at)
        possible += min(PERMITS, left) * (now - at)
        at, held, left = now, held + change, left + min(change, 0)
    return busy, possible, changes[-1][0] - changes[0][0]


def said(name: str, parts: Sequence[Sequence[Request]]) -> str:
    """Say how busy the servers were over one or more parts of a run."""
    measured = [shares(part) for part in parts]
    busy, possible, seconds = (sum(column) for column in zip(*measured, strict=True))
    share = f"busy {busy / possible:4.0%}; of all permits to the last answer {busy / PERMITS / seconds:4.0%}"
    return f"  {name:19}{share}; {seconds:5.1f} s"


def ours(folder: Path, servers: Servers) -> list[list[Request]]:
    """Build, and return the requests."""
    write_rows(folder / "rows.parquet", DOCUMENTS)
    (folder / "fleet.yaml").write_text(RECIPE)
    for name in ("sgcr", "scor"):
        (folder / f"{name}.md").write_text(prompt_without_checks(name), encoding="utf-8")
    command = [sys.executable, "-m", "builder", "build", str(folder / "fleet.yaml"), "--run", str(folder / "run")]
    for url in servers.urls:
        command += ["--server", url]
    subprocess.run(command, check=True, capture_output=True)
    return [servers.requests()]


async def in_batches(urls: Sequence[str]) -> None:
    """Send batches, each one's second stage when its first is through."""
    room = {url: speed.limit for url, speed in zip(urls, SPEEDS, strict=True)}
    permits = asyncio.Semaphore(PERMITS)

    async def ask(text: str) -> str:
        async with permits:
            url = max(room, key=lambda url: room[url])
            room[url] -= 1
            body = {"messages": [{"role": "user", "content": text}], "max_tokens": 8192}
            async with session.post(f"{url}/v1/chat/completions", json=body) as response:
                answer: str = (await response.json())["choices"][0]["message"]["content"]
            room[url] += 1
            return answer

    texts = python_texts()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        for _ in range(FEWER // BATCH):
            batch = list(islice(texts, BATCH))
            for _ in range(2):
                batch = await asyncio.gather(*map(ask, batch))


def datatrove(folder: Path, servers: Servers, python: str) -> list[list[Request]]:
    """Run datatrove once a stage, with a process a server; return each stage's requests."""
    lines = [
        orjson.dumps({"id": f"row-{number}", "text": text, "metadata": {"prompt": []}})
        for number, text in enumerate(islice(python_texts(), FEWER))
    ]
    stages = []
    for stage in range(2):
        processes = []
        for number, url in enumerate(servers.urls):
            place = folder / f"datatrove-{stage}-{number}"
            place.mkdir()
            (place / "rows.jsonl").write_bytes(b"\n".join(lines[number :: len(servers.urls)]))
            arguments = [str(place / "rows.jsonl"), str(place / "out"), url, str(SPEEDS[number].limit), ""]
            processes.append(subprocess.Popen([python, here("datatrove_client.py"), *arguments]))
        if any(process.wait() for process in processes):
            raise RuntimeError("datatrove failed")
        stages.append(servers.requests())
    return stages


def main() -> None:
    """Measure all three."""
    with tempfile.TemporaryDirectory() as name, chat_servers(SPEEDS, SECONDS, sigma=1.0) as servers:
        print(f"{DOCUMENTS} documents, 2 stages, {len(SPEEDS)} servers of {SPEEDS[0].limit} permits, one slower")
        print(said("ours", ours(Path(name), servers)))
        asyncio.run(in_batches(servers.urls))
        print(said(f"{FEWER} in batches", [servers.requests()]))
        if python := peer_python(DATATROVE):
            print(said(f"{FEWER} by datatrove", datatrove(Path(name), servers, python)))


if __name__ == "__main__":
    main()
