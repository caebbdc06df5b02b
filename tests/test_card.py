"""The card: every number is what the table says, counted here by other means; hostile data stays text."""

from __future__ import annotations

import html
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from huggingface_hub import DatasetCard, DatasetCardData
from hypothesis import given
from hypothesis import strategies as st

from builder import markdown
from builder.checks import AnswerCheck
from builder.checks.final_answer import FinalAnswer
from builder.recipe_file import load_recipe
from builder.release.card import render_assets, render_card
from builder.release.config_files import write_config
from builder.release.facts import Example, ReleaseFacts, examples, gather
from builder.release.front_matter import front_matter
from builder.release.measured import Screening, rewriting
from builder.release.texts import Texts
from builder.release.views import kept
from builder.run.directory import Run
from builder.run.funnel import connect
from builder.run.status import read_status
from tests.support import builder, release_digests, write_corpus
from tests.tgi_double import TgiDouble

CHECKS = """checks:
  - {check: chatter}
  - {filter: syntax}
  - {check: self_contained, undefined: new}
  - {filter: lint, not_below_source: pylint_score}
---"""
MODULES = ("bisect.py", "colorsys.py", "fnmatch.py", "sched.py", "tty.py", "reprlib.py", "queue.py", "this.py")
HOSTILE = 'a|b `x` ``y`` <script>alert(1)</script> [l](http://x) ![i](y)\n---\n```\n# heading & "q" \'\x00\u202e'


def reply(messages: list[Any], seed: int | None, temperature: float, body: dict[str, Any]) -> str:
    """Answer well, badly at the first attempt, or never, as the seed and the text say."""
    text = messages[-1]["content"]
    code = f"{text}\n# Rewritten."
    if "def fnmatch(" in text:
        code = "def broken(:\n" + text
    elif "TerminalError" not in text and (seed or 0) % 3 == 0:
        code = "print(nobody_defined_this)\n" + text
    elif (seed or 0) % 5 == 0:
        return "I am sorry, but I cannot rewrite this."
    grade = (seed or 0) % 10 + 1
    return f"### Evaluation: {grade}\n\n### Suggestions:\n- None.\n\n### Improved Code:\n```python\n{code}\n```\n"


