"""Reading a recipe: from a YAML file to the typed recipe, or to one message with its line and remedy."""

from __future__ import annotations

import difflib
import re
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from builder.checks import CHECKS, AnswerCheck
from builder.errors import RecipeError
from builder.exclusions import files_by_column, read_exclusions
from builder.files import REMOTE, being_read, is_file, placed, see_readable
from builder.filters import FILTERS, AnyFilter, TextFilter, WorkerFilter
from builder.recipe import FilterStage, Gguf, LocalModel, Recipe, Release, RewriteStage, Scan
from builder.resources import RECIPE, RECIPES, recipe_path
from builder.rewriting.prompts import Check, Prompt, Sampling, load_prompt, prompt_path
from builder.sources import FilesSource, HubSource, ParquetSource, TheStackSource, TheStackV3Source
from builder.strict_yaml import parse_yaml
from builder.text import read_text

_ON_HUB = re.compile(r"hf://datasets/([^/@]+/[^/@]+)(?:@(.+))?")


@dataclass(frozen=True, slots=True)
class LoadedScan:
    """A filter of `release.scan`, and how many rows of a config it may refuse."""

    name: str
    used: TextFilter
    allow: int


class LoadedRecipe:
    """A recipe with the prompts it names, read once so that a file edited meanwhile changes nothing."""

    def __init__(
        self,
        recipe: Recipe,
        base: Path,
        written_paths: Sequence[dict[str, Any]],
        excludes: Mapping[str, Sequence[Path]] | None = None,
    ) -> None:
        """Read the prompts of the recipe's rewriting stages and its exclusions, relative to `base`.

        `written_paths` are the sources' paths as the file has them: they, not their places on this
        machine, belong to the recipe. `excludes` are more files of exclusions, by column.
        """
        self.recipe = recipe
        files = {column: [placed(path, base) for path in paths] for column, paths in recipe.exclude.items()}
        for column, paths in (excludes or {}).items():
            files.setdefault(column, []).extend(paths)
        self.exclusions = read_exclusions(files)
        self._written_paths = written_paths
        self.prompts: dict[str, Prompt] = {}
        self.prompt_files: dict[str, str] = {}
        self.filters: dict[str, AnyFilter] = {}
        self.checks: dict[str, dict[str, AnswerCheck]] = {}
        self.scans = [_scan(one, base) for one in recipe.release.scan]
        for stage in recipe.stages:
            if isinstance(stage, FilterStage):
                self.filters[stage.name] = _filter(stage.filter, stage.options, base)
            else:
                path = prompt_path(stage.rewrite, base)
                self.prompts[stage.name] = load_prompt(path)
                self.prompt_files[stage.name] = self.prompts[stage.name].content
                self.checks[stage.name] = {
                    check.label: _check(check, path) for check in self.prompts[stage.name].checks
                }

    def sampling(self, stage: RewriteStage) -> Sampling:
        """Return the prompt's sampling with the stage's own settings over it."""
        return Sampling.model_validate(
            {**self.prompts[stage.name].sampling.model_dump(exclude_unset=True), **stage.sampling}
        )

    def snapshot(self) -> dict[str, Any]:
        """Return the recipe as plain data, every default spelled out and paths as written.

        Without the exclusions: what is published must not name, nor its files, who asked to be left out.
        """
        snapshot = self.recipe.model_dump(mode="json", exclude={"exclude"})
        snapshot["source"] = [source.model_dump(mode="json") for source in self.recipe.sources]
        for source, paths in zip(snapshot["source"], self._written_paths, strict=True):
            source.update(paths)
        return snapshot

    def run_snapshot(self) -> dict[str, Any]:
        """Return the part of the recipe that decides a run: without the release, and the model by its name."""
        snapshot = self.snapshot()
        for source in snapshot["source"]:
            # Of the release, or a place that the same contents come from.
            for no_part in ("license", "license_url", "license_file", "language", "terms", "contents", "endpoint"):
                source.pop(no_part, None)
        return {key: snapshot[key] for key in ("name", "source", "stages")}


def _filter(name: str, options: Mapping[str, Any], base: Path) -> AnyFilter:
    """Return a filter whose paths, given relative to `base`, are whole."""
    kind = FILTERS[name]
    kind.model_validate(options)  # so that paths are lists of texts
    given = dict(options)
    for option in kind.paths & given.keys():
        given[option] = [str(placed(path, base)) for path in given[option]]
        for path in given[option]:
            remedy = f"correct `{option}` of filter {name!r} in the recipe"
            if not is_file(Path(path)):
                raise RecipeError("there is no such file", where=path, remedy=remedy)
            see_readable(Path(path), remedy)
    return kind.model_validate(given)


def _scan(one: Scan, base: Path) -> LoadedScan:
    """Return a filter that looks at a release's texts.

    Raises:
        RecipeError: There is no such filter, or its options are not valid.
    """
    where = "release.scan"
    if one.filter not in FILTERS:
        near = difflib.get_close_matches(one.filter, FILTERS, 1)
        remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(FILTERS)}"
        raise RecipeError(f"there is no filter {one.filter!r}", where=where, remedy=remedy)
    try:
        used = _filter(one.filter, one.options, base)
    except ValidationError as error:
        problem = error.errors()[0]
        raise RecipeError(
            f"{one.filter!r}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}",
            where=where,
            remedy=f"its options: {', '.join(FILTERS[one.filter].model_fields)}",
        ) from error
    if not isinstance(used, TextFilter):
        raise RecipeError(
            f"filter {one.filter!r} does not look at a text by itself",
            where=where,
            remedy="name `secrets`, `contamination`, `repetition`, `length` or `language`; make others stages",
        )
    return LoadedScan(one.filter, used, one.allow)


def _check(check: Check, path: Path) -> AnswerCheck:
    """Return a check of the prompt at `path`, ready to judge.

    Raises:
        RecipeError: There is no such check, or its options are not valid.
    """
    kinds: Mapping[str, type[AnyFilter]] = CHECKS if check.filter is None else FILTERS
    kind = "check" if check.filter is None else "filter"
    name = check.check or check.filter or ""
    if name not in kinds:
        near = difflib.get_close_matches(name, kinds, 1)
        remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(kinds)}"
        raise RecipeError(f"there is no {kind} {name!r} to check answers with", where=str(path), remedy=remedy)
    try:
        used = (
            CHECKS[name].model_validate(check.options)
            if check.filter is None
            else _filter(name, check.options, path.parent)
        )
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        known = ", ".join(kinds[name].model_fields) or "none"
        raise RecipeError(
            f"check {check.label!r}: {place}: {problem['msg']}", where=str(path), remedy=f"its options: {known}"
        ) from error
    if not isinstance(used, WorkerFilter):
        raise RecipeError(
            f"filter {name!r} judges no text by itself, so it can't check an answer",
            where=str(path),
            remedy="make it a stage of the recipe",
        )
    if used.replaces_text:
        raise RecipeError(
            f"filter {name!r} with these options changes a text, and a check only passes or fails one",
            where=str(path),
            remedy="let the check drop (`action: drop`), or make it a stage of the recipe after this one",
        )
    numbers = [measure for measure, type_ in used.measures.items() if type_ in (int, float)]
    if check.not_below_source is not None and check.not_below_source not in numbers:
        raise RecipeError(
            f"check {check.label!r}: not_below_source: {name!r} measures no number {check.not_below_source!r}",
            where=str(path),
            remedy=f"there are {', '.join(numbers) or 'none'}",
        )
    return AnswerCheck(used, check.not_below_source)


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
