"""The config `generations`: the answers that published texts come from, so that a release can be made again.

Published are a document's answers, every attempt's, at each rewriting stage that it passed on its way into a
config that holds it; but none of a stage whose answers a filter that takes texts out (`secrets`) checks or comes
after, for that filter has seen the new text and not all that the model wrote.

An answer is derived from its document, so it says which, where that is from, and under which licences.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from builder.recipe_file import LoadedRecipe
from builder.release.views import flat, is_kept
from builder.run.directory import Run
from builder.run.table import row_groups

GENERATIONS = "generations"
_OF_RECORD = ("model", "model_sha", "prompt_sha")
_OF_ANSWER = (
    "key", "seed", "max_tokens", "failure", "answer", "finish_reason", "prompt_tokens", "completion_tokens"
)  # fmt: skip


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
