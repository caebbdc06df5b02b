"""How much the Hub takes: files of an upload, of a commit, of a folder and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from huggingface_hub import CommitOperationAdd

from builder.errors import UsageError

COMMITTED_AT_ONCE = 100  # the Hub checks each file of a commit, within a minute

_UPLOADED_AT_ONCE = 50, 64 * 2**20  # files, bytes: the client holds about 100 MB for each large file in work
_IN_A_FOLDER = 10_000  # files; a push with more is rejected
_IN_ALL = 100_000  # files; with more the Hub gets slow


def batches(adds: Sequence[CommitOperationAdd], sizes: Mapping[str, int]) -> Iterator[list[CommitOperationAdd]]:
    """Yield files some at a time, in order, large ones by themselves."""
    some, size = list[CommitOperationAdd](), 0
    for add in adds:
        more = sizes[add.path_in_repo]
        if some and (len(some) == _UPLOADED_AT_ONCE[0] or size + more > _UPLOADED_AT_ONCE[1]):
            yield some
            some, size = [], 0
        some.append(add)
        size += more
    if some:
        yield some


def see_room(paths: Collection[str], where: str) -> None:
    """See that a dataset of these files is one that the Hub takes, before any is sent.

    Raises:
        UsageError: It is not.
    """
    folders = Counter(str(PurePosixPath(path).parent) for path in paths)
    full = [f"{folder}/ ({files:,})" for folder, files in folders.most_common() if files > _IN_A_FOLDER]
    if not full and len(paths) <= _IN_ALL:
        return
    raise UsageError(
        f"the Hub takes {_IN_A_FOLDER:,} files in a folder and {_IN_ALL:,} in all; there would be {len(paths):,}"
        + (f", and too many in {', '.join(full)}" if full else ""),
        where=where,
        remedy="move files of others elsewhere; divide a release of that size by its source into several datasets",
    )
