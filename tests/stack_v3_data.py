"""The Stack v3 in small: the columns that its dataset and its bucket have, and repositories of files in them."""

from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa

from tests.stack_data import parquet, standard_library

TRAIN = "HuggingFaceCode/stack-v3-train"
FULL = "HuggingFaceCode/stack-v3-full"

_GITHUB: list[tuple[str, pa.DataType]] = [
    ("branch", pa.string()),
    ("commit_count", pa.int32()),
    ("is_fork", pa.bool_()),
    ("stars", pa.int32()),
]
_FILE: list[tuple[str, pa.DataType]] = [
    ("content_id", pa.string()),
    ("content", pa.string()),
    ("size_bytes", pa.int32()),
    ("file_path", pa.string()),
    ("file_timestamp", pa.int64()),
    ("language", pa.string()),
    ("is_vendor", pa.bool_()),
    ("license_type", pa.string()),
    ("detected_licenses", pa.list_(pa.string())),
]
_REPOSITORY: list[tuple[str, pa.DataType]] = [
    ("repo_path", pa.string()),
    ("repo_id", pa.int64()),
    ("commit_id", pa.string()),
    ("github_metadata", pa.struct(_GITHUB)),
    ("num_files", pa.int64()),
    ("files", pa.list_(pa.struct(_FILE))),
]
_CONTENT: list[tuple[str, pa.DataType]] = [
    ("content_id", pa.string()),
    ("content", pa.string()),
    ("size_bytes", pa.int32()),
    ("dedup_cluster", pa.int64()),
    ("repo_ids", pa.list_(pa.int64())),
]


def file(path: str, content: str | None, language: str | None = "Python", **known: Any) -> dict[str, Any]:
    """Return a file of a repository."""
    stored = (content or "").encode()
    return {
        "content_id": hashlib.sha1(stored, usedforsecurity=False).hexdigest(),
        "content": content,
        "size_bytes": len(stored),
        "file_path": path,
        "file_timestamp": 1_700_000_000,
        "language": language,
        "is_vendor": False,
        "license_type": "permissive",
        "detected_licenses": ["MIT"],
        **known,
    }


def repository(name: str, files: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a row of the dataset."""
    return {
        "repo_path": name,
        "repo_id": len(name),
        "commit_id": hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest(),
        "github_metadata": {"branch": "main", "commit_count": 7, "is_fork": False, "stars": 3},
        "num_files": len(files),
        "files": files,
    }


def repositories() -> list[dict[str, Any]]:
    """Return repositories of the standard library's modules, and one of files that can't be read."""
    modules = [file(name, content.decode()) for name, content in standard_library(9)]
    odd = [
        file("null.py", None),
        file("nul.py", "a = 1\0\n"),
        file("large.py", "x = 1\n" * 20_000),
        file("understated.py", "y = 1\n" * 20_000, size_bytes=1),
        file("vendored.py", "z = 1\n", is_vendor=True),
        file("unlicensed.py", "z = 2\n", license_type="no_license", detected_licenses=[]),
        file("notes", "remember\n", None),
        file("app.js", "let x = 1;\n", "JavaScript"),
    ]
    groups = [
        modules[:3],
        [*modules[3:6], file("web/app.js", "const a = 1;\n", "JavaScript")],
        [],
        modules[6:],
        odd,
    ]
    return [repository(f"people/project-{number}", files) for number, files in enumerate(groups)]


def train(rows: list[dict[str, Any]] | None = None) -> bytes:
    """Return Parquet as the dataset has it."""
    return parquet(
        pa.Table.from_pylist(repositories() if rows is None else rows, schema=pa.schema(_REPOSITORY)), 2
    )


def contents(texts: list[str]) -> bytes:
    """Return Parquet as the bucket has it: the text of files, told apart by their content."""
    rows = [
        {
            **{name: one[name] for name in ("content_id", "content", "size_bytes")},
            "dedup_cluster": n,
            "repo_ids": [n],
        }
        for n, one in enumerate(file("", text) for text in texts)
    ]
    return parquet(pa.Table.from_pylist(rows, schema=pa.schema(_CONTENT)), 4)
