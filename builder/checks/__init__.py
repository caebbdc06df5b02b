"""What an answer must pass. docs/checks.md lists them; a new one is a module, a line in `CHECKS`, a test."""

from collections.abc import Iterator, Mapping
from importlib import import_module

from builder.checks.base import AnswerCheck, PairCheck


class _Checks(Mapping[str, type[PairCheck]]):
    """Checks by name. Each is imported when it is first wanted: the patterns of all take 0.3 s to make."""

    def __init__(self, classes: Mapping[str, str]) -> None:
        """Take the class of each check, by the name that is the module's, too."""
        self._classes = classes

    def __getitem__(self, name: str) -> type[PairCheck]:
        named = self._classes[name]
        check: type[PairCheck] = getattr(import_module(f"builder.checks.{name}"), named)
        return check

    def __contains__(self, name: object) -> bool:
        return name in self._classes

    def __iter__(self) -> Iterator[str]:
        return iter(self._classes)

    def __len__(self) -> int:
        return len(self._classes)


CHECKS = _Checks(
    {
        "chatter": "Chatter",
        "degenerate": "Degenerate",
        "final_answer": "FinalAnswer",
        "grounded": "Grounded",
        "latex": "Latex",
        "length_ratio": "LengthRatio",
        "page_debris": "PageDebris",
        "public_names": "PublicNames",
        "same_code": "SameCode",
        "self_contained": "SelfContained",
    }
)

__all__ = ["CHECKS", "AnswerCheck", "PairCheck"]
