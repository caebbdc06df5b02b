"""Any dataset on the Hugging Face Hub with a column of text, at one commit, streamed by ranges.

The Hub's clients are imported when one is read: they would take a fifth of a second of every command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PrivateAttr

from builder.errors import SourceError
from builder.markdown import code
from builder.sources.base import Source
from builder.sources.rows import RowSource, Table, own_columns

if TYPE_CHECKING:
    import pyarrow as pa

    from builder.sources.hub_files import HubFiles


class HubDataset(Source):
    """Where on the Hub: a dataset, one of its configs, a split, and the commit that all of a run is read at."""

    dataset: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)?$")
    config: str | None = None
    split: str = "train"
    revision: str | None = None
    _files: HubFiles | None = PrivateAttr(default=None)
    _recorded_rows: dict[str, int] | None = PrivateAttr(default=None)

    def label(self) -> str:
        """Return its name, else the dataset's id."""
        return self.name or self.dataset

    def on_hub(self) -> str | None:
        """Return the dataset's id."""
        return self.dataset

    @property
    def link(self) -> str:
        """The dataset in Markdown, with its config and split."""
        part = f"config {code(self.config)}, " if self.config else ""
        return f"[{self.dataset}](https://huggingface.co/datasets/{self.dataset}), {part}split {code(self.split)}"

    @property
    def files(self) -> HubFiles:
        """The dataset at its commit."""
        if self._files is None:
            self._files = self._files_at(self.revision)
        return self._files

    def _files_at(self, revision: str | None) -> HubFiles:
        from builder.sources.hub_files import HubFiles

        return HubFiles.at(self.dataset, revision)

    def stop_reading(self) -> None:
        """Wait for the Hub no longer."""
        if self._files is not None:
            self._files.stopped.set()

    def fix_revision(self, recorded: Mapping[str, Any] | None) -> None:
        """Read at the commit that was recorded; without one, at what `revision` points to now."""
        if recorded is not None:
            self._files = self._files_at(str(recorded["revision"]))
            self._recorded_rows = recorded.get("rows_of_files")

    def pin_rows(self, table: Table) -> dict[str, object]:
        """Return commit, files and rows; the rows of each file where only counting tells them."""
        from builder.sources.streamed_table import StreamedTable

        pinned: dict[str, object] = {
            "revision": self.files.revision,
            "files": len(table.schemas),
            "rows": table.rows,
        }
        if isinstance(table, StreamedTable):
            pinned["rows_of_files"] = table.rows_of_files
        return pinned

    def open_table(self) -> Table:
        """Find the split's files and how to read them."""
        builder = self._builder()
        data_files = builder.config.data_files or {}
        if self.split not in data_files:
            raise SourceError(
                f"there is no split {self.split!r}; there are {', '.join(map(str, data_files)) or 'none'}",
                where=self.files.where(""),
                remedy="correct `source.split` in the recipe",
            )
        start = f"hf://datasets/{self.dataset}@{self.files.revision}/"
        names = [str(file).removeprefix(start) for file in data_files[self.split]]
        from datasets.packaged_modules.parquet.parquet import Parquet

        from builder.sources.parquet_table import ParquetTable
        from builder.sources.streamed_table import StreamedTable

        if isinstance(builder, Parquet):
            self.files.stat(names)
            return ParquetTable(names, self.files.open, self.files.where)
        return StreamedTable(builder, self.split, names, self.files, self._recorded_rows)

    def _builder(self) -> Any:  # noqa: ANN401 - datasets has no types
        from datasets import load_dataset_builder
        from datasets.exceptions import DataFilesNotFoundError, DatasetNotFoundError

        from builder.sources.hub_files import patiently

        revision = self.files.revision
        try:
            return patiently(
                lambda: load_dataset_builder(self.dataset, self.config, revision=revision), self.dataset, revision
            )
        except (DataFilesNotFoundError, DatasetNotFoundError) as error:
            raise SourceError(
                f"it holds no data files that can be read ({_first_line(error)})",
                where=self.files.where(""),
                remedy="choose another dataset or revision",
            ) from error
        except ValueError as error:
            known = re.findall(r"'([^']+)'", str(error).partition("vailable")[2])
            problem = f"there is no config {self.config!r}" if self.config else "it has several configs"
            raise SourceError(
                f"{problem}; there are {', '.join(known)}" if known else _first_line(error),
                where=self.files.where(""),
                remedy="set `source.config` in the recipe to one of them",
            ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


class HubSource(HubDataset, RowSource):
    """The rows of one split of a dataset whose files hold the text."""

    kind: Literal["hub"]

    @cached_property
    def table(self) -> Table:
        """The split's rows."""
        return self.open_table()

    def about(self) -> str:
        """Return which dataset and column it is."""
        return f"column {code(self.text)} of {self.link}"

    def own(self) -> Mapping[str, pa.DataType]:
        """Return dataset, revision, file and row."""
        return own_columns(with_revision=True)

    def provenance(self, file: str, row: int) -> dict[str, Any]:
        """Return the cells of the source's own columns."""
        return {**super().provenance(file, row), "revision": self.files.revision}

    def pin(self, recorded: Mapping[str, Any] | None = None) -> dict[str, object]:
        """Return commit, files and rows."""
        self.fix_revision(recorded)
        self.check_rows()
        return self.pin_rows(self.table)
