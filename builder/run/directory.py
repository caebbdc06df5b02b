"""A run's directory: what it was begun with, and which shards it holds.

`run.json` records everything that decides the bytes of the table. A run is only ever continued by the same
recipe, prompts, source, tools and model; anything else is another run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from builder.document import READ
from builder.errors import RunMismatch, UsageError
from builder.exclusions import Exclusions
from builder.files import write_text
from builder.rewriting.control_tokens import ControlTokens
from builder.rewriting.generation import Model
from builder.run.answers.rows import rewriting_stages, unanswered_in
from builder.run.exclusion_rows import has_readmitted
from builder.run.identity import PINNED_LATER, begun_with, difference
from builder.run.languages import see_that_languages_are_known
from builder.run.layout import in_order, number_of, shard_name
from builder.run.owner import OWNER
from builder.run.publishable import see_that_columns_publish

if TYPE_CHECKING:
    from builder.loaded_recipe import LoadedRecipe
    from builder.sources import Shard, Source

_FORMAT = 3
_READABLE = (2, _FORMAT)  # 2 broke up special tokens for good: its answers are still good where there were none


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


def shard_facts(path: Path) -> dict[str, Any] | None:
    """Return the facts a shard was written with, None where there is no shard."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return None
    return _facts_of(path, about.st_ino, about.st_size, about.st_mtime_ns)


@lru_cache(2**14)  # a build asks several times, and a footer takes a third of a millisecond
def _facts_of(path: Path, *_: int) -> dict[str, Any]:
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path).metadata or {}
    facts: dict[str, Any] = orjson.loads(metadata[b"builder"])
    return facts


def _check_columns(loaded: LoadedRecipe) -> None:
    from builder.run.named_columns import refuse_absent_columns, refuse_unknown_measures
    from builder.run.table import schema_of

    schema = schema_of(loaded)
    see_that_languages_are_known(loaded)
    see_that_columns_publish(loaded)
    refuse_absent_columns(loaded, schema)
    refuse_unknown_measures(loaded, schema)


