"""A chat completion as servers and gateways write it: what was generated, or why it is none.

A gateway that has begun its response can't take back the 200: what went wrong then stands in the body.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from builder.rewriting.events import unframed
from builder.rewriting.generation import Generation
from builder.rewriting.sessions import words_in, words_of
from builder.text import without_bom

_CUT_SHORT = frozenset(
    {"", "abort", "aborted", "cancelled", "canceled", "error", "failed", "network_error", "server_error"}
    | {"timeout", "insufficient_system_resource"}  # DeepSeek's
)
_NUMBERS = (int, float, str)  # as servers write them; a union made for each look takes as long as reading it
_NOTHING: Mapping[str, Any] = {"content": ""}
_SYNONYMS = {
    "end_turn": "stop",  # Anthropic's and Bedrock's, as some gateways pass it on
    "max_tokens": "length",
    "max_output_tokens": "length",
    "model_length": "length",  # Mistral's, of a context that is full
    "model_context_window_exceeded": "length",
    "max_length": "length",
    "token_limit": "length",
    "limit": "length",  # of older llama.cpp, as are `eos` and `word`
    "eos": "stop",
    "word": "stop",
    "complete": "stop",  # Cohere's
    "end": "stop",
    "done": "stop",
    "finished": "stop",
    "normal": "stop",
    "stop_token": "stop",
    "content_filtered": "content_filter",
    "refusal": "content_filter",
    "guardrail_intervened": "content_filter",
    "prohibited_content": "content_filter",
    "recitation": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
}


class NoCompletion(Exception):
    """A response with status 200 that holds no answer.

    Args:
        what: What it holds instead.
        status: The status that the error in it gives, 0 where there is none.
    """

    def __init__(self, what: str, status: int = 0) -> None:
        super().__init__(what)
        self.what, self.status = what, status


def read_completion(content: bytes, kind: str) -> tuple[Generation, str | None]:
    """Read a body: JSON is the server's own, whatever its type says; a page is a proxy's.

    Args:
        content: The body.
        kind: Its content type.

    Returns:
        What was generated, and by which model, if that is told.

    Raises:
        NoCompletion: It holds none.
    """
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        said = _of_events(content, kind.partition(";")[0].strip().lower() or "no content type", error)
    if isinstance(said, dict) and not said.get("choices"):
        raise _failure(said, "its answer is not a chat completion")
    try:
        choice, usage, model = said["choices"][0], said.get("usage") or {}, said.get("model")
        reason, message = _finish_reason(choice), choice["message"]
        if reason == "content_filter" and message is None:
            message = _NOTHING
        generation = Generation(
            answer=without_bom(_text(message)),
            finish_reason="content_filter" if _is_refused(message) else reason,
            prompt_tokens=_count(usage.get("prompt_tokens")),
            completion_tokens=_count(usage.get("completion_tokens")),
        )
        return generation, model if isinstance(model, str) and model else None
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
        raise NoCompletion(f"its answer is not a chat completion ({error!r:.200})") from error


def _of_events(content: bytes, kind: str, error: orjson.JSONDecodeError) -> dict[str, Any]:
    """Return what a body says that is not JSON, but holds it in the marks of a stream.

    Raises:
        NoCompletion: It does not.
    """
    try:
        return unframed(content)
    except (ValueError, AttributeError, TypeError):
        if kind.endswith("json") and not content.lstrip().startswith(b"<"):
            raise NoCompletion(f"its answer is not JSON ({error})") from error
        raise NoCompletion(f"200, but no answer ({kind}): {words_of(content)}") from error


def _failure(said: Mapping[str, Any], what: str) -> NoCompletion:
    """Return what went wrong with a response, or with a part of it, that holds an error."""
    error = said.get("error")
    code = error.get("code") or error.get("status") if isinstance(error, dict) else said.get("code")
    status = int(code) if isinstance(code, int | str) and str(code).isdecimal() and len(str(code)) == 3 else 0
    if 400 <= status < 600:
        return NoCompletion(words_in(said), status)
    return NoCompletion(f"{what} ({words_in(said)})")


def _finish_reason(choice: Mapping[str, Any]) -> str:
    """Return why the model stopped, by the name that most servers have for it.

    Raises:
        NoCompletion: It did not: it was ended.
    """
    reason = choice.get("finish_reason")
    if isinstance(reason, dict):  # as older SGLang has it
        reason = reason["type"]
    if reason is None or (isinstance(reason, str) and reason.lower() in _CUT_SHORT):
        what = f"it ended the generation early: finish_reason {reason}"
        raise _failure(choice, what) if choice.get("error") else NoCompletion(what)
    if not isinstance(reason, str):
        raise TypeError(f"finish_reason is {type(reason).__name__}")
    name = reason.lower().removeprefix("finish_reason_").partition(":")[0].strip()  # Google's, and why behind it
    return _SYNONYMS.get(name, name)


def _is_refused(message: Mapping[str, Any]) -> bool:
    """Whether what stands in place of an answer is why there is none (OpenAI's `refusal`)."""
    return bool(message.get("refusal")) and not message.get("content")


def _text(message: Mapping[str, Any]) -> str:
    """Return what the model wrote; a thought alone as one that never closes, which is what it is.

    A server that cuts thoughts off sends them beside the answer: as `reasoning`, as `reasoning_content`, or as
    parts of another type than `text`. A model that wrote nothing, or called a tool, may have no `content` at all.
    """
    thought = message.get("reasoning") or message.get("reasoning_content")
    text = (message.get("content") if thought or "role" in message else message["content"]) or ""
    if isinstance(text, list):
        text = "".join(part["text"] for part in text if part["type"] == "text")
    if not isinstance(text, str):
        raise TypeError(f"content is {type(text).__name__}")
    return f"<think>\n{thought}" if isinstance(thought, str) and not text.strip() else text


def _count(said: object) -> int:
    """Return a number of tokens, 0 where it is not told, or none that a table could hold."""
    try:
        count = int(said or 0) if said is None or isinstance(said, _NUMBERS) else 0
    except (ValueError, OverflowError):
        return 0
    return count if 0 <= count < 2**63 else 0