class Built:
    """A published run, its table as Python has it, and its card."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.run, self.release = folder, folder / "run", folder / "out" / "small"
        self.recipe = write_corpus(folder / "project", MODULES)
        prompt = self.recipe.parent / "tidy.md"
        prompt.write_text(prompt.read_text().replace("checks: [{filter: syntax}]\n---", CHECKS))
        with TgiDouble(reply=reply) as server:
            builder(*self.publish(self.release), "--server", server.url)
        self.card = (self.release / "README.md").read_text()
        self.rows = [row for path in self.shards for row in pq.read_table(path).to_pylist()]

    @property
    def shards(self) -> list[Path]:
        return sorted((self.run / "shards").iterdir())

    def publish(self, to: Path) -> list[object]:
        license_ = self.recipe.parent / "LICENSE-generator"
        return ["publish", self.recipe, "--run", self.run, "--to", to, "--license-file", license_]

    def facts(self, folder: Path) -> ReleaseFacts:
        loaded, run = load_recipe(str(self.recipe)), Run.read(self.run)
        texts = Texts()
        view = kept(run, "again", loaded.recipe.release.columns, texts)
        config = write_config(view, "default", "again", "train", (), folder)
        return gather(loaded, run, read_status(run), [config], {"default": texts}, [], [], folder)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return Built(tmp_path_factory.mktemp("card"))


@pytest.fixture(scope="module")
def facts(built: Built, tmp_path_factory: pytest.TempPathFactory) -> ReleaseFacts:
    return built.facts(tmp_path_factory.mktemp("facts"))


def render(facts: ReleaseFacts, *, has_revisions: bool = False) -> str:
    return render_card(facts, "1.2.3", "org/small", ["First."], "0" * 64, has_revisions=has_revisions)


def share(part: int, whole: int) -> str:
    return markdown.percent(part, whole)


def records(built: Built, stage: str) -> Iterator[dict[str, Any]]:
    return (row[stage] for row in built.rows if row[stage])


def listed(reasons: Counter[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in sorted(reasons.items()))


@pytest.mark.parametrize("stage", ["tidy", "again"])
def test_attempts_and_tokens_are_those_of_the_table(built: Built, stage: str) -> None:
    found = list(records(built, stage))
    answers = [answer for record in found for answer in record["answers"]]
    failed = [answer for answer in answers if answer["failure"]]
    read = sum(answer["prompt_tokens"] for answer in answers)
    written = sum(answer["completion_tokens"] for answer in answers)
    lost = sum(answer["completion_tokens"] for answer in failed)
    new = sum(record["text"] is not None for record in found)
    assert failed, "the double is to fail now and then"
    assert (
        f"| `{stage}` | {len(found)} | {new} | {len(answers)} | {len(answers) / len(found):.2f} "
        f"| {len(failed)} ({share(len(failed), len(answers))}) |\n"
    ) in built.card
    assert (
        f"| `{stage}` | {read:,} | {written:,} | {read / len(found):,.0f} | {written / len(found):,.0f} "
        f"| {lost:,} ({share(lost, written)}) |\n"
    ) in built.card
    reasons = Counter(answer["failure"] for answer in failed)
    assert f"Attempts of `{stage}` that failed, by reason: {listed(reasons)}." in built.card
    for sampling, count in Counter(record["sampling"] for record in found).items():
        assert json.loads(sampling) == {"temperature": 0.2, "top_p": 0.7, "max_tokens": 8192}
        words = "temperature 0.2, top_p 0.7, max_tokens 8192"
        assert f"| `{stage}` | [`tidy`](prompts/tidy.md) | `{words}` | {count} |" in built.card
    for grade, count in Counter(record["grade"] for record in found if record["grade"]).items():
        assert f"| `{stage}` | {grade:g} | {count} |\n" in built.card


def test_the_sum_of_all_tokens(built: Built) -> None:
    answers = [a for stage in ("tidy", "again") for record in records(built, stage) for a in record["answers"]]
    read, written = (sum(answer[kind] for answer in answers) for kind in ("prompt_tokens", "completion_tokens"))
    words = built.card.replace("\n", " ")
    assert f"In all {read:,} read and {written:,} written: {(read + written) / 1e6:,.2f} million tokens." in words


@pytest.mark.parametrize("stage", ["tidy", "again"])
def test_checks_and_rates_are_those_of_the_table(built: Built, stage: str) -> None:
    names = ["chatter", "syntax", "self_contained", "lint"]
    refused: dict[str, Counter[str]] = {name: Counter() for name in names}
    asked: Counter[str] = Counter()
    for record in records(built, stage):
        reached = [name for name in names if record["checks"][name] is not None]
        asked.update(reached)
        if reached and record["failure"]:
            refused[reached[-1]][record["failure"]] += 1
    for name in names:
        passed = asked[name] - sum(refused[name].values())
        told = f"{asked[name]} | {passed} ({share(passed, asked[name])}) | {listed(refused[name])} |"
        assert f"| `{stage}` | `{name}` | {told}\n" in built.card
    compile_ = asked["syntax"] - sum(refused["syntax"].values())
    assert f"- Compile rate of `{stage}`: {compile_} of {asked['syntax']} answers compile" in built.card
    alone = asked["self_contained"] - sum(refused["self_contained"].values())
    assert f"- Self-contained rate of `{stage}`: {alone} of {asked['self_contained']} answers" in built.card
    assert stage != "tidy" or refused["syntax"], "the double is to write a syntax error"


@pytest.mark.parametrize("stage", ["tidy", "again"])
def test_scores_before_and_after_are_those_of_the_table(built: Built, stage: str) -> None:
    pairs = [
        (record["checks"]["lint"]["source_pylint_score"], record["checks"]["lint"]["pylint_score"])
        for record in records(built, stage)
        if record["text"] is not None
    ]
    before, after = zip(*pairs, strict=True)
    means = f"{sum(before) / len(before):.2f} on average before, {sum(after) / len(after):.2f} after."
    place = built.card.index(f"`pylint_score` of the texts that `{stage}` rewrote: {means}")
    for name, scores in (("before", before), ("after", after)):
        bins = Counter(min(int(score), 9) for score in scores)
        line = f"| {name} | " + "".join(f"{bins[number]} | " for number in range(10))
        assert line in built.card[place : place + 700]


def test_the_funnel_is_told_and_drawn(built: Built) -> None:
    ended = Counter((row["verdict"] or {"stage": None})["stage"] for row in built.rows)
    reasons = Counter((row["verdict"]["stage"], row["verdict"]["reason"]) for row in built.rows if row["verdict"])
    drawn = (built.release / "assets/funnel.svg").read_text()
    texts = [
        "".join(element.itertext()) for element in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")
    ]
    alive = len(built.rows)
    for stage, kind in (
        ("read", "source"), ("syntax", "filter"), ("lint", "filter"), ("tidy", "rewrite"), ("again", "rewrite"),
    ):  # fmt: skip
        gone = ended[stage]
        why = listed(Counter({reason: count for (at, reason), count in reasons.items() if at == stage}))
        assert f"| `{stage}` | {kind} | {alive} | {alive - gone} | {gone} | {why}" in built.card
        assert f"{stage} ({kind}): {alive - gone} of {alive} kept, {share(alive - gone, alive)}" in texts
        alive -= gone
    listed_files = {file["path"] for file in json.loads((built.release / "manifest.json").read_text())["files"]}
    assert {"assets/funnel.svg", "assets/scores.svg"} <= listed_files
    for image in re.findall(r"!\[[^]]*\]\(([^)]*)\)", built.card):
        assert (built.release / image).is_file()
    builder("verify", built.release)


def test_columns_are_those_of_the_files(built: Built) -> None:
    said = built.card.split("## Columns\n")[1].split("\n## ")[0]
    for path in (built.release / "data").glob("*/*.parquet"):
        place = said.index(f"<code>{path.parent.name}</code>")
        for field in pq.read_schema(path):
            assert f"| `{field.name}` | `{field.type}` | " in said[place:]


def test_examples_are_documents_of_the_table(facts: ReleaseFacts, built: Built) -> None:
    by_id = {row["id"]: row for row in built.rows}
    assert len(facts.examples) == 3
    for example in facts.examples:
        row = by_id[example.id]
        assert row["verdict"] is None
        assert row["text"].startswith(example.before.removesuffix("\n[…]\n"))
        after = row["again"]["text"] or row["tidy"]["text"]
        assert after.startswith(example.after.removesuffix("\n[…]\n"))


def test_equal_runs_have_equal_bytes_and_the_hub_gets_revisions(
    built: Built, facts: ReleaseFacts, tmp_path: Path
) -> None:
    builder(*built.publish(tmp_path / "elsewhere" / "small"))
    assert release_digests(tmp_path / "elsewhere" / "small") == release_digests(built.release)
    calls = re.findall(r"load_dataset\(.*", render(facts, has_revisions=True))
    assert calls and all('revision="v1.2.3"' in call for call in calls)
    assert not any("revision" in call for call in re.findall(r"load_dataset\(.*", render(facts)))


def test_the_hub_can_read_the_front_matter(built: Built, facts: ReleaseFacts) -> None:
    data = DatasetCard(built.card).data
    assert isinstance(data, DatasetCardData)
    assert (data.license, data.size_categories, data.language) == ("apache-2.0", ["n<1K"], None)
    odd = replace(facts, license="My Own Licence, v2", title="A: b\n---\n# c")
    front = yaml.safe_load(render(odd).split("---\n")[1])
    assert front["license"] == "other" and front["license_name"] == "my-own-licence-v2"
    assert front["license_link"] == "LICENSE"
    url = "https://example.org/licence"
    unwritten = replace(odd, model=None, sources=[{**facts.sources[0], "license_url": url}])
    assert front_matter(unwritten, "")["license_link"] == url
    assert front_matter(replace(facts, license="llama3.3"), "")["license"] == "llama3.3"
    for configs in (facts.configs, facts.configs[::-1]):
        told = front_matter(replace(facts, configs=configs), "")["configs"]
        assert [config["config_name"] for config in told if "default" in config] == ["default"]


@given(
    st.text(max_size=60) | st.sampled_from([HOSTILE, HOSTILE * 9, "`", "``", "|", "\\", "\r---\r", "</details>"])
)
def test_whatever_a_value_holds_it_stays_one_cell(value: str) -> None:
    said = markdown.cell(value)
    assert not re.search(r"[\r\n]", said) and not re.search(r"(?<!\\)\|", said)
    fence = re.match("`+", said)
    assert fence is not None and said.endswith(fence[0])
    assert fence[0] not in re.findall("`+", said[len(fence[0]) : -len(fence[0])])
    assert "<" not in markdown.escaped(value)
    block = markdown.fenced(value)
    assert not re.search(
        rf"^ {{0,3}}{block.splitlines()[0]}", block[len(block.splitlines()[0]) : -len(block.splitlines()[0])], re.M
    )


def test_hostile_data_breaks_neither_card_nor_yaml_nor_picture(facts: ReleaseFacts) -> None:
    stage = replace(facts.status.stages[1], dropped={HOSTILE: 1})
    status = replace(facts.status, stages=[facts.status.stages[0], stage, *facts.status.stages[2:]])
    rewritten = replace(
        facts.rewriting[0],
        failures={HOSTILE: 1},
        sampling=[(HOSTILE, 1)],
        checks=[replace(facts.rewriting[0].checks[0], refused={HOSTILE: 1})],
    )
    hostile = replace(
        facts,
        title=HOSTILE,
        tags=[HOSTILE],
        status=status,
        rewriting=[rewritten, *facts.rewriting[1:]],
        examples=[Example(HOSTILE, ["tidy"], HOSTILE, HOSTILE)],
    )
    card = render(hostile)
    front = vars(DatasetCard(card).data)
    assert HOSTILE in front["tags"] and front["dataset_info"] == front_matter(facts, "0" * 64)["dataset_info"]
    body = without_fences(card.split("\n---\n", 1)[1])
    outside = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", body)
    # A title is the recipe's author's to write, in Markdown; what data holds is not.
    assert "<script" not in outside.split("\n## ", 1)[1]
    assert not re.search(r"^(---|# heading)", body, re.M)
    assert html.escape(markdown.line(HOSTILE)) in body
    for table in re.findall(r"(?:^\|.*\n)+", body, re.M):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    for picture in render_assets(hostile).values():
        assert not list(ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}script"))


def without_fences(body: str) -> str:
    lines, fence = [], ""
    for line in body.split("\n"):
        found = re.match("(`{3,})", line)
        if found and not fence:
            fence = found[1]
        elif fence and line == fence:
            fence = ""
        elif not fence:
            lines.append(line)
    assert not fence, "a fence is open at the end"
    return "\n".join(lines)


def test_answers_that_agree_are_told_and_those_that_nobody_compared(facts: ReleaseFacts, tmp_path: Path) -> None:
    """A table of one stage, of which only what the card asks for is there."""
    record = pa.struct(
        [
            ("text", pa.string()), ("sampling", pa.string()), ("grade", pa.float64()),
            ("checks", pa.struct([("final_answer", pa.struct([("agrees", pa.bool_())]))])),
            ("answers", pa.list_(pa.struct([
                ("failure", pa.string()), ("finish_reason", pa.string()),
                ("prompt_tokens", pa.int64()), ("completion_tokens", pa.int64()),
            ]))),
        ]
    )  # fmt: skip

    def row(agrees: bool | None, *failures: tuple[str | None, str | None]) -> dict[str, Any]:
        checks = {"final_answer": {"agrees": agrees}}
        answers = [{"failure": why, "finish_reason": end} for why, end in failures]
        taken = "text" if failures[-1][0] is None else None
        return {"text": taken, "sampling": "{}", "checks": checks, "answers": answers}

    rows = [
        row(True, (None, "stop")),
        row(True, ("another_answer", "stop"), (None, "stop")),
        row(None, (None, "stop")),
        row(False, ("another_answer", "stop")),
        # The server gave up at the second attempt: the figures are the first one's.
        row(False, ("another_answer", "stop"), ("generation_failed", None)),
        None,
    ]
    pq.write_table(pa.table({"math": pa.array(rows, record)}), tmp_path / "shard.parquet")
    with connect([tmp_path / "shard.parquet"]) as connection:
        found = rewriting(connection, "math", {"final_answer": AnswerCheck(FinalAnswer())})
    assert found is not None
    check = found.checks[0]
    assert (check.asked, check.passed, check.refused) == (5, 3, {"another_answer": 2})
    assert (check.says, check.agrees, check.differs, check.uncompared) == ("final_answer", 2, 2, 1)
    stage = facts.rewriting[0].name
    card = render(replace(facts, rewriting=[replace(found, name=stage)]))
    assert f"- Answer agreement of `{stage}`: of 4 answers whose source states a result, 2 give the same" in card
    assert (
        f"- Not compared at `{stage}`: 1 of 5 answers ({share(1, 5)}), for their sources state no final answer"
        in card
    )
    assert (found.documents, found.requests, found.answers, found.failed) == (5, 7, 6, 3)
    assert found.failures == {"another_answer": 3, "generation_failed": 1}


def test_secrets_taken_out_are_counted_and_no_example_shows_where(facts: ReleaseFacts, tmp_path: Path) -> None:
    way = pa.struct([("text", pa.string())])
    names = ["a", "b", "c"]
    table = pa.table(
        {
            "id": names,
            "text": ["x" * 800, "x" * 700, "x" * 100],
            "clean": pa.array([{"text": "<REDACTED>"}, {"text": None}, {"text": None}], way),
            "new": pa.array([{"text": f"new {name}"} for name in names], way),
            "verdict": pa.array([None] * 3, pa.struct([("stage", pa.string())])),
        }
    )
    pq.write_table(table, tmp_path / "shard.parquet")
    with connect([tmp_path / "shard.parquet"]) as connection:
        assert [example.id for example in examples(connection, ["new"], ["clean"])] == ["b", "c"]
        assert [example.id for example in examples(connection, ["new"], [])] == ["a", "b", "c"]
    found = Screening("clean", 0, 1, False, [], None)
    card = render(replace(facts, screenings={**facts.screenings, "secrets": [found]}))
    assert "Secrets: documents dropped at `clean`: 0, documents that they were taken out of: 1." in card
    assert "later stages was not checked" in card


FILTERS = """
name: filtered
source: {kind: parquet, path: rows.parquet, text: text, id: id, keep: all}
stages:
  - {name: long, filter: length, min_characters: 5}
  - {name: clean, filter: contamination, benchmarks: [bench.jsonl], fields: [prompt]}
