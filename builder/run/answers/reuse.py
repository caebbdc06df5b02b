"""Answers of another run or of a release: what was paid for and this run would ask for again, by the same key.

An index in this run's directory leads from key to row. What the other run has in its log, and not yet in its
table, is copied into a log beside the index, for there it goes when its shard is done.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from builder.rewriting.generation import Generation
from builder.run.answers.index import AnswerIndex
from builder.run.answers.log import Log
from builder.run.answers.sources import AnswerSource


class ReusedAnswers:
    """The answers of one run or release. `get` may be called from any thread."""

    def __init__(self, source: AnswerSource, into: Path, say: Callable[[str], None]) -> None:
        """Index `source` below the directory `into`, as far as it is not.

        Raises:
            StorageError: The disk refuses.
        """
        folder = into / "reuse" / hashlib.sha256(str(source.path.resolve()).encode()).hexdigest()[:16]
        if not folder.is_dir():
            say(f"{source.path}: indexing its answers")
        with closing(Log(folder)) as copied:
            copied.replay()
            copied.salvage(source.logged())  # first what may go: a shard that is done by now is found in the table
        self._index = AnswerIndex(source, folder)
        self._copied = Log(folder)
        self._copied.replay(self._index.contains)

    def close(self) -> None:
        """Let go of the files."""
        self._index.close()
        self._copied.close()

    def maybe_contains(self, key: str) -> bool:
        """Whether `get` is worth its time."""
        return self._copied.knows(key) or self._index.maybe_contains(key)

    def get(self, key: str) -> Generation | None:
        """Return the generation with this key, None where there is none."""
        return (self._copied.read(key) if self._copied.knows(key) else None) or self._index.get(key)
