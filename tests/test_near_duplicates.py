"""Near-duplicates: what one document stands for, whatever the order of shards, kills and limits."""

from __future__ import annotations

import contextlib
import random
import re
import signal
import sysconfig
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.filters.near_duplicates import NearDuplicates
from builder.run.duplicate_clusters import estimate
from tests.support import builder, builder_json, digests, start
from tests.tgi_double import TgiDouble

RECIPE = """
name: unique
source: {{kind: parquet, path: "{path}", id: id, shard_rows: {shard_rows}}}
stages:
  - {{name: long, filter: length, min_characters: 40}}
  - {{name: unique, filter: near_duplicates{options}}}
  - {{name: short, filter: length, max_characters: 1000000}}
release: {{configs: {{default: short}}, license: mit}}
"""


def grams(text: str, ngram: int = 5) -> set[tuple[str, ...]]:
    tokens = re.findall(r"\w+|[^\w\s]", text)
    return {tuple(tokens[start : start + ngram]) for start in range(max(1, len(tokens) - ngram + 1))}


def jaccard(one: str, other: str) -> float:
    return len(grams(one) & grams(other)) / len(grams(one) | grams(other))


def sources() -> list[str]:
    """Return parts of the standard library of some kB each, no two of one file."""
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(stdlib.glob("*.py"))]
    return [text[:4000] for text in texts if len(text) > 4000][:24]


