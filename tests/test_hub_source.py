"""Datasets on the Hub as a source, read from a local Hub by whole builds."""

from __future__ import annotations

import json
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.local_hub import LocalHub
from tests.stack_data import FINEMATH, finemath_rows, parquet
from tests.support import builder, builder_json, digests, start
from tests.tgi_double import TgiDouble

ROWS = 1200
CARD = """---
license: odc-by
configs:
- config_name: finemath-3plus
  data_files: finemath-3plus/*.parquet
- config_name: finemath-4plus
  data_files: finemath-4plus/*.parquet
---
"""
FILES: dict[str, bytes] = {
    "README.md": CARD.encode(),
    "finemath-3plus/train-00000-of-00001.parquet": finemath_rows(3),
    "finemath-4plus/train-00000-of-00002.parquet": finemath_rows(800),
    "finemath-4plus/train-00001-of-00002.parquet": finemath_rows(400, start=800),
}
RECIPE = """
name: pages
source: {kind: hub, dataset: HuggingFaceTB/finemath, config: finemath-4plus, shard_rows: 100, text: text}
stages:
  - {name: syntax, filter: syntax}
release: {configs: {default: syntax}, license: apache-2.0}
"""
NESTED = b'{"data": [{"text": "a"}]}'
COLUMNS = [name for name in pq.read_schema(pa.BufferReader(finemath_rows(1))).names if name != "text"]


@pytest.fixture(scope="module")
def hub() -> Iterator[LocalHub]:
    with LocalHub(cdn=True) as local:
        local.put(FINEMATH, FILES)
        yield local


