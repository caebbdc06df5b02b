"""From stored bytes to text, or to the reason why there is none: a source's bytes are hostile."""

from __future__ import annotations

import codecs
import zlib

import webencodings

from builder.text import without_bom

LONGEST = 2**31 - 2**16
"""Bytes of a text that a table can hold."""

POINTER_BYTES = 1024
"""The most that a pointer of Git LFS has."""

POINTER = "git_lfs_pointer"
"""Why a file is no document that Git LFS has left a pointer in the place of."""

_NO_TEXT = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"}
_NO_CHARSET_OF_BROWSERS = {"replacement", "x-user-defined"}


def charset(label: str) -> str | None:
    """Return Python's name of the charset that a label means, None where it means none.

    Labels that Python has not (`windows-949`, `x-mac-cyrillic`, `ISO-8859-8-I`) are looked up as browsers do.
    Python goes first: to a browser ISO-8859-1 is windows-1252, and a file that says the former means it.
    """
    try:
        known = codecs.lookup(label)
    except (LookupError, ValueError):
        found = webencodings.lookup(label)
        if found is None or found.name in _NO_CHARSET_OF_BROWSERS:
            return None
        known = found.codec_info
    # Codecs that are no charset: they decode other things than text, some in quadratic time.
    if not getattr(known, "_is_text_encoding", True) or known.name.replace("-", "_") in _NO_TEXT:
        return None
    return known.name


def decode(content: bytes, encoding: str) -> tuple[str | None, str | None]:
    """Return (text, None) without a leading U+FEFF, or (None, reason) when the bytes are not such text."""
    try:
        text = without_bom(content.decode(encoding))
        text.encode("utf-8")  # some codecs (utf-7) let lone surrogates through, which no table or JSON holds
    except UnicodeError:
        return None, "undecodable"
    return text, None


def decode_declared(content: bytes, encoding: str | None) -> tuple[str | None, str | None]:
    """Return what `decode` does, in an encoding that the data itself declares; None is UTF-8."""
    known = charset(encoding or "utf-8")
    if known is None:
        return None, "unknown_encoding"
    text, reason = decode(content, known)
    return (None, "nul_bytes") if text is not None and "\0" in text else (text, reason)


def is_pointer(content: bytes) -> bool:
    """Whether a file's content is a pointer that Git LFS leaves where it has not fetched the file itself."""
    return len(content) < POINTER_BYTES and content.startswith(b"version https://git-lfs.github.com/spec/")


def inflate(body: bytes, most: int) -> tuple[bytes | None, str | None]:
    """Return (bytes, None) of a gzip body, or (None, reason); inflating stops once it is over `most` bytes."""
    inflated = bytearray()
    if not body:
        return None, "broken_gzip"
    while body:
        member = zlib.decompressobj(wbits=31)
        try:
            inflated += member.decompress(body, most + 1 - len(inflated))
        except zlib.error:
            return None, "broken_gzip"
        if len(inflated) > most:
            return None, "too_large"
        if not member.eof:
            return None, "broken_gzip"
        body = member.unused_data
    return bytes(inflated), None
