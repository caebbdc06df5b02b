"""The paper's differences, recomputed from the recorded scores and set beside the ones it announces.

Nothing is copied from a headline: where the recorded, rounded scores give another difference than the
announced one, or none because a score is not known, both are shown as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from builder.checkpoints.schema import Mark, Record, Result, Span

Number = float | Span

LEGEND = (
    "Scores are fractions of 1 after 50 B tokens; points are hundredths, over the record named after `vs`. "
    "P: model and dataset cards, the authors' reference code, the abstract of arXiv 2505.02881. "
    "N: third-party notes of the paper. D: derived or read off a figure, ±0.002. R: recalled, not verified. "
    "~: approximate. ≠: not what the recorded scores give. v1, v4: version of the paper."
)


@dataclass(frozen=True, slots=True)
class Delta:
    """A difference between an ablation and its baseline on one benchmark.

    `value` and `baseline_value` are fractions of 1, `delta_points` and `published_points` points (hundredths);
    a `Span` is a range, None a number that is not known (or, for `published_points`, not announced). `marks`
    are the source marks of the two scores, in that order. `paper_version` is set where versions disagree.
    """

    experiment: str
    baseline: str
    benchmark: str
    value: Number | None
    baseline_value: Number | None
    delta_points: Number | None
    published_points: float | None
    marks: tuple[Mark | None, Mark | None]
    paper_version: str | None = None
    approximate: bool = False

    @property
    def disagrees(self) -> bool:
        """Whether the announced difference is not the computed one, to a tenth of a point."""
        if self.published_points is None:
            return False
        return not isinstance(self.delta_points, float) or round(self.delta_points, 1) != self.published_points


@dataclass(frozen=True, slots=True)
class Row:
    """One score of one ablation (fraction of 1, after `tokens_billion` x 10^9 tokens), with its difference."""

    experiment: str
    title: str
    benchmark: str
    metric: str
    tokens_billion: float
    paper_version: str | None
    value: Number | None
    mark: Mark | None
    reason: str | None
    approximate: bool
    delta: Delta | None


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of a benchmark's curve: the score (fraction of 1) after so many tokens (10^9)."""

    experiment: str
    benchmark: str
    tokens_billion: float
    value: float
    mark: Mark


def rows(records: Sequence[Record]) -> list[Row]:
    """Return every recorded final score, unknown ones too, in the order of the records."""
    by_id = {record.id: record for record in records}
    return [
        Row(
            experiment=record.id,
            title=record.title,
            benchmark=result.benchmark,
            metric=result.metric,
            tokens_billion=result.tokens_billion,
            paper_version=result.paper_version,
            value=result.value,
            mark=result.mark,
            reason=result.reason,
            approximate=result.approximate,
            delta=_delta(record, result, by_id[record.baseline]) if record.baseline else None,
        )
        for record in records
        for result in record.results
    ]


def deltas(records: Sequence[Record]) -> list[Delta]:
    """Return the difference of every score to the record's baseline, in points; None where a score is unknown."""
    return [row.delta for row in rows(records) if row.delta]


def curves(records: Sequence[Record]) -> list[CurvePoint]:
    """Return the scores along the training, as read off the paper's figure."""
    return [
        CurvePoint(record.id, curve.benchmark, point.tokens_billion, point.value, curve.mark)
        for record in records
        for curve in record.curves
        for point in curve.points
    ]


def as_dicts(items: Sequence[Row | Delta | CurvePoint]) -> list[dict[str, Any]]:
    """Return plain data for JSON: a range becomes {"low", "high"}, an unknown number null."""
    plain: list[dict[str, Any]] = TypeAdapter(list[Row | Delta | CurvePoint]).dump_python(list(items), mode="json")
    return plain


def render(records: Sequence[Record]) -> Group:
    """Return all ablations with their scores, differences and curves, and what the marks mean, for a console."""
    return Group(results_table(records), curves_table(records), Text(LEGEND, style="dim"))


