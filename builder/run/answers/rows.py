"""The generations that a table's rows keep: every answer of a server, with the key it was asked under."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from builder.document import Document
from builder.rewriting.generation import Generation

if TYPE_CHECKING:
    import pyarrow as pa


def rewriting_stages(recipe: Mapping[str, Any]) -> list[str]:
    """Return the names of the stages that rewrite, of a recipe's snapshot."""
    return [stage["name"] for stage in recipe["stages"] if "rewrite" in stage]


def generation_of(answer: Mapping[str, Any]) -> Generation:
    """Return the generation that an answer in the table was."""
    return Generation(
        answer["answer"], answer["finish_reason"], answer["prompt_tokens"], answer["completion_tokens"]
    )


def is_answered(answer: Mapping[str, Any]) -> bool:
    """Whether a server answered: else the request failed, and there is no generation."""
    return answer.get("finish_reason") is not None


def unanswered_in(shard: Path, stages: Collection[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the row, and by stage the reason, of each document in a shard whose last request got no answer."""
    import pyarrow.parquet as pq

    told = [f"{stage}.answers.list.element.{of}" for stage in stages for of in ("failure", "finish_reason")]
    first = 0
    with pq.ParquetFile(shard) as file:
        for batch in file.iter_batches(columns=told) if told else ():
            for row, fields in enumerate(batch.to_pylist(), first):
                last = {stage: (fields[stage] or {"answers": ()})["answers"][-1:] for stage in stages}
                reasons = {
                    stage: one[0]["failure"] for stage, one in last.items() if one and not is_answered(one[0])
                }
                if reasons:
                    yield row, reasons
            first += batch.num_rows


def generations_in(shard: Path, stages: Sequence[str]) -> Iterator[tuple[str, Generation]]:
    """Yield key and generation of every answer in a shard of the table."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(shard) as file:
        for batch in file.iter_batches(batch_size=64, columns=[f"{stage}.answers" for stage in stages]):
            for row in batch.to_pylist():
                for stage in stages:
                    for answer in (row[stage] or {"answers": ()})["answers"]:
                        if is_answered(answer):
                            yield answer["key"], generation_of(answer)


def lost_in(
    shard: Path, stages: Sequence[str], documents: Iterable[Document | None]
) -> Iterator[tuple[str, Generation]]:
    """Yield key and generation of every answer in a shard of the table that none of its new documents has."""
    if not stages or not shard.is_file():
        return
    records = (record for document in documents if document for record in document.records.values())
    kept = {answer["key"] for record in records for answer in record.get("answers") or ()}
    if not all(key in kept for key, *_ in keys_in(shard, stages)):
        yield from ((key, generation) for key, generation in generations_in(shard, stages) if key not in kept)


def keys_in(shard: Path, stages: Sequence[str]) -> Iterator[tuple[str, int, int, int, int]]:
    """Yield key, row group, row in it, stage by number and number there of every answer in a shard."""
    import pyarrow.parquet as pq

    told = [f"{stage}.answers.list.element.{of}" for stage in stages for of in ("key", "finish_reason")]
    with pq.ParquetFile(shard) as file:
        for group in range(file.num_row_groups):
            rows = file.read_row_group(group, columns=told, use_threads=False)
            for stage, name in enumerate(stages):
                for key, row, number in _answers_in(rows[name].combine_chunks()):
                    yield key, group, row, stage, number


def _answers_in(records: pa.Array[Any]) -> Iterator[tuple[str, int, int]]:
    """Yield key, row and number within the row of every answer in one stage's records, of a group of rows.

    As columns: as rows they take ten times as long.
    """
    import pyarrow.compute as pc

    answers = pc.struct_field(records, "answers")
    rows = pc.list_parent_indices(answers).to_numpy()
    numbers = range(len(rows)) - rows.searchsorted(rows)
    told = pc.list_flatten(answers)
    keys = told.field("key").to_pylist()
    is_answered = told.field("finish_reason").is_valid().to_pylist()
    for key, row, number, is_one in zip(keys, rows.tolist(), numbers.tolist(), is_answered, strict=True):
        if is_one:
            yield key, row, number
