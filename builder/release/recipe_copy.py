"""The recipe of a release and its prompts, so that whoever has the release can make it again.

Sources are named at the revisions that were read, prompts and licences as they lie beside the recipe.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from builder.files import write_text
from builder.loaded_recipe import LoadedRecipe
from builder.release.licenses import license_copy
from builder.resources import RECIPE
from builder.run.directory import Run

_PROMPTS = "prompts"
_NOT_FOR_OTHERS = ("to", "exclude")

Prompts = Mapping[str, Mapping[str, Any]]
"""A run's prompts by stage: id, sha256 and content."""


def write_recipe(loaded: LoadedRecipe, run: Run, folder: Path) -> None:
    """Write a release's recipe and prompts into `folder`."""
    write_prompts(run.facts["prompts"], folder)
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
    """Return a value without nulls, which nobody wrote."""
    if isinstance(value, dict):
        return {key: _said(one) for key, one in value.items() if one is not None}
    return [_said(one) for one in value] if isinstance(value, list) else value


# --- prompts ---


def prompt_paths(prompts: Prompts) -> dict[str, str]:
    """Return by stage the path of its prompt in a release: named by its id, and equal prompts are one file.

    Different ones that share an id, or whose ids differ by case alone, lie in a folder of their stage's name.
    """
    contents: defaultdict[str, set[str]] = defaultdict(set)
    for prompt in prompts.values():
        contents[prompt["id"].casefold()].add(prompt["content"])
    return {
        stage: f"{_PROMPTS}/{prompt['id']}.md"
        if len(contents[prompt["id"].casefold()]) == 1
        else f"{_PROMPTS}/{stage}/{prompt['id']}.md"
        for stage, prompt in prompts.items()
    }


def write_prompts(prompts: Prompts, folder: Path) -> None:
    """Write the prompts of a release made in `folder`."""
    for stage, path in prompt_paths(prompts).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(prompts[stage]["content"], encoding="utf-8")
