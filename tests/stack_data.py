"""Tables with the schemas of The Stack v2 and FineMath, their contents, and an S3 service that holds those.

The files are the running Python's standard library, some of them in several repositories, beside contents that
can't be read: each with the reason that the table must give.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import sysconfig
import threading
import zlib
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, cast
from urllib.request import Request, urlopen

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "softwareheritage"
IDS = "bigcode/the-stack-v2-train-smol-ids"
FINEMATH = "HuggingFaceTB/finemath"
_LAST_MODIFIED = "Wed, 06 Sep 2023 12:00:00 GMT"
_DATE = datetime(2023, 9, 6, 12, 0, tzinfo=timezone.utc)

_FILE_COLUMNS: dict[str, pa.DataType] = {
    "blob_id": pa.string(),
    "path": pa.string(),
    "content_id": pa.string(),
    "language": pa.string(),
    "length_bytes": pa.int64(),
    "detected_licenses": pa.list_(pa.string()),
    "license_type": pa.string(),
    "src_encoding": pa.string(),
    "is_vendor": pa.bool_(),
    "is_generated": pa.bool_(),
    "alphanum_fraction": pa.float64(),
    "num_lines": pa.int64(),
    "extension": pa.string(),
}
_REPOSITORY_COLUMNS: dict[str, pa.DataType] = {
    "repo_name": pa.string(),
    "repo_url": pa.string(),
    "snapshot_id": pa.string(),
    "revision_id": pa.string(),
    "directory_id": pa.string(),
    "branch_name": pa.string(),
    "visit_date": pa.timestamp("us"),
    "star_events_count": pa.int64(),
    "gha_license_id": pa.string(),
    "gha_language": pa.string(),
    "files": pa.list_(pa.struct(list(_FILE_COLUMNS.items()))),
    "num_files": pa.int64(),
}
_FINEMATH_COLUMNS: dict[str, pa.DataType] = {
    "url": pa.string(),
    "fetch_time": pa.int64(),
    "content_mime_type": pa.string(),
    "warc_filename": pa.string(),
    "warc_record_offset": pa.int32(),
    "warc_record_length": pa.int32(),
    "text": pa.string(),
    "token_count": pa.int32(),
    "char_count": pa.int32(),
    "metadata": pa.string(),
    "score": pa.float64(),
    "int_score": pa.int64(),
    "crawl": pa.string(),
    "snapshot_type": pa.string(),
    "language": pa.string(),
    "language_score": pa.float64(),
}


@dataclass
class Stack:
    """A small Stack: rows of repositories, the stored contents by blob id, and why a blob can't be read."""

    repositories: list[dict[str, Any]] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def file(
        self, path: str, content: bytes, *, stored: bytes | None = b"gzip", reason: str | None = None, **known: Any
    ) -> dict[str, Any]:
        """Return a file of a repository, its content stored gzipped, as given, or (None) not at all."""
        blob_id = hashlib.sha1(content, usedforsecurity=False).hexdigest()
        if stored is not None:
            self.contents[blob_id] = gzip.compress(content, mtime=0) if stored == b"gzip" else stored
        if reason is not None:
            self.reasons[blob_id] = reason
        extension = Path(path).suffix.lstrip(".")
        return {
            "blob_id": blob_id,
            "path": path,
            "content_id": hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest(),
            "language": {"py": "Python", "js": "JavaScript"}.get(extension, "Text"),
            "length_bytes": len(content),
            "detected_licenses": ["PSF-2.0"],
            "license_type": "permissive",
            "src_encoding": "UTF-8",
            "is_vendor": False,
            "is_generated": False,
            "alphanum_fraction": 0.5,
            "num_lines": content.count(b"\n"),
            "extension": extension,
            **known,
        }

    def repository(self, name: str, files: Sequence[dict[str, Any]]) -> None:
        """Add a repository."""
        sha = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
        self.repositories.append(
            {
                "repo_name": name,
                "repo_url": f"https://github.com/{name}",
                "snapshot_id": sha,
                "revision_id": sha[::-1],
                "directory_id": sha,
                "branch_name": "refs/heads/main",
                "visit_date": _DATE,
                "star_events_count": 3,
                "gha_license_id": None,
                "gha_language": "Python",
                "files": list(files),
                "num_files": len(files),
            }
        )

    def nested(self, group: int = 4) -> bytes:
        """Return Parquet with a row a repository."""
        return parquet(pa.Table.from_pylist(self.repositories, schema=pa.schema(_REPOSITORY_COLUMNS)), group)

    def flat(self, columns: Sequence[str], group: int = 20) -> bytes:
        """Return Parquet with a row a file."""
        kinds = {**_REPOSITORY_COLUMNS, **_FILE_COLUMNS}
        rows = [{**repository, **one} for repository in self.repositories for one in repository["files"]]
        picked = [{column: row[column] for column in columns} for row in rows]
        return parquet(pa.Table.from_pylist(picked, schema=pa.schema({c: kinds[c] for c in columns})), group)

    @property
    def python_files(self) -> list[dict[str, Any]]:
        """Every Python file, in order."""
        return [one for row in self.repositories for one in row["files"] if one["language"] == "Python"]


