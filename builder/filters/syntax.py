"""Does it compile? The first filter of SwallowCode (arXiv 2505.02881, section 3)."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from builder.filters.base import Measures, WorkerFilter, Workplace


class Syntax(WorkerFilter):
    """Drops what `compile()` refuses, with the kind of refusal as the reason.

    `python` names the grammar: that of an interpreter of this version where one is found, else the running one's,
    which a run says at its start. Which it was is in every row, in the run's identity and in the release's card.
    """

    python: str | None = Field(default=None, pattern=r"^3\.\d+$")

    knows_only: ClassVar[frozenset[str] | None] = frozenset({"Python"})

    measures: ClassVar[Mapping[str, type]] = {
        "error": str,
        "line": int,
        "message": str,
        "python2": bool,
        "python": str,
    }

    def _interpreter(self) -> tuple[str, str]:
        found = None if self.python is None else find_python(self.python)
        return found or (sys.executable, platform.python_version())

    def workplace(self) -> Workplace:
        """Return a bare interpreter of the grammar's version."""
        return Workplace(self._interpreter()[0], "compiles")

    def identity(self) -> dict[str, str]:
        """Return the version of the interpreter whose grammar applies."""
        return {f"grammar {self.python}" if self.python else "grammar": self._interpreter()[1]}

    def note(self) -> str | None:
        """Say when another grammar applies than the one the recipe names."""
        if self.python is None or find_python(self.python) is not None:
            return None
        return (
            f"the recipe names Python {self.python}'s grammar, and no such interpreter was found; that of the"
            f" running one, {platform.python_version()}, applies and is recorded in every row. Put"
            f" python{self.python} on PATH to have it (uv python install {self.python})"
        )

    def keeps(self, versions: Mapping[str, str]) -> str:
        """Return whose grammar it is."""
        version = versions.get(f"grammar {self.python}" if self.python else "grammar")
        return f"what compiles under the grammar of Python {version or self.python or platform.python_version()}"

    def crashed(self) -> Measures:
        """Return the measures of a text that crashes the compiler: 25 nested comprehensions crash 3.12.1's."""
        return {
            "error": "Crash",
            "line": None,
            "message": "the compiler crashes (signal 11)",
            "python2": False,
            "python": self._interpreter()[1],
        }

    def decide(self, measures: Measures) -> str | None:
        """Drop what did not compile: `python2`, `syntax_error`, `recursion_error` and so on."""
        if measures["python2"]:
            return "python2"
        return None if measures["error"] is None else _REASONS.get(measures["error"], "syntax_error")


_REASONS = {
    "MemoryError": "memory_error",
    "OverflowError": "overflow_error",
    "RecursionError": "recursion_error",
    "ValueError": "value_error",
}


@cache
def find_python(version: str) -> tuple[str, str] | None:
    """Return the path and full version of an interpreter `X.Y`: ours, on PATH, or where uv and pyenv put them."""
    for candidate in _candidates(version):
        script = "import platform; print(platform.python_implementation(), platform.python_version())"
        try:
            told = subprocess.run(
                [candidate, "-I", "-S", "-c", script], capture_output=True, text=True, timeout=20, check=True
            ).stdout.split()
        except (OSError, subprocess.SubprocessError):
            continue  # a shim of a version that is not switched on
        if told[0] == "CPython" and told[1].startswith(f"{version}."):
            return candidate, told[1]
    return None


def _candidates(version: str) -> Iterator[str]:
    if platform.python_version().startswith(f"{version}."):
        yield sys.executable
    if (on_path := shutil.which(f"python{version}")) is not None:
        yield on_path
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or "~/.local/share/uv/python").expanduser()
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    for folder in (uv, pyenv):
        yield from map(str, sorted(folder.glob(f"*{version}.*/bin/python{version}"), reverse=True))
