"""Checks of answers: each refuses what it is for, lets pass what is right, and leaves its figures in the row."""

from __future__ import annotations

import gzip
import json
import re
import sysconfig
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from builder.checks import CHECKS
from builder.checks.patterns import fits_one, has_one
from builder.checks.stated import stated_answers
from builder.errors import RecipeError
from builder.recipe_file import load_recipe
from tests.support import builder, builder_json, write_corpus
from tests.tgi_double import TgiDouble

SOURCE = """import os
import numpy as np


def area(width, height):
    return width * height * SCALE


class Box:
    def volume(self):
        return np.prod(self.sides)

    def _hidden(self):
        return os.name


def _helper():
    return 1
"""
GSM8K = Path(__file__).parents[2] / "shared" / "data" / "gsm8k-test.jsonl.gz"
STDLIB = Path(sysconfig.get_paths()["stdlib"])


def judged(check: str, before: str, after: str, **options: Any) -> tuple[str | None, dict[str, Any]]:
    used = CHECKS[check](**options)
    figures = used.compare(before, after)
    assert figures.keys() == used.measures.keys()
    return used.decide(figures), figures


# --- code ---


@pytest.mark.parametrize(
    ("after", "options", "reason"),
    [
        ("import math\nprint(math.pi)\n", {}, None),
        ("import numpy.linalg\n", {}, None),
        ("from __future__ import annotations\n", {}, None),
        ("import pandas\n", {}, "foreign_import"),
        ("from . import other\n", {}, "foreign_import"),
        ("def f():\n    import torch.nn as nn\n    return nn\n", {}, "foreign_import"),
        ("print(total)\n", {}, "undefined_name"),
        ("def f():\n    return SCALE\n", {}, "undefined_name"),
        ("def f():\n    return SCALE\n", {"undefined": "new"}, None),
        ("def f():\n    return OTHER\n", {"undefined": "new"}, "undefined_name"),
        ('__all__ = ["gone"]\n', {}, "undefined_name"),
        ("def broken(:\n", {}, "syntax_error"),
        ("a = 1\0", {}, "syntax_error"),
    ],
)
def test_self_contained(after: str, options: dict[str, str], reason: str | None) -> None:
    assert judged("self_contained", SOURCE, after, **options)[0] == reason


def test_self_contained_names_what_is_missing() -> None:
    _, figures = judged("self_contained", "", "import pandas, torch\nprint(b, a)\n")
    assert figures == {
        "undefined_names": "a, b",
        "unknown_names": None,
        "foreign_imports": "pandas, torch",
        "parses": True,
    }


@pytest.mark.parametrize("module", ["bisect.py", "heapq.py", "json/decoder.py", "dataclasses.py", "pathlib.py"])
def test_a_module_of_the_standard_library_stands_on_its_own_and_keeps_its_names(module: str) -> None:
    path = STDLIB / module
    text = (path if path.is_file() else STDLIB / "pathlib" / "__init__.py").read_text()
    for check in ("self_contained", "public_names", "chatter", "length_ratio"):
        assert judged(check, text, text)[0] is None


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("def area(", "def surface(", "area"),
        ("class Box", "class Crate", "Box, Box.volume"),
        ("def volume(", "def content(", "Box.volume"),
        ("def _hidden(", "def _other(", None),
        ("def _helper(", "def _assistant(", None),
        ("import os\n", "import os\nLIMIT = 3\n", None),
    ],
)
def test_public_names(old: str, new: str, missing: str | None) -> None:
    reason, figures = judged("public_names", SOURCE, SOURCE.replace(old, new))
    assert figures == {"public": 3, "missing": missing, "changed": None}
    assert reason == ("name_missing" if missing else None)


def test_public_names_are_used_as_before() -> None:
    reason, figures = judged("public_names", SOURCE, SOURCE.replace("def area(", "async def area("))
    assert (reason, figures["changed"]) == ("signature_changed", "area (it has to be awaited)")


def test_definitions_that_depend_on_the_platform_count_as_well() -> None:
    before = "try:\n    import x\nexcept ImportError:\n    def f(): pass\nelse:\n    def g(): pass\n"
    assert judged("public_names", before, "def f(): pass\n")[1] == {"public": 2, "missing": "g", "changed": None}


