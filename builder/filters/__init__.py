"""Keep or drop, on the CPU. A filter measures a text in a child process and decides in the parent.

To add one: a module with a `TextFilter` or `FactFilter`, a line in `FILTERS`, a test.
"""

from builder.filters.base import FactFilter, Filter, TextFilter, WorkerFilter
from builder.filters.lint import Lint
from builder.filters.syntax import Syntax

FILTERS: dict[str, type[Filter]] = {"syntax": Syntax, "lint": Lint}

__all__ = ["FILTERS", "FactFilter", "Filter", "Lint", "Syntax", "TextFilter", "WorkerFilter"]
