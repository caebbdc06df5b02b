"""A dataset's files on the Hugging Face Hub, at one commit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

from huggingface_hub import HfApi, hf_hub_url, snapshot_download
from huggingface_hub.hf_api import RepoFile

from builder.hub_access import Asked, patiently
from builder.sources.remote_files import RemoteFiles

_PATHS_AT_ONCE = 500


@dataclass(frozen=True)
class HubFiles(RemoteFiles):
    """The files of one dataset at one commit.

    Attributes:
        dataset: The dataset's id, `ORG/NAME`.
        revision: The commit's sha.
    """

    dataset: str
    revision: str

    @classmethod
    def at(cls, dataset: str, revision: str | None, setting: str = "source.dataset") -> HubFiles:
        """Resolve a branch, tag or sha, and see that its files may be read; `setting` in a recipe names it.

        Raises:
            SourceError: There is no such dataset or revision.
            HubRefused: It is gated or private and there is no access.
            HubUnreachable: The Hub does not answer.
        """
        api = HfApi()

        def resolve() -> str:
            api.auth_check(dataset, repo_type="dataset")
            return cast(str, api.dataset_info(dataset, revision=revision).sha)

        return cls(dataset, patiently(resolve, Asked("dataset", dataset, setting, revision)))

    @property
    def asked(self) -> Asked:
        """The dataset at its commit."""
        return Asked("dataset", self.dataset, revision=self.revision)

    def url(self, path: str) -> str:
        """Return a file's address."""
        return hf_hub_url(self.dataset, path, repo_type="dataset", revision=self.revision)

    def stat(self, paths: Sequence[str]) -> None:
        """Learn the files' sizes, a few hundred a request."""
        api = HfApi()
        for start in range(0, len(paths), _PATHS_AT_ONCE):
            some = list(paths[start : start + _PATHS_AT_ONCE])
            found = self.ask(
                partial(api.get_paths_info, self.dataset, some, revision=self.revision, repo_type="dataset")
            )
            self.sizes.update({item.path: cast(int, getattr(item, "size", 0)) for item in found})

    def list_below(self, folder: str) -> None:
        """Learn the sizes of all files below a folder."""
        api = HfApi()

        def listed() -> dict[str, int]:
            tree = api.list_repo_tree(
                self.dataset, folder or None, recursive=True, revision=self.revision, repo_type="dataset"
            )
            return {item.path: item.size for item in tree if isinstance(item, RepoFile)}

        self.sizes.update(self.ask(listed, folder))


def downloaded(dataset: str, revision: str | None, wanted: Sequence[str]) -> Path:
    """Return a folder with those files of a dataset that match a pattern, kept in the Hub client's cache.

    Raises:
        SourceError, HubRefused, HubUnreachable: There is no such dataset, no access, no answer.
    """
    files = HubFiles.at(dataset, revision)

    def download() -> Path:
        return Path(
            snapshot_download(dataset, repo_type="dataset", revision=files.revision, allow_patterns=list(wanted))
        )

    return files.ask(download, wanted[-1])
