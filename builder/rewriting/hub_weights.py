"""Weights on the Hub: one GGUF of a repository, and the licence beside it.

A file in the Hub's cache is taken without asking. Else the Hub has a few seconds to say that it has the file, so
that where it can't be reached nobody waits for it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from builder.errors import NothingToTalkTo, UsageError
from builder.files import sha256_of, storage_error

_ADDRESS = re.compile(r"hf://([\w.-]+/[\w.-]+?)(?:@([^/@]+))?/(.+\.gguf)")
_SECONDS = 5.0  # that the Hub has to answer
_LICENSES = ("LICENSE", "LICENSE.txt", "LICENSE.md")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class HubFile:
    """A GGUF on the Hub: `hf://ORG/REPO/FILE.gguf`, or `hf://ORG/REPO@REVISION/FILE.gguf`."""

    repository: str
    revision: str | None
    name: str

    @classmethod
    def parse(cls, address: str) -> HubFile:
        """Read an address.

        Raises:
            UsageError: It is none.
        """
        if (found := _ADDRESS.fullmatch(address)) is None:
            raise UsageError(
                "this names no GGUF on the Hub",
                where=address,
                remedy="write hf://ORG/REPO/FILE.gguf, or hf://ORG/REPO@REVISION/FILE.gguf",
            )
        return cls(*found.groups())

    def __str__(self) -> str:
        at = f"@{self.revision}" if self.revision else ""
        return f"hf://{self.repository}{at}/{self.name}"


def fetch_weights(file: HubFile, sha256: str | None, say: Callable[[str], None]) -> tuple[Path, str]:
    """Return the file on this machine and its digest, downloaded where it is not there yet.

    Args:
        file: Which it is.
        sha256: What its digest must be, None for whatever it is.
        say: Told of a download; the Hub's client shows its progress.

    Raises:
        NothingToTalkTo: The Hub can't be reached, has no such file, or has another than `sha256` says.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    path = try_to_load_from_cache(file.repository, file.name, revision=file.revision)
    if not isinstance(path, str):
        _ask(file, sha256, say)
        try:
            path = hf_hub_download(file.repository, file.name, revision=file.revision)
        except _hub_errors() as error:  # of which some are the disk's that the weights go to
            raise storage_error(error) or _unreachable(file, error) from error
    found = sha256_of(Path(path))
    if sha256 not in (None, found):
        raise _another(file, found, sha256, f"remove {path}, then run the same command; {_ELSE}")
    return Path(path), found


def fetch_license(file: HubFile, to: Path) -> Path | None:
    """Return the repository's licence, kept at `to`; None where there is none or it can't be had."""
    from huggingface_hub import hf_hub_download

    for name in () if to.is_file() else _LICENSES:
        try:
            text = hf_hub_download(file.repository, name, revision=file.revision, etag_timeout=_SECONDS)
        except _hub_errors():
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(text, to)
        break
    return to if to.is_file() else None


def _ask(file: HubFile, sha256: str | None, say: Callable[[str], None]) -> None:
    """Ask the Hub whether it has the file, and whether that is the right one."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        url = hf_hub_url(file.repository, file.name, revision=file.revision)
        found = get_hf_file_metadata(url, timeout=_SECONDS)
    except _hub_errors() as error:
        raise _unreachable(file, error) from error
    etag = found.etag or ""
    if sha256 is not None and _SHA256.fullmatch(etag) and etag != sha256:  # of large files it is the digest
        raise _another(file, etag, sha256, _ELSE)
    size = f" ({found.size / 1e6:,.0f} MB)" if found.size else ""
    say(f"fetching {file.name}{size} from {file.repository} on the Hub, once")


_ELSE = "or give --model the path of a GGUF file"


def _unreachable(file: HubFile, error: Exception) -> NothingToTalkTo:
    from builder.hub_access import brief

    return NothingToTalkTo(
        f"the Hub does not give the weights ({brief(error)})",
        where=str(file),
        remedy=f"see to the connection, then run the same command; {_ELSE}",
    )


def _another(file: HubFile, found: str, sha256: str, remedy: str) -> NothingToTalkTo:
    return NothingToTalkTo(f"the weights have sha256 {found}, not {sha256}", where=str(file), remedy=remedy)


def _hub_errors() -> tuple[type[Exception], ...]:
    from builder.hub_access import ANY_TROUBLE  # with the Hub's client: few builds need it

    return ANY_TROUBLE
