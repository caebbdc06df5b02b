"""Special tokens of chat templates, such as `<|eot_id|>`: no text sent to a model holds one, no answer taken."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

_ANGLED = (
    r"<\|[^|<>\s]{1,64}\|>"  # Llama 3, Qwen, Phi, GPT
    r"|<｜[^｜<>\s]{1,64}｜>"  # DeepSeek
    r"|<(?:(?:start|end)_of_turn|bos|eos|/?s)>"  # Gemma, Mistral, Llama 2
    r"|<</?SYS>>"  # Llama 2
)
_SQUARE = r"\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS)\]"  # Mistral
_SPECIAL = re.compile(f"{_ANGLED}|{_SQUARE}")
"""What chat templates are made of, as the models' tokenizer files list it."""
_BY_BEGINNING = re.compile(_ANGLED), re.compile(_SQUARE)
"""Two searches, each for one beginning, take a fraction of the time of one search for both."""


def holds_special_token(text: str) -> bool:
    """Whether there is one in it."""
    return any(special.search(text) for special in _BY_BEGINNING)


def neutralise(text: str) -> tuple[str, int]:
    """Return the text with special tokens such as `<|im_end|>` broken up, and how many there were.

    A server's chat template would read them as the end of the message. Which model answers, the text doesn't tell:
    those of all families are broken up.
    """
    if not holds_special_token(text):
        return text, 0
    return _SPECIAL.subn(lambda token: f"{token[0][0]} {token[0][1:-1]} {token[0][-1]}", text)


def count_special_tokens(texts: pa.ChunkedArray[pa.StringScalar]) -> dict[int, int]:
    """Return how many each text holds, by its place; those without are left out."""
    import pyarrow.compute as pc

    # Arrow's `\s` is ASCII's: it may find more than there are, never fewer.
    searched = [pc.match_substring_regex(texts, special.pattern) for special in _BY_BEGINNING]
    suspected = enumerate(pc.or_(*searched).to_pylist())
    counts = {place: neutralise(str(texts[place]))[1] for place, is_one in suspected if is_one}
    return {place: count for place, count in counts.items() if count}
