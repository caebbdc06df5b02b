"""Rows that hold their text: which columns are text, id and provenance, and a document of each row."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import Field

from builder.document import Document, read_document
from builder.errors import SourceError
from builder.sources.base import Shard, Source
from builder.sources.text import decode, readable

if TYPE_CHECKING:
    import pyarrow as pa

    from builder.sources.parquet_table import Cells

_OWN_COLUMNS = ("dataset", "file", "row")
_REVISION = "revision"


class Table(Protocol):
    """What rows are read from."""

    @property
    def schemas(self) -> Mapping[str, pa.Schema]:
        """Every file's schema, by the file's name within the source."""

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

    text: str = "text"
    id: str | None = None
    keep: list[str] | Literal["all"] = Field(default="all", union_mode="left_to_right")

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
        first = next(iter(self.table.schemas.values()))
        return [name for name in first.names if name not in (self.text, self.id)]

    def columns(self) -> Mapping[str, pa.DataType]:
        """Return the source's own columns and those kept; one that has the name of an own one is `original_…`."""
        first = next(iter(self.table.schemas.values()))
        return {**self.own(), **{provenance_name(name): first.field(name).type for name in self.kept()}}

    def check_rows(self) -> None:
        """See that there are rows and that every file has the columns, with fitting types.

        Raises:
            SourceError: Not so.
        """
        schemas = self.table.schemas
        if not self.table.rows:
            raise SourceError(
                "there are no rows",
                where=self.table.where(""),
                remedy="correct `source.path`, config or split in the recipe",
            )
        first = next(iter(schemas.values()))
        for name, schema in schemas.items():
            self._check_schema(schema, self.table.where(name))
            for column in self.kept():
                if schema.field(column).type != first.field(column).type:
                    kinds = f"{schema.field(column).type} here, {first.field(column).type} in the first file"
                    raise SourceError(
                        f"column {column!r} holds {kinds}",
                        where=self.table.where(name),
                        remedy="leave it out of `keep`",
                    )

    def _check_schema(self, schema: pa.Schema, where: str) -> None:
        from builder.sources.parquet_table import is_text

        for column in self._wanted():
            if column not in schema.names:
                raise SourceError(
                    f"there is no column {column!r}; it has {', '.join(schema.names)}",
                    where=where,
                    remedy="set `source.text`, `source.id` and `source.keep` to columns of the file",
                )
        for column in [self.text] if self.id is None else [self.text, self.id]:
            if not is_text(schema.field(column).type):
                raise SourceError(
                    f"column {column!r} holds {schema.field(column).type}, not text",
                    where=where,
                    remedy="set `source.text` and `source.id` to columns of text",
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
        """Yield the ids, or the addresses, of all rows."""
        import pyarrow as pa

        for shard in self.shards():
            for column in self.identifying():
                cells = [row[column] for row in self.table.read(shard, [column])]
                values = [cell.encode() if isinstance(cell, str) else cell for cell in cells]
                yield pa.table({column: pa.array(values, pa.binary())})

    def read(self, shard: Shard, passed_over: Counter[str]) -> Iterator[Document]:
        """Yield a document a row."""
        kept = self.kept()
        for row, cells in enumerate(self.table.read(shard, self._wanted()), start=shard.start):
            provenance = {
                **self.provenance(shard.file, row),
                **{provenance_name(name): readable(cells[name]) for name in kept},
            }
            yield self._document(cells, f"{shard.file}#{row}", provenance)

    def provenance(self, file: str, row: int) -> dict[str, Any]:
        """Return the cells of the source's own columns."""
        return {"dataset": self.label(), "file": file, "row": row}

    def _document(self, cells: Cells, place: str, provenance: Mapping[str, Any]) -> Document:
        raw = cells[self.text]
        text, reason = (None, "null_text") if raw is None else decode(raw, "utf-8")
        given = readable(cells[self.id]) if self.id else None
        prefix = f"{self.name}/" if self.name else ""
        return read_document(f"{prefix}{given or place}", text, provenance, reason)


def own_columns(*, with_revision: bool = False) -> dict[str, pa.DataType]:
    """Return the columns that say where a row lies; on the Hub, `with_revision` at which commit."""
    import pyarrow as pa

    kinds: list[pa.DataType] = [pa.string(), pa.string(), pa.int64()]
    columns = dict(zip(_OWN_COLUMNS, kinds, strict=True))
    return {**columns, _REVISION: pa.string()} if with_revision else columns


def provenance_name(column: str) -> str:
    """Return the name under which a row's column travels: its own, unless the source has a column of that name."""
    return f"original_{column}" if column in (*_OWN_COLUMNS, _REVISION) else column
