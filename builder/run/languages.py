"""No stage is given code in a language that it does not know: it would refuse every line of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from builder.errors import RecipeError
from builder.recipe_parts import FilterStage, RewriteStage
from builder.sources import Source

if TYPE_CHECKING:
    from builder.loaded_recipe import LoadedRecipe

_LANGUAGE = "language"
_NAMED = 3


def see_that_languages_are_known(loaded: LoadedRecipe) -> None:
    """Compare the languages that the sources give, now that they are pinned, with those that the stages know.

    Raises:
        RecipeError: A stage would be given others.
    """
    for stage in loaded.recipe.stages:
        for judge, known in _judges(stage, loaded):
            others = {language for source in loaded.recipe.sources for language in _others(stage, source, known)}
            if not others:
                continue
            named = ", ".join(sorted(others)[:_NAMED]) + (", …" if len(others) > _NAMED else "")
            only = ", ".join(sorted(known))
            raise RecipeError(
                f"{judge} knows {only} alone, and the source gives {named}, too",
                where=f"stage {stage.name}",
                remedy=f"set `source.languages: [{only}]`, or `where: {{language: {only}}}` at the stage: files of"
                " other languages then pass it by",
            )


def _judges(stage: FilterStage | RewriteStage, loaded: LoadedRecipe) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield what of a stage knows some languages only."""
    if isinstance(stage, FilterStage):
        used = loaded.filters[stage.name]
        judges = {f"filter `{stage.filter}`": used.knows_only}
    else:
        checks = loaded.checks[stage.name]
        judges = {f"check `{label}` of its prompt": check.used.knows_only for label, check in checks.items()}
    yield from ((judge, known) for judge, known in judges.items() if known is not None)


def _others(stage: FilterStage | RewriteStage, source: Source, known: frozenset[str]) -> list[str]:
    """Return the languages of a source that a stage is given and that are not known."""
    fitting = {
        key: wanted[0] if isinstance(wanted, list) else wanted for key, wanted in stage.where.items() if wanted
    }
    given = source.gives_other_than(known)
    return [one for one in given if stage.applies_to({**fitting, "dataset": source.label(), _LANGUAGE: one})]
