"""The checkpoint records: complete, strict, marked; and the paper's differences, recomputed."""

import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError
from rich.console import Console

from builder.checkpoints.records import load_records, load_training, model_names
from builder.checkpoints.schema import Figure, Span
from builder.checkpoints.table import as_dicts, curves, deltas, render, rows
from builder.errors import RecipeError
from builder.resources import folder

META = folder("checkpoints_meta")
FILES = sorted(META.glob("*.yaml"))
RECORDS = load_records()
BY_ID = {record.id: record for record in RECORDS}


@pytest.fixture
def meta(tmp_path: Path) -> Path:
    return Path(shutil.copytree(META, tmp_path / "meta"))


def edit(path: Path, old: str, new: str) -> int:
    """Replace the only `old` in a file; return the line that it is on."""
    content = path.read_text(encoding="utf-8")
    assert content.count(old) == 1
    path.write_text(content.replace(old, new), encoding="utf-8")
    return content[: content.index(old)].count("\n") + 1


def refusal(meta: Path) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        load_records(meta)
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    return caught.value


def test_every_ablation_has_a_record_in_natural_order() -> None:
    expected = [f"code-exp{n}" for n in range(1, 14)] + ["math-exp1", "math-exp2"]
    assert [record.id for record in RECORDS] == expected


@pytest.mark.parametrize(
    ("experiment", "benchmark", "version", "computed", "published"),
    [
        ("code-exp11", "HumanEval", None, 17.0, 17.0),
        ("code-exp11", "HumanEval+", "v4", 16.1, 16.1),
        ("code-exp11", "HumanEval+", "v1", None, 17.7),
        ("math-exp2", "GSM8K", None, 12.5, 12.4),
        ("math-exp2", "MATH", None, 7.6, 7.6),
        ("code-exp3", "HumanEval", None, 1.6, None),
        ("code-exp5", "HumanEval", None, 9.1, None),
        ("code-exp2", "HumanEval", None, Span(low=0.9, high=1.0), None),
        ("code-exp10", "HumanEval", None, Span(low=-2.1, high=-0.4), None),
        ("code-exp4", "HumanEval", None, None, None),
    ],
)
def test_deltas_are_computed_and_announced_ones_stand_beside(
    experiment: str, benchmark: str, version: str | None, computed: object, published: float | None
) -> None:
    wanted = (experiment, benchmark, version)
    [delta] = [d for d in deltas(RECORDS) if (d.experiment, d.benchmark, d.paper_version) == wanted]
    assert delta.delta_points == computed
    assert delta.published_points == published
    assert delta.disagrees == (published is not None and published != computed)
    assert delta.baseline == BY_ID[experiment].baseline
    assert sum(other.published_points is not None for other in deltas(RECORDS)) == 5, "an announcement is lost"


def test_deltas_follow_the_records_and_not_the_headline(meta: Path) -> None:
    edit(meta / "code-exp13.yaml", "value: 0.370, mark: N", "value: 0.400, mark: N")
    [delta] = [
        d for d in deltas(load_records(meta)) if d.experiment == "code-exp11" and d.benchmark == "HumanEval"
    ]
    assert (delta.delta_points, delta.published_points, delta.disagrees) == (14.0, 17.0, True)


def numbers(node: Any, marked: bool = False) -> Iterator[tuple[float, bool]]:
    if isinstance(node, dict):
        marked = marked or any(key in node for key in ("mark", "checkpoints_mark"))
        for value in node.values():
            yield from numbers(value, marked)
    elif isinstance(node, list):
        for value in node:
            yield from numbers(value, marked)
    elif isinstance(node, float):
        yield node, marked


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_float_is_without_a_mark(path: Path) -> None:
    found = list(numbers(yaml.safe_load(path.read_text(encoding="utf-8"))))
    assert [number for number, marked in found if not marked] == []


def test_no_score_is_silent() -> None:
    for row in rows(RECORDS):
        assert (row.value is None) == (row.mark is None) == (row.reason is not None), row
    assert sum(row.value is None for row in rows(RECORDS)) >= 10, "unknowns were filled in: with what source?"


