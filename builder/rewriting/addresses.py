"""Addresses of servers, as users write them: what can be none is said at once, and no secret with it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv6Address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from builder.errors import BadAddress, UsageError
from builder.files import being_read
from builder.text import read_text

KEY_VARIABLE = "BUILDER_SERVER_KEY"
"""Environment variable with the servers' key, sent to them as a bearer token and nowhere else."""

_SCHEME = re.compile(r"https?://", re.I)
_HOST = re.compile(r"(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?)+")
# What people copy of a server's documentation in place of its root.
_ENDPOINT = re.compile(r"/v1(?:/(?:chat/)?completions|/models)?/*$")
_ONE_EACH = "name each server by a --server of its own, or a line each in a file for --servers"


def root_of(address: str, where: str = "--server") -> str:
    """Return the root of a server: `https://HOST[:PORT][/PATH]`, without `/v1` and what comes after it.

    Args:
        address: What the user wrote.
        where: Where it was written, for the error.

    Raises:
        BadAddress: It is no server's address, or holds a secret, which the error does not show.
    """
    address = address.strip()
    if problem := _problem(address):
        what, remedy = problem
        raise BadAddress(what, where=f"{where} {shown(address)}", remedy=remedy)
    parts = urlsplit(address)
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{_ENDPOINT.sub('', parts.path).rstrip('/')}"


def shown(address: str) -> str:
    """Return an address as it may be printed: without user, password, query and fragment."""
    if "@" in address and re.search(r"[?#]", address):
        return "…"  # which of it is secret can't be told
    public = "…@" + address.rpartition("@")[2] if "@" in address else address
    cut = re.split(r"[?#]", public, maxsplit=1)
    visible = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in cut[0])
    return visible + ("?…" if len(cut) > 1 else "")


def _problem(address: str) -> tuple[str, str] | None:
    """Return what is wrong with an address, and what to do; None where nothing is."""
    if "," in address or len(_SCHEME.findall(address)) > 1:
        return "it is more than one address", _ONE_EACH
    if odd := next((sign for sign in address if not "!" <= sign <= "~"), None):
        called = unicodedata.name(odd, "CONTROL")
        return f"it holds the character {called} (U+{ord(odd):04X})", "type it anew"
    if not _SCHEME.match(address):
        is_rest = re.match(r"(?!http)[\w.-]+(?::\d|/|$)", address, re.I)
        place = shown(address) if is_rest else "HOST:PORT"
        return "a server's address begins with http:// or https://", f"write http://{place}, or https://{place}"
    if "@" in address:
        return (
            "it holds a user's name, a password or a key",
            f"leave out what stands before the @; ${KEY_VARIABLE} holds the key, which is sent as a bearer token",
        )
    if "?" in address or "#" in address:
        return "it holds a query", "name the server's root, such as http://HOST:8080"
    return _problem_of_place(address)


def _problem_of_place(address: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(address)
        if not _is_host(parts):
            return "it names no host", "write http://HOST:PORT"
        if parts.port == 0 or parts.netloc.endswith(":"):
            return "its port is none", "a port is a number from 1 to 65535"
    except ValueError:  # urllib's for a port that is no number or too large, and for brackets
        return "its host or its port is none", "write http://HOST:PORT, with a port from 1 to 65535"
    return None


def _is_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if parts.netloc.startswith("["):
        return bool(IPv6Address(host))
    return _HOST.fullmatch(host) is not None


def read_addresses(
    urls: Sequence[str], file: Path | None, on_bad: Callable[[BadAddress], None] | None = None
) -> list[str]:
    """Return the roots of the servers that the command line and a file name, each once.

    Args:
        urls: Those of the command line.
        file: A file with more of them, a line each; what follows a `#` is a comment.
        on_bad: Told of lines that are no address, which are passed over; without it they are raised.

    Raises:
        UsageError: There are none, or the file can't be read.
        BadAddress: One is no address.
    """
    roots = [root_of(url) for url in urls]
    for where, line in _lines(file) if file is not None else ():
        try:
            roots.append(root_of(line, where))
        except BadAddress as error:
            if on_bad is None:
                raise
            on_bad(error)
    if not roots:
        raise UsageError("it names no server", where=str(file), remedy="a line each server's URL")
    return list(dict.fromkeys(roots))


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    is_one = _SCHEME.match(str(file).replace(":/", "://", 1))
    remedy = "--server URL names a server, --servers a file of them" if is_one else "a line each server's URL"
    with being_read(file, remedy, UsageError):
        lines = read_text(file).splitlines()
    for number, line in enumerate(lines, 1):
        if address := re.sub(r"(?:^|\s)#.*", "", line).strip():
            yield f"{file}:{number}", address
