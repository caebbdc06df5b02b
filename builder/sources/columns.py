"""The columns of a source's files: their names, and for each a type that holds what every file has in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import pyarrow as pa

from builder.cells import carried, common
from builder.errors import SourceError

Cells = dict[str, Any]
"""A row: text as bytes, since a file may hold what is not UTF-8 and one such row must not end the run."""


Bounds = Callable[[str, str], tuple[int, int] | None]


class Malformed(Cells):
    """A row that can't be read: its cells are null."""


_EXACT = 2**53  # up to it a fraction of 64 bits holds every whole number
_LEAVE_OUT = "leave it out of `source.keep`, which lists the columns that travel along"


class Columns:
    """The columns of some files.

    Args:
        schemas: Every file's schema, by its name within the source.
        where: Says where a file is, for a user.
        bounds: Gives the least and the greatest whole number in a file's column, None where that is not known.
    """

    def __init__(
        self, schemas: Mapping[str, pa.Schema], where: Callable[[str], str], bounds: Bounds | None = None
    ) -> None:
        """Take note of them."""
        self._schemas, self._where, self._bounds = schemas, where, bounds
        self._kinds: dict[str, pa.DataType] = {}

    @cached_property
    def names(self) -> list[str]:
        """Every column that a file has, in the order of their first appearance."""
        return list(dict.fromkeys(name for schema in self._schemas.values() for name in schema.names))

    def kind(self, name: str) -> pa.DataType:
        """Return the type of a column, of those that `cells.carried` returns.

        Raises:
            SourceError: No type holds what two files have in it, or one file has two columns of that name.
        """
        if name not in self._kinds:
            self._kinds[name] = self._common(name)
        return self._kinds[name]

    def _common(self, name: str) -> pa.DataType:
        found: pa.DataType | None = None
        for file, schema in self._schemas.items():
            places = schema.get_all_field_indices(name)
            if len(places) > 1:
                raise SourceError(
                    f"there are {len(places)} columns {name!r}", where=self._where(file), remedy=_LEAVE_OUT
                )
            if not places:
                continue
            here = carried(schema.field(places[0]).type)
            both = here if found is None else common((found, here))
            if both is None and self._fractions_hold(name):
                return pa.float64()
            if both is None:
                raise SourceError(
                    f"column {name!r} holds {here} here, {found} in the files before; no type holds both",
                    where=self._where(file),
                    remedy=_LEAVE_OUT,
                )
            found = both
        return pa.null() if found is None else found

    def _fractions_hold(self, name: str) -> bool:
        """Whether files hold fractions or whole numbers that fractions hold: as pandas makes of missing ones."""
        are_whole = True
        for file, schema in self._schemas.items():
            kind = carried(schema.field(name).type) if name in schema.names else pa.null()
            are_whole &= not pa.types.is_floating(kind)
            if pa.types.is_floating(kind) or pa.types.is_null(kind):
                continue
            bounds = self._bounds(file, name) if self._bounds and pa.types.is_integer(kind) else None
            if bounds is None or max(map(abs, bounds)) > _EXACT:
                return False
        return not are_whole
