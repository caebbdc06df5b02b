"""What is excluded, and the run: nobody is asked about it, and what shows or publishes the table doesn't see it.

The table itself is left as it is, so that nothing is paid again when a list grows, shrinks or was wrong. Of each
shard with excluded rows there is a copy without them, and whatever counts, shows or publishes reads that one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from builder.document import Document
from builder.errors import RecipeError
from builder.exclusions import EXCLUDED, Exclusions, is_withheld
from builder.files import storage
from builder.run.directory import Run
from builder.run.exclusion_rows import excluded_rows

if TYPE_CHECKING:
    from builder.sources import Source

_NAMED = 5  # entries that match nothing
_SURVIVOR = "survivor"  # the measure that names another document

Renamed = Mapping[str, Mapping[str, str]]
"""For each stage that compares documents: which id stands in the place of one that is excluded."""


def exclusions_for(exclusions: Exclusions, sources: Sequence[Source], schema: pa.Schema) -> Exclusions:
    """Return the exclusions as they hold for these sources, whose table has this schema.

    Raises:
        RecipeError: There is no such column, or it holds no texts.
    """
    ids: dict[str, dict[str, str]] = {}
    for source in sources:
        if column := getattr(source, "id", None):
            ids.setdefault(column, {})[source.label()] = f"{source.name}/" if source.name else ""
    kinds = {field.name: field.type for field in schema.field("source").type}
    for one in exclusions.lists:
        if one.column != "id" and one.column not in {*ids, *kinds}:
            raise RecipeError(
                f"exclude: the source has no column {one.column!r}",
                remedy=f"it has {', '.join(dict.fromkeys(['id', *ids, *kinds]))}",
            )
        kind = kinds.get(one.column, pa.string())
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind)):
            raise RecipeError(
                f"exclude: column {one.column!r} holds {kind}, and an entry is one text",
                remedy="name a column of texts or whole numbers, or exclude by `id`",
            )
    return exclusions.named(ids)


def withheld_rows(
    documents: Sequence[Document | None], excluded: Sequence[int], is_through: Callable[[Document], bool]
) -> dict[str, list[int]]:
    """Return which excluded rows of a shard would have to be built if they were excluded no longer."""
    rows: dict[str, list[int]] = {"unread": [], "paused": []}
    for row in sorted(excluded):
        document = documents[row]
        if document is not None and is_withheld(document):
            rows["unread"].append(row)
        elif document is not None and not is_through(document):
            rows["paused"].append(row)
    return {kind: found for kind, found in rows.items() if found}


def hide(run: Run, say: Callable[[str], None]) -> None:
    """Have the table shown without what is excluded, and say what that is.

    Raises:
        StorageError: The disk refuses.
    """
    if not run.exclusions:
        run.fence.remove(run.layout.excluded)
        return
    gone: dict[Path, list[int]] = {}
    ids, matched = set[str](), set[tuple[str, str]]()
    for path in run.shard_paths():
        for row, id, matches in excluded_rows(path, run.exclusions):
            gone.setdefault(path, []).append(row)
            ids.add(id)
            matched.update(matches)
    renamed, naming = _renamed(run, ids)
    for path in run.shard_paths():
        if path in gone or path in naming:
            hide_rows(run, path, gone.get(path, []), renamed)
        else:
            run.fence.remove(run.shown_path(path))
    for line in _told(run.exclusions, len(ids), matched):
        say(line)


def _told(exclusions: Exclusions, documents: int, matched: set[tuple[str, str]]) -> Iterator[str]:
    yield f"excluded: {documents} document{'' if documents == 1 else 's'} of this run"
    for one in exclusions.lists:
        lost = [entry for entry in one.entries if (one.column, entry) not in matched]
        if not one.entries:
            yield f"exclude.{one.column}: a file without entries"
        if lost:
            named = ", ".join(lost[:_NAMED]) + (" …" if len(lost) > _NAMED else "")
            yield f"exclude.{one.column}: {len(lost)} of {len(one.entries)} entries match no document: {named}"


def hide_rows(run: Run, path: Path, rows: Sequence[int], renamed: Renamed) -> None:
    """Write the copy of a shard that lacks these rows, unless it is there."""
    about = path.stat()
    state = [about.st_size, about.st_mtime_ns, rows, renamed]
    made_of = hashlib.sha256(orjson.dumps(state, option=orjson.OPT_SORT_KEYS)).hexdigest()
    shown = run.shown_path(path)
    if (run.ledger.facts(shown) or {}).get("made_of") == made_of:
        return
    facts = {**(run.ledger.facts(path) or {}), "made_of": made_of}
    facts["documents"] -= len(rows)
    facts["passed_over"] = {**facts["passed_over"], **({EXCLUDED: len(rows)} if rows else {})}
    facts.pop("unanswered", None)  # is counted anew where it is asked for
    table = pq.ParquetFile(path).read(use_threads=False)
    table = table.filter(pc.invert(pc.is_in(pa.array(range(len(table))), value_set=pa.array(rows, pa.int64()))))
    for stage, others in renamed.items():
        place = table.schema.get_field_index(stage)
        table = table.set_column(place, table.schema.field(place), _without(table, stage, others))
    with storage(shown), run.fence.replacing(shown) as temporary:
        kept = table.replace_schema_metadata({"builder": orjson.dumps(facts).decode()})
        pq.write_table(kept, temporary, compression="zstd", row_group_size=1024, use_dictionary=False)


def _without(table: pa.Table, stage: str, renamed: Mapping[str, str]) -> pa.Array[Any]:
    """Return a stage's column that names others in the place of what is excluded, and no row itself."""
    column = cast("pa.StructArray", table[stage].combine_chunks())
    values = dict(zip((field.name for field in column.type), column.flatten(), strict=True))
    named = [renamed.get(survivor or "", survivor) for survivor in values[_SURVIVOR].to_pylist()]
    ids = table["id"].to_pylist()
    others = [None if one == id else one for id, one in zip(ids, named, strict=True)]
    values[_SURVIVOR] = pa.array(others, pa.string())
    return pa.StructArray.from_arrays(list(values.values()), fields=list(column.type), mask=column.is_null())


def _renamed(run: Run, ids: set[str]) -> tuple[dict[str, dict[str, str]], set[Path]]:
    """Return the next one of each group of near-duplicates that an excluded document stood for, and its shards."""
    renamed: dict[str, dict[str, str]] = {}
    naming = set[Path]()
    for path in run.shard_paths() if ids else ():
        with pq.ParquetFile(path) as file:
            stages = [
                name for name in run.stages if file.schema_arrow.field(name).type.get_field_index(_SURVIVOR) >= 0
            ]
            if not stages:
                break
            table = file.read(columns=["id", *(f"{stage}.{_SURVIVOR}" for stage in stages)], use_threads=False)
        for stage in stages:
            survivors = pc.struct_field(table[stage], _SURVIVOR).to_pylist()
            for id, survivor in zip(map(str, table["id"].to_pylist()), survivors, strict=True):
                if survivor in ids and id not in ids:
                    renamed.setdefault(stage, {}).setdefault(survivor, id)
                    naming.add(path)
    return renamed, naming
