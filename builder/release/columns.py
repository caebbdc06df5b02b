"""What a release's columns hold, a line each: as its views, its sources and its stages say of theirs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from builder.filters.licenses import Licenses
from builder.loaded_recipe import LoadedRecipe
from builder.release.config_files import Config
from builder.release.views import DROPPED, MEANINGS

_OTHER = "as the source has it"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that some configs share: name, type, what they hold."""

    configs: list[str]
    columns: list[tuple[str, str, str]]


def explained(configs: Iterable[Config], loaded: LoadedRecipe) -> list[Columns]:
    """Return the columns of each config; configs of equal columns are told of together."""
    told = {column: meaning for source in loaded.recipe.sources for column, meaning in source.meanings.items()}
    told |= {column: _of_stage(path) for column, path in loaded.recipe.release.columns.items()}
    stages = sorted(loaded.filters, key=len, reverse=True)  # of `lint` and `lint_again`, the longer one's
    found: list[Columns] = []
    for config in configs:
        columns = [
            (field.name, str(field.type), _meaning(config, field.name, stages, told)) for field in config.schema
        ]
        same = next((one for one in found if one.columns == columns), None)
        if same is None:
            found.append(Columns([config.name], columns))
        else:
            same.configs.append(config.name)
    return found


def _meaning(config: Config, column: str, stages: list[str], told: Mapping[str, str]) -> str:
    own = MEANINGS[None if config.stage is not None else config.name]
    if config.name == DROPPED and column not in own:
        for stage in stages:
            if column.startswith(f"{stage}_"):
                measure = column.removeprefix(f"{stage}_")
                return f"measure `{measure}` of stage `{stage}`, null where it was not reached"
    return own.get(column) or told.get(column.removeprefix("source_").removeprefix("original_"), _OTHER)


def _of_stage(path: str) -> str:
    stage, _, measure = path.partition(".")
    if not measure:
        return "the document's text, as it was read"
    if measure == "text":
        return f"the text that stage `{stage}` left, null where it left it as it was"
    return f"measure `{measure}` of stage `{stage}`, null where it does not apply"


def licence_columns(names: Collection[str], loaded: LoadedRecipe) -> list[str]:
    """Return which columns say a document's licences: those that a filter reads, else the sources' own."""
    known = dict.fromkeys(chain(_read(loaded), *(source.licences for source in loaded.recipe.sources)))
    return [name for name in known if name in names]


def origin_columns(names: Iterable[str], loaded: LoadedRecipe) -> list[str]:
    """Return which columns of the sources say where a document is from and what it is under."""
    known = set(chain(_read(loaded), *((*source.origin, *source.licences) for source in loaded.recipe.sources)))
    return [name for name in names if name in known]


def _read(loaded: LoadedRecipe) -> Iterator[str]:
    return (used.column for used in loaded.filters.values() if isinstance(used, Licenses))
