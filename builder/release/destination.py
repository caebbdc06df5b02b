"""Where releases go: a directory or a dataset on the Hub. Both keep the same promises.

A reader sees the newest version whole, or the one before; a version, once there, never changes; putting it there
again, after any kind of end, completes what is missing and nothing else. What others put there, and the name under
which its readers know it, are not ours to take.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

from builder.errors import UsageError
from builder.files import placed
from builder.release.manifest import Manifest, content_digest, excluded_in, next_version, parse_version
from builder.release.places import SCHEME, dataset_of, looks_like_a_dataset, meant
from builder.release.staging import staging_in


class Overtaken(Exception):
    """Another release was published since this one was planned; the argument says where."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What putting a release somewhere would do.

    Attributes:
        adds: Files that are not there yet, or with other content, and their bytes.
        removes: Files of the version before that go.
        same: Files that are there already.
        stays: Files of others.
    """

    adds: dict[str, int]
    removes: Sequence[str]
    same: Sequence[str]
    stays: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Cards:
    """The card that readers get, and the one that its version brought: None where that can't be told."""

    there: str
    brought: str | None


class Destination(ABC):
    """A place for the versions of one release."""

    name: str
    """What `load_dataset` takes."""

    label: str
    """What its card calls it: the same for equal releases, wherever on a machine they lie."""

    has_revisions: ClassVar[bool]
    """Whether `load_dataset` takes a version as `revision`."""

    work: Path
    """A directory on this machine to make releases in."""

    def staging(self) -> AbstractContextManager[Path]:
        """Give an empty directory to make a release in; it goes with the block."""
        return staging_in(self.work)

    @abstractmethod
    def newest(self) -> Manifest | None:
        """Return the manifest of what readers get, and plan on it: `put` refuses if it is another by then."""

    def see_writable(self) -> None:
        """Look, after `newest` and before anything is paid for, whether a release may be put there.

        Raises:
            HubRefused, StorageError: This account, or this user, may not write there.
            UsageError: There can be no such place.
        """
        return

    def see_card(self, card: str) -> None:
        """Look whether a card is one that would be taken there, before anything is sent.

        Raises:
            UsageError: It is not.
        """
        del card

    @abstractmethod
    def changelog(self) -> str:
        """Return the changelog of the version that `newest` returned."""

    @abstractmethod
    def cards(self) -> Cards | None:
        """Return the card of what `newest` returned, None where there is none."""

    @abstractmethod
    def edited(self, manifest: Manifest | None) -> list[str]:
        """Return, a line each, which files that others put or edited there `put` would replace or take away.

        Args:
            manifest: What is to be put there; None where only what any release would replace can be told yet.
        """

    @abstractmethod
    def open(self, path: str) -> BinaryIO:
        """Open a file of the version that `newest` returned; on the Hub it is read by ranges.

        Raises:
            OSError: A disk refuses.
            HubRefused, HubUnreachable, SourceError: The Hub does.
        """

    def place(self, number: str) -> str:
        """Return what `load_dataset` takes to read a version, which `revision` names where there are revisions."""
        del number
        return self.name

    @abstractmethod
    def version(self, number: str) -> Manifest | None:
        """Return the manifest of a published version."""

    def set_aside(self, manifest: Manifest) -> list[str]:
        """Return in what a version was edited; which is then kept beside it. On the Hub: nothing."""
        del manifest
        return []

    @abstractmethod
    def plan(self, staging: Path, manifest: Manifest) -> Plan:
        """Return what `put` would do."""

    @abstractmethod
    def put(self, staging: Path, manifest: Manifest) -> None:
        """Make the release in `staging` what readers get, in one step.

        Raises:
            Overtaken: Another one was published meanwhile.
        """

    @abstractmethod
    def settle(self, manifest: Manifest) -> None:
        """See that the version is there for good, complete and as the manifest says."""

    # --- which number is next ---

    def choose_number(
        self, old: Manifest | None, content: Mapping[str, Any], asked: str | None
    ) -> tuple[str, Manifest | None]:
        """Return the number to publish under, and its version where this content is there already.

        Args:
            old: What `newest` returned.
            content: What the new manifest says.
            asked: The number that a user wants, None for the next one.

        Raises:
            UsageError: It is there with other content, or would take readers back.
        """
        digest = content_digest(content)
        if old is not None and old.content_sha256 == digest and asked in (None, old.version):
            return old.version, old
        if asked is None:
            return self._free_number(old, content, digest)
        number = ".".join(map(str, parse_version(asked)))
        existing = self.version(number)
        if existing is not None and existing.content_sha256 == digest:
            return number, existing
        is_back = old is not None and parse_version(number) < parse_version(old.version)
        if existing is not None or is_back:
            free, _ = self._free_number(old, content, digest)
            taken = f"version {number} is published with other content, and a version never changes"
            back = f"version {number} would take readers back from {old.version if old else ''}"
            raise UsageError(
                taken if existing is not None else back,
                where=self.name,
                remedy=f"publish as {free}, or leave --version out",
            )
        return number, None

    def _free_number(
        self, old: Manifest | None, content: Mapping[str, Any], digest: str
    ) -> tuple[str, Manifest | None]:
        """Return the next number that other content has not taken, and its version where this content is there."""
        number = next_version(old, content)
        # Readers may not have the newest: a publisher may have been killed, or an old version mended since.
        while (existing := self.version(number)) is not None and existing.content_sha256 != digest:
            number = next_version(existing, content)
        return number, existing

    # --- what is not ours ---

    def refuse_another(self, old: Manifest | None, recipe: str, replaces: str | None) -> None:
        """Stop where another recipe was released until now.

        Args:
            old: What `newest` returned.
            recipe: The name of the recipe to release.
            replaces: The recipe that it is meant to take the place of.

        Raises:
            UsageError: It is another than `recipe` and `replaces`.
        """
        if old is None or old.name in (recipe, replaces):
            return
        raise UsageError(
            f"it holds releases of the recipe {old.name!r}, and this is {recipe!r}: its readers would get other"
            " data",
            where=self.name,
            remedy=f"choose another --to; --replaces {old.name} goes on there with this one, as a new major"
            " version",
        )

    def refuse_readmission(self, old: Manifest | None, excluded: int, *, readmits: bool) -> None:
        """Stop where documents that a release leaves out on request would be in the next one.

        Args:
            old: What `newest` returned.
            excluded: How many documents are left out now.
            readmits: Whether they are meant to come back.

        Raises:
            UsageError: Fewer documents are left out, and that was not said to be meant.
        """
        before = 0 if old is None else excluded_in(old.content)
        if excluded < before and not readmits:
            raise UsageError(
                f"{before} document(s) were left out of the version before on request, and now {excluded} are:"
                " the others would be published again",
                where=self.name,
                remedy="give every list again (`exclude` in the recipe, or --exclude); where they may come back,"
                " or the source has them no longer, --readmit goes on",
            )

    def refuse_loss(self, lost: Sequence[str], say: Callable[[str], None], *, overwrites: bool) -> None:
        """Stop before others' work is lost.

        Raises:
            UsageError: It would be, and was not said to be meant to.
        """
        if lost and overwrites:
            say(f"{self.name}: replaced, as --overwrite says:\n  " + "\n  ".join(lost))
        elif lost:
            raise UsageError(
                "what others wrote there would be lost:\n  " + "\n  ".join(lost),
                where=self.name,
                remedy="put words of the card between <!-- keep --> and <!-- /keep -->, each on a line of its own;"
                " move files elsewhere in the repository; --overwrite replaces all of this",
            )


def destination_of(dest: str, run: Path, say: Callable[[str], None], *, private: bool) -> Destination:
    """Return the place that `hf://datasets/ORG/NAME`, or a directory's path, names.

    Args:
        dest: The place.
        run: The directory of the run to release; a release for the Hub is made in it.
        say: Told how an upload goes.
        private: Whether a repository that has to be made is private.

    Raises:
        UsageError: There is no such place.
    """
    if not dest.startswith(SCHEME):
        if "://" in dest or dest.lower().startswith("hf:"):  # else a folder of that name were made
            raise UsageError(
                "releases go to a directory or a dataset on the Hub",
                where=dest,
                remedy=f"write a directory's path, or {meant(dest)}",
            )
        from builder.release.folder import FolderDestination

        place = placed(dest)
        if looks_like_a_dataset(dest) and not place.parent.exists():
            say(f"{dest}: this is a directory's path; a dataset on the Hub is {meant(dest)}")
        return FolderDestination(place)
    from builder.release.hub import HubDestination

    return HubDestination(dataset_of(dest), run / "release", say, private=private)
