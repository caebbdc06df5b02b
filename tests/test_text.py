"""Text as it comes in: a mark before it is no part of it, in a whole run as in `explain`."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.text import read_text, without_bom
from tests.support import builder, builder_json

RECIPE = """
name: marked
source: {kind: files, path: corpus}
stages:
  - {name: syntax, filter: syntax}
  - {name: lint, filter: lint, min_score: 7.0}
release: {configs: {default: lint}, license: apache-2.0, scan: []}
"""


@given(st.text())
def test_only_marks_before_a_text_go(text: str) -> None:
    assert without_bom("\ufeff\ufeff" + text) == without_bom(text)
    assert text.endswith(without_bom(text))
    assert not without_bom(text).startswith("\ufeff")
    assert without_bom("x" + text) == "x" + text


@pytest.mark.parametrize("content", [b"a\nb", b"\xef\xbb\xbfa\nb", b"\xef\xbb\xbfa\r\nb", b"a\rb"])
def test_a_text_file_is_read_alike_whatever_wrote_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    assert read_text(path) == "a\nb"


def test_a_file_that_begins_with_a_mark_is_ordinary_python(tmp_path: Path) -> None:
    code = '"""Say hello."""\n\nprint("héllo")\n'
    (tmp_path / "corpus").mkdir()
    file = tmp_path / "corpus" / "marked.py"
    file.write_text(code, encoding="utf-8-sig")
    recipe = tmp_path / "marked.yaml"
    recipe.write_text(RECIPE, encoding="utf-8-sig")
    explained = builder_json("explain", recipe, file)
    assert [one["drop"] for one in explained] == [None, None]
    assert explained[1]["measures"]["pylint_score"] == 10
    builder("build", recipe, "--run", tmp_path / "run")
    (stage,) = [one for one in builder_json("status", tmp_path / "run")["stages"] if one["name"] == "lint"]
    assert (stage["in"], stage["kept"]) == (1, 1)
