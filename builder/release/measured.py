"""What a run's stages did: answers, checks and scores of a model; benchmarks' items, secrets and copies found.

All are queries over the run's table. What nothing looked for is said as well.

Sums are of whole numbers: those of fractions depend on the order in which threads add them up, and a card has
to have the same bytes every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from builder.checks import AnswerCheck
from builder.checks.base import SOURCE
from builder.checks.final_answer import FinalAnswer
from builder.checks.self_contained import SelfContained
from builder.filters import FILTERS, AnyFilter, Syntax
from builder.filters.contamination import Contamination
from builder.filters.secrets import Secrets
from builder.loaded_recipe import LoadedRecipe
from builder.run.status import Status

SUBJECTS = ("contamination", "secrets", "near_duplicates")
_BINS = 10
_SCALE = 1000  # of a score: three digits count


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """One check of a stage, over each document's last answer.

    Attributes:
        name: Its name in the prompt.
        asked: Answers that it was asked about.
        refused: Those it refused, by reason.
        says: `compiles`, `self_contained`, `no_less_self_contained`, `final_answer`, or nothing
            that the card has words for.
        agrees: Where it compares answers, how many agree with what the source states.
        differs: And how many do not.
    """

    name: str
    asked: int
    refused: dict[str, int]
    says: str = ""
    agrees: int = 0
    differs: int = 0

    @property
    def passed(self) -> int:
        """Answers that it let pass."""
        return self.asked - sum(self.refused.values())

    @property
    def uncompared(self) -> int:
        """Where it compares answers, those to sources that state none, or none that can be compared."""
        return self.asked - self.agrees - self.differs


@dataclass(frozen=True, slots=True)
class Scores:
    """A score of the texts before and after a stage: how many are in each of ten bins, and the means."""

    stage: str
    measure: str
    edges: list[float]
    before: list[int]
    after: list[int]
    mean_before: float
    mean_after: float


@dataclass(frozen=True, slots=True)
class RewriteFacts:
    """One rewriting stage.

    Attributes:
        name: The stage.
        documents: Documents that were asked about.
        rewritten: Those that have a new text.
        requests: Requests for an answer, all attempts.
        answers: Requests that a model answered.
        failed: Answers that were paid for and not taken.
        failures: Requests without a taken answer, by reason.
        prompt_tokens: Tokens read, all attempts.
        completion_tokens: Tokens written, all attempts.
        failed_tokens: Of those written, how many are of answers that were not taken.
        sampling: What was sent to sample with, and for how many documents' last answers.
        grades: The grades that the model gave, where the prompt asks for one.
        checks: The prompt's checks, in their order.
        scores: Scores before and after.
    """

    name: str
    documents: int
    rewritten: int
    requests: int
    answers: int
    failed: int
    failures: dict[str, int]
    prompt_tokens: int
    completion_tokens: int
    failed_tokens: int
    sampling: list[tuple[str, int]]
    grades: list[tuple[float, int]]
    checks: list[CheckFacts]
    scores: list[Scores]


def rewriting(
    connection: duckdb.DuckDBPyConnection, stage: str, checks: dict[str, AnswerCheck]
) -> RewriteFacts | None:
    """Return what a stage's answers came to, None where it had no document."""
    documents, rewritten = _row(connection, f'SELECT count(*), count("{stage}".text) FROM run', stage)  # noqa: S608
    if not documents:
        return None
    reasons = _reasons(connection, stage, list(checks))
    return RewriteFacts(
        stage,
        documents,
        rewritten,
        **_answers(connection, stage),
        sampling=_counted(connection, f'"{stage}".sampling', stage),
        grades=_counted(connection, f'"{stage}".grade', stage),
        checks=[_check(connection, stage, name, check, reasons[name]) for name, check in checks.items()],
        scores=[
            scores
            for name, check in checks.items()
            if check.not_below_source and (scores := _scores(connection, stage, name, check.not_below_source))
        ],
    )


def _row(connection: duckdb.DuckDBPyConnection, query: str, stage: str) -> list[int]:
    row = connection.execute(f'{query} WHERE "{stage}" IS NOT NULL').fetchone()
    return [int(value or 0) for value in row or ()]


def _counted(connection: duckdb.DuckDBPyConnection, column: str, stage: str) -> list[tuple[Any, int]]:
    query = f'SELECT {column} AS value, count(*) FROM run WHERE "{stage}" IS NOT NULL AND value IS NOT NULL'  # noqa: S608
    return connection.execute(f"{query} GROUP BY value ORDER BY value").fetchall()


def _answers(connection: duckdb.DuckDBPyConnection, stage: str) -> dict[str, Any]:
    """Count a stage's answers, all attempts of them, by what became of them."""
    query = f"""
        SELECT a.failure, count(*), count(a.finish_reason), sum(a.prompt_tokens), sum(a.completion_tokens)
        FROM (SELECT unnest("{stage}".answers) AS a FROM run WHERE "{stage}" IS NOT NULL) GROUP BY 1 ORDER BY 1
    """  # noqa: S608
    found = [(row[0], *(int(value or 0) for value in row[1:])) for row in connection.execute(query).fetchall()]
    failed = [row for row in found if row[0] is not None]
    return {
        "requests": sum(row[1] for row in found),
        "answers": sum(row[2] for row in found),
        "failed": sum(row[2] for row in failed),
        "failures": {row[0]: row[1] for row in failed},
        "prompt_tokens": sum(row[3] for row in found),
        "completion_tokens": sum(row[4] for row in found),
        "failed_tokens": sum(row[4] for row in failed),
    }


