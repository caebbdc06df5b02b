"""Near-duplicates: documents a second, memory and disk at 100,000 documents, and what that comes to at 24 million.

Documents are pieces of real files from PyPI with names of their own, so that no two are alike, and among them
planted ones: equal copies, and edits whose true Jaccard similarity is known. The peer is datasketch's MinHash and
MinHashLSH with the same n-grams, permutations and threshold, over a tenth of the documents, in one process.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from measured import Measured, measured
from python_files import python_files

TARGET = 24_000_000
PIECE = 5_000  # characters
NEAR, EXACT = 0.1, 0.1  # of all documents
RECIPE = """
name: near
source: {kind: parquet, path: rows.parquet, id: id, shard_rows: 5000}
stages:
  - {name: licensed, filter: licenses, allow: [MIT], column: license}
  - {name: unique, filter: near_duplicates, similarity: 0.8}
release: {configs: {default: unique}, license: mit}
"""
PEER = """
import sys, time, resource
import pyarrow.parquet as pq
from datasketch import MinHash, MinHashLSH
sys.path.insert(0, {root!r})
from near_duplicates import grams
lsh = MinHashLSH(threshold=0.8, num_perm=128)
before = resource.getrusage(resource.RUSAGE_SELF)
count, first = 0, None
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
for batch in pq.ParquetFile({rows!r}).iter_batches(200):
    for id, text in zip(batch["id"].to_pylist(), batch["text"].to_pylist()):
        signature = MinHash(num_perm=128)
        signature.update_batch([gram.encode() for gram in grams(text)])
        if not lsh.query(signature):
            lsh.insert(id, signature)
        count += 1
    first = first or (resident(), count)
    if count >= {count}:
        break
after = resource.getrusage(resource.RUSAGE_SELF)
print((after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) / count)
print((resident() - first[0]) / (count - first[1]))
"""


def grams(text: str) -> list[str]:
    """Return a text's 5-grams of tokens."""
    tokens = re.findall(r"\w+|[^\w\s]", text)
    return [" ".join(gram) for gram in zip(*(tokens[start:] for start in range(5)), strict=False)]


def jaccard(one: str, other: str) -> float:
    """Return the true similarity of two texts' sets of 5-grams."""
    ours, theirs = set(grams(one)), set(grams(other))
    return len(ours & theirs) / len(ours | theirs)


def pieces() -> list[str]:
    """Return the files in pieces of at most `PIECE` characters that end with a line."""
    found = []
    for path in python_files(12_000):
        text = path.read_bytes().decode("utf-8", "replace")
        while len(text) > 200:
            end = text.rfind("\n", 200, PIECE) + 1 or PIECE
            found.append(text[:end])
            text = text[end:]
    return found


def _renamed(text: str, number: int) -> str:
    return re.sub(r"[A-Za-z_]{3,}", lambda name: f"{name[0][:2]}{number}", text)


def documents(count: int) -> Iterator[tuple[str, str, float]]:
    """Yield ids, texts, and for those planted the similarity to the document that they are made of, else 0."""
    random_ = random.Random(4)
    parts = pieces()
    originals: list[str] = []
    for number in range(count):
        chance = random_.random()
        if chance < NEAR + EXACT and len(originals) > 100:
            original = random_.choice(originals[-2000:])
            if chance < EXACT:
                yield f"exact-{number}", original, 1.0
                continue
            lines = original.splitlines()
            for place in random_.sample(range(len(lines)), max(1, int(len(lines) * random_.uniform(0.0, 0.25)))):
                lines[place] = f"changed_{random_.getrandbits(60)} = {random_.getrandbits(60)}"
            text = "\n".join(lines)
            yield f"near-{number}", text, jaccard(original, text)
            continue
        renamed = _renamed(parts[number % len(parts)], number)
        originals = [*originals[-2000:], renamed]
        yield f"own-{number}", renamed, 0.0


def write_rows(path: Path, count: int) -> tuple[dict[str, float], float]:
    """Write documents; return the similarity of those planted and the mean size in characters."""
    planted, size = {}, 0
    rows = documents(count)
    schema = pa.schema({"id": pa.string(), "text": pa.string(), "license": pa.string()})
    with pq.ParquetWriter(path, schema) as writer:
        while batch := list(islice(rows, 1000)):
            ids, texts = [id for id, _, _ in batch], [text for _, text, _ in batch]
            planted.update({id: similarity for id, _, similarity in batch if similarity})
            size += sum(map(len, texts))
            writer.write_table(pa.table({"id": ids, "text": texts, "license": ["MIT"] * len(ids)}, schema=schema))
    return planted, size / count


