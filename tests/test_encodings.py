"""Files in other encodings than UTF-8 are read, or it is said what they may be in and what to set."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from builder.errors import SourceError
from builder.sources.encodings import as_utf8, looks_like, marked
from builder.sources.hub import HubSource
from builder.sources.json_lines import JsonLines
from tests.local_hub import LocalHub
from tests.stack_data import parquet
from tests.support import builder

ROWS = [{"text": f"naïve café {number} 日本語 \U0001f40d\u2028\x85", "n": number} for number in range(3)]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
ARRAY = json.dumps(ROWS, ensure_ascii=False, indent=1)


def opened(content: bytes, encoding: str | None = None) -> JsonLines:
    return JsonLines(lambda name: io.BytesIO(content), lambda name: f"there/{name}", encoding)


@pytest.mark.parametrize("text", [LINES, ARRAY], ids=["lines", "array"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "utf-8-sig"])
def test_json_in_any_utf_is_read_as_it_is(text: str, encoding: str) -> None:
    for name, content in (("a.json", text.encode(encoding)), ("a.json.gz", gzip.compress(text.encode(encoding)))):
        lines = opened(content)
        assert lines.can_read([name])
        assert list(lines.rows(name, 0)) == ROWS
        assert list(lines.rows(name, 2)) == ROWS[2:]


def test_json_in_an_encoding_that_is_named(caplog: pytest.LogCaptureFixture) -> None:
    content = '{"text": "naïve café"}\n{"text": "plain"}\n'.encode("cp1252")
    assert list(opened(content, "cp1252").rows("a.jsonl", 0)) == [{"text": "naïve café"}, {"text": "plain"}]
    assert not caplog.records
    list(opened(content + content).rows("a.jsonl", 0))
    assert len(caplog.records) == 1, "once a file"
    assert "row 0 of there/a.jsonl" in caplog.text and "source.encoding=cp1252" in caplog.text


def test_a_file_that_is_cut_in_a_character_is_damaged() -> None:
    with pytest.raises(SourceError, match="cut off"):
        list(opened(LINES.encode("utf-16")[:-3]).rows("a.jsonl", 0))


def test_bytes_that_an_encoding_has_not_stay_for_the_row_to_be_dropped() -> None:
    assert as_utf8(io.BufferedReader(io.BytesIO(b"a\x81b\xe9")), "cp1252").read() == b"a\x81b\xc3\xa9"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "naïve café\n"),
        ("cp1252", "Größe – “quoted”\n"),
        ("cp1251", "Это русский текст для проверки.\n"),
        ("cp1250", "Zażółć gęślą jaźń\n"),
        ("cp932", "日本語のテキスト\n"),
        ("gb18030", "这是一个中文文本\n"),
        ("cp949", "이것은 한국어 문장입니다\n"),
    ],
)
def test_what_a_file_looks_like(encoding: str, text: str) -> None:
    content = b"plain\n" * 1000 + text.encode(encoding)
    found = looks_like(io.BytesIO(content))
    assert found is not None and found == (encoding, text.strip())


def test_what_nothing_speaks_for() -> None:
    assert looks_like(io.BytesIO(b"plain\n")) is None is looks_like(io.BytesIO("naïve\n".encode()))
    marks = {marked(io.BytesIO("a".encode(one))) for one in ("utf-16", "utf-32", "utf-8-sig", "ascii")}
    assert marks == {"utf-16", "utf-32", None}


def test_a_run_that_began_before_there_was_an_encoding_is_the_same() -> None:
    source = {"kind": "hub", "dataset": "org/data"}
    assert "encoding" not in HubSource.model_validate(source).model_dump(mode="json")
    assert (
        HubSource.model_validate({**source, "encoding": "cp1252"}).model_dump(mode="json")["encoding"] == "cp1252"
    )


@pytest.fixture(scope="module")
def hub() -> Iterator[LocalHub]:
    with LocalHub() as local:
        csv = "text,n\nnaïve café,1\n"
        local.put("org/western", {"a.csv": csv.encode("cp1252")})
        local.put("org/wide", {"a.csv.gz": gzip.compress(csv.encode("utf-16"))})
        local.put("org/words", {"a.txt": "naïve café\n".encode("cp1252")})
        local.put("org/marked", {"a.txt.gz": gzip.compress("naïve café\r\n".encode("utf-16"))})
        local.put("org/tables", {"a.parquet": parquet(pa.table({"text": ["naïve café"]}), 1)})
        yield local


@pytest.mark.parametrize(
    ("dataset", "settings", "said"),
    [
        ("western", (), "it may be cp1252, in which it reads 'naïve café,1'"),
        ("western", ("--set", "source.encoding=cp1252"), ""),
        ("wide", (), ""),
        ("words", (), "it may be cp1252, in which it reads 'naïve café' → name what it is in: `source.encoding"),
        ("words", ("--set", "source.encoding=cp1252"), ""),
        ("marked", (), ""),
        ("tables", ("--set", "source.encoding=cp1252"), "leave `source.encoding` out"),
        ("words", ("--set", "source.encoding=klingon"), "there is no encoding 'klingon'"),
    ],
)
def test_csv_and_text_in_other_encodings(
    dataset: str, settings: tuple[str, ...], said: str, hub: LocalHub, tmp_path: Path
) -> None:
    recipe, env = tmp_path / "r.yaml", dict[str, Any](hub.env(tmp_path / "home"))
    recipe.write_text(
        f"name: r\nsource: {{kind: hub, dataset: org/{dataset}}}\n"
        "stages: [{name: long, filter: length, min_characters: 1}]\n"
        "release: {configs: {default: long}, license: mit, scan: []}\n"
    )
    command = ("build", recipe, "--run", tmp_path / "run", "--workers", 1, *settings)
    told = builder(*command, exit_code=2 if said else 0, **env).stderr
    assert said in " ".join(told.split())
    if not said:
        assert pq.read_table(tmp_path / "run" / "shards")["text"].to_pylist() == ["naïve café"]