def parquet(table: pa.Table, group: int) -> bytes:
    """Return a table as a Parquet file."""
    written = io.BytesIO()
    pq.write_table(table, written, row_group_size=group, compression="zstd")
    return written.getvalue()


def standard_library(most: int = 60) -> list[tuple[str, bytes]]:
    """Return modules of the standard library as (path, content), small ones, sorted."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    found = sorted(path for path in folder.glob("*.py") if path.stat().st_size < 40_000)
    return [(path.name, path.read_bytes()) for path in found[:most]]


def small_stack(modules: int = 40, per_repository: int = 4) -> Stack:
    """Return repositories of standard-library modules, some blobs in several, and one of unreadable contents."""
    stack = Stack()
    files = standard_library(modules)
    for start in range(0, len(files), per_repository):
        some = files[start : start + per_repository]
        shared = files[start % 8]
        listed = [stack.file(f"src/{name}", content) for name, content in some]
        listed.append(stack.file(f"vendor/{shared[0]}", shared[1], is_vendor=True))
        listed.append(stack.file("web/app.js", b"console.log(1)\n"))
        stack.repository(f"people/project-{start:03d}", listed)
    stack.repository("people/empty", [])
    stack.repository("people/hostile", hostile_files(stack))
    return stack


def hostile_files(stack: Stack) -> list[dict[str, Any]]:
    """Return files whose contents can't be read, and some odd ones that can."""
    bomb = gzip.compress(b"\0" * 2**20, mtime=0) * 40
    whole = gzip.compress(b"x = 1\n" * 1000, mtime=0)
    return [
        stack.file("missing.py", b"missing", stored=None, reason="content_missing"),
        stack.file("broken.py", b"broken", stored=b"\x1f\x8bno gzip at all", reason="broken_gzip"),
        stack.file("torn.py", b"torn", stored=whole[:-20], reason="broken_gzip"),
        stack.file("plain.py", b"plain", stored=b"not compressed", reason="broken_gzip"),
        stack.file("bomb.py", b"bomb", stored=bomb, reason="too_large"),
        stack.file("deflated.py", b"deflated", stored=zlib.compress(b"x = 1\n"), reason="broken_gzip"),
        stack.file("latin.py", b"name = '\xe9'\n", reason="undecodable"),
        stack.file("latin-too.py", b"name = '\xe8'\n", src_encoding="ISO-8859-1"),
        stack.file("wide.py", "name = 'ü'\n".encode("utf-16"), src_encoding="UTF-16"),
        stack.file("martian.py", b"martian", src_encoding="x-martian", reason="unknown_encoding"),
        stack.file("codec.py", b"636f6465", src_encoding="hex", reason="unknown_encoding"),
        stack.file("slow.py", b"x" * 10, src_encoding="punycode", reason="unknown_encoding"),
        stack.file("nul.py", b"a = 1\0\n", reason="nul_bytes"),
        stack.file("none.py", b"x = 2\n", src_encoding=None),
        stack.file("empty.py", b""),
        {**stack.file("../escape.py", b"escape"), "blob_id": "../../escape"},
        {**stack.file("nameless.py", b"nameless"), "blob_id": None},
        {**stack.file("declared.py", b"y = 3\n"), "length_bytes": 20 * 2**20},
        {**stack.file("understated.py", bytes(range(32, 127)) * 3000), "length_bytes": 1},
    ]


