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

TESTED = {"pylint": "4.1.4", "astroid": "4.3.4"}
"""The versions whose inner workings `pylint_rows` knows: with others the parity test has to be run."""


class Lint(WorkerFilter):
    """Drops what scores below `min_score` of 10 after the comment penalty."""

    is_costly: ClassVar[bool] = True

    min_score: float = 7.0

    knows_only: ClassVar[frozenset[str] | None] = frozenset({"Python"})
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

    def keeps(self, versions: Mapping[str, str]) -> str:
        """Return the least score, and whose it is."""
        pylint = f"pylint {versions['pylint']}" if "pylint" in versions else "pylint"
        return f"what scores {self.min_score:g} or more of 10: {pylint}'s score, less the share of comments"

    def note(self) -> str | None:
        """Say what this interpreter's standard library lacks, and which versions scores were not compared with."""
        found, notes = universe.versions("pylint"), []
        others = [f"{name} {found[name]} ({tested})" for name, tested in TESTED.items() if found[name] != tested]
        if others:
            notes.append(
                f"scores were compared with the command line's by other versions than {' and '.join(others)}:"
                " install those in brackets, or run tests/test_lint_parity.py"
            )
        if missing := universe.missing_modules():
            notes.append(
                f"this Python was built without {', '.join(missing)}: texts that import them score lower than on"
                " a complete one; install what it lacks (on Debian python3-tk and python3-full), or use another"
            )
        return "; ".join(notes) or None

    def explained(self, measures: Measures) -> str:
        """Return pylint's own evaluation, the penalty and the limit, then the messages."""
        score, rating = measures["score"], measures["pylint_score"]
        if score is None:
            return super().explained(measures)
        if measures["fatal"]:
            lines = [f"{measures['fatal']} fatal: pylint_score {rating:.2f}"]
        else:
            counted = " + ".join(f"{measures[kind]} {kind}" for kind in ("warning", "refactor", "convention"))
            sum_ = f"10 - 10 × (5 × {measures['error']} error + {counted}) / {measures['statements']} statements"
            lines = [f"{sum_}, at least 0: pylint_score {rating:.2f}"]
        against = "not less than" if score >= self.min_score else "less than"
        penalty = f"{rating:.2f} × (1 - {measures['comment_ratio']:.4f}), the share of tokens that are comments"
        lines.append(f"{penalty}: score {score:.4f}, {against} {self.min_score:g}")
        if measures["messages"]:
            lines.append(measures["messages"])
        lines.append(f"pylint {measures['pylint_version']}, Python {measures['python']}")
        return "\n  ".join(lines)

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
