"""What a server says that refuses a request for its length: told by fields where there are some, else by numbers.

Words differ from version to version and from gateway to gateway; the numbers in them don't: the context, what was
asked for, the prompt's tokens, the two together.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import orjson

from builder.errors import TooLong
from builder.rewriting.servers import Server
from builder.rewriting.sessions import words_of

_TYPES = {"exceed_context_size_error", "context_length_exceeded"}  # llama.cpp's; that of OpenAI and of gateways
_PARAMETERS = {"input_tokens", "input_text"}  # vLLM's
_WORDS = re.compile(
    r"context[ _](?:length|window|size|limit)|too (?:long|many tokens)|longer than|reduce the length"
    r"|(?:input|prompt)\b[^.;]{0,20} too (?:big|large)|less than \d+ tokens"
    r"|max_(?:model|seq)_len|max_num_tokens|max\w* (?:prompt|input) length|input length should be|token limit"
    r"|more than max\w* tokens|exceed[^.;]{0,40}(?:\btoken|length)|(?:\btoken|length)[^.;]{0,40}exceed"
    r"|max_(?:new_|completion_)?tokens\W+(?:must be (?:at least 1, got -|<|less)|is too large)|range of max_tokens"
    r"|超长|超限|长度.{0,4}超|超过.{0,9}(?:长度|上限)",
    re.I,
)
_OF_ELSE = re.compile(
    r"budget|quota|per (?:minute|hour|day)|concurren", re.I
)  # numbers and limits of other things
_NUMBER = re.compile(r"(?<![\w.-])\d{2,9}(?![\w-]|\.\d)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_LEAST = 16  # smaller numbers are versions, sizes of models, places in a text
_READ = 4096  # characters of what is said
_ROUND = 1024  # TGI says no more of what was asked for


def too_long(status: int, content: bytes, body: bytes, server: Server) -> TooLong | None:
    """Return what a refusal says of a request's length, None where it is not about that.

    Args:
        status: Its status.
        content: What it says.
        body: The request's body.
        server: Who refused it.
    """
    fields = _fields(content)
    is_said = bool(_TYPES & {fields.get("type"), fields.get("code")}) or fields.get("param") in _PARAMETERS
    if not (is_said or status in (400, 413, 422)):
        return None
    what = f"{status}: {words_of(content)}"
    if isinstance(prompt := fields.get("n_prompt_tokens"), int) and isinstance(limit := fields.get("n_ctx"), int):
        return TooLong(what, where=server.url, prompt_tokens=prompt, is_exact=True, limit=limit)
    words = _THOUSANDS.sub("", words_of(content, _READ))
    numbers = [number for found in _NUMBER.findall(words) if (number := int(found)) >= _LEAST]
    known = next((limit for limit in _limits(server) if limit in numbers), None)
    asked = int(orjson.loads(body).get("max_tokens") or 0)
    total = next((one + asked for one in numbers if asked and one + asked in numbers), None)
    limit, prompt, is_exact = _read(numbers, asked, known, total)
    is_by_numbers = known is not None or (total is not None and limit is not None and limit < total)
    if not (is_said or is_by_numbers or _says_so(words)):
        return None
    return TooLong(what, where=server.url, prompt_tokens=prompt, is_exact=is_exact, limit=limit)


def _says_so(words: str) -> bool:
    return bool(_WORDS.search(words)) and not _OF_ELSE.search(words)


def _fields(content: bytes) -> dict[str, Any]:
    """Return the fields of an error, in whatever a server or a gateway wraps them."""
    try:
        said = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    for wrapper in ("detail", "error"):
        if isinstance(said, dict) and isinstance(said.get(wrapper), dict):
            said = said[wrapper]
    return {key: one for key, one in said.items() if isinstance(one, str | int)} if isinstance(said, dict) else {}


def _limits(server: Server) -> list[int]:
    return [limit for limit in (server.max_total_tokens, server.max_input_tokens) if limit]


def _read(
    numbers: list[int], asked: int, known: int | None, total: int | None
) -> tuple[int | None, int | None, bool]:
    """Return the limit, the prompt's tokens, and whether these are all: what a message's numbers mean.

    Args:
        numbers: All that are in it, in order.
        asked: The tokens that the request asked for.
        known: The limit that the server states, if it is one of them.
        total: Another number and `asked` together, if that is one of them.
    """
    left = Counter(numbers)
    if total is not None:
        prompt = total - asked
        left.subtract((total, prompt, asked))
        limit = known or max((+left).keys() - {prompt, total}, default=None)
        # vLLM stops counting where it knows enough, at the first token too many.
        return limit, prompt, limit is None or total != limit + 1
    others = sorted(left.keys() - {known})
    is_shown = asked in others or min(asked, _ROUND) in others
    others = [one for one in others if one not in (asked, min(asked, _ROUND))]
    if known is None and len(others) == 2:  # the larger is the limit only where something was added to the smaller
        smaller, larger = others
        known, others = (larger, [smaller]) if is_shown and smaller + asked > larger else (smaller, [larger])
    if known is None:
        return (others[0] if len(others) == 1 else None), None, False
    if len(others) == 1:
        return known, others[0], others[0] != known + 1
    if others and others[0] > known:  # characters, say: they are too many however many tokens they are
        return known, known + 1, False
    return known, None, False
