"""What an LLM server says on the wire, without a socket: parsing, checks, bodies.

Text Generation Inference (TGI 3.3) is done closely, down to its plain-text 422s. vLLM, SGLang and llama.cpp's
server are thin: their pages, the form of their errors, what they do when a prompt is too long.

The tokenizer is a rule: a token is a word or a single other character, with the white space before it.
"""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

Json = dict[str, Any]
Profile = Literal["tgi", "vllm", "sglang", "llamacpp"]

ROUND = 1024  # TGI generates in rounds of so many tokens, and only the first is checked against the limits
TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])")
STATUS = {
    "validation": 422,
    "template_error": 422,
    "generation": 424,
    "overloaded": 429,
    "incomplete_generation": 500,
    "healthcheck": 503,
    "not_found": 404,
}


class Refusal(Exception):
    """Anything but a 200. `kind` is TGI's `error_type`; without one the body is plain text, or empty."""

    def __init__(
        self, kind: str, message: str = "", status: int = 0, param: str | None = None, **extra: int
    ) -> None:
        super().__init__(message)
        self.kind, self.message, self.param, self.extra = kind, message, param, extra
        self.status = status or STATUS[kind]


OVERLOADED = "Model is overloaded"
GENERATION = "Request failed during generation: Server error: CUDA out of memory"
INCOMPLETE = "Incomplete generation"
QUEUE_FULL = "The request queue is full."
ENGINE_BUSY = "The engine is currently busy and cannot accept new requests. Please try again later."
BOTH_SET = "continue_final_message and add_generation_prompt are not compatible."


def render(profile: Profile, refusal: Refusal) -> tuple[int, str, str]:
    """Say the refusal as this server would: status, content type, body."""
    status, kind, message = refusal.status, refusal.kind, refusal.message
    if profile == "tgi":
        if kind == "no_route":
            return status, "text/plain", ""
        if kind:
            return status, "application/json", dumps({"error": message, "error_type": kind})
        return status, "text/plain", message
    status = {422: 400, 424: 500, 429: 503}.get(status, status)
    if profile == "vllm" and status == 401:
        return status, "application/json", dumps({"error": "Unauthorized"})
    if profile in ("vllm", "sglang") and kind == "no_route":
        return status, "application/json", dumps({"detail": "Not Found"})
    error: Json = {"code": status, "message": message}
    if profile == "llamacpp":
        names = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
        error |= {"type": kind if refusal.extra else names.get(status, "server_error"), **refusal.extra}
    else:
        names = {400: "BadRequestError", 404: "NotFoundError", 503: "Service Unavailable"}
        param = refusal.param or ("body" if profile == "vllm" and not kind else None)
        error |= {"type": names.get(status, "InternalServerError"), "param": param}
    body = {"object": "error", **error} if profile == "sglang" else {"error": error}
    return status, "application/json", dumps(body)


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


# --- from bytes to a typed request ---

CHAT_FIELDS = {
    "messages": "a sequence",
    "model": "a string",
    "frequency_penalty": "f32",
    "max_tokens": "u32",
    "n": "u32",
    "presence_penalty": "f32",
    "seed": "u64",
    "stop": "a sequence",
    "stream": "a boolean",
    "temperature": "f32",
    "top_p": "f32",
}
BITS = {"u32": 32, "u64": 64}
CLASSES: dict[str, type] = {"a string": str, "a sequence": list, "a boolean": bool}


def parse_json(raw: bytes, content_type: str) -> Any:
    """Read a body, as strict as serde: no NaN, no lone surrogate, no other content type."""
    if content_type != "application/json":
        raise Refusal("", "Expected request with `Content-Type: application/json`", 415)
    try:
        value = json.loads(raw.decode(), parse_constant=_no_constant)
        dumps(value).encode()
    except (ValueError, RecursionError) as error:
        raise Refusal("", f"Failed to parse the request body as JSON: {error}", 400) from None
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"expected value, not {name}")


