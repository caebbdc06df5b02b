"""Made pairs for the checks of mathematics: notations of one value, and GSM8K's solutions, right and altered.

GSM8K is read where it is; the sets that are written down are large enough without it.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml

from tests.labelled.pair import Pair

GSM8K = Path(__file__).parents[3] / "shared" / "data" / "gsm8k-test.jsonl.gz"
_EVERY = 12  # of GSM8K's 1,319 problems, so that the tests stay fast

# A value as a page may give it, ways to write the same, and ways to write another.
_NOTATIONS = (
    ("3/8", ["0.375", r"$\frac{3}{8}$", r"\dfrac38", "37.5%"], ["8/3", "0.38", r"$\frac{3}{4}$"]),
    ("1,250", ["1250", "1 250", "1{,}250", r"1\,250", "1250.0"], ["1.25", "125", "12,500"]),
    ("2.5 kg", ["2.5", "2500 g", r"2.5\,\text{kg}", "$2.5$ kilograms", "2 1/2 kg"], ["2.5 g", "25 kg", "2.5 m"]),
    ("90 minutes", ["1.5 hours", "90 min", "1 hour 30 minutes", "5400 s"], ["90 hours", "9 minutes", "90 s"]),
    ("$4.50", ["4.5", "4.50 dollars", "450 cents", r"\$4.50"], ["€4.50", "$4.05", "45 cents"]),
    ("60°", ["60", r"60^\circ", r"$\frac{\pi}{3}$", "60 degrees"], ["60 radians", "30°", r"$\frac{\pi}{6}$"]),
    (r"$2\sqrt{3}$", ["√12", "2*sqrt(3)", r"\sqrt{12}", "3.464"], ["√6", r"3\sqrt{2}", "12"]),
    ("x = 4 or x = -1", ["4, -1", "-1 and 4", r"$x \in \{-1, 4\}$"], ["4", "-4, 1", "4, 1", "4, -1, 0"]),
    ("(2, -3)", ["(2,-3)", r"\left(2, -3\right)", "x = 2, y = -3"], ["(-3, 2)", "(2, 3)", "2"]),
    (r"$x^2 + 2x + 1$", ["(x+1)^2", "x² + 2x + 1", "1 + 2x + x^2"], ["(x-1)^2", "x^2 + 1", "x² + 2x"]),
    ("2:3", ["2 : 3", "4:6", "2 to 3"], ["3:2", "2:5"]),
    ("7:45 am", ["7:45", "07:45 AM", "7.45 a.m."], ["7:45 pm", "7:15 am"]),
    ("1.2 × 10^4", ["12000", r"$1.2 \times 10^{4}$", "1.2e4", "12,000"], ["1.2 × 10^3", "120", "1.2 × 10^-4"]),
    ("50 km/h", ["50", "50 kilometres per hour", r"50\ \mathrm{km/h}"], ["50 m/s", "50 mph", "500 km/h"]),
    (
        "15 cm²",
        ["15", "15 cm^2", "15 square centimetres", "15 sq cm", "0.0015 m²"],
        ["15 cm", "15 cm³", "1.5 cm²"],
    ),
    ("yes", ["Yes", "**yes**", "true"], ["no", "false"]),
)
_CONCLUDING = ("So the answer is {}.", "Therefore, we get {}.", "Hence the result is {}.", "The answer: {}")
_STATING = (
    "The answer is {}.",
    "Answer: {}",
    "ben99: so the answer is {}\nThanks! 3 replies",
    "Final answer: **{}**",
    "#### {}",
)


def final_answer() -> Iterator[Pair]:
    """Yield every notation of every value, stated in turn in several ways, and GSM8K's answers and others."""
    for place, (stated, same, other) in enumerate(_NOTATIONS):
        for turn, written in enumerate([*same, *other]):
            page = f"Find the value.\n{_STATING[(place + turn) % len(_STATING)].format(stated)}"
            yield Pair(page, f"We work it out.\n\n#### {written}", turn < len(same), f"{written} for {stated}")
    yield from _of_pages()
    for question, solution, answer in _gsm8k():
        number = answer.replace(",", "")
        page = f"{question}\n\n{solution}\n#### {answer}"
        yield Pair(page, f"{solution}\n\n#### {answer}", True, "the solution's answer")
        yield Pair(f"{question}\nThe answer is {answer}.", f"{solution}\n\n#### {number}", True, "without commas")
        yield Pair(page, f"{solution}\n\n#### {int(number) + 1}", False, "one more")
        yield Pair(f"{question}\nAnswer: {answer}", f"{solution}\n\n#### {number}0", False, "ten times as much")


def _of_pages() -> Iterator[Pair]:
    """Yield the answers to each written page, right ones and wrong ones, marked and in a sentence by turns."""
    pages = yaml.load((Path(__file__).parent / "pages.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    for one in pages:
        answers = [(said, kind == "right") for kind in ("right", "wrong") for said in one[kind]]
        for turn, (said, is_right) in enumerate(answers):
            ending = f"#### {said}" if turn % 2 == 0 else _CONCLUDING[turn // 2 % len(_CONCLUDING)].format(said)
            solution = f"**Problem.** {one['q']}\n\n**Solution.** {one.get('body', 'We work it out.')}\n\n{ending}"
            yield Pair(one["page"], solution, is_right, f"{said}: {one['q']}", {"required": turn % 2 == 0})


def latex() -> Iterator[Pair]:
    """Yield GSM8K's solutions, full of dollars, and the same with one formula that lost a sign of its own."""
    broken = ("So $x = {}.", r"So $\frac{{{}}}{{2$.", r"So \({} + 1.", r"$$\left( {} $$")
    for place, (_, solution, answer) in enumerate(_gsm8k()):
        yield Pair("", f"{solution}\n\nSo $x = {answer}$.", "$$" not in solution, "prices and a formula")
        yield Pair("", f"{solution}\n\n{broken[place % 4].format(answer)}", False, "prices and half a formula")


def page_debris() -> Iterator[Pair]:
    """Yield GSM8K's solutions, and the same below a line of a page."""
    lines = (
        "Home | Forum | Log in",
        "Viewed 3k times",
        "Asked 2 years ago",
        "Add a comment",
        "12 replies",
        "Share on Facebook",
    )
    for place, (question, solution, _) in enumerate(_gsm8k()):
        yield Pair("", f"{question}\n\n{solution}", True, "a problem and its solution")
        yield Pair(
            "", f"{lines[place % len(lines)]}\n{question}\n\n{solution}", False, "a line of a page above it"
        )


def grounded() -> Iterator[Pair]:
    """Yield GSM8K's solutions for their own questions and for others."""
    items = _gsm8k()
    for place, (question, solution, answer) in enumerate(items):
        yield Pair(question, f"{question}\n\n{solution}\n\n#### {answer}", True, "the question and its solution")
        other = items[place - 1]
        yield Pair(
            question, f"{other[0]}\n\n{other[1]}\n\n#### {other[2]}", False, "another question and its solution"
        )


@cache
def _gsm8k() -> list[tuple[str, str, str]]:
    """Return some problems: question, solution without its calculator's calls, answer; none where GSM8K is not."""
    if not GSM8K.is_file():
        return []
    lines = gzip.decompress(GSM8K.read_bytes()).splitlines()[::_EVERY]
    items = [json.loads(line) for line in lines]
    solved = [(item["question"], *re.sub(r"<<.*?>>", "", item["answer"]).split("\n#### ")) for item in items]
    return [(question, solution, answer) for question, solution, answer in solved]
