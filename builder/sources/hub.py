"""Any dataset on the Hugging Face Hub with a column of text, at one commit, streamed by ranges.

The Hub's clients are imported when one is read: they would take a fifth of a second of every command.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, PrivateAttr, SerializerFunctionWrapHandler, field_validator, model_serializer

from builder.errors import NothingToTalkTo, SourceError
from builder.files import storage_error
from builder.markdown import code
from builder.sources.base import Source
from builder.sources.rows import RowSource, Table, own_columns
from builder.sources.text import charset

if TYPE_CHECKING:
    import pyarrow as pa

    from builder.sources.hub_files import HubFiles
    from builder.sources.streamed_table import Row


class HubDataset(Source):
    """Where on the Hub: a dataset, one of its configs, a split, and the commit that all of a run is read at."""

    dataset: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)?$")
    config: str | None = None
    split: str = "train"
    revision: str | None = None
    _files: HubFiles | None = PrivateAttr(default=None)
    _recorded: Mapping[str, Any] | None = PrivateAttr(default=None)

    def label(self) -> str:
        """Return its name, else the dataset's id."""
        return self.name or self.dataset

    def named_encoding(self) -> str | None:
        """Return the encoding of files of text that a recipe names."""
        return None

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

    def newest(self) -> str:
        """Return the commit that its main branch points to now."""
        return self._files_at(None).revision

    def stop_reading(self) -> None:
        """Wait for the Hub no longer."""
        if self._files is not None:
            self._files.stopped.set()

    def fix_revision(self, recorded: Mapping[str, Any] | None) -> None:
        """Read at the commit that was recorded; without one, at what `revision` points to now."""
        if recorded is not None:
            self._files = self._files_at(str(recorded["revision"]))
            self._recorded = recorded

    def pin_rows(self, table: Table) -> dict[str, object]:
        """Return commit, files and rows; the rows of each file where only counting tells them."""
        from builder.sources.streamed_table import StreamedTable

        pinned: dict[str, object] = {
            "revision": self.files.revision,
            "files": len(table.schemas),
            "rows": table.rows,
        }
        if isinstance(table, StreamedTable):
            pinned |= table.facts()
        return pinned

    def open_table(self) -> Table:
        """Find the split's files and how to read them."""
        builder = self._builder()
        data_files = builder.config.data_files or {}
        if self.split not in data_files:
            raise SourceError(
                f"there is no split {self.split!r}; there are {', '.join(map(str, data_files)) or 'none'}",
                where=self.files.where(""),
                remedy="set `source.split` to one of them; --limit N takes the first N documents of it",
            )
        start = f"hf://datasets/{self.dataset}@{self.files.revision}/"
        names = [str(file).removeprefix(start) for file in data_files[self.split]]
        from datasets.packaged_modules.parquet.parquet import Parquet

        from builder.sources.features import with_classes
        from builder.sources.parquet_table import ParquetTable
        from builder.sources.streamed_table import StreamedTable

        features = with_classes(builder.info.features.to_dict()) if builder.info.features else {}
        if isinstance(builder, Parquet):
            self._refuse_encoding()
            self.files.stat(names)
            return ParquetTable(names, self.files.open, self.files.where, features)
        return StreamedTable(names, self._rows_of(builder, names), self.files.where, self._recorded, features)

    def _rows_of(self, builder: Any, names: list[str]) -> Callable[[str, int], Iterator[Row | None]]:  # noqa: ANN401
        """Return what gives the rows of a file that is no Parquet, from one on."""
        from datasets.packaged_modules.json.json import Json
        from datasets.packaged_modules.text.text import Text

        from builder.sources.json_lines import JsonLines
        from builder.sources.streamed_table import DatasetsRows
        from builder.sources.text_lines import TextLines

        encoding = self._encoding_of(builder, names)
        lines = JsonLines(self.files.open, self.files.where, encoding)
        if isinstance(builder, Json) and not builder.config.field and lines.can_read(names):
            return lines.rows
        by_line = isinstance(builder, Text) and builder.config.sample_by == "line"
        if by_line and not builder.config.keep_linebreaks and TextLines.can_read(names):
            column = next(iter(builder.config.features or ("text",)))
            return TextLines(self.files.open, self.files.where, encoding, column).rows
        return DatasetsRows(builder, self.split, names, self.files).rows

    def _encoding_of(self, builder: Any, names: Sequence[str]) -> str | None:  # noqa: ANN401 - datasets has no types
        """Return the encoding that a recipe or a dataset's card names, and have the builder read by it.

        Without one, a byte order mark tells where there is one.
        """
        from builder.sources.compressed import damage_told, decompressed
        from builder.sources.encodings import marked, reads_encodings

        if not reads_encodings(builder):
            self._refuse_encoding()
            return None
        named = self.named_encoding()
        if named is None and builder.config.encoding not in (None, "utf-8"):
            return str(builder.config.encoding)
        if named is None and not names[0].lower().endswith(".zip"):
            with damage_told(self.files.where(names[0])), self.files.open(names[0]) as content:
                builder.config.encoding = marked(decompressed(content, names[0])) or builder.config.encoding
        elif named is not None:
            builder.config.encoding = named
        return named

    def _refuse_encoding(self) -> None:
        if self.named_encoding() is not None:
            raise SourceError(
                "its files are no JSON, CSV or lines of text: an encoding means nothing to what reads them",
                where=self.files.where(""),
                remedy="leave `source.encoding` out; text that is not in UTF-8 has to be converted",
            )

    def _builder(self) -> Any:  # noqa: ANN401 - datasets has no types
        from datasets import load_dataset_builder

        from builder.hub_access import patiently

        revision = self.files.revision
        try:
            found = patiently(
                lambda: load_dataset_builder(self.dataset, self.config, revision=revision), self.files.asked
            )
            _keep_words(found.config)
            return found
        except (NothingToTalkTo, SourceError):
            raise
        except Exception as error:  # whatever `datasets` makes of what somebody put there
            raise storage_error(error) or self._not_loaded(error) from error

    def _not_loaded(self, error: Exception) -> SourceError:
        """Return what it means that `datasets` can't make sense of the dataset, and the way out."""
        from datasets.data_files import EmptyDatasetError
        from datasets.exceptions import DataFilesNotFoundError, DatasetNotFoundError

        said, remedy = _first_line(error), self._read_directly()
        listed = re.search(r"vailable[^\[]*\[(.*?)\]", str(error), re.DOTALL)  # an example of use may follow
        known = re.findall(r"'([^']+)'", listed.group(1)) if listed else []
        if isinstance(error, EmptyDatasetError):
            said = "it holds no files of data"
            remedy = "correct `source.dataset`, or set `source.revision` to a commit that has some"
        elif isinstance(error, DataFilesNotFoundError | DatasetNotFoundError):
            said = f"it holds no data files that can be read ({said})"
        elif "scripts are no longer supported" in said:
            said = "it is read by a script of its own, which is not run"
        elif isinstance(error, ValueError) and "config" in said.lower() and known:
            problem = f"there is no config {self.config!r}" if self.config else "it has several configs"
            said, remedy = f"{problem}; there are {', '.join(known)}", "set `source.config` to one of them"
        else:
            said = f"`datasets` can't load it ({type(error).__name__}: {said})"
        return SourceError(said, where=self.files.where(""), remedy=remedy)

    def _read_directly(self) -> str:
        below = f"hf://datasets/{self.dataset}"
        return (
            f"read Parquet files directly: `kind: parquet` and `path: {below}/**/*.parquet`; of most datasets"
            f" the Hub keeps a copy: `path: {below}@refs/convert/parquet/CONFIG/SPLIT/*.parquet`"
        )


