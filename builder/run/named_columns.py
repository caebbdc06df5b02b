"""What a recipe says of columns, and whether it can be true: those that it names have to be there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from builder.errors import RecipeError
from builder.loaded_recipe import LoadedRecipe
from builder.recipe_parts import FilterStage
from builder.run.table import type_at

if TYPE_CHECKING:
    import pyarrow as pa

_ADDRESS = re.compile(r"\w+://\S+|\S+@\S+|\bwww\.\S+")
_COLUMN = re.compile(r"`([A-Za-z_]\w*)`|(?<![\w./-])([A-Za-z]\w*_\w+)(?![\w/-])")
"""A word in backticks, or one with an underscore, which no word of a language has."""


def refuse_absent_columns(loaded: LoadedRecipe, schema: pa.Schema) -> None:
    """Stop before anything is built where terms name columns that the release will not have.

    Args:
        loaded: The recipe.
        schema: The run's table, as `schema_of` returns it.

    Raises:
        RecipeError: Some do.
    """
    columns = set(_columns(loaded, schema))
    spoken = {*columns, *(source.label() for source in loaded.recipe.sources), loaded.recipe.name}
    spoken |= {stage.name for stage in loaded.recipe.stages} | loaded.recipe.release.configs.keys()
    for place, text in _terms(loaded):
        absent = [name for name in named_columns(text) if name not in spoken]
        if absent:
            near = difflib.get_close_matches(absent[0], columns, 1)
            raise RecipeError(
                f"it names {', '.join(map(repr, absent))}, and no row will have such a column",
                where=place,
                remedy=f"did you mean {near[0]!r}?"
                if near
                else f"write what is true of this source; its columns are {', '.join(sorted(columns))}",
            )


def refuse_unknown_measures(loaded: LoadedRecipe, schema: pa.Schema) -> None:
    """Stop before anything is built where `release.columns` names what no stage will have measured.

    Raises:
        RecipeError: So it does.
    """
    import pyarrow as pa

    for name, path in loaded.recipe.release.columns.items():
        kind = type_at(schema, path)
        if kind is None or pa.types.is_nested(kind):
            above = type_at(schema, path.rpartition(".")[0]) if kind is None else kind
            inside = [field.name for field in above] if above is not None and pa.types.is_struct(above) else []
            raise RecipeError(
                f"no measure is at {path!r}",
                where=f"release.columns.{name}",
                remedy=f"there are {', '.join(inside)}" if inside else "write STAGE.MEASURE, STAGE.text or text",
            )


def named_columns(text: str) -> list[str]:
    """Return the words of a text that can only be columns' names, each once."""
    found = (match[1] or match[2] for match in _COLUMN.finditer(_ADDRESS.sub(" ", text)))
    return list(dict.fromkeys(found))


def _terms(loaded: LoadedRecipe) -> Iterator[tuple[str, str]]:
    yield "release.source_terms", loaded.recipe.release.source_terms
    is_one = len(loaded.recipe.sources) == 1
    for number, source in enumerate(loaded.recipe.sources):
        place = "source.terms" if is_one else f"source.{number}.terms"
        yield place, source.terms


def _columns(loaded: LoadedRecipe, schema: pa.Schema) -> Iterable[str]:
    """Return the names of every config's columns."""
    yield from ("id", "text", "stage", "reason", *loaded.recipe.release.columns)
    for field in schema.field("source").type:
        yield from (field.name, f"source_{field.name}")
    for stage in loaded.recipe.stages:
        if isinstance(stage, FilterStage):
            yield from (f"{stage.name}_{measure.name}" for measure in schema.field(stage.name).type)
