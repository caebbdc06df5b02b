"""The repositories of the local Hub: content on disk under its sha256, commits and refs in memory."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile, mkdtemp
from typing import Any

USER = "tester"
MAIN = "refs/heads/main"
BINARY = (".arrow", ".bin", ".gz", ".parquet", ".safetensors", ".zip", ".zst")
LARGE, CHUNK = 10 << 20, 1 << 20  # bytes: from LARGE on even a text goes to LFS
Json = dict[str, Any]


class Refusal(Exception):
    """An answer that is an error."""

    def __init__(
        self, status: int, text: str, code: str = "", headers: Mapping[str, str] = {}, **more: Any
    ) -> None:
        super().__init__(text)
        self.status, self.body = status, {**({"error": text} if text else {}), **more}
        self.headers = {
            **({"X-Error-Message": text} if text else {}),
            **({"X-Error-Code": code} if code else {}),
            **headers,
        }


@dataclass(frozen=True)
class File:
    """An entry of a commit's tree."""

    sha256: str
    size: int
    oid: str  # git's name for it: of the pointer, with LFS
    lfs: bool


@dataclass(frozen=True, eq=False)
class Commit:
    """A tree with its history."""

    sha: str
    parent: Commit | None
    tree: dict[str, File]
    title: str
    text: str
    date: str


@dataclass
class Repo:
    """A dataset: refs by their full names, every commit, discussions, and where pull requests began."""

    id: str
    private: bool = False
    gated: bool = False
    access: bool = True  # the token's owner is among those let into the gated repo
    refs: dict[str, Commit] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    discussions: list[Json] = field(default_factory=list)
    bases: dict[int, Commit] = field(default_factory=dict)

    def ref(self, revision: str, *folders: str) -> str | None:
        """Return the full name of a ref."""
        return next((ref for f in folders if (ref := f + revision) in self.refs), None)

    def find(self, revision: str) -> Commit:
        """Return the commit that a branch, a tag, a full ref or a sha names."""
        ref = self.ref(revision, "refs/heads/", "refs/tags/", "")
        if ref is None and revision not in self.commits:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.refs[ref] if ref else self.commits[revision]


