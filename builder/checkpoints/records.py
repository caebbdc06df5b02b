"""Reads the records in `checkpoints_meta/`: one strict YAML file an ablation, and `training.yaml`.

What is wrong with a file is said with its line and what to do; a key that nobody reads is wrong.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import TypeVar

import orjson
import yaml
from pydantic import ValidationError

from builder.checkpoints.schema import Record, Strict, Training
from builder.errors import RecipeError
from builder.files import being_read
from builder.resources import folder
from builder.strict_yaml import parse_yaml
from builder.text import read_text

_TRAINING = "training.yaml"


_Model = TypeVar("_Model", bound=Strict)


def load_records(directory: Path | None = None) -> list[Record]:
    """Read every record, sorted naturally: code-exp2 before code-exp11 before math-exp1.

    Raises:
        RecipeError: A file is not a valid record; the message names the file, the line and the remedy.
    """
    directory = directory or folder("checkpoints_meta")
    training = load_training(directory)
    paths = sorted(path for path in directory.glob("*.yaml") if path.name != _TRAINING)
    records = {path: _read(path, Record) for path in paths}
    for path, record in records.items():
        if record.id != path.stem:
            raise RecipeError(f"id {record.id!r} is not the file's name", where=str(path), remedy="rename one")
    known = {record.id for record in records.values()}
    for path, record in records.items():
        for other in {*record.built_from, record.baseline} - known - {None}:
            raise RecipeError(f"no record {other!r}", where=str(path), remedy=f"there are {sorted(known)}")
        if record.training not in training.mixes:
            raise RecipeError(
                f"no training mix {record.training!r}", where=str(path), remedy=f"add it to {_TRAINING}"
            )
    return sorted(records.values(), key=_natural)


def load_training(directory: Path | None = None) -> Training:
    """Read the shared training set-up (`training.yaml`); tokens in 10^9. Raises `RecipeError`."""
    return _read((directory or folder("checkpoints_meta")) / _TRAINING, Training)


def model_names(record: Record, training: Training) -> dict[str, float]:
    """Return the Hub model repositories of a record, each with the tokens (10^9) it had seen.

    Empty where no repository of the ablation was seen: a name that merely fits the pattern is no find.
    """
    if not record.models.seen:
        return {}
    pattern = training.mixes[record.training].model_name
    number = record.id.rpartition("exp")[2]
    return {
        pattern.format(number=number, iteration=point.iteration): point.tokens_billion
        for point in training.checkpoints
    }


def _natural(record: Record) -> tuple[str, int]:
    family, _, number = record.id.rpartition("-exp")
    return family, int(number)


def _read(path: Path, model: type[_Model]) -> _Model:
    with being_read(path, "restore the file"):
        content = read_text(path)
    node, data = parse_yaml(content, str(path))
    try:
        # Through JSON, because strict pydantic takes a list for a tuple only there.
        return model.model_validate_json(orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS))
    except ValidationError as error:
        raise _explained(error, path, node) from error
    except orjson.JSONEncodeError as error:
        raise RecipeError(
            f"not plain data: {error}", where=str(path), remedy="no anchors, no huge numbers"
        ) from error


def _explained(error: ValidationError, path: Path, node: yaml.Node | None) -> RecipeError:
    """Turn pydantic's first complaint into its line and its remedy."""
    problem = error.errors()[0]
    location = problem["loc"]
    name = ".".join(map(str, location)) or "the file"
    where = f"{path}:{_line(node, location)}"
    if problem["type"] == "extra_forbidden":
        known = {key for model in _all_models(Strict) for key in model.model_fields}
        near = difflib.get_close_matches(str(location[-1]), sorted(known), 1)
        remedy = f"did you mean {near[0]!r}?" if near else "take it out"
        return RecipeError(f"unknown key {name!r}", where=where, remedy=remedy)
    if problem["type"] == "missing":
        return RecipeError(
            f"{name!r} is missing", where=where, remedy="add it; write `unknown` and a reason if it is"
        )
    message = re.sub(r"^Value error, ", "", problem["msg"])
    return RecipeError(f"{name}: {message}", where=where, remedy="the other records show the form")


def _all_models(model: type[Strict]) -> list[type[Strict]]:
    return [model, *(found for child in model.__subclasses__() for found in _all_models(child))]


def _line(node: yaml.Node | None, location: tuple[str | int, ...]) -> int:
    """Return the line of a location, or of the nearest thing around it (a union's member is in no file)."""
    line = node.start_mark.line if node else 0
    for step in location:
        if isinstance(node, yaml.MappingNode):
            pairs = [(key, value) for key, value in node.value if key.value == str(step)]
            if pairs:
                line, node = pairs[0][0].start_mark.line, pairs[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line
    return line + 1
