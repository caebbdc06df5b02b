"""The audit of a release: what its texts must not hold stops it, whatever stages let it through or never saw it.

Control tokens of the answering model, such as `<|eot_id|>`, are counted as the texts are written. A text that a
model wrote may hold those that its source holds, and no other. Then every text goes through the filters that the
recipe names under `scan`: source texts of an ablation, rewritten ones, a model's answers.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import GateTripped
from builder.filters import TextFilter
from builder.filters.batch import Batch
from builder.filters.workers import Workers
from builder.loaded_recipe import LoadedScan
from builder.release.config_files import Config
from builder.release.rows import text_column
from builder.rewriting.control_tokens import ControlTokens, fallback
from builder.run.directory import Run
from builder.run.funnel import connect

_BATCH = 64  # texts
_NAMED = 3  # findings that an error names

# --- control tokens ---


@dataclass(slots=True)
class Counted:
    """How many control tokens a config's texts hold, in how many of its rows."""

    config: str
    rows: int = 0
    holding: int = 0
    tokens: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, for the manifest."""
        return asdict(self)


@dataclass
class SpecialTokens:
    """Counts as texts are seen. `run` is the release's run."""

    run: Run
    counted: dict[str, Counted] = field(default_factory=dict)
    _suspected: dict[str, list[str]] = field(default_factory=dict)  # by rewritten stage: ids of rows with one

    def seen(self, view: Iterator[pa.Table], config: str, stage: str | None) -> Iterator[pa.Table]:
        """Yield a config's rows as they are, counting in them; `stage` is whose kept documents they are."""
        count = self.counted.setdefault(config, Counted(config))
        may_be_written = bool(self._rewriters_upto(stage))
        for rows in view:
            column = text_column(rows.column_names)
            found = self.tokens.counts(rows[column]) if column else {}
            count.tokens += sum(found.values())
            count.holding += len(found)
            if found and may_be_written:
                self._suspected.setdefault(str(stage), []).extend(str(rows["id"][number]) for number in found)
            count.rows += rows.num_rows
            yield rows

    @cached_property
    def tokens(self) -> ControlTokens:
        """Those that are looked for: of the model that answered, or of the best-known where none did."""
        return self.run.control_tokens or fallback()

    def of_configs(self) -> list[Counted]:
        """Return the counts of the configs that have rows."""
        return [count for count in self.counted.values() if count.rows]

    def check(self) -> None:
        """See that no text that a model wrote holds one that its source has not.

        Raises:
            GateTripped: Some do.
        """
        held = self.tokens.held_by
        for stage, ids in self._suspected.items():
            written = ", ".join(f'"{name}".text' for name in self._rewriters_upto(stage))
            with connect(self.run.shown_paths()) as connection:
                query = f"SELECT id, text, {written} FROM run WHERE id IN (SELECT unnest(?)) ORDER BY id"  # noqa: S608
                rows = connection.execute(query, [ids]).fetchall()
            found = [
                id_ for id_, text, *texts in rows if any(held(one) - held(text) for one in filter(None, texts))
            ]
            if found:
                raise GateTripped(
                    f"{len(found)} text(s) of stage {stage} that a model wrote hold control tokens that their"
                    f" sources have not ({', '.join(found[:_NAMED])} …)",
                    where=str(self.run.path),
                    remedy="nothing was published: build into another --run DIR with --reuse and this run; answers"
                    " that hold one are asked for again",
                )

    def _rewriters_upto(self, stage: str | None) -> list[str]:
        upto = [] if stage is None else self.run.stages[: self.run.stages.index(stage) + 1]
        return [name for name in self.run.rewriters if name in upto]


# --- the scan ---


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
            batches = [Batch.of(one.used) for one in scans]
            await _scan_rows(
                _rows(folder, config, column), list(zip(scans, batches, results, strict=True)), workers, 2 * count
            )
            found += results
        return found


async def _scan_rows(
    rows: Iterator[tuple[list[str], list[str]]],
    looking: Sequence[tuple[LoadedScan, Batch, Scanned]],
    workers: Workers,
    at_once: int,
) -> None:
    """Have so many batches scanned at once: the next is read when one is through."""
    pending: set[asyncio.Task[None]] = set()
    for ids, texts in rows:
        for one, batch, result in looking:
            pending.add(asyncio.ensure_future(_scan_batch(ids, texts, one.used, batch, result, workers)))
        while len(pending) >= at_once:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
    await asyncio.gather(*pending)


async def _scan_batch(
    ids: list[str], texts: list[str], used: TextFilter, batch: Batch, result: Scanned, workers: Workers
) -> None:
    verdict = await workers.verdict(batch, texts)
    if verdict.drop is None:
        refused = [(number, reason) for number, reason in verdict.record["refused"]]
    else:  # one of them ended the worker: which, each by itself tells
        verdicts = [await workers.verdict(used, text) for text in texts]
        refused = [(number, one.drop) for number, one in enumerate(verdicts) if one.drop is not None]
    result.rows += len(texts)
    for number, reason in refused:
        result.found[reason] += 1
        result.ids = sorted([*result.ids, ids[number]])[:_NAMED]


def _rows(folder: Path, config: Config, column: str) -> Iterator[tuple[list[str], list[str]]]:
    key = "id" if "id" in config.schema.names else "key"
    for path in config.files:
        with pq.ParquetFile(folder / path) as file:
            for batch in file.iter_batches(batch_size=_BATCH, columns=[key, column]):
                yield list(map(str, batch[key].to_pylist())), [text or "" for text in batch[column].to_pylist()]
