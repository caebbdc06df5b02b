"""Texts for which our scores must be those of pylint's command line: real ones, and ones made to mislead."""

from __future__ import annotations

import sysconfig
from pathlib import Path

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


def parity_texts() -> dict[str, str]:
    """Return all of them, by name."""
    return {**real_texts(), **MADE, **BESIDE}
