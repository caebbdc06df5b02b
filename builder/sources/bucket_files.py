"""A bucket's files on the Hugging Face Hub: no history, and any of them may be replaced at any time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from huggingface_hub import BucketFile, HfApi, constants

from builder.hub_access import Asked, patiently
from builder.sources.remote_files import RemoteFiles


@dataclass(frozen=True)
class BucketFiles(RemoteFiles):
    """The files of one bucket, each known by its content's hash as it was when it was listed.

    Attributes:
        bucket: The bucket's id, `ORG/NAME`.
    """

    bucket: str

    @classmethod
    def of(cls, bucket: str) -> BucketFiles:
        """See that there is such a bucket, and that it may be read.

        Raises:
            SourceError: There is none, or it is private.
            HubUnreachable: The Hub does not answer.
        """
        found = cls(bucket)
        patiently(lambda: HfApi().bucket_info(bucket), found.asked)
        return found

    @property
    def asked(self) -> Asked:
        """The bucket."""
        return Asked("bucket", self.bucket, "source.path")

    def url(self, path: str) -> str:
        """Return a file's address."""
        return f"{constants.ENDPOINT}/buckets/{self.bucket}/resolve/{quote(path)}"

    def stat(self, paths: Sequence[str]) -> None:
        """Learn the files' sizes and hashes."""
        self._keep(self.ask(lambda: list(HfApi().get_bucket_paths_info(self.bucket, paths))))

    def list_below(self, folder: str) -> None:
        """Learn the sizes and hashes of all files below a folder."""

        def listed() -> list[BucketFile]:
            # The Hub takes the folder for the beginning of a name: `logs` finds `logs-old/…`, too.
            found = HfApi().list_bucket_tree(self.bucket, folder or None, recursive=True)
            return [item for item in found if isinstance(item, BucketFile)]

        self._keep(self.ask(listed, folder))

    def _keep(self, found: Sequence[BucketFile]) -> None:
        self.sizes.update({item.path: item.size for item in found})
        self.hashes.update({item.path: item.xet_hash for item in found})
