"""The manifest: what a release consists of, a hash a file, and the version that follows from what changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from builder.errors import UsageError, VerificationFailed
from builder.exclusions import EXCLUDED
from builder.files import sha256_of

MANIFEST, CARD, CHANGELOG = "manifest.json", "README.md", "CHANGELOG.md"
DATA = "data/"
"""Where a release's data is, and nobody else's: a config's files are named by a pattern."""

_WORDS = (
    "title", "description", "language", "tags", "source_datasets", "source_terms", "contact", "license", "to",
)  # fmt: skip
_SOURCES_WORDS = ("license", "license_url", "license_file", "language", "terms")
"""What of a recipe's release, and of its sources, is in the card and the licences alone."""

_VERSION = re.compile(r"^(\d+)\.(\d+)\.(\d+)$")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a release.

    Attributes:
        path: Its place in the release.
        sha256: Of its content.
        bytes: Its size.
        rows: None for what is not data.
        groups: A digest for the rows of each row group, None for what is not data.
    """

    path: str
    sha256: str
    bytes: int
    rows: int | None = None
    groups: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A release's identity.

    Attributes:
        version: Its number.
        name: The recipe's.
        content_sha256: Digest of `content`.
        content: What a version number stands for: all but the number itself, and what others wrote into the card.
        files: Every file but the manifest.
        owners: Front matter of the card that the dataset's owner set, of those keys that a release makes, too.
    """

    version: str
    name: str
    content_sha256: str
    content: dict[str, Any]
    files: list[File]
    owners: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the file's text."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2).decode() + "\n"


def content_digest(content: Mapping[str, Any]) -> str:
    """Return the digest of a release's content."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def list_files(folder: Path, known: Iterable[File]) -> list[File]:
    """Return every file below a folder except the manifest, sorted by path; those `known` are not read again."""
    found, before = [], {file.path: file for file in known}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != MANIFEST:
            found.append(before.get(name) or described(folder, name))
    return found


def described(folder: Path, name: str, rows: int | None = None, groups: list[str] | None = None) -> File:
    """Return a file below a folder as it is; for `rows` and `groups` see `File`."""
    path = folder / name
    return File(name, sha256_of(path), path.stat().st_size, rows, groups)


def read_manifest(release: Path) -> Manifest | None:
    """Return a release's manifest, None where there is no release.

    Raises:
        VerificationFailed: There is one, and it can't be read.
    """
    path = release / MANIFEST
    return parse_manifest(path.read_bytes(), str(path)) if path.is_file() else None


def file_problems(release: Path, manifest: Manifest) -> list[str]:
    """Return, a line each, which files of a release in a directory are not as its manifest says."""
    problems = []
    for file in manifest.files:
        path = release / file.path
        if not path.is_file():
            problems.append(f"{file.path}: missing")
        elif sha256_of(path) != file.sha256:
            problems.append(f"{file.path}: its content is not what was published")
    listed = {file.path for file in manifest.files} | {MANIFEST}
    present = {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()}
    return problems + [f"{path}: not in the manifest" for path in sorted(present - listed)]


def parse_manifest(content: bytes, where: str) -> Manifest:
    """Return the manifest that a file found at `where` holds.

    Raises:
        VerificationFailed: It holds none.
    """
    try:
        fields = orjson.loads(content)
        return Manifest(**{**fields, "files": [File(**file) for file in fields["files"]]})
    except (orjson.JSONDecodeError, TypeError, KeyError) as error:
        raise VerificationFailed(f"the manifest can't be read ({error})", where=where) from error


def excluded_in(content: Mapping[str, Any]) -> int:
    """Return how many documents a release leaves out because they are excluded."""
    return sum(stage.get("passed_over", {}).get(EXCLUDED, 0) for stage in content["ledger"])


def next_version(old: Manifest | None, content: Mapping[str, Any]) -> str:
    """Return the next version number.

    Another recipe's name, other configs or columns: major. Other recipe, prompts, source, tools or model: minor,
    and other rows too. The rest (card, licences, and what a recipe says for them alone): patch. `dropped` and
    `generations` have no files as long as they have no rows: they come and go without being other configs.
    """
    if old is None:
        return "1.0.0"
    major, minor, _ = parse_version(old.version)
    is_another = old.content["recipe"]["name"] != content["recipe"]["name"]
    if is_another or _lasting(old.content, content) != _lasting(content, old.content):
        return f"{major + 1}.0.0"
    is_alike = _deciding(old.content["recipe"]) == _deciding(content["recipe"])
    if not is_alike or any(old.content[part] != content[part] for part in ("run", "ledger", "data")):
        return f"{major}.{minor + 1}.0"
    return next_patch(old.version)


def next_patch(version: str) -> str:
    """Return the number after a version's."""
    major, minor, patch = parse_version(version)
    return f"{major}.{minor}.{patch + 1}"


def _deciding(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe without the words of card and licences."""
    sources = [{key: one[key] for key in one if key not in _SOURCES_WORDS} for one in recipe["source"]]
    release = {key: value for key, value in recipe["release"].items() if key not in _WORDS}
    return {**recipe, "source": sources, "release": release}


def _lasting(content: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the columns of each config, less those that both recipes ask for and only `content` has rows of."""
    asked = (content["recipe"]["release"], other["recipe"]["release"])
    return {
        config: columns
        for config, columns in content["schemas"].items()
        if config in other["schemas"] or not all(release.get(config) is True for release in asked)
    }


def parse_version(version: str) -> tuple[int, int, int]:
    """Return the three numbers of `X.Y.Z`.

    Raises:
        UsageError: It is not of that form.
    """
    match = _VERSION.match(version.removeprefix("v"))
    if match is None:
        raise UsageError(f"{version!r} is not a version", remedy="write three numbers, such as 1.2.0")
    return int(match.group(1)), int(match.group(2)), int(match.group(3))
