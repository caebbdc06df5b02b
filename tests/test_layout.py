"""Where a run's files lie: of more shards than five digits count, too."""

from __future__ import annotations

from pathlib import Path

from builder.run.directory import Run

NUMBERS = [7, 10_000, 10_001, 99_999, 100_000, 100_001]


def test_a_hundred_thousand_shards_are_in_order_and_the_last_of_them_go(tmp_path: Path) -> None:
    run = Run(tmp_path, {})
    shards = [run.shard_path(number) for number in NUMBERS]
    (tmp_path / "shards").mkdir()
    for file in shards:
        file.touch()
    (tmp_path / "shards" / "shard-00007-copy.parquet").touch()  # a user's own
    assert shards[0].name == "shard-00007.parquet"
    assert run.shard_paths() == shards
    assert run.shard_paths(100_000) == shards[-2:]