def check_chat(body: Any) -> None:
    """Refuse a chat request whose fields have the wrong types; fields nobody knows are fine."""
    if not isinstance(body, dict):
        raise _serde(f"invalid type: {_unexpected(body)}, expected struct ChatRequest")
    for name, wanted in CHAT_FIELDS.items():
        if name in body and (body[name] is not None or name in ("messages", "stream")):
            _check(name, body[name], wanted)
    for i, stop in enumerate(body.get("stop") or []):
        _check(f"stop[{i}]", stop, "a string")
    if "messages" not in body:
        raise _serde("missing field `messages`")
    for i, message in enumerate(body["messages"]):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise _serde(f"messages[{i}]: missing field `role`")
        content = message.get("content")
        text = isinstance(content, str)
        chunks = isinstance(content, list) and all(isinstance(c, dict) and "type" in c for c in content)
        if not (text or chunks or isinstance(message.get("tool_calls"), list)):
            raise _serde(f"messages[{i}]: data did not match any variant of untagged enum MessageBody")


def _check(name: str, value: Any, wanted: str) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if wanted in BITS and number and isinstance(value, int):
        if not 0 <= value < 2 ** BITS[wanted]:
            raise _serde(f"{name}: invalid value: {_unexpected(value)}, expected {wanted}")
    elif not (number and wanted == "f32") and not isinstance(value, CLASSES.get(wanted, ())):
        raise _serde(f"{name}: invalid type: {_unexpected(value)}, expected {wanted}")


def _unexpected(value: Any) -> str:
    match value:
        case None:
            return "null"
        case str():
            return f"string {dumps(value)}"
        case bool():
            return f"boolean `{dumps(value)}`"
        case int():
            return f"integer `{value}`"
        case float():
            return f"floating point `{value}`"
        case list():
            return "sequence"
    return "map"


def _serde(message: str) -> Refusal:
    text = f"Failed to deserialize the JSON body into the target type: {message} at line 1 column 1"
    return Refusal("", text, 422)


# --- from a typed request to a checked one ---


@dataclass(kw_only=True)
class Settings:
    """What the server was launched with."""

    profile: Profile = "tgi"
    model_id: str = "tgi-test/Double-70B"
    model_sha: str | None = "d0b1e" * 8
    version: str = "3.3.6-dev0"
    max_concurrent_requests: int = 128
    max_input_tokens: int = 16_384
    max_total_tokens: int = 32_768
    max_stop_sequences: int = 4
    payload_limit: int = 2_000_000
    max_queued: int | None = None  # vLLM's --max-num-queued-reqs
    goes_on: bool = True  # from a prefill; without, as with llama.cpp's --no-prefill-assistant: if told to
    stops_loops: bool = True  # a vLLM that has the field
    api_key: str | None = None


@dataclass
class Ask:
    """A chat request as the model sees it, with the prefill it goes on from; `is_closed`: its turn is closed."""

    body: Json
    prompt: str
    prompt_tokens: int
    temperature: float  # 0 is greedy
    max_tokens: int | None
    stop: list[str]
    begun: str = ""
    is_closed: bool = False


def ask_of(body: Json, template: Callable[[list[Json]], str], settings: Settings) -> Ask:
    prompt, messages = template(body["messages"]), body["messages"]
    temperature = 1.0 if body.get("temperature") is None else body["temperature"]
    begun = text_of(messages[-1]) if messages and messages[-1]["role"] == "assistant" else ""
    is_closed = bool(begun) and not goes_on(body, settings)
    if begun and not is_closed:
        prompt = prompt[: prompt.rindex(begun.strip()) + len(begun.strip())]
    elif not body.get("add_generation_prompt", True) and settings.profile == "vllm":
        prompt = prompt.removesuffix(TURN)
    stop = body.get("stop") or []
    stop = [stop] if isinstance(stop, str) else stop
    told = "" if is_closed else begun
    return Ask(body, prompt, count_tokens(prompt), temperature, body.get("max_tokens"), stop, told, is_closed)


