"""A recipe with all that it names: prompts, filters, checks, exclusions, each read once and ready to work."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from builder.checks import CHECKS, AnswerCheck
from builder.errors import RecipeError
from builder.exclusions import read_exclusions
from builder.files import is_file, placed, see_readable
from builder.filters import FILTERS, AnyFilter, TextFilter, WorkerFilter
from builder.recipe import Recipe
from builder.recipe_parts import FilterStage, RewriteStage, Scan
from builder.rewriting.prompt_files import load_prompt, prompt_path
from builder.rewriting.prompts import Check, Prompt, Sampling


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
