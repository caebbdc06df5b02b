"""Rewriting: documents a second and CPU a document of a client process, `build` beside datatrove.

The prompt is the shipped `sgcr` without its checks, the documents are Python files, the server answers after half
a second in the mean: with 500 requests in flight it gives 1,000 answers a second at most. `build` keeps its
log and writes its table. datatrove's runner sends the same messages, with its checkpoints and without. Bare
requests are an aiohttp session and a worker a request in flight, which read the answers and keep nothing.

Each figure is the difference between two runs, of few and of more documents: so start-up and end are left out. The
clients run in turn, several times; what is printed is the median.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import aiohttp
import orjson
from chat_servers import Servers, Speed, chat_servers
from peers import DATATROVE, here, peer_python
from python_texts import prompt_without_checks, python_texts, write_rows

from builder.rewriting.prompt_files import load_prompt

SECONDS = 0.5
ROUNDS = 3
RECIPE = """
name: rewriting
source: {kind: parquet, path: rows.parquet, id: id}
stages:
  - {name: sgcr, rewrite: sgcr.md}
release: {configs: {default: sgcr}, license: mit}
"""


@dataclass(frozen=True)
class Client:
    """A client by name, the command that runs it, and few and more documents that tell its speed."""

    name: str
    command: Callable[[Path, int, str, int], list[str]]
    few: int
    more: int


def write_input(folder: Path, documents: int) -> None:
    """Write the same documents in the forms that the clients read, the recipe and the prompt."""
    folder.mkdir()
    write_rows(folder / "rows.parquet", documents)
    (folder / "sgcr.md").write_text(prompt_without_checks("sgcr"), encoding="utf-8")
    (folder / "recipe.yaml").write_text(RECIPE)
    system = load_prompt(folder / "sgcr.md").render("")[:-1]
    with (folder / "rows.jsonl").open("wb") as lines:
        for number, text in zip(range(documents), python_texts(), strict=False):
            lines.write(
                orjson.dumps({"id": f"row-{number}", "text": text, "metadata": {"prompt": system}}) + b"\n"
            )


def ours(folder: Path, run: int, url: str, in_flight: int) -> list[str]:
    run_folder = str(folder / f"run-{run}-{in_flight}")
    recipe = str(folder / "recipe.yaml")
    return [sys.executable, "-m", "builder", "build", recipe, "--run", run_folder, "--server", url]


def datatrove(folder: Path, run: int, url: str, in_flight: int, *, python: str, keeps: bool) -> list[str]:
    output = folder / f"datatrove-{run}-{keeps}"
    checkpoints = str(output / "checkpoints") if keeps else ""
    rows = str(folder / "rows.jsonl")
    return [python, here("datatrove_client.py"), rows, str(output), url, str(in_flight), checkpoints]


def bare(folder: Path, run: int, url: str, in_flight: int) -> list[str]:
    return [sys.executable, __file__, "bare", str(folder / "rows.jsonl"), url, str(in_flight)]


async def send_bare(rows: Iterator[bytes], url: str, in_flight: int) -> None:
    """Send every document, `in_flight` at a time."""

    async def worker() -> None:
        for line in rows:
            row = orjson.loads(line)
            messages = [*row["metadata"]["prompt"], {"role": "user", "content": row["text"]}]
            body = {"model": "tgi", "messages": messages, "temperature": 0.2, "top_p": 0.7, "max_tokens": 8192}
            headers = {"Content-Type": "application/json"}
            async with session.post(url, data=orjson.dumps(body), headers=headers) as response:
                orjson.loads(await response.read())["choices"][0]["message"]["content"]

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(worker() for _ in range(in_flight)))


def run(command: list[str]) -> tuple[float, float]:
    """Run a command; return its seconds and its CPU seconds, its children's included."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(client: Client, number: int, folder: Path, servers: Servers, in_flight: int) -> tuple[float, float]:
    """Return documents a second and milliseconds of CPU a document of a client."""
    taken = []
    for documents in (client.few, client.more):
        if not (folder / str(documents)).exists():
            write_input(folder / str(documents), documents)
        taken.append(run(client.command(folder / str(documents), number, servers.urls[0], in_flight)))
        if len(servers.requests()) != documents:
            raise RuntimeError(f"{client.name}: not as many answers as documents")
    (few_seconds, few_cpu), (seconds, cpu) = taken
    added = client.more - client.few
    return added / (seconds - few_seconds), (cpu - few_cpu) / added * 1000


def compare(clients: list[Client], in_flight: int, rounds: int) -> None:
    """Print the clients' figures, and the first one's beside each other's."""
    figures: dict[str, list[tuple[float, float]]] = {client.name: [] for client in clients}
    with tempfile.TemporaryDirectory() as name, chat_servers([Speed(in_flight)], SECONDS) as servers:
        for number in range(rounds):
            for client in clients:
                figures[client.name].append(measure(client, number, Path(name), servers, in_flight))
    ideal = in_flight / SECONDS
    print(f"{in_flight} in flight, answers after {SECONDS} s: at most {ideal:.0f} documents/s")
    first = median(rate for rate, _ in figures[clients[0].name])
    for client in clients:
        rate = median(rate for rate, _ in figures[client.name])
        cpu = median(cpu for _, cpu in figures[client.name])
        beside = "" if client is clients[0] else f"; ours {first / rate:.2f} times as fast"
        print(f"  {client.name:24}{rate:6.0f} documents/s, {rate / ideal:4.0%}  {cpu:5.2f} ms CPU each{beside}")


def main() -> None:
    if sys.argv[1:2] == ["bare"]:
        with Path(sys.argv[2]).open("rb") as rows:
            asyncio.run(send_bare(iter(rows), f"{sys.argv[3]}/v1/chat/completions", int(sys.argv[4])))
        return
    clients = [Client("ours", ours, 2_000, 12_000), Client("bare requests", bare, 2_000, 12_000)]
    many = [Client("ours", ours, 8_000, 28_000), Client("bare requests", bare, 8_000, 28_000)]
    if python := peer_python(DATATROVE):
        plain, keeping = (partial(datatrove, python=python, keeps=keeps) for keeps in (False, True))
        clients.append(Client("datatrove", plain, 1_500, 6_000))
        clients.append(Client("datatrove, checkpoints", keeping, 1_500, 3_000))
        many.append(Client("datatrove", plain, 8_000, 16_000))
        many.append(Client("datatrove, checkpoints", keeping, 2_000, 4_000))
    compare(clients, 500, ROUNDS)
    compare(many, 2_000, 1)


if __name__ == "__main__":
    main()
