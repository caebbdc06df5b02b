"""Checks of mathematics and pages on particular texts; the labelled sets say how often they are wrong."""

from __future__ import annotations

import math
import os
import resource
from typing import Any

import pytest

from builder.checks import CHECKS, PairCheck
from builder.checks.agreement import agree
from builder.checks.last_line import final_answer
from builder.checks.stated import options, stated_answers
from builder.checks.units import converted, unit
from builder.checks.values import values


def judged(check: str, before: str, after: str, **options: Any) -> tuple[str | None, dict[str, Any]]:
    used = CHECKS[check](**options)
    figures = used.compare(before, after)
    assert figures.keys() == used.measures.keys()
    return used.decide(figures), figures


# --- what an answer is ---


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("5 km", "5000 m", True),
        ("5 km", "5 m", False),
        ("5 km", "5", True),
        ("5 apples", "5 pears", None),
        ("5 apples", "5 red apples", True),
        ("4 boys and 6 girls", "6 boys and 4 girls", False),
        ("12.5 percent", "1/8", True),
        ("45°", "π/4", True),
        ("2½", "$\\frac{5}{2}$", True),
        ("1 000 000", "10^6", True),
        ("12,5", "12.5", True),
        ("±3", "3, -3", True),
        ("{1, 2}", "2 and 1", True),
        ("(1, 2)", "(2, 1)", False),
        ("x = 1, y = 2", "(1, 2)", True),
        ("x > 2 or x < -3", "(-∞, -3) ∪ (2, ∞)", True),
        ("[0, 1)", "0 ≤ x < 1", True),
        ("∞", "-∞", False),
        ("4π", "12.56", True),
        ("3.14159", "3.15", False),
        ("3.25", "3.26", False),
        ("about 2.22", "√5", True),
        ("3:30 pm", "15:30", True),
        ("12:16", "3:4", True),
        ("3 hours 20 minutes", "3:20", True),
        ("4 May 2015", "2015-05-04", True),
        ("no solution", "none", True),
        ("infinitely many", "3", False),
        ("Tuesday", "Wednesday", False),
        ("an isosceles triangle", "isosceles", True),
        ("m + n = 256 + 37 = 293", "293", True),
        ("9^{9^{9^{9^9}}}", "5", False),
        ("(x + 1)^{999}", "x^2", False),
        ("2x + 4y - 3 = 0", "y = -1/2*x + 3/4", True),
        ("3x - y + 13 = 0", "3x + 4y + 14 = 0", False),
        ("2x - y + 1 = 0", "y = 2x + 1", True),
        (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}", False),
        ("D = (0, 1)", "D = (0, 1.5)", False),
        ("4", r"4\sqrt(2)", False),
        (r"\sec^2(y)", r"\tan^2(y) + 1", True),
        ("-1 + exp(16)", "e^{16} - 1", True),
        ("14.0 + -1.0i", "14 - i", True),
        (r"11,\! 111,\! 111,\! 100", "11111111100", True),
        ("52_8", "528", False),
        ("101101_2", "101101₂", True),
        ("101101_2", "101101", True),
        ("101101_2", "45", True),
        ("101101_2", "$101011_2$", False),
        ("FF_{16}", "255", True),
        ("19_8", "17", None),
        ("7 remainder 3", "7 R 3", True),
        ("7 remainder 3", "3 R 7", False),
        ("(a) 2(12+5) = 34 cm (b) 60 cm²", "34, 60", True),
        ("(a) 2(12+5) = 34 cm (b) 60 cm²", "17, 60", False),
        ("all real numbers", "x > 0", False),
        ("Wednesday", "Wed", True),
        ("Y(x) = -x + C + D/x", "Y(x) = A + B/x - x", None),
        (r"\sin^2 x / \sin x = \sin x", r"\frac{1 - \cos^2 x}{\sin x} = \sin x", None),
        ("x = 1, y = 3", r"\begin{pmatrix} 1 \\\\ 3 \end{pmatrix}", True),
        (r"m \geq \sqrt{2}", r"m \in [\sqrt{2}, +\infty)", True),
        (r"0.5 + \frac{\pi}{8}", r"\pi \div 8 + 1 \div 2", True),
        ("1/2x", r"\frac{1}{2x}", True),
        ("10C3 = 120 ways", "720", False),
    ],
)
def test_answers_are_the_same_in_any_notation(one: str, other: str, same: bool | None) -> None:
    verdicts = {agree(first, second) for first in values(one) for second in values(other)}
    assert (True if True in verdicts else None if None in verdicts else False) is same


