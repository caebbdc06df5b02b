"""pylint's own score under SwallowCode's message set, less a penalty for comments (arXiv 2505.02881, section 3).

The score is what `pylint --persistent=n --disable=… FILE` prints, two digits, in the same environment.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import platform
import sys
import tokenize
from collections.abc import Iterator, Mapping
from importlib.machinery import FrozenImporter
from importlib.metadata import version
from typing import Any, ClassVar

from builder.filters.base import Measures, TextFilter

DISABLED = ("E0401", "C0114", "C0301", "C0103", "C0116", "C0411", "R0903", "W0511", "C0412")
"""import-error, missing docstrings, line length, naming, import order and grouping, too few methods, TODOs."""


class Lint(TextFilter):
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
        "pylint_version": str,
        "astroid_version": str,
        "python": str,
    }

    def identity(self) -> dict[str, str]:
        """Return the versions of pylint, astroid and the interpreter: each of them moves scores."""
        return {
            "pylint": version("pylint"),
            "astroid": version("astroid"),
            "python": platform.python_version(),
        }

    def measure(self, text: str) -> Measures:
        """Run pylint on the text, from memory, reading no configuration file."""
        rating = _pylint(text)
        ratio = comment_ratio(text)
        versions = self.identity()
        return {
            **rating,
            "score": penalised(rating["pylint_score"], ratio),
            "comment_ratio": ratio,
            "pylint_version": versions["pylint"],
            "astroid_version": versions["astroid"],
            "python": versions["python"],
        }

    def decide(self, measures: Measures) -> str | None:
        """Drop a text without a score (pylint found no statement, or was told to skip it) or with a low one."""
        if measures["score"] is None:
            return "no_score"
        return "below_min_score" if measures["score"] < self.min_score else None


def penalised(pylint_score: float | None, ratio: float) -> float | None:
    """Return the score after the comment penalty: score × (1 − ratio), 0 for nothing but comments."""
    if pylint_score is None:
        return None
    return 0.0 if ratio == 1 else pylint_score * (1 - ratio)


def comment_ratio(text: str) -> float:
    """Return COMMENT tokens / all tokens; 0 where the text can't be tokenized."""
    comments = total = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            total += 1
            comments += token.type == tokenize.COMMENT
    except (tokenize.TokenError, IndentationError, SyntaxError):
        return 0.0
    return comments / total if total else 0.0


@contextlib.contextmanager
def _contained() -> Iterator[None]:
    """Keep pylint from running what a text names, and from looking for the text on disk when it crashes."""
    from pylint.lint import pylinter

    # Only to learn whether `unittest.__main__.x` is a frozen module, astroid would import `unittest.__main__`.
    kept = importlib.util.find_spec, vars(pylinter)["prepare_crash_report"]
    frozen: Any = FrozenImporter.find_spec
    importlib.util.find_spec, vars(pylinter)["prepare_crash_report"] = frozen, lambda *_: "nowhere"
    try:
        yield
    finally:
        importlib.util.find_spec, vars(pylinter)["prepare_crash_report"] = kept


def _pylint(text: str) -> Measures:
    from pylint.lint import Run
    from pylint.reporters.text import TextReporter

    arguments = ["--rcfile=/dev/null", "--persistent=n", f"--disable={','.join(DISABLED)}"]
    # pylint takes source from memory only as standard input; a file's folder would become an import path.
    sys.stdin = io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8")
    with _contained():
        run = Run([*arguments, "--from-stdin", "source.py"], reporter=TextReporter(io.StringIO()), exit=False)
    stats = run.linter.stats
    # Without a statement pylint prints no rating at all.
    rating = float(f"{stats.global_note:.2f}") if stats.statement else None
    return {
        "pylint_score": rating,
        "statements": stats.statement,
        "fatal": stats.fatal,
        "error": stats.error,
        "warning": stats.warning,
        "refactor": stats.refactor,
        "convention": stats.convention,
    }
