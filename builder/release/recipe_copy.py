"""The recipe of a release, so that whoever has the release can make it again: at the revisions that were read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from builder.files import write_text
from builder.recipe_file import LoadedRecipe
from builder.release.licenses import license_copy
from builder.release.prompt_files import prompt_paths
from builder.resources import RECIPE
from builder.run.directory import Run

_NOT_FOR_OTHERS = ("to", "exclude")


def write_recipe(loaded: LoadedRecipe, run: Run, folder: Path) -> None:
    """Write a release's recipe into `folder`: sources as pinned, prompts and licences as beside it."""
    recipe: dict[str, Any] = loaded.snapshot()
    prompts = prompt_paths(run.facts["prompts"])
    for described, source, pin in zip(recipe["source"], loaded.recipe.sources, run.facts["sources"], strict=True):
        if "revision" in pin:
            described["revision"] = pin["revision"]
        if source.license_file is not None:
            described["license_file"] = license_copy(source)
    if len(recipe["source"]) == 1:
        recipe["source"] = recipe["source"][0]
    for stage in recipe["stages"]:
        if stage["name"] in prompts:
            stage["rewrite"] = prompts[stage["name"]]
    recipe["release"] = {key: value for key, value in recipe["release"].items() if key not in _NOT_FOR_OTHERS}
    write_text(folder / RECIPE, yaml.safe_dump(_said(recipe), sort_keys=False, allow_unicode=True, width=120))


def _said(value: Any) -> Any:  # noqa: ANN401 - what a recipe holds
    """Return a value without what nobody said: null."""
    if isinstance(value, dict):
        return {key: _said(one) for key, one in value.items() if one is not None}
    return [_said(one) for one in value] if isinstance(value, list) else value
