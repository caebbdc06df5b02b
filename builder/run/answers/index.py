"""Where the answers of a table or a release lie, by key: parts of sorted keys on disk, and a bitmap in memory.

What a file holds is indexed once, when it is written or first seen. Sixteen parts become one, so that of 100,000
shards there are some sixty, and a look-up takes a tenth of a millisecond. The index follows from the files: what
it lacks, after a kill say, is indexed when it is opened. There are no locks, which not every network file system
has.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from builder.files import storage
from builder.rewriting.generation import Generation
from builder.run.answers.keys import number_of
from builder.run.answers.locations import HasRows, Location, RowGroups
from builder.run.answers.parts import Part, State, write_part
from builder.run.fence import Fence

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BITS = 2**28  # 32 MB; with 48 million answers, one new request in six is looked for on disk
_MERGED = 16  # parts of a level that become one of the next
_MOST = 2**22  # answers in a part: to merge so many takes 300 MB
_AT_ONCE = 256  # files, of those that are found without an entry


class HasPlaces(HasRows, Protocol):
    """What can be indexed."""

    def files(self) -> list[Path]:
        """Return the files that hold the answers."""

    def places(self, file: Path) -> tuple[NDArray[np.uint64], NDArray[np.void]]:
        """Return the keys' numbers of a file's answers, and their places but for the file."""


class AnswerIndex:
    """The answers in a source's files. `get` may be called from any thread, `add` from one."""

    def __init__(self, source: HasPlaces, folder: Path, fence: Fence | None = None) -> None:
        """Open the index in `folder`, and index what it lacks.

        Raises:
            StorageError: The disk refuses.
        """
        self._source, self._folder = source, folder
        self._fence = fence or Fence(folder.parent)
        self._mine = f"-{self._fence.worker}" if self._fence.worker else ""
        self._groups = RowGroups(source)
        self._bits = np.zeros(_BITS // 8, np.uint8)
        self._lock = threading.Lock()
        self._parts: list[Part] = []
        self._current: dict[str, State] = {}
        with storage(folder):
            for path in sorted(folder.glob("*.part")):
                self._open(path)
            indexed: set[State | None] = {None}
            indexed |= {state for part in self._parts for state in part.files}
            for path in (files := source.files()):
                with contextlib.suppress(FileNotFoundError):  # another process is at work on that run
                    self._current[path.name] = State.of(path)
            lacking = (path for path in files if self._current.get(path.name) not in indexed)
            while some := list(islice(lacking, _AT_ONCE)):
                self._index(some)

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            while self._parts:
                self._parts.pop().close()

    def maybe_contains(self, key: str) -> bool:
        """Whether `get` is worth its time: False for nearly every key that it does not know."""
        bit = number_of(key) % _BITS
        return bool(self._bits[bit >> 3] >> (bit & 7) & 1)

    def get(self, key: str) -> Generation | None:
        """Return the generation with this key, None where there is none."""
        with self._lock, storage(self._folder):
            locations = list(self._locate(number_of(key)))
        found = (self._groups.get(location, key) for location in locations)
        return next((generation for generation in found if generation is not None), None)

    def contains(self, numbers: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Return whether there are answers to keys with these numbers, which ascend."""
        found = np.zeros(len(numbers), np.bool_)
        with storage(self._folder):
            for part in self._parts if len(numbers) else ():
                found |= np.isin(numbers, part.numbers()[self._is_current(part)], assume_unique=True)
        return found

    def add(self, file: Path) -> None:
        """Index a file that was written."""
        with storage(self._folder):
            state = State.of(file)
            if self._current.get(file.name) != state:
                self._current[file.name] = state
                self._groups.forget(file.name)
                self._index([file])

    def _locate(self, number: int) -> Iterator[Location]:
        for part in reversed(self._parts):
            if (place := part.find(number)) is not None:
                file, *rest = place.item()
                state = part.files[file]
                if self._current.get(state.name) == state:
                    yield Location(state.name, *rest)

    def _is_current(self, part: Part) -> NDArray[np.bool_]:
        current = np.array([self._current.get(state.name) == state for state in part.files], np.bool_)
        held: NDArray[np.bool_] = current[part.places()["file"]]
        return held

    def _index(self, files: Sequence[Path]) -> None:
        found, states = [], list[State]()
        for file in files:
            with contextlib.suppress(FileNotFoundError):  # another process is at work on that run
                numbers, places = self._source.places(file)
                places["file"] = len(states)
                found.append((numbers, places))
                states.append(self._current[file.name])
        if not found:
            return
        self._write(found, states, level=len(files) // _MERGED and 1)
        while alike := self._alike():
            self._merge(alike)

    def _alike(self) -> list[Part]:
        """Return the parts of the first level of which there are enough to make one of the next."""
        for level in sorted({part.level for part in self._parts}):
            alike = [part for part in self._parts if part.level == level and self._is_mine(part.path)][:_MERGED]
            if len(alike) == _MERGED and sum(part.count for part in alike) <= _MOST:
                return alike
        return []

    def _is_mine(self, part: Path) -> bool:
        """Whether this process may remove a part: one of many workers only what it wrote itself."""
        return part.stem.endswith(self._mine)

    def _merge(self, parts: Sequence[Part]) -> None:
        found, states = [], list[State]()
        for part in parts:
            is_current, places = self._is_current(part), part.places().copy()
            kept = [self._current.get(state.name) == state for state in part.files]
            places["file"] = (len(states) + np.cumsum(kept) - 1)[places["file"]]
            found.append((part.numbers()[is_current], places[is_current]))
            states += [state for state, is_kept in zip(part.files, kept, strict=True) if is_kept]
        self._write(found, states, level=parts[0].level + 1)
        with self._lock:
            self._parts = [part for part in self._parts if part not in parts]
            for part in parts:
                part.close()
        for part in parts:
            self._fence.remove(part.path)

    def _write(
        self,
        found: Iterable[tuple[NDArray[np.uint64], NDArray[np.void]]],
        states: Sequence[State],
        level: int,
    ) -> None:
        numbers, places = (np.concatenate(each) for each in zip(*found, strict=True))
        self._folder.mkdir(parents=True, exist_ok=True)
        last = max((int(part.path.stem.partition("-")[0]) for part in self._parts), default=-1)
        path = self._folder / f"{last + 1:08d}{self._mine}.part"
        write_part(path, numbers, places, states, level, self._fence.replacing)
        self._open(path)

    def _open(self, path: Path) -> None:
        try:
            part = Part(path)
        except FileNotFoundError:  # another worker has just made one of several: what is lacking is indexed anew
            return
        except ValueError:  # spoilt: what it held is indexed anew
            if self._is_mine(path):
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()
            return
        bits = (part.numbers() % np.uint64(_BITS)).astype(np.int64)
        np.bitwise_or.at(self._bits, bits >> 3, np.left_shift(1, bits & 7).astype(np.uint8))
        with self._lock:
            self._parts.append(part)
