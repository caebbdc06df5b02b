"""Where a run stands: the funnel, added up over its shards, in figures that balance or say where not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from builder.document import READ
from builder.errors import LedgerUnbalanced
from builder.run.directory import Run
from builder.run.funnel import count_rows
from builder.run.ledger import Counts, Entry, Facts
from builder.run.progress_file import GENERATIONS, read_progress
from builder.run.unanswered import Unanswered, count_unanswered


@dataclass(frozen=True, slots=True)
class StageStatus:
    """One stage's part of the ledger.

    Attributes:
        name: The stage's name.
        kind: `source`, `filter` or `rewrite`.
        entered: Documents that reached it.
        kept: Documents it let go on, those it does not apply to included.
        dropped: Documents it dropped, by reason.
        passed_by: Of those kept, how many it does not apply to.
        passed_over: What a source lists and the recipe does not select, by reason: no documents.
        unchanged: Of those kept, how many go on with their old text because every attempt failed.
        prompt_tokens: Tokens that servers read for it, every attempt counted.
        completion_tokens: Tokens that servers wrote for it, every attempt counted.
    """

    name: str
    kind: str
    entered: int
    kept: int
    dropped: dict[str, int]
    passed_by: int = 0
    passed_over: dict[str, int] = field(default_factory=dict)
    unchanged: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def judged(self) -> int:
        """Documents that it applies to, of those that reached it: what its rates are of."""
        return self.entered - self.passed_by

    @property
    def judged_kept(self) -> int:
        """Of those that it applies to, how many it let go on."""
        return self.kept - self.passed_by

    def as_json(self) -> dict[str, Any]:
        """Return it under the public names."""
        fields = asdict(self)
        return {"name": fields.pop("name"), "kind": fields.pop("kind"), "in": fields.pop("entered"), **fields}


@dataclass(frozen=True, slots=True)
class Status:
    """A run's status. `generations` counts over all builds of the run, `unanswered` what got no answer so far."""

    recipe: str
    documents: int
    kept: int
    stages: list[StageStatus]
    shards: dict[str, int]
    generations: dict[str, int] = field(default_factory=dict)
    unanswered: Unanswered = field(default_factory=Unanswered)

    def as_json(self) -> dict[str, Any]:
        """Return what `status --json` prints."""
        return {**asdict(self), "stages": [stage.as_json() for stage in self.stages]}


def read_status(run: Run) -> Status:
    """Add up what the shards come to, which the run's ledger knows or a look at their rows tells.

    Raises:
        LedgerUnbalanced: A stage's documents in are not kept plus dropped.
    """
    progress = read_progress(run)
    generations = {kind: progress[kind] for kind in GENERATIONS}
    entries = run.ledger.entries(run.shown_paths())
    shards = {"done": len(entries), "total": progress.get("shards_total", len(entries))}
    if not entries:
        return Status(run.facts["recipe"]["name"], 0, 0, [], shards, generations)
    facts = {path: entry.facts for path, entry in entries.items()}
    stages = _funnel(run, list(facts.values()), list(_counts(run, entries)))
    kept = stages[-1].kept
    name, unanswered = run.facts["recipe"]["name"], count_unanswered(run, facts)
    return Status(name, stages[0].entered, kept, stages, shards, generations, unanswered)


def _counts(run: Run, entries: Mapping[Path, Entry]) -> Iterator[Counts]:
    yield from (entry.counts for entry in entries.values() if entry.counts is not None)
    uncounted = [path for path, entry in entries.items() if entry.counts is None]
    yield from count_rows(uncounted, run.facts["recipe"]["stages"]).values()


def _funnel(run: Run, facts: Sequence[Facts], counts: Sequence[Counts]) -> list[StageStatus]:
    drops: dict[str, Counter[str]] = {}
    for one in counts:
        for stage, reasons in one["dropped"].items():
            drops.setdefault(stage, Counter()).update(reasons)
    documents = sum(one["rows"] for one in counts)
    passed_over = sum((Counter(one["passed_over"]) for one in facts), Counter[str]())
    unreadable = _sorted(drops.get(READ, {}))
    kept = documents - sum(unreadable.values())
    ledger = [StageStatus(READ, "source", documents, kept, unreadable, passed_over=dict(passed_over))]
    if documents != sum(one["documents"] for one in facts):
        raise LedgerUnbalanced(
            f"{documents} rows, but {sum(one['documents'] for one in facts)} documents were read",
            where=str(run.path),
            remedy="a shard was changed: remove it and build again",
        )
    through = _stages_through(run, facts)
    for stage in run.facts["recipe"]["stages"]:
        if stage["name"] not in through:
            break
        dropped = _sorted(drops.get(stage["name"], {}))
        ledger.append(_balanced(_stage(stage, ledger[-1].kept, dropped, counts), run))
    return ledger


def _stage(
    stage: Mapping[str, Any], entered: int, dropped: dict[str, int], counts: Sequence[Counts]
) -> StageStatus:
    figures = Counter[str]()
    for one in counts:
        figures.update(one["stages"][stage["name"]])
    kind = "rewrite" if "rewrite" in stage else "filter"
    # Counted by themselves, not as the difference that they have to equal.
    kept = figures["kept"] + figures["passed_by"]
    return StageStatus(
        stage["name"],
        kind,
        entered,
        kept,
        dropped,
        passed_by=figures["passed_by"],
        unchanged=figures["unchanged"],
        prompt_tokens=figures["prompt_tokens"],
        completion_tokens=figures["completion_tokens"],
    )


def _sorted(reasons: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(reasons.items()))


def _balanced(stage: StageStatus, run: Run) -> StageStatus:
    dropped = sum(stage.dropped.values())
    if stage.entered != stage.kept + dropped:
        raise LedgerUnbalanced(
            f"{stage.entered} documents in, but {stage.kept} kept and {dropped} dropped",
            where=f"{run.path}, stage {stage.name}",
            remedy="if another process builds the run, look again when it is done; else report this as a bug",
        )
    return stage


def _stages_through(run: Run, facts: Sequence[Facts]) -> list[str]:
    """Return the stages that every shard of the table has been through."""
    return run.stages[: min(run.reached(one["until"]) for one in facts)]
