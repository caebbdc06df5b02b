"""What answers can be taken from: a run, with what it has journalled, or a release that was published from one."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import UsageError, VerificationFailed
from builder.files import sha256_of
from builder.rewriting.generation import Generation
from builder.run.answers.log import read
from builder.run.answers.rows import generation_of, is_answered
from builder.run.directory import Run

_ON_HUB = re.compile(r"hf:/+datasets/([^/@]+/[^/@]+)(?:@(.+))?")  # a path has one slash where an address has two
_MANIFEST = "manifest.json"
_CONFIG = "generations"
_GROUPS = 8  # row groups held in memory

Row = Mapping[str, Any]


class Place(NamedTuple):
    """Where an answer lies: in which file and row, and there as which stage's which answer."""

    file: str
    group: int
    row: int
    stage: int = 0
    number: int = 0


class Source(Protocol):
    """Where answers are taken from."""

    path: Path

    def files(self) -> list[Path]:
        """Return the files that hold the answers, in order: other files, other answers."""

    def journalled(self) -> Iterator[tuple[str, Generation]]:
        """Yield key and generation of what may be gone later."""

    def places(self) -> Iterator[tuple[str, Place]]:
        """Yield key and place of every other answer."""

    def rows(self, place: Place) -> pa.Table | None:
        """Return the row group of a place, of its columns those that `answer` needs; None where it is gone."""

    def answer(self, row: Row, place: Place) -> Row | None:
        """Return the answer at a place in a row, None where it is not there."""