def _reasons(connection: duckdb.DuckDBPyConnection, stage: str, checks: list[str]) -> dict[str, dict[str, int]]:
    """Return why each check refused; one that refuses is the last that an answer comes to."""
    refused: dict[str, dict[str, int]] = {name: {} for name in checks}
    if not checks:
        return refused
    cases = " ".join(f'WHEN "{stage}".checks."{name}" IS NOT NULL THEN \'{name}\'' for name in reversed(checks))
    # A request that got no answer leaves the figures of the attempt before it.
    answered = f'[a.failure FOR a IN "{stage}".answers IF a.finish_reason IS NOT NULL]'
    query = f"""
        SELECT CASE {cases} END AS last, list_extract({answered}, -1) AS reason, count(*)
        FROM run WHERE "{stage}" IS NOT NULL AND last IS NOT NULL AND reason IS NOT NULL
        GROUP BY last, reason ORDER BY last, reason
    """  # noqa: S608
    for name, reason, count in connection.execute(query).fetchall():
        refused[name][reason] = count
    return refused


def _check(
    connection: duckdb.DuckDBPyConnection, stage: str, name: str, check: AnswerCheck, refused: dict[str, int]
) -> CheckFacts:
    column = f'"{stage}".checks."{name}"'
    asked = _row(connection, f"SELECT count({column}) FROM run", stage)[0]  # noqa: S608
    if isinstance(check.used, FinalAnswer):
        counts = f"SELECT count(*) FILTER ({column}.agrees), count(*) FILTER (NOT {column}.agrees) FROM run"  # noqa: S608
        return CheckFacts(name, asked, refused, "final_answer", *_row(connection, counts, stage))
    says = ""
    if isinstance(check.used, Syntax):
        says = "compiles"
    elif isinstance(check.used, SelfContained):
        says = "self_contained" if check.used.undefined == "none" else "no_less_self_contained"
    return CheckFacts(name, asked, refused, says)


def _scores(connection: duckdb.DuckDBPyConnection, stage: str, name: str, measure: str) -> Scores | None:
    """Return a score of the texts that a stage rewrote, before and after."""
    columns = [f'"{stage}".checks."{name}"."{prefix}{measure}"' for prefix in (SOURCE, "")]
    both = f'FROM run WHERE "{stage}".text IS NOT NULL AND {" AND ".join(f"{c} IS NOT NULL" for c in columns)}'
    wholes = [f"CAST(round({column} * {_SCALE}) AS HUGEINT)" for column in columns]
    limits = ", ".join(f"min({whole}), max({whole}), sum({whole})" for whole in wholes)
    row = connection.execute(f"SELECT count(*), {limits} {both}").fetchone()
    if row is None or not row[0]:
        return None
    count, low, high, total, low_after, high_after, total_after = map(int, row)
    low, high = min(low, low_after, 0), max(high, high_after, 10 * _SCALE)  # most scores are of 0 to 10
    width = -(-(high - low) // _BINS)
    bins = [[0] * _BINS for _ in wholes]
    for whole, counts in zip(wholes, bins, strict=True):
        place = f"least(({whole} - {low}) // {width}, {_BINS - 1})"
        for number, documents in connection.execute(
            f"SELECT {place} AS bin, count(*) {both} GROUP BY bin"
        ).fetchall():
            counts[int(number)] = documents
    return Scores(
        stage,
        measure,
        edges=[(low + number * width) / _SCALE for number in range(_BINS + 1)],
        before=bins[0],
        after=bins[1],
        mean_before=total / count / _SCALE,
        mean_after=total_after / count / _SCALE,
    )


# --- what stages looked for ---


@dataclass(frozen=True, slots=True)
class Screening:
    """A filter that looked for a subject.

    Attributes:
        stage: The stage, or the rewriting stage whose answers it checks.
        dropped: Documents that it dropped; None where it checks answers.
        redacted: Documents from whose text it took something out.
        sees_all_that_is_written: Whether the model wrote nothing after it.
        benchmarks: The files of benchmarks that texts were compared with.
        similarity: From which similarity on it drops, None where there is no such thing.
    """

    stage: str
    dropped: int | None
    redacted: int
    sees_all_that_is_written: bool
    benchmarks: list[str]
    similarity: float | None


def screenings(
    connection: duckdb.DuckDBPyConnection, loaded: LoadedRecipe, status: Status
) -> dict[str, list[Screening]]:
    """Return the filters that looked for each subject, none where nothing did."""
    found: dict[str, list[Screening]] = {subject: [] for subject in SUBJECTS}
    dropped = {stage.name: sum(stage.dropped.values()) for stage in status.stages}
    for subject, stage, used, is_check, is_last in _used(loaded):
        redacted = 0
        if isinstance(used, Secrets) and not is_check:
            row = connection.execute(f'SELECT count("{stage}".text) FROM run').fetchone()  # noqa: S608
            redacted = int(row[0]) if row else 0
        benchmarks = [Path(path).name for path in used.benchmarks] if isinstance(used, Contamination) else []
        similarity = getattr(used, "similarity", None)
        count = None if is_check else dropped.get(stage, 0)
        found[subject].append(Screening(stage, count, redacted, is_last, benchmarks, similarity))
    return found


def _used(loaded: LoadedRecipe) -> Iterator[tuple[str, str, AnyFilter, bool, bool]]:
    """Yield each filter of a subject: subject, stage, filter, whether it checks answers, whether it is last."""
    subjects = {FILTERS[subject]: subject for subject in SUBJECTS}
    names = [stage.name for stage in loaded.recipe.stages]
    for number, name in enumerate(names):
        later = [other for other in names[number + 1 :] if other in loaded.prompts]
        if name in loaded.filters and (subject := subjects.get(type(loaded.filters[name]))):
            yield subject, name, loaded.filters[name], False, not later
        for check in loaded.checks.get(name, {}).values():
            if subject := subjects.get(type(check.used)):
                yield subject, name, check.used, True, not later
