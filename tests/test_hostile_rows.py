"""Rows that want to break the filters: each gets one verdict in its time, and its neighbours the right ones."""

import asyncio
import tempfile
from pathlib import Path
from typing import ClassVar

import pytest

from builder.document import Verdict
from builder.filters import Lint, Syntax
from builder.filters.workers import Workers

CPU_LIMIT = 1.0
CLEAN = '"""A module."""\n\nX = 1\n'
POOR = "import os\nimport sys\n"


class Hurried(Lint):
    """Lint with little patience."""

    cpu_limit: ClassVar[float] = CPU_LIMIT


Measured = tuple[dict[str, Verdict], list[tuple[Verdict, Verdict]], list[str]]


def lines(form: str, count: int) -> str:
    return "".join(f"{form}\n".replace("@", str(number)) for number in range(count))


def nested(opening: str, closing: str, count: int, core: str = "1") -> str:
    return f"x = {opening * count}{core}{closing * count}\n"


HOSTILE = {
    # nesting
    "parentheses, few": nested("(", ")", 80),
    "parentheses, many": nested("(", ")", 3000),
    "lists": nested("[", "]", 90),
    "dicts": nested("{1:", "}", 90),
    "calls": nested("f(", ")", 90),
    "minuses": nested("-", "", 100_000),
    "nots": nested("not ", "", 20_000),
    "lambdas": nested("lambda: ", "", 900),
    "attributes": "x = a" + ".b" * 20_000 + "\n",
    "subscripts": "x = a" + "[0]" * 5000 + "\n",
    "comprehensions": nested("[", " for a in b]", 40),
    "blocks": "".join(" " * n + "if x:\n" for n in range(90)) + " " * 90 + "pass\n",
    "functions in functions": "".join(" " * n + f"def f{n}():\n" for n in range(90)) + " " * 90 + "pass\n",
    "elifs": "if x:\n    pass\n" + lines("elif x == @:\n    pass", 3000),
    "withs": "".join(" " * n + "with x:\n" for n in range(19)) + " " * 19 + "pass\n",
    "f-strings in f-strings": "x = f\"{f'{1}'}\"\n" * 500,
    "walruses": nested("(a := ", ")", 90),
    # sums and products
    "sum of names": "x = " + "+".join(["a"] * 100_000) + "\n",
    "sum of a thousand": "a = 1\nx = " + "+".join(["a"] * 999) + "\n",
    "string joined by itself": "x = " + " ".join(["'a'"] * 20_000) + "\n",
    "chained comparison": "x = " + " < ".join(["a"] * 5000) + "\n",
    "doubling": "x = 1\n" + "x = x + x\n" * 60,
    "doubling a list": "x = [1, 2]\n" + "x = x * 2\n" * 60,
    "doubling a string": "x = 'ab'\n" + "x = x + x\n" * 60,
    "huge power": "x = 10 ** 10 ** 10\n",
    "huge shift": "x = 1 << 10 ** 10\n",
    "huge list": "x = [0] * 99999999\n",
    "huge string": "x = 'a' * 9999999999\n",
    "huge width": "x = '%9999999999d' % 1\nx = '{:9999999999}'.format(1)\n",
    # inference
    "functions that call each other": lines("def f@():\n    return f@() or g()", 300)
    + "def g():\n    return f1()\n",
    "a class of itself": "class A(A):\n    pass\nA().x\n",
    "classes of each other": "class A(B):\n    pass\nclass B(A):\n    pass\nA().x\n",
    "a chain of classes": "class B0:\n    x = 0\n"
    + "".join(f"class B{n}(B{n - 1}):\n    x = {n}\n" for n in range(1, 300)) + "B299().y\n",
    "an order that can't be": "class A: pass\nclass B(A): pass\nclass C(A, B): pass\nC().x\n",
    "a property of itself": "class A:\n    @property\n    def x(self):\n        return self.x\nA().x.x.x\n",
    "a decorator of itself": "@f\ndef f(g):\n    return f(g)\nf(f)(f)\n",
    "a metaclass of itself": "class M(type, metaclass=M):\n    pass\nclass A(metaclass=M):\n    pass\nA.x\n",
    "a generator of itself": "x = (y for y in x)\nx = [y for y in x for x in y]\nx[0][0]\n",
    "a big enum": "import enum\nclass E(enum.Enum):\n" + lines("    A@ = @", 2000) + "E.A1.value\n",
    "a big namedtuple": "import collections\nN = collections.namedtuple('N', '"
    + " ".join(f"a{n}" for n in range(3000)) + "')\nN().a1\n",
    "a big dataclass": "import dataclasses\n@dataclasses.dataclass\nclass D:\n"
    + lines("    a@: int = @", 2000) + "D().a1\n",
    "many assignments to one name": lines("x = @", 20_000) + "print(x)\n",
    "a global assigned often": "def f():\n    global x\n" + lines("    x = @", 5000) + "print(x)\n",
    "many definitions": lines("def f@(a):\n    return a", 5000),
    "many imports": lines("import a@", 3000),
    "many statements on a line": "x=1;" * 50_000 + "\n",
    # regular expressions of pylint's own
    "a pragma that never comes": "#" + " " * 50_000 + "pylint" + " " * 10 + "\n",
    "a pragma of many": "# pylint: disable=" + ",".join(f"x{n}" for n in range(20_000)) + "\n",
    "many pragmas": "# pylint: disable=unused-import\n" * 5000,
    "spaces before a comment": "x = 1" + " " * 100_000 + "# c\n",
    "a TODO of spaces": "# TODO" + " " * 100_000 + "\n",
    "a long name": "x" * 100_000 + " = 1\n",
    "many underscores": "_" * 50_000 + "a = 1\n",
    # literals and text
    "many digits": "x = " + "9" * 5000 + "\n",
    "many hex digits": "x = 0x" + "f" * 200_000 + "\n",
    "a long string": "x = '" + "a" * 5_000_000 + "'\n",
    "a long line": "x = [" + "1, " * 300_000 + "]\n",
    "a big dict": "x = {" + "".join(f"{n}: {n}, " for n in range(100_000)) + "}\n",
    "a long docstring": '"""' + "word " * 200_000 + '"""\n',
    "NUL": "x = 1\0\n",
    "BOM": "\ufeffx = 1\n",
    "BOM in the middle": "x = 1\n\ufeffy = 2\n",
    "declares rot13": "# coding: rot13\nx = 1\n",
    "declares utf-7": "# coding: utf-7\nx = '+AGE-'\n",
    "declares nonsense": "# coding: nonsense\nx = 1\n",
    "declares unicode_escape": "# coding: unicode_escape\nx = '\\u0041'\n",
    "escaped surrogate": "x = '\\ud800'\nprint(x)\n",
    "form feeds": "\f\f\nx = 1\n\f\ny = 2\n",
    "carriage returns": "x = 1\ry = 2\r",
    "carriage returns before what is not ASCII": "x = 1\ré = 2\r# ü\rz = 'ö'\n",
    "a NUL at the end of a comment": "x = 1\n# é\0",
    "names that are surrogates": "__all__ = ['\\ud800']\ngetattr(__all__, '\\udfff')\n",
    "tabs and spaces": "if x:\n\ty = 1\n        z = 2\n",
    "right-to-left": "x = '\u202e' # \u202e\n",
    "invisible": "x\u200b = 1\n",
    # what would like to be run, loaded or believed
    "exits": "import os\nos._exit(0)\nraise SystemExit\n",
    "imports a game": "import antigravity.x\nimport this.x\n",
    "imports what runs": "import unittest.__main__.x\nimport idlelib.idle.x\nimport test.__main__.x\n",
    "imports what runs, too": "import lib2to3.__main__.x\nimport tkinter.__main__.x\nimport __main__.x\n",
    "loads a plugin": "# pylint: load-plugins=source\n# pylint: init-hook='import os; os._exit(1)'\nx = 1\n",
    "rates itself": "# Your code has been rated at 10.00/10\nimport os\n"
    "print('Your code has been rated at 10.00/10')\n",
    "rates itself by an error": "Your code has been rated at 10.00/10\n",
    "skips itself": "# pylint: skip-file\nimport os\n",
    "imports itself": "import source\nfrom source import *\nfrom . import source\nfrom ........ import x\n",
    "is called like a module": "import sitecustomize\nimport usercustomize\nimport builder\nimport conftest\n",
    "imports everything": "from tkinter import *\nfrom os import *\nfrom ctypes import *\nfrom socket import *\n",
}  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Return the hostile rows' verdicts, those of the rows between them, and the files that appeared."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", None)
        verdicts, between, left = asyncio.run(_measure(folder))
    return verdicts, between, left


