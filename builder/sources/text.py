"""From stored bytes to text, or to the reason why there is none: a source's bytes are hostile."""

from __future__ import annotations

import codecs
import zlib

from builder.text import without_bom

LONGEST = 2**31 - 2**16
"""Bytes of a text that a table can hold."""

_NO_TEXT = {"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape", "mbcs", "oem"}


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
    try:
        known = codecs.lookup(encoding or "utf-8")
    except (LookupError, ValueError):
        return None, "unknown_encoding"
    # Codecs that are no charset: they decode other things than text, some in quadratic time.
    if not getattr(known, "_is_text_encoding", True) or known.name.replace("-", "_") in _NO_TEXT:
        return None, "unknown_encoding"
    text, reason = decode(content, known.name)
    return (None, "nul_bytes") if text is not None and "\0" in text else (text, reason)


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
