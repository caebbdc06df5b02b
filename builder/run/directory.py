"""A run's directory: what it was begun with, and which shards it holds.

`run.json` records everything that decides the bytes of the table. A run is only ever continued by the same
recipe, prompts, source, tools and model; anything else is another run.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from builder.errors import RunMismatch, UsageError
from builder.files import write_text
from builder.filters import FILTERS
from builder.recipe import FilterStage
from builder.recipe_file import LoadedRecipe
from builder.rewriting.servers import Model
from builder.run.table import shard_facts
from builder.sources import Shard, Source

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class RunShard:
    """One shard of a run: its number in the table and the source range it holds."""

    index: int
    source: Source
    range: Shard

    @property
    def facts(self) -> dict[str, Any]:
        """The range as plain data, without the path that differs from machine to machine."""
        return {**asdict(self.range), "file": Path(self.range.file).name}


def _versions(loaded: LoadedRecipe) -> dict[str, str]:
    found = {
        "builder": version("swallow-builder"),
        "pyarrow": version("pyarrow"),
        "python": platform.python_version(),
    }
    checks = [check.filter for prompt in loaded.prompts.values() for check in prompt.checks if check.filter]
    stages = [stage.filter for stage in loaded.recipe.stages if isinstance(stage, FilterStage)]
    for name in [*stages, *checks]:
        found.update(FILTERS[name].versions())
    return dict(sorted(found.items()))


class Run:
    """A run directory, opened for building or only for reading."""

    def __init__(self, path: Path, facts: dict[str, Any]) -> None:
        """Keep what `run.json` says; use `begin` or `read`."""
        self.path, self.facts = path, facts

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
        return cls(path, facts)

    @classmethod
    def begin(cls, path: Path, loaded: LoadedRecipe) -> Run:
        """Open the run for building, making it if it is new.

        Raises:
            RunMismatch: The directory holds a run of another recipe, source, prompt or tool.
        """
        facts = {
            "format": _FORMAT,
            "recipe": loaded.run_snapshot(),
            "prompts": {
                stage: {"id": prompt.id, "sha256": prompt.sha, "content": loaded.prompt_files[stage]}
                for stage, prompt in loaded.prompts.items()
            },
            "sources": [source.pin() for source in loaded.recipe.sources],
            "versions": _versions(loaded),
            "model": None,
        }
        if (path / "run.json").is_file():
            run = cls.read(path)
            run.refuse_others(facts)
            return run
        if path.exists() and any(path.iterdir()):
            raise RunMismatch(
                "it is not empty and holds no run", where=str(path), remedy="choose another --run DIR"
            )
        run = cls(path, facts)
        run._save()
        return run

    def refuse_others(self, facts: dict[str, Any]) -> None:
        """Raise `RunMismatch` with the first difference between `facts` and what the run began with."""
        for key in ("format", "recipe", "prompts", "sources", "versions"):
            if self.facts[key] != facts[key]:
                place, old, new = _difference(key, self.facts[key], facts[key])
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

    def pin_model(self, model: Model) -> None:
        """Record the model at the run's first generation."""
        if self.model is None:
            self.facts["model"] = {"id": model.id, "sha": model.sha}
            self._save()

    @property
    def stages(self) -> list[str]:
        """The names of the stages, in order."""
        return [stage["name"] for stage in self.facts["recipe"]["stages"]]

    def shard_path(self, index: int) -> Path:
        """Return where a shard of the table lies."""
        return self.path / "shards" / f"shard-{index:05d}.parquet"

    def shard_paths(self) -> list[Path]:
        """Return the shards there are, in order."""
        return sorted((self.path / "shards").glob("shard-*.parquet"))

    def is_done(self, shard: RunShard, until: str) -> bool:
        """Whether a shard is in the table with every stage up to `until`."""
        facts = shard_facts(self.shard_path(shard.index))
        return (
            facts is not None
            and facts["range"] == shard.facts
            and self.stages.index(facts["until"]) >= self.stages.index(until)
        )


def run_shards(sources: Sequence[Source], limit: int | None) -> list[RunShard]:
    """Return the run's shards: the sources' own, numbered, cut after `limit` documents."""
    shards: list[RunShard] = []
    left = limit
    for source in sources:
        for shard in source.shards():
            if left is not None:
                shard = Shard(shard.file, shard.start, min(shard.stop, shard.start + left))
                left -= shard.rows
            if shard.rows:
                shards.append(RunShard(len(shards), source, shard))
    return shards


def _difference(place: str, old: Any, new: Any) -> tuple[str, Any, Any]:  # noqa: ANN401 - plain data
    if isinstance(old, dict) and isinstance(new, dict):
        absent = "(absent)"
        key = next(key for key in [*old, *new] if old.get(key, absent) != new.get(key, absent))
        return _difference(f"{place}.{key}", old.get(key, absent), new.get(key, absent))
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        position = next(index for index, item in enumerate(old) if item != new[index])
        return _difference(f"{place}.{position}", old[position], new[position])
    return place, _short(old), _short(new)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
