"""Scale: the client's peak memory as the input grows, and how soon a run with many logged answers goes on.

The run that goes on has in its log all answers but those to each shard's last document: the time is that from the
command's start to the first request at the server. How fast the rest is replayed is told too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from chat_servers import Servers, Speed, answer_of, chat_servers
from measured import measured
from python_texts import prompt_without_checks, python_texts, write_rows

from builder.recipe_file import load_recipe
from builder.recipe_parts import RewriteStage
from builder.rewriting.control_tokens import fallback
from builder.rewriting.generation import Generation
from builder.rewriting.rewriter import Digest, Rewriter
from builder.run.answers.lines import encode
from builder.run.directory import Run

SHARD = 1_000
RECIPE = """
name: scale
source: {kind: parquet, path: rows.parquet, id: id}
stages:
  - {name: sgcr, rewrite: sgcr.md}
release: {configs: {default: sgcr}, license: mit}
"""


def write_input(folder: Path, documents: int) -> list[str]:
    """Write documents, recipe and prompt; return the command that builds them."""
    folder.mkdir()
    write_rows(folder / "rows.parquet", documents)
    (folder / "sgcr.md").write_text(prompt_without_checks("sgcr"), encoding="utf-8")
    (folder / "scale.yaml").write_text(RECIPE)
    return ["build", str(folder / "scale.yaml"), "--run", str(folder / "run")]


def lines(folder: Path) -> Iterator[bytes]:
    """Yield a line of the log for every document."""
    loaded, model = load_recipe(str(folder / "scale.yaml")), Run.read(folder / "run").model
    stage = loaded.recipe.stages[0]
    assert isinstance(stage, RewriteStage) and model
    prompt, sampling = loaded.prompts[stage.name], loaded.sampling(stage)
    rewriter = Rewriter(stage.name, prompt, sampling, stage.on_failure, model, fallback())
    for document in python_texts():
        text = Digest(fallback().show(document)[0])
        key = rewriter.key(text, rewriter.sampling, rewriter.seed(text, 0))
        yield encode(key, Generation(answer_of(document), "stop", 1_000, 1_000))


def resume(folder: Path, answers: int, servers: Servers) -> None:
    """Print how a run goes on that has so many answers in its log."""
    command = [*write_input(folder, answers), "--server", servers.urls[0]]
    measured(*command, "--limit", "1")  # which notes the model
    servers.requests()
    kept = lines(folder)
    (folder / "run" / "journal").mkdir(exist_ok=True)
    size = 0
    for shard in range(answers // SHARD):
        content = b"".join(list(islice(kept, SHARD))[:-1])
        size += len(content)
        (folder / "run" / "journal" / f"log-000000-{shard:06d}.jsonl").write_bytes(content)
    start = time.monotonic()
    taken = measured(*command)
    first = min(request.arrival for request in servers.requests()) - start
    print(f"{answers} logged answers, {size / 2**20:.0f} MB: first new request after {first:.1f} s")
    rate = answers / taken.wall
    print(f"  all done after {taken.wall:.0f} s, {rate:.0f} documents/s; peak memory {taken.peak:.0f} MB")


def main() -> None:
    """Measure every size, then a run that goes on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--answers", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, chat_servers([Speed(500)], 0.1) as servers:
        first = 0.0
        for documents in options.documents:
            command = [*write_input(Path(name) / str(documents), documents), "--server", servers.urls[0]]
            taken = measured(*command)
            servers.requests()
            first = first or taken.peak
            rate, times = documents / taken.wall, taken.peak / first
            print(f"{documents} documents, {rate:.0f}/s: peak memory {taken.peak:.0f} MB, {times:.2f} times")
        resume(Path(name) / "resumed", options.answers, servers)


if __name__ == "__main__":
    main()