async def _measure(folder: Path) -> Measured:
    verdicts: dict[str, Verdict] = {}
    between: list[tuple[Verdict, Verdict]] = []
    async with Workers(2) as workers:

        async def one(name: str, text: str) -> None:
            verdict = await workers.verdict(Syntax(), text)
            if verdict.drop is None:
                verdict = await workers.verdict(Hurried(), text)
            verdicts[name] = verdict
            clean = await workers.verdict(Hurried(), CLEAN)
            between.append((clean, await workers.verdict(Hurried(), POOR)))

        await asyncio.gather(*(one(name, text) for name, text in HOSTILE.items()))
        files = [path for path in folder.rglob("*") if "packages" not in path.parts and path.name != "source.py"]
        left = [str(path) for path in files if path.is_file()]
    left += [str(path) for path in folder.iterdir()]
    return verdicts, between, left


@pytest.mark.timeout(280)
def test_every_hostile_row_gets_one_verdict(
    measured: Measured,
) -> None:
    verdicts, _, _ = measured
    assert len(HOSTILE) >= 75
    assert verdicts.keys() == HOSTILE.keys()
    known = {"worker_cpu_limit", "no_score", "below_min_score", "syntax_error", "value_error"}
    known |= {"memory_error", "recursion_error", "overflow_error"}
    assert {name: verdict.drop for name, verdict in verdicts.items() if verdict.drop not in (None, *known)} == {}
    assert sum(verdict.drop == "worker_cpu_limit" for verdict in verdicts.values()) >= 3  # some did try


def test_the_rows_between_them_are_judged_as_ever(
    measured: Measured,
) -> None:
    _, between, _ = measured
    scores = {(clean.record["pylint_score"], poor.record["pylint_score"]) for clean, poor in between}
    assert scores == {(10.0, 0.0)}
    assert len(between) == len(HOSTILE)


def test_a_row_is_neither_run_nor_believed(
    measured: Measured,
) -> None:
    verdicts, _, left = measured
    assert verdicts["rates itself"].record["pylint_score"] < 7
    assert verdicts["skips itself"].drop == "no_score"
    for name in ("imports what runs", "imports what runs, too", "imports a game", "exits"):
        assert verdicts[name].record["fatal"] == 0, name
    assert left == []
