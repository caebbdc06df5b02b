"""The Xet side of the local Hub: a store on disk that the real `hf_xet` cuts into chunks and writes to by itself.

    with LocalHub(folder, xet=tmp_path / "xet") as hub:
        …                      # clients upload through hf_xet, not LFS
        hub.store_xet.stored   # bytes of chunks that it holds: what was new

`hf_xet` takes `local://FOLDER` for a store. It keeps there, beside the chunks, lists of the files it was given
(`shards/*.mdb`), by which a commit, that names a file by its sha256 alone, finds its content.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

_ENTRY = 48  # bytes: of a shard's header, of everything in it
_LAST = b"\xff" * 32
_HAS_CHECKS, _HAS_SHA256 = 1 << 31, 1 << 30
_REBUILD = """
import os, sys, hf_xet
endpoint, hash, size, path, start, stop = sys.argv[1:]
stream = hf_xet.XetSession().new_download_stream_group(endpoint=endpoint)
with open(path, "wb") as file:
    for chunk in stream.download_stream(hf_xet.XetFileInfo(hash, int(size)), int(start), int(stop)):
        file.write(chunk)
os._exit(0)
"""


class XetFile(NamedTuple):
    """What the store calls a file, and its bytes."""

    hash: str
    size: int


@dataclass
class XetStore:
    """A folder that `hf_xet` stores in."""

    folder: Path
    _read: set[Path] = field(default_factory=set)
    _files: dict[str, XetFile] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"local://{self.folder}"

    @property
    def stored(self) -> int:
        """Return the bytes of all chunks, as stored."""
        return sum(
            path.stat().st_size for path in self.folder.glob("xet/xorbs/xorbs/*") if path.suffix != ".tagset"
        )

    def find(self, sha256: str) -> XetFile | None:
        """Return the file with this content, None where there is none."""
        with self._lock:
            for shard in self.folder.glob("xet/xorbs/shards/*.mdb"):
                if shard not in self._read:
                    self._files |= files_of(shard.read_bytes())
                    self._read.add(shard)
            return self._files.get(sha256)

    def rebuild(self, sha256: str, path: Path, start: int = 0, stop: int | None = None) -> None:
        """Write a file's content, or a range of it, to a path, in one step."""
        file, part = self._files[sha256], path.with_suffix(".part")
        places = [str(start), str(file.size if stop is None else stop)]
        with self._lock:
            if path.exists():
                return
            command = [sys.executable, "-c", _REBUILD, self.url, file.hash, str(file.size), str(part), *places]
            cache = {"HF_XET_CACHE": str(self.folder / "server")}  # not the one of whoever runs this
            subprocess.run(command, check=True, env={**os.environ, **cache})
            part.replace(path)


def files_of(shard: bytes) -> dict[str, XetFile]:
    """Return the files that a shard lists, by their sha256."""
    found, at = dict[str, XetFile](), _ENTRY
    while (name := shard[at : at + 32]) != _LAST:
        flags, count = struct.unpack_from("<II", shard, at + 32)
        segments = at + _ENTRY
        size = sum(struct.unpack_from("<I", shard, segments + number * _ENTRY + 36)[0] for number in range(count))
        at = segments + count * _ENTRY * (2 if flags & _HAS_CHECKS else 1)
        if flags & _HAS_SHA256:
            found[_hex(shard[at : at + 32])] = XetFile(_hex(name), size)
            at += _ENTRY
    return found


def _hex(digest: bytes) -> str:
    """Return a digest as Xet writes it: four numbers, the lowest byte of each first."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", digest))