class _Disk(threading.Thread):
    """Watches the most bytes that a folder takes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.most, self.is_over = folder, 0, False

    def run(self) -> None:
        while not self.is_over:
            told = subprocess.run(["du", "-sb", self.folder], capture_output=True, text=True)
            if told.stdout:
                self.most = max(self.most, int(told.stdout.split()[0]))
            time.sleep(0.2)


def one_size(folder: Path, count: int) -> tuple[Measured, int, dict[str, float], float]:
    """Return what the pass takes at `count` documents beyond the build before it, and what was planted."""
    folder.mkdir()
    planted, size = write_rows(folder / "rows.parquet", count)
    recipe, run = folder / "near.yaml", folder / "run"
    recipe.write_text(RECIPE)
    measured("build", str(recipe), "--run", str(run), "--until", "licensed")
    disk = _Disk(run / "duplicates")
    disk.start()
    took = measured("build", str(recipe), "--run", str(run))
    disk.is_over = True
    return took, disk.most, planted, size


def main() -> None:
    """Measure two sizes and the peer, and print the arithmetic."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000, help="documents (default 100000)")
    count = parser.parse_args().documents
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, _, _, _ = one_size(folder / "small", count // 10)
        large, disk, planted, size = one_size(folder / "large", count)
        rows = folder / "large" / "rows.parquet"
        peer = PEER.format(root=str(Path(__file__).parent), rows=str(rows), count=count // 10)
        told = subprocess.run([sys.executable, "-c", peer], capture_output=True, text=True, check=True)
        their_cpu, their_memory = map(float, told.stdout.split())
        table = pq.read_table(folder / "large" / "run" / "shards", columns=["id", "text", "unique"])
    added = count - count // 10
    cpu, wall = (large.cpu - small.cpu) / added, (large.wall - small.wall) / added
    print(f"{count} documents of {size:.0f} characters: {large.wall:.0f} s, {count / large.wall:.0f} documents/s")
    print(f"CPU a document {1000 * cpu:.2f} ms, reading and writing the table's shards included")
    ratio = their_cpu / cpu
    print(f"datasketch: {1000 * their_cpu:.2f} ms, {ratio:.1f} times; it keeps {their_memory:.0f} bytes of each")
    print(f"peak memory {small.peak:.0f} MB at {count // 10}, {large.peak:.0f} MB at {count}")
    print(f"disk beside the run: {disk / 2**20:.0f} MB, {disk / count:.0f} bytes a document")
    print(
        f"at {TARGET:,}: {cpu * TARGET / 3600:.1f} core-hours, {wall * TARGET / 3600:.1f} h on this machine,"
        f" {disk / count * TARGET / 2**30:.0f} GB of disk; datasketch {their_cpu * TARGET / 3600:.1f} core-hours"
        f" and {their_memory * TARGET / 2**30:.0f} GB of memory"
    )
    report_truth(table.to_pylist(), planted)


def report_truth(rows: list[dict[str, Any]], planted: dict[str, float]) -> None:
    """Print what was found of what was planted, and how alike those dropped are to what stands for them."""
    found = {row["id"] for row in rows if row["unique"]["copies"] > 1}
    for low, high in ((1, 2), (0.9, 1), (0.8, 0.9), (0.7, 0.8), (0, 0.7)):
        there = {id for id, similarity in planted.items() if low <= similarity < high}
        name = "equal" if low == 1 else f"{low} to {high}"
        print(f"planted, {name}: {len(found & there)} of {len(there)} found")
    texts = {row["id"]: row["text"] for row in rows}
    dropped = [(row["id"], row["unique"]["survivor"]) for row in rows if row["unique"]["survivor"]]
    true = sorted(jaccard(texts[id], texts[survivor]) for id, survivor in dropped)
    below = sum(similarity < 0.7 for similarity in true)
    print(f"dropped: {len(true)}; true similarity to the survivor: below 0.7 {below}, lowest {true[0]:.2f}")


if __name__ == "__main__":
    main()
