"""The types of the records: an ablation, its figures, and the training that all ablations share.

Invariant: no number without a mark, and no gap without a reason. The marks are P, seen in a primary source
(model and dataset cards, the authors' reference code, the abstract of arXiv 2505.02881); N, read in
third-party notes of the paper; D, derived or read off a figure (±0.002); R, recalled and not verified.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

Mark = Literal["P", "N", "D", "R"]
Benchmark = Literal["HumanEval", "HumanEval+", "GSM8K", "MATH"]
RecordId = Annotated[str, Field(pattern=r"^[a-z]+-exp[1-9][0-9]*$")]


class Strict(BaseModel):
    """Nothing unknown, nothing coerced, nothing changed later."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Span(Strict):
    """A number known only to lie between two others, both included."""

    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Span:
        if self.low >= self.high:
            raise ValueError("`low` must be below `high`; an exact number is written alone")
        return self


def _null_if_unknown(value: object) -> object:
    return None if value == "unknown" else value


class Figure(Strict):
    """A number with its source mark, or null with the reason why it is not known."""

    value: Annotated[float | Span | None, BeforeValidator(_null_if_unknown)]
    mark: Mark | None = None
    reason: str | None = Field(default=None, min_length=1)
    approximate: bool = False
    note: str | None = None

    @model_validator(mode="after")
    def _accounted(self) -> Figure:
        if self.value is None and (self.reason is None or self.mark is not None):
            raise ValueError("an unknown value needs a `reason`, and takes no `mark`")
        if self.value is not None and (self.mark is None or self.reason is not None):
            raise ValueError("a value needs a `mark` (P, N, D or R), and takes no `reason`")
        return self


class Result(Figure):
    """One score as a fraction of 1, after `tokens_billion` training tokens (in 10^9)."""

    benchmark: Benchmark
    metric: Literal["pass@1", "accuracy"]
    tokens_billion: float = Field(gt=0)
    paper_version: Literal["v1", "v4"] | None = None

    @model_validator(mode="after")
    def _fraction(self) -> Result:
        ends = [self.value.low, self.value.high] if isinstance(self.value, Span) else [self.value or 0.0]
        if not all(0 <= end <= 1 for end in ends):
            raise ValueError("a score is a fraction between 0 and 1, not a percentage")
        return self


class Point(Strict):
    """One point of a curve: the score (fraction of 1) after so many tokens (10^9)."""

    tokens_billion: float = Field(gt=0)
    value: float = Field(ge=0, le=1)


class Curve(Strict):
    """Scores of one benchmark along the training, all with one mark."""

    benchmark: Benchmark
    metric: Literal["pass@1", "accuracy"]
    mark: Mark
    points: tuple[Point, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rising(self) -> Curve:
        tokens = [point.tokens_billion for point in self.points]
        if tokens != sorted(set(tokens)):
            raise ValueError("the points of a curve go up in `tokens_billion`, each once")
        return self


class Published(Strict):
    """A difference as the paper announces it, in points (hundredths), over the record's baseline."""

    benchmark: Benchmark
    points: float
    mark: Mark
    paper_version: Literal["v1", "v4"] | None = None


class Dataset(Strict):
    """Where the training data can be had on the Hub; a null `repo` comes with a note that says why."""

    repo: str | None
    config: str | None
    folder: str | None = None
    status: Literal["published", "removed", "not found"]
    mark: Mark | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _accounted(self) -> Dataset:
        if self.repo is not None and self.mark is None:
            raise ValueError("a `repo` needs a `mark` (P, N, D or R)")
        if self.config is None and self.note is None:
            raise ValueError("a `config` that is null needs a `note` with the reason")
        return self


class Data(Strict):
    """What the target part of the training mix was; tokens in 10^9 by the Llama-3 tokenizer."""

    source: str
    description: str
    stages: tuple[str, ...]
    samples: Figure
    tokens_billion: Figure


class Models(Strict):
    """Whether model repositories of this ablation were seen on the Hub."""

    seen: bool
    mark: Mark | None = None
    reason: str | None = None

    @model_validator(mode="after")
    def _accounted(self) -> Models:
        if self.seen == (self.mark is None) or self.seen == (self.reason is not None):
            raise ValueError("seen models need a `mark`; models that were not seen need a `reason`")
        return self


class Record(Strict):
    """One ablation: its data, how it derives from others, its models and its scores."""

    id: RecordId
    title: str
    training: str
    built_from: tuple[RecordId, ...]
    baseline: RecordId | None
    data: Data
    dataset: Dataset
    models: Models
    results: tuple[Result, ...] = Field(min_length=1)
    curves: tuple[Curve, ...] = ()
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()


class Checkpoint(Strict):
    """A moment at which weights were kept; tokens in 10^9."""

    iteration: int = Field(gt=0)
    tokens_billion: float


class Mix(Strict):
    """The training mix of one family of ablations, in 10^9 tokens a part, and how its models are named."""

    mark: Mark
    tokens_billion: dict[str, float]
    target: str
    model_name: str
    note: str | None = None


class Setting(Strict):
    """One setting of the training, with its mark."""

    value: str | int | float
    mark: Mark


class Training(Strict):
    """The training that all ablations share, and the mix of each family."""

    settings: dict[str, Setting]
    checkpoints_mark: Mark
    checkpoints: tuple[Checkpoint, ...]
    mixes: dict[str, Mix]
    notes: tuple[str, ...] = ()
