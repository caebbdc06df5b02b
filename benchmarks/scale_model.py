"""The model behind docs/scale.md: what a large run takes, from what was measured on two cores.

Nothing is measured here: each constant names the benchmark that prints it, on a machine whose two cores others
use, too. How fast a server writes is an assumption, and an option. Times are for the whole run.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

LINT = 28.8e-3
"""CPU seconds a file of the filters: `lint.py`, all 200 files."""
FETCHED = 0.46e-3
"""CPU seconds of a worker's main process to fetch a file: `contents.py`."""
FLOWN = 0.45e-3
"""CPU seconds of a worker's main process for a document and its row: `flow.py`."""
READ = 0.21e-3
"""CPU seconds of a worker to read a document into the table first: `ray_engine.py`, with `--ids` less without."""
COUNTED = 0.05e-3
"""CPU seconds of the command for a document that a worker on a cluster tells of: `ray_engine.py`."""
REQUESTED = 0.83e-3
"""CPU seconds of a worker for a request: `rewriting.py`."""
COMPARED = 0.39e-3
"""CPU seconds a document of `near_duplicates`, by the command alone: `near_duplicates.py`."""
SHARD_DOCUMENTS = 1_000
"""A source's `shard_rows`, unless the recipe says another."""
LEDGER_BYTES = 560
"""Of the ledger, a shard: `ray_engine.py`."""
INDEX_BYTES = 24
"""Of the index of answers, an answer: `ray_engine.py`."""
PLANNED_BYTES = 900
"""Of the command's memory, a shard that is planned: `ray_engine.py`, 100,000 shards less 1,000."""
TEXT_BYTES = 930
"""In the table, a document: `ray_engine.py`, the run of filters."""
ANSWER_BYTES = 1_870
"""In the table, an answer: `ray_engine.py`, the run of requests less the run of filters."""
STATUS = (1.1 - 0.3) / 20_000
"""CPU seconds of `status`, a shard, less the start: `many_shards.py`."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What is given: see the options."""

    files: int
    rewritten: int
    stages: int
    nodes: int
    cores: int
    servers: int
    tokens: float
    speed: float

    @property
    def shards(self) -> int:
        """Shards of the table."""
        return self.files // SHARD_DOCUMENTS

    @property
    def requests(self) -> int:
        """Requests of the whole run."""
        return self.rewritten * self.stages

    @property
    def rate(self) -> float:
        """Requests a second that the servers answer."""
        return self.servers * self.speed / self.tokens

    def reading_in_order(self) -> dict[str, float]:
        """Return the seconds of what one worker does before all others, where ids may repeat."""
        return {"one worker's main process": self.files * (FETCHED + READ)}

    def filter_wave(self) -> dict[str, float]:
        """Return the seconds that each part would take by itself; the longest is what the wave takes."""
        return {
            f"lint on {self.nodes * self.cores} cores": self.files * LINT / (self.nodes * self.cores),
            f"{self.nodes} workers' main processes": self.files * (FETCHED + FLOWN) / self.nodes,
            "the command, which counts each": self.files * COUNTED,
        }

    def rewriting_wave(self) -> dict[str, float]:
        """Return the same of the requests."""
        return {
            f"{self.servers} servers": self.requests / self.rate,
            "one worker's main process": self.requests * REQUESTED,
            "the command, which counts each": self.rewritten * COUNTED,
        }


def hours(seconds: float) -> str:
    """Return a time as it is said."""
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"


def show_wave(name: str, parts: dict[str, float]) -> None:
    """Print the parts of a wave, the longest first."""
    print(name)
    for part, seconds in sorted(parts.items(), key=lambda one: -one[1]):
        print(f"  {part:34}{hours(seconds):>10}")


def show_disk(scale: Scale) -> None:
    """Print what is on the shared disk."""
    gigabytes = (scale.files * TEXT_BYTES + scale.requests * ANSWER_BYTES) / 1e9
    print("on the shared disk")
    print(f"  shards                   {scale.shards:>10,} files {gigabytes:8,.0f} GB")
    print(f"  ledger                            1 file  {scale.shards * LEDGER_BYTES / 1e9:8.2f} GB")
    print(
        f"  index of answers         {scale.shards // 16:>10,} files {scale.requests * INDEX_BYTES / 1e9:8.1f} GB"
    )
    print(f"  counts and logs          {2 * scale.nodes:>10,} files")
    print(f"  finished shards, a second {scale.rate / scale.stages / SHARD_DOCUMENTS:9.2f} of the rewriting wave")
    print(f"  syncs of the log, a second{min(scale.rate, 100 * scale.nodes):9.0f} at most")


def main() -> None:
    """Print the model's figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--files", type=int, default=41_000_000)
    add("--rewritten", type=int, default=24_100_000, help="files that the filters keep")
    add("--stages", type=int, default=2, help="requests a file")
    add("--nodes", type=int, default=64, help="of the CPU wave")
    add("--cores", type=int, default=32, help="of each of them")
    add("--servers", type=int, default=100)
    add("--tokens", type=float, default=548, help="that an answer has in the mean")
    add("--speed", type=float, default=2_500, help="tokens that a server writes a second: an assumption")
    scale = Scale(**vars(parser.parse_args()))
    print(f"{scale.files:,} files in {scale.shards:,} shards, {scale.rewritten:,} rewritten {scale.stages} times")
    show_wave("reading first, for ids that may repeat", scale.reading_in_order())
    show_wave("the CPU wave: what each part would take by itself", scale.filter_wave())
    show_wave(f"the GPU wave: {scale.rate:,.0f} requests/s", scale.rewriting_wave())
    print(f"near_duplicates, if the recipe has it: {hours(scale.files * COMPARED)} of CPU on one machine")
    print(f"the command's memory for the plan: {scale.shards * PLANNED_BYTES / 1e6:.0f} MB beyond its own")
    print(f"status: {scale.shards * STATUS:.1f} s of CPU")
    show_disk(scale)


if __name__ == "__main__":
    main()
