"""The facts of a release: everything its card says, each a query over the run's table or the written files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from builder.recipe import RewriteStage
from builder.recipe_file import LoadedRecipe
from builder.release.config_files import Config
from builder.release.licenses import Duties, duties_of
from builder.release.scan import Scanned
from builder.rewriting.servers import Model
from builder.run.directory import Run
from builder.run.status import Status, connect
from builder.run.table import schema_of, stages_with_text

_EXAMPLE_CHARACTERS = 3000


@dataclass(frozen=True, slots=True)
class Example:
    """One document before and after its last rewriting stage."""

    id: str
    stage: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """What a card is rendered from."""

    name: str
    title: str
    description: str
    license: str
    duties: Duties
    language: list[str]
    tags: list[str]
    source_datasets: list[str]
    source_terms: str
    sources: list[dict[str, Any]]
    status: Status
    stages: list[dict[str, Any]]
    configs: list[Config]
    model: Model | None
    prompts: dict[str, dict[str, Any]]
    versions: dict[str, str]
    examples: list[Example]
    split: str
    scanned: list[Scanned]

    @property
    def rows(self) -> int:
        """Rows of the first config, the release's main one."""
        return self.configs[0].rows


def gather(
    loaded: LoadedRecipe, run: Run, status: Status, configs: list[Config], scanned: list[Scanned]
) -> ReleaseFacts:
    """Gather the facts of a release."""
    release, snapshot = loaded.recipe.release, loaded.snapshot()
    return ReleaseFacts(
        name=loaded.recipe.name,
        title=release.title or loaded.recipe.name,
        description=release.description.strip(),
        license=release.license,
        duties=duties_of(release.license),
        language=release.language,
        tags=release.tags,
        source_datasets=release.source_datasets,
        source_terms=release.source_terms.strip(),
        sources=[
            {**described, "label": source.label(), "pin": pin}
            for described, source, pin in zip(
                snapshot["source"], loaded.recipe.sources, run.facts["sources"], strict=True
            )
        ],
        status=status,
        stages=snapshot["stages"],
        configs=configs,
        model=run.model,
        prompts=run.facts["prompts"],
        versions=run.facts["versions"],
        examples=examples(
            run,
            [stage.name for stage in loaded.recipe.stages if isinstance(stage, RewriteStage)],
            stages_with_text(schema_of(loaded), list(loaded.filters)),
        ),
        split=release.split,
        scanned=scanned,
    )


def examples(run: Run, rewriters: list[str], redacting: list[str]) -> list[Example]:
    """Return for each rewriting stage a rewritten document of about 800 characters, the same at every call.

    One of whose text a filter has taken something out is no example: what is taken out is not to be seen.
    """
    found = []
    untouched = "".join(f'AND "{name}".text IS NULL ' for name in redacting)
    with connect(run.shard_paths()) as connection:
        for position, stage in enumerate(rewriters):
            before = ", ".join([*(f'"{name}".text' for name in reversed(rewriters[:position])), "text"])
            query = (
                f'SELECT id, coalesce({before}), "{stage}".text FROM run WHERE "{stage}".text IS NOT NULL '  # noqa: S608
                f"{untouched}AND verdict IS NULL ORDER BY abs(length(text) - 800), id LIMIT 1"
            )
            row = connection.execute(query).fetchone()
            if row is not None:
                found.append(Example(row[0], stage, _cut(row[1]), _cut(row[2])))
    return found


def _cut(text: str) -> str:
    return text if len(text) <= _EXAMPLE_CHARACTERS else text[:_EXAMPLE_CHARACTERS] + "\n[…]\n"
