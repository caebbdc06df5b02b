"""What answers can be taken from: a run, with what is in its log, or a release that was published from one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import UsageError, VerificationFailed
from builder.files import sha256_of
from builder.rewriting.generation import Generation
from builder.run.answers.index import HasPlaces
from builder.run.answers.keys import number_of
from builder.run.answers.lines import decode, whole_lines
from builder.run.answers.locations import Location, Row
from builder.run.answers.parts import PLACE
from builder.run.answers.rows import keys_in
from builder.run.answers.segments import segments_in
from builder.run.directory import Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ON_HUB = re.compile(r"hf:/+datasets/([^/@]+/[^/@]+)(?:@(.+))?")  # a path has one slash where an address has two
_MANIFEST = "manifest.json"
_CONFIG = "generations"


class AnswerSource(HasPlaces, Protocol):
    """Where answers are taken from."""

    path: Path

    def logged(self) -> Iterator[tuple[str, Generation]]:
        """Yield key and generation of what may be gone later."""


def see_source(path: Path) -> None:
    """See that there is a run or a release at `path`, where a look is all that it takes.

    Raises:
        UsageError: There is neither.
    """
    if _ON_HUB.fullmatch(str(path)) or (path / "run.json").is_file() or (path / _MANIFEST).is_file():
        return
    raise UsageError(
        "there is neither a run nor a release here",
        where=str(path),
        remedy="name a run's directory, a release's (DEST, or a version in DEST.versions), or"
        " hf://datasets/ORG/NAME@vX.Y.Z",
    )


def open_source(path: Path) -> AnswerSource:
    """Return the run or the release at `path`.

    Raises:
        UsageError: There is neither, or a release without answers.
        VerificationFailed: A file of the release is not what was published.
    """
    if on_hub := _ON_HUB.fullmatch(str(path)):
        from builder.sources.hub_files import downloaded

        return ReleaseAnswers(downloaded(on_hub[1], on_hub[2], [_MANIFEST, f"data/{_CONFIG}/*"]))
    see_source(path)
    return RunAnswers(Run.read(path)) if (path / "run.json").is_file() else ReleaseAnswers(path)


class RunAnswers:
    """The answers of a run. It may be unfinished, and another process may be at work on it: nothing is changed."""

    def __init__(self, run: Run) -> None:
        """Look at nothing yet."""
        self.path, self._run = run.path, run

    def files(self) -> list[Path]:
        """Return the shards of the table."""
        return self._run.shard_paths()

    def logged(self) -> Iterator[tuple[str, Generation]]:
        """Yield what is in the log. An answer goes from there when it is in the table."""
        for segment in segments_in(self._run.log):
            with contextlib.suppress(FileNotFoundError):
                yield from filter(None, map(decode, whole_lines(segment)))

    def places(self, file: Path) -> tuple[NDArray[np.uint64], NDArray[np.void]]:
        """Return the places of a shard's answers."""
        found = [(number_of(key), (0, *place)) for key, *place in keys_in(file, self._run.rewriters)]
        return np.array([number for number, _ in found], np.uint64), np.array([place for _, place in found], PLACE)

    def rows(self, location: Location) -> pa.Table | None:
        """Return the rows of a shard's row group, with one stage's answers alone."""
        columns = [f"{self._run.rewriters[location.stage]}.answers"]
        try:
            file = pq.ParquetFile(self.path / "shards" / location.file)
        except FileNotFoundError:  # the other run's own build took it away
            return None
        with file:
            return file.read_row_group(location.group, columns) if location.group < file.num_row_groups else None

    def answer(self, row: Row, location: Location) -> Row | None:
        """Return an answer of the row."""
        record = row[self._run.rewriters[location.stage]]
        answers: list[Row] = record["answers"] if record else []
        return answers[location.number] if location.number < len(answers) else None


class ReleaseAnswers:
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

    def logged(self) -> Iterator[tuple[str, Generation]]:
        """Yield nothing: a version stays."""
        return iter(())

    def places(self, file: Path) -> tuple[NDArray[np.uint64], NDArray[np.void]]:
        """Return the place of every answer."""
        numbers, places = list[int](), list[tuple[int, ...]]()
        with pq.ParquetFile(file) as rows:
            for group in range(rows.num_row_groups):
                keys = [str(key) for key in rows.read_row_group(group, columns=["key"])["key"].to_pylist()]
                numbers += map(number_of, keys)
                places += [(0, group, row, 0, 0) for row in range(len(keys))]
        return np.array(numbers, np.uint64), np.array(places, PLACE)

    def rows(self, location: Location) -> pa.Table | None:
        """Return the rows of a file's row group."""
        with pq.ParquetFile(self.path / "data" / _CONFIG / location.file) as file:
            return file.read_row_group(location.group)

    def answer(self, row: Row, location: Location) -> Row | None:
        """Return the row, which is an answer."""
        return row
