"""Views: each published config is a projection of the run's table, a row group at a time.

`generations` holds the answers that published texts come from, so that a release can be made again: every
attempt's, at each rewriting stage that a document passed on its way into a config that holds it. Left out is a
stage whose answers a filter that takes texts out (`secrets`) checks or comes after: it has seen the new text and
not all that the model wrote. An answer is derived from its document, so it says which, where that is from, and
under which licences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builder.loaded_recipe import LoadedRecipe
from builder.names import same_name
from builder.release.texts import Texts
from builder.run.directory import Run
from builder.run.table import TEXT, at, row_groups, stage_of, stages_with_text

DROPPED, GENERATIONS = "dropped", "generations"
"""The configs that are no training data."""

MEANINGS: Mapping[str | None, Mapping[str, str]] = {
    None: {
        "text": "the document's text, as the config's stage left it",
        "id": "unique, the same in every config",
    },
    DROPPED: {
        "id": "the document's id",
        "stage": "the stage that dropped it",
        "reason": "why",
    },
    GENERATIONS: {
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
    },
}
"""What the columns hold that a view makes, by config: None for those of training data."""

_OF_RECORD = ("model", "model_sha", "prompt_sha")
_OF_ANSWER = (
    "key", "seed", "max_tokens", "failure", "answer", "finish_reason", "prompt_tokens", "completion_tokens"
)  # fmt: skip


def is_kept(table: pa.Table, stage: str) -> pa.ChunkedArray[Any]:
    """Tell for each row whether the stage kept the document; one that did not reach it, it did not keep."""
    dropped_here = pc.fill_null(pc.equal(pc.struct_field(table["verdict"], "stage"), pa.scalar(stage)), False)
    kept: pa.ChunkedArray[Any] = pc.and_(pc.is_valid(table[stage]), pc.invert(dropped_here))
    return kept


def kept(
    run: Run, stage: str, columns: Mapping[str, str] | None = None, texts: Texts | None = None
) -> Iterator[pa.Table]:
    """Yield a row group at a time: what `stage` kept, in the text it left.

    Args:
        run: The run.
        stage: One of its stages.
        columns: What else to yield, by name: where in the table it is (`release.columns`).
        texts: Counts the rows.
    """
    upto = run.stages[: run.stages.index(stage) + 1]
    more = {name: path for name, path in (columns or {}).items() if path == TEXT or stage_of(path) in upto}
    for path in run.shown_paths():
        changing = stages_with_text(pq.read_schema(path), upto)
        wanted = ["id", "text", "source", stage, "verdict", *(f"{name}.text" for name in changing), *more.values()]
        for table in row_groups(path, wanted):
            left = _left(table, stage)
            new = {name: pc.struct_field(left[name], "text") for name in changing}
            # The latest there is: a rewrite that failed with `on_failure: keep` leaves none, a clean text neither.
            text = pc.coalesce(*reversed(new.values()), left["text"])
            if texts is not None:
                by_model = [new.pop(name) for name in run.rewriters if name in new]
                texts.add(text, by_model, list(new.values()))
            published = {name: at(left, where) for name, where in more.items()}
            yield flat({"text": text, "id": left["id"], **published}, left["source"])


def _left(table: pa.Table, stage: str) -> pa.Table:
    """Return the rows that a stage kept."""
    is_wanted = is_kept(table, stage)
    return table if pc.all(is_wanted).as_py() else table.filter(is_wanted)  # a filter copies


def drops(run: Run) -> Iterator[pa.Table]:
    """Yield a row group's drops at a time: id, stage, reason, provenance and measures; no text."""
    filters = [stage["name"] for stage in run.facts["recipe"]["stages"] if "filter" in stage]
    columns = ["id", "source", "verdict", *filters]
    for table in chain.from_iterable(row_groups(path, columns) for path in run.shown_paths()):
        table = table.filter(pc.is_valid(table["verdict"]))
        verdict = table["verdict"]
        first = {
            "id": table["id"],
            "stage": pc.struct_field(verdict, "stage"),
            "reason": pc.struct_field(verdict, "reason"),
        }
        for name in filters:
            for measure in table.schema.field(name).type:
                if measure.name == "text":
                    continue
                first[f"{name}_{measure.name}"] = pc.struct_field(table[name], measure.name)
        yield flat(first, table["source"])


def flat(first: dict[str, Any], source: pa.ChunkedArray[Any]) -> pa.Table:
    """Return a table of these columns and the source's, whose names give way."""
    columns = dict(first)
    for field in source.type:
        name = field.name
        while same_name(name, columns):
            name = f"source_{name}"
        columns[name] = pc.struct_field(source, field.name)
    return pa.table(columns)


# --- generations ---


def published_stages(loaded: LoadedRecipe) -> list[str]:
    """Return the rewriting stages of which answers may be published, in order."""
    names = [stage.name for stage in loaded.recipe.stages]
    return [
        name
        for number, name in enumerate(names)
        if name in loaded.prompts
        and not any(
            "text" in loaded.filters[later].measures for later in names[number:] if later in loaded.filters
        )
        and not any("text" in check.used.measures for check in loaded.checks[name].values())
    ]


def generations(
    run: Run, stages: Sequence[str], published: Sequence[str], origin: Sequence[str]
) -> Iterator[pa.Table]:
    """Yield a row group's answers at a time, in the table's order: by document, stage, attempt.

    Args:
        run: A complete run.
        stages: The rewriting stages, at least one.
        published: The stages whose kept documents the release holds.
        origin: The source's columns that say where a document is from and what it is under.
    """
    columns = [f"{stage}.{field}" for stage in stages for field in ("answers", *_OF_RECORD)]
    columns += ["id", *(f"source.{name}" for name in origin)]
    wanted = ["verdict", *columns, *(set(published) - set(stages))]
    for table in chain.from_iterable(row_groups(path, wanted) for path in run.shown_paths()):
        parts = []
        for stage in stages:
            behind = [name for name in published if run.stages.index(name) >= run.stages.index(stage)]
            parts.append(_answers(table, stage, behind))
        answers = pa.concat_tables(parts)
        yield answers.take(pc.sort_indices(answers["row"])).drop_columns(["row"])


def _answers(table: pa.Table, stage: str, published: Sequence[str]) -> pa.Table:
    """Return a stage's answers for the documents that one of the `published` stages kept, with their rows."""
    held = reduce(pc.or_, (is_kept(table, name) for name in published), pa.repeat(pa.scalar(False), len(table)))
    rows = pc.indices_nonzero(pc.and_(held, pc.is_valid(table[stage])))
    records = table[stage].combine_chunks().take(rows)
    listed = pc.struct_field(records, "answers")
    answers, places = pc.list_flatten(listed), pc.list_parent_indices(listed)
    documents = rows.take(places)
    columns = {
        "row": documents,
        "key": pc.struct_field(answers, "key"),
        "id": table["id"].take(documents),
        "stage": pa.repeat(pa.scalar(stage), len(answers)),
        **{name: pc.struct_field(answers, name) for name in _OF_ANSWER if name != "key"},
        **{name: pc.struct_field(records, name).take(places) for name in _OF_RECORD},
    }
    found = flat(columns, table["source"].take(documents)) if "source" in table.column_names else pa.table(columns)
    return found.filter(pc.is_valid(found["finish_reason"]))  # else the request failed, and nobody answered
