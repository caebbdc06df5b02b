"""YAML as users write it by hand: plain data, every key once, and each mistake with its line.

A file is data that somebody else may have written: what would swell when it is read, or hold what no JSON, table
or file name can, is refused here, once for all files.
"""

from __future__ import annotations

import math
from typing import Any

import yaml

from builder.errors import RecipeError

_MOST_NODES = 100_000
"""Values of a file, each counted wherever an alias repeats it: nine lines of aliases can stand for 10^9."""

_KEYS = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "merge", "value")}


def parse_yaml(content: str, where: str, *, first_line: int = 1) -> tuple[yaml.Node | None, Any]:
    """Return the nodes of one YAML document, for the lines that things stand on, and its data.

    Args:
        content: The document.
        where: The file, for messages.
        first_line: The line of the file that the document begins on.

    Raises:
        RecipeError: It is no YAML, not plain data or too much of it; the message names the line.
    """
    try:
        loader = _Loader(content)
        node = loader.get_single_node()
        if node is None:
            return None, None
        _Sizes().of(node)
        return node, loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise RecipeError(
            f"not valid YAML: {problem}",
            where=f"{where}:{mark.line + first_line}" if mark else where,
            remedy="correct this line or one shortly before",
        ) from error
    except RecursionError as error:
        raise RecipeError("not valid YAML: nested too deeply", where=where, remedy="write it flatter") from error


class _Loader(yaml.SafeLoader):
    """Says of a value that can't be read where it stands."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: ANN401 - whatever it holds
        try:
            value = super().construct_object(node, deep)
        # PyYAML lets through what int(), float(), datetime() and its own slicing raise: `2024-13-01`, `!!int ""`.
        except (ArithmeticError, LookupError, ValueError, TypeError, AttributeError) as error:
            raise _refusal(node, f"{_shown(node)} can't be read ({error})") from error
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise _refusal(node, f"{_shown(node)} has more than 64 bits")
        if isinstance(value, float) and not math.isfinite(value):
            raise _refusal(node, f"{_shown(node)} is no finite number")
        if isinstance(value, str) and (problem := _unfit(value)):
            raise _refusal(node, f"{_shown(node)} holds {problem}")
        return value


class _Sizes:
    """How many values stand below each node, aliases followed."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}

    def of(self, node: yaml.Node) -> int:
        """Count a node and what is below it.

        Raises:
            yaml.YAMLError: It holds itself, a key twice or that is no text, or too much.
        """
        known = self._sizes.get(id(node))
        if known == 0:
            raise _refusal(node, "it holds itself")
        if known is not None:
            return known
        self._sizes[id(node)] = 0  # being counted
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
            below = [child for pair in node.value for child in pair]
        else:
            below = node.value if isinstance(node, yaml.SequenceNode) else []
        size = 1 + sum(self.of(child) for child in below)
        if size > _MOST_NODES:
            raise _refusal(node, f"more than {_MOST_NODES:,} values, what aliases repeat included")
        self._sizes[id(node)] = size
        return size


def _check_keys(node: yaml.MappingNode) -> None:
    known: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _refusal(key, "a key is a word, and this is a list or a mapping")
        if key.tag not in _KEYS:
            kind = key.tag.rpartition(":")[2]
            raise _refusal(key, f"the key {key.value!r} is read as {kind}: put it in quotes")
        if key.value in known:
            raise _refusal(key, f"the key {key.value!r} is there twice")
        known.add(key.value)


def _unfit(text: str) -> str | None:
    if "\0" in text:
        return "a NUL"
    return None if text.isascii() or text.encode("utf-8", "replace").decode() == text else "a lone surrogate"


def _shown(node: yaml.Node) -> str:
    value = node.value if isinstance(node.value, str) else ""
    return repr(value) if len(value) <= 40 else f"{value[:20]!r}…"


def _refusal(node: yaml.Node, problem: str) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(problem=problem, problem_mark=node.start_mark)
