"""The generations that a table's rows keep: every answer of a server, with the key it was asked under."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from builder.rewriting.generation import Generation


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
    return answer["finish_reason"] is not None


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
