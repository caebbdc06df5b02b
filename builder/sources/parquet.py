"""Parquet files on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from glob import glob, has_magic
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from pydantic import Field

from builder.errors import SourceError
from builder.markdown import code
from builder.sources.rows import RowSource

if TYPE_CHECKING:
    from builder.sources.parquet_table import ParquetTable


class ParquetSource(RowSource):
    """The rows of the Parquet files that `path`, which may be a glob, matches."""

    kind: Literal["parquet"]
    path: Path = Field(strict=False)

    @cached_property
    def table(self) -> ParquetTable:
        """The files, by their paths below the folder that the pattern's wildcards begin in."""
        from builder.sources.parquet_table import ParquetTable

        pattern = str(self.path)
        paths = sorted(glob(pattern, recursive=True)) if has_magic(pattern) else [pattern]  # noqa: PTH207 - absolute
        if not paths:
            raise SourceError(
                "no Parquet file matches", where=pattern, remedy="correct `source.path`; it may be a glob"
            )
        names = [Path(path).relative_to(self._folder).as_posix() for path in paths]
        return ParquetTable(names, self._open, lambda name: str(self._folder / name) if name else pattern)

    @cached_property
    def _folder(self) -> Path:
        return next(folder for folder in self.path.parents if not has_magic(str(folder)))

    def _open(self, name: str) -> BinaryIO:
        return (self._folder / name).open("rb")

    def label(self) -> str:
        """Return its name, else its folder's."""
        return self.name or self.path.parent.name

    def about(self) -> str:
        """Return which column it takes."""
        return f"column {code(self.text)} of Parquet files"

    def pin(self, recorded: Mapping[str, Any] | None = None) -> dict[str, object]:
        """Return the number of files and rows, and a digest over the files' footers."""
        self.check_rows()
        digest = hashlib.sha256()
        for name, footer in self.table.footers.items():
            size = (self._folder / name).stat().st_size
            digest.update(f"{name}\0{size}\0{footer.num_rows}\0{self.table.schemas[name]}\0".encode())
        return {"files": len(self.table.names), "rows": self.table.rows, "footers_sha256": digest.hexdigest()}
