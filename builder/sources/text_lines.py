"""The lines of text files, each a row: `datasets` streams them as UTF-8 whatever encoding it is told."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from itertools import islice
from typing import BinaryIO

from builder.sources.compressed import ENDINGS, damage_told, decompressed
from builder.sources.encodings import marked, not_utf8

_ENDINGS = tuple(f".txt{compressed}" for compressed in ENDINGS)


class TextLines:
    """The lines of some files, ends of lines left out.

    Args:
        open: Gives a file's content, compressed or not.
        where: Says where a file is, for a user.
        encoding: What they are in; None for what each one's byte order mark says, else UTF-8.
        column: What the lines are called.
    """

    def __init__(
        self, open: Callable[[str], BinaryIO], where: Callable[[str], str], encoding: str | None, column: str
    ) -> None:
        """Read nothing yet."""
        self._open, self._where, self._encoding, self._column = open, where, encoding, column

    @staticmethod
    def can_read(names: list[str]) -> bool:
        """Whether the files are named as text files, compressed or not."""
        return all(name.lower().endswith(_ENDINGS) for name in names)

    def rows(self, name: str, start: int) -> Iterator[dict[str, str]]:
        """Yield a file's lines from `start` on.

        Raises:
            SourceError: The file is damaged, or in another encoding.
        """
        where = self._where(name)
        with damage_told(where):
            encoding = self._encoding or self._marked(name) or "utf-8"
            try:
                with io.TextIOWrapper(self._content(name), encoding) as text:
                    for line in islice(text, start, None):
                        yield {self._column: line.removesuffix("\n")}
            except UnicodeError as error:
                with self._content(name) as content:
                    raise not_utf8(content, where, may_be_named=True) from error

    def _marked(self, name: str) -> str | None:
        with self._content(name) as content:
            return marked(content)

    def _content(self, name: str) -> BinaryIO:
        return decompressed(self._open(name), name)
