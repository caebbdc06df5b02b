"""The lint filter's score is the command line's, whatever the order, the neighbours and the number of workers."""

import asyncio
import importlib.util
import os
import sys
import sysconfig
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from builder.document import Verdict
from builder.filters import Lint
from builder.filters.comments import comment_ratio, penalised
from builder.filters.workers import Workers
from tests.clean_pylint import clean_python, printed_score

STDLIB = Path(sysconfig.get_paths()["stdlib"])
FILES = 48


def elifs(count: int) -> str:
    return "x = 1\nif x == 0:\n    pass\n" + "".join(f"elif x == {n}:\n    pass\n" for n in range(1, count))


MADE = {
    "nothing": "",
    "comments alone": "# nothing\n",
    "told to skip": "# pylint: skip-file\nimport os\n",
    "told to be silent": "# pylint: disable=all\nimport os\n",
    "told to say more": "# pylint: enable=missing-module-docstring,invalid-name\nfooBar = 1\n",
    "below zero": "import os, sys\nfrom os import *\nundefined; undefined()\n",
    "no line end": "import os",
    "relies on builtins that site adds": "help(copyright)\nif input():\n    quit()\nexit(1)\n",
    "carriage returns": "import os\r\nx = 1 \r\n",
    "declares latin-1": "# -*- coding: latin-1 -*-\nx = 'é'\n",
    "declares rot13": "# -*- coding: rot13 -*-\nx = 1\n",
    "declares utf-7": "# -*- coding: utf-7 -*-\nx = 1\n",
    "imports itself": "import source\nsource.x = 1\nfrom source import *\n",
    "changes a module": "import threading\nthreading.made_up = 1\nthreading.made_up()\n",
    "relies on a change": "import threading\nprint(threading.made_up)\n",
    "changes a class": "import queue\nqueue.Queue.made_up = 1\nprint(queue.Queue().made_up)\n",
    "relies on a changed class": "import queue\nprint(queue.Queue().made_up, queue.Queue.made_up)\n",
    "imports what is not there": "import numpy\nnumpy.foo()\nimport pandas.x\n",
    "imports what we have installed": "import builder.cli\nimport pydantic\npydantic.no()\nbuilder.cli.no()\n",
    "imports pylint": "import pylint.lint\npylint.lint.nothing()\nfrom pylint import made_up\n",
    "relies on what a module it doesn't import would add": "import sys\nprint(sys.last_type, sys.ps1, sys.no)\n",
    "relies on what its import adds": "import code\nimport sys\ncode.interact()\nprint(sys.last_type, sys.ps1)\n",
    "uses what its import's import adds": "import pdb\nimport sys\npdb.run('')\nprint(sys.ps1, sys.last_value)\n",
    "relies on an attribute of builtins": "import builtins\nprint(builtins._, builtins.no)\n",
    "relies on what doctest adds": "import builtins\nimport doctest\ndoctest.run_docstring_examples(1, {})\n"
    "print(builtins._)\n",
    "asks for frozen modules' files": "import importlib._bootstrap as b\nprint(b._bootstrap_external, b.no)\n",
    **{f"{count} elifs": elifs(count) for count in range(270, 360, 15)},
    **{f"sum of {count}": "A = 1\nX = " + "+".join(["A"] * count) + "\n" for count in range(200, 1000, 100)},
}


USES = (
    "X = {0}.made_up", "print({0}.zeros(3).shape)", "R = {0}.get('http://a.b')\nprint(R.json(), R.no())",
    "F = {0}.DataFrame({{'a': [1]}})\nprint(F.a, F.no, F['a'].mean())", "class A({0}.ndarray):\n    pass",
    "try:\n    {0}.post('http://a.b', data=1)\nexcept {0}.RequestException as e:\n    print(e)",
    "for row in {0}.read_csv('a').iterrows():\n    row.no()", "print({0}.array([1]) @ {0}.eye(1))",
    "S = {0}.Session()\nS.headers.update(a=1)\nS.nothing()", "def f(x: '{0}.Series') -> None:\n    x.no()",
    "with {0}.errstate(all='ignore'):\n    pass", "{0}.options.display.width = 3", "A, B = {0}.where(1)",
    "print({0}.__version__, {0}.random.rand())", "D = {0}.concat([])\nD.no(D.x)",
)  # fmt: skip
INSTALLED = ("numpy", "pandas", "requests")
BESIDE = {
    f"{module} {number}": f"import {module}\n{use.format(module)}\n"
    for place, module in enumerate(INSTALLED)
    for number, use in enumerate(USES)
    if number == 0 or number % len(INSTALLED) == place
}
"""Texts that use what is installed beside the tool here, and is not where the command line is run."""


def real_texts() -> dict[str, str]:
    """Return small files of the standard library that compile, every twelfth by name."""
    found: dict[str, str] = {}
    for path in sorted(STDLIB.rglob("*.py"))[::12]:
        if "site-packages" in path.parts or not 150 < path.stat().st_size < 5500:
            continue
        try:
            text = path.read_bytes().decode()
            compile(text, "<string>", "exec", dont_inherit=True)
        except (UnicodeDecodeError, SyntaxError, ValueError):
            continue
        found[str(path.relative_to(STDLIB))] = text
        if len(found) == FILES:
            break
    return found


def measured(texts: Sequence[str], workers: int) -> list[Verdict]:
    """Return the texts' verdicts, all of them asked for at once."""

    async def use() -> list[Verdict]:
        async with Workers(workers) as pool:
            return await asyncio.gather(*(pool.verdict(Lint(), text) for text in texts))

    return asyncio.run(use())


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return {**real_texts(), **MADE, **BESIDE}


@pytest.fixture(scope="module")
def verdicts(texts: dict[str, str]) -> dict[str, Verdict]:
    return dict(zip(texts, measured(list(texts.values()), 2), strict=True))


@pytest.mark.timeout(1200)
def test_scores_are_those_of_the_command_line(
    texts: dict[str, str], verdicts: dict[str, Verdict], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("pylint")
    python = clean_python(folder / "venv")
    folders = [folder / str(number) for number in range(len(texts))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        printed = dict(
            zip(texts, pool.map(printed_score, [python] * len(texts), texts.values(), folders), strict=True)
        )
    ours = {name: verdict.record["pylint_score"] for name, verdict in verdicts.items()}
    assert {name: (ours[name], score) for name, score in printed.items() if ours[name] != score} == {}
    assert len(real_texts()) == FILES
    assert len(set(printed.values())) > 30  # None, below zero and many between: they might all be equal


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
    texts: dict[str, str], verdicts: dict[str, Verdict]
) -> None:
    backwards = list(reversed(texts))
    again = dict(zip(backwards, measured([texts[name] for name in backwards], 1), strict=True))
    assert {name for name in texts if again[name] != verdicts[name]} == set()