@dataclass(eq=False, repr=False)
class Repos:
    """Every dataset, and a side door for tests to set them up by. `folder` keeps the content."""

    folder: Path | None = None
    repos: dict[str, Repo] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    blobs: Path = field(init=False)

    def __post_init__(self) -> None:
        self.blobs = self.folder or Path(mkdtemp(prefix="local-hub-"))
        self.blobs.mkdir(parents=True, exist_ok=True)

    def put(self, repo_id: str, files: Mapping[str, Any], message: str = "Put") -> str:
        """Commit files (None deletes one) to main, of a new repo if need be; gives the commit's sha."""
        new = {path: None if content is None else self.file(path, content) for path, content in files.items()}
        with self._lock:
            repo = self.repos.get(repo_id) or self.new_repo(repo_id)
            return self.commit(repo, MAIN, {**repo.refs[MAIN].tree, **new}, message).sha

    def tag(self, repo_id: str, name: str, revision: str = "main") -> None:
        """Set or move a tag."""
        self.repos[repo_id].refs[f"refs/tags/{name}"] = self.repos[repo_id].find(revision)

    def remove(self, repo_id: str, revision: str) -> None:
        """Let a branch, a tag or a commit vanish; a commit takes its tags along, and branches fall back."""
        with self._lock:
            repo = self.repos[repo_id]
            gone = repo.commits.pop(revision, None)
            for ref, commit in list(repo.refs.items()):
                if gone and gone.parent and commit is gone and ref.startswith("refs/heads/"):
                    repo.refs[ref] = gone.parent
                elif commit is gone or ref in (f"refs/heads/{revision}", f"refs/tags/{revision}"):
                    del repo.refs[ref]

    def gate(self, repo_id: str, access: bool = False) -> None:
        """Close the files to all, but with `access` to the token's owner; lists of them stay open."""
        self.repos[repo_id].gated, self.repos[repo_id].access = True, access

    def make_private(self, repo_id: str) -> None:
        """Hide it from all but the token's owner."""
        self.repos[repo_id].private = True

    def tree(self, repo_id: str, revision: str = "main") -> dict[str, File]:
        """Return the files of a revision."""
        return self.repos[repo_id].find(revision).tree

    # --- content in ---

    def store(self, content: bytes | Path) -> str:
        digest = hashlib.sha256()
        with (
            content.open("rb") if isinstance(content, Path) else io.BytesIO(content) as source,
            NamedTemporaryFile(dir=self.blobs, delete=False) as copy,
        ):
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                copy.write(chunk)
        Path(copy.name).replace(self.blobs / digest.hexdigest())
        return digest.hexdigest()

    def size_of(self, sha256: str) -> int | None:
        """Return the size of what is stored under a sha256, None where nothing is."""
        blob = self.blobs / sha256
        return blob.stat().st_size if blob.exists() else None

    def blob(self, sha256: str) -> Path:
        """Return the file that holds what is stored under a sha256."""
        return self.blobs / sha256

    def file(self, path: str, content: bytes | Path | str, lfs: bool | None = None) -> File:
        """Return the entry for this content, or for what is stored under a sha256."""
        sha256 = content if isinstance(content, str) else self.store(content)
        size = self.size_of(sha256) or 0
        raw = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
        if not lfs:
            with self.blob(sha256).open("rb") as blob:
                lfs = is_lfs(path, size, blob.read(512)) if lfs is None else lfs
                blob.seek(0)
                raw = raw if lfs else blob.read()
        return File(sha256, size, hashlib.sha1(b"blob %d\0" % len(raw) + raw).hexdigest(), lfs)

    def new_repo(self, repo_id: str) -> Repo:
        rules = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in BINARY)
        repo = Repo(repo_id)
        tree = {} if repo_id.startswith("buckets/") else {".gitattributes": self.file("", rules.encode())}
        self.commit(repo, MAIN, tree, "initial commit")
        self.repos[repo_id] = repo
        return repo

    def commit(self, repo: Repo, ref: str, tree: Mapping[str, File | None], title: str, text: str = "") -> Commit:
        files, parent = {path: file for path, file in tree.items() if file}, repo.refs.get(ref)
        date = f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%S.%f}Z"
        said = [repo.id, parent and parent.sha, title, text, date, _tree_id(files)]
        commit = Commit(hashlib.sha1(json.dumps(said).encode()).hexdigest(), parent, files, title, text, date)
        repo.refs[ref] = repo.commits[commit.sha] = commit
        return commit

    def apply(self, key: str, value: Json, tree: dict[str, File]) -> None:
        path = value.get("path", "").rstrip("/")
        if key == "file":
            tree[path] = self.file(path, base64.b64decode(value["content"]), lfs=False)
        elif key == "lfsFile":
            if self.size_of(value["oid"]) is None:
                raise Refusal(
                    400,
                    "Your push was rejected because an LFS pointer pointed to a file that does not exist. For"
                    " instance, this can happen if you used git push --no-verify to push your changes. Offending"
                    f" file: - {path}",
                )
            tree[path] = self.file(path, value["oid"], lfs=True)
        elif key in ("deletedFile", "deletedFolder"):
            gone = [p for p in tree if p == path or (key == "deletedFolder" and p.startswith(f"{path}/"))]
            if not gone:
                raise Refusal(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
            for name in gone:
                del tree[name]


def is_lfs(path: str, size: int, sample: bytes) -> bool:
    return path.endswith(BINARY) or size >= LARGE or b"\0" in sample


def open_discussion(repo: Repo, title: str, base: Commit | None) -> int:
    """Open a discussion; with a base it is a pull request, and has a ref to push to."""
    number, date = len(repo.discussions) + 1, repo.refs[MAIN].date
    said = {"num": number, "title": title, "status": "open", "createdAt": date, "author": {"name": USER}}
    said |= {"repo": {"name": repo.id, "type": "dataset"}, "isPullRequest": bool(base), "events": []}
    if base:
        repo.refs[f"refs/pr/{number}"] = repo.bases[number] = base
        said |= {"changes": {"base": MAIN}, "filesWithConflicts": []}
    repo.discussions.append(said)
    return number


def _tree_id(tree: Mapping[str, File]) -> str:
    return hashlib.sha1(json.dumps(sorted((path, file.oid) for path, file in tree.items())).encode()).hexdigest()


def blob_of(file: File) -> Json:
    lfs = {"sha256": file.sha256, "oid": file.sha256, "size": file.size, "pointerSize": 119 + len(str(file.size))}
    return {"blobId": file.oid, "oid": file.oid, "size": file.size, **({"lfs": lfs} if file.lfs else {})}


@lru_cache(maxsize=16)
def entries_of(commit: Commit, folder: str, recursive: bool) -> dict[str, Json]:
    """Return what a listing of a folder says, by path."""
    prefix = f"{folder}/" if folder else ""
    folders, entries = dict[str, dict[str, File]](), dict[str, Json]()
    for path, file in commit.tree.items():
        parts = path.removeprefix(prefix).split("/")
        if not path.startswith(prefix):
            continue
        for depth in range(1, len(parts) if recursive else min(2, len(parts))):
            folders.setdefault(prefix + "/".join(parts[:depth]), {})[path] = file
        if recursive or len(parts) == 1:
            entries[path] = {"type": "file", "path": path, **blob_of(file)}
    for path, files in folders.items():
        entries[path] = {"type": "directory", "path": path, "oid": _tree_id(files), "size": 0}
    return dict(sorted(entries.items()))


def bucket_entries(tree: Mapping[str, File], paths: list[str]) -> list[Json]:
    """Return what a bucket says of its files."""
    return [
        {"type": "file", "path": path, "size": tree[path].size, "xetHash": tree[path].sha256} for path in paths
    ]
