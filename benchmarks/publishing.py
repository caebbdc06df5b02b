"""Publishing to the Hub: time and memory beside `push_to_hub`, the writer beside bare pyarrow, and what is new.

The run is a real one of a filter alone, over Parquet with pieces of the installed packages' sources. Both sides
publish the same rows through the real clients to the same local Hub, which stores in Xet, each in a process of its
own with caches of its own, in turns. Ours writes zstd, hashes, compares what the Hub holds with the manifest and
tags; `push_to_hub` writes Snappy, and its codec can't be chosen.

What is new in a release is the growth of the store of chunks that the real client fills, in percent of the
release's data files. Each release follows the one before; the peers' layouts go through the same client.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
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
release: {configs: {default: sized}, license: mit}
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


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as Parquet."""
    ids, texts = zip(*rows, strict=True)
    table = pa.table({"id": pa.array(ids, pa.string()), "text": pa.array(texts, pa.large_string())})
    pq.write_table(table.cast(pa.schema([("id", pa.string()), ("text", pa.string())])), path, row_group_size=1_000)


def releases_of(texts: Sequence[str], count: int) -> Iterator[tuple[str, list[Row]]]:
    """Yield the first release's rows, and those of each that follows it, with what was done to the one before."""
    rows = [(f"row-{number}", text) for number, text in enumerate(texts)]
    more, rows = rows[count:], rows[:count]
    yield "first", rows
    percent = count // 100
    rows = [*rows, *more[:percent]]
    yield "1 % appended", rows
    rows = [*rows[: count // 2], *more[percent : percent + INSERTED], *rows[count // 2 :]]
    yield f"{INSERTED} rows inserted", rows
    first = count // 4
    edited = [(id, f"# edited\n{text}") for id, text in rows[first : first + percent]]
    yield "1 % edited in a block", [*rows[:first], *edited, *rows[first + percent :]]


@dataclass(frozen=True)
class Project:
    """A folder with a recipe, its rows and its run."""

    folder: Path

    def build(self, rows: Sequence[Row]) -> None:
        """Write the recipe and the rows, and build the run."""
        self.folder.mkdir()
        write_rows(self.folder / "rows.parquet", rows)
        (self.folder / "publishing.yaml").write_text(RECIPE)
        measured("build", *self._named())

    def publish(self, dataset: str, env: Mapping[str, str]) -> Measured:
        """Publish the run."""
        return measured("publish", *self._named(), "--to", f"hf://datasets/{dataset}", env=env)

    def push(self, dataset: str, env: Mapping[str, str]) -> Measured:
        """Push the same rows with `datasets`."""
        return measured_program(PUSH % (str(self.folder / "rows.parquet"), dataset), env)

    def view(self) -> list[pa.Table]:
        """Return the published rows, a shard at a time."""
        return list(kept(Run.read(self.folder / "run"), "sized"))

    def _named(self) -> list[str]:
        return [str(self.folder / "publishing.yaml"), "--run", str(self.folder / "run")]


# --- time and memory ---


def sides(project: Project, folder: Path) -> tuple[list[Measured], list[Measured]]:
    """Publish and push a run in turns, each time to a new Hub; return what each side took."""
    from tests.local_hub import LocalHub

    ours, pushes = list[Measured](), list[Measured]()
    for number in range(ROUNDS):
        for side, call, results in (("ours", project.publish, ours), ("peer", project.push, pushes)):
            place = folder / f"{project.folder.name}-{side}-{number}"
            with LocalHub(place / "hub", xet=place / "xet") as hub:
                results.append(call("org/data", hub.env(place / "home")))
    return ours, pushes


def middle(values: Iterator[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def side_by_side(projects: Mapping[int, Project], folder: Path) -> None:
    """Print time and memory of both sides, at each size."""
    first: list[float] = []
    for count, project in projects.items():
        size = (project.folder / "rows.parquet").stat().st_size / 1e6
        ours, pushes = sides(project, folder)
        wall, peak = middle(one.wall for one in ours), middle(one.peak for one in ours)
        cpu = middle(one.cpu for one in ours)
        whole, alone = middle(one.wall for one in pushes), middle(float(one.printed) for one in pushes)
        high, work = middle(one.peak for one in pushes), middle(one.cpu for one in pushes)
        print(f"{count} rows ({size:.0f} MB as Snappy), start-up included")
        print(f"  ours          {wall:6.1f} s  {cpu:6.1f} CPU-s  peak {peak:5.0f} MB")
        print(f"  push_to_hub   {whole:6.1f} s  {work:6.1f} CPU-s  peak {high:5.0f} MB", end="")
        print(f"; ours {wall / whole:.2f} times its time, {peak / high:.2f} times its memory")
        print(f"  the push alone {alone:5.1f} s; ours {wall / alone:.2f} times that")
        first = first or [peak, high]
    print(f"  peaks, of the larger to the smaller: ours {peak / first[0]:.2f}, push_to_hub {high / first[1]:.2f}")


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
        write_config(iter(tables), "default", "sized", "train", 0.0, folder / f"config-{number}")
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
    parser.add_argument("--rows", type=int, default=55_000, help="in the larger release")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = list(islice(pieces(), options.rows * 102 // 100 + INSERTED))
        releases = dict[str, Project]()
        for change, rows in releases_of(texts, options.rows):
            releases[change] = Project(folder / f"project-{len(releases)}")
            releases[change].build(rows)
        small = Project(folder / "project-small")
        small.build([(f"row-{number}", text) for number, text in enumerate(texts[: options.rows // 3])])
        del texts
        side_by_side({options.rows // 3: small, options.rows: releases["first"]}, folder)
        writer(releases["first"].view(), folder)
        news(releases, folder)


if __name__ == "__main__":
    main()
