"""Rows that hold their text: which columns are text, id and provenance, and a document of each row."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import Field

from builder.document import Document, read_document
from builder.errors import SourceError
from builder.sources.base import Shard, Source
from builder.sources.features import Features
from builder.sources.text import LONGEST, decode

if TYPE_CHECKING:
    import pyarrow as pa

    from builder.sources.columns import Cells, Columns

_OWN_COLUMNS = ("dataset", "file", "row")
_REVISION = "revision"

MALFORMED = "malformed_row"
"""Why a document is dropped whose row is nothing that its file's format has."""

OUT_OF_RANGE = "time_out_of_range"
"""Why a document is dropped in whose provenance a time is none that readers can show."""


class Table(Protocol):
    """What rows are read from."""

    @property
    def schemas(self) -> Mapping[str, pa.Schema]:
        """Every file's schema, by the file's name within the source."""

    @property
    def columns(self) -> Columns:
        """The files' columns."""

    @property
    def features(self) -> Features:
        """The columns with names of classes."""

    @property
    def rows(self) -> int:
        """How many rows the files hold together."""

    def where(self, name: str, /) -> str:
        """Say where a file is."""

    def shards(self, shard_rows: int, /) -> list[Shard]:
        """Return ranges of about so many rows."""

    def read(self, shard: Shard, columns: Sequence[str], /) -> Iterator[Cells]:
        """Yield a shard's rows."""