def _keep_words(config: Any) -> None:  # noqa: ANN401 - datasets has no types
    """Have nothing but an empty field of a CSV file be null: NA may be Namibia, and `None` somebody's text."""
    if getattr(config, "keep_default_na", False) and not config.na_values:
        config.keep_default_na, config.na_values = False, [""]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


class HubSource(HubDataset, RowSource):
    """The rows of one split of a dataset whose files hold the text."""

    kind: Literal["hub"]
    encoding: str | None = None

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str | None) -> str | None:
        if encoding is not None and charset(encoding) is None:
            raise ValueError(f"there is no encoding {encoding!r}")
        return encoding

    @model_serializer(mode="wrap")
    def _with_what_is_set(self, serialized: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave `encoding` out where it is none: what was recorded before there was one is the same."""
        plain: dict[str, Any] = serialized(self)
        return {key: value for key, value in plain.items() if key != "encoding" or value is not None}

    def named_encoding(self) -> str | None:
        """Return Python's name of `encoding`."""
        return None if self.encoding is None else charset(self.encoding)

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
        for name, schema in self.table.schemas.items():
            self._see_that_rows_are_texts(schema, self.table.where(name))
        self.check_rows()
        return self.pin_rows(self.table)

    def _see_that_rows_are_texts(self, schema: pa.Schema, where: str) -> None:
        import pyarrow as pa

        for field in schema if self.text not in schema.names else ():
            item = field.type.value_type if isinstance(field.type, pa.ListType | pa.LargeListType) else None
            if isinstance(item, pa.StructType) and self.text in [one.name for one in item]:
                is_stack = {"content_id", "content"} <= {one.name for one in item}
                raise SourceError(
                    f"a row is no text: column {field.name!r} lists what has {self.text!r}",
                    where=where,
                    remedy="use `kind: the-stack-v3`, which makes a document of each file of such a list"
                    if is_stack
                    else "upload it with one row for each of them, as JSON lines or Parquet",
                )
