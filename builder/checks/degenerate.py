"""Is a model caught in a loop? The same word, line or sentence over and over, or counting on and on.

`repetition` finds 100 characters twice in a row in a text of 1,000; this finds what is shorter, and leaves to a
text what repeats in its nature: tables, formulas, lists, unrolled code, and what its source repeats as well.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import ClassVar

from builder.checks.base import PairCheck
from builder.checks.character_loops import of_characters
from builder.checks.code_loops import of_tree
from builder.checks.counting_loops import of_counted_values, of_counting, of_doubts
from builder.checks.line_loops import of_lines, of_paragraphs, of_phrases, of_sentences, without_label
from builder.checks.list_loops import of_lists
from builder.checks.loops import Loop, of_ending, of_words, runs
from builder.checks.python_code import UNREADABLE, is_code, parsed
from builder.checks.restated import of_exercises, of_few_words, of_growing_lines, of_restated
from builder.checks.token_loops import of_tokens
from builder.filters.base import Measures

_DIRECTIVE = re.compile(
    r"#\s*(?:noqa|type:|pragma|pylint:|mypy:|fmt:|isort:|nosec|ruff:|pyright:|flake8|:|!|-\*-)", re.I
)
_RULES = 8  # equal comments without a word: a frame has fewer in a row
_COMMENTS = 6  # times one comment, over different code
_PARAMETER = re.compile(r"(?m)^[ \t]+(?::param )?(\w*[A-Za-z_]\d+)(?: \([^()\n]*\))? ?: ")
_INVENTED, _EXAMPLES = 6, 5
_KEPT = 0.6  # of a loop's length that the source's has to have, for the loop to be the source's


class Degenerate(PairCheck):
    """Refuses a text that loops where its source does not."""

    measures: ClassVar[Mapping[str, type]] = {"repeated": str, "times": int}

    def prepare(self) -> None:
        """Load numpy."""
        import numpy as np  # noqa: F401

    def compare(self, before: str, after: str) -> Measures:
        """Return what repeats and how often, None where nothing does that doesn't in the source."""
        known: list[Loop] | None = None
        for loop in _loops(after):
            known = list(_loops(before)) if known is None else known
            if not _is_known(loop, known, before):
                return {"repeated": loop.unit[:100], "times": loop.times}
        return {"repeated": None, "times": None}

    def decide(self, measures: Measures) -> str | None:
        """Say that it loops."""
        return None if measures["times"] is None else "degenerate"


def _is_known(loop: Loop, known: list[Loop], source: str) -> bool:
    """Whether a loop is the source's: it has it, too, or as long a list of names with numbers."""
    if any(
        one.times >= _KEPT * loop.times and (one.key == loop.key or (one.names and loop.names)) for one in known
    ):
        return True
    if all(name[0].isdigit() for name in loop.names) and not any(map(str.isdigit, source)):
        return bool(loop.names)  # exercises, of a page that gives none
    return bool(loop.names) and sum(name in source for name in loop.names) >= _KEPT * len(loop.names)


def _loops(text: str) -> Iterator[Loop]:
    tree = parsed(text)
    if tree is None or not is_code(tree):
        yield from of_words(text)
        yield from of_lines(text)
        yield from of_lists(text)
        yield from of_characters(text)
        yield from of_sentences(text)
        yield from of_paragraphs(text)
        yield from of_phrases(text)
        yield from of_restated(text)
        yield from of_few_words(text)
        yield from of_growing_lines(text.splitlines())
        yield from of_exercises(text)
        yield from of_counting(text)
        yield from of_doubts(text)
        yield from of_ending(text)
        return
    yield from _of_comments(text)
    yield from of_tokens(text)
    try:
        yield from of_tree(tree)
        yield from _of_docstrings(tree)
        yield from (loop for node in ast.walk(tree) for loop in of_counted_values(node))
    except UNREADABLE:  # nested too deep to look through
        return


def _of_docstrings(tree: ast.Module) -> Iterator[Loop]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node) or ""
            found += [docstring] if docstring else []
            if ">>>" in docstring:  # an interpreter's answers repeat
                yield from (loop for loop in of_lines(docstring) if _is_example(loop))
                continue
            yield from of_words(docstring)
            yield from of_lines(docstring)
            yield from of_sentences(docstring)
            yield from of_restated(docstring)
            yield from of_few_words(docstring)
            yield from of_growing_lines(docstring.splitlines())
            yield from _of_parameters(node, docstring)
    yield from of_characters("\n".join(found))


def _is_example(loop: Loop) -> bool:
    """Whether the same call gives the same again and again."""
    return loop.times >= _EXAMPLES and loop.unit.count(">>>") == 1 and "\n" in loop.unit


def _of_parameters(node: ast.AST, docstring: str) -> Iterator[Loop]:
    """Yield numbered parameters that a docstring describes and a function does not have."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.args.kwarg is None:
        has = {one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
        invented = [name for name in _PARAMETER.findall(docstring) if name not in has]
        if len(invented) >= _INVENTED:
            yield Loop(" ".join(invented), len(invented), frozenset(invented))


def _of_comments(code: str) -> Iterator[Loop]:
    """Yield comments that come again: in one block, or over line after line; and loops of words within a block."""
    lines = code.splitlines()
    blocks = [
        [line.partition("#")[2].strip() for line in block]
        for is_comment, block in groupby(lines, _is_comment)
        if is_comment
    ]
    for block in blocks:
        yield from of_words("\n".join(block))
        yield from of_growing_lines(block)
        yield from _in_a_row([without_label(line) for line in block], 3)
    yield from of_characters("\n".join(line for block in blocks for line in block if line))
    found = [without_label(line) for block in blocks for line in block]
    yield from _in_a_row(found, _COMMENTS)
    said = [one for one in found if len(re.findall(r"[^\W\d_]{2,}", one)) >= 3]
    for one, times in Counter(said).most_common(1):
        if times >= _COMMENTS and 2 * times >= len(said):
            yield Loop(one, times)


def _in_a_row(comments: list[str], fewest: int) -> Iterator[Loop]:
    for begin, period, times in runs(comments, 10):
        unit = comments[begin : begin + period]
        words = sum(part.isalpha() for one in unit for part in one.split())
        if period > 1 and words < 2 * period and fewest > 3:  # arrange, act, assert
            continue
        if times >= (fewest if words else _RULES) and any(unit):
            yield Loop("\n".join(unit), times)


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#") and _DIRECTIVE.match(line.lstrip()) is None
