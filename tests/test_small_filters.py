"""The filters that need no pylint: each decides by its own rule, and its measures say why."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.document import Document, read_document
from builder.errors import RecipeError
from builder.filters import FILTERS, Lint, TextFilter
from builder.filters.language import Language
from builder.filters.length import Length
from builder.filters.licenses import Licenses
from builder.filters.python2 import is_python2
from builder.filters.repetition import Repetition, repetition
from builder.filters.score import Score
from builder.filters.workers import Workers
from tests.support import builder_json


def judged(used: TextFilter, text: str) -> str | None:
    return used.decide(used.measure(text))


# --- repetition, against the reference's regular expression ---


@settings(max_examples=1500, deadline=None)
@given(st.text(alphabet="ab", max_size=60) | st.text(alphabet="abc\n", max_size=80), st.integers(2, 9))
def test_repetition_is_the_references(text: str, least: int) -> None:
    found = repetition(text, least)
    expected = re.search(rf"(.{{{least},}})(\1)+", text, re.DOTALL)
    assert (found is None) == (expected is None)
    if found is not None:
        position, period = found
        assert period >= least
        assert text[position : position + period] == text[position + period : position + 2 * period] != ""


@settings(max_examples=300, deadline=None)
@given(
    st.text("abcdefgh", max_size=300), st.text("abcdefgh", min_size=1, max_size=40), st.integers(1, 9), st.data()
)
def test_repetition_is_the_references_in_longer_texts(
    text: str, part: str, times: int, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(text)))
    text = text[:place] + part * times + text[place:]
    expected = re.search(r"(.{20,})(\1)+", text, re.DOTALL)
    assert (repetition(text, 20) is None) == (expected is None)


def test_repetition_begins_at_its_limits() -> None:
    part, rest = "".join(map(chr, range(1000, 1100))), "".join(map(chr, range(2000, 2800)))
    assert judged(Repetition(), part + part + rest) == "repetition"
    assert judged(Repetition(), (part + part + rest)[:-1]) is None  # 999 characters
    assert judged(Repetition(), part[1:] + part[1:] + rest + "12") is None  # 99 of them
    assert Repetition().measure(rest + part + part) == {"position": 800, "period": 100}


@pytest.mark.parametrize("unit", ["a", "ab", "x = 1\n", "".join(map(chr, range(500, 560)))])
def test_repetition_takes_no_quadratic_time(unit: str) -> None:
    # Where time grows with the square, the test's own limit ends it: the regular expression takes hours.
    barely = "".join(unit * (150 // len(unit)) + chr(20_000 + n) for n in range(6000))
    assert repetition(barely, 100) is None
    assert repetition(unit * (1_000_000 // len(unit)), 100) is not None


# --- Python 2 ---

PYTHON_2 = (
    "print 'x'", "print x", "print", "exec 'x' in y", "try:\n    x\nexcept E, e:\n    pass", "raise E, 'x'",
    "raise e[0], e[1], e[2]", "x = `y`", "if x <> y: pass", "x = 0777", "x = 10L", "x = 0xFFl", "x = ur'y'",
    "def f(a, (b, c)): pass", "f = lambda (a, b): a", "if x: print 'y'", "import os; print 'y'",
)  # fmt: skip
NOT_PYTHON_2 = (
    "def f(:\n    pass", "x = (1, 2", "print(x", "x = 'abc", "class A\n    pass", "x = 1 +", "if x\n    print(y)",
    "except (A, B):", "x = <html>", "# print x\nx = = 1",
    "try: x\nexcept (A, B)\n", "raise E(a, b", "x = 1 if y els 2",
)  # fmt: skip


@pytest.mark.parametrize("text", [*PYTHON_2, *NOT_PYTHON_2])
def test_python_2_is_told_from_what_is_merely_broken(text: str) -> None:
    try:
        compile(text, "<string>", "exec")
    except SyntaxError as error:
        assert is_python2(text, error.lineno) == (text in PYTHON_2)
    else:
        assert text == "print"  # a name, to Python 3


@given(st.text(), st.integers(-2, 9) | st.none())
def test_any_text_is_python_2_or_not(text: str, line: int | None) -> None:
    assert is_python2(text, line) in (True, False)


# --- length ---


def test_length_keeps_its_limits() -> None:
    used = Length(min_characters=4, max_characters=12, min_lines=2, max_lines=3, max_line_length=5)
    assert used.measure("ab\ncde\n") == {"characters": 7, "lines": 2, "longest_line": 3}
    texts = ["a\nb", "ab\ncde\n", "a\nb\nc\nd\n", "abcd", "abcdef\nb\n", "a\nb\nc" + "d" * 10, "abcd\nabcd\nab"]
    found = [judged(used, text) for text in texts]
    assert found == ["too_short", None, "too_long", "too_short", "line_too_long", "too_long", None]


def test_length_without_a_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one of"):
        Length()


# --- language: one verdict for a text on every version of Python ---

PIECES = {
    "x = 'plain'  # ASCII\n": (2, 0, None),
    "x = '日本語'  # カタカナ、ひらがな\n": (2, 0, None),
    "x = 'naïve'\n": (1, 1, 1),
    "x = 1\n# über\ny = 'é'\n": (2, 2, 2),
    "é = 1\n": (0, 0, None),
    "x = f'a{b}é'\n": (1, 1, 1),
    "x = f'{naïve}'\n": (1, 1, 1),
    "x = f'''{\n  'a'\n}'''  # c\n": (2, 0, None),
    "x = f'a' f'é' 'b'\n": (3, 1, 1),
    "x = rb'a' + f'{1!r:>{width}}'\n": (2, 0, None),
}


def test_language_counts_comments_and_strings() -> None:
    for text, (pieces, foreign, line) in PIECES.items():
        measures = Language().measure(text)
        assert measures == {"pieces": pieces, "foreign": foreign, "line": line}, text
        assert Language().decide(measures) == ("foreign_text" if foreign else None)


def test_language_refuses_what_has_no_tokens() -> None:
    assert judged(Language(), "x = '''") == "not_tokenizable"
    assert judged(Language(), "# c\0") in ("foreign_text", "not_tokenizable")  # 3.12's tokenizer: SystemError


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_language_ends_a_line_where_python_ends_it(end: str) -> None:
    text = "x = f'{1}'\n# c\nß = 'é'\n".replace("\n", end)
    assert Language().measure(text) == {"pieces": 3, "foreign": 1, "line": 3}


# --- facts ---


def document(**source: object) -> Document:
    return read_document("a", "text", source)


def test_a_score_is_read_from_the_source_or_an_earlier_stage() -> None:
    used = Score(column="source.int_score", minimum=4)
    values = [4, 3.9, None, 5]
    verdicts = [used.decide(used.measure(document(int_score=value))) for value in values]
    assert verdicts == [None, "below_minimum", "no_score", None]
    graded = Score(column="sgcr.grade", minimum=6)
    assert graded.measure(Document("a", "", {}, "", {"sgcr": {"grade": 7}})) == {"value": 7.0}


@pytest.mark.parametrize("source", [{"other": 1}, {"int_score": "four"}, {}])
def test_a_score_that_cannot_be_is_an_error_not_a_drop(source: dict[str, object]) -> None:
    with pytest.raises(RecipeError) as caught:
        Score(column="source.int_score", minimum=4).measure(document(**source))
    assert "int_score" in str(caught.value)


def test_licences_must_all_be_allowed() -> None:
    used = Licenses(allow=["MIT", "Apache-2.0"])
    found = [["MIT"], ["mit", "apache-2.0"], ["MIT", "GPL-3.0-only"], [], None]
    verdicts = [used.decide(used.measure(document(detected_licenses=names))) for names in found]
    assert verdicts == [None, None, "license_not_allowed", "no_license", "no_license"]
    kept = Licenses(allow=["MIT"], column="license", unlicensed="keep")
    assert kept.decide(kept.measure(document(license=None))) is None
    assert kept.measure(document(license="GPL-2.0")) == {"licenses": "GPL-2.0", "not_allowed": 1}
    with pytest.raises(RecipeError, match="no column 'license'"):
        kept.measure(document(path="a.py"))


ALLOWED = (
    "MIT OR GPL-3.0-only", "mit and apache-2.0", "(GPL-2.0-only OR (MIT AND Apache-2.0))", "LicenseRef-ours",
    "MIT WITH Some-exception", "Apache-2.0 and mit or GPL-2.0-or-later",
)  # fmt: skip
NOT_ALLOWED = (
    "MIT AND GPL-3.0-only", "GPL-2.0-only OR LGPL-3.0-only", "GPL-2.0-only WITH Classpath-exception-2.0",
    "(MIT OR Apache-2.0) AND GPL-3.0-only", "See LICENSE, or ask", "MIT OR", "()", "MIT Apache-2.0", "not MIT",
)  # fmt: skip


@pytest.mark.parametrize("expression", [*ALLOWED, *NOT_ALLOWED])
def test_a_licence_expression_is_allowed_where_allowed_licences_satisfy_it(expression: str) -> None:
    used = Licenses(allow=["MIT", "Apache-2.0", "LicenseRef-ours"], column="license")
    kept = used.decide(used.measure(document(license=expression))) is None
    assert kept == (expression in ALLOWED)
    assert used.measure(document(license=[expression]))["licenses"] == expression


@given(st.lists(st.sampled_from(["MIT", "GPL-3.0", "AND", "or", "WITH", *"()+,é", "not"]), max_size=12))
def test_any_licence_is_allowed_or_not(words: list[str]) -> None:
    used = Licenses(allow=["MIT"], column="license")
    measures = used.measure(document(license=" ".join(words)))
    if "MIT" not in words and measures["licenses"]:
        assert used.decide(measures) == "license_not_allowed"


# --- explained ---


def test_lint_explains_the_sum_that_gives_the_score() -> None:
    texts = [*(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))[:6])]
    texts += [
        "import os\nundefined()\n",
        "# nothing\n",
        "x = 1  # one\n",
        "raise NotImplemented\n",
        f"if {'0x' + 'f' * 10_000} == 1:\n    pass\n",
    ]

    async def use() -> list[Mapping[str, Any]]:
        async with Workers(2) as workers:
            return [(await workers.verdict(Lint(), text)).record for text in texts]

    records = asyncio.run(use())
    assert sum(record["fatal"] for record in records) > 0
    for record in records:
        told = Lint().explained(dict(record))
        if record["score"] is None:
            assert "score" not in told.replace("pylint_score", "")
            continue
        if record["fatal"]:
            assert f"{record['fatal']} fatal: pylint_score 0.00" in told
            continue
        sums = re.search(
            r"10 - 10 × \(5 × (\d+) .* (\d+) w.* (\d+) r.* (\d+) c.*\) / (\d+) .*: pylint_score (.*)", told
        )
        penalty = re.search(r"([\d.]+) × \(1 - ([\d.]+)\).*: score ([\d.]+), (less|not less) than 7", told)
        assert sums is not None
        assert penalty is not None
        error, warning, refactor, convention, statements = map(int, sums.groups()[:5])
        rating = max(0, 10 - 10 * (5 * error + warning + refactor + convention) / statements)
        assert float(sums[6]) == round(rating, 2) == record["pylint_score"]
        assert float(penalty[1]) * (1 - float(penalty[2])) == pytest.approx(float(penalty[3]), abs=1e-3)
        assert (penalty[4] == "less") == (Lint().decide(dict(record)) is not None)


# --- all of them ---


def test_every_text_filter_works_in_a_worker(tmp_path: Path) -> None:
    (tmp_path / "items.jsonl").write_text('{"question": "What is the sum of one and two and three?"}\n')
    options: dict[str, dict[str, object]] = {
        "length": {"min_lines": 1},
        "contamination": {"benchmarks": [str(tmp_path / "items.jsonl")], "fields": ["question"]},
    }
    names = [name for name, kind in FILTERS.items() if issubclass(kind, TextFilter)]

    async def use() -> dict[str, str | None]:
        async with Workers(1) as workers:
            built = {name: FILTERS[name].model_validate(options.get(name, {})) for name in names}
            return {
                name: (await workers.verdict(used, "x = 1\n")).drop
                for name, used in built.items()
                if isinstance(used, TextFilter)
            }

    assert asyncio.run(use()) == dict.fromkeys(names)


RECIPE = """
name: facts
source: {kind: parquet, path: rows.parquet, text: text, id: id}
stages:
  - {name: good, filter: score, column: source.int_score, minimum: 4}
  - {name: free, filter: licenses, allow: [MIT]}
  - {name: long, filter: length, min_characters: 3}
  - {name: english, filter: language}
  - {name: fresh, filter: repetition, min_length: 10, min_repeat: 5}
