"""What decides the bytes of a run's table, beside its sources: what it is begun with, and compared with later."""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from builder.loaded_recipe import LoadedRecipe

PINNED_LATER = ("model", "control_tokens")  # with the first server


def begun_with(loaded: LoadedRecipe) -> dict[str, Any]:
    """Return what `run.json` records of a recipe, its prompts and the tools at work here."""
    return {
        "recipe": loaded.run_snapshot(),
        "prompts": {
            stage: {"id": prompt.id, "sha256": prompt.sha, "content": loaded.prompt_files[stage]}
            for stage, prompt in loaded.prompts.items()
        },
        "versions": _versions(loaded),
        "model": None,
        "control_tokens": None,
    }


def _versions(loaded: LoadedRecipe) -> dict[str, str]:
    found = {
        "builder": version("swallow-builder"),
        "pyarrow": version("pyarrow"),
        "python": platform.python_version(),
    }
    checking = (check.used for checks in loaded.checks.values() for check in checks.values())
    for used in (*loaded.filters.values(), *checking):
        found.update(used.identity())
    return dict(sorted(found.items()))


def difference(place: str, old: Any, new: Any) -> tuple[str, Any, Any]:  # noqa: ANN401 - plain data
    """Return where two values first differ, as a path of keys and positions below `place`, and both, shortened."""
    if isinstance(old, dict) and isinstance(new, dict):
        absent = "(absent)"
        key = next(key for key in [*old, *new] if old.get(key, absent) != new.get(key, absent))
        return difference(f"{place}.{key}", old.get(key, absent), new.get(key, absent))
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        position = next(index for index, item in enumerate(old) if item != new[index])
        return difference(f"{place}.{position}", old[position], new[position])
    return place, _short(old), _short(new)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
