"""Does a text compile? Loaded by `zygote` in a bare interpreter of the grammar that a recipe names."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable
from typing import Any


class Compiler:
    """Compiles texts without running them."""

    worn = False

    def __init__(self, is_python2: Callable[[str, int | None], bool]) -> None:
        self._is_python2 = is_python2

    def measure(self, text: str) -> dict[str, Any]:
        """Return what `compile()` raised, if anything, and the interpreter's version."""
        raised: Exception | None = None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(text, "<string>", "exec", dont_inherit=True)
        except Exception as error:  # noqa: BLE001 - nesting, NULs, literals: each version of Python has its own
            raised = error
        line = getattr(raised, "lineno", None)
        return {
            "error": None if raised is None else type(raised).__name__,
            "line": line,
            "message": None if raised is None else str(getattr(raised, "msg", raised))[:200],
            "python2": isinstance(raised, SyntaxError) and self._is_python2(text, line),
            "python": platform.python_version(),
        }


def load(options: dict[str, Any], sibling: Callable[[str], Any]) -> Compiler:
    """Return a compiler; it has no options."""
    del options
    return Compiler(sibling("python2").is_python2)
