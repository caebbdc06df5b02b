"""Prompts: one Markdown file each, front matter and messages, the same file that a release publishes.

A file opens with YAML front matter between `---` lines; then each message begins with a line such as
`<!-- user -->`. `{{ text }}` stands for the document, `{{ text.strip() }}` for it without white space around; all
else is sent as it stands, braces included: a prompt is data, and no template runs. A last assistant message is the
beginning of the answer (prefill): the model goes on from it, and the answer is read together with it.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from builder.errors import RecipeError
from builder.files import being_read, is_file, placed
from builder.names import name_problem, same_name
from builder.resources import folder
from builder.strict_yaml import parse_yaml
from builder.text import read_text

_MARKER = re.compile(r"^[ \t]*<!--[ \t]*(system|user|assistant)[ \t]*-->[ \t]*$", re.M)
_COMMENT = re.compile(r"^[ \t]*<!--[ \t]*(\w{1,24})[ \t]*-->[^\n]*", re.M)
_ROLES = ("system", "user", "assistant")
_NO_ROLES = {"ai", "bot", "developer", "human", "model", "tool"}  # other formats' words
_FRONT = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*\n", re.S)
_PLACEHOLDER = re.compile(r"\{\{[ \t]*text(\.strip\(\))?[ \t]*\}\}")
# What a template engine would make something else of: sent as it stands, it would be a mistake nobody sees.
_EXPRESSION = re.compile(r"\{\{[-+]?[\s\u200b]*text[\s\u200b]*(?:[|\[+~]|\.[A-Za-z]|[-+]?\}\}|(?:if|or)\b)")
_BRACES = re.compile(r"\{\{[^{}\n]{0,60}\}\}|\{%[^{}\n]{0,60}%\}")

_HEADING = re.compile(r"[^\s#*_`](?:[^\n]*[^\s*_`:：])?")

Message = dict[str, str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sampling(_Strict):
    """What is sent to the server to sample with; an unset field is not sent.

    TGI refuses `top_p` of 1 and takes at most 4 stop sequences. `stop_loops` has a server that can (vLLM) end an
    answer in which the same few words come again and again: the attempt fails as `looping`.
    """

    temperature: float = Field(default=0.2, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, lt=1)
    max_tokens: int = Field(default=1024, ge=1, le=2**30)
    stop: list[Annotated[str, Field(min_length=1)]] | None = Field(default=None, max_length=4)
    stop_loops: bool = False

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The fields that are set and decide what the model writes, as sent.

        `stop_loops` is none of them: it ends an answer that is lost, and leaves others as they are.
        """
        return self.model_dump(exclude_none=True, exclude={"stop_loops"})

    def with_max_tokens(self, max_tokens: int) -> Sampling:
        """Return the same with another budget."""
        return Sampling(**{**self.fields, "max_tokens": max_tokens, "stop_loops": self.stop_loops})


class AnswerFormat(_Strict):
    """How an answer is read.

    `text`: all of it. `code`: its fenced block. `sections`: headings, of which `text` names the one whose fenced
    block is the new text, and `grade` the one with a number in `grade_range` beside it.
    """

    format: Literal["text", "code", "sections"]
    text: str | None = None
    grade: str | None = None
    grade_range: tuple[float, float] = (1, 10)

    @model_validator(mode="after")
    def _names_its_section(self) -> AnswerFormat:
        if (self.format == "sections") != (self.text is not None):
            raise ValueError("`text` names the section of the new text: needed by `sections`, and by it alone")
        if self.grade is not None and self.format != "sections":
            raise ValueError("`grade` names a section, and only `sections` has some")
        for name in (self.text, self.grade):
            if name is not None and not _HEADING.fullmatch(name):
                raise ValueError(f"{name!r} is no heading: write its words alone, without `#`, `*` and colon")
        if self.grade_range[0] >= self.grade_range[1]:
            raise ValueError("`grade_range` is the least grade and the greatest")
        return self


class Check(_Strict):
    """What a parsed answer must pass: a filter, or a check against the source; other keys are its options.

    `name` tells two of a kind apart. `not_below_source` names a number that a filter measures: the new text must
    reach what the old one has, and the filter's own decision does not count.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    filter: str | None = None
    check: str | None = None
    name: str = Field(default="", pattern=r"^(?:[A-Za-z][A-Za-z0-9_]*)?$")
    not_below_source: str | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Check:
        if (self.filter is None) == (self.check is None):
            raise ValueError("a check has exactly one of `filter` and `check`")
        if self.check is not None and self.not_below_source is not None:
            raise ValueError("`not_below_source` goes with a filter")
        return self

    @property
    def label(self) -> str:
        """Its name in the table: `name`, else that of the filter or check."""
        return self.name or self.filter or self.check or ""

    @property
    def options(self) -> dict[str, Any]:
        """Its options, as written."""
        return self.model_extra or {}


class Prompt(_Strict):
    """A prompt as its file says it: its messages with their placeholders, and the whole file as `content`."""

    id: str
    version: int = Field(ge=1)
    about: str = ""  # what a model is asked for, for the card: what follows "asks for"
    answer: AnswerFormat
    sampling: Sampling = Sampling()
    attempts: int = Field(default=2, ge=1, le=10)
    min_characters: int = Field(default=50, ge=1)  # of the new text
    min_reply_characters: int = Field(default=1, ge=1)  # of all that the model wrote
    checks: list[Check] = Field(default_factory=list)
    messages: list[tuple[str, str]]
    content: str
    sha: str

    @field_validator("id")
    @classmethod
    def _names_a_file(cls, id: str) -> str:
        if problem := name_problem(id):
            raise ValueError(f"a prompt's id {problem}")
        return id

    @field_validator("checks")
    @classmethod
    def _have_names(cls, checks: list[Check]) -> list[Check]:
        labels = [check.label for check in checks]
        for position, label in enumerate(labels):
            if same_name(label, labels[:position]):
                raise ValueError(f"two checks are called {label!r}: give one of them another `name`")
        return checks

    @property
    def messages_sha(self) -> str:
        """Return the digest of the messages alone: what of a prompt decides its answers.

        Another answer format, another check or more attempts read the same answers in another way.
        """
        return _digest(tuple(self.messages))

    @property
    def prefill(self) -> str:
        """The beginning of the answer that is sent with the request, or nothing."""
        role, content = self.messages[-1]
        return content if role == "assistant" else ""

    def render(self, text: str) -> list[Message]:
        """Return the chat messages for one document."""
        return [{"role": role, "content": _filled(content, text)} for role, content in self.messages]


@lru_cache(maxsize=256)
def _digest(messages: tuple[tuple[str, str], ...]) -> str:
    return hashlib.sha256(orjson.dumps(messages)).hexdigest()


@lru_cache(maxsize=256)
def _parts(content: str) -> list[str | None]:
    """Return what stands between placeholders, and between two such pieces `.strip()`, or None for without it."""
    return _PLACEHOLDER.split(content)


def _filled(content: str, text: str) -> str:
    first, *others = _parts(content)
    pieces = [first or ""]
    for stripped, piece in zip(others[::2], others[1::2], strict=True):
        pieces += [text.strip() if stripped else text, piece or ""]
    return "".join(pieces)


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
        if found := _EXPRESSION.search(_PLACEHOLDER.sub("", content)):
            raise RecipeError(
                f"{found[0]!r}… is no placeholder, and nothing computes it",
                where=where,
                remedy="the document is {{ text }}, or {{ text.strip() }} without white space around it",
            )
    if not any(_PLACEHOLDER.search(content) for content in contents):
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
    if role == "assistant" and _PLACEHOLDER.search(last):
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
