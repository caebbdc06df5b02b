"""What a release's columns hold, a line each, for its card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from builder.release.config_files import Config
from builder.release.generations import GENERATIONS
from builder.release.views import DROPPED

_SOURCE = {
    "blob_id": "Software Heritage's id of the file's content",
    "branch_name": "the branch that was visited",
    "bytes": "size of the source's file, in bytes",
    "char_count": "characters of the source's text, as the source counts them",
    "content_id": "Software Heritage's id of the content, as UTF-8",
    "content_mime_type": "the page's media type",
    "crawl": "the Common Crawl snapshot that the page comes from",
    "dataset": "the source that the document comes from",
    "detected_licenses": "licences found in the file or its repository (SPDX identifiers)",
    "directory_id": "Software Heritage's id of the repository's root directory",
    "encoding": "the encoding that the file was read in",
    "extension": "the file's extension",
    "fetch_time": "when the page was fetched",
    "file": "the source's file that held the document",
    "gha_language": "the repository's main language, as GitHub says it",
    "int_score": "the source's quality score, rounded",
    "is_generated": "whether the source holds the file to be generated",
    "is_vendor": "whether the source holds the file to be a copy of somebody else's",
    "language": "the document's language, as the source has it",
    "language_score": "how sure the source is of the language",
    "length_bytes": "size of the original file, in bytes",
    "license_type": "`permissive` or `no_license`, as the source judges",
    "path": "the file's path in its repository",
    "repo_name": "the repository, as owner/name",
    "repo_url": "the repository's address",
    "revision": "the source's commit",
    "revision_id": "the repository's commit that was visited",
    "row": "the row of that file, counted from 0",
    "score": "the source's quality score",
    "sha256": "SHA-256 of the source's file",
    "snapshot_id": "Software Heritage's id of the visit",
    "src_encoding": "the original file's encoding",
    "star_events_count": "stars of the repository",
    "token_count": "tokens of the source's text, as the source counts them",
    "url": "the page's address",
    "visit_date": "when Software Heritage visited the repository",
    "warc_filename": "the crawl's archive that holds the page",
    "warc_record_length": "length of the page's record there",
    "warc_record_offset": "where the page's record begins there",
}
_ANSWERS = {
    "key": "digest of all that decided the answer",
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
_OTHER = "as the source has it"


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that some configs share: name, type, what they hold."""

    configs: list[str]
    columns: list[tuple[str, str, str]]


def explained(configs: Iterable[Config], stages: Iterable[str], published: Mapping[str, str]) -> list[Columns]:
    """Return the columns of each config; configs of equal columns are told of together.

    Args:
        configs: The configs.
        stages: The stages that filter.
        published: What a recipe publishes of its stages, `release.columns`.
    """
    known = sorted(stages, key=len, reverse=True)  # of `lint` and `lint_again`, the longer one has the measure
    found: list[Columns] = []
    for config in configs:
        columns = [
            (field.name, str(field.type), _meaning(config, field.name, known, published))
            for field in config.schema
        ]
        same = next((one for one in found if one.columns == columns), None)
        if same is None:
            found.append(Columns([config.name], columns))
        else:
            same.configs.append(config.name)
    return found


def _meaning(config: Config, column: str, stages: list[str], published: Mapping[str, str]) -> str:
    if config.stage is None and config.name == GENERATIONS:
        return _ANSWERS.get(column, _OTHER)
    if config.stage is None and config.name == DROPPED:
        stage = next((name for name in stages if column.startswith(f"{name}_")), None)
        if column in _DROPS or stage is None:
            return _DROPS.get(column) or _of_source(column)
        return f"measure `{column.removeprefix(f'{stage}_')}` of stage `{stage}`, null where it was not reached"
    if column in published:
        return _of_stage(published[column])
    own = {"text": "the document's text, as the config's stage left it", "id": "unique, the same in every config"}
    return own.get(column) or _of_source(column)


def _of_stage(path: str) -> str:
    stage, _, measure = path.partition(".")
    if not measure:
        return "the document's text, as it was read"
    if measure == "text":
        return f"the text that stage `{stage}` left, null where it left it as it was"
    return f"measure `{measure}` of stage `{stage}`, null where it does not apply"


def _of_source(column: str) -> str:
    return _SOURCE.get(column.removeprefix("source_").removeprefix("original_"), _OTHER)


def licence_columns(schema: Any, named: Iterable[str]) -> list[str]:  # noqa: ANN401 - pyarrow's own is untyped
    """Return the columns that say a document's licences: those that a filter reads, else the best known one."""
    candidates = [*named, "detected_licenses", "licenses", "license", "license_type"]
    return [name for name in dict.fromkeys(candidates) if name in schema.names]
