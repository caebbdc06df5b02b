"""Does a solution end with its answer, and is that the source's? Compared as sets of values with their units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from typing import ClassVar

from builder.checks import sameness
from builder.checks.base import PairCheck
from builder.checks.concluded import concluded
from builder.checks.last_line import final_answer
from builder.checks.math_page import Page
from builder.checks.verdict import Verdict, judged
from builder.errors import FilterUnavailable
from builder.filters.base import Measures, Workplace

_PACKAGES = ("math-verify", "Pint")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class FinalAnswer(PairCheck):
    """Refuses a text without a last line `#### answer`, or with another answer than its source states.

    Of several in a source any will do, as will several of them together. An answer that can't be compared with the
    source's passes (`agrees` is null), and so does one whose text says that the source's is wrong (`corrects`).

    `required: false` judges what has no such line by its last sentence, and lets it pass where that says no value
    and the source states no answer, as in a proof.
    Of a page that states no answer little is refused, and most wrong answers pass (`stated` is null): one whose
    numbers stand nowhere on it; with `by_working`, one that its working does not seem to come to.
    `numbers_in_source` refuses an answer with a number that the source does not have.
    """

    cpu_limit: ClassVar[float] = 5.0

    required: bool = True
    by_working: bool = False
    numbers_in_source: bool = False

    measures: ClassVar[Mapping[str, type]] = {
        "answer": str,
        "stated": str,
        "agrees": bool,
        "corrects": bool,
        "in_source": bool,
    }

    def identity(self) -> dict[str, str]:
        """Return the versions of what compares."""
        return _versions()

    def workplace(self) -> Workplace:
        """Return our own interpreter.

        Raises:
            FilterUnavailable: math-verify or pint is not installed.
        """
        _versions()
        return super().workplace()

    def prepare(self) -> None:
        """Load the grammar of LaTeX and the units."""
        sameness.prepare()

    def compare(self, before: str, after: str) -> Measures:
        """Return the answer, the one that the source states, and whether they agree: None where nobody can say."""
        page, answer = Page(before), final_answer(after)
        if answer is None and not self.required:
            answer, verdict = self._of_prose(page, after)
        else:
            verdict = self._judged(page, after, answer) if answer else Verdict(next(reversed(page.stated), None))
        numbers = set(_NUMBER.findall(answer or ""))
        return {
            "answer": answer,
            "stated": verdict.stated,
            "agrees": verdict.agrees,
            "corrects": verdict.corrects,
            "in_source": None if not answer else bool(numbers) and numbers <= set(_NUMBER.findall(before)),
        }

    def _judged(self, page: Page, solution: str, answer: str) -> Verdict:
        return judged(page, solution, answer, by_working=self.by_working)

    def _of_prose(self, page: Page, solution: str) -> tuple[str | None, Verdict]:
        """Return the answer that a solution ends with in a sentence, None where it has none, and its verdict."""
        conclusion = concluded(solution)
        verdicts = [(said, self._judged(page, solution, said)) for said in conclusion.said]
        within = ((said, self._judged(page, solution, said)) for said in conclusion.within)
        for said, verdict in chain(verdicts, within):
            if verdict.agrees or (verdict.corrects and said in conclusion.said):
                return said, verdict
        open_ = (one for one in verdicts if one[1].agrees is None)
        if (found := next(open_, verdicts[0] if verdicts else None)) is not None:
            return found
        return None, Verdict(next(reversed(page.stated), None), False if conclusion.within else None)

    def decide(self, measures: Measures) -> str | None:
        """Say what is wrong with the answer."""
        if not measures["answer"]:
            is_missed = measures["stated"] is not None and not measures["agrees"]
            is_needed = self.required or is_missed or measures["answer"] == ""
            return "no_final_answer" if is_needed else None
        if measures["agrees"] is False and not measures["corrects"]:
            return "another_answer"
        return "answer_not_in_source" if self.numbers_in_source and not measures["in_source"] else None


def _versions() -> dict[str, str]:
    try:
        return {package: version(package) for package in _PACKAGES}
    except PackageNotFoundError as error:
        raise FilterUnavailable(
            "comparing final answers needs packages that are not installed",
            where="check 'final_answer'",
            remedy="pip install 'swallow-builder[math]'",
        ) from error
