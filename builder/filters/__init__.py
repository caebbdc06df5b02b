"""Keep or drop, on the CPU. docs/filters.md shows how to add one: a module, a line in `FILTERS`, a test."""

from builder.filters.base import FactFilter, OwnFilter, TextFilter, WorkerFilter
from builder.filters.contamination import Contamination
from builder.filters.language import Language
from builder.filters.length import Length
from builder.filters.licenses import Licenses
from builder.filters.lint import Lint
from builder.filters.near_duplicates import NearDuplicates
from builder.filters.repetition import Repetition
from builder.filters.score import Score
from builder.filters.secrets import Secrets
from builder.filters.syntax import Syntax

AnyFilter = WorkerFilter | FactFilter | NearDuplicates

FILTERS: dict[str, type[WorkerFilter] | type[FactFilter] | type[NearDuplicates]] = {
    "syntax": Syntax,
    "lint": Lint,
    "contamination": Contamination,
    "language": Language,
    "length": Length,
    "licenses": Licenses,
    "near_duplicates": NearDuplicates,
    "repetition": Repetition,
    "score": Score,
    "secrets": Secrets,
}

__all__ = [
    "FILTERS",
    "AnyFilter",
    "FactFilter",
    "Lint",
    "NearDuplicates",
    "OwnFilter",
    "Score",
    "Syntax",
    "TextFilter",
    "WorkerFilter",
]
