"""A prompt's file: Markdown with front matter and messages, the same file that a release publishes.

It opens with YAML front matter between `---` lines; then each message begins with a line such as `<!-- user -->`.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from pathlib import Path

import yaml
from pydantic import ValidationError

from builder.errors import RecipeError
from builder.files import being_read, is_file, placed
from builder.resources import folder
from builder.rewriting.prompts import PLACEHOLDER, Prompt
from builder.strict_yaml import parse_yaml
from builder.text import read_text

_MARKER = re.compile(r"^[ \t]*<!--[ \t]*(system|user|assistant)[ \t]*-->[ \t]*$", re.M)
_COMMENT = re.compile(r"^[ \t]*<!--[ \t]*(\w{1,24})[ \t]*-->[^\n]*", re.M)
_ROLES = ("system", "user", "assistant")
_NO_ROLES = {"ai", "bot", "developer", "human", "model", "tool"}  # other formats' words
_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*\n", re.S)
# What a template engine would make something else of: sent as it stands, it would be a mistake nobody sees.
_EXPRESSION = re.compile(r"\{\{[-+]?[\s\u200b]*text[\s\u200b]*(?:[|\[+~]|\.[A-Za-z_]|[-+]?\}\}|(?:if|or)\b)")
_BRACES = re.compile(r"\{\{[^{}\n]{0,60}\}\}|\{%[^{}\n]{0,60}%\}")


def prompt_names() -> list[str]:
    """Return the ids of the prompts that ship."""
    return sorted(path.stem for path in folder("prompts").glob("*.md"))


def prompt_path(name: str, base: Path) -> Path:
    """Return the file of a prompt: a path (ending in .md, relative to `base`) or the id of one that ships.

    Raises:
        RecipeError: There is no such prompt.
    """
    is_path, shipped = name.endswith(".md"), prompt_names()
    path = placed(name, base) if is_path else folder("prompts") / f"{name}.md"
    if not (is_file(path) if is_path else name in shipped):
        remedy = f"name a .md file, or one of: {', '.join(shipped)}"
        raise RecipeError(f"there is no prompt {name!r}", remedy=remedy)
    return path


def load_prompt(path: Path) -> Prompt:
    """Read a prompt file.

    Raises:
        RecipeError: The file is not a valid prompt; the message names the line or the key.
    """
    with being_read(path, "a prompt is a text file in UTF-8"):
        content = read_text(path)
    front = _FRONT.match(content)
    if front is None:
        raise RecipeError(
            "a prompt begins with front matter between two lines `---`", where=str(path), remedy=_COMPARE
        )
    _check_markers(content, front.end(), path)
    parts = _MARKER.split(content[front.end() :])
    messages = [(role, body.strip("\n")) for role, body in zip(parts[1::2], parts[2::2], strict=True)]
    if not messages or parts[0].strip():
        raise RecipeError(
            "after its front matter a prompt has messages, each begun by a line such as `<!-- user -->`",
            where=str(path),
            remedy=_COMPARE,
        )
    _check_placeholders(messages, path)
    node, fields = parse_yaml(front.group(1), str(path), first_line=2)
    if not isinstance(fields, dict):
        raise RecipeError("a prompt's front matter is a mapping", where=str(path), remedy=_COMPARE)
    if unknown := [key for key in fields if key not in _KEYS]:
        near = difflib.get_close_matches(unknown[0], _KEYS, 1)
        remedy = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(_KEYS)}"
        raise RecipeError(f"unknown key {unknown[0]!r}", where=_line(path, node, unknown[0]), remedy=remedy)
    sha = hashlib.sha256(content.encode()).hexdigest()
    try:
        return Prompt.model_validate({**fields, "messages": messages, "content": content, "sha": sha})
    except ValidationError as error:
        raise _explained(error, path, node) from error


_COMPARE = "prompts/sgcr.md of this project is one to compare with"
_KEYS = sorted(Prompt.model_fields.keys() - {"messages", "content", "sha"})


def _check_markers(content: str, start: int, path: Path) -> None:
    """Refuse lines that their author took for the beginning of a message, and that would be part of another."""
    for comment in _COMMENT.finditer(content, start):
        word, line = comment.group(1), comment.group().strip()
        near = difflib.get_close_matches(word.lower(), _ROLES, 1, 0.75)
        if _MARKER.fullmatch(line) or not (near or word.lower() in _NO_ROLES):
            continue
        raise RecipeError(
            f"{line[:60]!r} begins no message",
            where=f"{path}:{content.count(chr(10), 0, comment.start()) + 1}",
            remedy="a message begins with <!-- system -->, <!-- user --> or <!-- assistant --> alone on a line",
        )


def _check_placeholders(messages: list[tuple[str, str]], path: Path) -> None:
    """Refuse messages that the document would not come into as their author meant."""
    where, contents = str(path), [content for _, content in messages]
    for content in contents:
        if found := _EXPRESSION.search(PLACEHOLDER.sub("", content)):
            raise RecipeError(
                f"{found[0]!r}… is no placeholder, and nothing computes it",
                where=where,
                remedy="the document is {{ text }}, or {{ text.strip() }} without white space around it",
            )
    if not any(PLACEHOLDER.search(content) for content in contents):
        braces = [found[0] for content in contents for found in _BRACES.finditer(content)]
        holds = f"; it holds {', '.join(dict.fromkeys(braces[:3]))}, which is sent as it stands" if braces else ""
        raise RecipeError(
            f"no message of the prompt holds {{{{ text }}}}{holds}",
            where=where,
            remedy="write {{ text }} where the document goes",
        )
    if empty := next((role for role, content in messages if role != "system" and not content.strip()), None):
        raise RecipeError(
            f"a message of the {empty} is empty", where=where, remedy=f"write it, or remove its <!-- {empty} -->"
        )
    role, last = messages[-1]
    if role == "assistant" and PLACEHOLDER.search(last):
        raise RecipeError(
            "the beginning of the answer holds {{ text }}, and would be read as part of the answer",
            where=where,
            remedy="write {{ text }} into the user's message",
        )


def _explained(error: ValidationError, path: Path, node: yaml.Node | None) -> RecipeError:
    """Turn pydantic's first complaint into one line with its place, a misspelt key before all."""
    problem = min(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    steps = [str(step) for step in problem["loc"]]
    said = {"extra_forbidden": "there is no such key", "missing": "it is missing"}
    message = said.get(problem["type"]) or re.sub(r"^Value error, ", "", problem["msg"])
    return RecipeError(
        f"{'.'.join(steps) or 'the front matter'}: {message}",
        where=_line(path, node, steps[0] if steps else ""),
        remedy=_COMPARE,
    )


def _line(path: Path, node: yaml.Node | None, key: str) -> str:
    """Return file:line of a key of the front matter, the file alone where it has no such key."""
    keys = [key for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
    return next((f"{path}:{one.start_mark.line + 2}" for one in keys if one.value == key), str(path))