# --- any text ---


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("x" * 100, "x" * 60, None),
        ("x" * 100, "x" * 49, "shorter_than_source"),
        ("x" * 100, "x" * 301, "longer_than_source"),
        ("", "x" * 3, None),
    ],
)
def test_length_ratio(before: str, after: str, reason: str | None) -> None:
    found, figures = judged("length_ratio", before, after, minimum=0.5, maximum=3.0)
    assert found == reason
    assert figures["ratio"] == len(after) / max(1, len(before))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Here is the rewritten code:\n\nx = 1", "chatter"),
        ("Sure, here's the improved version.\nx", "chatter"),
        ("Certainly! x", "chatter"),
        ("# Here is the optimized, self-contained version of your code\nx = 1", "chatter"),
        ("**Problem.** What is 2?\n\nI hope this helps!", "chatter"),
        ("x = 1\n\nPlease let me know if you have questions.", "chatter"),
        ("I'm sorry, but I can't assist with that request.", "refusal"),
        ("I’m sorry, I cannot rewrite this file.", "refusal"),
        ("I cannot help with this.", "refusal"),
        ("As an AI language model, I have no opinion.", "refusal"),
        ("def f():\n    pass\n\n# ... rest of the code remains unchanged", "elision"),
        ("def f():\n    # (same as before)\n    pass", "elision"),
        ("class A:\n    # other methods remain unchanged\n    pass", "elision"),
        ("class A:\n    # ... existing code here ...\n    pass", "elision"),
        ("**Problem.** Here are three numbers: 1, 2, 3. What is the sum?", None),
        ("Here is a triangle ABC. Find the angle at A.", None),
        ("# Sure-fire hash\nx = 1", None),
        ("# The rest of the list is sorted already.\nx = 1", None),
        ("# The rest of this function parses the marker.\nx = 1", None),
        ("# Same as above, with a step.\nx = 1", None),
        ("def certainly(x):\n    return x", None),
        ("x = 1  # same colour as before the change", None),
        ("raise SystemExit('Sorry, the file cannot be read')", None),
    ],
)
def test_chatter(text: str, kind: str | None) -> None:
    reason, figures = judged("chatter", "", text)
    assert reason == kind == figures["kind"]


def test_a_loop_is_named_and_counted() -> None:
    assert judged("degenerate", "a page", "A cat cat cat cat is tall.")[1] == {"repeated": "cat", "times": 4}
    assert judged("degenerate", "cat cat cat cat", "A cat cat cat cat is tall.")[0] is None


def test_names_that_go_in_circles_end() -> None:
    circle = "a = b\nb = a\n" * 1000 + "class A(A):\n    def f(self): pass\n" * 200
    assert judged("public_names", circle, circle)[0] is None


def test_names_of_an_unknown_star_import_are_a_figure() -> None:
    source = "from numpy import *\ndef half(x): return x / 2\nprint(half(arange(3)))\n"
    reason, figures = judged("self_contained", source, "from numpy import *\nprint(arange(3))\n")
    assert (reason, figures["unknown_names"]) == (None, "arange")
    assert judged("self_contained", source, "from numpy import *\nprint(half(1))\n")[0] == "undefined_name"


def test_what_the_source_says_is_no_chatter() -> None:
    text = "# Here is the code of the parser\nx = 1\n"
    assert judged("chatter", text, text)[0] is None
    assert judged("chatter", "", text)[0] == "chatter"


# --- mathematics ---

PAGE = "Find the ladder's height.\nRon: The answer is 8 m.\nSue: no, h^2 = 169 - 25 = 144. Answer: 12 m."


