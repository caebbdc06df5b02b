"""The blobs that a run has fetched, as stored, on disk: what is here is never asked for again."""

from __future__ import annotations

import sqlite3
from contextlib import AbstractContextManager
from pathlib import Path

from builder.files import database, storage

UNCOMMITTED = 256
"""Blobs that may be lost to a kill, and so asked for again."""


class Fetched:
    """A database of blobs by id."""

    def __init__(self, folder: Path) -> None:
        """Open or make it."""
        self._path = folder / "contents.sqlite"
        self._uncommitted = 0
        with storage(self._path):
            folder.mkdir(parents=True, exist_ok=True)
        with self._writing():
            self._database = sqlite3.connect(self._path, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute("CREATE TABLE IF NOT EXISTS blob (id BLOB PRIMARY KEY, body BLOB NOT NULL)")

    def _writing(self) -> AbstractContextManager[None]:
        return database(
            self._path,
            "the fetched contents can't be kept",
            "make room or mend the disk, then run the same command; if the file is damaged, remove it: what it"
            " held is fetched again",
        )

    def get(self, blob_id: str) -> bytes | None:
        """Return a blob's body, None where it was not fetched."""
        with self._writing():
            found = self._database.execute("SELECT body FROM blob WHERE id = ?", (bytes.fromhex(blob_id),))
            row = found.fetchone()
        return None if row is None else bytes(row[0])

    def any(self) -> str | None:
        """Return the id of some blob."""
        with self._writing():
            row = self._database.execute("SELECT id FROM blob LIMIT 1").fetchone()
        return None if row is None else bytes(row[0]).hex()

    def put(self, blob_id: str, body: bytes) -> None:
        """Keep a blob."""
        with self._writing():
            self._database.execute("INSERT OR IGNORE INTO blob VALUES (?, ?)", (bytes.fromhex(blob_id), body))
        self._uncommitted += 1
        if self._uncommitted >= UNCOMMITTED:
            self.commit()

    def commit(self) -> None:
        """Make what was put safe from a kill."""
        with self._writing():
            self._database.commit()
        self._uncommitted = 0

    def close(self) -> None:
        """Commit and let go."""
        try:
            self.commit()
        finally:
            self._database.close()