def goes_on(body: Json, settings: Settings) -> bool:
    """Whether this server, asked so, has the model go on from the assistant's message that comes last."""
    is_told = body.get("continue_final_message") is True
    if is_told and body.get("add_generation_prompt", True) and settings.profile in ("vllm", "llamacpp"):
        raise Refusal("validation", BOTH_SET, 400)
    return is_told if settings.profile in ("vllm", "sglang") else is_told or settings.goes_on


TURN = "<|im_start|>assistant\n"


def default_template(messages: list[Json]) -> str:
    """Make one prompt of the messages (ChatML); like most templates, it needs at least one."""
    if not messages:
        raise Refusal("template_error", "Template error: undefined value (in <string>:1)")
    turns = [f"<|im_start|>{m['role']}\n{text_of(m)}<|im_end|>\n" for m in messages]
    return "".join(turns) + TURN


def no_system_template(messages: list[Json]) -> str:
    """The template of a model that knows no system role."""
    if any(m["role"] == "system" for m in messages):
        reason = "invalid operation: System role not supported (in <string>:1)"
        raise Refusal("template_error", f"Template error: {reason}")
    return default_template(messages)


def text_of(message: Json) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(str(chunk.get("text", "")) for chunk in content)


def validate(ask: Ask, settings: Settings) -> None:
    """Refuse what can't be generated, in TGI's order and words; the others look at little but the length."""
    given, limit = ask.prompt_tokens, settings.max_total_tokens
    model, wanted = ask.body.get("model"), ask.max_tokens
    if settings.profile == "tgi":
        for message in _complaints(ask, settings):
            raise Refusal("validation", f"Input validation error: {message}")
    elif settings.profile == "vllm":
        if model not in (None, settings.model_id):
            raise Refusal("not_found", f"The model `{model}` does not exist.", param="model")
        if ask.temperature < 0:
            message = f"temperature must be non-negative, got {ask.temperature}."
            raise Refusal("validation", message, param="temperature")
        if (wanted or 1) > limit:
            message = f"max_tokens={wanted} cannot be greater than max_model_len={limit}. Please request fewer."
            raise Refusal("validation", message, param="max_tokens")
        if given + (wanted or 1) > limit:
            message = (
                f"This model's maximum context length is {limit} tokens. However, you requested {wanted} output "
                f"tokens and your prompt contains at least {given} input tokens"
            )
            raise Refusal("validation", message, param="input_tokens")
    elif settings.profile == "sglang":
        if ask.temperature < 0:
            message = f"temperature must be a non-negative finite number, got {ask.temperature}."
            raise Refusal("validation", message)
        if given >= limit:
            message = f"The input ({given} tokens) is longer than the model's context length ({limit} tokens)."
            raise Refusal("validation", message)
        if given + (wanted or 1) > limit:
            message = (
                f"Requested token count exceeds the model's maximum context length of {limit} tokens. "
                f"You requested a total of {given + (wanted or 1)} tokens: {given} tokens from the input messages "
                f"and {wanted or 1} tokens for the completion. Please reduce the number of tokens"
            )
            raise Refusal("validation", message)
    elif given >= limit:
        message = (
            f"request ({given} tokens) exceeds the available context size ({limit} tokens), try increasing it"
        )
        raise Refusal("exceed_context_size_error", message, 400, n_prompt_tokens=given, n_ctx=limit)


