"""What a run of many shards costs to look at and to go on with, though next to nothing is left to do.

Shards hold a document each: what is measured is what a shard costs, not what its documents do. CPU seconds, with
those of child processes, in which the command's own start is told too.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from measured import measured

RECIPE = """
name: many
source: {kind: parquet, path: rows.parquet, shard_rows: 1}
stages: [{name: sized, filter: length, min_characters: 1}]
release: {configs: {default: sized}, license: mit}
"""


def write_input(folder: Path, shards: int) -> list[str]:
    """Write a row for each shard and the recipe; return the command that builds them."""
    folder.mkdir(exist_ok=True)
    rows = pa.table({"text": ["value = 1\n"] * shards})
    pq.write_table(rows, folder / "rows.parquet", row_group_size=shards)
    (folder / "many.yaml").write_text(RECIPE)
    return ["build", str(folder / "many.yaml"), "--run", str(folder / "run"), "--workers", "1"]


def show(what: str, *command: str) -> None:
    """Print what a command took."""
    taken = measured(*command)
    print(f"{what}: {taken.cpu:.1f} s of CPU, {taken.wall:.1f} s; peak memory {taken.peak:.0f} MB", flush=True)


def main() -> None:
    """Build a run, then look at it and go on with it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=20_000)
    parser.add_argument("--folder", type=Path, help="keep the run here, and use the one that is there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        command = write_input(options.folder or Path(name), options.shards)
        run = Path(command[3])
        show("the command line by itself", "recipes")
        show(f"build of {options.shards} shards", *command)
        show("status", "status", str(run))
        show("build again, nothing to do", *command)
        sorted((run / "shards").glob("*.parquet"))[-1].unlink()
        show("build again, one shard to do", *command)


if __name__ == "__main__":
    main()