class RowSource(Source):
    """A source of rows with a column of text; the columns in `keep` travel along as provenance."""

    meanings: ClassVar[Mapping[str, str]] = {  # of the tables of web pages that Common Crawl's are made into
        **Source.meanings,
        "char_count": "characters of the source's text, as the source counts them",
        "content_mime_type": "the page's media type",
        "crawl": "the Common Crawl snapshot that the page comes from",
        "fetch_time": "when the page was fetched",
        "int_score": "the source's quality score, rounded",
        "language": "the document's language, as the source has it",
        "language_score": "how sure the source is of the language",
        "score": "the source's quality score",
        "token_count": "tokens of the source's text, as the source counts them",
        "url": "the page's address",
        "warc_filename": "the crawl's archive that holds the page",
        "warc_record_length": "length of the page's record there",
        "warc_record_offset": "where the page's record begins there",
    }
    found_by: ClassVar[Sequence[str]] = ("url", "repo_name", "repo_path", "path", "file_path", "blob_id")
    origin: ClassVar[Sequence[str]] = (*Source.origin, *found_by, "repo_url", "revision_id", "commit_id")

    text: str = "text"
    id: str | None = None
    keep: list[str] | Literal["all"] = Field(default="all", union_mode="left_to_right")

    @property
    def may_repeat_ids(self) -> bool:
        """Whether ids come from a column."""
        return self.id is not None

    @property
    @abstractmethod
    def table(self) -> Table:
        """The rows."""

    def own(self) -> Mapping[str, pa.DataType]:
        """Return the provenance columns that don't come from the rows."""
        return own_columns()

    def kept(self) -> list[str]:
        """Return the columns that travel along."""
        if self.keep != "all":
            return self.keep
        return [name for name in self.table.columns.names if name not in (self.text, self.id)]

    def columns(self) -> Mapping[str, pa.DataType]:
        """Return the source's own columns and those kept; one that has the name of an own one is `original_…`."""
        names = provenance_names(self.kept())
        return {**self.own(), **{name: self.table.columns.kind(column) for column, name in names.items()}}

    def features(self) -> Features:
        """Return the kept columns that have names of classes, by the files or by the dataset\'s card."""
        told = self.table.features
        return {name: told[column] for column, name in provenance_names(self.kept()).items() if column in told}

    def check_rows(self) -> None:
        """See that there are rows, and columns of fitting types in every file.

        Raises:
            SourceError: Not so.
        """
        if not self.table.rows:
            raise SourceError(
                "there are no rows",
                where=self.table.where(""),
                remedy="correct `source.path`, config or split in the recipe",
            )
        needed = [self.text] if self.id is None else [self.text, self.id]
        for name, schema in self.table.schemas.items():
            self._see(needed, schema.names, self.table.where(name))
        self._see(self.kept(), self.table.columns.names, self.table.where(next(iter(self.table.schemas))))
        for column in self.kept():
            self.table.columns.say_where_texts_become_bytes(column)
        self._check_kinds()

    @staticmethod
    def _see(needed: Iterable[str], names: Sequence[str], where: str) -> None:
        for column in needed:
            if column not in names:
                raise SourceError(
                    f"there is no column {column!r}; it has {', '.join(names)}",
                    where=where,
                    remedy="set `source.text`, `source.id` and `source.keep` to columns of the file",
                )

    def _check_kinds(self) -> None:
        import pyarrow as pa

        from builder.cells import is_bytes, is_text

        for column in filter(None, (self.text, self.id)):
            kind = self.table.columns.kind(column)
            is_whole = pa.types.is_integer(kind) or (isinstance(kind, pa.Decimal128Type) and kind.scale == 0)
            if not (is_text(kind) or is_bytes(kind) or (column == self.id and is_whole)):
                or_numbers = " or whole numbers" if column == self.id else ""
                raise SourceError(
                    f"column {column!r} holds {kind}, not text{or_numbers}",
                    where=self.table.where(next(iter(self.table.schemas))),
                    remedy="set `source.text` to a column of text, `source.id` to one of text or whole numbers",
                )

    def _wanted(self) -> list[str]:
        return list(dict.fromkeys([self.text, *([self.id] if self.id else []), *self.kept()]))

    def shards(self) -> list[Shard]:
        """Return ranges of about `shard_rows` rows."""
        return self.table.shards(self.shard_rows)

    def identifying(self) -> Sequence[str]:
        """Return the column of ids, else that of addresses."""
        return (self.id,) if self.id else ("url",) if "url" in self.kept() else ()

    def listed(self) -> Iterator[pa.Table]:
        """Yield the ids, or the addresses, of all rows, as documents have them."""
        import pyarrow as pa

        for shard in self.shards():
            for column in self.identifying():
                cells = (row[column] for row in self.table.read(shard, [column]))
                told = self._given_id if column == self.id else self._shown
                yield pa.table({column: pa.array([told(cell) for cell in cells], pa.string())})

    @staticmethod
    def _shown(cell: Any) -> str | None:  # noqa: ANN401 - a cell of a column of texts
        return cell.decode("utf-8", "backslashreplace") if isinstance(cell, bytes) else cell

    def read(self, shard: Shard, passed_over: Counter[str]) -> Iterator[Document]:
        """Yield a document a row."""
        from builder.cells import restore, restored
        from builder.sources.columns import Malformed

        names = provenance_names(self.kept())
        kinds = {name: self.table.columns.kind(column) for column, name in names.items()}
        makers = {name: make for name, kind in kinds.items() if (make := restored(kind))}
        for row, cells in enumerate(self.table.read(shard, self._wanted()), start=shard.start):
            kept = {name: cells[column] for column, name in names.items()}
            reason = None if restore(kept, makers) else OUT_OF_RANGE
            reason = MALFORMED if isinstance(cells, Malformed) else reason
            yield self._document(
                cells, f"{shard.file}#{row}", {**self.provenance(shard.file, row), **kept}, reason
            )

    def provenance(self, file: str, row: int) -> dict[str, Any]:
        """Return the cells of the source's own columns."""
        return {"dataset": self.label(), "file": file, "row": row}

    def _document(
        self, cells: Cells, place: str, provenance: Mapping[str, Any], unreadable: str | None
    ) -> Document:
        raw = cells[self.text]
        text: str | None = None
        reason: str | None = unreadable or "null_text"
        if raw is not None:
            text, reason = decode(raw, "utf-8") if len(raw) <= LONGEST else (None, "too_large")
        given = self._given_id(cells[self.id]) if self.id else ""
        prefix = f"{self.name}/" if self.name else ""
        return read_document(f"{prefix}{given or place}", text, provenance, reason or unreadable)

    def _given_id(self, cell: Any) -> str:  # noqa: ANN401 - a cell of a column of texts, bytes or whole numbers
        if isinstance(cell, bytes):
            return cell.decode("utf-8", "backslashreplace") if self._id_is_text else cell.hex()
        return "" if cell is None else str(cell)

    @cached_property
    def _id_is_text(self) -> bool:
        from builder.cells import is_text

        return is_text(self.table.columns.kind(self.id or ""))


def own_columns(*, with_revision: bool = False) -> dict[str, pa.DataType]:
    """Return the columns that say where a row lies; on the Hub, `with_revision` at which commit."""
    import pyarrow as pa

    kinds: list[pa.DataType] = [pa.string(), pa.string(), pa.int64()]
    columns = dict(zip(_OWN_COLUMNS, kinds, strict=True))
    return {**columns, _REVISION: pa.string()} if with_revision else columns


def provenance_names(columns: Iterable[str]) -> dict[str, str]:
    """Return for each column the name under which it travels: its own, unless it is one of the source's."""
    listed = list(columns)
    own = (*_OWN_COLUMNS, _REVISION)
    taken = {*own, *(name for name in listed if name not in own)}
    names: dict[str, str] = {}
    for column in listed:
        name = column
        while name in own or (name != column and name in taken):
            name = f"original_{name}"
        names[column] = name
    return names
