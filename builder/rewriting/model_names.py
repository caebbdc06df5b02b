"""Whether two names are of one model: a gateway may list it by one and answer by another.

LiteLLM puts a provider before a name (`openai/NAME`, `hosted_vllm/NAME`), OpenRouter a way of routing behind it
(`NAME:free`), others a date or a revision (`NAME-2024-11-20`, `NAME@main`); llama.cpp and vLLM may say the path of
the weights. What is said of the weights themselves is no such thing: a size, a fine-tune, a quantization.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

_QUANTIZATION = re.compile(
    r"(?<![a-z0-9])(?:(?:nv|mx)?fp[468]|u?int[248]|w\da\d+|awq|gptq|bnb|hqq|exl[23]|[2-8][- ]?bits?"
    r"|i?q[1-8](?:_\w+)*)(?![a-z0-9])"
)
_SAME_WEIGHTS = re.compile(r"(?<![a-z0-9])(?:bf16|f?p?16|gguf|mlx)(?![a-z0-9])")  # by another type or format
_FILE = re.compile(r"(?:-\d{5}-of-\d{5})?\.(?:gguf|safetensors)$")
_IN_CACHE = re.compile(r"models--([^/]+?)--([^/]+)(?:/snapshots/([^/]+))?")
_DATE = re.compile(r"[-@:_]((?:19|20)\d\d-?[01]\d-?[0-3]\d)(?=$|[-@:_])")
_REVISION = re.compile(r"@([^@]+)$")
_TAG = re.compile(r":(?:\d+|[a-z]+)$")  # of the way there, or a number; Ollama's say a size, such as `:70b`
_OF_WEIGHTS = frozenset({":instruct", ":chat", ":base", ":text", ":code", ":coder", ":vision", ":thinking", ":it"})
_PROVIDERS = frozenset(
    {"azure", "azure_ai", "bedrock", "cerebras", "custom_openai", "databricks", "deepinfra", "fireworks", "groq"}
    | {"fireworks_ai", "hosted_vllm", "huggingface", "litellm_proxy", "lm_studio", "models", "nebius", "novita"}
    | {"nvidia_nim", "ollama", "ollama_chat", "openai", "openrouter", "sagemaker", "sagemaker_chat", "sambanova"}
    | {"sglang", "tgi", "together", "together_ai", "vertex_ai", "vllm", "xinference"}
)


@dataclass(frozen=True, slots=True)
class _Name:
    """What a name says: of whose model, which one, how quantized, and which version, each if told."""

    owner: str
    words: tuple[str, ...]
    quantization: frozenset[str]
    version: str


def _read(name: str) -> _Name:
    said = name.strip().lower().replace("\\", "/").rstrip("/")
    version = ""
    if cached := _IN_CACHE.search(said):
        said, version = f"{cached[1]}/{cached[2]}", cached[3] or ""
    is_path = said.startswith((".", "/", "~")) or said[1:2] == ":"
    parts = _FILE.sub("", said).split("/")
    owner = "" if is_path or len(parts) < 2 or parts[-2] in _PROVIDERS else parts[-2]
    rest = parts[-1]
    quantization = frozenset(re.sub(r"[- ]", "", found) for found in _QUANTIZATION.findall(rest))
    rest = _SAME_WEIGHTS.sub("", _QUANTIZATION.sub("", rest))
    if (tag := _TAG.search(rest)) and tag[0] not in _OF_WEIGHTS:
        rest = rest[: tag.start()]
    if dated := _DATE.search(rest):
        rest, version = _DATE.sub("", rest), dated[1].replace("-", "")
    elif revision := _REVISION.search(rest):
        rest, version = rest[: revision.start()], revision[1]
    return _Name(owner, tuple(filter(None, re.split(r"[-_:@ ]+", rest))), quantization, version)


def may_be_one(first: str, second: str) -> bool:
    """Whether two names may be of one model: neither says of the weights what the other does not."""
    one, other = _read(first), _read(second)
    if one.owner and other.owner and one.owner != other.owner:
        return False
    if one.version and other.version and one.version != other.version:
        return False
    is_same = one.words == other.words or _is_with_owner(one, other) or _is_with_owner(other, one)
    return bool(one.words) and is_same and one.quantization == other.quantization


def _is_with_owner(long: _Name, short: _Name) -> bool:
    """Whether a name says its owner as a part: `Meta-Llama-3` is `meta-llama/Llama-3`."""
    more = len(long.words) - len(short.words)
    owner = re.split(r"[-_.]", short.owner)
    return more > 0 and long.words[more:] == short.words and all(word in owner for word in long.words[:more])


def is_another(name: str, listed: Collection[str], used: Collection[str]) -> bool:
    """Whether a server that lists a model by some names, and has answered by others, has another model by now.

    What the first answer calls it, it is called: an alias has no likeness. Each name after that is like one
    before, and contradicts none.
    """
    if not used or name in used:
        return False
    is_like = name in listed or any(may_be_one(name, one) for one in (*listed, *used))
    return not is_like or any(_read(one).words == _read(name).words and not may_be_one(one, name) for one in used)
