"""Pairs for `chatter`, made of the standard library: what models leave out of code, and what looks like it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from itertools import cycle

from tests.labelled import code_comments
from tests.labelled.pair import Pair
from tests.labelled.stdlib import Function, classes, cut, functions, methods, modules, text, with_body

_Edit = Callable[[str], str | None]


def made() -> Iterator[Pair]:
    """Yield them."""
    yield from code_comments.made()
    names = modules(9_000)
    for module in names[:14]:
        yield Pair(text(module), text(module), True, "a module as it is")
    for module in names[14:26]:
        yield Pair(text(module), ast.unparse(ast.parse(text(module))), True, "rewritten without comments")
    sources = cycle(text(module) for module in names)
    for notes, edit, is_right, why in _MADE:
        for note in notes:
            before, after = next(_edited(sources, edit, note))
            yield Pair(before, after, is_right, f"{why}: {note.strip() or 'nothing'}"[:100])


def _edited(
    sources: Iterator[str], edit: Callable[[str, str], str | None], note: str
) -> Iterator[tuple[str, str]]:
    for code in sources:
        if (after := edit(code, note)) is not None:
            yield code, after


def _longest(code: str) -> Function | None:
    """Return the longest function or method."""
    tree = ast.parse(code)
    found = [*functions(tree, 5), *(method for node in classes(tree) for method in methods(node, 5))]
    found = [one for one in found if not one.decorator_list]
    return max(found, key=lambda one: (one.end_lineno or 0) - one.lineno, default=None)


def _body(code: str, note: str) -> str | None:
    """Put a note in place of a function's body."""
    node = _longest(code)
    return None if node is None else with_body(code, node, note)


def _first_lines(code: str, note: str) -> str | None:
    """Keep a function's first statement, and put a note and `return None` in place of the others."""
    node = _longest(code)
    if node is None:
        return None
    index = 1 if ast.get_docstring(node) is not None else 0
    first = ast.get_source_segment(code, node.body[index], padded=True)
    return with_body(code, node, f"{ast.unparse(node.body[index])}\n{note}\nreturn None") if first else None