class Run:
    """A run directory, opened for building or only for reading."""

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        """Keep what `run.json` says; use `begin` or `read`."""
        self.path, self.facts = path, facts
        self.decided: dict[str, str] = {}  # by stage that compares documents: the identity of what it decided
        self.exclusions = Exclusions()  # of the build that goes on: they are no part of a run

    @classmethod
    def read(cls, path: Path) -> Run:
        """Open an existing run.

        Raises:
            UsageError: There is none.
        """
        file = path / "run.json"
        if not file.is_file():
            raise UsageError(
                "there is no run here", where=str(path), remedy="`python -m builder build RECIPE` makes one"
            )
        facts: dict[str, Any] = orjson.loads(file.read_bytes())
        if facts["format"] not in _READABLE:
            raise _other_format(path, facts)
        return cls(path, facts)

    @classmethod
    def begin(cls, path: Path, loaded: LoadedRecipe) -> Run:
        """Open the run for building, making it if it is new.

        Raises:
            RunMismatch: The directory holds a run of another recipe, source, prompt or tool.
        """
        facts: dict[str, Any] = {
            "format": _FORMAT,
            **begun_with(loaded),
        }
        sources = loaded.recipe.sources
        if (path / "run.json").is_file():
            run = cls.read(path)
            if run.facts["format"] != _FORMAT:
                raise _other_format(path, run.facts)
            run.refuse_others(facts)  # another recipe's sources are not asked for what this run recorded
            pins = [source.pin(known) for source, known in zip(sources, run.facts["sources"], strict=True)]
            run.refuse_others({"sources": pins})
            _check_columns(loaded)
            return run
        # What a process that was killed while it began may have left is nothing.
        others = [file for file in path.glob("*") if OWNER not in file.name and file.name != ".run.json.tmp"]
        if others:
            raise RunMismatch(
                "it is not empty and holds no run", where=str(path), remedy="choose another --run DIR"
            )
        run = cls(path, {**facts, "sources": [source.pin() for source in sources]})
        _check_columns(loaded)
        run._save()
        return run

    def refuse_others(self, facts: Mapping[str, Any]) -> None:
        """Raise `RunMismatch` with the first difference between `facts` and what the run began with."""
        for key in (key for key in facts if key not in PINNED_LATER):
            if self.facts[key] != facts[key]:
                place, old, new = difference(key, self.facts[key], facts[key])
                raise RunMismatch(
                    f"this run began with {place} = {old}, now it is {new}",
                    where=str(self.path),
                    remedy="undo the change, or build into a new directory with --run DIR",
                )

    def _save(self) -> None:
        write_text(self.path / "run.json", orjson.dumps(self.facts, option=orjson.OPT_INDENT_2).decode() + "\n")

    @property
    def model(self) -> Model | None:
        """The model that this run's generations come from, None before the first."""
        model = self.facts["model"]
        return Model(**model) if model else None

    @property
    def control_tokens(self) -> ControlTokens | None:
        """The control tokens that this run shows by placeholders, None before its first generation."""
        tokens = self.facts.get("control_tokens")
        return ControlTokens.of_json(tokens) if tokens else None

    def pin(self, model: Model, tokens: ControlTokens) -> None:
        """Record the model and its control tokens at the run's first generation.

        Raises:
            RunMismatch: The run began with other control tokens.
        """
        begun = self.control_tokens
        if self.model is None:  # in one writing: after a kill between two another model would get these tokens
            self.facts["model"] = {"id": model.id, "sha": model.sha}
            self.facts["control_tokens"] = tokens.as_json()
            self._save()
        elif begun is not None and begun.tokens != tokens.tokens:
            raise RunMismatch(
                f"this run began with the control tokens of {begun.origin}, now they are those of {tokens.origin}",
                where=str(self.path),
                remedy="leave --tokenizer out to go on with those, or build into a new directory with --run DIR"
                " and --reuse this one",
            )

    @property
    def stages(self) -> list[str]:
        """The names of the stages, in order."""
        return [stage["name"] for stage in self.facts["recipe"]["stages"]]

    def reached(self, until: str) -> int:
        """Return how many stages lie behind a document that has been through `until`, which may be reading."""
        return 0 if until == READ else self.stages.index(until) + 1

    def shard_path(self, index: int) -> Path:
        """Return where a shard of the table lies."""
        return self.path / "shards" / f"{shard_name(index)}.parquet"

    def shard_paths(self, first: int = 0) -> list[Path]:
        """Return the shards there are, in order, from number `first` on."""
        return [path for path in in_order(self.path / "shards", ".parquet") if number_of(path) >= first]

    def shown_path(self, shard: Path) -> Path:
        """Return where a copy of a shard without what is excluded lies, if there is anything to leave out."""
        return self.path / "excluded" / shard.name

    def shown_paths(self) -> list[Path]:
        """Return the shards as they are shown and published, in order: without what the last build excluded."""
        pairs = ((path, self.shown_path(path)) for path in self.shard_paths())
        return [shown if shown.is_file() else path for path, shown in pairs]

    def facts_of(self, shard: RunShard) -> dict[str, Any] | None:
        """Return the facts of a shard of the table, None where it is not there."""
        facts = shard_facts(self.shard_path(shard.index))
        return facts if facts is not None and facts["range"] == shard.facts else None

    def documents(self) -> int:
        """Return how many documents are in the table."""
        return sum(facts["documents"] for path in self.shard_paths() if (facts := shard_facts(path)) is not None)

    @property
    def rewriters(self) -> list[str]:
        """The names of the rewriting stages, in order."""
        return rewriting_stages(self.facts["recipe"])

    @property
    def log(self) -> Path:
        """The folder of the log of answers that are not in the table."""
        return self.path / "journal"

    def unanswered_in(self, shard: Path) -> dict[str, dict[str, int]]:
        """Return how many documents of a shard of the table lack an answer, by stage and reason."""
        facts = shard_facts(shard) or {}
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
        facts = shard_facts(shard)
        return facts is not None and facts["until"] == self.stages[-1] and not facts["is_cut"]

    def finished(self, shard: RunShard, until: str, limit: int | None) -> int | None:
        """Return how many documents a shard has in the table, None where it needs work.

        Args:
            shard: The shard.
            until: The last stage that every document must have been through.
            limit: How many documents are wanted of it at most; None for all.
        """
        facts = self.facts_of(shard)
        if facts is None or self.reached(facts["until"]) < self.reached(until):
            return None
        if any(
            facts["decided"].get(stage) != decision
            for stage, decision in self.decided.items()
            if self.reached(stage) <= self.reached(until)
        ):
            return None
        withheld = facts.get("withheld")
        if withheld and has_readmitted(self.shard_path(shard.index), withheld, self.exclusions):
            return None
        documents: int = facts["documents"]
        if limit is not None and documents > limit:
            return None
        return None if facts["is_cut"] and documents != limit else documents

    def wanted(self, shards: Sequence[RunShard], until: str, limit: int | None) -> tuple[int, list[RunShard]]:
        """Return how many of the shards `limit` documents reach into, and those of them that need work.

        Where a shard needs work and its rows don't tell its documents, every later one may be reached.
        """
        left, unfinished = limit, list[RunShard]()
        for number, shard in enumerate(shards):
            if left is not None and left <= 0:
                return number, unfinished
            documents = self.finished(shard, until, left)
            if documents is None:
                unfinished.append(shard)
                documents = shard.range.rows if shard.source.a_row_is_a_document else 0
            left = None if left is None else left - documents
        return len(shards), unfinished


def _other_format(path: Path, facts: Mapping[str, Any]) -> UsageError:
    return UsageError(
        f"the run is of format {facts['format']}, this version has {_FORMAT}",
        where=str(path),
        remedy="use the version that made it, or build into another directory with --run DIR; --reuse and this one"
        " takes the answers of format 2",
    )


def run_shards(sources: Sequence[Source]) -> list[RunShard]:
    """Return the run's shards: the sources' own, numbered."""
    pairs = [(source, shard) for source in sources for shard in source.shards()]
    return [RunShard(index, source, shard) for index, (source, shard) in enumerate(pairs)]
