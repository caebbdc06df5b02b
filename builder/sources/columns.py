"""The columns of a source's files: their names, and for each a type that holds what every file has in it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import pyarrow as pa

from builder.cells import carried, common, is_bytes, is_text
from builder.errors import SourceError

log = logging.getLogger(__name__)

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
        is_null: Whether a file's column is known to hold nothing.
    """

    def __init__(
        self,
        schemas: Mapping[str, pa.Schema],
        where: Callable[[str], str],
        bounds: Bounds | None = None,
        is_null: Callable[[str, str], bool] = lambda file, name: False,
    ) -> None:
        """Take note of them."""
        self._schemas, self._where, self._bounds, self._is_null = schemas, where, bounds, is_null
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

    def say_where_texts_become_bytes(self, name: str) -> None:
        """Say of a column that is published as bytes that a file has text in it."""
        if not is_bytes(self.kind(name)):
            return
        kinds = {file: kind for file in self._schemas if (kind := self._kind_in(file, name)) is not None}
        texts, others = ([file for file, kind in kinds.items() if is_one(kind)] for is_one in (is_text, is_bytes))
        if texts:
            log.warning(
                "column %r is published as bytes: %s has bytes in it, %s text; to have text, write it as text in"
                " every file", name, self._where(others[0]), self._where(texts[0]),
            )  # fmt: skip

    def _common(self, name: str) -> pa.DataType:
        kinds = {file: kind for file in self._schemas if (kind := self._kind_in(file, name)) is not None}
        if (found := common(kinds.values())) is not None:
            return found
        # Writers that don't know the type of a column without values, make one up.
        told = {file: kind for file, kind in kinds.items() if not self._is_null(file, name)}
        if (found := common(told.values())) is not None:
            return found
        if self._fractions_hold(name):
            return pa.float64()
        raise self._unlike(name, told)

    def _unlike(self, name: str, kinds: Mapping[str, pa.DataType]) -> SourceError:
        """Return what a user is told of the first file whose type goes with none that holds those before."""
        before: pa.DataType = pa.null()
        files = iter(kinds)
        while (both := common((before, kinds[file := next(files)]))) is not None:
            before = both
        return SourceError(
            f"column {name!r} holds {kinds[file]} here, {before} in the files before; no type holds both",
            where=self._where(file),
            remedy=_LEAVE_OUT,
        )

    def _kind_in(self, file: str, name: str) -> pa.DataType | None:
        """Return the type that a file's column would have in a table, None where it has no such column."""
        schema = self._schemas[file]
        places = schema.get_all_field_indices(name)
        if len(places) > 1:
            raise SourceError(
                f"there are {len(places)} columns {name!r}", where=self._where(file), remedy=_LEAVE_OUT
            )
        return carried(schema.field(places[0]).type) if places else None

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