release: {configs: {default: fresh}, license: apache-2.0}
"""


def test_a_build_drops_by_each_filters_reason_and_explain_agrees(tmp_path: Path) -> None:
    rows = [
        ("kept", "x = 1\n", 4, ["MIT"]),
        ("low", "x = 1\n", 3, ["MIT"]),
        ("unscored", "x = 1\n", None, ["MIT"]),
        ("bound", "x = 1\n", 5, ["GPL-3.0-only"]),
        ("unlicensed", "x = 1\n", 5, []),
        ("short", "x", 5, ["MIT"]),
        ("foreign", "x = 'é'\n", 5, ["MIT"]),
        ("twice", "x = 1\ny = 2\nx = 1\ny = 2\n", 5, ["MIT"]),
    ]
    columns = zip(*rows, strict=True)
    names = ("id", "text", "int_score", "detected_licenses")
    pq.write_table(pa.table(dict(zip(names, map(list, columns), strict=True))), tmp_path / "rows.parquet")
    (tmp_path / "facts.yaml").write_text(RECIPE)
    status = builder_json("build", tmp_path / "facts.yaml", "--run", tmp_path / "run")
    assert {stage["name"]: stage["dropped"] for stage in status["stages"]} == {
        "read": {},
        "good": {"below_minimum": 1, "no_score": 1},
        "free": {"license_not_allowed": 1, "no_license": 1},
        "long": {"too_short": 1},
        "english": {"foreign_text": 1},
        "fresh": {"repetition": 1},
    }
    assert status["kept"] == 1
    (tmp_path / "twice.py").write_text(rows[-1][1])
    explained = builder_json("explain", tmp_path / "facts.yaml", tmp_path / "twice.py")
    assert [(one["stage"], one["drop"], "note" in one) for one in explained] == [
        ("good", None, True),
        ("free", None, True),
        ("long", None, False),
        ("english", None, False),
        ("fresh", "repetition", False),
    ]


def test_every_filter_is_in_the_documentation() -> None:
    text = (Path(__file__).parent.parent / "docs" / "filters.md").read_text(encoding="utf-8")
    assert [name for name in FILTERS if f"`{name}`" not in text] == []


def test_a_bare_interpreter_has_nothing_of_ours() -> None:
    scripts = Path(__file__).parent.parent / "builder" / "filters"
    loaded = f"import sys; sys.path.insert(0, {str(scripts)!r}); import zygote; zygote.sibling('compiles')"
    check = "assert not any(name.startswith(('builder', 'pydantic')) for name in sys.modules)"
    subprocess.run([sys.executable, "-S", "-c", f"{loaded}; {check}"], check=True)
