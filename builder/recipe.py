"""The recipe: one strict YAML file with everything that decides the bytes of the result.

What only decides speed (workers, servers) is not in it. A key that is not known is an error that names
the line and the nearest known key.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from itertools import takewhile
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from builder.filters import FILTERS, Score
from builder.names import name_problem, same_name
from builder.rewriting.prompts import Sampling
from builder.rewriting.rewriter import REWRITTEN
from builder.rewriting.weights import Candidate
from builder.sources import AnySource, Language, Source

_NAME = r"^[A-Za-z][A-Za-z0-9_-]*$"
_RESERVED = {"id", "text", "source", "verdict", "read"}

HELD_OUT = "test"
"""The split of the documents that are held out."""

Scalar = str | int | float | bool


def _at(location: tuple[str | int, ...], message: str) -> ValidationError:
    """Return a complaint about a place further in than the validator that finds it."""
    kind = PydanticCustomError("recipe", "{message}", {"message": message})
    return ValidationError.from_exception_data("recipe", [{"type": kind, "loc": location, "input": None}])


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Stage(_Strict):
    name: str = Field(pattern=_NAME)
    where: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict)

    def applies_to(self, source: Mapping[str, Any]) -> bool:
        """Whether a document with this provenance takes part; others pass by, untouched and kept."""
        return all(
            source.get(column) in (wanted if isinstance(wanted, list) else [wanted])
            for column, wanted in self.where.items()
        )


class FilterStage(_Stage):
    """A stage that keeps or drops; keys beyond `name`, `filter` and `where` are the filter's options."""

    model_config = ConfigDict(extra="allow", frozen=True)

    filter: str

    @field_validator("filter")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in FILTERS:
            raise ValueError(f"there is no filter {name!r}; there are {', '.join(FILTERS)}")
        return name

    @model_validator(mode="after")
    def _options_fit(self) -> FilterStage:
        FILTERS[self.filter].model_validate(self.options)
        return self

    @property
    def options(self) -> dict[str, Any]:
        """The filter's options, as written."""
        return self.model_extra or {}


class RewriteStage(_Stage):
    """A stage that has a model rewrite the text with a prompt."""

    rewrite: str
    sampling: dict[str, Any] = Field(default_factory=dict)
    on_failure: Literal["drop", "keep"] = "drop"

    @field_validator("sampling")
    @classmethod
    def _fits(cls, sampling: dict[str, Any]) -> dict[str, Any]:
        Sampling.model_validate(sampling)
        return sampling


def _stage_kind(value: Any) -> str | None:  # noqa: ANN401 - whatever the YAML holds
    keys = value if isinstance(value, dict) else getattr(value, "__dict__", ())
    kinds = [kind for kind in ("filter", "rewrite") if kind in keys]
    return kinds[0] if len(kinds) == 1 else None


Stage = Annotated[
    Annotated[FilterStage, Tag("filter")] | Annotated[RewriteStage, Tag("rewrite")],
    Discriminator(
        _stage_kind,
        custom_error_type="stage_kind",
        custom_error_message="a stage has exactly one of `filter` and `rewrite`",
    ),
]


class Scan(_Strict):
    """A filter that looks at every text of a release before it is published; other keys are its options.

    `allow` is how many rows of a config it may refuse.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    filter: str
    allow: int = Field(default=0, ge=0)

    @property
    def options(self) -> dict[str, Any]:
        """The filter's options, as written."""
        return self.model_extra or {}


