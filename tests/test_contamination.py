"""No document of a release holds a benchmark's items, and the measures say how near the nearest came."""

import gzip
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import RecipeError
from builder.filters.contamination import Contamination, Index
from builder.recipe_file import load_recipe

SHARED = Path(__file__).parent.parent.parent / "shared" / "data"
WORDS = st.lists(st.sampled_from("abcde"), max_size=14).map(" ".join)


def grams(text: str, ngram: int) -> set[tuple[str, ...]]:
    tokens = text.split()
    return {tuple(tokens[start : start + ngram]) for start in range(max(1, len(tokens) - ngram + 1)) if tokens}


@given(st.lists(WORDS, min_size=1, max_size=6), WORDS, st.integers(1, 5))
def test_the_index_finds_the_most_similar_item(items: list[str], text: str, ngram: int) -> None:
    ours = grams(text, ngram)
    expected = [len(ours & grams(item, ngram)) / (len(ours | grams(item, ngram)) or 1) for item in items]
    exact = [bool(item) and bool(re.search(rf"\b{item}\b", text)) for item in items]
    found = Index(((str(number), item) for number, item in enumerate(items)), ngram).nearest(text)
    if not any(exact):
        assert found["jaccard"] == pytest.approx(max(expected))
    if found["item"] is not None:
        assert found["jaccard"] == pytest.approx(expected[int(found["item"])])


@pytest.fixture
def filters(tmp_path: Path) -> Contamination:
    questions = ["Mary has three red apples and gives one of them to Peter. How many are left?", "What is 1 + 1?"]
    with gzip.open(tmp_path / "questions.jsonl.gz", "wt") as file:
        file.writelines(json.dumps({"question": question, "answer": "42"}) + "\n" for question in questions)
    return Contamination(benchmarks=[str(tmp_path / "questions.jsonl.gz")], fields=["question"])


def test_items_are_found_whole_changed_and_within_more(filters: Contamination) -> None:
    whole = filters.measure("Mary has three red apples and\n\n gives one of them to Peter. How many are left?")
    assert (whole["item"], whole["exact"], whole["jaccard"]) == ("questions.jsonl.gz:1:question", True, 1.0)
    assert filters.decide(whole) == "contaminated"
    within = filters.measure(f"x = 1\n# {'more ' * 500} What is 1 + 1? {'and more ' * 500}")
    assert (within["exact"], within["containment"], filters.decide(within)) == (True, 1.0, "contaminated")
    changed = filters.measure("Mary has three red apples and gives one of them to Peter. How many are there?")
    assert not changed["exact"]
    assert 0.5 < changed["jaccard"] < 1
    assert filters.decide({**changed, "jaccard": 0.8}) == "contaminated"
    assert filters.decide({**changed, "jaccard": 0.79}) is None
    nothing = filters.measure("def mary(apples):\n    return apples - 1\n")
    assert nothing == {"item": None, "jaccard": 0.0, "containment": 0.0, "exact": False}


def test_a_benchmark_begins_behind_its_mark(tmp_path: Path) -> None:
    lines = [
        json.dumps({"question": f"{mark}What is {n} + {n}, all in all?"}) for n, mark in enumerate(["", "\ufeff"])
    ]
    path = tmp_path / "q.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    used = Contamination(benchmarks=[str(path)], fields=["question"])
    for n in range(2):
        assert used.measure(f"What is {n} + {n}, all in all?")["jaccard"] == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("q.jsonl", b"\xff{}"),
        ("q.gz", b"{}"),
        ("q.gz", gzip.compress(b"{}", mtime=0)[:-9]),
        ("q.jsonl", b'{"a":' * 100_000),
    ],
)
def test_a_benchmark_that_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        Contamination(benchmarks=[str(path)], fields=["question"]).measure("x")
    assert caught.value.where == str(path)
    assert "JSON lines" in caught.value.remedy


def test_a_benchmarks_content_is_part_of_a_runs_identity(filters: Contamination, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "questions.jsonl.gz").write_bytes((tmp_path / "questions.jsonl.gz").read_bytes())
    moved = Contamination(benchmarks=[str(tmp_path / "other" / "questions.jsonl.gz")], fields=["question"])
    assert moved.identity() == filters.identity()  # the folder is not
    with pytest.raises(RecipeError, match="no text 'prompt'"):
        Contamination(benchmarks=filters.benchmarks, fields=["prompt"]).prepare()


def test_a_benchmark_that_is_not_there_is_named_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "name: r\nsource: {kind: files, path: ., glob: '*.txt'}\n"
        "stages: [{name: clean, filter: contamination, benchmarks: [gone.jsonl], fields: [prompt]}]\n"
        "release: {configs: {default: clean}, license: apache-2.0}\n"
    )
    with pytest.raises(RecipeError) as caught:
        load_recipe(str(recipe))
    assert caught.value.where == str(tmp_path / "gone.jsonl")
    (tmp_path / "gone.jsonl").write_text('{"prompt": "a b c d e f"}\n')
    assert list(load_recipe(str(recipe)).filters["clean"].identity().values()) == ["gone.jsonl"]


def test_benchmarks_of_one_name_are_all_looked_for(tmp_path: Path) -> None:
    texts = ["How many apples are left in the basket?", "Which of these numbers are prime, and why?"]
    paths = [tmp_path / str(number) / "test.jsonl" for number in range(2)]
    for path, text in zip(paths, texts, strict=True):
        path.parent.mkdir()
        path.write_text(json.dumps({"question": text}) + "\n")
    used = Contamination(benchmarks=[str(path) for path in paths], fields=["question"])
    assert [used.decide(used.measure(text)) for text in texts] == ["contaminated"] * 2
    assert len(used.identity()) == 2


@pytest.mark.skipif(not SHARED.is_dir(), reason="HumanEval is not beside the project (../shared/data)")
def test_humaneval_is_found_in_itself_and_nowhere_in_the_standard_library() -> None:
    import sysconfig

    path = SHARED / "HumanEval.jsonl.gz"
    used = Contamination(benchmarks=[str(path)], fields=["prompt", "canonical_solution"])
    with gzip.open(path, "rt") as lines:
        items = [json.loads(line) for line in lines]
    solved = [item["prompt"] + item["canonical_solution"] for item in items]
    assert {used.decide(used.measure(text)) for text in solved} == {"contaminated"}
    stdlib = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    similar = [used.measure(path.read_text(encoding="utf-8"))["jaccard"] for path in stdlib]
    assert max(similar) < 0.1
