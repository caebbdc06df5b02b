"""The manifest: what a release consists of, a hash a file, and the version that follows from what changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from builder.errors import UsageError, VerificationFailed
from builder.files import sha256_of

MANIFEST = "manifest.json"
_VERSION = re.compile(r"^(\d+)\.(\d+)\.(\d+)$")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a release. `rows` is None for what is not data."""

    path: str
    sha256: str
    bytes: int
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A release's identity. `content` is what a version number stands for: all but the number itself."""

    version: str
    name: str
    content_sha256: str
    content: dict[str, Any]
    files: list[File]

    def to_json(self) -> str:
        """Return the file's text."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2).decode() + "\n"


def content_digest(content: dict[str, Any]) -> str:
    """Return the digest of a release's content."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def list_files(folder: Path, rows: dict[str, int], listed: Iterable[File] = ()) -> list[File]:
    """Return every file below a folder except the manifest, sorted by path; those `listed` are as they were."""
    found, before = [], {file.path: file for file in listed}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != MANIFEST:
            found.append(before.get(name) or File(name, sha256_of(path), path.stat().st_size, rows.get(name)))
    return found


def read_manifest(release: Path) -> Manifest | None:
    """Return a release's manifest, None where there is no release.

    Raises:
        VerificationFailed: There is one, and it can't be read.
    """
    path = release / MANIFEST
    return parse_manifest(path.read_bytes(), str(path)) if path.is_file() else None


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


def next_version(old: Manifest | None, content: dict[str, Any]) -> str:
    """Return the next version number.

    Other configs or columns: major. Other recipe, prompts, source, tools or model: minor, and other rows too.
    The rest (card, licences): patch.
    """
    if old is None:
        return "1.0.0"
    major, minor, patch = parse_version(old.version)
    if old.content["schemas"] != content["schemas"]:
        return f"{major + 1}.0.0"
    if any(old.content[part] != content[part] for part in ("recipe", "run", "ledger", "data")):
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"


def parse_version(version: str) -> tuple[int, int, int]:
    """Return the three numbers of `X.Y.Z`.

    Raises:
        UsageError: It is not of that form.
    """
    match = _VERSION.match(version.removeprefix("v"))
    if match is None:
        raise UsageError(f"{version!r} is not a version", remedy="write three numbers, such as 1.2.0")
    return int(match.group(1)), int(match.group(2)), int(match.group(3))


def changes(old: Manifest | None, content: dict[str, Any]) -> list[str]:
    """Return what changed since the release before, a line a change, from the two manifests alone."""
    if old is None:
        return ["First release."]
    lines = [*_of_rows(old.content, content), *_of_drops(old.content["ledger"], content["ledger"])]
    lines += _of_run(old.content["run"], content["run"])
    for part, name in (("recipe", "recipe"), ("licenses", "licence files"), ("card", "card")):
        if old.content[part] != content[part]:
            lines.append(f"The {name} changed.")
    return lines


def _of_rows(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    before, after = old["rows"], new["rows"]
    for config in sorted({*before, *after}):
        if config not in before:
            yield f"Config `{config}` is new, with {after[config]:,} rows."
        elif config not in after:
            yield f"Config `{config}` is gone; it had {before[config]:,} rows."
        elif before[config] != after[config]:
            yield f"Config `{config}`: {before[config]:,} → {after[config]:,} rows."
        elif old["data"].get(config) != new["data"].get(config):
            yield f"Config `{config}`: {after[config]:,} rows, as before, with other content."


def _of_drops(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Iterator[str]:
    stages = {stage["name"]: stage["dropped"] for stage in old}
    for stage in new:
        before, after = stages.get(stage["name"], {}), stage["dropped"]
        differing = [
            f"{reason} {before.get(reason, 0):,} → {after.get(reason, 0):,}"
            for reason in sorted({*before, *after})
            if before.get(reason, 0) != after.get(reason, 0)
        ]
        if stage["name"] in stages and differing:
            yield f"Drops at `{stage['name']}`: {', '.join(differing)}."


def _of_run(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    if old["model"] != new["model"]:
        yield f"The model is {_named(new['model'])}; it was {_named(old['model'])}."
    for stage in sorted({*old["prompts"], *new["prompts"]}):
        if old["prompts"].get(stage) != new["prompts"].get(stage):
            yield f"The prompt of stage `{stage}` changed."
    for tool in sorted({*old["versions"], *new["versions"]}):
        before, after = old["versions"].get(tool, "absent"), new["versions"].get(tool, "absent")
        if before != after:
            yield f"{tool} is {after}; it was {before}."
    if old["sources"] != new["sources"]:
        yield "The source's content or revision changed."


def _named(model: dict[str, Any] | None) -> str:
    if model is None:
        return "none"
    return f"`{model['id']}`" + (f" at `{model['sha'][:12]}`" if model["sha"] else "")
