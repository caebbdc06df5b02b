"""Scores that pylint's command line printed, kept: to have them printed anew takes more than a second a text.

`python -m tests.pylint_scores` asks the command line for all texts of `lint_texts` and keeps what it prints, in
`pylint_scores.json`: run it with each Python that is supported, and when pylint's version changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from tests.clean_pylint import clean_python, printed_score
from tests.lint_texts import parity_texts

FILE = Path(__file__).with_suffix(".json")
TOOLS = "Python {}.{}, pylint {}, astroid {}".format(*sys.version_info[:2], version("pylint"), version("astroid"))
"""What a score depends on, beside the text."""


def key(text: str) -> str:
    """Return what a text's score is kept under."""
    return hashlib.sha256(text.encode()).hexdigest()


def kept_scores() -> dict[str, float | None]:
    """Return the scores that this Python's command line printed, by key; None where it printed none."""
    scores: dict[str, dict[str, float | None]] = json.loads(FILE.read_text(encoding="utf-8"))
    return scores.get(TOOLS, {})


def printed_scores(texts: Mapping[str, str], folder: Path) -> dict[str, float | None]:
    """Return what the command line prints for each text, in an environment of its own, with files in `folder`."""
    python = clean_python(folder / "venv")
    folders = [folder / str(number) for number in range(len(texts))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        printed = pool.map(printed_score, [python] * len(texts), texts.values(), folders)
        return dict(zip(texts, printed, strict=True))


def main() -> None:
    """Keep what the command line prints now for this Python, beside what is kept for others."""
    texts = parity_texts()
    with tempfile.TemporaryDirectory() as folder:
        printed = printed_scores(texts, Path(folder))
    scores = json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else {}
    scores[TOOLS] = {key(texts[name]): score for name, score in printed.items()}
    FILE.write_text(json.dumps(scores, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{TOOLS}: {len(printed)} scores")


if __name__ == "__main__":
    main()
