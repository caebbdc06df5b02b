"""`run.json`: everything that decides the bytes of a run's table.

A run is only ever continued by the same recipe, prompts, source, tools and model; anything else is another run.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from builder.document import READ
from builder.errors import RunMismatch, UsageError
from builder.rewriting.control_tokens import ControlTokens
from builder.rewriting.generation import Model
from builder.run.answers.rows import rewriting_stages
from builder.run.fence import Fence

if TYPE_CHECKING:
    from builder.loaded_recipe import LoadedRecipe

FORMAT = 3
"""Of a run's directory."""

_READABLE = (2, FORMAT)  # 2 broke up special tokens for good: its answers are still good where there were none
_PINNED_LATER = ("model", "control_tokens")  # with the first server


class Manifest:
    """What a run began with, and the model since its first generation."""

    def __init__(self, file: Path, facts: dict[str, Any]) -> None:
        """Keep what the file says; use `read` or `of`."""
        self._file, self.facts = file, facts

    @classmethod
    def read(cls, file: Path) -> Manifest:
        """Read what is there.

        Raises:
            UsageError: There is none, or one of another format.
        """
        if not file.is_file():
            raise UsageError(
                "there is no run here",
                where=str(file.parent),
                remedy="`python -m builder build RECIPE` makes one",
            )
        manifest = cls(file, orjson.loads(file.read_bytes()))
        manifest.see_format(_READABLE)
        return manifest

    @classmethod
    def of(cls, file: Path, loaded: LoadedRecipe, sources: Sequence[Mapping[str, object]]) -> Manifest:
        """Return that of a run which begins now, not yet saved; `sources` is what pins them."""
        return cls(file, {"format": FORMAT, **_begun_with(loaded), "sources": list(sources)})

    def save(self, fence: Fence) -> None:
        """Write the file.

        Raises:
            StorageError: The disk refuses.
            RunInUse: Another process has taken the run over.
        """
        fence.write_text(self._file, orjson.dumps(self.facts, option=orjson.OPT_INDENT_2).decode() + "\n")

    def see_format(self, formats: Sequence[int]) -> None:
        """Raise `UsageError` where the run's format is none of these."""
        if self.facts["format"] not in formats:
            raise UsageError(
                f"the run is of format {self.facts['format']}, this version has {FORMAT}",
                where=str(self._file.parent),
                remedy="use the version that made it, or build into another directory with --run DIR; --reuse and"
                " this one takes the answers of format 2",
            )

    def see_same(self, loaded: LoadedRecipe) -> None:
        """Raise `RunMismatch` where another recipe, prompt or tool is at work, or another version of one.

        Its sources are asked for what the run recorded of them only then.
        """
        self.see_format((FORMAT,))
        self._see_equal(_begun_with(loaded))
        sources = zip(loaded.recipe.sources, self.facts["sources"], strict=True)
        self._see_equal({"sources": [source.pin(known) for source, known in sources]})

    def _see_equal(self, facts: Mapping[str, Any]) -> None:
        for key in (key for key in facts if key not in _PINNED_LATER):
            if self.facts[key] != facts[key]:
                place, old, new = _difference(key, self.facts[key], facts[key])
                raise RunMismatch(
                    f"this run began with {place} = {old}, now it is {new}",
                    where=str(self._file.parent),
                    remedy="undo the change, or build into a new directory with --run DIR",
                )

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

    def pin(self, model: Model, tokens: ControlTokens, fence: Fence) -> None:
        """Record the model and its control tokens at the run's first generation.

        Raises:
            RunMismatch: The run began with other control tokens.
        """
        begun = self.control_tokens
        if self.model is None:  # in one writing: after a kill between two another model would get these tokens
            self.facts["model"] = {"id": model.id, "sha": model.sha}
            self.facts["control_tokens"] = tokens.as_json()
            self.save(fence)
        elif begun is not None and begun.tokens != tokens.tokens:
            raise RunMismatch(
                f"this run began with the control tokens of {begun.origin}, now they are those of {tokens.origin}",
                where=str(self._file.parent),
                remedy="leave --tokenizer out to go on with those, or build into a new directory with --run DIR"
                " and --reuse this one",
            )

    @property
    def stages(self) -> list[str]:
        """The names of the stages, in order."""
        return [stage["name"] for stage in self.facts["recipe"]["stages"]]

    @property
    def rewriters(self) -> list[str]:
        """The names of the rewriting stages, in order."""
        return rewriting_stages(self.facts["recipe"])

    def reached(self, until: str) -> int:
        """Return how many stages lie behind a document that has been through `until`, which may be reading."""
        return 0 if until == READ else self.stages.index(until) + 1


def _begun_with(loaded: LoadedRecipe) -> dict[str, Any]:
    """Return what is recorded of a recipe, its prompts and the tools at work here."""
    return {
        "recipe": loaded.run_snapshot(),
        "prompts": {
            stage: {"id": prompt.id, "sha256": prompt.sha, "content": loaded.prompt_files[stage]}
            for stage, prompt in loaded.prompts.items()
        },
        "versions": dict(sorted(_versions(loaded))),
        "model": None,
        "control_tokens": None,
    }


def _versions(loaded: LoadedRecipe) -> Iterator[tuple[str, str]]:
    yield "builder", version("swallow-builder")
    yield "pyarrow", version("pyarrow")
    yield "python", platform.python_version()
    checking = (check.used for checks in loaded.checks.values() for check in checks.values())
    for used in (*loaded.filters.values(), *checking):
        yield from used.identity().items()


def _difference(place: str, old: Any, new: Any) -> tuple[str, str, str]:  # noqa: ANN401 - plain data
    """Return where two values first differ, as a path of keys and positions below `place`, and both, shortened."""
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
