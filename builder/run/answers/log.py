"""The write-ahead log: an answer that a server gave is on disk before it counts, and is never paid for again.

A writer appends to segments of its own, `log-EPOCH-NUMBER.jsonl`, or `log-EPOCH-WORKER-NUMBER.jsonl` where it is
one of many workers; what other writers left is only read. Memory
holds where each answer lies, not its text: of what was there at the start in sorted arrays, 33 bytes an answer. An
answer is let go once it is in the table, and a segment is removed once all of its answers are: what is on disk
twice is bounded by what is in work. One of many workers removes segments of its own alone.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from builder.files import storage, sync_folder
from builder.rewriting.generation import Generation
from builder.run.answers.keys import find, number_of
from builder.run.answers.lines import decode, encode, scan, whole_lines
from builder.run.answers.segments import is_of, numbers_of, segment_name, segments_in
from builder.run.fence import Fence

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SEGMENT_BYTES = 2**24  # a document that takes long keeps the whole of it
_OPEN_SEGMENTS = 32  # of those that are only read
_AHEAD = 2**20  # bytes that are fetched from a disk with a line: the next ones asked for lie behind it
_SALVAGED_AT_ONCE = 1024

IsInTable = Callable[["NDArray[np.uint64]"], "NDArray[np.bool_]"]


def _in_no_table(numbers: NDArray[np.uint64]) -> NDArray[np.bool_]:
    return np.zeros(len(numbers), np.bool_)


class _Line(NamedTuple):
    segment: Path
    offset: int
    length: int


class _Replayed:
    """Where the answers lie that were in the log at the start."""

    def __init__(self, segments: Sequence[Path], is_in_table: IsInTable) -> None:
        self.segments = segments
        found: list[NDArray[np.uint64]] = []
        for number, path in enumerate(segments):
            with storage(path):
                lines = np.array(list(scan(path)), np.uint64).reshape(-1, 3)
            found.append(np.insert(lines, 3, number, axis=1))
        lines = np.concatenate(found) if found else np.empty((0, 4), np.uint64)
        lines = lines[::-1]  # of two lines of one key the later counts
        self.numbers, first = np.unique(lines[:, 0], return_index=True)
        self._places = lines[first, 1:]
        self.is_gone = is_in_table(self.numbers)

    def position(self, key: str) -> int:
        return find(self.numbers, number_of(key)) if len(self.numbers) else -1

    def line(self, position: int) -> _Line:
        offset, length, segment = map(int, self._places[position])
        return _Line(self.segments[segment], offset, length)

    def answers(self) -> Counter[Path]:
        """Count the answers that are in no table, by segment."""
        counts = np.bincount(self._places[~self.is_gone, 2].astype(np.int64), minlength=len(self.segments))
        return Counter(dict(zip(self.segments, counts.tolist(), strict=True)))


class Log:
    """The log of a run. Any thread may read and write."""

    def __init__(self, folder: Path, fence: Fence | None = None) -> None:
        """Go on in `folder`, as the writer under this fence. Nothing is read or written yet."""
        self._folder, self._fence = folder, fence or Fence(folder.parent)
        self._replayed = _Replayed([], _in_no_table)
        self._written: dict[str, _Line] = {}
        self._answers: Counter[Path] = Counter()  # in each segment, those that are not let go
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._segment: Path | None = None  # that is written
        self._descriptors: OrderedDict[Path, int] = OrderedDict()

    def replay(self, is_in_table: IsInTable = _in_no_table) -> None:
        """Take up what earlier writers left, but for what is in the table by now.

        One of many workers leaves out those of its own epoch, which are at work.

        Raises:
            StorageError: The disk refuses.
        """
        segments, fence = segments_in(self._folder), self._fence
        if fence.worker:
            at_work = f"log-{replace(fence, worker='').writer}-"
            segments = [path for path in segments if not path.name.startswith(at_work)]
        self._replayed = _Replayed(segments, is_in_table)
        self._answers = self._replayed.answers()
        self._sweep()

    def take_up(self, worker: str) -> None:
        """Take up what a worker of this epoch left that is at work no more.

        Raises:
            StorageError: The disk refuses.
        """
        writer = replace(self._fence, worker=worker).writer
        for segment in (path for path in segments_in(self._folder) if is_of(path, writer)):
            with storage(segment):
                offset = 0
                for line in whole_lines(segment):
                    if (kept := decode(line)) is not None and not self.knows(kept[0]):
                        with self._lock:
                            self._written[kept[0]] = _Line(segment, offset, len(line))
                            self._answers[segment] += 1
                    offset += len(line)

    def knows(self, key: str) -> bool:
        """Whether an answer is in the log."""
        return key in self._written or self.is_replayed(key)

    def is_replayed(self, key: str) -> bool:
        """Whether an answer was in the log at the start, and in no table."""
        if key in self._written or (position := self._replayed.position(key)) < 0:
            return False
        return not self._replayed.is_gone[position]

    def read_cached(self, key: str) -> Generation | None:
        """Return an answer if the system has it in memory: without a wait, so that an event loop may ask."""
        line = self._line(key)
        buffer = bytearray(line.length)
        with self._lock:
            descriptor = self._descriptors.get(line.segment)
            if descriptor is None:
                return None
            try:
                os.preadv(descriptor, [buffer], line.offset, os.RWF_NOWAIT)
            except OSError:  # it would wait, or this file system can't tell
                return None
        return self._decoded(key, bytes(buffer))

    def read(self, key: str) -> Generation | None:
        """Return an answer, None where the disk has spoilt it: then it is not in the log any more."""
        line = self._line(key)
        content = b""
        with contextlib.suppress(FileNotFoundError), storage(line.segment):
            descriptor = os.open(line.segment, os.O_RDONLY)
            try:
                os.posix_fadvise(descriptor, line.offset, _AHEAD, os.POSIX_FADV_WILLNEED)
                content = os.pread(descriptor, line.length, line.offset)
            finally:
                self._keep_open(line.segment, descriptor)
        generation = self._decoded(key, content)
        if generation is None:
            self._forget([key])
        return generation

    def write(self, lines: Sequence[tuple[str, bytes]]) -> tuple[int, Exception | None]:
        """Append keys and lines durably; return how many of them are on disk, and why the others are not."""
        kept = 0
        try:
            with self._writing, storage(self._folder):
                self._fence.check()
                segment = self._writable()
                with storage(segment):
                    descriptor = self._descriptors[segment]
                    start = os.fstat(descriptor).st_size
                    kept, refused = _append(descriptor, start, [line for _, line in lines])
                    self._note(segment, start, lines[:kept])
                    if refused is not None:
                        raise refused
        except Exception as error:  # noqa: BLE001 - raised again by everyone who waits for one of these lines
            self._segment = None  # it may end in a torn line, which would spoil the next
            return kept, error
        return kept, None

    def salvage(self, answers: Iterable[tuple[str, Generation]]) -> None:
        """Keep answers of the table that is about to lose them: they are paid for.

        Raises:
            StorageError: The disk refuses.
        """
        left = iter(answers)
        while some := list(islice(left, _SALVAGED_AT_ONCE)):
            lacking = {key: encode(key, generation) for key, generation in some if not self.knows(key)}
            _, refused = self.write(list(lacking.items())) if lacking else (0, None)
            if refused is not None:
                raise refused

    def let_go(self, keys: Collection[str]) -> None:
        """Forget answers that are safely in the table, and remove segments that hold no others."""
        self._forget(keys)
        self._sweep()

    def close(self) -> None:
        """Let go of the files."""
        self._segment = None
        self._sweep()
        with self._lock:
            while self._descriptors:
                self._close(*self._descriptors.popitem())

    def _line(self, key: str) -> _Line:
        return self._written.get(key) or self._replayed.line(self._replayed.position(key))

    def _decoded(self, key: str, content: bytes) -> Generation | None:
        decoded = decode(content)
        return decoded[1] if decoded is not None and decoded[0] == key else None

    def _note(self, segment: Path, start: int, lines: Sequence[tuple[str, bytes]]) -> None:
        with self._lock:
            for key, line in lines:
                self._drop(key)  # a spoilt line, or one that was salvaged while a server was asked
                self._written[key] = _Line(segment, start, len(line))
                start += len(line)
            self._answers[segment] += len(lines)
        if start >= _SEGMENT_BYTES:
            self._segment = None

    def _writable(self) -> Path:
        """Return the segment to append to, a new one if there is none."""
        if self._segment is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            writer = self._fence.writer
            segment = self._folder / segment_name(writer, numbers_of(self._folder, writer)[-1] + 1)
            descriptor = os.open(segment, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
            for folder in (self._folder, self._folder.parent):
                sync_folder(folder)
            self._segment, self._answers[segment] = segment, 0
            self._keep_open(segment, descriptor)
        return self._segment

    def _keep_open(self, segment: Path, descriptor: int) -> None:
        with self._lock:
            if segment in self._descriptors:
                self._close(segment, descriptor)
                return
            self._descriptors[segment] = descriptor
            others = [path for path in self._descriptors if path != self._segment]
            for path in others[: max(0, len(others) - _OPEN_SEGMENTS)]:
                self._close(path, self._descriptors.pop(path))

    def _forget(self, keys: Collection[str]) -> None:
        with self._lock:
            for key in keys:
                self._drop(key)

    def _drop(self, key: str) -> None:
        if (line := self._written.pop(key, None)) is None:
            position = self._replayed.position(key)
            if position < 0 or self._replayed.is_gone[position]:
                return
            self._replayed.is_gone[position] = True
            line = self._replayed.line(position)
        self._answers[line.segment] -= 1

    def _sweep(self) -> None:
        """Remove the segments of which all is in the table."""
        with self._lock:
            empty = [path for path, count in self._answers.items() if not count and path != self._segment]
            for path in empty:
                del self._answers[path]
                if (descriptor := self._descriptors.pop(path, None)) is not None:
                    self._close(path, descriptor)
        for path in empty:
            if not self._fence.worker or is_of(path, self._fence.writer):
                self._fence.remove(path)

    @staticmethod
    def _close(segment: Path, descriptor: int) -> None:
        with storage(segment):  # a network file system may refuse only now
            os.close(descriptor)


def _append(descriptor: int, start: int, lines: Sequence[bytes]) -> tuple[int, OSError | None]:
    """Append lines to a file of `start` bytes; return how many are durable, and what was said to the others."""
    content, written = memoryview(b"".join(lines)), 0
    kept, refused = len(lines), None
    try:
        while written < len(content):
            written += os.write(descriptor, content[written:])
    except OSError as error:  # those before it are paid for, too
        ends = np.cumsum([len(line) for line in lines])
        kept, refused = int((ends <= written).sum()), error
        os.ftruncate(descriptor, start + (int(ends[kept - 1]) if kept else 0))
    try:
        if kept:
            os.fdatasync(descriptor)
    except OSError as error:  # what of it is on disk nobody knows, and asking again would not tell
        os.ftruncate(descriptor, start)
        return 0, error
    return kept, refused
