"""Any tree of text files, one document a file."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator

from builder.document import Document, read_document
from builder.errors import SourceError
from builder.files import storage_error
from builder.markdown import code
from builder.sources.base import Shard, Source
from builder.sources.formats import holds_rows
from builder.sources.text import LONGEST, POINTER, charset, decode, is_pointer

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)


class FilesSource(Source):
    """The text files below a folder that match a glob (or one of several), sorted by path."""

    kind: Literal["files"]
    meanings: ClassVar[Mapping[str, str]] = {
        **Source.meanings,
        "bytes": "size of the source's file, in bytes",
        "encoding": "the encoding that the file was read in",
        "sha256": "SHA-256 of the source's file",
    }

    path: Path = Field(strict=False)
    glob: str | list[str] = "**/*"
    encoding: str = "utf-8"
    max_bytes: int = Field(default=10 * 2**20, ge=1, le=LONGEST)

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        if charset(encoding) is None:
            raise ValueError(f"there is no encoding {encoding!r}")
        return encoding

    def label(self) -> str:
        """Return its name, else its folder's."""
        return self.name or self.path.name

    def about(self) -> str:
        """Return which files it takes, without their place on this machine."""
        globs = [self.glob] if isinstance(self.glob, str) else self.glob
        return f"text files that match {', '.join(map(code, globs))}"

    def columns(self) -> Mapping[str, pa.DataType]:
        """Return dataset, file, row, bytes, sha256 and encoding."""
        import pyarrow as pa

        return {
            "dataset": pa.string(),
            "file": pa.string(),
            "row": pa.int64(),
            "bytes": pa.int64(),
            "sha256": pa.string(),
            "encoding": pa.string(),
        }

    @cached_property
    def _files(self) -> list[str]:
        if not self.path.is_dir():
            raise SourceError(
                "there is no such folder", where=str(self.path), remedy="correct `source.path` in the recipe"
            )
        # A glob passes over a folder that it may not list, and its files with it.
        for _ in os.walk(self.path, onerror=_refuse):
            pass
        globs = [self.glob] if isinstance(self.glob, str) else self.glob
        matches = {path for glob in globs for path in self.path.glob(glob)}
        found = {path for path in matches if path.is_file()}
        others = sorted(path for path in matches - found if path.is_symlink())
        if nowhere := [path for path in others if not os.path.exists(path)]:  # noqa: PTH110 - Path's raises in a loop
            log.warning("%d links lead to nothing and are passed over, such as %s", len(nowhere), nowhere[0])
        if not found:
            raise SourceError(
                f"no file matches {' or '.join(map(repr, globs))}",
                where=str(self.path),
                remedy="correct `source.glob` in the recipe; `**/*.py` takes every Python file below the folder",
            )
        return sorted(path.relative_to(self.path).as_posix() for path in found)

    def pin(self, recorded: Mapping[str, Any] | None = None) -> dict[str, object]:
        """Return the number of files and a digest over their names and sizes."""
        self._say_what_holds_rows()
        listing = hashlib.sha256()
        for file in self._files:
            size = (self.path / file).stat().st_size
            listing.update(f"{file}\0{size}\0".encode("utf-8", "surrogateescape"))
        return {"files": len(self._files), "listing_sha256": listing.hexdigest()}

    def _say_what_holds_rows(self) -> None:
        rows = [file for file in self._files if holds_rows(file)]
        if rows:
            log.warning(
                "%d of these files hold many documents, such as %s, and each becomes one: read rows with"
                " `kind: parquet`, or leave such files out of `source.glob`", len(rows), self.path / rows[0],
            )  # fmt: skip

    def shards(self) -> list[Shard]:
        """Return ranges of `shard_rows` files."""
        total = len(self._files)
        return [
            Shard("", start, min(start + self.shard_rows, total)) for start in range(0, total, self.shard_rows)
        ]

    def read(self, shard: Shard, passed_over: Counter[str]) -> Iterator[Document]:
        """Yield one document a file; what can't be decoded or is over `max_bytes` is a drop."""
        for row in range(shard.start, shard.stop):
            yield self._document(self._files[row], row)

    def _document(self, file: str, row: int) -> Document:
        path = self.path / file
        # A name is bytes on disk; the table holds text.
        name = file.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        prefix = f"{self.name}/" if self.name else ""
        source: dict[str, object] = {
            "dataset": self.label(),
            "file": name,
            "row": row,
            "encoding": self.encoding,
        }
        try:
            size = path.stat().st_size
            content = path.read_bytes() if size <= self.max_bytes else None
        except OSError as error:
            # No document is to blame for a file server that is away; for a bad sector, a missing right it may be.
            if error.errno not in (errno.EIO, errno.EACCES, errno.EPERM) and (
                refused := storage_error(error, path)
            ):
                raise refused from error
            return read_document(prefix + name, None, source, f"unreadable_{type(error).__name__}")
        source["bytes"] = size
        if content is None:
            return read_document(prefix + name, None, source, "too_large")
        source["sha256"] = hashlib.sha256(content).hexdigest()
        if is_pointer(content):
            return read_document(prefix + name, None, source, POINTER)
        text, reason = decode(content, charset(self.encoding) or self.encoding)
        return read_document(prefix + name, text, source, reason)


def _refuse(error: OSError) -> None:
    raise SourceError(
        f"the folder can't be listed ({error.strerror})",
        where=str(error.filename),
        remedy="give this user the right to read it, or point `source.path` elsewhere",
    ) from error
