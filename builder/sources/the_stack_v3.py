"""The Stack v3: a row a repository on the Hub, with the text of its files in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from builder.document import Document, read_document
from builder.sources.base import Shard
from builder.sources.code_files import DATASET, CodeFiles
from builder.sources.text import decode_declared


class TheStackV3Source(CodeFiles):
    """Files of The Stack v3, or of another dataset whose rows list a repository's files with their `content`."""

    kind: Literal["the-stack-v3"]
    meanings: ClassVar[Mapping[str, str]] = {
        **CodeFiles.meanings,
        "commit_id": "the repository's commit that was taken",
        "content_id": "SHA-1 of the original file's content",
        "file_path": "the file's path in its repository",
        "file_timestamp": "when the file was changed last, in seconds since 1970",
        "github_metadata": "what GitHub said of the repository",
        "num_files": "files of the repository that the source has",
        "repo_id": "GitHub's number of the repository",
        "repo_path": "the repository, as owner/name",
        "size_bytes": "size of the file's text, in bytes of UTF-8",
    }
    repository, path, content_id, size = "repo_path", "file_path", "content_id", "size_bytes"
    found_by: ClassVar[Sequence[str]] = (repository, path, content_id)
    origin: ClassVar[Sequence[str]] = (*CodeFiles.origin, *found_by, "commit_id")
    inline = "content"

    dataset: str = Field(default="HuggingFaceCode/stack-v3-train", pattern=DATASET)

    def read(self, shard: Shard, passed_over: Counter[str]) -> Iterator[Document]:
        """Yield one document a file of the wanted languages."""
        for known, reason in self._entries(shard, passed_over):
            text, reason = self._text(known.pop("content"), reason)
            yield read_document(self._id(known), text, known, reason)

    def _text(self, content: Any, reason: str | None) -> tuple[str | None, str | None]:  # noqa: ANN401 - a cell
        if reason is not None:
            return None, reason
        if content is None:
            return None, "null_text"
        return (None, "too_large") if len(content) > self.max_bytes else decode_declared(content, None)
