"""Contamination by HumanEval and GSM8K: documents a second and memory at 100,000, and at 24 million by arithmetic.

The documents are those of `near_duplicates.py`. The peer compares each document with each item, set with set, as
one would write it down from the definition, over a few hundred documents.
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from measured import Measured, measured
from near_duplicates import TARGET, grams, write_rows

DATA = Path(__file__).parents[2] / "shared" / "data"
PEER_DOCUMENTS = 200
RECIPE = """
name: clean
source: {{kind: parquet, path: rows.parquet, id: id, shard_rows: 5000}}
stages:
  - {{name: licensed, filter: licenses, allow: [MIT], column: license}}
  - {{name: code, filter: contamination, benchmarks: ["{code}"], fields: [prompt, canonical_solution]}}
  - {{name: math, filter: contamination, benchmarks: ["{math}"], fields: [question, answer]}}
release: {{configs: {{default: math}}, license: mit}}
"""


def one_size(folder: Path, count: int, code: Path, math: Path) -> tuple[Measured, float]:
    """Return what both filters take at `count` documents beyond the build before them, and the mean size."""
    folder.mkdir()
    _, size = write_rows(folder / "rows.parquet", count)
    recipe, run = folder / "clean.yaml", folder / "run"
    recipe.write_text(RECIPE.format(code=code, math=math))
    measured("build", str(recipe), "--run", str(run), "--until", "licensed")
    return measured("build", str(recipe), "--run", str(run)), size


def pairwise(texts: list[str], items: list[str]) -> float:
    """Return the CPU seconds that a document takes when compared with every item."""
    start = time.process_time()
    sets = [set(grams(item)) for item in items]
    for text in texts:
        ours = set(grams(text))
        max(len(ours & theirs) / max(1, len(ours | theirs)) for theirs in sets)
    return (time.process_time() - start) / len(texts)


def main() -> None:
    """Measure two sizes and the peer, and print the arithmetic."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000, help="documents (default 100000)")
    count = parser.parse_args().documents
    code, math = DATA / "HumanEval.jsonl.gz", DATA / "gsm8k-test.jsonl.gz"
    if not (code.is_file() and math.is_file()):
        print(f"skipped: HumanEval and GSM8K are not beside the project ({DATA})")
        return
    with tempfile.TemporaryDirectory() as name:
        small, _ = one_size(Path(name) / "small", count // 10, code, math)
        large, size = one_size(Path(name) / "large", count, code, math)
        rows = pq.read_table(Path(name) / "large" / "rows.parquet", columns=["text"])["text"]
        texts = [str(text) for text in rows[:PEER_DOCUMENTS].to_pylist()]
    items = [
        record[field]
        for path, fields in ((code, ("prompt", "canonical_solution")), (math, ("question", "answer")))
        for record in map(json.loads, gzip.decompress(path.read_bytes()).splitlines())
        for field in fields
    ]
    peer = pairwise(texts, items)
    added = count - count // 10
    cpu, wall = (large.cpu - small.cpu) / added, (large.wall - small.wall) / added
    print(f"{count} documents of {size:.0f} characters, {len(items)} items: {count / large.wall:.0f} documents/s")
    print(f"CPU a document {1000 * cpu:.2f} ms, workers and the table's shards included")
    print(f"set with set: {1000 * peer:.1f} ms, {peer / cpu:.0f} times")
    print(f"peak memory {small.peak:.0f} MB at {count // 10}, {large.peak:.0f} MB at {count}, without workers")
    print(f"at {TARGET:,}: {cpu * TARGET / 3600:.1f} core-hours, {wall * TARGET / 3600:.1f} h on this machine")


if __name__ == "__main__":
    main()
