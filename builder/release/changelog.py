"""The changelog: what changed since the release before, a line a change, from the two manifests and their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from builder.release.manifest import Manifest, excluded_in
from builder.release.rows import RowChanges

_KEYS = 8  # of a recipe that are named


def prepended(changelog: str, version: str, history: list[str]) -> str:
    """Return a changelog with a version's changes at its head."""
    title, _, rest = changelog.partition("\n")
    entry = "\n".join(f"- {line}" for line in history)
    return f"{title}\n\n## {version}\n\n{entry}\n{rest}"


def changes(old: Manifest | None, content: dict[str, Any], rows: Mapping[str, RowChanges]) -> list[str]:
    """Return what changed since the release before, a line a change.

    Args:
        old: The release before, None where this is the first.
        content: What the new manifest says.
        rows: What became of the rows of each config that both have, where its data is not the same.
    """
    if old is None:
        return ["First release."]
    lines = _of_exclusions(excluded_in(old.content), excluded_in(content))
    lines += [*_of_configs(old.content, content, rows), *_of_drops(old.content["ledger"], content["ledger"])]
    lines += _of_run(old.content["run"], content["run"])
    lines += _of_recipe(old.content["recipe"], content["recipe"])
    if old.content["licenses"] != content["licenses"]:
        lines.append("The licence files changed.")
    if not lines and old.content["card"] != content["card"]:  # with all else its numbers change
        lines.append("The card changed.")
    return lines or ["Nothing but the number."]


def _of_recipe(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    keys = [f"`{key}`" for key in _differing(old, new)]
    if len(keys) > _KEYS:
        keys[_KEYS:] = [f"{len(keys) - _KEYS} more"]
    return [f"The recipe changed: {', '.join(keys)}."] if keys else []


def _differing(old: Any, new: Any, key: str = "") -> Iterator[str]:  # noqa: ANN401 - what a recipe holds
    """Yield the keys of a recipe whose values differ, those of stages and sources by their names."""
    old, new = _by_name(old), _by_name(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for one in dict.fromkeys([*old, *new]):
            yield from _differing(old.get(one), new.get(one), f"{key}.{one}" if key else one)
    elif old != new:
        yield key


def _by_name(value: Any) -> Any:  # noqa: ANN401 - what a recipe holds
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) and "kind" in value[0]:
        return value[0]  # the only source
    if isinstance(value, list) and value and all(isinstance(one, dict) and one.get("name") for one in value):
        return {one["name"]: one for one in value}
    return value


def _of_exclusions(before: int, after: int) -> list[str]:
    """Return what is said where another number of documents is left out, naming none."""
    if after > before:
        total = f"; {after:,} are left out in all" if before else ""
        return [f"Removed on request: {_documents(after - before)}{total}."]
    if after < before:
        return [f"Left out on request before and no longer: {_documents(before - after)}."]
    return []


def _documents(count: int) -> str:
    return f"{count:,} document{'' if count == 1 else 's'}"


def _of_configs(old: dict[str, Any], new: dict[str, Any], rows: Mapping[str, RowChanges]) -> Iterator[str]:
    before, after = old["rows"], new["rows"]
    for config in sorted({*before, *after}):
        if config not in before:
            yield f"Config `{config}` is new, with {_rows(after[config])}."
        elif config not in after:
            yield f"Config `{config}` is gone; it had {_rows(before[config])}."
        elif config in rows:
            columns = _of_columns(old["schemas"][config], new["schemas"][config])
            yield f"Config `{config}`: {_counted(before[config], after[config], rows[config], columns)}."


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _counted(before: int, after: int, rows: RowChanges, columns: list[str]) -> str:
    if not (rows.added or rows.removed or rows.changed):
        return f"the same {_rows(after)}, in another order or in other files"
    counts = f"{_rows(after)}, as before" if before == after else f"{before:,} → {_rows(after)}"
    counts += f": {rows.added:,} added, {rows.removed:,} removed"
    if columns:
        return f"{counts}; the {rows.changed:,} that stayed have other columns: {', '.join(columns)}"
    counts += f", {rows.changed:,} changed"
    return (
        counts if rows.rewritten in (None, rows.changed) else f"{counts}, {rows.rewritten:,} of them in their text"
    )


def _of_columns(before: list[str], after: list[str]) -> list[str]:
    """Return what became of columns, each given as `name: type`."""
    old, new = (dict(column.split(": ", 1) for column in columns) for columns in (before, after))
    found = [f"`{name}` ({kind}) is new" for name, kind in new.items() if name not in old]
    found += [f"`{name}` is gone" for name in old if name not in new]
    found += [
        f"`{name}` is {new[name]}, it was {kind}" for name, kind in old.items() if new.get(name, kind) != kind
    ]
    return found or (["their order"] if before != after else [])


def _of_drops(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> Iterator[str]:
    stages = {stage["name"]: stage["dropped"] for stage in old}
    for stage in new:
        before, after = stages.get(stage["name"], {}), stage["dropped"]
        differing = [
            f"{reason} {before.get(reason, 0):,} → {after.get(reason, 0):,}"
            for reason in sorted({*before, *after})
            if before.get(reason, 0) != after.get(reason, 0)
        ]
        if stage["name"] in stages and differing:
            yield f"Drops at `{stage['name']}`: {', '.join(differing)}."


def _of_run(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    if old["model"] != new["model"]:
        yield f"The model is {_named(new['model'])}; it was {_named(old['model'])}."
    for stage in sorted({*old["prompts"], *new["prompts"]}):
        if old["prompts"].get(stage) != new["prompts"].get(stage):
            yield f"The prompt of stage `{stage}` changed."
    for tool in sorted({*old["versions"], *new["versions"]}):
        before, after = old["versions"].get(tool, "absent"), new["versions"].get(tool, "absent")
        if before != after:
            yield f"{tool} is {after}; it was {before}."
    if old["sources"] != new["sources"]:
        yield "The source's content or revision changed."


def _named(model: dict[str, Any] | None) -> str:
    if model is None:
        return "none"
    return f"`{model['id']}`" + (f" at `{model['sha'][:12]}`" if model["sha"] else "")
