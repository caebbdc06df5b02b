"""Prompts: messages with a place for the document, how to sample, and how an answer is read and checked.

`{{ text }}` stands for the document, `{{ text.strip() }}` for it without white space around; all else is sent
as it stands, braces included: a prompt is data, and no template runs. A last assistant message is the beginning of
the answer (prefill): the model goes on from it, and the answer is read together with it.
"""

from __future__ import annotations

import hashlib
import re
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from builder.names import name_problem, same_name

PLACEHOLDER = re.compile(r"\{\{[ \t]*text(\.strip\(\))?[ \t]*\}\}")
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
    return PLACEHOLDER.split(content)


def _filled(content: str, text: str) -> str:
    first, *others = _parts(content)
    pieces = [first or ""]
    for stripped, piece in zip(others[::2], others[1::2], strict=True):
        pieces += [text.strip() if stripped else text, piece or ""]
    return "".join(pieces)