@pytest.fixture(scope="module")
def env(hub: LocalHub, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return {**hub.env(tmp_path_factory.mktemp("home")), "BUILDER_PATIENCE": "60"}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "pages.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def calm(recipe: Path, env: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("calm") / "run"
    builder("build", recipe, "--run", run, **env)
    return run


def rows_of(run: Path) -> list[dict[str, Any]]:
    return pq.read_table(run / "shards").to_pylist()


def test_swallow_math_runs_to_the_end_with_every_column_kept(
    hub: LocalHub, env: dict[str, Any], tmp_path: Path
) -> None:
    with TgiDouble() as server:
        status = builder_json(
            "build", "swallow-math", "--run", tmp_path / "run", "--server", server.url, timeout=250, **env
        )
    assert status["documents"] == ROWS == status["stages"][0]["kept"]
    rows = rows_of(tmp_path / "run")
    written = pa.concat_tables(
        pq.read_table(pa.BufferReader(FILES[f"finemath-4plus/train-0000{number}-of-00002.parquet"]))
        for number in (0, 1)
    ).to_pylist()
    assert [row["text"] for row in rows] == [row["text"] for row in written]
    assert [{name: row["source"][name] for name in COLUMNS} for row in rows] == [
        {name: row[name] for name in COLUMNS} for row in written
    ]
    source = rows[-1]["source"]
    assert (source["dataset"], source["revision"]) == (FINEMATH, hub.repos[FINEMATH].find("main").sha)
    assert (source["file"], source["row"]) == ("finemath-4plus/train-00001-of-00002.parquet", 399)


def test_a_moved_branch_never_changes_a_run(recipe: Path, calm: Path, env: dict[str, Any], tmp_path: Path) -> None:
    with LocalHub() as hub:
        hub.put(FINEMATH, FILES)
        there: dict[str, Any] = {**env, **hub.env(tmp_path / "home")}
        builder("build", recipe, "--run", tmp_path / "run", "--limit", 250, **there)
        begun = json.loads((tmp_path / "run" / "run.json").read_text())["sources"][0]
        hub.put(FINEMATH, {"finemath-4plus/train-00000-of-00002.parquet": finemath_rows(5)})
        builder("build", recipe, "--run", tmp_path / "run", **there)
        assert begun["revision"] != hub.repos[FINEMATH].find("main").sha
        assert [row["text"] for row in rows_of(tmp_path / "run")] == [row["text"] for row in rows_of(calm)]
        hub.remove(FINEMATH, begun["revision"])
        (tmp_path / "run" / "shards" / "shard-00001.parquet").unlink()
        said = builder("build", recipe, "--run", tmp_path / "run", exit_code=2, **there)
        assert f"no revision '{begun['revision']}'" in said.stderr


@pytest.mark.parametrize(
    ("setting", "said", "exit_code"),
    [
        ("dataset=HuggingFaceTB/finemaths", "there is no such dataset on the Hub, or it is private", 2),
        ("revision=v9", "no revision 'v9'", 2),
        ("config=finemath-5plus", "there are finemath-3plus, finemath-4plus", 2),
        ("config=null", "it has several configs; there are finemath-3plus, finemath-4plus → set", 2),
        ("split=test", "there is no split 'test'; there are train", 2),
        ("split='train[:9]'", "--limit N takes the first N documents", 2),
        ("text=content", "there is no column 'content'; it has url, fetch_time", 2),
        ("text=score", "column 'score' holds double, not text", 2),
        ("dataset=people/card", "it holds no files of data → correct `source.dataset`", 2),
        ("dataset=people/lists", "upload it with one row for each of them", 2),
        ("dataset=people/empty", "there are no rows", 2),
        ("dataset=people/bare", "it can't be read as", 2),
        ("dataset=people/gated", "/datasets/people/gated", 4),
        ("datset=x", "did you mean 'dataset'?", 2),
    ],
)
def test_what_is_wrong_with_a_source_is_said_at_the_start(
    hub: LocalHub, env: dict[str, Any], recipe: Path, tmp_path: Path, setting: str, said: str, exit_code: int
) -> None:
    if "people" in setting:
        name = setting.partition("=")[2]
        empty = parquet(pa.table({"text": pa.array([], pa.string())}), 10)
        files = {"bare": {"notes.md": b"x"}, "card": {"README.md": b"# x"}, "lists": {"a.json": NESTED}}
        hub.put(name, files.get(name.partition("/")[2], {"data/train.parquet": empty}))
        if "gated" in name:
            hub.gate(name)
    more = [] if "finemath" in setting or "people" not in setting else ["--set", "source.config=null"]
    told = builder(
        "build", recipe, "--run", tmp_path / "r", *more, "--set", f"source.{setting}", exit_code=exit_code, **env
    )
    assert said in told.stderr.replace("\n", " ")
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"own.py": b"import datasets\n", "README.md": b"# Own\n"}, "read by a script of its own"),
        ({"README.md": b"---\nconfigs:\n- data_files: 3\n---\n"}, "Each config must include `config_name`"),
        (
            {"README.md": b"---\ndataset_info: {features: [{name: text, dtype: strong}]}\n---\n"},
            "'Strong' not found",
        ),
        ({"data/a.pt": b"x"}, "it holds no data files that can be read"),
    ],
)
def test_what_datasets_can_not_load_is_said_with_the_way_out_and_that_way_leads_out(
    hub: LocalHub, env: dict[str, Any], recipe: Path, tmp_path: Path, files: dict[str, bytes], said: str
) -> None:
    name = "people/own"
    hub.repos.pop(name, None)
    converted = {f"{config}/train/0000.parquet": finemath_rows(rows) for config, rows in (("a", 5), ("b", 7))}
    main = hub.put(name, {**files, "data/x.parquet": finemath_rows(3)} if "data/a.pt" not in files else files)
    hub.repos[name].refs["refs/convert/parquet"] = hub.repos[name].find(hub.put(name, converted))
    hub.repos[name].refs["refs/heads/main"] = hub.repos[name].find(main)
    options = ["--set", f"source.dataset={name}", "--set", "source.config=null"]
    told = builder("build", recipe, "--run", tmp_path / "r", *options, exit_code=2, **env).stderr.replace(
        "\n", " "
    )
    assert said in told
    assert f"`path: hf://datasets/{name}@refs/convert/parquet/CONFIG/SPLIT/*.parquet`" in told
    directly = tmp_path / "directly.yaml"
    directly.write_text(
        f"name: directly\nsource: {{kind: parquet, path: 'hf://datasets/{name}@refs/convert/parquet/b/train/*'}}\n"
        "stages: [{name: long, filter: length, min_characters: 1}]\n"
        "release: {configs: {default: long}, license: mit}\n"
    )
    builder("build", directly, "--run", tmp_path / "run", **env)
    rows = rows_of(tmp_path / "run")
    assert [row["source"]["file"] for row in rows] == ["b/train/0000.parquet"] * 7


