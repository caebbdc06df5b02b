"""Does a solution end with its answer, and is that the source's? Compared as mathematics, by math-verify.

https://github.com/huggingface/Math-Verify: 1/2 is 0.5 and \\frac12, {1, 2} is {2, 1}.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

from builder.checks.base import PairCheck
from builder.errors import FilterUnavailable
from builder.filters.base import Measures, Workplace

_PACKAGE = "math-verify"
_LINE = re.compile(r"^####[ \t]*(\S.*)$", re.M)
_BOXED = re.compile(r"\\boxed\s*\{")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_STATED = re.compile(r"\b(?:answer|result|solution)(?: is|:| =|\s*\*\*:)[ \t]*:?[ \t]*([^\n]{1,200})", re.I)
_FUNCTIONS = "sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|log|exp|sqrt|lim|max|min|mod|gcd|lcm"
_PROSE = re.compile(
    rf"[.;!?,](?:\s|$)(?!\s*[-+]?\d)|(?<![\\A-Za-z])(?!(?:{_FUNCTIONS})\b)[A-Za-z]{{3,}}|\s(?:is|of|in|as|by|if|so)\s"
)
_OPTION = re.compile(r"\(?[A-E]\)?[.):]?\s*")
_WITH_UNIT = re.compile(r"([-+−]?\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+)?)\s+[A-Za-z°].*")
_LONGEST = 100


class FinalAnswer(PairCheck):
    """Refuses a text without a last line `#### answer`, or with another answer than its source states.

    An answer is stated as `#### x`, `\\boxed{x}` or "the answer is x"; of several in a source any will do.

    `required: false` lets pass what has no answer where the source states none, such as a proof.
    `numbers_in_source` refuses an answer with a number that the source does not have.
    """

    cpu_limit: ClassVar[float] = 5.0

    required: bool = True
    numbers_in_source: bool = False

    measures: ClassVar[Mapping[str, type]] = {"answer": str, "stated": str, "agrees": bool, "in_source": bool}

    def identity(self) -> dict[str, str]:
        """Return the version of what compares."""
        return {_PACKAGE: _version()}

    def workplace(self) -> Workplace:
        """Return our own interpreter.

        Raises:
            FilterUnavailable: math-verify is not installed.
        """
        _version()
        return super().workplace()

    def prepare(self) -> None:
        """Load the grammar of LaTeX."""
        _equal("1", "2")

    def compare(self, before: str, after: str) -> Measures:
        """Return the answer, the one that the source states, and whether they agree, None where one is missing."""
        answer = final_answer(after)
        stated = list(dict.fromkeys(stated_answers(before)))
        agreeing = [] if answer is None else [one for one in stated if _equal(one, answer)]
        numbers = set(_NUMBER.findall(answer or ""))
        return {
            "answer": answer,
            "stated": next(reversed(agreeing or stated), None),
            "agrees": bool(agreeing) if stated and answer is not None else None,
            "in_source": None if answer is None else bool(numbers) and numbers <= set(_NUMBER.findall(before)),
        }

    def decide(self, measures: Measures) -> str | None:
        """Say what is wrong with the answer."""
        if measures["answer"] is None:
            return "no_final_answer" if self.required or measures["stated"] is not None else None
        if measures["agrees"] is False:
            return "another_answer"
        return "answer_not_in_source" if self.numbers_in_source and not measures["in_source"] else None


def final_answer(text: str) -> str | None:
    """Return what the last line `#### answer` holds, else the last `\\boxed{…}`; None where there is neither."""
    found = [match[1] for match in _LINE.finditer(text)] or list(_boxed(text))
    return found[-1].strip()[:_LONGEST] if found else None


def stated_answers(text: str) -> Iterator[str]:
    """Yield the answers that a page states: those that are mathematics, not a sentence or an option's letter."""
    yield from (match[1].strip()[:_LONGEST] for match in _LINE.finditer(text))
    yield from (content[:_LONGEST] for content in _boxed(text))
    for match in _STATED.finditer(text):
        value = _value(match[1])
        if value is not None and "\\boxed" not in value:
            yield value


def _boxed(text: str) -> Iterator[str]:
    for match in _BOXED.finditer(text):
        depth, begin = 1, match.end()
        for place in range(begin, min(len(text), begin + 4 * _LONGEST)):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if depth == 0:
                yield text[begin:place].strip()
                break


def _value(said: str) -> str | None:
    said = re.sub(r"\s+and\s+", ", ", said.strip().strip("*_ ").strip())
    if said.startswith("$") and (end := said.find("$", 1)) > 1:
        value = said[1:end]
    else:
        said = _OPTION.sub("", said, count=1) if _OPTION.match(said) else said
        prose = _PROSE.search(said)
        value = said[: prose.start()] if prose else said
    value = value.strip(" .,;:*_$")
    return value[:_LONGEST] if re.search(r"\d|\\[a-z]", value) else None


def _equal(stated: str, answer: str) -> bool:
    if stated.strip("$ ") == answer.strip("$ "):
        return True
    forms = [[text, bare[1]] if (bare := _WITH_UNIT.fullmatch(text)) else [text] for text in (stated, answer)]
    return any(_is_same(one, other) for one in forms[0] for other in forms[1])


def _is_same(stated: str, answer: str) -> bool:
    parse, verify = _math_verify()
    # A worker has limits of its own; math-verify's would take its timers.
    gold, target = (parse(f"\\boxed{{{text.strip('$ ')}}}", parsing_timeout=None) for text in (stated, answer))
    return bool(gold and target and verify(gold, target, timeout_seconds=None))


@cache
def _math_verify() -> tuple[Any, Any]:
    logging.getLogger("math_verify").setLevel(logging.ERROR)  # which warns of each call without its timers
    from math_verify import parse, verify

    return parse, verify


def _version() -> str:
    try:
        return version(_PACKAGE)
    except PackageNotFoundError as error:
        raise FilterUnavailable(
            "comparing final answers needs a package that is not installed",
            where="check 'final_answer'",
            remedy="pip install 'swallow-builder[math]'",
        ) from error