def _complaints(ask: Ask, settings: Settings) -> Iterable[str]:
    value = {name: given for name, given in ask.body.items() if given is not None}
    if ask.temperature < 0:
        yield "`temperature` must be strictly positive"
    if value.get("presence_penalty", 0) + 2 <= 0:  # taken for a repetition penalty of x + 2
        yield "`repetition_penalty` must be strictly positive"
    if not -2 <= value.get("frequency_penalty", 0) <= 2:
        yield "`frequency_penalty` must be >= -2.0 and <= 2.0"
    if not 0 < value.get("top_p", 0.5) < 1:
        yield "`top_p` must be > 0.0 and < 1.0"
    if ask.max_tokens == 0:
        yield "`max_new_tokens` must be strictly positive"
    if len(ask.stop) > settings.max_stop_sequences:
        yield f"`stop` supports up to {settings.max_stop_sequences} stop sequences. Given: {len(ask.stop)}"
    most, total, given = settings.max_input_tokens, settings.max_total_tokens, ask.prompt_tokens
    new = min(max(0, total - given) if ask.max_tokens is None else ask.max_tokens, ROUND)
    if given + new > total:
        yield (
            f"`inputs` tokens + `max_new_tokens` must be <= {total}. "
            f"Given: {given} `inputs` tokens and {new} `max_new_tokens`"
        )
    if given > most:
        yield f"`inputs` must have less than {most} tokens. Given: {given}"


# --- from a text to a reply ---


def count_tokens(text: str) -> int:
    return sum(1 for _ in TOKEN.finditer(text))


