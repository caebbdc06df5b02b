"""pylint's own score under SwallowCode's message set, less a penalty for comments (arXiv 2505.02881, section 3).

The score is what `pylint --persistent=n --disable=… FILE` prints, two digits, where only pylint is installed.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from typing import ClassVar

from builder.filters import universe
from builder.filters.base import Measures, WorkerFilter, Workplace

DISABLED = ("E0401", "C0114", "C0301", "C0103", "C0116", "C0411", "R0903", "W0511", "C0412")
"""import-error, missing docstrings, line length, naming, import order and grouping, too few methods, TODOs."""


class Lint(WorkerFilter):
    """Drops what scores below `min_score` of 10 after the comment penalty."""

    min_score: float = 7.0

    measures: ClassVar[Mapping[str, type]] = {
        "score": float,
        "pylint_score": float,
        "comment_ratio": float,
        "statements": int,
        "fatal": int,
        "error": int,
        "warning": int,
        "refactor": int,
        "convention": int,
        "messages": str,
        "pylint_version": str,
        "astroid_version": str,
        "python": str,
    }

    def workplace(self) -> Workplace:
        """Return a bare interpreter of our own version."""
        return Workplace(sys.executable, "pylint_rows", {"disabled": ",".join(DISABLED), **_versions()})

    def identity(self) -> dict[str, str]:
        """Return the versions of the interpreter, of pylint and of all it needs: each of them moves scores."""
        missing = universe.missing_modules()
        return {
            **universe.versions("pylint"),
            "python": platform.python_version(),
            "standard library": f"without {', '.join(missing)}" if missing else "complete",
        }

    def note(self) -> str | None:
        """Say what this interpreter's standard library lacks."""
        missing = universe.missing_modules()
        if not missing:
            return None
        return (
            f"this Python was built without {', '.join(missing)}: texts that import them score lower than on a"
            " complete one; install what it lacks (on Debian python3-tk and python3-full) or use another Python"
        )

    def decide(self, measures: Measures) -> str | None:
        """Drop a text without a score (pylint found no statement, or was told to skip it) or with a low one."""
        if measures["score"] is None:
            return "no_score"
        return "below_min_score" if measures["score"] < self.min_score else None


def _versions() -> dict[str, str]:
    found = universe.versions("pylint")
    return {
        "pylint_version": found["pylint"],
        "astroid_version": found["astroid"],
        "python": platform.python_version(),
    }
