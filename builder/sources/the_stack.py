"""The Stack v2 and its kin: tables of ids on the Hub, whose files' contents lie in an object storage.

Two shapes are told apart by their schema: a row a repository with a list `files` (the-stack-v2-train-smol-ids),
and a row a file (the-stack-v2, stack-edu). Every file of the wanted languages is a document; what the recipe
selects it by beyond that is a drop with its reason, decided before anything is fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import Field, PrivateAttr

from builder.document import Document, read_document
from builder.errors import SourceError
from builder.markdown import code
from builder.sources.base import Shard
from builder.sources.hub import HubDataset
from builder.sources.rows import own_columns, provenance_name
from builder.sources.text import decode_declared, readable

if TYPE_CHECKING:
    import pyarrow as pa

    from builder.sources.contents import Content, Contents, Wanted
    from builder.sources.parquet_table import ParquetTable

_FILES = "files"
_OTHER_LANGUAGE = "other_language"
_SOFTWARE_HERITAGE = "s3://softwareheritage/"
_ORIGIN = ("repo_name", "path", "revision_id", "detected_licenses")


class TheStackSource(HubDataset):
    """Files of The Stack v2, by the ids on the Hub, with their contents from Software Heritage or a mirror."""

    kind: Literal["the-stack-v2"]
    a_row_is_a_document: ClassVar[bool] = False

    dataset: str = Field(default="bigcode/the-stack-v2-train-smol-ids", pattern=r"^[\w.-]+/[\w.-]+$")
    languages: list[str] | None = Field(default=None, min_length=1)
    license_types: list[str] | None = Field(default=None, min_length=1)
    exclude: list[Literal["vendored", "generated"]] = Field(default_factory=list)
    min_bytes: int = Field(default=0, ge=0)
    max_bytes: int = Field(default=10 * 2**20, ge=1)
    contents: str = Field(default=f"{_SOFTWARE_HERITAGE}content", pattern=r"^(s3|https?|file)://")
    endpoint: str | None = Field(default=None, pattern=r"^https?://")
    _contents: Contents | None = PrivateAttr(default=None)

    def notice(self) -> str | None:
        """Return what Software Heritage asks of those who download in bulk."""
        if not self._is_from_software_heritage:
            return None
        return (
            "file contents are Software Heritage's: it asks for an agreement before they are downloaded in bulk"
            " (datasets@softwareheritage.org; the dataset's page on the Hub has the terms), and every file's own"
            " licence binds, attribution included"
        )

    def about(self) -> str:
        """Return which files it takes, and whose contents they have."""
        languages = f" in {', '.join(self.languages)}" if self.languages else ""
        contents = " with the contents that Software Heritage keeps" if self._is_from_software_heritage else ""
        return f"source files{languages} that {self.link} lists,{contents}".rstrip(",")

    def own_terms(self) -> list[str]:
        """Return the duties that come with files of others, with the columns that help to fulfil them."""
        origin = [name for name in _ORIGIN if name in self.columns()]
        where = f": {', '.join(map(code, origin))} say where each row comes from" if origin else ""
        terms = [f"Each file's own licence binds whoever uses it, attribution included{where}."]
        if self.dataset.startswith("bigcode/the-stack-v2"):
            terms.append(
                "The Stack v2's terms of use (https://huggingface.co/datasets/bigcode/the-stack-v2) ask to move to"
                " its most recent version, which lacks what authors have withdrawn, and to train models only under"
                " Software Heritage's principles"
                " (https://www.softwareheritage.org/2023/10/19/swh-statement-on-llm-for-code/)."
            )
        if self._is_from_software_heritage:
            terms.append(
                "The contents come from Software Heritage, which asks for an agreement before they are downloaded"
                " in bulk."
            )
        return terms

    @property
    def _is_from_software_heritage(self) -> bool:
        return self.contents.startswith(_SOFTWARE_HERITAGE)

    @cached_property
    def table(self) -> ParquetTable:
        """The rows of ids."""
        from builder.sources.parquet_table import ParquetTable

        table = self.open_table()
        if not isinstance(table, ParquetTable):
            raise SourceError("the ids are no Parquet", where=self.files.where(""), remedy="use `kind: hub`")
        return table

    @cached_property
    def _schema(self) -> pa.Schema:
        return next(iter(self.table.schemas.values()))

    @property
    def _is_by_repository(self) -> bool:
        import pyarrow as pa

        return _FILES in self._schema.names and pa.types.is_list(self._schema.field(_FILES).type)

    @cached_property
    def _known(self) -> dict[str, pa.DataType]:
        """What is known of a file: its own columns, and its repository's."""
        known = {field.name: field.type for field in self._schema if field.name != _FILES}
        if self._is_by_repository:
            known.update({field.name: field.type for field in self._schema.field(_FILES).type.value_type})
        return known

    def pin(self, recorded: Mapping[str, Any] | None = None) -> dict[str, object]:
        """Return commit, files and rows."""
        self.fix_revision(recorded)
        if not self.table.rows:
            raise SourceError(
                "there are no rows", where=self.table.where(""), remedy="choose another config or split"
            )
        needed = {"blob_id", "path"}
        needed |= {"language"} if self.languages else set()
        needed |= {"license_type"} if self.license_types else set()
        needed |= {{"vendored": "is_vendor", "generated": "is_generated"}[what] for what in self.exclude}
        needed |= {"length_bytes"} if self.min_bytes else set()
        missing = sorted(needed - self._known.keys())
        if missing:
            raise SourceError(
                f"there is no column {', '.join(map(repr, missing))}; it has {', '.join(self._known)}",
                where=self.table.where(next(iter(self.table.schemas))),
                remedy="`kind: the-stack-v2` reads tables of blob ids; use `kind: hub` for one that holds text",
            )
        return self.pin_rows(self.table)

    def columns(self) -> Mapping[str, pa.DataType]:
        """Return dataset, revision, file, row, and all that is known of a file and its repository."""
        known = {provenance_name(name): kind for name, kind in self._known.items()}
        return {**own_columns(with_revision=True), **known}

    def shards(self) -> list[Shard]:
        """Return ranges of about `shard_rows` rows of ids."""
        return self.table.shards(self.shard_rows)

    @contextmanager
    def working(self, folder: Path) -> Iterator[None]:
        """Keep fetched contents in `folder`."""
        from builder.sources.contents import Contents

        self._contents = Contents(self.contents, self.endpoint, self.max_bytes, folder)
        try:
            yield
        finally:
            self._contents.close()
            self._contents = None

    def stop_reading(self) -> None:
        """Wait neither for the Hub nor for the storage any longer."""
        super().stop_reading()
        if self._contents is not None:
            self._contents.stop()

    def read(self, shard: Shard, passed_over: Counter[str]) -> Iterator[Document]:
        """Yield one document a file of the wanted languages, its content fetched."""
        if self._contents is None:
            raise RuntimeError("contents are read inside `working`")
        entries = (
            (entry, None if entry[1] else self._wanted(entry[0])) for entry in self._entries(shard, passed_over)
        )
        ids: Counter[str] = Counter()
        for (known, reason), content in self._contents.read(entries):
            yield self._document(known, reason, content, ids)

    @staticmethod
    def _wanted(known: Mapping[str, Any]) -> Wanted:
        from builder.sources.contents import Wanted

        return Wanted(str(known["blob_id"]), known.get("length_bytes"))

    def _entries(self, shard: Shard, passed_over: Counter[str]) -> Iterator[tuple[dict[str, Any], str | None]]:
        """Yield what is known of each file, and why it is dropped already."""
        import pyarrow as pa
        import pyarrow.compute as pc

        first = shard.start
        for batch in self.table.batches(shard, self._schema.names):
            files = self._files_of(batch, first)
            if self.languages is not None:
                wanted = pa.array([language.encode() for language in self.languages], pa.binary())
                chosen = pc.is_in(files.column("language").cast(pa.binary()), value_set=wanted)
                listed = files.num_rows
                files = files.filter(chosen)
                passed_over[_OTHER_LANGUAGE] += listed - files.num_rows
            for cells in files.to_pylist():
                known = cast(dict[str, Any], readable(cells))
                known.update(dataset=self.label(), revision=self.files.revision, file=shard.file)
                yield known, self._reason(known)
            first += batch.num_rows

    def _files_of(self, batch: pa.RecordBatch, first: int) -> pa.Table:
        """Return a row a file, with the number of the row of ids that it comes from."""
        import pyarrow as pa
        import pyarrow.compute as pc

        numbers = pa.array(range(first, first + batch.num_rows), pa.int64())
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        if self._is_by_repository:
            listed = cast("pa.ListArray[Any]", columns.pop(_FILES))
            parents = pc.list_parent_indices(listed)
            columns = {name: column.take(parents) for name, column in columns.items()}
            files = cast("pa.StructArray", listed.flatten())
            own = [field.name for field in files.type]
            columns.update(zip(own, files.flatten(), strict=True))
            numbers = numbers.take(parents)
        return pa.table({**{provenance_name(name): column for name, column in columns.items()}, "row": numbers})

    def _reason(self, known: Mapping[str, Any]) -> str | None:
        size = known.get("length_bytes")
        checks = {
            "bad_blob_id": not known.get("blob_id"),
            "license_type": self.license_types is not None and known["license_type"] not in self.license_types,
            "vendored": "vendored" in self.exclude and known["is_vendor"] is True,
            "generated": "generated" in self.exclude and known["is_generated"] is True,
            "too_small": size is not None and size < self.min_bytes,
            "too_large": size is not None and size > self.max_bytes,
        }
        return next((reason for reason, holds in checks.items() if holds), None)

    def _document(
        self, known: dict[str, Any], reason: str | None, content: Content | None, ids: Counter[str]
    ) -> Document:
        text = None
        if content is not None:
            text, reason = (
                (None, content.reason)
                if content.bytes is None
                else decode_declared(content.bytes, known.get("src_encoding"))
            )
        prefix = f"{self.name}/" if self.name else ""
        place = "/".join(part.strip("/") for part in (known.get("repo_name"), known.get("path")) if part)
        id = f"{prefix}{place}@{str(known.get('blob_id'))[:12]}"
        ids[id] += 1
        unique = id if ids[id] == 1 else f"{id}~{ids[id]}"  # one repository may list a file twice
        return read_document(unique, text, known, reason)
