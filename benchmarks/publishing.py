"""Publishing to the Hub: time and memory beside `push_to_hub`, the writer beside bare pyarrow, and what is new.

The run is a real one of a filter alone, over Parquet with pieces of the installed packages' sources; the larger
one has them again with other letters. Both sides publish the same rows through the real clients to the same local
Hub, which stores in Xet, each in a process of its own with caches of its own, in turns.

Both include start-up and reading: ours the run's shards, the peer `load_dataset` of one Parquet file. Ours also
writes the card, hashes, compares what the Hub holds with the manifest and tags; it writes zstd in chunks that
content defines. `push_to_hub` writes Snappy, which can't be chosen. The last look for secrets, which the peer has
nothing like, is measured by itself. Peaks are the main process's: the last look's workers have their own.

What is new in a release is the growth of the store of chunks that the real client fills, in percent of the
release's data files. Each release follows the one before; the peers' layouts go through the same client.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import string
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from measured import Measured, measured, measured_program

from builder.release.config_files import write_config
from builder.release.views import kept
from builder.run.directory import Run

ROOT = Path(__file__).absolute().parent.parent
ROUNDS = 3
PIECE = 3_300  # characters, of a text: as long as SwallowCode's in the mean
INSERTED = 1_000
CODEC: dict[str, Any] = {"compression": "zstd", "write_page_index": True}
RECIPE = """
name: publishing
source: {kind: parquet, path: rows.parquet, id: id}
stages:
  - {name: sized, filter: length, min_characters: 1}
release: {configs: {default: sized}, license: mit, scan: [{filter: secrets, allow: 1000}]}
"""
PUSH = """
import time
from datasets import load_dataset
rows = load_dataset("parquet", data_files=%r, split="train")
start = time.monotonic()
rows.push_to_hub(%r)
print(time.monotonic() - start)
"""
UPLOAD = """
import hf_xet
commit = hf_xet.XetSession().new_upload_commit(endpoint=%r)
commit.start_upload_file(%r)
commit.wait_to_finish()
"""

Row = tuple[str, str]


# --- rows ---


def pieces() -> Iterator[str]:
    """Yield the sources of the installed packages and of Python, cut between lines; none twice."""
    seen = set[int]()
    for folder in (sysconfig.get_paths()["purelib"], sysconfig.get_paths()["stdlib"]):
        for path in sorted(Path(folder).rglob("*.py")):
            lines = path.read_text(encoding="utf-8", errors="ignore").replace("\0", "").splitlines(keepends=True)
            while lines:
                piece = [lines.pop()]
                while lines and sum(map(len, piece)) < PIECE:
                    piece.append(lines.pop())
                text = "".join(reversed(piece))
                if hash(text) not in seen:
                    seen.add(hash(text))
                    yield text


def more(texts: Sequence[str]) -> Iterator[str]:
    """Yield texts without end: these, then the same with their letters exchanged, each time in another way."""
    for number in count():
        letters = random.Random(number).sample(string.ascii_lowercase, 26)
        exchanged = str.maketrans(string.ascii_lowercase, "".join(letters) if number else string.ascii_lowercase)
        yield from (text.translate(exchanged) for text in texts)


def numbered(texts: Iterable[str]) -> Iterator[Row]:
    """Yield texts with ids."""
    return ((f"row-{number}", text) for number, text in enumerate(texts))


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as Parquet, a thousand a group."""
    rows, schema = iter(rows), pa.schema([("id", pa.string()), ("text", pa.string())])
    with pq.ParquetWriter(path, schema) as file:
        while some := list(islice(rows, 1_000)):
            file.write_table(pa.table(list(zip(*some, strict=True)), schema=schema))


