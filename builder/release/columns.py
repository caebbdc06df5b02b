"""What a release's columns hold, a line each, for its card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from builder.release.config_files import Config
from builder.release.generations import GENERATIONS
from builder.release.views import DROPPED
from builder.sources import Source

_ORIGIN = ("dataset", "repo_name", "repo_url", "path", "url", "revision_id", "blob_id")
_ANSWERS = {
    "key": "digest of all that decided the answer",
    "id": "the document that it was asked for",
    "stage": "the stage that asked",
    "seed": "the request's seed",
    "max_tokens": "the most tokens that the answer could have",
    "failure": "why the answer was not taken, null where it was",
    "answer": "what the model answered, whole",
    "finish_reason": "why the model stopped",
    "prompt_tokens": "tokens that the server read",
    "completion_tokens": "tokens that the server wrote",
    "model": "the model's id",
    "model_sha": "the revision of its weights",
    "prompt_sha": "SHA-256 of the prompt's file",
}
_DROPS = {
    "id": "the document's id",
    "stage": "the stage that dropped it",
    "reason": "why",
}
_LICENCES = ("detected_licenses", "licenses", "license", "license_type")
_OTHER = "as the source has it"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that some configs share: name, type, what they hold."""

    configs: list[str]
    columns: list[tuple[str, str, str]]


def explained(
    configs: Iterable[Config], stages: Iterable[str], sources: Iterable[Source], published: Mapping[str, str]
) -> list[Columns]:
    """Return the columns of each config; configs of equal columns are told of together.

    Args:
        configs: The configs.
        stages: The stages that filter.
        sources: What the documents were read from.
        published: What a recipe publishes of its stages, `release.columns`.
    """
    told = {column: meaning for source in sources for column, meaning in source.meanings.items()}
    told |= {column: _of_stage(path) for column, path in published.items()}
    known = sorted(stages, key=len, reverse=True)  # of `lint` and `lint_again`, the longer one has the measure
    found: list[Columns] = []
    for config in configs:
        columns = [
            (field.name, str(field.type), _meaning(config, field.name, known, told)) for field in config.schema
        ]
        same = next((one for one in found if one.columns == columns), None)
        if same is None:
            found.append(Columns([config.name], columns))
        else:
            same.configs.append(config.name)
    return found


def _meaning(config: Config, column: str, stages: list[str], told: Mapping[str, str]) -> str:
    if config.stage is None and config.name == GENERATIONS:
        return _ANSWERS.get(column) or _of_source(column, told)
    if config.stage is None and config.name == DROPPED:
        stage = next((name for name in stages if column.startswith(f"{name}_")), None)
        if column in _DROPS or stage is None:
            return _DROPS.get(column) or _of_source(column, told)
        return f"measure `{column.removeprefix(f'{stage}_')}` of stage `{stage}`, null where it was not reached"
    own = {"text": "the document's text, as the config's stage left it", "id": "unique, the same in every config"}
    return own.get(column) or _of_source(column, told)


def _of_stage(path: str) -> str:
    stage, _, measure = path.partition(".")
    if not measure:
        return "the document's text, as it was read"
    if measure == "text":
        return f"the text that stage `{stage}` left, null where it left it as it was"
    return f"measure `{measure}` of stage `{stage}`, null where it does not apply"


def _of_source(column: str, told: Mapping[str, str]) -> str:
    return told.get(column.removeprefix("source_").removeprefix("original_"), _OTHER)


def licence_columns(schema: Any, named: Iterable[str]) -> list[str]:  # noqa: ANN401 - pyarrow's own is untyped
    """Return the columns that say a document's licences: those that a filter reads, else the best known one."""
    return [name for name in dict.fromkeys([*named, *_LICENCES]) if name in schema.names]


def origin_columns(source: Iterable[str], named: Iterable[str]) -> list[str]:
    """Return the columns of a source that say where a document is from and its licences; filters read `named`."""
    licences = [*named, *_LICENCES]
    return [name for name in source if name in _ORIGIN or name in licences]