def results_table(records: Sequence[Record]) -> Table:
    """Return the scores and differences as a table, one row an ablation, one line a score."""
    table = Table(title="Ablations: Llama-3.1-8B, 50 B tokens", box=box.SIMPLE, padding=(0, 1, 1, 0))
    table.add_column("experiment", no_wrap=True)
    table.add_column("data", overflow="fold")
    for heading in ("benchmark", "score", "points", "announced"):
        table.add_column(heading, no_wrap=True)
    scores = rows(records)
    for record in records:
        own = [row for row in scores if row.experiment == record.id]
        cells = [
            record.id + (f"\n vs {record.baseline}" if record.baseline else ""),
            record.title,
            "\n".join(" ".join(filter(None, (row.benchmark, row.paper_version))) for row in own),
            "\n".join(" ".join(filter(None, (_score(row.value, row.approximate), row.mark))) for row in own),
            "\n".join(_points(row.delta) for row in own),
            "\n".join(_announced(row.delta) for row in own),
        ]
        table.add_row(*map(Text, cells))
    return table


def curves_table(records: Sequence[Record]) -> Table:
    """Return the curves as a table, one row a curve, one column a number of tokens."""
    points = curves(records)
    tokens = sorted({point.tokens_billion for point in points})
    table = Table("experiment", "benchmark", "mark", title="Scores by tokens seen", box=box.SIMPLE)
    for count in tokens:
        table.add_column(f"{count:g} B", justify="right")
    scores: dict[tuple[str, str, Mark], dict[float, float]] = {}
    for point in points:
        curve = (point.experiment, point.benchmark, point.mark)
        scores.setdefault(curve, {})[point.tokens_billion] = point.value
    for curve, values in scores.items():
        table.add_row(
            *map(Text, curve), *(Text(_score(values[count]) if count in values else "") for count in tokens)
        )
    return table


def _delta(record: Record, result: Result, baseline: Record) -> Delta:
    other = next((score for score in baseline.results if _kind(score) == _kind(result)), None)
    baseline_value = other.value if other else None
    announced = [
        claim.points
        for claim in record.published
        if (claim.benchmark, claim.paper_version) == (result.benchmark, result.paper_version)
    ]
    return Delta(
        experiment=record.id,
        baseline=baseline.id,
        benchmark=result.benchmark,
        value=result.value,
        baseline_value=baseline_value,
        delta_points=_difference(result.value, baseline_value),
        published_points=announced[0] if announced else None,
        marks=(result.mark, other.mark if other else None),
        paper_version=result.paper_version,
        approximate=result.approximate or bool(other and other.approximate),
    )


def _kind(result: Result) -> tuple[str, str, str | None, float]:
    # Scores of two versions of the paper, or after different amounts of training, are not comparable.
    return result.benchmark, result.metric, result.paper_version, result.tokens_billion


def _difference(value: Number | None, baseline: Number | None) -> Number | None:
    if value is None or baseline is None:
        return None
    low, high = (value.low, value.high) if isinstance(value, Span) else (value, value)
    below, above = (baseline.low, baseline.high) if isinstance(baseline, Span) else (baseline, baseline)
    # Recorded scores have at most four decimals, so two decimals of a point lose nothing but float noise.
    least, most = round((low - above) * 100, 2), round((high - below) * 100, 2)
    return least if least == most else Span(low=least, high=most)


def _score(value: Number | None, approximate: bool = False) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, Span):
        return f"{_score(value.low)}–{_score(value.high)}"
    # Three decimals, as the paper's tables have; a fourth only where one is recorded.
    return "~" * approximate + f"{value:.4f}".removesuffix("0")


def _points(delta: Delta | None) -> str:
    if delta is None:
        return ""
    if delta.delta_points is None:
        return "unknown"
    if isinstance(delta.delta_points, Span):
        return f"{delta.delta_points.low:+.1f}…{delta.delta_points.high:+.1f}"
    return "~" * delta.approximate + f"{delta.delta_points:+.1f}"


def _announced(delta: Delta | None) -> str:
    if delta is None or delta.published_points is None:
        return ""
    return f"{'≠ ' if delta.disagrees else ''}{delta.published_points:+.1f}"
