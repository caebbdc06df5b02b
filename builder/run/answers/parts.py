"""A part of the index: sorted keys and where their answers lie, in one file that is written once.

The keys' 64-bit numbers come first, then a place for each, then JSON that tells which files they are of, and in
what state. A look-up reads 4 KiB of numbers, of which memory holds every 512th, and one place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import orjson

from builder.files import replacing
from builder.run.answers.keys import find

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLACE = np.dtype([("file", "<u4"), ("group", "<u4"), ("row", "<u4"), ("stage", "<u2"), ("number", "<u2")])
"""Where an answer lies: the file among the part's, row group and row, and there as which stage's which answer."""

_NUMBER = np.dtype("<u8")
_BLOCK = 512
_TAIL = 8  # bytes that say how long the JSON before them is


class State(NamedTuple):
    """A file by name, with the size in bytes and the time in nanoseconds that it had when it was read."""

    name: str
    bytes: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> State:
        """Return the state that a file is in."""
        about = path.stat()
        return cls(path.name, about.st_size, about.st_mtime_ns)


def write_part(
    path: Path,
    numbers: NDArray[np.uint64],
    places: NDArray[np.void],
    files: Sequence[State],
    level: int,
    replacing: Callable[[Path], AbstractContextManager[Path]] = replacing,
) -> None:
    """Write a part in one step; of a number that recurs one place is kept.

    Args:
        path: Where.
        numbers: The keys' numbers, in any order.
        places: Of each its place, of dtype `PLACE`.
        files: The files that places name.
        level: How many merges it comes from.
        replacing: What puts a file into its place.
    """
    numbers, first = np.unique(numbers, return_index=True)
    about = orjson.dumps({"level": level, "count": len(numbers), "files": [list(state) for state in files]})
    with replacing(path) as temporary, temporary.open("wb") as file:
        numbers.astype(_NUMBER).tofile(file)
        places[first].tofile(file)
        file.write(about + len(about).to_bytes(_TAIL, "little"))


class Part:
    """A part that is open for look-ups."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            ValueError: It is spoilt.
        """
        self.path, self._descriptor = path, os.open(path, os.O_RDONLY)
        try:
            size = os.fstat(self._descriptor).st_size
            length = int.from_bytes(self._read(max(0, size - _TAIL), _TAIL), "little")
            about = orjson.loads(self._read(max(0, size - _TAIL - length), min(length, size)))
            self.level, self.count = about["level"], about["count"]
            self.files = [State(*one) for one in about["files"]]
            if size != self.count * (_NUMBER.itemsize + PLACE.itemsize) + length + _TAIL:
                raise ValueError(f"{path}: {size} bytes")
            self._sample = self.numbers()[::_BLOCK].copy()
        except (ValueError, TypeError, KeyError) as error:
            self.close()
            raise ValueError(str(error)) from error

    def numbers(self) -> NDArray[np.uint64]:
        """Return all keys' numbers, ascending."""
        return np.frombuffer(self._read(0, self.count * _NUMBER.itemsize), _NUMBER)

    def places(self) -> NDArray[np.void]:
        """Return all places, in the order of `numbers`."""
        return np.frombuffer(self._read(self.count * _NUMBER.itemsize, self.count * PLACE.itemsize), PLACE)

    def find(self, number: int) -> np.void | None:
        """Return the place of a number, None where it is not there."""
        block = int(self._sample.searchsorted(np.uint64(number), "right")) - 1
        if block < 0:
            return None
        first = block * _BLOCK
        count = min(_BLOCK, self.count - first)
        numbers = np.frombuffer(self._read(first * _NUMBER.itemsize, count * _NUMBER.itemsize), _NUMBER)
        if (position := find(numbers, number)) < 0:
            return None
        start = self.count * _NUMBER.itemsize + (first + position) * PLACE.itemsize
        place: np.void = np.frombuffer(self._read(start, PLACE.itemsize), PLACE)[0]
        return place

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _read(self, start: int, length: int) -> bytes:
        content = os.pread(self._descriptor, length, start)
        while len(content) < length:  # more than two GiB come in pieces
            more = os.pread(self._descriptor, length - len(content), start + len(content))
            if not more:
                raise ValueError(f"{self.path} is cut off")
            content += more
        return content
