"""Labelled sets: for each check, answers that it must let pass and answers that it must refuse.

A set is `<check>.yaml` here, what its function in `MADE` makes of the standard library and of benchmarks where
they are present, or both. `benchmarks/checks.py` prints how often each check is wrong; `tests/test_labelled.py`
holds it to that. What is in `unseen/` is only printed: it tells how a check does on what it was not made with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import yaml

from builder.checks import CHECKS, PairCheck
from tests.labelled import code_api, code_chatter, code_lengths, code_loops, code_names, made_math, same_code
from tests.labelled.pair import Pair

HERE = Path(__file__).parent


MADE: Mapping[str, Callable[[], Iterator[Pair]]] = {
    "chatter": code_chatter.made,
    "degenerate": code_loops.made,
    "length_ratio": code_lengths.made,
    "public_names": code_api.made,
    "self_contained": code_names.made,
    "final_answer": made_math.final_answer,
    "grounded": made_math.grounded,
    "latex": made_math.latex,
    "page_debris": made_math.page_debris,
    "same_code": same_code.made,
}
"""By check: what makes pairs, beside those written down."""


def pairs(check: str) -> list[Pair]:
    """Return a check's labelled set."""
    return [*_written(HERE / f"{check}.yaml"), *(MADE[check]() if check in MADE else ())]


def unseen(check: str) -> list[Pair]:
    """Return pairs by somebody who had not seen the check, which was not mended by them, either."""
    return list(_written(HERE / "unseen" / f"{check}.yaml"))


def _written(file: Path) -> Iterator[Pair]:
    entries = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader) if file.is_file() else []
    for one in entries:
        yield Pair(one["source"], one["answer"], one["right"], one["why"], one.get("options") or {})


STRICT: Mapping[str, Mapping[str, bool]] = {"final_answer": {"by_working": True}}
"""By check: options with which it refuses more."""


def verdict(check: str, pair: Pair, options: Mapping[str, bool]) -> str | None:
    """Return the reason for which a check refuses a pair, None where it lets it pass."""
    used = CHECKS[check](**pair.options, **options)
    assert isinstance(used, PairCheck)
    return used.decide(used.compare(pair.before, pair.after))


def misjudged(check: str, of: list[Pair], **options: bool) -> list[tuple[Pair, str | None]]:
    """Return the pairs on which a check with these options is wrong, each with the reason that it gives."""
    judged = [(pair, verdict(check, pair, options)) for pair in of]
    return [(pair, reason) for pair, reason in judged if pair.is_right != (reason is None)]
