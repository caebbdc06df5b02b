"""The facts of a release: everything its card says, each a query over the run's table or the written files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb

from builder.loaded_recipe import LoadedRecipe
from builder.recipe import Recipe
from builder.release.audit import Counted, Scanned
from builder.release.columns import Columns, explained, licence_columns
from builder.release.config_files import Config
from builder.release.licenses import OWN_WORDS, USE_POLICY, Duties, duties_of, is_in_own_words
from builder.release.measured import RewriteFacts, Screening, rewriting, screenings
from builder.release.recipe_copy import prompt_paths
from builder.release.texts import Texts
from builder.rewriting.control_tokens import ControlTokens
from builder.rewriting.generation import Model
from builder.run.directory import Run
from builder.run.funnel import connect
from builder.run.status import Status
from builder.run.table import schema_of, stages_with_text

_EXAMPLES = 3
_EXAMPLE_SIZE = 800  # characters
_EXAMPLE_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Example:
    """One document as it was read and as the stages that rewrote it left it."""

    id: str
    stages: list[str]
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Unlicensed:
    """Rows of the main config that say no licence, by its column for licences."""

    column: str
    rows: int


@dataclass(frozen=True, slots=True)
class Words:
    """What a recipe says of its release, and its sources of themselves."""

    name: str
    title: str | None
    description: str
    license: str
    duties: Duties
    language: list[str]
    tags: list[str]
    source_datasets: list[str]
    source_terms: list[str]
    text_columns: list[str]  # of texts from before
    contact: str | None  # whom to ask for removal


@dataclass(frozen=True, slots=True)
class ReleaseFacts(Words):
    """What a card is rendered from."""

    has_use_policy: bool
    found_by: list[str]  # the main config's columns by which somebody finds what is theirs
    sources: list[dict[str, Any]]
    status: Status
    is_part: bool  # of the sources: a `--limit` ended the run early
    stages: list[dict[str, Any]]
    configs: list[Config]
    texts: dict[str, Texts]  # of the configs that are training data
    columns: list[Columns]
    unlicensed: Unlicensed | None
    model: Model | None
    prompts: dict[str, dict[str, Any]]
    versions: dict[str, str]
    rewriting: list[RewriteFacts]
    screenings: dict[str, list[Screening]]
    examples: list[Example]
    split: str
    scanned: list[Scanned]
    special_tokens: list[Counted]
    control_tokens: ControlTokens | None  # of the model that answered

    @property
    def rows(self) -> int:
        """Rows of the first config, the release's main one."""
        return self.configs[0].rows

    @property
    def filters(self) -> list[str]:
        """The stages that keep or drop."""
        return [stage["name"] for stage in self.stages if "filter" in stage]

    @property
    def tokens(self) -> dict[str, int]:
        """Tokens that the model read and wrote in all stages, every attempt counted."""
        read = sum(stage.prompt_tokens for stage in self.rewriting)
        written = sum(stage.completion_tokens for stage in self.rewriting)
        return {"read": read, "written": written, "all": read + written}

    @property
    def special(self) -> dict[str, Config]:
        """The configs that are no training data, by name."""
        return {config.name: config for config in self.configs if config.stage is None}


def gather(
    loaded: LoadedRecipe,
    run: Run,
    status: Status,
    configs: list[Config],
    texts: Mapping[str, Texts],
    scanned: list[Scanned],
    special_tokens: list[Counted],
    folder: Path,
) -> ReleaseFacts:
    """Gather the facts of a release whose configs are written below `folder`."""
    rewriters = [stage.name for stage in loaded.recipe.stages if stage.name in loaded.prompts]
    with connect(run.shown_paths()) as connection:
        rewritten = [rewriting(connection, stage, loaded.checks[stage]) for stage in rewriters]
        shown = examples(connection, rewriters, stages_with_text(schema_of(loaded), list(loaded.filters)))
        screened = screenings(connection, loaded, status)
    words = words_of(loaded.recipe)
    return ReleaseFacts(
        **{field.name: getattr(words, field.name) for field in fields(words)},
        has_use_policy=(folder / USE_POLICY).is_file(),
        found_by=_found_by(loaded.recipe, configs[0]),
        sources=_sources(loaded, run),
        status=status,
        is_part=_is_part(run),
        stages=[{**stage, **_said(loaded, run, stage["name"])} for stage in loaded.snapshot()["stages"]],
        configs=configs,
        texts={config.name: texts[config.name] for config in configs if config.name in texts},
        columns=explained(configs, loaded),
        unlicensed=_unlicensed(configs[0], loaded, folder),
        model=run.model,
        prompts=_prompts(run),
        versions=run.facts["versions"],
        rewriting=[stage for stage in rewritten if stage is not None],
        screenings=screened,
        examples=shown,
        split=loaded.recipe.release.split,
        scanned=scanned,
        special_tokens=special_tokens,
        control_tokens=run.control_tokens,
    )


