"""The Stack v2: ids on the Hub, whose contents lie in an object storage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, PrivateAttr

from builder.document import Document, read_document
from builder.exclusions import EXCLUDED
from builder.sources.base import Shard
from builder.sources.code_files import DATASET, CodeFiles
from builder.sources.text import decode_declared

if TYPE_CHECKING:
    from builder.sources.contents import Content, Contents, Wanted

_SOFTWARE_HERITAGE = "s3://softwareheritage/"


class TheStackSource(CodeFiles):
    """Files of The Stack v2, by the ids on the Hub, with their contents from Software Heritage or a mirror."""

    kind: Literal["the-stack-v2"]
    meanings: ClassVar[Mapping[str, str]] = {
        **CodeFiles.meanings,
        "blob_id": "Software Heritage's id of the file's content",
        "branch_name": "the branch that was visited",
        "content_id": "Software Heritage's id of the content, as UTF-8",
        "directory_id": "Software Heritage's id of the repository's root directory",
        "extension": "the file's extension",
        "gha_language": "the repository's main language, as GitHub says it",
        "length_bytes": "size of the original file, in bytes",
        "path": "the file's path in its repository",
        "repo_name": "the repository, as owner/name",
        "repo_url": "the repository's address",
        "revision_id": "the repository's commit that was visited",
        "snapshot_id": "Software Heritage's id of the visit",
        "src_encoding": "the original file's encoding",
        "star_events_count": "stars of the repository",
        "visit_date": "when Software Heritage visited the repository",
    }
    repository, path, content_id, size = "repo_name", "path", "blob_id", "length_bytes"
    found_by: ClassVar[Sequence[str]] = (repository, path, content_id)
    origin: ClassVar[Sequence[str]] = (*CodeFiles.origin, *found_by, "repo_url", "revision_id")

    dataset: str = Field(default="bigcode/the-stack-v2-train-smol-ids", pattern=DATASET)
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
        contents = ", with the contents that Software Heritage keeps" if self._is_from_software_heritage else ""
        return super().about() + contents

    def own_terms(self) -> list[str]:
        """Return the duties that come with files of others, with the columns that help to fulfil them."""
        terms = super().own_terms()
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
        for (known, reason), content in self._contents.read(entries):
            yield self._document(known, reason, content)

    @staticmethod
    def _wanted(known: Mapping[str, Any]) -> Wanted:
        from builder.sources.contents import Wanted

        return Wanted(str(known["blob_id"]), known.get("length_bytes"))

    def _reason(self, known: Mapping[str, Any]) -> str | None:
        reason = super()._reason(known)
        return reason if reason == EXCLUDED or known.get("blob_id") else "bad_blob_id"

    def _document(self, known: dict[str, Any], reason: str | None, content: Content | None) -> Document:
        text = None
        if content is not None:
            text, reason = (
                (None, content.reason)
                if content.bytes is None
                else decode_declared(content.bytes, known.get("src_encoding"))
            )
        return read_document(self._id(known), text, known, reason)