def releases_of(texts: Sequence[str], size: int) -> Iterator[tuple[str, list[Row]]]:
    """Yield the first release's rows, and those of each that follows it, with what was done to the one before."""
    rows = list(numbered(texts))
    others, rows = rows[size:], rows[:size]
    yield "first", rows
    percent = size // 100
    rows = [*rows, *others[:percent]]
    yield "1 % appended", rows
    rows = [*rows[: size // 2], *others[percent : percent + INSERTED], *rows[size // 2 :]]
    yield f"{INSERTED} rows inserted", rows
    first = size // 4
    edited = [(id, f"# edited\n{text}") for id, text in rows[first : first + percent]]
    yield "1 % edited in a block", [*rows[:first], *edited, *rows[first + percent :]]


@dataclass(frozen=True)
class Project:
    """A folder with a recipe, its rows and its run."""

    folder: Path

    def build(self, rows: Iterable[Row]) -> None:
        """Write the recipe and the rows, and build the run."""
        self.folder.mkdir()
        write_rows(self.folder / "rows.parquet", rows)
        (self.folder / "publishing.yaml").write_text(RECIPE)
        measured("build", *self._named())

    def publish(self, dataset: str, env: Mapping[str, str]) -> Measured:
        """Publish the run without the last look."""
        return self.publish_looked_at(dataset, env, "--set", "release.scan=[]")

    def publish_looked_at(self, dataset: str, env: Mapping[str, str], *options: str) -> Measured:
        """Publish the run."""
        return measured("publish", *self._named(), "--to", f"hf://datasets/{dataset}", *options, env=env)

    def push(self, dataset: str, env: Mapping[str, str]) -> Measured:
        """Push the same rows with `datasets`."""
        return measured_program(PUSH % (str(self.folder / "rows.parquet"), dataset), env)

    def view(self) -> list[pa.Table]:
        """Return the published rows, a shard at a time."""
        return list(kept(Run.read(self.folder / "run"), "sized"))

    def _named(self) -> list[str]:
        return [str(self.folder / "publishing.yaml"), "--run", str(self.folder / "run")]


# --- time and memory ---


@dataclass(frozen=True)
class Figures:
    """Medians of what some processes took."""

    wall: float
    cpu: float
    peak: float

    def __str__(self) -> str:
        return f"{self.wall:6.1f} s {self.cpu:6.1f} CPU-s  peak {self.peak:5.0f} MB"


def figures(results: Iterable[Measured]) -> Figures:
    """Return the medians."""
    walls, cpus, peaks = zip(*((one.wall, one.cpu, one.peak) for one in results), strict=True)
    return Figures(statistics.median(walls), statistics.median(cpus), statistics.median(peaks))


def in_turns(project: Project, folder: Path, sides: Sequence[str]) -> list[list[Measured]]:
    """Publish a run in several ways in turns, each time to a new Hub; return what each way took."""
    from tests.local_hub import LocalHub

    results: list[list[Measured]] = [[] for _ in sides]
    for number in range(ROUNDS):
        for side, found in zip(sides, results, strict=True):
            place = folder / f"{project.folder.name}-{side}-{number}"
            with LocalHub(place / "hub", xet=place / "xet") as hub:
                found.append(getattr(project, side)("org/data", hub.env(place / "home")))
            shutil.rmtree(place)
    return results


def side_by_side(projects: Mapping[int, Project], folder: Path) -> None:
    """Print time and memory of both sides, at each size, and of what a larger one has more."""
    found = list[tuple[Figures, Figures]]()
    for rows, project in projects.items():
        size = (project.folder / "rows.parquet").stat().st_size / 1e6
        published, pushed = in_turns(project, folder, ["publish", "push"])
        ours, peer, alone = figures(published), figures(pushed), min(float(one.printed) for one in pushed)
        print(f"{rows} rows ({size:.0f} MB as Snappy), start-up included")
        print(f"  ours         {ours}; {ratios(ours, peer)}, {ours.peak / peer.peak:.2f} times its memory")
        print(f"  push_to_hub  {peer}; the call alone {alone:.1f} s")
        found.append((ours, peer))
    more = [Figures(b.wall - a.wall, b.cpu - a.cpu, b.peak - a.peak) for a, b in zip(*found, strict=True)]
    print(f"what the larger one takes more: ours {more[0]}; {ratios(*more)}")
    print(f"                         push_to_hub {more[1]}")


def ratios(ours: Figures, peer: Figures) -> str:
    """Return our time and CPU in terms of the peer's."""
    return f"{ours.wall / peer.wall:.2f} times its time, {ours.cpu / peer.cpu:.2f} times its CPU"


def last_look(project: Project, folder: Path) -> None:
    """Print what looking for secrets adds."""
    without, looked_at = map(figures, in_turns(project, folder, ["publish", "publish_looked_at"]))
    print(f"the last look: {looked_at.wall - without.wall:.1f} s, {looked_at.cpu - without.cpu:.1f} CPU-s more")


# --- the writer ---


def write_bare(tables: Sequence[pa.Table], path: Path) -> None:
    """Write tables as pyarrow does, ten thousand rows a group."""
    with pq.ParquetWriter(path, tables[0].schema, use_content_defined_chunking=True, **CODEC) as file:
        file.write_table(pa.concat_tables(tables), row_group_size=10_000)


def writer(tables: Sequence[pa.Table], folder: Path) -> None:
    """Print the rate of the writer of configs, in turns with pyarrow by itself."""
    rows, ours, bare = sum(len(table) for table in tables), list[float](), list[float]()
    for number in range(2 * ROUNDS):
        start = time.monotonic()
        write_config(iter(tables), "default", "sized", "train", (), folder / f"config-{number}")
        ours.append(time.monotonic() - start)
        start = time.monotonic()
        write_bare(tables, folder / f"bare-{number}.parquet")
        bare.append(time.monotonic() - start)
    rate, peer = rows / min(ours), rows / min(bare)
    print(f"writing: ours {rate:.0f} rows/s, pyarrow alone {peer:.0f} rows/s: {rate / peer:.0%}")


# --- what is new ---


def write_fixed(tables: Sequence[pa.Table], path: Path, *, chunking: bool) -> None:
    """Write tables with so many rows a group, wherever they then end."""
    table = pa.concat_tables(tables)
    pq.write_table(table, path, row_group_size=10_000, use_content_defined_chunking=chunking, **CODEC)


def news(releases: Mapping[str, Project], folder: Path) -> None:
    """Print the share of each release that the one before did not have."""
    from tests.local_hub import LocalHub
    from tests.local_xet import XetStore

    print(f"new bytes           {'ours':>8}{'fixed groups':>16}{'and chunking':>16}")
    stores = {chunking: XetStore(folder / f"fixed-{chunking}") for chunking in (False, True)}
    with LocalHub(folder / "hub", xet=folder / "xet") as hub:
        assert hub.store_xet
        for name, project in releases.items():
            before = hub.store_xet.stored
            project.publish("org/data", hub.env(folder / "home"))
            data = sum(file.size for path, file in hub.tree("org/data").items() if path.startswith("data/"))
            shares, tables = [(hub.store_xet.stored - before) / data], project.view()
            for chunking, store in stores.items():
                store.folder.mkdir(exist_ok=True)
                path, before = folder / f"fixed-{chunking}.parquet", store.stored
                write_fixed(tables, path, chunking=chunking)
                measured_program(UPLOAD % (store.url, str(path)), {"HF_XET_CACHE": str(folder / f"{chunking}")})
                shares.append((store.stored - before) / path.stat().st_size)
            print(f"  {name:<24}{shares[0]:>6.1%}{shares[1]:>14.1%}{shares[2]:>16.1%}  of {data / 1e6:.0f} MB")


def main() -> None:
    """Build the runs, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=55_000, help="in the smaller release")
    parser.add_argument("--times", type=int, default=6, help="as many in the larger one")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as name:
        folder, rows = Path(name), options.rows
        texts = list(islice(pieces(), rows * 102 // 100 + INSERTED))
        releases = dict[str, Project]()
        for change, changed in releases_of(texts, rows):
            releases[change] = Project(folder / f"project-{len(releases)}")
            releases[change].build(changed)
        large = Project(folder / "project-large")
        large.build(numbered(islice(more(texts[:rows]), options.times * rows)))
        del texts
        side_by_side({rows: releases["first"], options.times * rows: large}, folder)
        last_look(releases["first"], folder)
        writer(releases["first"].view(), folder)
        news(releases, folder)


if __name__ == "__main__":
    main()