release:
  configs: {default: clean}
  license: odc-by
"""


def test_filters_alone_give_a_card_and_rows_without_licence_are_counted(tmp_path: Path) -> None:
    item = "one two three four five six seven eight nine ten"
    texts = [item, "abc", "a text that is long enough", "another text, long enough", "a third text that stays"]
    licences = [["MIT"], ["MIT"], [], None, ["MIT"]]
    ids = [HOSTILE + str(number) for number in range(5)]
    table = pa.table({"text": texts, "id": ids, "detected_licenses": licences, "a|b": ["x"] * 5})
    pq.write_table(table, tmp_path / "rows.parquet")
    (tmp_path / "bench.jsonl").write_text(json.dumps({"prompt": item}) + "\n")
    recipe = tmp_path / "filtered.yaml"
    recipe.write_text(FILTERS)
    builder("publish", recipe, "--run", tmp_path / "run", "--to", tmp_path / "release")
    card = (tmp_path / "release/README.md").read_text()
    assert "Of the 3 rows of `default`, 2 (66.7 %) have no licence in `detected_licenses`." in card
    assert "Benchmarks' items: documents dropped at `clean`: 1," in card and "`bench.jsonl`" in card
    assert "Secrets: no stage looked for them; the audit before publishing, below, did." in card
    assert "| `a\\|b` | `string` | as the source has it |" in card
    assert "What the model did" not in card and "language model" not in card
    assert vars(DatasetCard(card).data)["license"] == "odc-by"
    assert not (tmp_path / "release/assets/scores.svg").exists()
    builder("verify", tmp_path / "release")