def finish(text: str, ask: Ask, settings: Settings) -> tuple[str, str, int]:
    """Stop the text where the server would: at a stop sequence, the token budget, or the end.

    Returns the text, the finish reason by TGI's inner name, and the number of tokens (the end token counts).
    """
    tgi, room = settings.profile == "tgi", settings.max_total_tokens - ask.prompt_tokens
    budget = ask.max_tokens or room
    if budget > ROUND and tgi:  # whole rounds: 1500 asked for may become 2048
        budget = min(-(-budget // ROUND) * ROUND, room)
    found = [(at, stop) for stop in ask.stop if stop and (at := text.find(stop)) >= 0]
    reason = "eos_token"
    if found:
        at, stop = min(found)
        text, reason = text[: at + len(stop) if tgi else at], "stop_sequence"
    tokens = count_tokens(text) + (reason == "eos_token")
    if tokens < budget:
        return text, reason, tokens
    last = next(islice(TOKEN.finditer(text), budget - 1, None), None)
    return text[: last.end()] if last else text, "length", budget


def chat_completion(text: str, reason: str, tokens: int, ask: Ask, settings: Settings) -> Json:
    tgi = settings.profile == "tgi"
    if reason == "eos_token" or (reason == "stop_sequence" and not tgi):
        reason = "stop"
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": None}
    reply: Json = {
        "object": "chat.completion",
        "id": "" if tgi else f"chatcmpl-{zlib.crc32(ask.prompt.encode()):08x}",
        "created": int(time.time()),
        "model": ask.body.get("model") or settings.model_id,
        "choices": [{**choice, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": ask.prompt_tokens,
            "completion_tokens": tokens,
            "total_tokens": ask.prompt_tokens + tokens,
        },
    }
    return {**reply, "system_fingerprint": f"{settings.version}-native"} if tgi else reply


def headers_of(ask: Ask, tokens: int, queued: float, total: float) -> dict[str, str]:
    """TGI's own headers: `x-compute-time` in seconds, every other time in whole milliseconds."""
    inference = total - queued
    times = {"total-time": total, "validation-time": 0.0, "queue-time": queued, "inference-time": inference}
    return {
        "x-compute-type": "gpu+optimized",
        "x-compute-time": str(total),
        "x-compute-characters": str(len(ask.prompt)),
        **{f"x-{name}": str(int(seconds * 1000)) for name, seconds in times.items()},
        "x-time-per-token": str(int(inference * 1000 / max(tokens, 1))),
        "x-prompt-tokens": str(ask.prompt_tokens),
        "x-generated-tokens": str(tokens),
    }


def info(s: Settings) -> Json:
    """TGI's `/info`."""
    return {
        "model_id": s.model_id,
        "model_sha": s.model_sha,
        "model_pipeline_tag": "text-generation",
        "max_concurrent_requests": s.max_concurrent_requests,
        "max_best_of": 2,
        "max_stop_sequences": s.max_stop_sequences,
        "max_input_tokens": s.max_input_tokens,
        "max_total_tokens": s.max_total_tokens,
        "validation_workers": 2,
        "max_client_batch_size": 4,
        "router": "text-generation-router",
        "version": s.version,
        "sha": None,
        "docker_label": None,
    }


def models(s: Settings) -> Json:
    """`/v1/models`, where each server but TGI says how long a context it takes."""
    model: Json = {"id": s.model_id, "object": "model", "created": 0, "owned_by": s.model_id}
    if s.profile == "llamacpp":
        model |= {
            "owned_by": "llamacpp",
            "meta": {"n_ctx": s.max_total_tokens, "n_ctx_train": s.max_total_tokens},
        }
    elif s.profile != "tgi":
        model |= {"owned_by": s.profile, "root": s.model_id, "max_model_len": s.max_total_tokens, "parent": None}
    return {"object": "list", "data": [model]}


def openapi(s: Settings) -> Json:
    """Of vLLM's description of itself, what tells whether it can end loops."""
    fields: Json = {"messages": {}, "continue_final_message": {}}
    fields |= {"repetition_detection": {}} if s.stops_loops else {}
    return {"paths": {}, "components": {"schemas": {"ChatCompletionRequest": {"properties": fields}}}}


def tokenized(ask: Ask, s: Settings) -> Json:
    """vLLM's and SGLang's `/tokenize` of a chat."""
    count = ask.prompt_tokens
    return {"count": count, "max_model_len": s.max_total_tokens, "tokens": list(range(count)), "token_strs": None}


PAGES: dict[Profile, dict[str, Callable[[Settings], Json]]] = {
    "tgi": {"/info": info, "/v1/models": models},
    "vllm": {"/v1/models": models, "/version": lambda s: {"version": s.version}, "/openapi.json": openapi},
    "sglang": {
        "/v1/models": models,
        "/get_model_info": lambda s: {"model_path": s.model_id, "is_generation": True},
        "/get_server_info": lambda s: {"model_path": s.model_id, "context_length": s.max_total_tokens},
    },
    "llamacpp": {
        "/v1/models": models,
        "/props": lambda s: {
            "model_path": s.model_id,
            "total_slots": s.max_concurrent_requests,
            "default_generation_settings": {"n_ctx": s.max_total_tokens},
        },
    },
}
PROMPT_PAGES: dict[Profile, tuple[str, Callable[[Ask, Settings], Json]]] = {
    "tgi": ("/chat_tokenize", lambda ask, s: {"tokenize_response": [], "templated_text": ask.prompt}),
    "vllm": ("/tokenize", tokenized),
    "sglang": ("/tokenize", tokenized),
    "llamacpp": ("/apply-template", lambda ask, s: {"prompt": ask.prompt}),
}
"""What each server shows, asked with a chat, of the prompt that it makes of it."""
QUEUE_GAUGES: dict[Profile, tuple[str, str]] = {
    "tgi": ("tgi_queue_size", "tgi_batch_current_size"),
    "vllm": ("vllm:num_requests_waiting", "vllm:num_requests_running"),
    "sglang": ("sglang:num_queue_reqs", "sglang:num_running_reqs"),
    "llamacpp": ("llamacpp:requests_deferred", "llamacpp:requests_processing"),
}


def gauges(s: Settings, waiting: int, running: int) -> str:
    """The gauges of a queue in the Prometheus text format, labelled as the server labels them."""
    label = {"vllm": f'{{engine="0",model_name="{s.model_id}"}}', "sglang": f'{{model_name="{s.model_id}"}}'}
    values = zip(QUEUE_GAUGES[s.profile], (waiting, running), strict=True)
    return "".join(
        f"# HELP {name} Number of requests.\n# TYPE {name} gauge\n{name}{label.get(s.profile, '')} {value}.0\n"
        for name, value in values
    )