class Release(_Strict):
    """What is published: for each config the stage whose kept documents it holds.

    `held_out` is the share of the documents, by what they say, that go into a split `test`. `dropped` adds a
    config of the drops without their texts, `generations` one of the answers behind the texts. `scan` names
    filters that look at every text before it is published. `columns` adds, by name, what stages measured
    (`STAGE.MEASURE`) and texts from before (`text`, `STAGE.text`). `contact` is whom to ask for removal.
    """

    configs: dict[str, str] = Field(min_length=1)
    license: str
    to: str | None = None
    split: str = Field(default="train", pattern=r"^\w+$")
    held_out: float = Field(default=0.0, ge=0, lt=1)
    dropped: bool = True
    generations: bool = True
    scan: list[Scan] = Field(default_factory=lambda: [Scan(filter="secrets")])
    title: str | None = None
    description: str = ""
    language: list[Language] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    source_datasets: list[str] = Field(default_factory=list)
    source_terms: str = ""
    columns: dict[str, str] = Field(default_factory=dict)
    contact: str | None = None

    @property
    def text_columns(self) -> list[str]:
        """The names of those of `columns` that hold texts."""
        return [name for name, path in self.columns.items() if path.rpartition(".")[2] == "text"]

    @field_validator("columns", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the YAML holds
        if not isinstance(value, list):
            return value
        return {"text_before" if path == "text" else str(path).replace(".", "_"): path for path in value}


class Gguf(_Strict):
    """Weights: a built-in name, a path, or `hf://ORG/REPO/FILE.gguf` (`ORG/REPO@REVISION`), and their digest."""

    path: str
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @property
    def candidate(self) -> Candidate:
        """The same for who looks for weights."""
        return Candidate(self.path, self.sha256)


class LocalModel(_Strict):
    """The GGUF that a run uses on this machine's CPU when no server is given: the first that can be had."""

    gguf: list[Gguf] = Field(min_length=1)

    @field_validator("gguf", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the YAML holds
        listed = value if isinstance(value, list) else [value]
        return [{"path": one} if isinstance(one, str) else one for one in listed]

    @model_validator(mode="after")
    def _are_told_apart(self) -> LocalModel:
        for position, one in enumerate(self.gguf):
            if len(self.gguf) > 1 and one.candidate.pin is None:
                # A run goes on with the model that it began with: it has to know which of them that is.
                raise _at(("gguf", position), f"of several models each needs its `sha256`; {one.path!r} has none")
        return self


def _measures(stage: FilterStage | RewriteStage) -> Mapping[str, type]:
    return FILTERS[stage.filter].measures if isinstance(stage, FilterStage) else REWRITTEN


def _redacts(stage: FilterStage) -> bool:
    return FILTERS[stage.filter].model_validate(stage.options).replaces_text


def _numbers(stage: FilterStage | RewriteStage) -> list[str]:
    """Return the names of a stage's numeric measures."""
    return [name for name, kind in _measures(stage).items() if kind in (int, float, bool)]


class Recipe(_Strict):
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
            raise _at(("name",), f"a recipe's name {problem}")
        for position in range(len(self.stages)):
            self._check_name(position)
            self._check_score(position)
        for config in self.release.configs:
            self._check_config(config)
        for column in self.release.columns:
            self._check_column(column)
        if self.release.held_out and self.release.split.casefold() == HELD_OUT:
            raise _at(
                ("release", "split"), f"the rows that are held out make the split {HELD_OUT!r}: name another"
            )
        labels = [source.name for source in self.sources]
        if len(labels) > 1 and len({label.casefold() for label in labels if label}) < len(labels):
            raise _at(("source",), "each of several sources needs a `name` of its own")
        return self

    def _check_name(self, position: int) -> None:
        """Refuse a stage's name that is no column's, or another column's, whatever its case."""
        name, place = self.stages[position].name, ("stages", position, "name")
        if problem := name_problem(name):
            raise _at(place, f"a stage's name {problem}")
        if same_name(name, _RESERVED):
            raise _at(place, f"stage name {name!r} is reserved")
        if twin := same_name(name, [stage.name for stage in self.stages[:position]]):
            twice = "used twice" if twin == name else f"{twin!r} but for its case: the table can't tell them apart"
            raise _at(place, f"stage name {name!r} is {twice}")

    def _check_config(self, config: str) -> None:
        """Refuse a config of no stage, or whose name is no folder's, or another's, whatever its case."""
        release, names = self.release, [stage.name for stage in self.stages]
        stage, place = release.configs[config], ("release", "configs", config)
        if stage not in names:
            raise _at(place, f"there is no stage {stage!r}; there are {', '.join(names)}")
        if problem := name_problem(config):
            raise _at(place, f"a config's name {problem}")
        if twin := same_name(config, takewhile(config.__ne__, release.configs)):
            raise _at(place, f"config {config!r} is {twin!r} but for its case: name one of them otherwise")
        if same_name(config, ["dropped"]) and release.dropped:
            raise _at(place, "the config `dropped` is made of the drops; `dropped: false` frees the name")
        if same_name(config, ["generations"]) and release.generations:
            raise _at(
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
            raise _at(("stages", position, "filter", "column"), problem)

    def _check_column(self, column: str) -> None:
        """Refuse a column of no measure, one whose name is taken, a text from before something was taken out."""
        path, place = self.release.columns[column], ("release", "columns", column)
        if same_name(column, ["text", "id"]) or not re.fullmatch(r"[A-Za-z_]\w*", column):
            raise _at(
                place, f"{column!r} can't be a column's name: take letters, digits and _, other than text, id"
            )
        if twin := same_name(column, takewhile(column.__ne__, self.release.columns)):
            raise _at(place, f"column {column!r} is {twin!r} but for its case: name one of them otherwise")
        names = [stage.name for stage in self.stages]
        known = ["text", *(f"{stage.name}.{name}" for stage in self.stages for name in _measures(stage))]
        if path not in known and path.partition(".checks.")[0] not in names:
            near = difflib.get_close_matches(path, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise _at(place, f"no stage measures {path!r}; {hint}")
        stage, _, measure = path.rpartition(".")
        later = self.stages[names.index(stage) if stage in names else 0 :]
        redacting = next((one.name for one in later if isinstance(one, FilterStage) and _redacts(one)), stage)
        if measure == "text" and redacting != stage:
            raise _at(place, f"{redacting!r} takes secrets out of that text: publish one from after it")

    @property
    def sources(self) -> list[Source]:
        """The sources, in order."""
        return list(self.source) if isinstance(self.source, list) else [self.source]
