"""What of a Markdown text is code: neither formulas nor prose."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict

_FENCE = re.compile(r"^[ \t>]*(?:[-*+] +|\d+[.)] +)?(`{3,}|~{3,})([^\n]*)$", re.M)
_RUN = re.compile(r"(?<!\\)`+")
_SPAN = "\ue001"
"""Stands for a code span, so that $`x`$, as GitHub has it, stays a formula and no `$$`."""


def without_code(text: str) -> str:
    """Return a text without its fenced blocks, and with one character for each code span."""
    return _without_spans(_without_blocks(text))


def _without_blocks(text: str) -> str:
    kept, begin, fence = [], 0, ""
    for match in _FENCE.finditer(text):
        mark = match[1]
        if not fence and not (mark[0] == "`" and "`" in match[2]):
            kept.append(text[begin : match.start()])
            fence = mark
        elif fence and mark.startswith(fence) and not match[2].strip():
            begin, fence = match.end(), ""
    return "".join(kept) + ("" if fence else text[begin:])


def _without_spans(text: str) -> str:
    """Replace code spans: a run of backticks up to the next as long, in the same paragraph."""
    if "`" not in text:
        return text
    runs = list(_RUN.finditer(text))
    places = defaultdict[int, list[int]](list)
    for run in runs:
        places[len(run[0])].append(run.start())
    paragraphs = [match.start() for match in re.finditer(r"\n[ \t]*\n", text)]
    kept, begin = [], 0
    for run in runs:
        if run.start() < begin:
            continue
        same = places[len(run[0])]
        after = bisect_right(same, run.start())
        ends = bisect_right(paragraphs, run.start())
        if after < len(same) and (ends == len(paragraphs) or same[after] < paragraphs[ends]):
            kept += [text[begin : run.start()], _SPAN]
            begin = same[after] + len(run[0])
    return "".join(kept) + text[begin:]
