"""The last look before publishing: every text of a release through the filters that the recipe names under `scan`.

What a stage let through, or never saw, shows here: source texts of an ablation, rewritten ones, a model's answers.
Texts go to the workers some at a time, for handing one over takes longer than looking at it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import pyarrow.parquet as pq

from builder.errors import GateTripped
from builder.filters import OwnFilter, TextFilter
from builder.filters.base import Measures
from builder.filters.workers import Workers
from builder.recipe_file import LoadedScan
from builder.release.config_files import Config
from builder.release.rows import text_column

_BATCH = 64
_NAMED = 3  # findings that an error names, of each filter and config


class _Batch(OwnFilter):
    """Several texts through one filter; only what it refuses comes back."""

    cpu_limit: ClassVar[float] = 120.0
    measures: ClassVar[Mapping[str, type]] = {}

    module: str
    kind: str
    options: dict[str, Any]

    @cached_property
    def _used(self) -> TextFilter:
        used: TextFilter = getattr(import_module(self.module), self.kind).model_validate(self.options)
        return used

    def prepare(self) -> None:
        """Load what the filter needs."""
        self._used.prepare()

    def measure(self, content: Sequence[str]) -> Measures:
        """Return the place of each text that the filter refuses, and why."""
        reasons = (self._used.decide(self._used.measure(text)) for text in content)
        return {"refused": [[place, reason] for place, reason in enumerate(reasons) if reason is not None]}

    def decide(self, measures: Measures) -> str | None:
        """Keep them: they are only looked at."""
        return None


@dataclass(slots=True)
class Scanned:
    """What one filter found in one config.

    Attributes:
        name: The filter's name.
        config: The config's name.
        allow: How many rows it may refuse.
        rows: Rows that it looked at.
        found: Rows that it refuses, by reason.
        ids: Some of those.
    """

    name: str
    config: str
    allow: int
    rows: int = 0
    found: Counter[str] = field(default_factory=Counter)
    ids: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, for manifest and card."""
        return {"filter": self.name, "config": self.config, "rows": self.rows, "found": dict(self.found)}


def scan(
    folder: Path,
    configs: Sequence[Config],
    scans: Sequence[LoadedScan],
    workers: int,
    say: Callable[[str], None],
    also: Sequence[str] = (),
) -> list[Scanned]:
    """Look at every text of a release in `folder`, in `text` and the columns `also`; return what was found.

    Raises:
        GateTripped: More rows of a config are refused than the recipe allows.
        FilterUnavailable: A filter's package is not installed.
    """
    looked_at = [
        (config, column)
        for config in configs
        for column in [text_column(config.schema.names), *also]
        if column in config.schema.names
    ]
    if not scans or not looked_at:
        return []
    say(f"scanning {sum(config.rows for config, _ in looked_at)} texts: {', '.join(one.name for one in scans)}")
    found = asyncio.run(_scan(folder, looked_at, scans, workers, say))
    if tripped := [one for one in found if one.found.total() > one.allow]:
        raise GateTripped(
            "; ".join(f"{one.name} refuses {one.found.total()} of {one.rows} rows of {one.config} "
                      f"({', '.join(one.ids)} …)" for one in tripped),
            where=str(folder.parent),
            remedy="nothing was published: make the filter a stage of the recipe (`secrets` can redact), or say"
            " under `release.scan` how many rows may stay (`allow`)",
        )  # fmt: skip
    return found


async def _scan(
    folder: Path,
    looked_at: Sequence[tuple[Config, str]],
    scans: Sequence[LoadedScan],
    count: int,
    say: Callable[[str], None],
) -> list[Scanned]:
    async with Workers(count, say) as workers:
        found = []
        for config, column in looked_at:
            name = config.name if column == text_column(config.schema.names) else f"{config.name}.{column}"
            results = [Scanned(one.name, name, one.allow) for one in scans]
            batches = [_batch(one.used) for one in scans]
            await _look(
                _rows(folder, config, column), list(zip(scans, batches, results, strict=True)), workers, 2 * count
            )
            found += results
        return found


def _batch(used: TextFilter) -> _Batch:
    kind = type(used)
    return _Batch(module=kind.__module__, kind=kind.__name__, options=used.model_dump())


async def _look(
    rows: Iterator[tuple[list[str], list[str]]],
    looking: Sequence[tuple[LoadedScan, _Batch, Scanned]],
    workers: Workers,
    at_once: int,
) -> None:
    """Have batches looked at, so many at once: the next is read when one is through."""
    pending: set[asyncio.Task[None]] = set()
    for ids, texts in rows:
        for one, batch, result in looking:
            pending.add(asyncio.ensure_future(_one(ids, texts, one.used, batch, result, workers)))
        while len(pending) >= at_once:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    await asyncio.gather(*pending)


async def _one(
    ids: list[str], texts: list[str], used: TextFilter, batch: _Batch, result: Scanned, workers: Workers
) -> None:
    verdict = await workers.verdict(batch, texts)
    if verdict.drop is None:
        refused = [(place, reason) for place, reason in verdict.record["refused"]]
    else:  # one of them ended the worker: which, each by itself tells
        verdicts = [await workers.verdict(used, text) for text in texts]
        refused = [(place, one.drop) for place, one in enumerate(verdicts) if one.drop is not None]
    result.rows += len(texts)
    for place, reason in refused:
        result.found[reason] += 1
        result.ids = sorted([*result.ids, ids[place]])[:_NAMED]


def _rows(folder: Path, config: Config, column: str) -> Iterator[tuple[list[str], list[str]]]:
    key = "id" if "id" in config.schema.names else "key"
    for path in config.files:
        with pq.ParquetFile(folder / path) as file:
            for batch in file.iter_batches(batch_size=_BATCH, columns=[key, column]):
                yield list(map(str, batch[key].to_pylist())), [text or "" for text in batch[column].to_pylist()]