@pytest.mark.parametrize(
    ("before", "after", "options", "reason"),
    [
        (PAGE, "So h = 12.\n\n#### 12", {}, None),
        (PAGE, "#### 12 m", {}, None),
        (PAGE, "#### $12$", {}, None),
        (PAGE, "So $h = \\boxed{12}$.", {}, None),
        (PAGE, "#### 13", {}, "another_answer"),
        (PAGE, "The height is 12.", {}, "no_final_answer"),
        (PAGE, "The height is 12.", {"required": False}, None),
        (PAGE, "The height is 13.", {"required": False}, "another_answer"),
        (PAGE, "We use the theorem.", {"required": False}, "no_final_answer"),
        ("Prove that it is so.", "Proof. It is.", {"required": False}, None),
        ("Prove that it is so.", "Proof. It is.", {}, "no_final_answer"),
        ("What is half?", "#### 1/2", {}, None),
        ("The answer is 0.5.", "#### \\frac{1}{2}", {}, None),
        ("Answer: $\\frac{1}{2}$", "#### 0.5", {}, None),
        ("So we get $\\boxed{2\\sqrt{3}}$.", "#### \\sqrt{12}", {}, None),
        ("The final answer is 1,000.", "#### 1000", {}, None),
        ("The answer is 50%.", "#### 50\\%", {}, None),
        ("The answers are: see below. Answer: 3 and 5", "#### 5, 3", {}, None),
        ("The answer is 3x + 1.", "#### 1 + 3x", {}, None),
        ("The answer is 3x + 1.", "#### 3x - 1", {}, "another_answer"),
        ("Answer: (C) 42", "#### 42", {}, None),
        ("Answer: B", "#### 42", {}, None),
        ("The answer is in the book.", "#### 42", {}, None),
        ("#### 7", "#### 8", {}, "another_answer"),
        ("The answer is -7.", "#### 7", {}, "another_answer"),
        ("4 pens at 3", "#### 12", {"numbers_in_source": True}, "answer_not_in_source"),
        ("4 pens at 3 are 12", "#### 12", {"numbers_in_source": True}, None),
    ],
)
def test_final_answer(before: str, after: str, options: dict[str, bool], reason: str | None) -> None:
    assert judged("final_answer", before, after, **options)[0] == reason


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("The answer is 12 because 3 times 4 is 12.", ["12"]),
        ("The correct answer is $x = 3$, I think.", ["x = 3"]),
        ("Answer: **42**", ["42"]),
        ("Your answer is wrong.", []),
        ("the answer is a triangle", []),
        ("\\boxed{\\frac{a}{b}} and \\boxed{unclosed", ["\\frac{a}{b}"]),
        ("Answer: sin(2) + 1", ["sin(2) + 1"]),
    ],
)
def test_what_counts_as_stated(text: str, answers: list[str]) -> None:
    assert list(stated_answers(text)) == answers


@pytest.mark.parametrize(
    ("text", "unbalanced"),
    [
        ("$x$ and $$y$$ and \\(z\\) and \\[w\\] and \\begin{align}a&=b\\\\c&=d\\end{align}", None),
        ("It costs $5 and not $6.", None),
        ("He pays 3*$4=$12, $2.50 a piece, 7$ more, and $x$ is what is left of $20.", None),
        ("It costs $5.\n\nThen $x = 3$ holds.", None),
        ("\\$5 and $x$", None),
        ("The set {1, 2} and a } too", None),
        ("$\\{1, 2\\}$ and $\\left[0, 1\\right)$ and $f(x) = [0, 1)$", None),
        ("$$x", "$$"),
        ("Let $x be\n\na number", "$"),
        ("\\(x", "\\("),
        ("x\\)", "\\)"),
        ("\\[ \\frac{1}{2 \\]", "\\]"),
        ("$\\frac{1}{2$ and more", "$"),
        ("\\begin{align}x\\end{equation}", "\\end{equation}"),
        ("\\begin{align}x", "\\end{align}"),
        ("\\end{align}", "\\end{align}"),
    ],
)
def test_latex(text: str, unbalanced: str | None) -> None:
    reason, figures = judged("latex", "", text)
    assert figures["unbalanced"] == unbalanced
    assert reason == ("unbalanced_latex" if unbalanced else None)


def test_formulas_are_counted() -> None:
    assert judged("latex", "", "$x$ and $$y$$ and \\(z\\), $5")[1]["formulas"] == 3


@pytest.mark.parametrize(
    "line",
    [
        "Home | Ask | Tutors | Log in",
        "Log in",
        "Reply",
        "© MathsMates 2015 - Terms",
        "All rights reserved.",
        "We use cookies to improve your experience.",
        "posted by skylark_9, 03/11/2015 19:22",
        "412 views",
        "Tags: algebra, fractions",
        "https://example.com/thread/12",
        "Report | Share | Next thread »",
    ],
)
def test_page_debris(line: str) -> None:
    reason, figures = judged("page_debris", "", f"**Problem.** What is 2 + 2?\n{line}\nIt is 4.\n\n#### 4")
    assert (reason, figures) == ("page_debris", {"lines": 1, "first": line})


def test_a_menu_of_any_length_takes_no_time() -> None:
    for words in ("News", "A", "a b c d"):
        judged("page_debris", "", f"Home | {' | '.join([words] * 60)}"[:190] + " | What's on")


