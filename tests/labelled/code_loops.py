"""Pairs for `degenerate`: real code and real prose, and what a model caught in a loop makes of them."""

from __future__ import annotations

import ast
import gzip
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.labelled.pair import Pair
from tests.labelled.stdlib import each, functions, modules, text

_GSM8K = Path(__file__).parents[3] / "shared" / "data" / "gsm8k-test.jsonl.gz"


def made() -> Iterator[Pair]:
    """Yield them."""
    for module in modules(9_000):
        yield Pair(text(module), text(module), True, "a module as it is")
    for edit, most, start, is_right, why in _EDITS:
        for before, after in each(edit, most, start, 12_000):
            yield Pair(before, after, is_right, why)
    prose = [*_docstrings(), *_solutions()]
    for number, told in enumerate(prose):
        yield Pair("", told, True, "prose as it is")
        why, loop = _LOOPS[number % len(_LOOPS)]
        yield Pair(told, loop(told), False, why)


def _docstrings() -> Iterator[str]:
    """Yield docstrings of several paragraphs."""
    for module in modules():
        for node in ast.walk(ast.parse(text(module))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                told = ast.get_docstring(node) or ""
                if told.count(".") > 5 and len(told) > 400 and ">>>" not in told:
                    yield told
                    break


def _solutions() -> Iterator[str]:
    """Yield every fortieth problem of GSM8K with its solution, none where it is not there."""
    if _GSM8K.is_file():
        for line in gzip.decompress(_GSM8K.read_bytes()).splitlines()[::40]:
            item = json.loads(line)
            yield f"{item['question']}\n\n" + re.sub(r"<<.*?>>", "", item["answer"])


# --- loops in prose ---


def _sentences(told: str) -> list[str]:
    found = [one.strip() for one in re.split(r"(?<=[.!?])\s+", " ".join(told.split())) if len(one.split()) > 3]
    return found or [told]


def _words(told: str) -> list[str]:
    return re.findall(r"[A-Za-z]{3,}", told)


def _from_half(told: str, loop: str) -> str:
    return f"{told[: len(told) // 2].rstrip()} {loop}"


_LOOPS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("the last word over and over", lambda told: _from_half(told, " ".join([_words(told)[-1]] * 9))),
    ("a little word three times", lambda told: _from_half(told, "so that the the the end of it is there.")),
    ("one sentence four times", lambda told: _from_half(told, " ".join([_sentences(told)[0]] * 4))),
    ("three sentences in a circle", lambda told: _from_half(told, " ".join(_sentences(told)[:3] * 4))),
    ("two words in turn", lambda told: _from_half(told, f"{_words(told)[0]} {_words(told)[1]} " * 8)),
    (
        "one line over and over",
        lambda told: told + "\n" + "\n".join([f"Then {_words(told)[0]} is what remains."] * 6),
    ),
    ("it counts on", lambda told: _from_half(told, ", ".join(f"item {number}" for number in range(1, 90)))),
    ("steps that only count", lambda told: told + "\n" + "\n".join(f"Step {n}: go on." for n in range(1, 60))),
    (
        "one sentence between others, over and over",
        lambda told: "\n".join(
            f"We look at {word} now.\nSo the result stays the same." for word in _words(told)[:12]
        ),
    ),
    ("a phrase that continues itself", lambda told: _from_half(told, "which is as large as what " * 6)),
    ("words with commas", lambda told: _from_half(told, ", ".join([_words(told)[0]] * 12))),
)


# --- code ---


def _unparsed(_: str, tree: ast.Module) -> Iterator[str]:
    yield ast.unparse(tree)


def _unrolled(code: str, _: ast.Module) -> Iterator[str]:
    yield code + "\n\nTABLE = [0] * 32\n" + "".join(f"TABLE[{n}] = {n * n}\n" for n in range(32))


def _data(code: str, _: ast.Module) -> Iterator[str]:
    rows = "".join(f"    (0, 0, 0, 0, 0, 0, {n % 3}, 'none', 'none', 'none'),\n" for n in range(40))
    yield f"{code}\n\nROWS = (\n{rows})\nZEROS = [\n{'    0, 0, 0, 0, 0, 0, 0, 0,' + chr(10)}]\n"