@pytest.mark.parametrize(
    "fields",
    [
        {"value": 0.5},
        {"value": None},
        {"value": "unknown"},
        {"value": "unknown", "mark": "P", "reason": "not found"},
        {"value": 0.5, "mark": "P", "reason": "not found"},
        {"value": 0.5, "mark": "X"},
        {"value": "0.5", "mark": "P"},
        {"value": {"low": 0.5, "high": 0.4}, "mark": "D"},
        {"value": float("nan"), "mark": "P"},
    ],
)
def test_a_figure_has_a_mark_or_a_reason(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Figure.model_validate(fields)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_unknown_key_is_refused_with_its_line(meta: Path, path: Path) -> None:
    target = meta / path.name
    target.write_text(target.read_text(encoding="utf-8") + "colour: blue\n", encoding="utf-8")
    error = refusal(meta)
    line = len(target.read_text(encoding="utf-8").splitlines())
    assert error.where == f"{target}:{line}"
    assert "colour" in error.what


def test_a_misspelt_key_is_answered_with_the_nearest(meta: Path) -> None:
    line = edit(meta / "code-exp1.yaml", "note: Two", "notte: Two")
    error = refusal(meta)
    assert error.where == f"{meta / 'code-exp1.yaml'}:{line}"
    assert error.remedy == "did you mean 'note'?"


@pytest.mark.parametrize(
    ("old", "new", "offset", "complaint"),
    [
        ("value: 0.379, mark: N", "value: 0.379", 0, "mark"),
        ("value: 0.379, mark: N", "value: high, mark: N", 0, "number"),
        ("value: 0.379, mark: N", "value: 37.9, mark: N", 0, "fraction"),
        ("value: unknown, reason: not found", "value: unknown", 0, "reason"),
        ("baseline: code-exp1", "baseline: code-exp1\nbaseline: code-exp3", 1, "twice"),
        ("stages: [syntax]", "stages: [syntax", 1, "YAML"),
        ("title: Syntax filter\n", "", -1, "title"),
        ("status: published", "status: lost", 0, "status"),
        ("baseline: code-exp1", "baseline: code-exp99", None, "code-exp99"),
        ("id: code-exp2", "id: code-exp77", None, "code-exp77"),
        ("training: code", "training: poetry", None, "poetry"),
    ],
)
def test_a_broken_record_is_refused_where_it_breaks(
    meta: Path, old: str, new: str, offset: int | None, complaint: str
) -> None:
    line = edit(meta / "code-exp2.yaml", old, new)
    error = refusal(meta)
    at = "" if offset is None else f":{line + offset}"  # what two files disagree on has no one line
    assert error.where == f"{meta / 'code-exp2.yaml'}{at}"
    assert complaint in error.what


def test_files_that_are_no_records_are_refused(meta: Path) -> None:
    broken = meta / "code-exp2.yaml"
    for content in (b"", b"\xff\xfe\x00", b"- a list", b"a: &a [*a]", b"? [complex]\n: key", b"1: 2"):
        broken.write_bytes(content)
        assert str(broken) in refusal(meta).where
    (meta / "training.yaml").unlink()
    assert "training.yaml" in refusal(meta).where


def test_curves_end_at_the_recorded_scores() -> None:
    final = {(row.experiment, row.benchmark): row.value for row in rows(RECORDS) if row.tokens_billion == 50}
    points = curves(RECORDS)
    assert len({point.experiment for point in points}) == 5
    assert [point.value for point in points if point.experiment == "code-exp11"] == [
        0.457,
        0.538,
        0.526,
        0.523,
        0.5396,
    ]
    for point in points:
        if point.tokens_billion == 50:
            score = final[point.experiment, point.benchmark]
            low, high = (score.low, score.high) if isinstance(score, Span) else (score, score)
            assert low is not None and high is not None
            assert low - 0.002 <= point.value <= high + 0.002, point


def test_training_adds_up() -> None:
    training = load_training()
    batch, length = (training.settings[key].value for key in ("global_batch_sequences", "sequence_length"))
    assert isinstance(batch, int) and isinstance(length, int)
    for point in training.checkpoints:
        assert point.tokens_billion == round(point.iteration * batch * length / 1e9, 1)
    assert training.checkpoints[-1].iteration == training.settings["iterations"].value
    for mix in training.mixes.values():
        assert sum(mix.tokens_billion.values()) == pytest.approx(50, abs=0.5)
        assert mix.target in mix.tokens_billion


def test_model_names_are_given_only_where_models_were_seen() -> None:
    training = load_training()
    seen = [record.id for record in RECORDS if model_names(record, training)]
    assert seen == ["code-exp1", "code-exp2", "code-exp3", "math-exp1", "math-exp2"]
    code = model_names(BY_ID["code-exp2"], training)
    assert code["tokyotech-llm/Llama-3.1-8B-code-ablation-exp2-LR2.5e-5-MINLR2.5E-6-WD0.1-iter0005000"] == 21.0
    math = model_names(BY_ID["math-exp1"], training)
    assert math["tokyotech-llm/Llama-3.1-8B-math-ablation-exp1-LR2.5e-5-WD0.1-iter0012500"] == 52.4
    assert len(code) == len(math) == 5


@pytest.mark.parametrize("width", [80, 160])
def test_the_table_shows_every_ablation_its_scores_and_both_differences(width: int) -> None:
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(render(RECORDS))
    lines = console.export_text().splitlines()
    for record in RECORDS:
        assert any(line.split()[:1] == [record.id] for line in lines), record.id
    for shown in (
        r"0\.5445 P +unknown +≠ \+17\.7",
        r"0\.481 N +\+16\.1 +\+16\.1",
        r"0\.654 N +\+12\.5 +≠ \+12\.4",
    ):
        assert any(re.search(shown, line) for line in lines), shown
    assert any("0.465–0.482 D" in line and "-2.1…-0.4" in line for line in lines)


def test_rows_survive_json() -> None:
    plain = json.loads(json.dumps(as_dicts([*rows(RECORDS), *curves(RECORDS)])))
    assert len(plain) == len(rows(RECORDS)) + len(curves(RECORDS))
    assert plain[0]["value"] == {"low": 0.369, "high": 0.37}
    [swallow] = [
        d for d in as_dicts(deltas(RECORDS)) if d["experiment"] == "code-exp11" and d["benchmark"] == "HumanEval"
    ]
    assert (swallow["delta_points"], swallow["marks"]) == (17.0, ["N", "N"])
