"""Documents that hold a benchmark's items: equal to one, or alike in their 5-grams (arXiv 2505.02881, section 4).

The paper's claim is no exact match and no Jaccard similarity of 0.8 or more between sets of 5-grams of tokens.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from builder.errors import RecipeError
from builder.files import being_read
from builder.filters.base import Measures, TextFilter
from builder.filters.ngrams import ngrams
from builder.markdown import code
from builder.text import without_bom


class Contamination(TextFilter):
    """Drops what equals or holds an item of a benchmark, or is as similar to one as `similarity`.

    `benchmarks` are files of JSON lines, `.gz` or not; an item is the text of one of `fields` in one line.
    """

    benchmarks: list[str] = Field(min_length=1)
    fields: list[str] = Field(min_length=1)
    similarity: float = Field(default=0.8, gt=0, le=1)
    ngram: int = Field(default=5, ge=1)

    measures: ClassVar[Mapping[str, type]] = {"item": str, "jaccard": float, "containment": float, "exact": bool}
    paths: ClassVar[frozenset[str]] = frozenset({"benchmarks"})

    def keeps(self, versions: Mapping[str, str]) -> str:
        """Return what texts are compared with, and how like they may be."""
        names = ", ".join(code(Path(path).name) for path in self.benchmarks)
        return f"what neither holds an item of {names} nor is as similar to one as {self.similarity:g}"

    def identity(self) -> dict[str, str]:
        """Return the benchmark files by a digest of their content."""
        return {f"benchmark {_digest(path)}": Path(path).name for path in self.benchmarks}

    def prepare(self) -> None:
        """Read the benchmarks."""
        _index(tuple(self.benchmarks), tuple(self.fields), self.ngram)

    def measure(self, text: str) -> Measures:
        """Return the item most alike: its similarity, the share of its n-grams found, whether all of it is."""
        return _index(tuple(self.benchmarks), tuple(self.fields), self.ngram).nearest(text)

    def decide(self, measures: Measures) -> str | None:
        """Drop what holds an item or resembles one."""
        return "contaminated" if measures["exact"] or measures["jaccard"] >= self.similarity else None


@dataclass(frozen=True, slots=True)
class Item:
    """One text of a benchmark: where it is, with white space made one, and how many n-grams it has."""

    name: str
    text: str
    grams: int


class Index:
    """The items by their n-grams: a document costs its own n-grams, however many items there are."""

    def __init__(self, texts: Iterable[tuple[str, str]], ngram: int) -> None:
        self._ngram = ngram
        self._items: list[Item] = []
        self._holders: defaultdict[int, list[int]] = defaultdict(list)
        for name, text in texts:
            grams = _grams(text, ngram)
            for gram in grams:
                self._holders[gram].append(len(self._items))
            self._items.append(Item(name, _plain(text), len(grams)))

    def nearest(self, text: str) -> Measures:
        """Return the measures of the item most alike: an exact one first, then by similarity, then in order."""
        grams = _grams(text, self._ngram)
        shared = Counter(item for gram in grams for item in self._holders.get(gram, ()))
        best: Measures = {"item": None, "jaccard": 0.0, "containment": 0.0, "exact": False}
        for number, count in sorted(shared.items()):
            item = self._items[number]
            jaccard, containment = count / (len(grams) + item.grams - count), count / item.grams
            exact = containment == 1 and item.text in _plain(text)
            if (exact, jaccard) > (best["exact"], best["jaccard"]):
                best = {"item": item.name, "jaccard": jaccard, "containment": containment, "exact": exact}
        return best


def _plain(text: str) -> str:
    return " ".join(text.split())


def _grams(text: str, length: int) -> set[int]:
    return {hash(gram) for gram in ngrams(text, length)}


@cache
def _index(benchmarks: tuple[str, ...], fields: tuple[str, ...], ngram: int) -> Index:
    return Index((pair for path in benchmarks for pair in _texts(Path(path), fields)), ngram)


def _texts(path: Path, fields: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    form = "a benchmark is JSON lines in UTF-8, .gz or not"
    with being_read(path, form):
        stored = path.read_bytes()
        try:
            content = without_bom((gzip.decompress(stored) if path.suffix == ".gz" else stored).decode())
        except (EOFError, zlib.error) as error:
            raise RecipeError(f"it can't be read ({error})", where=str(path), remedy=form) from error
    lines = content.rstrip().split("\n")
    for number, line in enumerate(lines, 1):
        try:
            record = dict(json.loads(line))
        except (ValueError, TypeError, RecursionError) as error:
            raise RecipeError(
                f"line {number} is no JSON object", where=str(path), remedy="a benchmark is a file of JSON lines"
            ) from error
        for field in fields:
            if not isinstance(record.get(field), str):
                raise RecipeError(
                    f"line {number} has no text {field!r}",
                    where=str(path),
                    remedy=f"name fields that every line has, of {', '.join(record)}",
                )
            yield f"{path.name}:{number}:{field}", without_bom(record[field])


@cache
def _digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
