"""Columns of class labels keep their names from a source into a release."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from datasets import ClassLabel, DatasetInfo, Features, List, Value

from builder.release.features import with_features
from builder.sources.features import agreed, in_metadata, with_classes
from tests.local_hub import LocalHub
from tests.support import builder

LABELS = Features(
    text=Value("string"),
    label=ClassLabel(names=["neg", "pos"]),
    many=List(ClassLabel(names=["a", "b"])),
    of={"kind": ClassLabel(names=["x", "y"])},
    score=Value("int64"),
)
ROWS = {
    "text": ["A text.", "Another one."], "label": [0, 1], "many": [[0, 1], []], "of": [{"kind": 0}, {"kind": 1}],
    "score": [1, 2],
}  # fmt: skip
RECIPE = """
name: labels
source: {source}
stages: [{{name: long, filter: length, min_characters: 1}}]
release: {{configs: {{default: long}}, columns: {{label: long.characters}}, license: mit, scan: []}}
"""
READ = """
from datasets import load_dataset
loaded = load_dataset("{place}", "default", split="train")
out = [loaded.features.to_dict(), loaded["source_label"][:], loaded["label"][:]]
"""


def write(path: Path, features: Features = LABELS) -> Path:
    pq.write_table(pa.table(ROWS, features.arrow_schema), path)
    return path


@pytest.mark.parametrize("kind", ["files", "card"])
def test_names_of_classes_are_in_the_release_as_load_dataset_reads_it(kind: str, tmp_path: Path) -> None:
    recipe, file = tmp_path / "labels.yaml", write(tmp_path / "train.parquet")
    plain = pq.read_table(file).replace_schema_metadata(None)
    info = {"dataset_info": DatasetInfo(features=LABELS)._to_yaml_dict()}
    with LocalHub() as hub:
        client: dict[str, Any] = {**hub.env(tmp_path)}
        if kind == "files":
            recipe.write_text(RECIPE.format(source=f"{{kind: parquet, path: {file}}}"))
        else:  # the names are in the dataset's card alone
            pq.write_table(plain, file)
            hub.put(
                "org/labels",
                {"data/train.parquet": file, "README.md": f"---\n{yaml.safe_dump(info)}---\n".encode()},
            )
            recipe.write_text(RECIPE.format(source="{kind: hub, dataset: org/labels}"))
        out = tmp_path / "out"
        builder("publish", recipe, "--run", tmp_path / "run", "--to", out, **client)
        features, theirs, ours = hub.client(tmp_path / "reader", READ.format(place=out))
    known = LABELS.to_dict()
    assert {name: features[name] for name in ("many", "of")} == {name: known[name] for name in ("many", "of")}
    assert features["source_label"] == known["label"] and theirs == [0, 1]
    assert (
        features["label"] == Value("int64").__dict__ | {"_type": "Value"} or features["label"]["_type"] == "Value"
    )
    assert ours == [7, 12], "the stage's measure of that name has no classes"
    front = yaml.safe_load((out / "README.md").read_text().split("---\n")[1])
    told = {one["name"]: one for one in front["dataset_info"][0]["features"]}
    assert told["source_label"]["dtype"] == {"class_label": {"names": {"0": "neg", "1": "pos"}}}


def test_names_that_parts_do_not_agree_on_are_not_kept(caplog: pytest.LogCaptureFixture) -> None:
    ours: dict[str, Any] = {"label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}
    theirs: dict[str, Any] = {"label": {"names": ["pos", "neg"], "_type": "ClassLabel"}}
    assert agreed([("a", ["label", "text"], ours), ("b", ["text"], {}), ("c", ["label"], ours)]) == ours
    assert not caplog.records
    assert agreed([("a", ["label"], ours), ("b", ["label"], theirs)]) == {}
    assert "'label' has other names of classes in b" in caplog.text
    assert agreed([("a", ["label"], {}), ("b", ["label"], ours)]) == {}


def test_what_is_no_names_of_classes_is_left(tmp_path: Path) -> None:
    assert in_metadata(None) == {} == in_metadata({b"huggingface": b"[1"}) == in_metadata({b"huggingface": b"{}"})
    picture = {"image": {"_type": "Image"}, "both": {"a": {"_type": "Image"}, "b": LABELS.to_dict()["label"]}}
    assert with_classes({**picture, "score": {"dtype": "int64", "_type": "Value"}}) == {}
    wider = pa.table({"text": ["a"], "label": [0.5]}).schema
    assert with_features(wider, ["label"], with_classes(LABELS.to_dict())).metadata is None