@dataclass(slots=True)
class _Group:
    """A row group in memory, once somebody has read it: others who want it meanwhile wait for the lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    is_read: bool = False
    rows: pa.Table | None = None


class PlacedAnswers:
    """Reads a source's answers where they lie, a row group at a time: they are asked for in about that order.

    Any number of threads may, at once: to read a group takes milliseconds, most of them without Python's lock.
    """

    def __init__(self, source: Source) -> None:
        """Read nothing yet."""
        self._source = source
        self._lock = threading.Lock()
        self._groups: OrderedDict[tuple[str, int, int], _Group] = OrderedDict()

    def get(self, place: Place, key: str) -> Generation | None:
        """Return the generation with this key, None where the table was made anew since it was there."""
        group = self._group(place)
        with group.lock:
            if not group.is_read:
                group.rows, group.is_read = self._source.rows(place), True
        if group.rows is None or place.row >= group.rows.num_rows:
            return None
        # One row becomes Python's objects: all would be most of the time, with Python's lock held.
        answer = self._source.answer(group.rows.slice(place.row, 1).to_pylist()[0], place)
        return generation_of(answer) if answer is not None and answer["key"] == key else None

    def forget(self, file: str) -> None:
        """Read this file anew: it was written again."""
        with self._lock:
            for place in [place for place in self._groups if place[0] == file]:
                del self._groups[place]

    def _group(self, place: Place) -> _Group:
        known = (place.file, place.group, place.stage)
        with self._lock:
            group = self._groups.setdefault(known, _Group())
            self._groups.move_to_end(known)
            if len(self._groups) > _GROUPS:
                self._groups.popitem(last=False)
        return group


def open_source(path: Path) -> Source:
    """Return the run or the release at `path`.

    Raises:
        UsageError: There is neither, or a release without answers.
        VerificationFailed: A file of the release is not what was published.
    """
    if on_hub := _ON_HUB.fullmatch(str(path)):
        from builder.sources.hub_files import downloaded

        return OfRelease(downloaded(on_hub[1], on_hub[2], [_MANIFEST, f"data/{_CONFIG}/*"]))
    if (path / "run.json").is_file():
        return OfRun(Run.read(path))
    if (path / _MANIFEST).is_file():
        return OfRelease(path)
    raise UsageError(
        "there is neither a run nor a release here",
        where=str(path),
        remedy="name a run's directory, a release's (DEST, or a version in DEST.versions), or"
        " hf://datasets/ORG/NAME@vX.Y.Z",
    )


class OfRun:
    """The answers of a run. It may be unfinished, and another process may be at work on it: nothing is changed."""

    def __init__(self, run: Run) -> None:
        """Look at nothing yet."""
        self.path, self._run = run.path, run

    def files(self) -> list[Path]:
        """Return the shards of the table, and the journals of the unfinished."""
        return [*self._run.journals(), *self._run.shard_paths()]

    def journalled(self) -> Iterator[tuple[str, Generation]]:
        """Yield what the journals hold: one goes when its shard is done."""
        return chain.from_iterable(read(path)[0].items() for path in self._run.journals())

    def places(self) -> Iterator[tuple[str, Place]]:
        """Yield the answers of the table."""
        return chain.from_iterable(map(self.places_in, self._run.shard_paths()))

    def places_in(self, path: Path) -> Iterator[tuple[str, Place]]:
        """Yield the answers of a shard."""
        names = self._run.rewriters
        told = [f"{name}.answers.list.element.{of}" for name in names for of in ("key", "finish_reason")]
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                for row, fields in enumerate(file.read_row_group(group, columns=told).to_pylist()):
                    for stage, name in enumerate(names):
                        for number, answer in enumerate((fields[name] or {"answers": ()})["answers"]):
                            if is_answered(answer):
                                yield answer["key"], Place(path.name, group, row, stage, number)

    def rows(self, place: Place) -> pa.Table | None:
        """Return the rows of a shard's row group, with one stage's answers alone."""
        columns = [f"{self._run.rewriters[place.stage]}.answers"]
        try:
            file = pq.ParquetFile(self.path / "shards" / place.file)
        except FileNotFoundError:  # the other run's own build took it away
            return None
        with file:
            return file.read_row_group(place.group, columns) if place.group < file.num_row_groups else None

    def answer(self, row: Row, place: Place) -> Row | None:
        """Return an answer of the row."""
        record = row[self._run.rewriters[place.stage]]
        answers: list[Row] = record["answers"] if record else []
        return answers[place.number] if place.number < len(answers) else None


class OfRelease:
    """The answers that a release publishes."""

    def __init__(self, path: Path) -> None:
        """Check the files against the manifest: a spoilt one would give spoilt texts."""
        self.path = path.resolve()  # a version, which stays when a new one is published
        manifest = orjson.loads((self.path / _MANIFEST).read_bytes())
        listed = [file for file in manifest["files"] if file["path"].startswith(f"data/{_CONFIG}/")]
        if not listed or not manifest["content"]["recipe"]["release"].get(_CONFIG):
            raise UsageError(
                "the release holds no answers",
                where=str(path),
                remedy="name the run that it was published from, or publish with `release.generations: true`",
            )
        self._files = [self.path / file["path"] for file in listed]
        for file, described in zip(self._files, listed, strict=True):
            if not file.is_file() or sha256_of(file) != described["sha256"]:
                raise VerificationFailed(
                    "its content is not what was published",
                    where=str(file),
                    remedy="`python -m builder verify` says all that differs; take another copy of the release",
                )

    def files(self) -> list[Path]:
        """Return the files of the config `generations`."""
        return self._files

    def journalled(self) -> Iterator[tuple[str, Generation]]:
        """Yield nothing: a version stays."""
        return iter(())

    def places(self) -> Iterator[tuple[str, Place]]:
        """Yield every answer."""
        for path in self._files:
            file = pq.ParquetFile(path)
            for group in range(file.num_row_groups):
                for row, answer in enumerate(file.read_row_group(group, columns=["key"]).to_pylist()):
                    yield answer["key"], Place(path.name, group, row)

    def rows(self, place: Place) -> pa.Table | None:
        """Return the rows of a file's row group."""
        with pq.ParquetFile(self.path / "data" / _CONFIG / place.file) as file:
            return file.read_row_group(place.group)

    def answer(self, row: Row, place: Place) -> Row | None:
        """Return the row, which is an answer."""
        return row
