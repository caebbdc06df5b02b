"""Texts of a fitting length, in characters and lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, model_validator

from builder.filters.base import Measures, TextFilter


class Length(TextFilter):
    """Drops what is shorter than a minimum or longer than a maximum; limits themselves are kept."""

    min_characters: int | None = Field(default=None, ge=0)
    max_characters: int | None = Field(default=None, ge=0)
    min_lines: int | None = Field(default=None, ge=0)
    max_lines: int | None = Field(default=None, ge=0)
    max_line_length: int | None = Field(default=None, ge=0)

    measures: ClassVar[Mapping[str, type]] = {"characters": int, "lines": int, "longest_line": int}

    @model_validator(mode="after")
    def _limits_something(self) -> Length:
        if all(value is None for value in self.model_dump().values()):
            raise ValueError(f"give at least one of {', '.join(type(self).model_fields)}")
        return self

    def keeps(self, versions: Mapping[str, str]) -> str:
        """Return the limits."""
        limits = {
            "{} or more": (self.min_characters, "character"),
            "at most {}": (self.max_characters, "character"),
            "at least {}": (self.min_lines, "line"),
            "no more than {}": (self.max_lines, "line"),
            "no line over {}": (self.max_line_length, "character"),
        }
        said = [
            words.format(f"{limit:,} {unit}{'' if limit == 1 else 's'}")
            for words, (limit, unit) in limits.items()
            if limit is not None
        ]
        return f"what has {', '.join(said)}"

    def measure(self, text: str) -> Measures:
        """Count characters, lines (as `str.splitlines` sees them) and the longest line's characters."""
        lines = text.splitlines()
        return {"characters": len(text), "lines": len(lines), "longest_line": max(map(len, lines), default=0)}

    def decide(self, measures: Measures) -> str | None:
        """Drop as `too_short`, `too_long` or, for a single line, `line_too_long`."""
        for name, low, high in (
            ("characters", self.min_characters, self.max_characters),
            ("lines", self.min_lines, self.max_lines),
        ):
            if low is not None and measures[name] < low:
                return "too_short"
            if high is not None and measures[name] > high:
                return "too_long"
        if self.max_line_length is not None and measures["longest_line"] > self.max_line_length:
            return "line_too_long"
        return None
