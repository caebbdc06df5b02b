"""What has to stay out of a run and its releases because somebody asked: a file a column, one entry per line.

People write a repository's address where a row has its name, a page with another scheme, a path that ends in a
slash. Both are brought into one form before they are compared, and what may mean the same thing does: a row that
is left out by mistake can be put back, one that is published can't be taken back.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from builder.document import READ, Document
from builder.errors import RecipeError
from builder.files import being_read, placed
from builder.text import read_text

EXCLUDED = "excluded"
"""Why a document that was excluded before it was read is dropped, and how the ledger counts all of them."""

_ID = "id"
_COMMENT = re.compile(r"(?:^|\s)#(?:\s.*)?$|^#.*$")
_BULLET = re.compile(r"^[-*•]\s+")  # as requests are pasted
_GITHUB = re.compile(r"^(?:git\+)?(?:(?:https?|git|ssh)://)?(?:git@)?(?:www\.)?github\.com[/:]", re.I)
_NUMBERED = re.compile(r"~\d+$")  # behind an id that another row of the source has as well
_PORTS = {"http": 80, "https": 443}


def _plain(value: str) -> str:
    return unicodedata.normalize("NFC", value)


def _repository(value: str) -> str:
    name = _GITHUB.sub("", value).strip("/")
    return _plain(name.removesuffix(".git")).casefold()


def _hash(value: str) -> str:
    return value.casefold().removeprefix("swh:1:cnt:")


def _url(value: str) -> str:
    """Return an address without scheme, `www.`, default port, fragment and last slash; its path keeps its case."""
    try:
        parts = urlsplit(value if "://" in value else f"//{value}")
        host, port = parts.hostname or "", parts.port
    except ValueError:  # it is no address: then it is a text
        return _plain(value)
    try:
        host = host.encode("ascii").decode("idna")
    except UnicodeError:
        host = _plain(host)
    shown = "" if port in (None, _PORTS.get(parts.scheme, 443)) else f":{port}"
    path = quote(unquote(_plain(parts.path))).rstrip("/") or ("/" if parts.query else "")
    return f"{host.removeprefix('www.').rstrip('.')}{shown}{path}{'?' + parts.query if parts.query else ''}"


@cache
def _form(column: str) -> Callable[[str], str]:
    """Return what brings values of a column into the form in which they are compared."""
    if column == "repo_name":
        return _repository
    if column in ("blob_id", "content_id", "sha256"):
        return _hash
    return _url if re.search(r"(?:^|_)ur[li]$", column) else _plain


def _names_all_below(column: str, compared: str) -> bool:
    """Whether an entry without `/*` stands for all below it: an account, or a domain with those below it."""
    return (column == "repo_name" and "/" not in compared) or (_form(column) is _url and compared[:2] == "*.")


def _above(column: str, path: str) -> Iterator[str]:
    """Yield the folders that a path lies in, itself the last, and the domains that an address lies in."""
    yield from (path[:place] for place, character in enumerate(path) if character == "/")
    yield path
    if _form(column) is _url:
        labels = path.partition("/")[0].split(".")
        yield from (".".join(["*", *labels[start:]]) for start in range(len(labels)))


@dataclass(frozen=True, eq=False)
class ExclusionList:
    """The entries for one column.

    Attributes:
        column: The column.
        exact: How each entry is written, by the form that is compared.
        below: The same for those that end with `/*` and stand for everything below.
        comments: The lines that are comments.
    """

    column: str
    exact: Mapping[str, str]
    below: Mapping[str, str]
    comments: Sequence[str] = ()

    @classmethod
    def of(cls, column: str, lines: Iterable[str]) -> ExclusionList:
        """Return the list that a file's lines make.

        Raises:
            ValueError: A line names nothing, such as `/*`, which would be everything.
        """
        form = _form(column)
        exact, below, comments = dict[str, str](), dict[str, str](), list[str]()
        for number, line in enumerate(lines, 1):
            if not (entry := _BULLET.sub("", _COMMENT.sub("", line).strip())):
                comments.append(line)
                continue
            is_below = entry.endswith("/*")
            compared = form(entry[:-2] if is_below else entry)
            if not compared.strip("*./"):
                raise ValueError(f"line {number}: {entry!r} names nothing")
            if is_below or _names_all_below(column, compared):
                below[compared] = entry
            if not is_below:
                exact[compared] = entry
        return cls(column, exact, below, comments)

    def match(self, value: str) -> str | None:
        """Return the entry, as it is written, that a value is excluded by, None where none is."""
        form = _form(self.column)
        for one in dict.fromkeys((value, _NUMBERED.sub("", value) if self.column == _ID else value)):
            compared = form(one)
            if compared in self.exact:
                return self.exact[compared]
            for above in _above(self.column, compared) if self.below else ():
                if above in self.below:
                    return self.below[above]
        return None

    @property
    def entries(self) -> list[str]:
        """The entries as they are written."""
        return list(dict.fromkeys([*self.exact.values(), *self.below.values()]))


@dataclass(frozen=True, eq=False)
class Exclusions:
    """All that is excluded.

    Attributes:
        lists: The lists, a column may have several.
        ids: For a column that a source takes its ids from, and so is no column of its rows: what stands before
            them in the ids of documents, by the name that the source's documents have in `dataset`.
    """

    lists: Sequence[ExclusionList] = ()
    ids: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether anything may be excluded."""
        return bool(self.lists)

    def named(self, ids: Mapping[str, Mapping[str, str]]) -> Exclusions:
        """Return the same for sources that take their ids from these columns."""
        return replace(self, ids=ids)

    def mentions(self, revision: str) -> bool:
        """Whether a list says in a comment that it was compared with a revision."""
        return any(revision in line for one in self.lists for line in one.comments)

    def holds(self, document: Document) -> bool:
        """Whether a document is excluded."""
        return self.hold(document.id, document.source)

    def hold(self, id: str, source: Mapping[str, Any]) -> bool:
        """Whether a document with this id and provenance is excluded."""
        return bool(self.lists) and any(True for _ in self.matches(id, source))

    def matches(self, id: str, source: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield column and entry of each list that excludes the document with this id and provenance."""
        for one in self.lists:
            value = id if one.column == _ID else source.get(one.column)
            before = self.ids.get(one.column, {}).get(source.get("dataset") or "")
            if value is None and before is not None:
                value = _NUMBERED.sub("", id.removeprefix(before))
            if value is not None and (entry := one.match(str(value))) is not None:
                yield one.column, entry


def files_by_column(given: Sequence[str]) -> dict[str, list[Path]]:
    """Return the files of `column=FILE`s, by column.

    Raises:
        RecipeError: One is not of that form.
    """
    files: dict[str, list[Path]] = {}
    for one in given:
        column, equals, path = one.partition("=")
        if not (column and equals and path):
            raise RecipeError(f"--exclude {one}: it names no file", remedy="write --exclude repo_name=removed.txt")
        files.setdefault(column, []).append(placed(path))
    return files


def read_exclusions(files: Mapping[str, Sequence[Path]]) -> Exclusions:
    """Read files of exclusions, given by column: UTF-8, one entry per line, `#` before a comment.

    Raises:
        RecipeError: A file can't be read.
    """
    lists = []
    for column, paths in files.items():
        for path in paths:
            with being_read(path, f"exclusions by {column!r} are a text file in UTF-8 with one entry per line"):
                lists.append(ExclusionList.of(column, read_text(path).split("\n")))
    return Exclusions(lists)


def withheld(document: Document) -> Document:
    """Return what is kept of a document that was excluded before it was read: that it is there."""
    return replace(document, text=None, current="", records={}, dropped=(READ, EXCLUDED))


def is_withheld(document: Document) -> bool:
    """Whether a document of the table is one of which nothing was kept."""
    return document.dropped == (READ, EXCLUDED)
