"""The lint filter's score is the command line's, whatever the order, the neighbours and the number of workers."""

import asyncio
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from builder.document import Verdict
from builder.filters import Lint
from builder.filters.comments import comment_ratio, penalised
from builder.filters.workers import Workers
from tests.clean_pylint import printed_score
from tests.lint_texts import BESIDE, INSTALLED, parity_texts, real_texts
from tests.pylint_scores import kept_scores, key, printed_scores

LIVE = 30
"""Of the texts, how many the command line scores while the tests run; of the others it has, and they are kept."""


def measured(texts: Sequence[str], workers: int) -> list[Verdict]:
    """Return the texts' verdicts, all of them asked for at once."""

    async def use() -> list[Verdict]:
        async with Workers(workers) as pool:
            return await asyncio.gather(*(pool.verdict(Lint(), text) for text in texts))

    return asyncio.run(use())


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return parity_texts()


@pytest.fixture(scope="module")
def verdicts(texts: dict[str, str]) -> dict[str, Verdict]:
    return dict(zip(texts, measured(list(texts.values()), 2), strict=True))


@pytest.mark.timeout(1200)
def test_scores_are_those_of_the_command_line(
    texts: dict[str, str], verdicts: dict[str, Verdict], is_long: bool, tmp_path: Path
) -> None:
    kept = kept_scores()
    ours = {name: verdict.record["pylint_score"] for name, verdict in verdicts.items()}
    # One that is not as it was kept may be right: what a text imports differs from release to release of Python.
    doubtful = [name for name, text in texts.items() if kept.get(key(text), "unknown") != ours[name]]
    live = list(texts) if is_long else [*list(texts)[:: len(texts) // LIVE], *doubtful]
    printed = printed_scores({name: texts[name] for name in live}, tmp_path)
    assert {name: (ours[name], score) for name, score in printed.items() if ours[name] != score} == {}
    assert len(real_texts()) >= 40  # Python 3.13 has fewer modules than those before it
    assert len(set(ours.values())) > 30  # None, below zero and many between: they might all be equal


def test_what_is_installed_beside_moves_the_command_lines_scores_and_not_ours(
    verdicts: dict[str, Verdict], tmp_path: Path
) -> None:
    moved = 0
    for number, module in enumerate(INSTALLED):
        assert importlib.util.find_spec(module) is not None
        name = f"{module} 0"
        here = printed_score(Path(sys.executable), BESIDE[name], tmp_path / str(number))
        moved += here != verdicts[name].record["pylint_score"]
    assert moved, "no text here can tell the two apart"


def test_the_penalty_is_taken_from_the_printed_score(texts: dict[str, str], verdicts: dict[str, Verdict]) -> None:
    for name, verdict in verdicts.items():
        record = verdict.record
        assert set(record) == set(Lint.measures), name
        assert record["comment_ratio"] == comment_ratio(texts[name]), name
        assert record["score"] == penalised(record["pylint_score"], record["comment_ratio"]), name
        assert verdict.drop == Lint().decide(dict(record)), name
    assert len({verdict.record["comment_ratio"] for verdict in verdicts.values()}) > 30


def test_a_score_does_not_depend_on_order_neighbours_or_workers(
    texts: dict[str, str], verdicts: dict[str, Verdict], is_long: bool
) -> None:
    backwards = list(reversed(texts))[:: 1 if is_long else 3]
    again = dict(zip(backwards, measured([texts[name] for name in backwards], 1), strict=True))
    assert {name for name in backwards if again[name] != verdicts[name]} == set()
