"""Parquet files on disk, in a dataset on the Hub, or in a bucket there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import PrivateAttr, field_validator

from builder.files import REMOTE
from builder.markdown import code
from builder.sources.parquet_files import Files, FolderFiles, HubPatternFiles
from builder.sources.rows import RowSource, provenance_names

if TYPE_CHECKING:
    import pyarrow as pa

    from builder.sources.parquet_table import ParquetTable


class ParquetSource(RowSource):
    """The rows of the Parquet files that `path` matches: a path, `hf://datasets/…` or `hf://buckets/…`, or a glob.

    What folders are called after (`language=Python`) travels along as columns of text.
    """

    kind: Literal["parquet"]
    path: str
    _files: Files | None = PrivateAttr(default=None)

    @field_validator("path", mode="before")
    @classmethod
    def _names_files(cls, path: Any) -> Any:  # noqa: ANN401 - whatever the YAML holds
        if not isinstance(path, str):
            return str(path) if isinstance(path, Path) else path
        if not path.startswith(REMOTE):
            return path
        from huggingface_hub.utils import parse_hf_uri

        parsed = parse_hf_uri(path)
        if parsed.type not in ("dataset", "bucket"):
            raise ValueError(f"{path} is in no dataset and no bucket: hf://datasets/ORG/NAME/… or hf://buckets/…")
        if not parsed.path_in_repo:
            raise ValueError(f"{path} names no file: add a path or a glob, such as /**/*.parquet")
        return path

    @property
    def files(self) -> Files:
        """The files."""
        if self._files is None:
            self._files = self._found(None)
        return self._files

    def _found(self, recorded: Mapping[str, Any] | None) -> Files:
        return HubPatternFiles(self.path, recorded) if self.path.startswith(REMOTE) else FolderFiles(self.path)

    @cached_property
    def table(self) -> ParquetTable:
        """The files' rows."""
        from builder.sources.parquet_table import ParquetTable

        return ParquetTable(self.files.names, self.files.open, self.files.where)

    def stop_reading(self) -> None:
        """Wait for the Hub no longer."""
        if self._files is not None:
            self._files.stop()

    @cached_property
    def _folders(self) -> dict[str, dict[str, str | None]]:
        """What folders above each file are called after, but for keys that are columns of the files."""
        import pyarrow as pa
        import pyarrow.dataset as ds

        paths = {name: self.files.path(name) for name in self.table.names}
        folders = (folder for path in paths.values() for folder in path.split("/")[:-1] if "=" in folder)
        in_files = set(self.table.columns.names)
        keys = sorted({folder.partition("=")[0] for folder in folders} - in_files)
        named = ds.HivePartitioning(pa.schema([(key, pa.string()) for key in keys]))
        values = {name: ds.get_partition_keys(named.parse(path)) for name, path in paths.items()}
        return {name: {key: of.get(key) for key in keys} for name, of in values.items()}

    def own(self) -> Mapping[str, pa.DataType]:
        """Return dataset, file and row, and what folders are called after."""
        import pyarrow as pa

        keys = next(iter(self._folders.values()))
        return {**super().own(), **dict.fromkeys(provenance_names(keys).values(), pa.string())}

    def kept(self) -> list[str]:
        """Return the columns that travel along."""
        return [name for name in super().kept() if name not in next(iter(self._folders.values()))]

    def provenance(self, file: str, row: int) -> dict[str, Any]:
        """Return the cells of the source's own columns."""
        folders = self._folders[file]
        names = provenance_names(folders)
        return {**super().provenance(file, row), **{names[key]: value for key, value in folders.items()}}

    def label(self) -> str:
        """Return its name, else its folder's, its dataset's or its bucket's."""
        return self.name or self.files.label

    def about(self) -> str:
        """Return which column it takes."""
        return f"column {code(self.text)} of Parquet files"

    def pin(self, recorded: Mapping[str, Any] | None = None) -> dict[str, object]:
        """Return the files, rows, a digest over the footers, and of a dataset on the Hub the commit."""
        self._files = self._found(recorded)
        self.check_rows()
        digest = hashlib.sha256()
        for name, footer in self.table.footers.items():
            schema = self.table.schemas[name]
            digest.update(f"{name}\0{self.files.content(name)}\0{footer.num_rows}\0{schema}\0".encode())
        pinned = {"files": len(self.table.names), "rows": self.table.rows, "footers_sha256": digest.hexdigest()}
        return {**self.files.pinned(), **pinned}
