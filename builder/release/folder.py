"""Releases in a directory: a version is made aside, whole, and then appears by one rename.

`DEST` is a link to the newest of `DEST.versions/vX.Y.Z`.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import BinaryIO

from builder.errors import StorageError, UsageError
from builder.files import sync_folder
from builder.release.destination import Cards, Destination, Overtaken, Plan
from builder.release.manifest import (
    CARD,
    CHANGELOG,
    MANIFEST,
    Manifest,
    content_digest,
    file_problems,
    parse_version,
    read_manifest,
)


class FolderDestination(Destination):
    """A directory on this machine."""

    has_revisions = False

    def __init__(self, dest: Path) -> None:
        """Point at the directory that readers use.

        Raises:
            UsageError: It is something else.
        """
        if dest.exists() and not dest.is_symlink():
            raise UsageError(
                "it exists and is no release of ours",
                where=str(dest),
                remedy="choose another --to, or move it away",
            )
        self.name, self.label = str(dest), dest.name
        self._dest, self._versions = dest, dest.with_name(dest.name + ".versions")
        self.work = self._versions
        self._planned_on: str | None = None
        self._newest = dest  # the directory of the version that `newest` returned
        self._made: str | None = None  # the version that `put` has made
        self._edited: str | None = None  # the version that `put` sets aside

    def place(self, number: str) -> str:
        """Return a version's own directory: `DEST` may lead to another one while somebody reads."""
        return str(self._path(number).absolute())

    def newest(self) -> Manifest | None:
        """Return the manifest that `DEST` leads to; where a version is to be set aside, of the one before that.

        A publisher that was killed while it set one aside leaves a link to nothing: then it is the highest.
        """
        self._planned_on, self._newest = self._pointed_at(), self._dest
        manifest = read_manifest(self._dest)
        if manifest is not None and self._edited is None:
            return manifest
        found = [parse_version(path.name) for path in self._versions.glob("v*.*.*") if read_manifest(path)]
        before = max((one for one in found if not self._edited or one < parse_version(self._edited)), default=None)
        if before is None:
            return None
        self._newest = self._path(".".join(map(str, before)))
        return read_manifest(self._newest)

    def see_writable(self) -> None:
        """Look whether versions may be made beside the directory, or the folders above it.

        Raises:
            UsageError: It would lie below a file.
            StorageError: This user may not write there.
        """
        places = (self._versions, *self._versions.absolute().parents)
        above = next(place for place in places if place.exists())
        if not above.is_dir():
            raise UsageError("a release would lie below this file", where=str(above), remedy="choose another --to")
        if not os.access(above, os.W_OK | os.X_OK):
            raise StorageError(
                "a release can't be written here",
                where=str(above),
                remedy="give this user the right to it, mount it for writing, or choose another --to",
            )

    def changelog(self) -> str:
        """Return the newest version's changelog."""
        return (self._newest / CHANGELOG).read_text(encoding="utf-8")

    def cards(self) -> Cards | None:
        """Return the newest version's card; as its directory stays, nothing in it is lost."""
        card = self._newest / CARD
        return Cards(card.read_text(encoding="utf-8"), None) if card.is_file() else None

    def edited(self, manifest: Manifest | None) -> list[str]:
        """Return nothing: a version has a directory of its own."""
        del manifest
        return []

    def open(self, path: str) -> BinaryIO:
        """Open a file of the newest version."""
        at = self._newest
        if at == self._dest:  # the link may lead to another version by now
            at = self._dest.parent / (self._planned_on or self._dest.name)
        return (at / path).open("rb")

    def version(self, number: str) -> Manifest | None:
        """Return the manifest of a version."""
        return None if number == self._edited else read_manifest(self._path(number))

    def set_aside(self, manifest: Manifest) -> list[str]:
        """Return in what a version is not as it was published; `put` then keeps that under another name."""
        problems = file_problems(self._path(manifest.version), manifest)
        if content_digest(manifest.content) != manifest.content_sha256:
            problems.append(f"{MANIFEST}: its content does not have the digest it states")
        self._edited = manifest.version if problems else None
        return problems

    def plan(self, staging: Path, manifest: Manifest) -> Plan:
        """Return a new directory's files: nothing is shared with the version before."""
        del staging
        return Plan({file.path: file.bytes for file in manifest.files}, (), ())

    def put(self, staging: Path, manifest: Manifest) -> None:
        """Sync the files and rename their directory."""
        for path in filter(Path.is_file, staging.rglob("*")):
            with path.open("rb") as file:
                os.fsync(file.fileno())
        if self._pointed_at() != self._planned_on:
            raise Overtaken(self.name)
        place = self._path(manifest.version)
        if manifest.version == self._edited:
            place.rename(self._versions / f"edited-{place.name}-{secrets.token_hex(4)}")
            self._edited = None
        try:
            staging.rename(place)
        except OSError as error:  # not empty: somebody else's is there
            if read_manifest(place) is None:
                raise
            raise Overtaken(self.name) from error
        sync_folder(self._versions)
        self._made = manifest.version

    def settle(self, manifest: Manifest) -> None:
        """Make `DEST` a link to the version, in one step. An old one that was there takes no reader back."""
        current = read_manifest(self._dest)
        is_older = current is not None and parse_version(manifest.version) < parse_version(current.version)
        if is_older and self._made != manifest.version:
            return
        link = self._dest.with_name(f".{self._dest.name}.{os.getpid()}.link")
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(self._path(manifest.version), self._dest.parent), target_is_directory=True)
        link.replace(self._dest)
        sync_folder(self._dest.parent)

    def _path(self, number: str) -> Path:
        return self._versions / f"v{number}"

    def _pointed_at(self) -> str | None:
        return str(self._dest.readlink()) if self._dest.is_symlink() else None