def _same_cells(code: str, _: ast.Module) -> Iterator[str]:
    yield f"{code}\n\nGRID = [\n" + "    [None, None, None, None],\n" * 12 + "]\n"


def _steps(code: str, _: ast.Module) -> Iterator[str]:
    yield code + "\n\ndef draw(pen):\n" + "    pen.forward(100)\n    pen.left(60)\n" * 6


def _framed(code: str, _: ast.Module) -> Iterator[str]:
    rule = "# " + "-" * 70
    yield f"{rule}\n# Part one\n{rule}\n{code}\n{rule}\n# Part two\n{rule}\nDONE = True\n{rule}\n"


def _directives(code: str, _: ast.Module) -> Iterator[str]:
    yield (
        code
        + "\n\n"
        + "".join(f"import {name}  # noqa: E402\n" for name in ("os", "re", "sys", "io", "abc", "ast"))
    )


def _same_line(code: str, _: ast.Module) -> Iterator[str]:
    yield code + "\n\ndef finish(state):\n" + "    state.total = state.total + 1\n" * 14 + "    return state\n"


def _same_function(code: str, tree: ast.Module) -> Iterator[str]:
    for node in functions(tree, 3):
        source = ast.unparse(node)
        yield f"{code}\n\n" + "\n\n\n".join([source] * 4) + "\n"


def _same_import(code: str, _: ast.Module) -> Iterator[str]:
    yield "import os\n" * 6 + code


def _same_comment(code: str, _: ast.Module) -> Iterator[str]:
    body = "".join(f"    # Call the helper function\n    helper({n!r})\n" for n in "abcdefgh")
    yield f"def main(helper):\n{body}"


def _looping_comment(code: str, _: ast.Module) -> Iterator[str]:
    words = "the function that is " * 4
    yield f"{code}\n\n# This is {words}the last one.\nLAST = 1\n"


def _same_comments(code: str, _: ast.Module) -> Iterator[str]:
    yield f"{code}\n\n" + "# Check whether the value is valid.\n" * 5 + "LAST = 1\n"


def _counted_functions(code: str, _: ast.Module) -> Iterator[str]:
    yield code + "".join(f"\n\ndef case_{n}(value):\n    return value + {n}\n" for n in range(30))


def _counted_lines(code: str, _: ast.Module) -> Iterator[str]:
    yield code + "\n" + "".join(f"value_{n} = {n}\n" for n in range(120))


def _looping_docstring(code: str, _: ast.Module) -> Iterator[str]:
    words = "Return the value of the value of the value of the value of the value of the value."
    yield f'{code}\n\ndef value(x):\n    """{words}"""\n    return x\n'


def _same_pair(code: str, _: ast.Module) -> Iterator[str]:
    yield code + "\n\n" + "from os import path\nimport sys\n" * 5


def _same_cycle(code: str, _: ast.Module) -> Iterator[str]:
    yield code + "\n\ndef run(a, b):\n" + "    a = b\n    b = a\n" * 12


_EDITS: tuple[tuple[Callable[[str, ast.Module], Iterator[str]], int, int, bool, str], ...] = (
    (_unparsed, 14, 8, True, "rewritten without comments"),
    (_unrolled, 4, 0, True, "unrolled code"),
    (_data, 4, 4, True, "a table of data"),
    (_same_cells, 3, 8, True, "cells that are all the same"),
    (_steps, 3, 11, True, "the same two steps six times, a hexagon"),
    (_framed, 3, 14, True, "comments with rules around them"),
    (_directives, 3, 17, True, "directives for a linter"),
    (_same_line, 5, 0, False, "one line over and over"),
    (_same_function, 6, 5, False, "one function over and over"),
    (_same_import, 4, 10, False, "one import over and over"),
    (_same_comment, 4, 14, False, "one comment over every line"),
    (_looping_comment, 4, 18, False, "a comment that loops"),
    (_same_comments, 4, 22, False, "one comment five times in a row"),
    (_counted_functions, 4, 26, False, "functions that only count"),
    (_counted_lines, 3, 30, False, "variables that only count"),
    (_looping_docstring, 4, 2, False, "a docstring that loops"),
    (_same_pair, 3, 6, False, "two imports in a circle"),
    (_same_cycle, 3, 12, False, "two assignments in a circle"),
)
