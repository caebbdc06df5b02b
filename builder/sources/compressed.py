"""What is in compressed files, by their names' endings; damage is said to the user."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from builder.errors import SourceError
from builder.files import storage_error

_AT_ONCE = 4 * 2**20  # bytes that are read together


class _Zstandard(io.RawIOBase):
    """What is in a zstd file, of however many frames; Python has no reader of its own before 3.14."""

    def __init__(self, content: BinaryIO) -> None:
        import pyarrow as pa

        self._stream = pa.CompressedInputStream(pa.PythonFile(cast(io.IOBase, content), "r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        read = self._stream.read(len(buffer))
        buffer[: len(read)] = read
        return len(read)


_OPENERS: dict[str, Callable[[BinaryIO], object]] = {
    ".gz": lambda content: gzip.GzipFile(fileobj=content),
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": lambda content: io.BufferedReader(_Zstandard(content), _AT_ONCE),
}

ENDINGS = ("", *_OPENERS)
"""What a file's name may end in, behind the ending of its format."""


def decompressed(content: BinaryIO, name: str) -> BinaryIO:
    """Return what is in a file as a buffered stream, decompressed where its name says that it is compressed."""
    buffered = io.BufferedReader(cast(io.RawIOBase, content), _AT_ONCE)
    opener = next((opener for ending, opener in _OPENERS.items() if name.lower().endswith(ending)), None)
    return buffered if opener is None else cast(BinaryIO, opener(cast(BinaryIO, buffered)))


@contextmanager
def damage_told(where: str) -> Iterator[None]:
    """Say of a compressed file that it is cut off or damaged.

    Raises:
        SourceError: It is.
    """
    try:
        yield
    except (EOFError, OSError, UnicodeError, zlib.error, lzma.LZMAError) as error:
        if storage_error(error) is not None:
            raise
        raise SourceError(
            f"it is cut off, damaged, or not compressed as its name says ({error or type(error).__name__})",
            where=where,
            remedy="upload it again whole, or set `source.revision` to a commit where it is",
        ) from error
