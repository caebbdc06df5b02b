"""The recipe: one strict YAML file with everything that decides the bytes of the result.

What only decides speed (workers, servers) is not in it. A key that is not known is an error that names
the line and the nearest known key.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from itertools import takewhile
from typing import Annotated, Any

from pydantic import (
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from builder.filters import FILTERS, Score
from builder.names import name_problem, same_name
from builder.recipe_parts import FilterStage, LocalModel, Release, RewriteStage, Stage, Strict, complaint
from builder.rewriting.rewriter import REWRITTEN
from builder.sources import AnySource, Source

_RESERVED = {"id", "text", "source", "verdict", "read"}

HELD_OUT = "test"
"""The split of the documents that are held out."""


def _measures(stage: FilterStage | RewriteStage) -> Mapping[str, type]:
    return FILTERS[stage.filter].measures if isinstance(stage, FilterStage) else REWRITTEN


def _redacts(stage: FilterStage) -> bool:
    return FILTERS[stage.filter].model_validate(stage.options).replaces_text


def _numbers(stage: FilterStage | RewriteStage) -> list[str]:
    """Return the names of a stage's numeric measures."""
    return [name for name, kind in _measures(stage).items() if kind in (int, float, bool)]


class Recipe(Strict):
    """A whole recipe.

    `exclude` names, for a column of the source or `id`, files that list what stays out of the run and the release.
    They are no part of what is published, nor of the run's identity.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    source: Annotated[
        Annotated[AnySource, Tag("one")] | Annotated[list[AnySource], Field(min_length=1), Tag("several")],
        Discriminator(lambda source: "several" if isinstance(source, list) else "one"),
    ]
    stages: list[Stage] = Field(min_length=1)
    exclude: dict[str, list[str]] = Field(default_factory=dict)
    model: LocalModel | None = None
    release: Release

    @field_validator("exclude", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the YAML holds
        if not isinstance(value, dict):
            return value
        return {column: [files] if isinstance(files, str) else files for column, files in value.items()}

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        if problem := name_problem(self.name):
            raise complaint(("name",), f"a recipe's name {problem}")
        for position in range(len(self.stages)):
            self._check_name(position)
            self._check_score(position)
        for config in self.release.configs:
            self._check_config(config)
        for column in self.release.columns:
            self._check_column(column)
        if self.release.held_out and self.release.split.casefold() == HELD_OUT:
            raise complaint(
                ("release", "split"), f"the rows that are held out make the split {HELD_OUT!r}: name another"
            )
        labels = [source.name for source in self.sources]
        if len(labels) > 1 and len({label.casefold() for label in labels if label}) < len(labels):
            raise complaint(("source",), "each of several sources needs a `name` of its own")
        return self

    def _check_name(self, position: int) -> None:
        """Refuse a stage's name that is no column's, or another column's, whatever its case."""
        name, place = self.stages[position].name, ("stages", position, "name")
        if problem := name_problem(name):
            raise complaint(place, f"a stage's name {problem}")
        if same_name(name, _RESERVED):
            raise complaint(place, f"stage name {name!r} is reserved")
        if twin := same_name(name, [stage.name for stage in self.stages[:position]]):
            twice = "used twice" if twin == name else f"{twin!r} but for its case: the table can't tell them apart"
            raise complaint(place, f"stage name {name!r} is {twice}")

    def _check_config(self, config: str) -> None:
        """Refuse a config of no stage, or whose name is no folder's, or another's, whatever its case."""
        release, names = self.release, [stage.name for stage in self.stages]
        stage, place = release.configs[config], ("release", "configs", config)
        if stage not in names:
            raise complaint(place, f"there is no stage {stage!r}; there are {', '.join(names)}")
        if problem := name_problem(config):
            raise complaint(place, f"a config's name {problem}")
        if twin := same_name(config, takewhile(config.__ne__, release.configs)):
            raise complaint(place, f"config {config!r} is {twin!r} but for its case: name one of them otherwise")
        if same_name(config, ["dropped"]) and release.dropped:
            raise complaint(place, "the config `dropped` is made of the drops; `dropped: false` frees the name")
        if same_name(config, ["generations"]) and release.generations:
            raise complaint(
                place, "the config `generations` is made of the answers; `generations: false` frees the name"
            )

    def _check_score(self, position: int) -> None:
        """Refuse a score that no earlier stage measures; what a source has, only reading it tells."""
        stage = self.stages[position]
        if not isinstance(stage, FilterStage) or FILTERS[stage.filter] is not Score:
            return
        column = Score.model_validate(stage.options).column
        known = [f"{earlier.name}.{name}" for earlier in self.stages[:position] for name in _numbers(earlier)]
        if not column.startswith("source.") and column not in known:
            near = difflib.get_close_matches(column, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are source.…, {', '.join(known)}"
            problem = f"no stage before {stage.name!r} measures a number {column!r}; {hint}"
            raise complaint(("stages", position, "filter", "column"), problem)

    def _check_column(self, column: str) -> None:
        """Refuse a column of no measure, one whose name is taken, a text from before something was taken out."""
        path, place = self.release.columns[column], ("release", "columns", column)
        if same_name(column, ["text", "id"]) or not re.fullmatch(r"[A-Za-z_]\w*", column):
            raise complaint(
                place, f"{column!r} can't be a column's name: take letters, digits and _, other than text, id"
            )
        if twin := same_name(column, takewhile(column.__ne__, self.release.columns)):
            raise complaint(place, f"column {column!r} is {twin!r} but for its case: name one of them otherwise")
        names = [stage.name for stage in self.stages]
        known = ["text", *(f"{stage.name}.{name}" for stage in self.stages for name in _measures(stage))]
        if path not in known and path.partition(".checks.")[0] not in names:
            near = difflib.get_close_matches(path, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise complaint(place, f"no stage measures {path!r}; {hint}")
        stage, _, measure = path.rpartition(".")
        later = self.stages[names.index(stage) if stage in names else 0 :]
        redacting = next((one.name for one in later if isinstance(one, FilterStage) and _redacts(one)), stage)
        if measure == "text" and redacting != stage:
            raise complaint(place, f"{redacting!r} takes secrets out of that text: publish one from after it")

    @property
    def sources(self) -> list[Source]:
        """The sources, in order."""
        return list(self.source) if isinstance(self.source, list) else [self.source]
