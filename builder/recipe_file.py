"""Reading a recipe: from a YAML file to the typed recipe, or to one message with its line and remedy."""

from __future__ import annotations

import difflib
import re
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from builder.errors import RecipeError
from builder.exclusions import files_by_column
from builder.files import REMOTE, being_read, placed
from builder.filters import FILTERS
from builder.loaded_recipe import LoadedRecipe
from builder.recipe import Recipe
from builder.recipe_parts import FilterStage, Gguf, LocalModel, Release, RewriteStage
from builder.resources import RECIPE, RECIPES, recipe_path
from builder.rewriting.prompt_files import prompt_path
from builder.rewriting.prompts import Sampling
from builder.sources import FilesSource, HubSource, ParquetSource, TheStackSource, TheStackV3Source
from builder.strict_yaml import parse_yaml
from builder.text import read_text

_ON_HUB = re.compile(r"hf://datasets/([^/@]+/[^/@]+)(?:@(.+))?")


def load_recipe(name: str, settings: Sequence[str] = (), excludes: Sequence[str] = ()) -> LoadedRecipe:
    """Read a recipe by name or path, with `key.path=value` settings laid over it, and `column=FILE` exclusions.

    Raises:
        RecipeError: It is not a valid recipe; the message names the line, the key and the remedy.
    """
    path = _of_release(name) or recipe_path(name)
    with being_read(path, "a recipe is a text file in UTF-8"):
        content = read_text(path)
    node, data = parse_yaml(content, str(path))
    if not isinstance(data, dict):
        raise RecipeError(
            "a recipe is a mapping with name, source, stages and release",
            where=str(path),
            remedy="`python -m builder recipes demo` prints one to start from",
        )
    for setting in settings:
        _set(data, setting)
    written_paths = _place_paths(data, path.parent)
    try:
        recipe = TypeAdapter(Recipe).validate_python(data)
    except ValidationError as error:
        raise _explained(error, path, node, data) from error
    for position, stage in enumerate(recipe.stages):
        if isinstance(stage, RewriteStage):
            try:
                prompt_path(stage.rewrite, path.parent)
            except RecipeError as error:
                error.where, _ = _place(["stages", position, "rewrite"], path, node)
                raise
    return LoadedRecipe(recipe, path.parent, written_paths, files_by_column(excludes))


def _of_release(name: str) -> Path | None:
    """Return the recipe of the release at `hf://datasets/ORG/NAME[@REVISION]`, None for another name.

    Raises:
        RecipeError: The dataset holds none.
        SourceError, HubRefused, HubUnreachable: It can't be had.
    """
    on_hub = _ON_HUB.fullmatch(name)
    if on_hub is None:
        return None
    from builder.sources.hub_files import downloaded

    path = downloaded(on_hub[1], on_hub[2], ["prompts/*", "licenses/*", RECIPE]) / RECIPE
    if not path.is_file():
        raise RecipeError("this dataset holds no recipe", where=name, remedy="name a release, with its version")
    return path


def _set(data: dict[str, Any], setting: str) -> None:
    keys, equals, value = setting.partition("=")
    target: Any = data
    *parents, last = keys.split(".")
    remedy = "write key.path=value, a stage by its name or position: --set stages.lint.min_score=6"
    try:
        _, written = parse_yaml(value, "")
    except RecipeError as error:
        raise RecipeError(f"--set {setting}: {error.what}", remedy=remedy) from error
    try:
        if not equals:
            raise KeyError(setting)
        for key in parents:
            target = target[_index(target, key)]
        target[_index(target, last)] = written
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise RecipeError(f"--set {setting}: there is nothing at {keys!r}", remedy=remedy) from error


def _index(target: Any, key: str) -> Any:  # noqa: ANN401 - a mapping's key or a list's position
    if not isinstance(target, list):
        return key
    named = [
        position for position, item in enumerate(target) if isinstance(item, dict) and item.get("name") == key
    ]
    return named[0] if named else int(key)


def _place_paths(data: dict[str, Any], base: Path) -> list[dict[str, Any]]:
    """Fill in `{stdlib}` and `{shipped}`, read relative paths from the recipe's folder; return them as written."""
    places = {"{stdlib}": sysconfig.get_paths()["stdlib"], "{shipped}": str(RECIPES)}
    source = data.get("source")
    written = []
    for item in source if isinstance(source, list) else [source]:
        if not isinstance(item, dict):
            continue  # pydantic will say so
        paths = {key: item[key] for key in ("path", "license_file") if key in item}
        written.append(paths)
        for key, path in paths.items():
            if isinstance(path, str):
                for placeholder, place in places.items():
                    path = path.replace(placeholder, place)
                item[key] = path if path.startswith(REMOTE) else str(placed(path, base))
    return written


def _explained(error: ValidationError, path: Path, node: yaml.Node | None, data: dict[str, Any]) -> RecipeError:
    """Turn pydantic's first complaint into one line with its place and its remedy, a misspelt key before all."""
    problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    steps = list(problem["loc"])
    if steps[:1] == ["stages"] and steps[2:3] in (["filter"], ["rewrite"]):
        del steps[2]  # the kind of stage, which pydantic puts into the location
    where, location = _place(steps, path, node)
    if problem["type"] == "missing" or (problem["type"] == "extra_forbidden" and steps[-1] not in location[-1:]):
        location.append(steps[-1])
    name = ".".join(map(str, location))
    if problem["type"] == "extra_forbidden":
        known = _known_keys(problem["loc"], data)
        near = difflib.get_close_matches(str(steps[-1]), known, 1)
        remedy = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
        return RecipeError(f"unknown key {name!r}", where=where, remedy=remedy)
    if problem["type"] == "missing":
        remedy = "add it; `python -m builder recipes demo` prints a recipe to compare with"
        return RecipeError(f"{name!r} is missing", where=where, remedy=remedy)
    message = re.sub(r"^Value error, ", "", problem["msg"])
    remedy = "correct it; `python -m builder recipes demo` prints a recipe to compare with"
    return RecipeError(f"{name or 'the recipe'}: {message}", where=where, remedy=remedy)


def _place(steps: Sequence[str | int], path: Path, node: yaml.Node | None) -> tuple[str, list[str | int]]:
    """Return file:line of the last of the steps that the file has, and the steps that it has."""
    line, location = 1, []
    for step in steps:
        child = _child(node, step)
        if child is not None:
            key, node = child
            line = key.start_mark.line + 1
            location.append(step)
    return f"{path}:{line}", location


def _child(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """Return where a step is written and what it leads to."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


def _known_keys(location: tuple[str | int, ...], data: dict[str, Any]) -> list[str]:
    """Return the keys that are allowed where an unknown one was found."""
    if location[0] == "stages" and location[2] == "filter":
        options = FILTERS[data["stages"][location[1]]["filter"]].model_fields
        return sorted([*FilterStage.model_fields, *options])
    models: dict[str | int, type[BaseModel]] = {
        "release": Release,
        "model": LocalModel,
        "gguf": Gguf,
        "rewrite": RewriteStage,
        "sampling": Sampling,
        "files": FilesSource,
        "parquet": ParquetSource,
        "hub": HubSource,
        "the-stack-v2": TheStackSource,
        "the-stack-v3": TheStackV3Source,
    }
    return sorted(next((models[step] for step in reversed(location[:-1]) if step in models), Recipe).model_fields)