def words_of(recipe: Recipe) -> Words:
    """Return what a recipe says of its release, and its sources of themselves."""
    release, sources = recipe.release, recipe.sources
    return Words(
        name=recipe.name,
        title=release.title,
        description=release.description.strip(),
        license=release.license,
        duties=duties_of(release.license),
        language=[*release.language] or _distinct(source.language for source in sources),
        tags=release.tags,
        source_datasets=_distinct([[source.on_hub() for source in sources], release.source_datasets]),
        source_terms=all_terms(recipe),
        text_columns=release.text_columns,
        contact=release.contact,
    )


def _found_by(recipe: Recipe, config: Config) -> list[str]:
    known = _distinct(source.found_by for source in recipe.sources)
    return [name for name in known if name in config.schema.names]


def _sources(loaded: LoadedRecipe, run: Run) -> list[dict[str, Any]]:
    each = zip(loaded.snapshot()["source"], loaded.recipe.sources, run.facts["sources"], strict=True)
    return [
        {
            **described,
            "label": source.label(),
            "about": source.about(),
            "pin": pin,
            "words": OWN_WORDS if source.license is not None and is_in_own_words(source.license) else "",
        }
        for described, source, pin in each
    ]


def _prompts(run: Run) -> dict[str, dict[str, Any]]:
    prompts = run.facts["prompts"]
    return {stage: {**prompts[stage], "path": path} for stage, path in prompt_paths(prompts).items()}


def all_terms(recipe: Recipe) -> list[str]:
    """Return what a recipe and its sources say of the sources' terms, each once."""
    said = [[*source.own_terms(), source.terms.strip()] for source in recipe.sources]
    return _distinct([*said, [recipe.release.source_terms.strip()]])


def _distinct(lists: Iterable[Iterable[str | None]]) -> list[str]:
    """Return the words of all lists that are words, each once."""
    return list(dict.fromkeys(filter(None, chain.from_iterable(lists))))


def _said(loaded: LoadedRecipe, run: Run, stage: str) -> dict[str, str]:
    """Return what a stage says of itself: what it keeps, or what it asks the model for."""
    if stage in loaded.filters:
        return {"keeps": loaded.filters[stage].keeps(run.facts["versions"])}
    return {"about": loaded.prompts[stage].about}


def _is_part(run: Run) -> bool:
    """Whether a run holds less than its sources: rows of their files that no shard covers, or covers in part."""
    shards = [entry.facts for entry in run.ledger.entries(run.shown_paths()).values()]
    covered = sum(shard["range"]["stop"] - shard["range"]["start"] for shard in shards)
    return any(shard["is_cut"] for shard in shards) or covered < sum(
        pin.get("rows", pin["files"]) for pin in run.facts["sources"]
    )


def _unlicensed(config: Config, loaded: LoadedRecipe, folder: Path) -> Unlicensed | None:
    """Count the rows that say no licence: null, an empty list or text, or the word for none."""
    columns = licence_columns(config.schema.names, loaded)
    if not columns:
        return None
    name = '"' + columns[0].replace('"', '""') + '"'
    with duckdb.connect() as connection:
        connection.read_parquet([str(folder / file) for file in config.files]).create_view("config")
        query = (
            f"SELECT count(*) FROM config WHERE coalesce(trim({name}::VARCHAR), '') IN ('', '[]', 'no_license')"  # noqa: S608
        )
        row = connection.execute(query).fetchone()
    return Unlicensed(columns[0], int(row[0]) if row else 0)


def examples(
    connection: duckdb.DuckDBPyConnection, rewriters: Sequence[str], redacting: Sequence[str]
) -> list[Example]:
    """Return changed documents of about 800 characters, the same at every call, of each way through the stages.

    One of whose text a filter has taken something out is no example: what is taken out is not to be seen.
    """
    if not rewriters:
        return []
    untouched = " ".join(f'AND "{name}".text IS NULL' for name in redacting)
    names = ", ".join(f"CASE WHEN \"{name}\".text IS NOT NULL THEN '{name}' END" for name in rewriters)
    after = ", ".join(f'"{name}".text' for name in reversed(rewriters))
    # The least of each way, not a window over all: memory does not grow with the run.
    query = f"""
        WITH way AS (
            SELECT id, list_filter([{names}], lambda name: name IS NOT NULL) AS stages,
                abs(length(text) - {_EXAMPLE_SIZE}) AS off
            FROM run WHERE verdict IS NULL AND coalesce({after}) <> text {untouched}
        ), nearest AS (
            SELECT stages, unnest(min({{'off': off, 'id': id}}, {_EXAMPLES})) AS found,
                generate_subscripts(min({{'off': off, 'id': id}}, {_EXAMPLES}), 1) AS place
            FROM way GROUP BY stages
        ), chosen AS (
            SELECT stages, place, found.id AS id FROM nearest ORDER BY place, stages, id LIMIT {_EXAMPLES}
        )
        SELECT id, stages, text, coalesce({after}) FROM chosen JOIN run USING (id)
        ORDER BY stages, place, id LIMIT {_EXAMPLES}
    """  # noqa: S608
    found = connection.execute(query).fetchall()
    return [Example(id_, stages, _cut(before), _cut(new)) for id_, stages, before, new in found]


def _cut(text: str) -> str:
    return text if len(text) <= _EXAMPLE_CHARACTERS else text[:_EXAMPLE_CHARACTERS] + "\n[…]\n"
