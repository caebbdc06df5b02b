"""Tables of code files on the Hub: of ids, whose contents lie elsewhere, or with the files' text.

Two shapes are told apart by their schema: a row a repository with a list `files` (the-stack-v2-train-smol-ids,
stack-v3-train), and a row a file (the-stack-v2, stack-edu). Every file of the wanted languages is a document; what
the recipe selects it by beyond that is a drop with its reason, decided before anything is fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import Field

from builder.errors import SourceError
from builder.exclusions import EXCLUDED
from builder.markdown import code
from builder.sources.base import Shard
from builder.sources.hub import HubDataset
from builder.sources.rows import OUT_OF_RANGE, own_columns, provenance_names
from builder.sources.text import LONGEST

if TYPE_CHECKING:
    import pyarrow as pa

    from builder.sources.parquet_table import ParquetTable

DATASET = r"^[\w.-]+/[\w.-]+$"
"""A dataset's id."""

_FILES = "files"
_LANGUAGE = "language"
_OTHER_LANGUAGE = "other_language"
_COMMITS = ("revision_id", "commit_id")


class CodeFiles(HubDataset):
    """Files of repositories, of which a table tells language, licence and where they come from."""

    meanings: ClassVar[Mapping[str, str]] = {
        **HubDataset.meanings,
        "language": "the file's programming language, as GitHub calls it",
        "detected_licenses": "licences found in the file or its repository (SPDX identifiers)",
        "is_generated": "whether the source holds the file to be generated",
        "is_vendor": "whether the source holds the file to be a copy of somebody else's",
        "license_type": "`permissive` or `no_license`, as the source judges",
    }
    a_row_is_a_document: ClassVar[bool] = False
    repository: ClassVar[str]
    """The column of a file's repository; the next ones are those of its path in there, its id and its bytes."""
    path: ClassVar[str]
    content_id: ClassVar[str]
    size: ClassVar[str]
    inline: ClassVar[str | None] = None
    """The column of its text, if the table holds that."""

    languages: list[str] | None = Field(default=None, min_length=1)
    license_types: list[str] | None = Field(default=None, min_length=1)
    exclude: list[Literal["vendored", "generated"]] = Field(default_factory=list)
    min_bytes: int = Field(default=0, ge=0)
    max_bytes: int = Field(default=10 * 2**20, ge=1, le=LONGEST)

    @property
    def may_repeat_ids(self) -> bool:
        """Return True: one repository may list a file twice, and two files may have its name."""
        return True

    def about(self) -> str:
        """Return which files it takes."""
        languages = f" in {', '.join(self.languages)}" if self.languages else ""
        return f"source files{languages} that {self.link} lists"

    def own_terms(self) -> list[str]:
        """Return the duties that come with files of others, with the columns that help to fulfil them."""
        known = self.columns()
        origin = [name for name in (self.repository, self.path, *_COMMITS, "detected_licenses") if name in known]
        where = f": {', '.join(map(code, origin))} say where each row comes from" if origin else ""
        return [f"Each file's own licence binds whoever uses it, attribution included{where}."]

    @cached_property
    def table(self) -> ParquetTable:
        """The rows of ids."""
        from builder.sources.parquet_table import ParquetTable

        table = self.open_table()
        if not isinstance(table, ParquetTable):
            raise SourceError("its files are no Parquet", where=self.files.where(""), remedy="use `kind: hub`")
        return table

    @property
    def _is_by_repository(self) -> bool:
        import pyarrow as pa

        columns = self.table.columns
        return _FILES in columns.names and isinstance(columns.kind(_FILES), pa.ListType | pa.LargeListType)

    @cached_property
    def _known(self) -> dict[str, pa.DataType]:
        """What is known of a file: its own columns, and its repository's; a file of ids may lack some."""
        columns = self.table.columns
        known = {name: columns.kind(name) for name in columns.names if name != _FILES}
        if self._is_by_repository:
            known.update({field.name: field.type for field in _fields_of(columns.kind(_FILES))})
        return known

    def gives_other_than(self, languages: Collection[str]) -> list[str]:
        """Return those of its files' languages that are not among these, by the recipe or else by the footers."""
        given = self.languages if self.languages is not None else self.table.extremes(_LANGUAGE)
        return sorted(set(given) - set(languages))

    def pin(self, recorded: Mapping[str, Any] | None = None) -> dict[str, object]:
        """Return commit, files and rows."""
        self.fix_revision(recorded)
        if not self.table.rows:
            raise SourceError(
                "there are no rows", where=self.table.where(""), remedy="choose another config or split"
            )
        needed = {self.content_id, self.path} | ({self.inline} if self.inline else set())
        needed |= {_LANGUAGE} if self.languages else set()
        needed |= {"license_type"} if self.license_types else set()
        needed |= {{"vendored": "is_vendor", "generated": "is_generated"}[what] for what in self.exclude}
        needed |= {self.size} if self.min_bytes else set()
        missing = sorted(needed - self._known.keys())
        if missing:
            raise SourceError(
                f"there is no column {', '.join(map(repr, missing))}; it has {', '.join(self._known)}",
                where=self.table.where(next(iter(self.table.schemas))),
                remedy="`the-stack-v2` reads tables of blob ids, `the-stack-v3` of repositories with their files'"
                " text, `hub` of texts: correct `source.kind`, or what the recipe selects by",
            )
        return self.pin_rows(self.table)

    def columns(self) -> Mapping[str, pa.DataType]:
        """Return dataset, revision, file, row, and all that is known of a file and its repository."""
        names = provenance_names(name for name in self._known if name != self.inline)
        return {**own_columns(with_revision=True), **{name: self._known[column] for column, name in names.items()}}

    def shards(self) -> list[Shard]:
        """Return ranges of about `shard_rows` rows of ids."""
        return self.table.shards(self.shard_rows)

    def identifying(self) -> Sequence[str]:
        """Return repository, path and content of a file."""
        return [name for name in (self.repository, self.path, self.content_id) if name in self._known]

    def listed(self) -> Iterator[pa.Table]:
        """Yield these of every file, of all languages."""
        for shard in self.shards():
            for batch in self.table.batches(shard, self.table.columns.names):
                yield self._files_of(batch, 0).select(self.identifying())

    def _entries(self, shard: Shard, passed_over: Counter[str]) -> Iterator[tuple[dict[str, Any], str | None]]:
        """Yield what is known of each file, and why it is dropped already."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from builder.cells import restore, restored

        first, names = shard.start, provenance_names(self._known)
        kinds = {name: kind for name, kind in self._known.items() if name != self.inline}
        makers = {names[name]: make for name, kind in kinds.items() if (make := restored(kind))}
        for batch in self.table.batches(shard, self.table.columns.names):
            files = self._files_of(batch, first)
            if self.languages is not None:
                wanted = pa.array([language.encode() for language in self.languages], pa.binary())
                chosen = pc.is_in(files.column(_LANGUAGE).cast(pa.binary()), value_set=wanted)
                listed = files.num_rows
                files = files.filter(chosen)
                passed_over[_OTHER_LANGUAGE] += listed - files.num_rows
            for known in files.to_pylist():
                unreadable = None if restore(known, makers) else OUT_OF_RANGE
                known.update(dataset=self.label(), revision=self.files.revision, file=shard.file)
                yield known, unreadable or self._reason(known)
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
        names = provenance_names(self._known)
        return pa.table({**{names[name]: column for name, column in columns.items()}, "row": numbers})

    def _reason(self, known: Mapping[str, Any]) -> str | None:
        size = known.get(self.size)
        checks = {
            EXCLUDED: self._is_excluded is not None and self._is_excluded(self._id(known), known),
            "license_type": self.license_types is not None and known["license_type"] not in self.license_types,
            "vendored": "vendored" in self.exclude and known["is_vendor"] is True,
            "generated": "generated" in self.exclude and known["is_generated"] is True,
            "too_small": size is not None and size < self.min_bytes,
            "too_large": size is not None and size > self.max_bytes,
        }
        return next((reason for reason, holds in checks.items() if holds), None)

    def _id(self, known: Mapping[str, Any]) -> str:
        prefix = f"{self.name}/" if self.name else ""
        parts = (known.get(self.repository), known.get(self.path))
        place = "/".join(part.strip("/") for part in parts if part)
        return f"{prefix}{place}@{str(known.get(self.content_id))[:12]}"


def _fields_of(listed: pa.DataType) -> pa.StructType:
    return cast("pa.StructType", cast("pa.ListType[Any]", listed).value_type)
