"""Labelled sets: for each check, answers that it must let pass and answers that it must refuse.

A set is `<check>.yaml` here, what its function in `MADE` makes of the standard library and of benchmarks where
they are present, or both. `benchmarks/checks.py` prints how often each check is wrong; `tests/test_labelled.py`
holds it to that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from builder.checks import CHECKS, PairCheck

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Pair:
    """A source and an answer to it.

    Attributes:
        before: The source.
        after: The answer, as the check is shown it.
        is_right: Whether the check must let it pass.
        why: What is right or wrong about it, in a few words.
        options: The check's options.
    """

    before: str
    after: str
    is_right: bool
    why: str
    options: Mapping[str, Any] = field(default_factory=dict)


def _same_code() -> Iterator[Pair]:
    from tests.labelled import same_code

    return same_code.pairs()


MADE: Mapping[str, Callable[[], Iterator[Pair]]] = {"same_code": _same_code}
"""By check: what makes pairs, beside those written down."""


def pairs(check: str) -> list[Pair]:
    """Return a check's labelled set."""
    written = HERE / f"{check}.yaml"
    entries = yaml.load(written.read_text(encoding="utf-8"), yaml.CSafeLoader) if written.is_file() else []
    made = MADE[check]() if check in MADE else ()
    return [
        *(
            Pair(one["source"], one["answer"], one["right"], one["why"], one.get("options") or {})
            for one in entries
        ),
        *made,
    ]


def verdict(check: str, pair: Pair) -> str | None:
    """Return the reason for which a check refuses a pair, None where it lets it pass."""
    used = CHECKS[check](**pair.options)
    assert isinstance(used, PairCheck)
    return used.decide(used.compare(pair.before, pair.after))


def misjudged(check: str, of: list[Pair]) -> list[tuple[Pair, str | None]]:
    """Return the pairs on which a check is wrong, each with the reason that it gives."""
    judged = [(pair, verdict(check, pair)) for pair in of]
    return [(pair, reason) for pair, reason in judged if pair.is_right != (reason is None)]