@pytest.mark.parametrize("text", ["apples", "x", "cats", "pats", "m^{9}^{9}", "2", "", "m/", "(m", "m" * 99])
def test_what_is_no_unit(text: str) -> None:
    assert unit(text) is None


def test_units_are_converted_where_they_measure_the_same() -> None:
    assert converted(72.0, unit("km per hour") or "", unit("m/s") or "") == pytest.approx(20)
    assert converted(68.0, unit("°F") or "", unit("degrees Celsius") or "") == pytest.approx(20)
    assert converted(1.0, "meter", "second") is None
    assert unit("5t", is_attached=True) is None


# --- where answers stand ---


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("So h = 12.\n\n#### 12", "12"),
        ("#### 12\n#### 5", "12, 5"),
        ("#### Final answer\n\n12", "12"),
        ("#### Answer: 12", "12"),
        ("$\\boxed{3}$ and $\\boxed{5}$", "3, 5"),
        ("#### 43\n\nWait, it is 44.", ""),
        ("$\\boxed{43}$. Wait, that is wrong.", ""),
        ("#### Proof", ""),
        ("#### Step 1\n\nWe add.", None),
        ("12", None),
    ],
)
def test_the_final_answer_of_a_solution(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


@pytest.mark.parametrize(
    ("page", "answers"),
    [
        ("#### 1. Introduction\n#### Solution", []),
        ("Is the answer 8? I think the answer is 9?", []),
        ("the answer is not 12", []),
        ("Answer: We add them.", []),
        ("best answer: 5 years ago", []),
        ("Answer: 2x = 6, so x = 3", ["x = 3"]),
        ("Ans. (b) 12 cm", ["(b) 12 cm"]),
        ("42 is the answer.", ["42"]),
        ("Option (c) is correct", ["(C)"]),
        ("**Answer**\n\n4 days", ["4 days"]),
        ("The answer is\n$$x = 5$$", ["x = 5"]),
    ],
)
def test_the_answers_of_a_page(page: str, answers: list[str]) -> None:
    assert list(stated_answers(page)) == answers


def test_options_of_a_page_have_values() -> None:
    assert options("(A) 10 (B) 11\n(C) 12") == {"A": "10", "B": "11", "C": "12"}
    assert options("$\\textbf{(A) } 4 \\qquad \\textbf{(B) } 5$") == {"A": "4", "B": "5"}
    assert options("Points A. and C. lie on a line") == {}


def test_a_page_that_is_corrected_is_so_in_words() -> None:
    page = "Two sixes with two dice? The answer is 1/3."
    right = "The probabilities multiply. Adding them to 1/3 is a mistake.\n\n#### 1/36"
    reason, figures = judged("final_answer", page, right)
    assert (reason, figures["agrees"], figures["corrects"]) == (None, False, True)
    reason, figures = judged("final_answer", page, "The probabilities multiply.\n\n#### 1/36")
    assert (reason, figures["corrects"]) == ("another_answer", False)


def test_what_cannot_be_compared_is_a_figure() -> None:
    reason, figures = judged("final_answer", "See the figure. Answer: D", "#### 12")
    assert (reason, figures["stated"], figures["agrees"]) == (None, "D", None)


def test_a_letter_has_the_value_that_the_page_gives_it() -> None:
    page = "(A) 3 (B) 51 (C) 6 (D) 9\n\nThe change is $\\boxed{\\textbf{(C)}}$."
    assert judged("final_answer", page, "#### 6")[0] is None
    assert judged("final_answer", page, "#### 51")[0] == "another_answer"


# --- the texts ---


def test_dollars_of_formulas_of_money_and_of_code_are_told_apart() -> None:
    assert judged("latex", "", r"It takes what ends with \d{3}$ or [a-z]+$, not '^ab*$'.")[0] is None
    text = "Solve $ x = 5 $ for USD ($), at 3 $/kg, `^a$`, $5-$10, $`x`$ and\n\n```\n$a\n```\n"
    assert judged("latex", "", text) == (None, {"unbalanced": None, "formulas": 2})


def test_an_unrelated_answer_is_not_grounded() -> None:
    page = "Pancakes for 6: 300 g flour, 3 eggs. How much flour for 10? 300/6 = 50 g each, 500 g."
    loop = "A cat cat cat cat is 10 times as tall as a dog.\n\n#### 10"
    assert judged("grounded", page, loop)[0] == "words_not_in_source"
    rewrite = "Six pancakes need 300 g of flour, so one needs 50 g and ten need 500 g.\n\n#### 500"
    reason, figures = judged("grounded", page, rewrite)
    assert (reason, figures["new_numbers"]) == (None, 0)


def test_numbers_of_another_problem_are_not_grounded() -> None:
    reason, figures = judged(
        "grounded", "A shop sells 17 pens at 31 cents.", "A shop sells pens: 731, 88.5, 913, 4077."
    )
    assert (reason, figures["numbers"]) == ("numbers_not_in_source", 4)


@pytest.mark.parametrize("before", ["", "日本の首都は東京です。人口は多い。"])
def test_languages_without_spaces_are_compared_too(before: str) -> None:
    reason, _ = judged("grounded", before, "日本の首都は東京です。")
    assert reason == (None if before else "words_not_in_source")


def within_limit(check: str, before: str, after: str) -> None:
    """Compare under the limit that ends a worker: a pattern that is not linear takes minutes."""
    used = CHECKS[check]()
    assert isinstance(used, PairCheck)
    used.prepare()
    process = os.fork()
    if process == 0:
        limit = math.ceil(used.cpu_limit)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        used.compare(before, after)
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0, after[:20]


HOSTILE = [
    "$" * 50_000,
    "`" * 50_000,
    "{" * 50_000,
    "answer is " * 9_000,
    "\\boxed{" * 9_000,
    "A. 1 B. 2 " * 9_000,
    "# " * 50_000,
    "\\text{" * 9_000,
    "Home | " * 9_000,
    "no: " * 12_000,
    "\n> " * 16_000,
    "the answer is is " * 3_000,
    "? " * 25_000,
    "x = 1 -> " * 5_000,
    "(1, " * 12_000,
]


@pytest.mark.parametrize("check", ["final_answer", "latex", "page_debris", "grounded"])
def test_hostile_texts_cost_no_more_than_long_ones(check: str) -> None:
    for text in HOSTILE:
        within_limit(check, text, f"{text}\n\n#### 7")


@pytest.mark.parametrize(
    ("page", "answer", "agrees"),
    [
        ("How long?\n\nt = 3 s\nx = 12 * t = 12 * 3 = 36 m\n", "36", True),
        ("How far?\n\nVertical: t = 3 s\nHorizontal: x = 12 * 3 = 36 m\n", "3", False),
        ("Both red?\n\nP = 5/8 * 4/7 = 5/14\n\nFollow-up: one of each? P = 15/28\n", "5/14", None),
        ("Each of the 12 shakes 11 hands, that's 132, but twice. So you divide by two.", "66", None),
        ("Prove it.\n\nThen 4k^2 = 2q^2 so q^2 = 2k^2.\n", "it is irrational", None),
        ("Is 91 prime?\n\nNo. 91 = 7 * 13.\n", "91 is prime", False),
        ("Find the two.\n\nGCF = 2 * 3 = 6\nLCM = 4 * 9 = 36\n", "GCF = 36, LCM = 6", False),
        ("Solve.\n\nD = 7\nx = 7/7 = 1\ny = 14/7 = 2\nz = 21/7 = 3\n", "(1, 2, 3)", None),
    ],
)
def test_only_what_two_readings_find_wrong_is_refused(page: str, answer: str, agrees: bool | None) -> None:
    figures = judged("final_answer", page, f"**Problem.** As there.\n\n#### {answer}", by_working=True)[1]
    assert figures["agrees"] is agrees


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("$(3, \\frac{7}{2})$", None),
        ("3", None),  # not all of it, but a page that states no answer may be read in many ways
        ("5", "another_answer"),
        ("x = 3, y = 9", "another_answer"),
    ],
)
def test_of_a_page_that_states_no_answer_what_stands_nowhere_on_it_is_refused(
    answer: str, reason: str | None
) -> None:
    page = "Solve x + 2y = 10 and 3x - 2y = 2.\n\nAdding, 4x = 12, so x = 3. Then 2y = 7 and y = 7/2."
    assert judged("final_answer", page, f"**Problem.** As there.\n\n#### {answer}")[0] == reason


def test_an_answer_that_would_fill_the_memory_is_not_worked_out() -> None:
    for answer in (
        "9^{9^{9^9}}",
        "99999999!",
        "(((9^9)^9)^9)",
        "(x+1)^{999}",
        "1/2 " * 50,
        "\\sum_{n=1}^{1000000} 1/n",
    ):
        within_limit("final_answer", "The answer is 5.", f"#### {answer}")
