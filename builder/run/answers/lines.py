"""A line of the log keeps one generation: a CRC-32, then JSON that begins with the key."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import orjson

from builder.rewriting.generation import Generation
from builder.run.answers.keys import number_of

_FIELDS = [field.name for field in fields(Generation)]
_KEY = slice(len('{"key":"'), len('{"key":"') + 64)


def encode(key: str, generation: Generation) -> bytes:
    """Return the line that keeps a generation."""
    body = orjson.dumps({"key": key, **{name: getattr(generation, name) for name in _FIELDS}})
    return b"%08x %s\n" % (zlib.crc32(body), body)


def decode(line: bytes) -> tuple[str, Generation] | None:
    """Return key and generation of a line, None where it is torn or the disk has spoilt it."""
    if (body := _body(line)) is None:
        return None
    kept = orjson.loads(body)
    return kept.pop("key"), Generation(**kept)


def _body(line: bytes) -> bytes | None:
    checksum, _, body = line.removesuffix(b"\n").partition(b" ")
    return body if line.endswith(b"\n") and checksum == b"%08x" % zlib.crc32(body) else None


def whole_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, but for a last one that a crash tore."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line


def scan(path: Path) -> Iterator[tuple[int, int, int]]:
    """Yield the key's number, the offset and the length of each line that is not spoilt."""
    offset = 0
    for line in whole_lines(path):
        if (body := _body(line)) is not None:
            yield number_of(body[_KEY].decode("ascii")), offset, len(line)
        offset += len(line)
