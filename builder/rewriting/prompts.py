"""Prompts: one Markdown file each, front matter and messages, the same file that a release publishes.

A file opens with YAML front matter between `---` lines; then each message begins with a line such as
`<!-- user -->`. `{{ text }}` stands for the document. A last assistant message is the beginning of the
answer (prefill): the model goes on from it, and the answer is read together with it.
"""

from __future__ import annotations

import hashlib
import re
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import jinja2
import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from builder.errors import RecipeError
from builder.resources import folder

_MARKER = re.compile(r"^<!-- (system|user|assistant) -->$", re.M)
_FRONT = re.compile(r"\A---\n(.*?)\n---\n", re.S)

Message = dict[str, str]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Sampling(_Strict):
    """What is sent to the server to sample with; an unset field is not sent.

    TGI refuses `top_p` of 1 and takes at most 4 stop sequences.
    """

    temperature: float = Field(default=0.2, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, lt=1)
    max_tokens: int = Field(default=1024, ge=1)
    stop: list[str] | None = Field(default=None, max_length=4)

    @cached_property
    def fields(self) -> dict[str, Any]:
        """The fields that are set, as sent."""
        return self.model_dump(exclude_none=True)

    def with_max_tokens(self, max_tokens: int) -> Sampling:
        """Return the same with another budget."""
        return Sampling(**{**self.fields, "max_tokens": max_tokens})


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
    """A prompt as its file says it, with its messages as templates."""

    id: str
    version: int = Field(ge=1)
    answer: AnswerFormat
    sampling: Sampling = Sampling()
    attempts: int = Field(default=2, ge=1, le=10)
    min_characters: int = Field(default=50, ge=1)  # of the new text
    min_reply_characters: int = Field(default=1, ge=1)  # of all that the model wrote
    checks: list[Check] = Field(default_factory=list)
    messages: list[tuple[str, str]]
    sha: str

    @model_validator(mode="after")
    def _checks_have_names(self) -> Prompt:
        labels = [check.label for check in self.checks]
        if twice := {label for label in labels if labels.count(label) > 1}:
            raise ValueError(f"two checks are called {min(twice)!r}: give one of them a `name`")
        return self

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
        return [
            {"role": role, "content": _template(content).render(text=text) if "{" in content else _fixed(content)}
            for role, content in self.messages
        ]


@lru_cache(maxsize=256)
def _digest(messages: tuple[tuple[str, str], ...]) -> str:
    return hashlib.sha256(orjson.dumps(messages)).hexdigest()


@lru_cache(maxsize=256)
def _template(content: str) -> jinja2.Template:
    # The output is a chat message, not HTML: escaping would change the document.
    environment = jinja2.Environment(
        autoescape=False,  # noqa: S701
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    template = environment.from_string(content)
    template.globals = dict(template.globals)  # a `ChainMap`, which is copied for each document, takes far longer
    return template


@lru_cache(maxsize=256)
def _fixed(content: str) -> str:
    """Return a message without placeholders, rendered once for all documents."""
    return _template(content).render()


def prompt_names() -> list[str]:
    """Return the ids of the prompts that ship."""
    return sorted(path.stem for path in folder("prompts").glob("*.md"))


def prompt_path(name: str, base: Path) -> Path:
    """Return the file of a prompt: a path (ending in .md, relative to `base`) or the id of one that ships.

    Raises:
        RecipeError: There is no such prompt.
    """
    path = base / name if name.endswith(".md") else folder("prompts") / f"{name}.md"
    if not path.is_file():
        shipped = ", ".join(prompt_names())
        raise RecipeError(f"there is no prompt {name!r}", remedy=f"name a .md file, or one of: {shipped}")
    return path


def load_prompt(path: Path) -> Prompt:
    """Read a prompt file.

    Raises:
        RecipeError: The file is not a valid prompt; the message names the line or the key.
    """
    content = path.read_text(encoding="utf-8")
    front = _FRONT.match(content)
    if front is None:
        raise RecipeError("a prompt begins with front matter between two lines `---`", where=str(path))
    parts = _MARKER.split(content[front.end() :])
    messages = [(role, body.strip("\n")) for role, body in zip(parts[1::2], parts[2::2], strict=True)]
    if not messages or parts[0].strip():
        raise RecipeError(
            "after its front matter a prompt has messages, each begun by a line such as `<!-- user -->`",
            where=str(path),
        )
    try:
        fields = yaml.safe_load(front.group(1))
        prompt = Prompt(**fields, messages=messages, sha=hashlib.sha256(content.encode()).hexdigest())
        prompt.render("")
    except (ValidationError, TypeError, yaml.YAMLError, jinja2.TemplateError) as error:
        raise RecipeError(f"the prompt is not valid: {error}", where=str(path)) from error
    if not any("\0" in message["content"] for message in prompt.render("\0")):
        raise RecipeError("no message of the prompt holds {{ text }}", where=str(path))
    return prompt