def _half(code: str, note: str) -> str | None:
    """Put a note in place of a module's second half."""
    tree = ast.parse(code)
    nodes = [one for one in tree.body if isinstance(one, Function | ast.ClassDef)]
    if len(nodes) < 3:
        return None
    middle = nodes[len(nodes) // 2]
    return "".join(code.splitlines(keepends=True)[: middle.lineno - 1]) + note + "\n"


def _between(code: str, note: str) -> str | None:
    """Put a note in place of a function in the middle."""
    nodes = [one for one in functions(ast.parse(code), 2) if not one.decorator_list]
    return cut(code, nodes[len(nodes) // 2], note) if len(nodes) > 2 else None


def _before(code: str, note: str) -> str:
    return f"{note}\n{code}"


def _behind(code: str, note: str) -> str:
    return f"{code.rstrip()}\n\n{note}\n"


def _inside(code: str, note: str) -> str | None:
    """Put a note before a function's last statement."""
    node = _longest(code)
    if node is None or node.body[-1].lineno == node.lineno:
        return None
    lines = code.splitlines(keepends=True)
    at = node.body[-1].lineno - 1
    pad = " " * node.body[-1].col_offset
    return "".join([*lines[:at], *(f"{pad}{line}\n" for line in note.splitlines()), *lines[at:]])


_BODIES = (
    "...",
    "pass",
    "pass  # unchanged",
    "...  # same as before",
    "# ... existing code ...\npass",
    "# implementation omitted for brevity\npass",
    "# TODO: implement\nraise NotImplementedError",
    "# (same as above)\n...",
    "pass  # existing implementation",
    "# Your code here\npass",
    "raise NotImplementedError('left out')",
    "# Same implementation as in the original file\npass",
    "...  # remaining logic",
    "# [unchanged]\n...",
    "# TODO: add the original logic here\nreturn None",
    "# ... unchanged ...\npass",
    "# same code as in the original\n...",
    "# (no changes to this method)\npass",
    "# Original implementation here\npass",
    "# keep as is\npass",
    "# existing logic\npass",
    "# load items from the file\npass",
    "'''Load. (Implementation unchanged)'''",
    "# Implementation remains the same as before\nreturn",
    "# ... (loading logic) ...\nreturn None",
    "# <same as before>\nreturn None",
    "# ... code to load the items ...\nreturn None",
    "# Add your loading code here\nreturn None",
    "# ... loading logic here ...\nreturn None",
    "# The loading code stays exactly as it was\nreturn None",
    "# (body omitted)\nreturn None",
    "# *** unchanged code ***\nreturn None",
    "# method body goes here\nreturn None",
    "# As before\nreturn None",
    "# See original code\nreturn None",
    "# Copy the original implementation here\nreturn None",
    "# TODO: Copy over from original\nreturn None",
    "# placeholder\nreturn None",
    "return None  # placeholder",
    "# For brevity, the loading logic is not repeated here.\nreturn None",
    "# [...]\nreturn None",
    "# -- snip --\nreturn None",
    "# {existing code}\nreturn None",
    "# Not shown: parsing of lines\nreturn None",
    "# (rest of the class remains the same)\nreturn None",
    "# .. existing code ..\nreturn None",
    "#...\nreturn None",
    "# existing code continues...\nreturn None",
    "# unchanged from original\nreturn None",
    "# (identical to the original version)\nreturn None",
    "# ... omitted for clarity ...\nreturn None",
)
_LINES = (
    "# ... rest of the function ...",
    "# ... (existing code) ...",
    "# ... existing implementation unchanged ...",
    "# Rest of the method remains unchanged",
    "# ... the rest of the body is the same",
    "# [rest of the implementation]",
    "# (remaining code omitted)",
    "# <existing code>",
    "# ... keep the existing logic here ...",
    "# ... other cases stay the same ...",
    "# ...",
    "# … rest unchanged …",
    "# --- rest of the code as before ---",
    "# Remaining logic goes here",
    "# etc. (same for the other cases)",
    "# rest of the code for parsing the arguments remains the same",
    "# ... continue with the rest of the steps ...",
    "# ... handle the other formats ...",
    "# code omitted for brevity",
    "# Previous code remains unchanged",
)
_ENDS = (
    "# ... rest of the code remains unchanged",
    "# Rest of the file is unchanged.",
    "# ... remaining methods ...",
    "# (other functions remain the same)",
    "# ... [rest of the module]",
    "# TODO: implement the rest",
    "# The rest of the classes stay the same as in the original.",
    "# ... and so on for the other functions",
    "# Remaining functions omitted",
    "# ... (keep all existing code)",
    "# Add the remaining functions here",
    "# ... snip ...",
    "# [The remaining 300 lines stay the same]",
    "# The remaining functions follow the same pattern...",
    "# ... truncated ...",
    "# Other functions are left unchanged for brevity",
    "# The original code continues here",
)
_PREFIXES = (
    "# Here is the improved version of your code:",
    "# Sure! Here's the refactored module.",
    "# Here's the rewritten file with type hints added",
    "# I have refactored the code to improve readability.",
    '"""Here is the complete, self-contained version of the script."""',
    "# Below is the updated code:",
    "# Certainly, here is the optimized code",
    "# Improved version:",
    "# As an AI language model, I improved the names.",
    "# I'm sorry, but I can't rewrite this file completely.",
    "# This is the revised version of the module",
)
_SUFFIXES = (
    "# I hope this helps! Let me know if you have any questions.",
    "# Feel free to modify the code as needed.",
    "# Let me know if you need anything else.",
    "# Key improvements:\n# - type hints\n# - docstrings",
    "# Changes made:\n# 1. Renamed variables.",
    "# Note that I removed the unused imports.",
    "# The refactored code is more readable and follows PEP 8.",
)
_FINE_PREFIXES = (
    '"""Sure-footed helpers: here is where paths are joined."""',
    "# Here be dragons: the order of these lines counts.",
    '"""I have updated the table by hand in 2012; see the changelog."""',
    "# Of course, a lock is needed below.",
    '"""Certainly not the fastest way, but it is short."""',
    "# This is a simple tool for reading files.",
    "# Here we keep what has been seen so far.",
    '"""Let me count the ways: an enumeration of verses."""',
    '"""Unfortunately, the format cannot be told from the first bytes alone."""',
    "# Sorry about the name; it is historical.",
    "# The following is a state machine.",
    "# Based on the algorithm of Knuth, volume 3.",
)
_FINE_LINES = (
    "# The rest of the list is sorted already.",
    "# The remaining items come first.",
    "# Other threads may be waiting.",
    "# Keep the original order.",
    "# Skip what was seen before.",
    "# The previous value is still valid here.",
    "# Nothing to do for the rest.",
    "# Same as above, but for the right side.",
    "# Insert the remaining elements.",
    "# The file stays open until the end.",
    "# Unchanged values are not written.",
    "# Continue with the next line.",
    "# a, b, ..., z",
    "# ...and only then may it be closed.",
    "# Add the other half.",
    "# See the note above.",
    "# Existing files are never overwritten.",
    "# The original exception is kept.",
    "# Ignore the rest of the line.",
    "# Everything else is an error.",
    "# The method must be called before this.",
    "# Fill in the missing parts.",
)
_FINE_ENDS = (
    "# --- other helpers ---\n\n\ndef _nothing():\n    return None",
    "# Remaining methods are in the base class.",
    "class OutOfData(Exception):\n    pass",
    'def on_event(event):\n    """Do nothing; subclasses of users may."""',
    "from typing import Protocol\n\n\nclass Closable(Protocol):\n    def close(self) -> None: ...",
    "from typing import overload\n\n\n@overload\ndef shown(x: int) -> str: ...\n@overload\n"
    "def shown(x: str) -> str: ...\ndef shown(x):\n    return str(x)",
    "from abc import ABC, abstractmethod\n\n\nclass Base(ABC):\n    @abstractmethod\n"
    "    def run(self):\n        ...\n",
    "def greet():\n    print('Let me know if you need anything else.')",
    "HELP = 'I hope this helps!'",
    "def ask():\n    return input('Would you like me to continue? ')",
    "def middle(a):\n    return a[..., 0]",
    "class Visitor:\n    def enter(self):\n        pass\n\n    def leave(self):\n        pass",
    "def reply():\n    return \"I'm sorry, I can't do that.\"",
    "# TODO: measure whether a deque is faster here\nLIMIT = 10",
    "def first():\n    return 1  # the rest is unchanged",
    "def noop(*args):\n    pass  # nothing to do",
    "try:\n    import readline\nexcept ImportError:\n    pass  # line editing is not needed",
    "# Local variables:\n# mode: python\n# End:",
)

_MADE: tuple[tuple[tuple[str, ...], Callable[[str, str], str | None], bool, str], ...] = (
    (_BODIES, _body, False, "a body is left out"),
    (_LINES, _first_lines, False, "the rest of a body is left out"),
    (_ENDS[:9], _half, False, "the rest of the file is left out"),
    (_ENDS[9:], _between, False, "a function is left out"),
    (_PREFIXES, _before, False, "speaks to whoever asked"),
    (_SUFFIXES, _behind, False, "takes its leave"),
    (_FINE_PREFIXES, _before, True, "words about the code"),
    (_FINE_LINES, _inside, True, "a comment about the code"),
    (_FINE_ENDS, _behind, True, "code that has little in it"),
)
