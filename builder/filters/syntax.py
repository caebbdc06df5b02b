"""Does it compile? The first filter of SwallowCode (arXiv 2505.02881, section 3)."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from builder.filters.base import Measures, TextFilter


class Syntax(TextFilter):
    """Drops what `compile()` refuses, with the kind of refusal as the reason.

    `python` names the grammar the recipe means. The grammar applied is the running interpreter's; it is
    in every row and in the release's card, and a run says so at its start when the two differ.
    """

    python: str | None = Field(default=None, pattern=r"^3\.\d+$")

    measures: ClassVar[Mapping[str, type]] = {"error": str, "line": int, "message": str, "python": str}

    def identity(self) -> dict[str, str]:
        """Return the interpreter's version."""
        return {"python": platform.python_version()}

    def measure(self, text: str) -> Measures:
        """Compile the text without running it."""
        measures: Measures = dict.fromkeys(self.measures)
        measures["python"] = platform.python_version()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(text, "<string>", "exec", dont_inherit=True)
        # `compile` raises more than SyntaxError: deep nesting, NUL bytes and huge literals have their own.
        except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError) as error:
            measures["error"] = type(error).__name__
            measures["line"] = getattr(error, "lineno", None)
            measures["message"] = str(getattr(error, "msg", error))[:200]
        return measures

    def decide(self, measures: Measures) -> str | None:
        """Drop what did not compile: `syntax_error`, `recursion_error` and so on."""
        return None if measures["error"] is None else _REASONS.get(measures["error"], "syntax_error")


_REASONS = {
    "MemoryError": "memory_error",
    "OverflowError": "overflow_error",
    "RecursionError": "recursion_error",
    "ValueError": "value_error",
}
