"""What a kind of server takes beside the fields that all take.

TGI and llama.cpp go on from a last message of the assistant's by themselves. Unless they are told to, vLLM closes
the turn, and the model answers nothing or begins anew; SGLang makes it a message of the user's. Fields that only
some servers know go only to a server that is known to take them (see `capabilities`): a gateway may refuse them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_TOLD: Mapping[str, Any] = {"add_generation_prompt": False, "continue_final_message": True}
_NO_THOUGHT: Mapping[str, Any] = {"chat_template_kwargs": {"enable_thinking": False}}

PREFILL: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "vllm": (_TOLD,),
    "sglang": ({"continue_final_message": True},),
    "tgi": ({},),
    "llama.cpp": ({}, _TOLD, {**_TOLD, **_NO_THOUGHT}),
    "openai": (_TOLD, {}),
}
"""By kind of server the fields that may have it go on from a prefill, in the order in which to try them.

llama.cpp refuses a prefill with a model that thinks unless thinking is off, and with `--no-prefill-assistant`
wants to be told.
"""

LOOPS: Mapping[str, Any] = {
    "repetition_detection": {"min_pattern_size": 16, "max_pattern_size": 31, "min_count": 8}
}
"""vLLM's `repetition_detection`: 1 to 31 tokens that came again for at least 128.

A loop of fewer than 16 tokens is one of 16 to 31, too. vLLM compares in Python, for each size in this range with
each token of each request: a wider range would cost more than most loops do.
"""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is sent to a server beside the fields that all take.

    Attributes:
        prefill: Sent with a last message of the assistant's, so that the model goes on from it.
        loops: Sent where the sampling wants loops ended.
    """

    prefill: Mapping[str, Any] = field(default_factory=dict)
    loops: Mapping[str, Any] = field(default_factory=dict)


PLAIN = Dialect()
"""The fields that all take, alone."""