def test_private_datasets_are_read_with_the_token_and_only_the_hub_gets_it(
    hub: LocalHub, recipe: Path, env: dict[str, Any], tmp_path: Path
) -> None:
    hub.put("people/secret", {"data/train.parquet": finemath_rows(50)})
    hub.make_private("people/secret")
    other = ("--set", "source.dataset=people/secret", "--set", "source.config=null")
    anonymous = {**env, "HF_TOKEN": "", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}
    builder("build", recipe, "--run", tmp_path / "r", *other, exit_code=2, **anonymous)
    hub.requests.clear()
    builder("build", recipe, "--run", tmp_path / "r", *other, **env)
    elsewhere = hub.seen("/cdn/")
    assert elsewhere
    assert not any(request.authorized for request in elsewhere)
    written = [path.read_bytes() for path in (tmp_path / "r").rglob("*") if path.is_file()]
    assert not any(hub.token.encode() in content for content in written)


@pytest.mark.parametrize("kind", ["429", "500", "503", "torn", "short", "drop"])
def test_a_hub_that_fails_in_the_middle_changes_nothing(
    hub: LocalHub, recipe: Path, env: dict[str, Any], calm: Path, tmp_path: Path, kind: str
) -> None:
    faults = [hub.fail(kind, match="GET .*/resolve/.*parquet", after=after) for after in (1, 2)]
    faults.append(hub.fail(kind, match="GET /cdn/", after=3))
    builder("build", recipe, "--run", tmp_path / "run", **env)
    assert any(fault.times == 0 for fault in faults)
    for fault in faults:
        fault.times = 0
    assert digests(tmp_path / "run" / "shards") == digests(calm / "shards")


def test_a_hub_that_is_gone_for_a_while_is_waited_for_and_one_that_stays_away_given_up(
    recipe: Path, env: dict[str, Any], tmp_path: Path
) -> None:
    with LocalHub() as hub:
        hub.put(FINEMATH, FILES)
        there: dict[str, Any] = {**env, **hub.env(tmp_path / "home")}

        last = hub.fail("hang", match="GET .*/resolve/.*parquet", after=1)  # or all may be read by then

        def outage() -> None:
            while last.times:
                time.sleep(0.002)
            hub.down()
            time.sleep(8)
            before.append(len(hub.seen("GET .*/resolve/.*parquet")))
            hub.up()

        before: list[int] = []
        trouble = threading.Thread(target=outage)
        trouble.start()
        builder("build", recipe, "--run", tmp_path / "run", **there)
        trouble.join()
        assert len(hub.seen("GET .*/resolve/.*parquet")) > before[0], "all was read before the Hub was gone"
        assert len(rows_of(tmp_path / "run")) == ROWS
        hub.down()
        gone = {**there, "BUILDER_PATIENCE": "2"}
        said = builder("build", recipe, "--run", tmp_path / "other", exit_code=4, **gone)
        assert "the Hub does not answer" in said.stderr
        assert hub.url in said.stderr
        assert "Traceback" not in said.stderr
        hub.up()
        builder("build", recipe, "--run", tmp_path / "other", "--limit", 10, **there)


def test_killed_builds_give_the_same_bytes(
    hub: LocalHub, recipe: Path, env: dict[str, Any], calm: Path, tmp_path: Path
) -> None:
    moments, kills = random.Random(5), 0
    for _ in range(4):
        process = start("build", recipe, "--run", tmp_path / "run", **env)
        done = len(list((tmp_path / "run" / "shards").glob("shard-*")))
        while process.poll() is None and len(list((tmp_path / "run" / "shards").glob("shard-*"))) == done:
            time.sleep(0.002)
        time.sleep(moments.random() * 0.05)
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    builder("build", recipe, "--run", tmp_path / "run", **env)
    assert kills >= 2, "the builds ended before they could be killed"
    assert digests(tmp_path / "run" / "shards") == digests(calm / "shards")


