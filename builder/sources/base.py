"""What a source is to the rest: a list of shards that is the same on every machine, and a way to read one.

A shard is the unit of work, of storage and of failure. Which shards there are follows from the source and
the recipe alone, so that a run goes on anywhere, with any number of workers.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr

from builder.document import Document
from builder.sources.features import Features

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Shard:
    """A range of a source's rows.

    Attributes:
        file: The file the rows lie in, by its name within the source; empty where a row is a file.
        start: First row, counted from 0.
        stop: One past the last row.
    """

    file: str
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """How many rows it holds."""
        return self.stop - self.start


IsExcluded = Callable[[str, Mapping[str, Any]], bool]
"""Whether a document with this id and provenance is excluded."""


def _language(name: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]+)*|code|multilingual", name):
        raise ValueError(
            f"{name!r} is no language to the Hub: write an ISO 639 code, in lower case (en), `code` or"
            " `multilingual`"
        )
    return name


Language = Annotated[str, AfterValidator(_language)]
"""A language as the Hub takes it, which refuses a card with another word."""


class Source(BaseModel, ABC):
    """Where documents come from, as a recipe describes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    meanings: ClassVar[Mapping[str, str]] = {
        "dataset": "the source that the document comes from",
        "file": "the source's file that held the document",
        "row": "the row of that file, counted from 0",
        "revision": "the source's commit",
    }
    """What columns of its documents hold, as far as its kind tells."""

    origin: ClassVar[Sequence[str]] = ("dataset",)
    """Those that say where a document is from: whatever is derived from it carries them."""

    found_by: ClassVar[Sequence[str]] = ()
    """Those by which somebody finds what is theirs."""

    licences: ClassVar[Sequence[str]] = ("detected_licenses", "licenses", "license", "license_type")
    """Those that say what a document is under, the best first."""

    a_row_is_a_document: ClassVar[bool] = True
    """Whether a shard's rows tell how many documents it gives."""

    kind: str
    name: str | None = Field(default=None, min_length=1, pattern=r"^[A-Za-z0-9._-]+$")
    shard_rows: int = Field(default=1000, ge=1)
    license: str | None = None
    license_url: str | None = None
    license_file: Path | None = Field(default=None, strict=False)
    language: list[Language] = Field(default_factory=list)
    terms: str = ""
    _is_excluded: IsExcluded | None = PrivateAttr(default=None)

    @property
    def may_repeat_ids(self) -> bool:
        """Whether it may give two documents one id."""
        return False

    @abstractmethod
    def label(self) -> str:
        """Return a name for it, the `dataset` of its documents."""

    @abstractmethod
    def pin(self, recorded: Mapping[str, Any] | None = None) -> dict[str, object]:
        """Fix the source's content and return what identifies it, as recorded in `run.json`.

        Args:
            recorded: What an earlier build of the run recorded: a name that moves (a branch) stays where
                it pointed then.

        Raises:
            SourceError: It does not exist, is empty or lacks a column.
        """

    @abstractmethod
    def columns(self) -> Mapping[str, pa.DataType]:
        """Return the provenance columns that every document of this source carries."""

    def features(self) -> Features:
        """Return by provenance column the names of classes that `datasets` knows of it; read after `pin`."""
        return {}

    def gives_other_than(self, languages: Collection[str]) -> list[str]:
        """Return the programming languages of its documents that are not among these, as far as it knows them."""
        return []

    @abstractmethod
    def shards(self) -> list[Shard]:
        """Return every shard, in source order."""

    @abstractmethod
    def read(self, shard: Shard, passed_over: Counter[str]) -> Iterator[Document]:
        """Yield the shard's documents in source order, unreadable rows as drops.

        Args:
            shard: One of `shards()`.
            passed_over: Counts, by reason, what the recipe does not select and so is no document.
        """

    def leave_out(self, is_excluded: IsExcluded) -> None:
        """Fetch nothing for what is excluded, where a text is fetched by itself: nobody will read it."""
        self._is_excluded = is_excluded

    def newest(self) -> str | None:
        """Return the newest revision of what it is read from, None where that has no revisions.

        Raises:
            SourceError, HubRefused, HubUnreachable: The Hub does not say.
        """
        return None

    def at(self, revision: str) -> Source:
        """Return the same source at another revision."""
        return type(self).model_validate({**self.model_dump(), "revision": revision})

    def identifying(self) -> Sequence[str]:
        """Return the columns that tell a document from all others at any revision, none where nothing does."""
        return ()

    def listed(self) -> Iterator[pa.Table]:
        """Yield the identifying columns of all that is listed, some rows at a time: texts, or their bytes."""
        return iter(())

    def about(self) -> str:
        """Return in Markdown what it is, for a card: words that are true of any source of this kind."""
        return f"documents of kind {self.kind}"

    def own_terms(self) -> list[str]:
        """Return in sentences what binds whoever uses it, as far as its kind tells; read after `pin`."""
        return []

    def on_hub(self) -> str | None:
        """Return the dataset on the Hub that it is, None for another source."""
        return None

    def working(self, folder: Path) -> AbstractContextManager[None]:
        """Return what surrounds a build that reads from it; `folder` may keep what was fetched for the run."""
        return nullcontext()

    def stop_reading(self) -> None:
        """Let a `read` that waits in another thread end soon, with whatever error."""
        return

    def notice(self) -> str | None:
        """Return what a user must know before a run reads its first byte."""
        return None
