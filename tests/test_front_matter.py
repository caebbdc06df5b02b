"""A card's `dataset_info` is what `datasets` itself would write."""

from __future__ import annotations

import pyarrow as pa
import pytest
from datasets import DatasetInfo, Features, SplitDict, SplitInfo

from builder.release.config_files import Config, Split
from builder.release.front_matter import _info

PLAIN = [("text", pa.string()), ("tokens", pa.int64()), ("score", pa.float64()), ("ok", pa.bool_())]
NESTED = [("text", pa.string()), ("langs", pa.list_(pa.string())), ("at", pa.struct([("line", pa.int32())]))]


@pytest.mark.parametrize("columns", [PLAIN, NESTED], ids=["plain", "nested"])
def test_a_cards_info_is_that_of_datasets(columns: list[tuple[str, pa.DataType]]) -> None:
    config = Config(
        "default", None, [Split("train", ["a"], 3, 10, 20), Split("test", ["b"], 1, 5, 6)], pa.schema(columns)
    )
    splits = SplitDict()
    for split in config.splits:
        splits.add(SplitInfo(split.name, num_bytes=split.arrow_bytes, num_examples=split.rows))
    features = Features.from_arrow_schema(config.schema)
    info = DatasetInfo(features=features, splits=splits, download_size=15, dataset_size=26)
    assert _info(config) == info._to_yaml_dict()
