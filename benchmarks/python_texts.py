"""Python files for benchmarks of the rewriting client, of the size that SwallowCode's have: 3.3 kB in the mean."""

from __future__ import annotations

import re
import sysconfig
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from builder.resources import folder as shipped

_SIZES = range(500, 8_000)
_ROWS_AT_ONCE = 2_000


def python_texts() -> Iterator[str]:
    """Yield files of the standard library without end, each time round with another last line."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    paths = [path for path in sorted(folder.rglob("*.py")) if "site-packages" not in path.parts]
    texts = [text for path in paths if path.stat().st_size in _SIZES and (text := _text(path))]
    number = 0
    while True:
        for text in texts:
            number += 1
            yield f"{text}# {number}\n"


def write_rows(path: Path, count: int) -> None:
    """Write `count` distinct documents, `id` and `text`, as Parquet."""
    texts = python_texts()
    with pq.ParquetWriter(path, pa.schema([("id", pa.string()), ("text", pa.string())])) as writer:
        for start in range(0, count, _ROWS_AT_ONCE):
            some = list(islice(texts, min(_ROWS_AT_ONCE, count - start)))
            ids = [f"row-{start + number}" for number in range(len(some))]
            writer.write_table(pa.table({"id": ids, "text": some}), row_group_size=1_000)


def prompt_without_checks(name: str) -> str:
    """Return a shipped prompt's file without its checks: they take CPU beside the client."""
    whole = (shipped("prompts") / f"{name}.md").read_text(encoding="utf-8")
    return re.sub(r"^checks:.*\n(?:[ -].*\n)*?(?=---|\w)", "", whole, count=1, flags=re.M)


def _text(path: Path) -> str | None:
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