def test_study_material_is_no_debris() -> None:
    text = (
        "**Problem.** A video has 412 views on Monday and twice as many on Tuesday. How many people like it?\n"
        "Search the interval for a root. Next, we follow the curve home.\nNext, multiply both sides by 2.\n"
        "The terms are $a_1, a_2$. Print the sum.\nHelp Anna to share 12 apples.\n\n#### 824"
    )
    assert judged("page_debris", "", text)[0] is None
    assert judged("page_debris", "", text + "\nLog in", most=1)[0] is None


def test_patterns_tried_at_once_find_what_they_find_one_by_one() -> None:
    fits = fits_one([r"Page \d+\W*", r"by (?-i:[A-Z])\w+"], within=[r"\bSign (?P<what>in|up)\b"])
    lines = [
        "page 3",
        "PAGE 3 »",
        "by Ann",
        "BY Ann",
        "by ann",
        "Please sign UP now",
        "a sign input",
        "page three",
    ]
    assert [line for line in lines if fits(line)] == lines[:4] + lines[5:6]
    assert has_one([r"^I am"], re.M)("So\ni am")
    assert not has_one([])("")


def test_solutions_of_gsm8k_pass() -> None:
    if not GSM8K.is_file():
        pytest.skip(f"GSM8K is not at {GSM8K}")
    items = [json.loads(line) for line in gzip.decompress(GSM8K.read_bytes()).splitlines()]
    refused: Counter[tuple[str, str]] = Counter()
    for item in items:
        answer = re.sub(r"<<.*?>>", "", item["answer"])  # calculator calls, no text of the solution
        for check in ("chatter", "latex", "page_debris", "final_answer"):
            reason, figures = judged(check, item["answer"], f"{item['question']}\n\n{answer}")
            assert check != "final_answer" or figures["agrees"] is True
            if reason is not None:
                refused[check, reason] += 1
    assert len(items) == 1319
    assert refused.keys() <= {("latex", "unbalanced_latex")} and refused.total() <= 1, "one has `$$43`"


# --- in a prompt and in a run ---

CHECKED = """---
id: tidy
version: 1
answer: {format: code}
sampling: {temperature: 0.2, top_p: 0.7, max_tokens: 8192}
attempts: 2
checks:
%s
---
<!-- system -->
Answer with one ```python block.
<!-- user -->
{{ text }}
"""
RECIPE = """
name: checked
source: {kind: files, path: corpus, glob: "*.py"}
stages: [{name: tidy, rewrite: tidy.md}]
release: {configs: {default: tidy}, license: mit}
"""


def project(folder: Path, *checks: str) -> Path:
    write_corpus(folder, ("bisect.py", "keyword.py", "sched.py"))
    for path in folder.glob("corpus/zz_*"):
        path.unlink()
    (folder / "tidy.md").write_text(CHECKED % "\n".join(f"  - {check}" for check in checks))
    recipe = folder / "checked.yaml"
    recipe.write_text(RECIPE)
    return recipe


def rows(run: Path) -> dict[str, Any]:
    return {row["id"]: row["tidy"] for row in pq.read_table(run / "shards").to_pylist()}


def test_every_check_leaves_its_figures_in_the_row(tmp_path: Path) -> None:
    recipe = project(
        tmp_path, "{check: length_ratio, maximum: 3.0}", "{filter: lint, not_below_source: pylint_score}",
        "{name: whole, check: public_names}", "{check: self_contained}",
    )  # fmt: skip
    with TgiDouble() as server:
        builder("build", recipe, "--run", tmp_path / "run", "--server", server.url)
    records = rows(tmp_path / "run")
    assert records["bisect.py"]["checks"]["whole"] == {"public": 6, "missing": None, "changed": None}
    for record in records.values():
        figures = record["checks"]
        assert record["failure"] is None
        assert list(figures) == ["length_ratio", "lint", "whole", "self_contained"]
        assert 1 < figures["length_ratio"]["ratio"] < 1.2
        assert figures["lint"]["pylint_score"] >= figures["lint"]["source_pylint_score"] > 0
        assert figures["self_contained"]["parses"] is True