def finemath_rows(count: int, *, start: int = 0) -> bytes:
    """Return Parquet with FineMath's columns."""
    rows = [
        {
            "url": f"https://example.org/{number}",
            "fetch_time": 1_600_000_000 + number,
            "content_mime_type": "text/html",
            "warc_filename": "crawl-data/CC-MAIN-2020-05/warc.gz",
            "warc_record_offset": number,
            "warc_record_length": 1000,
            "text": f"What is {number} + {number}? It is {2 * number}.\n" + "Reply. " * (number % 40),
            "token_count": 12,
            "char_count": 40,
            "metadata": "{}",
            "score": 4.5,
            "int_score": 4,
            "crawl": "CC-MAIN-2020-05",
            "snapshot_type": "latest",
            "language": "en",
            "language_score": 0.9,
        }
        for number in range(start, start + count)
    ]
    return parquet(pa.Table.from_pylist(rows, schema=pa.schema(_FINEMATH_COLUMNS)), 250)


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing."""


class S3:
    """moto's S3 service on loopback, with the contents below `content/` of the bucket. One a process at a time.

    `asked` counts reads by key. Faults that moto has not: `fail(status)` for so many reads, `down` and `up`.
    """

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        """Start, and store the contents, for everyone to read."""
        self.asked: Counter[str] = Counter()
        self._faults: deque[int] = deque()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self.port = 0
        self.up()
        self.url = f"http://127.0.0.1:{self.port}"
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        self.client = boto3.client("s3", endpoint_url=self.url, **keys)
        self.client.create_bucket(Bucket=BUCKET)
        for blob_id, body in contents.items():
            self.client.put_object(Bucket=BUCKET, Key=f"content/{blob_id}", Body=body, ACL="public-read")

    def __enter__(self) -> S3:
        return self

    def __exit__(self, *_: object) -> None:
        urlopen(Request(f"{self.url}/moto-api/reset", method="POST")).close()
        self.down()

    def up(self) -> None:
        """Listen, on the port of before."""
        self._server = make_server("127.0.0.1", self.port, self._app, threaded=True, request_handler=_Quiet)
        self.port = self._server.port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def down(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def fail(self, status: int, times: int = 1) -> None:
        """Answer the next reads with a status; 0 cuts the connection in the middle of the body."""
        self._faults.extend([status] * times)

    def close_to_all(self, closed: bool = True) -> None:
        """Let only those with credentials read, or everyone again."""
        for listed in self.client.list_objects_v2(Bucket=BUCKET)["Contents"]:
            acl = "private" if closed else "public-read"
            self.client.put_object_acl(Bucket=BUCKET, Key=listed["Key"], ACL=acl)

    def check_credentials(self, checked: bool = True) -> None:
        """From now on check credentials as AWS does, or take any again."""
        free = b"0" if checked else b"inf"  # so many requests are not checked
        order = Request(f"{self.url}/moto-api/reset-auth", free, {"Content-Type": "text/plain"})
        urlopen(order).close()

    def environment(self) -> dict[str, str]:
        """Return the variables that lead clients here."""
        return {"AWS_ENDPOINT_URL": self.url, "AWS_EC2_METADATA_DISABLED": "true"}

    def _app(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        key = environ["PATH_INFO"].rpartition("/content/")[2]
        if environ["REQUEST_METHOD"] != "GET" or "/content/" not in environ["PATH_INFO"]:
            return cast(Iterable[bytes], self._moto(environ, start))
        self.asked[key] += 1
        if not self._faults:
            return cast(Iterable[bytes], self._moto(environ, start))
        status = self._faults.popleft()
        if status:
            start(f"{status} Told So", [("Content-Type", "application/xml")])
            return [b"<Error><Code>SlowDown</Code></Error>"]
        start("200 OK", [("Content-Length", "1000"), ("ETag", '"0"'), ("Last-Modified", _LAST_MODIFIED)])
        return [b"half"]
