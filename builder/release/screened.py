"""What a release was looked through for: benchmarks' items, secrets, copies. What was not is said as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from builder.filters import FILTERS, AnyFilter
from builder.filters.contamination import Contamination
from builder.filters.secrets import Secrets
from builder.recipe_file import LoadedRecipe
from builder.run.status import Status

SUBJECTS = ("contamination", "secrets", "near_duplicates")


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