def test_a_worse_score_is_refused_after_one_changed_attempt(tmp_path: Path) -> None:
    def worse(messages: list[dict[str, Any]], seed: int | None, temperature: float, body: dict[str, Any]) -> str:
        text = str(messages[-1]["content"])
        bad = "def f(a=[]):\n    try:\n        return a\n    except:\n        pass\n" if "bisect" in text else ""
        return f"```python\n{text}\n{bad}```"

    recipe = project(
        tmp_path, "{filter: lint, min_score: 0.0, not_below_source: pylint_score}", "{check: chatter}"
    )
    with TgiDouble(reply=worse) as server:
        status = builder_json("build", recipe, "--run", tmp_path / "run", "--server", server.url)
    assert status["stages"][-1]["dropped"] == {"below_source": 1}
    record = rows(tmp_path / "run")["bisect.py"]
    assert [answer["failure"] for answer in record["answers"]] == ["below_source"] * 2
    assert len({answer["seed"] for answer in record["answers"]}) == 2
    lint = record["checks"]["lint"]
    assert lint["pylint_score"] < lint["source_pylint_score"]
    assert record["checks"]["chatter"] is None, "a check behind the one that failed was not come to"


def test_a_hostile_answer_costs_its_document_alone(tmp_path: Path) -> None:
    def hostile(messages: list[dict[str, Any]], seed: int | None, temperature: float, body: dict[str, Any]) -> str:
        text = str(messages[-1]["content"])
        if "bisect" in text:
            return "x" * 50 + "\n\n#### 9^{9^{9^{9^9}}}"
        return f"{text[:300]}\n#### 4"

    recipe = project(tmp_path, "{check: final_answer, required: false}")
    prompt = tmp_path / "tidy.md"
    prompt.write_text(
        prompt.read_text().replace("format: code", "format: text").replace("attempts: 2", "attempts: 1")
    )
    with (tmp_path / "corpus" / "bisect.py").open("a") as source:
        source.write("# The answer is 5.\n")
    with TgiDouble(reply=hostile) as server:
        status = builder_json("build", recipe, "--run", tmp_path / "run", "--server", server.url)
    assert status["stages"][-1]["dropped"] == {"another_answer": 1}
    assert status["kept"] == 2


def test_two_checks_by_one_filter_have_names_of_their_own(tmp_path: Path) -> None:
    recipe = project(tmp_path, "{filter: repetition}", "{name: short, filter: repetition, min_repeat: 20}")
    assert list(load_recipe(str(recipe)).checks["tidy"]) == ["repetition", "short"]


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        (["{filter: syntax}", "{filter: syntax}"], "two checks are called 'syntax'"),
        (["{check: chater}"], "did you mean 'chatter'"),
        (["{filter: sintax}"], "did you mean 'syntax'"),
        (["{check: length_ratio, least: 2}"], "its options: minimum, maximum"),
        (["{filter: lint, not_below_source: messages}"], "measures no number 'messages'"),
        (["{check: chatter, not_below_source: kind}"], "goes with a filter"),
        (["{filter: near_duplicates}"], "judges no text by itself"),
        (["{filter: syntax, check: chatter}"], "exactly one of"),
    ],
)
def test_a_check_that_cannot_be_is_said(tmp_path: Path, checks: list[str], words: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(str(project(tmp_path, *checks)))
    assert words in str(caught.value)
    assert "tidy.md" in str(caught.value)


# --- documentation alone ---


@pytest.mark.parametrize(
    ("after", "reason", "difference"),
    [
        ("import os\n\n\ndef f(a, b):\n    return g(a)\n", "other_code", "f: `g(a, b)` became `g(a)`"),
        ("import os\n\n\ndef f(a, b):\n    pass\n", "other_code", "f: `return g(a, b)` is missing"),
        ("import os, sys\n\n\ndef f(a, b):\n    return g(a, b)\n", "other_code", "`import sys` is new"),
        ("import os\n\n\ndef f(a, b=1):\n    return g(a, b)\n", "other_code", "f: `a, b` became `a, b=1`"),
        ("import os\n\n\ndef f(a, b) -> Any:\n    return g(a, b)\n", "undefined_name", None),
        ("import os\n\n\ndef f(a, b) -> int:\n    # g\n    return g(a, b)\n", None, None),
    ],
)
def test_same_code_says_what_differs_first(after: str, reason: str | None, difference: str | None) -> None:
    before = "import os\n\n\ndef f(a, b):\n    return g(a, b)\n"
    found, figures = judged("same_code", before, after)
    assert (found, figures["difference"]) == (reason, difference)


@pytest.mark.parametrize(
    "nested", ["(" * 150 + ")" * 150, "-" * 5000 + "1", "[" * 90 + "]" * 90, "a" + ".a" * 3000]
)
def test_same_code_survives_what_is_nested(nested: str) -> None:
    judged("same_code", "x = 1\n", f"x = {nested}\n")
    judged("same_code", f"x = {nested}\n", f"x = {nested}\n")
