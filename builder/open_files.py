"""How many files this process may have open: raised as far as it goes, and what is asked at once follows from it.

A connection is an open file, and `ulimit -n` is 1,024 on most systems, with a hard limit far above that.
"""

from __future__ import annotations

import contextlib
import resource
from pathlib import Path

from builder.errors import StorageError

_ENOUGH = 1 << 20  # where there is no hard limit
_LEAST = 8
_BUILD = 64


def raise_limit() -> int:
    """Raise the soft limit of open files to the hard one, as far as the system lets us; return what it is now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    for wanted in (most, 10_240):  # macOS says "no limit" and takes no more than this
        if soft != resource.RLIM_INFINITY and soft < wanted <= most:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                return wanted
    return soft


def check_limit() -> None:
    """See that a build can begin at all.

    Raises:
        StorageError: Not even its workers and its own files could be open.
    """
    limit = raise_limit()
    if limit != resource.RLIM_INFINITY and limit < _BUILD:
        raise StorageError(
            f"this process may have {limit} files open, and a build needs {_BUILD} or more",
            remedy="raise the hard limit (`ulimit -Hn`; a service's `LimitNOFILE=`, a container's `--ulimit`)",
        )


def room_for_connections() -> int:
    """Return how many connections to servers may be open at once, beside all the rest.

    The rest is what is open now, and a quarter (or 96) for tables, logs, databases, the source and connections
    that are kept for a few seconds after their answer.
    """
    limit = raise_limit()
    if limit == resource.RLIM_INFINITY:
        return _ENOUGH
    return max(_LEAST, limit - len(list(Path("/dev/fd").iterdir())) - max(96, limit // 4))


def at_most(wanted: int) -> int:
    """Return `wanted`, or an eighth of the files that may be open, where that is less: for what is one of many."""
    limit = raise_limit()
    return wanted if limit == resource.RLIM_INFINITY else max(_LEAST, min(wanted, limit // 8))
