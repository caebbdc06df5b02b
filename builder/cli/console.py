"""Where the commands speak: results go to stdout, talk goes to stderr."""

from __future__ import annotations

import sys
from typing import Any

import orjson
from rich.console import Console

talk = Console(stderr=True)
out = Console()


def print_json(content: object) -> None:
    """Print a machine-readable result."""
    sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n")


def say(text: str) -> None:
    """Tell the user how it goes."""
    talk.print(text, markup=False, highlight=False, soft_wrap=True)


def escaped(error: Any) -> str:  # noqa: ANN401 - anything with words
    """Return its words, of which a console takes none for markup."""
    from rich.markup import escape

    return escape(str(error))
