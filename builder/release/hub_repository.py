"""A dataset's repository on the Hub: its commits, tags and files, and whether they are a release."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar, cast

import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import DatasetCard, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import GitRefs, RepoFile

from builder.errors import HubRefused, UsageError
from builder.files import sha256_of
from builder.hub_access import LOG_IN, NOT_THERE, Conflict, patiently_written
from builder.release.manifest import DATA, MANIFEST, File, Manifest, parse_manifest
from builder.release.places import SCHEME
from builder.sources.hub_files import HubFiles

NOT_OURS = frozenset({".gitattributes"})
"""The Hub's own files."""

_READERS = 8
_KNOWS_NO_CARDS = {404, 405}  # what stands in for the Hub may not
_TO_THE_CARD = (
    "correct it in the recipe (`release`, `source`), or in the card that is there; of one that is too large"
)
_TO_THE_CARD += " shorten `description` and terms, or release fewer configs"

Result = TypeVar("Result")
Tree = dict[str, RepoFile]


class HubRepository:
    """A dataset's repository; every request waits out trouble that passes."""

    def __init__(self, dataset: str) -> None:
        """Point at `ORG/NAME`, which need not exist."""
        self.name, self.api = dataset, HfApi()
        self.renamed_to: str | None = None

    def see_writable(self) -> None:
        """Ask whether this account may write to it.

        Raises:
            HubRefused: It may not.
        """
        with suppress(UsageError):  # what stands in for the Hub may not know the question
            self.ask(lambda: self.api.auth_check(self.name, repo_type="dataset", write=True))

    def may_be_made(self) -> bool:
        """Whether its namespace is this account's, or one of its organisations', as far as the Hub tells.

        Raises:
            HubRefused: Nobody is logged in, or the token may only read.
        """
        account = self.ask(self.api.whoami)
        role = account.get("auth", {}).get("accessToken", {}).get("role")
        if role == "read":
            raise HubRefused(
                f"the token of {account['name']} may only read, and this dataset has to be made",
                where=f"{SCHEME}{self.name}",
                remedy=f"{LOG_IN} to a token that may write",
            )
        names = {account["name"], *(one["name"] for one in account.get("orgs", ()))}
        return role != "write" or self.name.partition("/")[0] in names  # others tell their rights elsewhere

    def see_card(self, card: str) -> None:
        """Have the Hub look at a card.

        Raises:
            UsageError: It would refuse it.
        """

        def look() -> None:
            try:
                DatasetCard(card, ignore_metadata_errors=True).validate()
            except ValueError as error:
                raise error.__context__ or error from None  # in which the client has found the Hub's words
            except HfHubHTTPError as error:
                if error.response.status_code not in _KNOWS_NO_CARDS:
                    raise

        try:
            self.ask(look)
        except (UsageError, HubRefused) as error:
            raise UsageError(f"its card: {error.what}", where=error.where, remedy=_TO_THE_CARD) from error

    def resolve(self, revision: str) -> str | None:
        """Return the commit that a branch, tag or commit names, None where there is none."""
        try:
            found = self.ask(lambda: self.api.dataset_info(self.name, revision=revision))
        except NOT_THERE:
            return None
        self.renamed_to = None if found.id == self.name else found.id  # the Hub leads from the old name to the new
        return cast(str, found.sha)

    def tags(self) -> dict[str, str]:
        """Return each tag's commit; none where there is no repository."""
        try:
            return {tag.name: tag.target_commit for tag in self.refs().tags}
        except NOT_THERE:
            return {}

    def refs(self) -> GitRefs:
        """Return the branches and tags."""
        return self.ask(lambda: self.api.list_repo_refs(self.name, repo_type="dataset"))

    def tag(self, name: str, commit: str, message: str) -> str | None:
        """Tag a commit where there is no such tag; return which commit has it then."""

        def make() -> None:
            if self.tags().get(name) is None:
                self.api.create_tag(self.name, tag=name, revision=commit, repo_type="dataset", tag_message=message)

        with suppress(Conflict):  # somebody was quicker by a moment
            self.ask(make)
        return self.tags().get(name)

    def remove_branch(self, name: str) -> None:
        """Remove a branch where there is one."""
        if any(one.name == name for one in self.refs().branches):
            self.ask(lambda: self.api.delete_branch(self.name, branch=name, repo_type="dataset"))

    def tree(self, revision: str) -> Tree:
        """Return a revision's files."""

        def listed() -> list[RepoFile]:
            found = self.api.list_repo_tree(self.name, repo_type="dataset", revision=revision, recursive=True)
            return [entry for entry in found if isinstance(entry, RepoFile)]

        return {entry.path: entry for entry in self.ask(listed)}

    def read(self, revision: str, file: RepoFile) -> bytes:
        """Return a file's content."""
        with HubFiles(self.name, revision, sizes={file.path: file.size}).open(file.path) as content:
            return content.read()

    def manifest_at(self, revision: str, tree: Tree | None = None) -> Manifest | None:
        """Return the manifest of the release that a revision is, None where it is none."""
        file = (self.tree(revision) if tree is None else tree).get(MANIFEST)
        if file is None:
            return None
        return parse_manifest(self.read(revision, file), f"{SCHEME}{self.name}@{revision}/{MANIFEST}")

    # --- against a manifest ---

    def tagged(self, manifest: Manifest, head: str | None) -> str | None:
        """Return the commit that a version's tag is on, None where there is none or somebody moved it."""
        commit = self.tags().get(f"v{manifest.version}")
        return commit if commit in (None, head) or self.manifest_at(str(commit)) == manifest else None

    def commit_of(self, manifest: Manifest) -> str | None:
        """Return the commit that made a version, else main's head: somebody may have edited the card since."""
        head = self.resolve("main")
        if head is None or not self.differences(head, manifest):
            return head
        commits = self.ask(lambda: self.api.list_repo_commits(self.name, repo_type="dataset", revision=head))
        made = [one.commit_id for one in commits if one.title == title_of(manifest)]
        return next((commit for commit in made if not self.differences(commit, manifest)), head)

    def differences(self, revision: str, manifest: Manifest) -> list[str]:
        """Return how a revision's files differ from a manifest, by the digests and sizes that the Hub tells."""
        tree = self.tree(revision)
        found = self.manifest_at(revision, tree)
        if found is None or (found.version, found.content_sha256) != (manifest.version, manifest.content_sha256):
            return [f"{MANIFEST}: it is not that of {manifest.version}"]
        # Which changelog and card a version has follows from the release before it: the manifest there tells.
        listed = {file.path: file for file in found.files}
        problems = [f"{path}: missing" for path in sorted(listed.keys() - tree.keys())]
        beside = (path for path in tree.keys() - listed.keys() if path.startswith(DATA))  # what is elsewhere stays
        problems += [f"{path}: not in the manifest" for path in sorted(beside)]
        for path in sorted(listed.keys() & tree.keys()):
            remote, file = tree[path], listed[path]
            sha256 = remote.lfs.sha256 if remote.lfs else hashlib.sha256(self.read(revision, remote)).hexdigest()
            if (sha256, remote.size) != (file.sha256, file.bytes):
                problems.append(f"{path}: its content is not what was published")
        return problems

    def miscounted(self, revision: str, manifest: Manifest) -> list[str]:
        """Return which Parquet files have, by their footers, other rows than a manifest says."""
        data = [file for file in manifest.files if file.rows is not None]
        files = HubFiles(self.name, revision, sizes={file.path: file.bytes for file in data})

        def count(file: File) -> str | None:
            try:
                with files.open(file.path) as content:
                    rows = pq.read_metadata(content).num_rows
            except (OSError, pa.ArrowException) as error:
                return f"{file.path}: can't be read ({error})"
            return None if rows == file.rows else f"{file.path}: {rows} rows, {file.rows} in the manifest"

        with ThreadPoolExecutor(_READERS) as readers:
            return [problem for problem in readers.map(count, data) if problem is not None]

    def ask(self, request: Callable[[], Result]) -> Result:
        """Return what the Hub gives, as `patiently_written` does."""
        return patiently_written(request, self.name)


def title_of(manifest: Manifest) -> str:
    """Return the title of the commit that makes a version."""
    return f"Version {manifest.version}"


def is_same(remote: RepoFile | None, path: Path) -> bool:
    """Whether a file of the Hub has the content of one on this disk."""
    if remote is None or remote.size != path.stat().st_size:
        return False
    if remote.lfs is not None:
        return bool(remote.lfs.sha256 == sha256_of(path))
    content = path.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False)
    return bool(remote.blob_id == blob.hexdigest())