def test_a_resumed_run_reads_only_the_row_groups_it_lacks(
    hub: LocalHub, recipe: Path, env: dict[str, Any], calm: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    builder("build", recipe, "--run", run, **env)
    missing = run / "shards" / "shard-00009.parquet"  # rows 100 to 200 of the second file: in its first row group
    missing.unlink()
    hub.requests.clear()
    builder("build", recipe, "--run", run, **env)
    content = FILES["finemath-4plus/train-00001-of-00002.parquet"]
    footer = pq.read_metadata(pa.BufferReader(content))
    group = sum(footer.row_group(0).column(number).total_compressed_size for number in range(footer.num_columns))
    asked = [(one.start or 0, one.stop or 0) for one in hub.seen("GET .*/resolve/.*parquet")]
    # Both files' footers (64 KiB, or all of a smaller file), and one row group.
    footers = sum(min(65_536, len(FILES[name])) for name in FILES if "4plus/" in name)
    assert sum(stop - start for start, stop in asked) <= group + footers
    assert digests(run / "shards") == digests(calm / "shards")


def test_json_lines_are_streamed_counted_once_and_taken_up_again(
    hub: LocalHub, recipe: Path, env: dict[str, Any], tmp_path: Path
) -> None:
    def lines(start: int, count: int) -> bytes:
        rows = [{"text": f"n = {n}\n", "n": n, "tags": ["é", None]} for n in range(start, start + count)]
        return "".join(json.dumps(row) + "\n" for row in rows).encode()

    hub.put("people/lines", {"data/train-0.jsonl": lines(0, 230), "data/train-1.jsonl": lines(230, 120)})
    other = ("--set", "source.dataset=people/lines", "--set", "source.config=null")
    said = builder("build", recipe, "--run", tmp_path / "run", *other, "--limit", 150, **env)
    assert "counting the rows of 2 file(s)" in said.stderr
    recorded = json.loads((tmp_path / "run" / "run.json").read_text())["sources"][0]
    assert recorded["rows_of_files"] == {"data/train-0.jsonl": 230, "data/train-1.jsonl": 120}
    said = builder("build", recipe, "--run", tmp_path / "run", *other, **env)
    assert "counting" not in said.stderr
    rows = rows_of(tmp_path / "run")
    assert [row["text"] for row in rows] == [f"n = {n}\n" for n in range(350)]
    assert rows[240]["source"]["file"] == "data/train-1.jsonl"
    assert (rows[240]["source"]["row"], rows[240]["source"]["n"]) == (10, 240)
    assert rows[240]["source"]["tags"] == ["é", None]
    builder("build", recipe, "--run", tmp_path / "whole", *other, **env)
    assert digests(tmp_path / "run" / "shards") == digests(tmp_path / "whole" / "shards")


def test_a_run_of_another_source_is_told_apart_before_the_hub_is_asked(
    hub: LocalHub, recipe: Path, env: dict[str, Any], calm: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(calm, run)
    hub.requests.clear()
    more = ("--set", "source.dataset=people/other")
    said = builder("build", recipe, "--run", run, *more, exit_code=2, **env).stderr.replace("\n", " ")
    assert "this run began with recipe.source.0.dataset" in said
    other = tmp_path / "other.yaml"
    other.write_text(recipe.read_text().replace("{kind: hub", "{kind: the-stack-v2").replace(", text: text", ""))
    said = builder("build", other, "--run", run, exit_code=2, **env).stderr.replace("\n", " ")
    assert "this run began with recipe.source.0.kind = 'hub'" in said
    assert not hub.requests


def test_a_patience_that_is_no_number_is_refused(recipe: Path, env: dict[str, Any], tmp_path: Path) -> None:
    said = builder("build", recipe, "--run", tmp_path / "r", exit_code=2, **{**env, "BUILDER_PATIENCE": "soon"})
    assert "BUILDER_PATIENCE is 'soon'" in said.stderr
