"""What a text may import in a bare interpreter: the standard library and pylint's own packages, nothing else.

pylint reads the modules that a text imports where it finds them, so a score would depend on what is installed.
"""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, distribution
from pathlib import Path

_OFTEN_LEFT_OUT = {
    "_bz2": "bz2", "_ctypes": "ctypes", "_curses": "curses", "_lzma": "lzma", "_sqlite3": "sqlite3",
    "_ssl": "ssl", "_tkinter": "tkinter", "readline": "readline",
}  # fmt: skip


@cache
def distributions(name: str) -> dict[str, Distribution]:
    """Return an installed distribution and all that it needs, by name."""
    from packaging.requirements import Requirement

    found: dict[str, Distribution] = {}
    wanted = [name]
    while wanted:
        one = wanted.pop()
        if one in found:
            continue
        found[one] = distribution(one)
        for text in found[one].requires or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                wanted.append(requirement.name)
    return dict(sorted(found.items()))


@cache
def versions(name: str) -> dict[str, str]:
    """Return the versions of a distribution and of all that it needs."""
    return {one: found.version for one, found in distributions(name).items()}


def link_packages(name: str, folder: Path) -> None:
    """Make `folder` a place to import a distribution and what it needs from, and nothing else."""
    folder.mkdir(parents=True)
    for found in distributions(name).values():
        for top, place in _top_levels(found):
            link = folder / top
            if not link.exists():
                link.symlink_to(place)


def _top_levels(found: Distribution) -> Iterator[tuple[str, Path]]:
    for file in found.files or ():
        top = file.parts[0]
        if top not in ("..", "__pycache__") and (len(file.parts) > 1 or top.endswith((".py", ".so"))):
            yield top, Path(str(found.locate_file(top)))


def missing_modules() -> list[str]:
    """Return the modules that this interpreter was built without: texts that import them score lower."""
    missing = [public for inner, public in _OFTEN_LEFT_OUT.items() if importlib.util.find_spec(inner) is None]
    removed = {"distutils": (3, 12), "lib2to3": (3, 13)}
    library = Path(sysconfig.get_path("stdlib"))
    missing += [
        name for name, since in removed.items() if sys.version_info < since and not (library / name).is_dir()
    ]
    return sorted(missing)
