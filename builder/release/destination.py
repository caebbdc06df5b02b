"""Where releases go: a directory or a dataset on the Hub. Both keep the same promises.

A reader sees the newest version whole, or the one before; a version, once there, never changes; putting it there
again, after any kind of end, completes what is missing and nothing else.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, ClassVar

from builder.errors import UsageError
from builder.release.manifest import Manifest

SCHEME = "hf://datasets/"
"""What a destination on the Hub begins with."""


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

    @abstractmethod
    def stage(self) -> AbstractContextManager[Path]:
        """Give an empty directory to make a release in; it goes with the block."""

    @abstractmethod
    def newest(self) -> Manifest | None:
        """Return the manifest of what readers get, and plan on it: `put` refuses if it is another by then."""

    @abstractmethod
    def changelog(self) -> str:
        """Return the changelog of the version that `newest` returned."""

    @abstractmethod
    def cards(self) -> Cards | None:
        """Return the card of what `newest` returned, None where there is none."""

    @abstractmethod
    def edited(self, manifest: Manifest) -> list[str]:
        """Return, a line each, which files that others put or edited there `put` would replace or take away."""

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
    def plan(self, stage: Path, manifest: Manifest) -> Plan:
        """Return what `put` would do."""

    @abstractmethod
    def put(self, stage: Path, manifest: Manifest) -> None:
        """Make the release in `stage` what readers get, in one step.

        Raises:
            Overtaken: Another one was published meanwhile.
        """

    @abstractmethod
    def settle(self, manifest: Manifest) -> None:
        """See that the version is there for good, complete and as the manifest says."""


def dataset_of(place: str) -> str:
    """Return `ORG/NAME` of `hf://datasets/ORG/NAME`.

    Raises:
        UsageError: It names no dataset.
    """
    dataset = place.removeprefix(SCHEME).strip("/")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", dataset):
        raise UsageError("it names no dataset", where=place, remedy=f"write {SCHEME}ORG/NAME")
    return dataset
