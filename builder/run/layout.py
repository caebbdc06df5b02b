"""Where the files of a run lie.

    RUN/run.json                     what the run began with (`manifest`)
    RUN/owner.json                   who builds it (`lease`)
    RUN/ledger.jsonl                 a line for each finished shard (`ledger`)
    RUN/progress.json                counts of its builds, a file a worker (`progress_file`)
    RUN/shards/shard-00000.parquet   the table
    RUN/excluded/                    copies of shards without what is excluded
    RUN/journal/                     the log of answers that are not in the table (`answers.log`)
    RUN/answers/, RUN/reuse/         indexes of answers: the table's and those of other runs (`answers.index`)
    RUN/ask-again/                   marks of shards (`ask_again`)
    RUN/ids.sqlite                   an index of ids
    RUN/duplicates/STAGE/            what a stage that compares documents has decided
    RUN/fetched/                     what a source keeps while a run reads from it

A shard's number has five digits, and more from the hundred thousandth on.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths in a run's directory."""

    root: Path

    @property
    def manifest(self) -> Path:
        """What the run began with."""
        return self.root / "run.json"

    @property
    def ledger(self) -> Path:
        """The ledger of finished shards."""
        return self.root / "ledger.jsonl"

    @property
    def fetched(self) -> Path:
        """The folder for what sources have fetched."""
        return self.root / "fetched"

    @property
    def log(self) -> Path:
        """The folder of the log of answers."""
        return self.root / "journal"

    @property
    def answers(self) -> Path:
        """The folder of the index of the table's answers."""
        return self.root / "answers"

    @property
    def ask_again(self) -> Path:
        """The folder of marks."""
        return self.root / "ask-again"

    @property
    def excluded(self) -> Path:
        """The folder of the copies without what is excluded."""
        return self.root / "excluded"

    @property
    def ids(self) -> Path:
        """The index of ids."""
        return self.root / "ids.sqlite"

    def progress(self, worker: str) -> Path:
        """Return the counts of a worker, whose name is empty where it is alone."""
        return self.root / f"progress{'-' if worker else ''}{worker}.json"

    def all_progress(self) -> list[Path]:
        """Return the counts of all workers."""
        return [*self.root.glob("progress.json"), *self.root.glob("progress-*.json")]

    def duplicates(self, stage: str) -> Path:
        """Return the folder of a stage that compares documents."""
        return self.root / "duplicates" / stage

    def shard(self, number: int) -> Path:
        """Return a shard of the table."""
        return self.root / "shards" / f"{shard_name(number)}.parquet"

    def shards(self, first: int = 0) -> list[Path]:
        """Return the shards of the table that there are, in order, from number `first` on."""
        return [path for path in in_order(self.root / "shards", ".parquet") if number_of(path) >= first]

    def shown(self, shard: Path) -> Path:
        """Return where the copy of a shard without what is excluded lies, if there is anything to leave out."""
        return self.excluded / shard.name

    def all_shown(self) -> list[Path]:
        """Return the shards as they are shown and published, in order: without what the last build excluded."""
        copies = {path.name: path for path in in_order(self.excluded, ".parquet")}
        return [copies.get(path.name, path) for path in self.shards()]


def shard_name(number: int) -> str:
    """Return the name, without a suffix, of what belongs to the shard with this number."""
    return f"shard-{number:05d}"


def number_of(path: Path) -> int:
    """Return the number of the shard that a file belongs to."""
    return int(path.stem.rpartition("-")[2])


def in_order(folder: Path, suffix: str) -> list[Path]:
    """Return the shards' files in a folder by number: names put the 100,000th behind the 10,000th."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - a Path for each, before it is sorted, is most of the time
    except FileNotFoundError:
        return []
    found = (name for name in names if name.startswith("shard-") and name.endswith(suffix))
    numbers = {name: name[: -len(suffix)].rpartition("-")[2] for name in found}
    ordered = sorted((int(number), name) for name, number in numbers.items() if number.isdecimal())
    return [folder / name for _, name in ordered]