def edited(text: str, lines: int, seed: int) -> str:
    """Return the text with some lines replaced by others that are nowhere else."""
    random_ = random.Random(seed)
    parts = text.splitlines()
    for place in random_.sample(range(len(parts)), min(lines, len(parts) * 3 // 4)):
        parts[place] = f"another_{random_.getrandbits(64)} = line_{random_.getrandbits(64)}"
    return "\n".join(parts)


def corpus() -> dict[str, str]:
    """Return texts by id: originals, equal copies, light and heavy edits, two too short to reach the stage."""
    texts: dict[str, str] = {}
    for number, text in enumerate(sources()):
        texts[f"original-{number:02d}"] = text
        if number % 3 == 0:
            texts[f"copy-{number:02d}"] = text
        if number % 4 == 0:
            texts[f"light-{number:02d}"] = edited(text, 2, number)
        if number % 5 == 0:
            texts[f"heavy-{number:02d}"] = edited(text, 100, number)
    return {**texts, "tiny-1": "x = 1", "tiny-2": "x = 1"}


def write(folder: Path, rows: list[tuple[str, str]], *, shard_rows: int = 20, options: str = "") -> Path:
    folder.mkdir(parents=True)
    table = pa.table({"id": [id for id, _ in rows], "text": [text for _, text in rows]})
    pq.write_table(table, folder / "rows.parquet", row_group_size=10)
    recipe = folder / "unique.yaml"
    recipe.write_text(RECIPE.format(path="rows.parquet", shard_rows=shard_rows, options=options))
    return recipe


def verdicts(run: Path) -> dict[str, Any]:
    return {row["id"]: row for row in pq.read_table(run / "shards").to_pylist()}


def test_one_of_those_alike_stays(tmp_path: Path) -> None:
    texts = corpus()
    status = builder_json("build", write(tmp_path / "project", list(texts.items())), "--run", tmp_path / "run")
    rows = verdicts(tmp_path / "run")
    reasons = {id: row["verdict"] and row["verdict"]["reason"] for id, row in rows.items()}
    assert reasons["tiny-1"] == reasons["tiny-2"] == "too_short"
    assert rows["tiny-1"]["unique"] is None
    for number in range(len(sources())):
        family = [id for id in texts if id.endswith(f"-{number:02d}") and not id.startswith("heavy")]
        stays = [id for id in family if reasons[id] is None]
        assert len(stays) == 1, family
        for id in family:
            unique = rows[id]["unique"]
            assert unique["copies"] == len(family)
            if id in stays:
                assert unique["survivor"] is None
                continue
            assert unique["survivor"] == stays[0]
            true = jaccard(texts[id], texts[stays[0]])
            assert unique["similarity"] == pytest.approx(true, abs=0.12)
            same = [other for other in family if texts[other] == texts[id]]
            assert reasons[id] == ("exact_duplicate" if len(same) > 1 and id != min(same) else "near_duplicate")
        if f"heavy-{number:02d}" in texts:
            assert reasons[f"heavy-{number:02d}"] is None
    unique = next(stage for stage in status["stages"] if stage["name"] == "unique")
    assert unique["in"] == len(texts) - 2 == unique["kept"] + sum(unique["dropped"].values())
    assert set(unique["dropped"]) == {"exact_duplicate", "near_duplicate"}
    assert status["stages"][-1]["in"] == unique["kept"]


def test_the_same_survivors_whatever_the_order_and_the_shards(tmp_path: Path) -> None:
    rows = list(corpus().items())
    kept = []
    for seed, shard_rows, workers in ((0, 20, 2), (1, 7, 1), (2, 1000, 2)):
        shuffled = random.Random(seed).sample(rows, len(rows))
        run = tmp_path / f"run-{seed}"
        recipe = write(tmp_path / f"project-{seed}", shuffled, shard_rows=shard_rows)
        builder("build", recipe, "--run", run, "--workers", workers)
        kept.append({id: (row["verdict"], row["unique"]) for id, row in verdicts(run).items()})
    assert kept[0] == kept[1] == kept[2]


def test_limits_give_what_a_fresh_build_of_them_gives(tmp_path: Path) -> None:
    rows = random.Random(3).sample(list(corpus().items()), len(corpus()))
    recipe = write(tmp_path / "project", rows, shard_rows=15)
    for limit in (20, 50, 33, None):
        options = [] if limit is None else ["--limit", limit]
        builder("build", recipe, "--run", tmp_path / "grown", *options)
        builder("build", recipe, "--run", tmp_path / f"fresh-{limit}", *options)
        assert digests(tmp_path / "grown" / "shards") == digests(tmp_path / f"fresh-{limit}" / "shards"), limit
    before = digests(tmp_path / "grown")
    builder("build", recipe, "--run", tmp_path / "grown")
    assert digests(tmp_path / "grown") == before


def test_ids_that_recur_in_other_shards_change_nothing_however_it_is_built(tmp_path: Path) -> None:
    texts = [edited(text, lines, lines) for lines in (0, 2) for text in sources()[:6]]
    rows = [(f"id-{number % 3}", text) for number, text in enumerate(texts)]
    recipe, runs = write(tmp_path / "project", rows, shard_rows=4), [tmp_path / "whole", tmp_path / "parts"]
    builder("build", recipe, "--run", runs[0], "--workers", 1)
    for options in (("--limit", 7), ()):
        builder("build", recipe, "--run", runs[1], *options)
    assert len(verdicts(runs[0])) == len(rows)
    assert sum(row["verdict"] is None for row in verdicts(runs[0]).values()) == 6
    assert digests(runs[0] / "shards") == digests(runs[1] / "shards")


def test_until_stops_before_and_behind_it(tmp_path: Path) -> None:
    recipe = write(tmp_path / "project", list(corpus().items()))
    run = tmp_path / "run"
    status = builder_json("build", recipe, "--run", run, "--until", "long")
    assert [stage["name"] for stage in status["stages"]] == ["read", "long"]
    assert not (run / "duplicates").exists()
    status = builder_json("build", recipe, "--run", run, "--until", "unique")
    assert [stage["name"] for stage in status["stages"]] == ["read", "long", "unique"]
    assert [path.name for path in (run / "duplicates" / "unique").iterdir()] == ["decisions.parquet"]


def test_it_may_come_first_and_be_limited_to_some_documents(tmp_path: Path) -> None:
    rows = [(f"{place}-{number}", text) for number, text in enumerate(sources()[:5]) for place in "ab"]
    recipe = write(tmp_path / "project", rows)
    recipe.write_text(
        """
name: first
source:
  - {kind: parquet, name: one, path: rows.parquet, id: id}
  - {kind: parquet, name: two, path: again.parquet, id: id}
stages:
  - {name: unique, filter: near_duplicates, where: {dataset: two}}
release: {configs: {default: unique}, license: mit}
"""
    )
    again = pa.table({"id": [f"again-{id}" for id, _ in rows], "text": [text for _, text in rows]})
    pq.write_table(again, recipe.parent / "again.parquet")
    builder("build", recipe, "--run", tmp_path / "run")
    kept = [id for id, row in verdicts(tmp_path / "run").items() if row["verdict"] is None]
    assert len([id for id in kept if id.startswith("one/")]) == 10
    assert len([id for id in kept if id.startswith("two/")]) == 5


MANY_PROCESSES = "from builder.run import sketches; sketches._WORTH_A_PROCESS = 10"


def processes_with(marker: str) -> list[str]:
    """Return the processes that have a marker in their environment, a second after now."""
    time.sleep(1)
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if marker.encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


def test_killed_anywhere_it_ends_the_same(tmp_path: Path) -> None:
    recipe = write(tmp_path / "project", list(corpus().items()), shard_rows=10)
    builder("build", recipe, "--run", tmp_path / "calm")
    run = tmp_path / "killed"
    kills = 0
    for sign in ("shards/shard-*", "duplicates/unique/sketches/shard-*", "duplicates/unique/decisions.parquet"):
        process = start("build", recipe, "--run", run, first=MANY_PROCESSES, BUILDER_TEST=str(tmp_path))
        while process.poll() is None and not any(run.glob(sign)):
            time.sleep(0.001)
        kills += process.poll() is None
        process.kill()
        process.wait()
    assert kills >= 2
    assert processes_with(str(tmp_path)) == [], "processes outlive the build that was killed"
    builder("build", recipe, "--run", run)
    for one in (run, tmp_path / "calm"):
        (one / "ledger.jsonl").unlink()  # the times of files are in it
    assert digests(run) == digests(tmp_path / "calm")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_goes_on(tmp_path: Path, number: signal.Signals) -> None:
    recipe = write(tmp_path / "project", list(corpus().items()), shard_rows=2)
    process = start("build", recipe, "--run", tmp_path / "run", "--workers", 1)
    sketches = tmp_path / "run" / "duplicates" / "unique" / "sketches"
    while not (sketches.is_dir() and any(sketches.glob("shard-*.parquet"))):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert not (tmp_path / "run" / "owner.json").exists(), "on another machine the run is free at once"
    assert "Traceback" not in said
    assert "run the same command to go on" in said
    if number == signal.SIGINT:
        builder("build", recipe, "--run", tmp_path / "run")


def test_generations_of_those_that_stay_are_kept_when_the_limit_grows(tmp_path: Path) -> None:
    rows = random.Random(5).sample([item for item in corpus().items() if item[0][:4] not in ("tiny", "copy")], 30)
    recipe = write(tmp_path / "project", rows, shard_rows=10)
    (recipe.parent / "plain.md").write_text(
        "---\nid: plain\nversion: 1\nanswer: {format: code}\nsampling: {temperature: 0.2, max_tokens: 8192}\n---\n"
        "<!-- system -->\nAnswer with one ```python block.\n<!-- user -->\n{{ text }}\n"
    )
    recipe.write_text(
        recipe.read_text().replace(
            "{name: short, filter: length, max_characters: 1000000}", "{name: short, rewrite: plain.md}"
        )
    )
    run = tmp_path / "run"
    with TgiDouble() as double:
        first = builder_json("build", recipe, "--run", run, "--limit", 20, "--server", double.url)
        asked = len(double.log)
        assert asked == first["generations"]["requested"] > 0
        builder("build", recipe, "--run", run, "--server", double.url)
        grown = [str(request.body["messages"][-1]) for request in double.log]
        built = verdicts(run)
        builder("build", recipe, "--run", run, "--limit", 20, "--server", double.url)
        builder("build", recipe, "--run", run, "--server", double.url)
        assert len(double.log) == len(grown), "what another stood for meanwhile was generated again"
    assert verdicts(run) == built
    assert len(grown) == len(set(grown)), "a document that stayed was generated again"
    for row in built.values():
        if row["verdict"] and row["verdict"]["stage"] == "unique":
            assert row["short"] is None, "a document that another stands for keeps what later stages said"
        else:
            assert row["short"]["text"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*"abcdefg()=:"]), max_size=80), st.integers(0, 80))
def test_estimates_are_near_the_truth(tokens: list[str], cut: int) -> None:
    used = NearDuplicates(permutations=1024)
    one, other = " ".join(tokens), " ".join([*tokens[:cut], "changed", *tokens[cut:]])
    ours, theirs = (np.frombuffer(used.sketch(text).low_bytes, np.uint8)[None, :] for text in (one, other))
    assert estimate(ours, theirs)[0] == pytest.approx(jaccard(one, other), abs=0.1)


def test_bands_bring_together_what_they_must() -> None:
    for similarity in (0.5, 0.7, 0.8, 0.9, 0.95):
        used = NearDuplicates(similarity=similarity)
        missed = (1 - similarity**used.rows) ** used.bands
        assert missed <= 0.01
        assert (1 - similarity ** (used.rows + 1)) ** (128 // (used.rows + 1)) > 0.01 or used.rows == 16
