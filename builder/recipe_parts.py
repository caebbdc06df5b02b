"""A recipe's parts, each strict by itself: its stages, what is released of them, a model to run here."""

from __future__ import annotations

from collections.abc import Mapping
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

from builder.filters import FILTERS
from builder.rewriting.prompts import Sampling
from builder.rewriting.weights import Candidate
from builder.sources import Language

_NAME = r"^[A-Za-z][A-Za-z0-9_-]*$"

Scalar = str | int | float | bool


def complaint(location: tuple[str | int, ...], message: str) -> ValidationError:
    """Return a complaint about a place further in than the validator that finds it."""
    kind = PydanticCustomError("recipe", "{message}", {"message": message})
    return ValidationError.from_exception_data("recipe", [{"type": kind, "loc": location, "input": None}])


class Strict(BaseModel):
    """A part of a recipe: a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Stage(Strict):
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


class Scan(Strict):
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


class Release(Strict):
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


class Gguf(Strict):
    """Weights: a built-in name, a path, or `hf://ORG/REPO/FILE.gguf` (`ORG/REPO@REVISION`), and their digest."""

    path: str
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")

    @property
    def candidate(self) -> Candidate:
        """The same for who looks for weights."""
        return Candidate(self.path, self.sha256)


class LocalModel(Strict):
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
                raise complaint(
                    ("gguf", position), f"of several models each needs its `sha256`; {one.path!r} has none"
                )
        return self
