"""A run: its directory, what it began with, and what its table holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.errors import RunMismatch
from builder.exclusions import Exclusions
from builder.rewriting.control_tokens import ControlTokens
from builder.rewriting.generation import Model
from builder.run.answers.rows import unanswered_in
from builder.run.exclusion_rows import has_readmitted
from builder.run.fence import OWNER, WRITING, Fence
from builder.run.languages import see_that_languages_are_known
from builder.run.layout import Layout
from builder.run.ledger import Facts, Ledger
from builder.run.manifest import Manifest
from builder.run.plan import Extent, documents_in
from builder.run.publishable import see_that_columns_publish

if TYPE_CHECKING:
    from builder.loaded_recipe import LoadedRecipe
    from builder.sources import Shard, Source


@dataclass(frozen=True, slots=True)
class RunShard:
    """One shard of a run: its number in the table and the source range it holds."""

    index: int
    source: Source
    range: Shard

    @property
    def facts(self) -> dict[str, Any]:
        """The range as plain data."""
        return asdict(self.range)

    @property
    def extent(self) -> Extent:
        """What planning knows of it."""
        rows = self.range.rows if self.source.a_row_is_a_document else None
        return Extent(rows, is_in_order=self.source.may_repeat_ids)


def run_shards(sources: Sequence[Source]) -> list[RunShard]:
    """Return the run's shards: the sources' own, numbered."""
    pairs = [(source, shard) for source in sources for shard in source.shards()]
    return [RunShard(index, source, shard) for index, (source, shard) in enumerate(pairs)]


class Run:
    """A run's directory, opened for building or only for reading.

    Attributes:
        layout: Where its files lie.
        manifest: What it began with.
        ledger: What its table holds.
        fence: Leave to write into it.
        decided: By stage that compares documents: the identity of what it decided.
        exclusions: Those of the build that goes on: they are no part of a run.
    """

    def __init__(self, path: Path, facts: dict[str, Any], fence: Fence | None = None) -> None:
        """Keep what `run.json` says; use `begin` or `read`."""
        self.path, self.layout = path, Layout(path)
        self.fence = fence or Fence(path)
        self.manifest = Manifest(self.layout.manifest, facts)
        self.ledger = Ledger(self.layout.ledger, self.fence)
        self.decided: dict[str, str] = {}
        self.exclusions = Exclusions()

    def __reduce__(self) -> tuple[Any, ...]:
        """Give another process the same run, with the same leave to write into it."""
        return _again, (self.path, self.facts, self.fence, self.decided, self.exclusions)

    @classmethod
    def read(cls, path: Path) -> Run:
        """Open an existing run.

        Raises:
            UsageError: There is none.
        """
        return cls(path, Manifest.read(Layout(path).manifest).facts)

    @classmethod
    def begin(cls, path: Path, loaded: LoadedRecipe, fence: Fence | None = None) -> Run:
        """Open the run for building, making it if it is new.

        Args:
            path: The run's directory.
            loaded: The recipe.
            fence: The lease's under which it is built; None where nobody else is there.

        Raises:
            RunMismatch: The directory holds a run of another recipe, source, prompt or tool.
        """
        file = Layout(path).manifest
        if file.is_file():
            manifest = Manifest.read(file)
            manifest.see_same(loaded)
            _check_columns(loaded)
            return cls(path, manifest.facts, fence)
        # What a process that was killed while it began may have left is nothing.
        names = {file.name for file in path.glob("*")} - {".run.json.tmp"}
        if any(OWNER not in name and not name.startswith(WRITING) for name in names):
            raise RunMismatch(
                "it is not empty and holds no run", where=str(path), remedy="choose another --run DIR"
            )
        manifest = Manifest.of(file, loaded, [source.pin() for source in loaded.recipe.sources])
        _check_columns(loaded)
        manifest.save(fence or Fence(path))
        return cls(path, manifest.facts, fence)

    @property
    def facts(self) -> dict[str, Any]:
        """What the run began with, as plain data."""
        return self.manifest.facts

    @property
    def model(self) -> Model | None:
        """See `Manifest`."""
        return self.manifest.model

    @property
    def control_tokens(self) -> ControlTokens | None:
        """See `Manifest`."""
        return self.manifest.control_tokens

    def pin(self, model: Model, tokens: ControlTokens) -> None:
        """See `Manifest`."""
        self.manifest.pin(model, tokens, self.fence)

    @property
    def stages(self) -> list[str]:
        """The names of the stages, in order."""
        return self.manifest.stages

    @property
    def rewriters(self) -> list[str]:
        """The names of the rewriting stages, in order."""
        return self.manifest.rewriters

    def reached(self, until: str) -> int:
        """See `Manifest`."""
        return self.manifest.reached(until)

    def shard_path(self, index: int) -> Path:
        """Return where a shard of the table lies."""
        return self.layout.shard(index)

    def shard_paths(self, first: int = 0) -> list[Path]:
        """Return the shards there are, in order, from number `first` on."""
        return self.layout.shards(first)

    def shown_path(self, shard: Path) -> Path:
        """Return where a copy of a shard without what is excluded lies, if there is anything to leave out."""
        return self.layout.shown(shard)

    def shown_paths(self) -> list[Path]:
        """Return the shards as they are shown and published, in order: without what the last build excluded."""
        return self.layout.all_shown()

    def facts_of(self, shard: RunShard) -> Facts | None:
        """Return the facts of a shard of the table, None where it is not there."""
        facts = self.ledger.facts(self.shard_path(shard.index))
        return facts if facts is not None and facts["range"] == shard.facts else None

    def finished(self, shard: RunShard, until: str, limit: int | None) -> int | None:
        """Return how many documents a shard has in the table, None where it needs work.

        Args:
            shard: The shard.
            until: The last stage that every document must have been through.
            limit: How many documents are wanted of it at most; None for all.
        """
        facts = self.facts_of(shard)
        if facts is None:
            return None
        documents = documents_in(facts, self.stages[: self.reached(until)], self.decided, limit)
        withheld = facts.get("withheld")
        if documents is None or not withheld:
            return documents
        is_stale = has_readmitted(self.shard_path(shard.index), withheld, self.exclusions)
        return None if is_stale else documents

    @property
    def log(self) -> Path:
        """The folder of the log of answers that are not in the table."""
        return self.layout.log

    def unanswered_in(self, shard: Path) -> dict[str, dict[str, int]]:
        """Return how many documents of a shard of the table lack an answer, by stage and reason."""
        facts = self.ledger.facts(shard) or {}
        if "unanswered" not in facts:  # written before shards said so
            counts: dict[str, Counter[str]] = {}
            for _, reasons in unanswered_in(shard, self.rewriters):
                for stage, reason in reasons.items():
                    counts.setdefault(stage, Counter())[reason] += 1
            return {stage: dict(reasons) for stage, reasons in counts.items()}
        found: dict[str, dict[str, int]] = facts["unanswered"]
        return found

    def is_through(self, shard: Path) -> bool:
        """Whether a shard is in the table with all its documents, through every stage."""
        facts = self.ledger.facts(shard)
        return facts is not None and facts["until"] == self.stages[-1] and not facts["is_cut"]


def _again(
    path: Path, facts: dict[str, Any], fence: Fence, decided: dict[str, str], exclusions: Exclusions
) -> Run:
    run = Run(path, facts, fence)
    run.decided, run.exclusions = decided, exclusions
    return run


def _check_columns(loaded: LoadedRecipe) -> None:
    from builder.run.named_columns import refuse_absent_columns, refuse_unknown_measures
    from builder.run.table import schema_of

    schema = schema_of(loaded)
    see_that_languages_are_known(loaded)
    see_that_columns_publish(loaded)
    refuse_absent_columns(loaded, schema)
    refuse_unknown_measures(loaded, schema)
