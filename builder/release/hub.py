"""Releases on the Hub: content first, then one commit that a reader of main sees whole, then the tag.

1. Plan on main's head: what it lacks, what goes.
2. Upload content, which no reader sees; the Hub knows it by its digest, so that going on costs nothing twice.
3. One commit on that head. Of more files than a commit should have, commits on a branch of their own come first,
   and main gets them by one commit that copies.
4. Compare what is there with the manifest: every digest, every Parquet file's rows, nothing else beside.
5. Tag that commit. A tag is never moved.

An answer that was lost is looked for before anything is asked again: a commit whose tree is the release was made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete
from rich.filesize import decimal

from builder.errors import UsageError, VerificationFailed
from builder.hub_access import Conflict
from builder.release.card_merge import split_card
from builder.release.card_rules import card_problems
from builder.release.destination import Cards, Destination, Overtaken, Plan
from builder.release.hub_limits import COMMITTED_AT_ONCE, batches, see_room
from builder.release.hub_repository import NOT_OURS, HubRepository, Tree, is_same, title_of
from builder.release.manifest import CARD, CHANGELOG, DATA, MANIFEST, Manifest, next_patch
from builder.release.new_bytes import Sent
from builder.release.places import SCHEME
from builder.sources.hub_files import HubFiles

_Operation = CommitOperationAdd | CommitOperationCopy | CommitOperationDelete


class HubDestination(Destination):
    """A dataset on the Hub."""

    has_revisions = True

    def __init__(self, dataset: str, work: Path, say: Callable[[str], None], *, private: bool = False) -> None:
        """Point at `ORG/NAME`, which is made when there is none.

        Args:
            dataset: The dataset's id.
            work: A directory to make releases in.
            say: Told how it goes.
            private: Whether a repository that has to be made is private.
        """
        self.name = self.label = dataset
        self._repository = HubRepository(dataset)
        self.work, self._say, self._private = work, say, private
        self._head: str | None = None
        self._committed: str | None = None
        self._tree: Tree = {}
        self._newest: Manifest | None = None

    def newest(self) -> Manifest | None:
        """Return the manifest on main.

        Raises:
            UsageError: The dataset holds files, and is no release of ours.
        """
        self._look()
        if self._head is None:
            return None
        self._newest = self._repository.manifest_at(self._head, self._tree)
        if self._newest is None and (others := sorted(self._tree.keys() - NOT_OURS - {"README.md"})):
            raise UsageError(
                f"it is no release of ours, and holds {len(others)} files of others ({', '.join(others[:3])})",
                where=f"{SCHEME}{self.name}",
                remedy="choose another --to, or remove its files first",
            )
        return self._newest

    def see_writable(self) -> None:
        """Ask whether this token may write to the dataset, or make it where there is none."""
        if new := self._repository.renamed_to:
            self._say(
                f"{self.name}: it is called {new} now, and its card would name the old place: --to {SCHEME}{new}"
            )
        if self._head is not None:
            self._repository.see_writable()
        elif not self._repository.may_be_made():
            self._say(
                f"{self.name}: there is no such dataset, and {self.name.partition('/')[0]!r} is neither this"
                " account nor one of its organisations: making it may be refused"
            )

    def see_card(self, card: str) -> None:
        """Look at a card by the rules that are known, then have the Hub look, as it does when one is committed."""
        if problems := list(card_problems(split_card(card)[0], len(card.encode()))):
            raise UsageError(
                f"the Hub would refuse its card: {'; '.join(problems)}",
                where=f"{SCHEME}{self.name}",
                remedy="correct it in the recipe (`release`, `source`), or in the card that is there",
            )
        self._repository.see_card(card)

    def _look(self) -> None:
        self._newest = None
        self._head = self._repository.resolve("main")
        self._tree = {} if self._head is None else self._repository.tree(self._head)

    def changelog(self) -> str:
        """Return main's changelog."""
        return self._repository.read(self._head or "main", self._tree["CHANGELOG.md"]).decode()

    def cards(self) -> Cards | None:
        """Return main's card, and the one that its version brought."""
        if CARD not in self._tree:
            return None
        there = self._repository.read(self._head or "main", self._tree[CARD]).decode("utf-8", "replace")
        if self._newest is None:
            return Cards(there, "")
        commit, tree = self._as_published(self._newest)
        if CARD not in tree or tree[CARD].blob_id == self._tree[CARD].blob_id:
            return Cards(there, there if CARD in tree else None)
        return Cards(there, self._repository.read(commit, tree[CARD]).decode())

    def edited(self, manifest: Manifest | None) -> list[str]:
        """Compare main with the commit that made its version; the card and the changelog are merged."""
        brought = {file.path for file in self._newest.files} if self._newest else set[str]()
        published = self._as_published(self._newest)[1] if self._newest else {}
        said = []
        for path in sorted(brought - {CARD, CHANGELOG}):
            there, was = self._tree.get(path), published.get(path)
            if was is not None and (there is None or there.blob_id != was.blob_id):
                said.append(f"{path}: {'taken away' if there is None else 'edited'} since {self._version}")
        for path in sorted(self._tree.keys() - brought - NOT_OURS - {CARD, MANIFEST}):
            if path.startswith(DATA):
                said.append(f"{path}: not a release's, and would be read as part of its data")
            elif manifest is not None and any(file.path == path for file in manifest.files):
                said.append(f"{path}: not a release's, and this one brings a file of that name")
        return said

    @property
    def _version(self) -> str:
        return f"version {self._newest.version}" if self._newest else "then"

    def _as_published(self, manifest: Manifest) -> tuple[str, Tree]:
        """Return the commit that made main's version, and its files."""
        commit = self._repository.tagged(manifest, self._head) or self._repository.commit_of(manifest)
        if commit is None or commit == self._head:
            return self._head or "main", self._tree
        return commit, self._repository.tree(commit)

    def open(self, path: str) -> BinaryIO:
        """Open a file on main, as `newest` found it."""
        sizes = {path: self._tree[path].size} if path in self._tree else {}
        return HubFiles(self.name, self._head or "main", sizes=sizes).open(path)

    def version(self, number: str) -> Manifest | None:
        """Return the manifest of the version that is tagged so.

        Raises:
            UsageError: What is tagged so is no release of ours.
        """
        sha = self._repository.tags().get(f"v{number}")
        manifest = None if sha is None else self._repository.manifest_at(sha)
        if sha is not None and manifest is None:
            raise UsageError(
                f"its tag v{number} is on a commit that is no release of ours, and a tag is never moved",
                where=f"{SCHEME}{self.name}",
                remedy="choose a number that has no tag with --version, or another --to",
            )
        return manifest

    def plan(self, staging: Path, manifest: Manifest) -> Plan:
        """Compare with main as `newest` found it.

        Raises:
            UsageError: There would be more files than the Hub takes.
        """
        sizes = {file.path: file.bytes for file in manifest.files}
        sizes[MANIFEST] = (staging / MANIFEST).stat().st_size
        adds = {path: size for path, size in sizes.items() if not is_same(self._tree.get(path), staging / path)}
        brought = {file.path for file in self._newest.files} if self._newest else set[str]()
        others = self._tree.keys() - sizes.keys() - NOT_OURS
        stays = sorted(path for path in others - brought if not path.startswith(DATA))
        see_room(sizes.keys() | set(stays), f"{SCHEME}{self.name}")
        return Plan(adds, sorted(others - set(stays)), sorted(sizes.keys() - adds.keys()), stays)

    # --- content, then the commit ---

    def put(self, staging: Path, manifest: Manifest) -> None:
        """Upload what is missing, then commit it on the head that `newest` found."""
        if self._head is None:
            self._create()
        plan = self.plan(staging, manifest)
        adds = [CommitOperationAdd(path, str(staging / path)) for path in sorted(plan.adds)]
        deletes = [CommitOperationDelete(path, is_folder=False) for path in plan.removes]
        many = len(adds) + len(deletes) > COMMITTED_AT_ONCE
        try:
            self._upload(adds, plan)
            self._commit([*(self._staged(adds, staging, manifest) if many else adds), *deletes], manifest)
        except Conflict as error:
            raise Overtaken(self.name) from error
        self._say(f"{self.name}: version {manifest.version} is on main")

    def _create(self) -> None:
        api, private = self._repository.api, self._private or None  # None: as the organisation has it
        self._repository.ask(
            lambda: api.create_repo(self.name, repo_type="dataset", private=private, exist_ok=True)
        )
        self._look()
        if MANIFEST in self._tree:
            raise Overtaken(self.name)

    def _upload(self, adds: Sequence[CommitOperationAdd], plan: Plan) -> None:
        done, total, sent = 0, sum(plan.adds.values()), Sent()
        for some in batches(adds, plan.adds):

            def upload(some: Sequence[CommitOperationAdd] = some) -> None:
                self._repository.api.preupload_lfs_files(self.name, some, repo_type="dataset")

            with sent.counting():
                self._repository.ask(upload)
            done += sum(plan.adds[add.path_in_repo] for add in some)
            new = f", {decimal(sent.sent)} of {decimal(sent.read)} of data were new to it" if sent.read else ""
            self._say(f"{self.name}: {decimal(done)} of {decimal(total)} are on the Hub{new}")

    def _commit(self, operations: Sequence[_Operation], manifest: Manifest) -> None:
        def commit() -> None:
            head = self._repository.resolve("main")
            if head != self._head:
                if head is not None and not self._repository.differences(head, manifest):
                    self._committed = head  # the answer was lost, the commit was not
                    return
                raise Overtaken(self.name)
            done = self._repository.api.create_commit(
                self.name,
                operations,
                repo_type="dataset",
                parent_commit=self._head,
                commit_message=title_of(manifest),
                commit_description=f"content {manifest.content_sha256}",
            )
            self._committed = done.oid

        self._repository.ask(commit)

    def _staged(self, adds: Sequence[CommitOperationAdd], staging: Path, manifest: Manifest) -> list[_Operation]:
        """Commit files to a branch of their own, some at a time; return what copies them from there."""
        api, branch = self._repository.api, _staging(manifest)
        self._repository.ask(
            lambda: api.create_branch(
                self.name, branch=branch, revision=self._head, repo_type="dataset", exist_ok=True
            )
        )
        there = self._repository.tree(branch)  # of a publisher that was killed
        missing = [add for add in adds if not is_same(there.get(add.path_in_repo), staging / add.path_in_repo)]
        for start in range(0, len(missing), COMMITTED_AT_ONCE):
            some = missing[start : start + COMMITTED_AT_ONCE]

            def commit(some: Sequence[CommitOperationAdd] = some) -> None:
                api.create_commit(
                    self.name, some, repo_type="dataset", revision=branch, commit_message=manifest.version
                )

            self._repository.ask(commit)
        there = self._repository.tree(branch)

        def copied(add: CommitOperationAdd) -> _Operation:
            path, remote = add.path_in_repo, there.get(add.path_in_repo)
            if remote is not None and remote.lfs and is_same(remote, staging / path):
                return CommitOperationCopy(path, path, src_revision=branch)
            return CommitOperationAdd(path, str(staging / path))

        return [copied(add) for add in adds]

    # --- for good ---

    def settle(self, manifest: Manifest) -> None:
        """Compare what is there with the manifest, and only then tag it.

        Raises:
            VerificationFailed: With every difference.
        """
        tag = f"v{manifest.version}"
        tagged = self._repository.tags().get(tag)
        sha = tagged or self._committed or self._repository.commit_of(manifest) or ""
        problems = self._repository.differences(sha, manifest) or self._repository.miscounted(sha, manifest)
        if problems:
            raise VerificationFailed(
                f"{len(problems)} difference(s):\n  " + "\n  ".join(problems),
                where=f"{SCHEME}{self.name}@{sha}",
                remedy="nothing was tagged; publish again from the run"
                if tagged is None
                else f"its tag was moved, or is not ours: publish as --version {next_patch(manifest.version)}",
            )
        if tagged is None:
            if self._repository.tag(tag, sha, manifest.content_sha256) != sha:
                raise Overtaken(self.name)
            self._say(f"{self.name}: compared with the manifest, and tagged {tag}")
        self._repository.remove_branch(_staging(manifest))


def _staging(manifest: Manifest) -> str:
    return f"staging-{manifest.content_sha256[:12]}"
