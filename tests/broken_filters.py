"""Filters whose measuring goes wrong in its own ways."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Mapping
from typing import ClassVar

from builder.filters import Syntax
from builder.filters.base import Measures, TextFilter, Workplace


class Quoting(TextFilter):
    """Measures what JSON can't hold as it stands."""

    measures: ClassVar[Mapping[str, type]] = {"begins": str, "share": float}

    def measure(self, text: str) -> Measures:
        return {"begins": "\ud800" + text, "share": math.nan if text == "nan" else 0.5}

    def decide(self, measures: Measures) -> str | None:
        return None


class Segfaulting(TextFilter):
    """Takes the interpreter down, as some versions' compilers do."""

    measures: ClassVar[Mapping[str, type]] = {}

    def measure(self, text: str) -> Measures:
        signal.raise_signal(signal.SIGSEGV)
        return {}

    def decide(self, measures: Measures) -> str | None:
        return None


class Sleeping(TextFilter):
    """Takes a minute for any text."""

    measures: ClassVar[Mapping[str, type]] = {}

    def measure(self, text: str) -> Measures:
        time.sleep(60)
        return {}

    def decide(self, measures: Measures) -> str | None:
        return None


class Crashing(Syntax):
    """Syntax, where the interpreter goes down."""

    def workplace(self) -> Workplace:
        return Workplace(sys.executable, None, {"module": __name__, "class": "Segfaulting", "options": {}})
