"""What a refusal says of a request's length, in the words of servers and gateways of several years."""

from __future__ import annotations

import orjson
import pytest

from builder.errors import TooLong
from builder.rewriting.generation import Model
from builder.rewriting.servers import Server
from builder.rewriting.too_long import too_long

_REDUCE = "Please reduce the length of the messages or completion."


def refused(
    content: object, asked: int, context: int | None, status: int = 400, most_input: int | None = None
) -> TooLong | None:
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    server = Server("http://a", "openai", Model("m"), 1, context, 1, None, most_input)
    return too_long(status, body, orjson.dumps({"max_tokens": asked}), server)


def error(message: str, **more: object) -> dict[str, object]:
    return {"error": {"message": message, "type": "BadRequestError", "code": 400, **more}}


def tgi(message: str) -> dict[str, str]:
    return {"error": f"Input validation error: {message}", "error_type": "validation"}


TOLD = [
    # vLLM of 2024, of early 2025, of 2026; the last ones stop counting at the first token too many
    (
        error(
            "This model's maximum context length is 16384 tokens. However, you requested 122946 tokens (112946 in"
            f" the messages, 10000 in the completion). {_REDUCE}"
        ),
        10000, 16384, (112946, True, 16384),
    ),
    (
        error(
            "'max_tokens' or 'max_completion_tokens' is too large: 4000. This model's maximum context length is"
            " 4096 tokens and your request has 200 input tokens (4000 > 4096 - 200)."
        ),
        4000, 4096, (200, True, 4096),
    ),
    (
        error(
            "This model's maximum context length is 128000 tokens. However, you requested 65535 output tokens and"
            " your prompt contains at least 62466 input tokens, for a total of at least 128001 tokens."
        ),
        65535, 128000, (62466, False, 128000),
    ),
    (
        error(
            "This model's maximum context length is 4096 tokens. However, your prompt contains at least 4097 input"
            " tokens, which exceeds this limit even without any output tokens. (value=4097)",
            param="input_tokens",
        ),
        500, 4096, (4097, False, 4096),
    ),
    (
        error(
            "This model's maximum context length is 4096 tokens. However, your prompt contains 70000 characters"
            " (more than 65536 characters, which is the upper bound for 4096 input tokens).",
            param="input_text",
        ),
        500, 4096, (4097, False, 4096),
    ),
    (error("max_tokens must be at least 1, got -186."), 500, 4096, (None, False, None)),
    # SGLang
    (
        {"object": "error", "message": "The input (61709 tokens) is longer than the model's context length (40960"
         " tokens).", "type": "BadRequestError", "param": None, "code": 400},
        500, 40960, (61709, True, 40960),
    ),
    (
        {"message": "Requested token count exceeds the model's maximum context length of 64000 tokens. You"
         " requested a total of 71897 tokens: 7897 tokens from the input messages and 64000 for the completion."},
        64000, 64000, (7897, True, 64000),
    ),
    ({"message": "Input length (160062 tokens) exceeds the maximum allowed length (59862 tokens). Use a shorter"
      " input or enable --allow-auto-truncate. It is too long."}, 500, 131072, (160062, True, 59862)),
    # TGI shows no more than 1,024 of what was asked for
    (
        tgi("`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 3500 `inputs` tokens and 1024"
            " `max_new_tokens`"),
        2500, 4096, (3500, True, 4096),
    ),
    # llama.cpp
    (
        error("request (2031 tokens) exceeds the available context size (512 tokens), try increasing it",
              type="exceed_context_size_error", n_prompt_tokens=2031, n_ctx=512),
        100, None, (2031, True, 512),
    ),
    # gateways: another's words in their own, other numbers' signs, another language, no words at all
    (
        {"detail": error("litellm.ContextWindowExceededError: OpenAIException - This model's maximum context"
                         f" length is 13,500 tokens. However, you requested 14,032 tokens (9,936 in the messages,"
                         f" 4,096 in the completion). {_REDUCE}")},
        4096, None, (9936, True, 13500),
    ),
    (error("请求的令牌数 14032 超过上限 13500：输入 9936"), 4096, None, (9936, True, 13500)),
    (error("the request is not valid", code="context_length_exceeded"), 4096, None, (None, False, None)),
    (
        error("max_tokens is too large: 10000. This model supports at most 4096 completion tokens, whereas you"
              " provided 10000."),
        10000, None, (None, False, 4096),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("content", "asked", "context", "told"), TOLD)
def test_a_refusal_tells_the_prompts_tokens_and_the_limit(
    content: object, asked: int, context: int | None, told: tuple[int | None, bool, int | None]
) -> None:
    refusal = refused(content, asked, context)
    assert refusal is not None
    assert (refusal.prompt_tokens, refusal.is_exact, refusal.limit) == told
    assert refusal.reason == "too_long_for_context"


@pytest.mark.parametrize(
    ("words", "prompt"),
    [
        (
            "input length and `max_tokens` exceed context limit: 190000 + 5000 > 192000, decrease input length",
            190000,
        ),
        ("Input length 131393 exceeds the maximum allowed input length of 131040 tokens.", 131393),
        ("Prompt too long: 5152 tokens exceeds max_seq_len 2048 (leave room for output tokens)", 5152),
        ("Prompt length (5900) exceeds maximum input length (4096). Set log level to info", 5900),
        ("default_max_tokens (-904) = max_seq_len (4096) - prompt_len (5900)", 5900),
        ("The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).", 1196265),
        ("This model's maximum prompt length is 131072 but the request contains 537812 tokens.", 537812),
        ("`inputs` tokens + `max_new_tokens` must be <= 8193. Given: 9000 `inputs` tokens", 9000),
        ("tokens in request more than max tokens allowed", None),
        ("Range of input length should be [1, 129024]", None),
        ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", None),
        ("Prompt 超长", None),
        ("Input prompt is too big compared to KV size. Please try increasing KV size.", None),
        ("Input validation error: `inputs` must have less than 4095 tokens. Given: 5000", None),
    ],
)
def test_services_have_their_own_words_for_it(words: str, prompt: int | None) -> None:
    refusal = refused(error(words), 5000, None)
    assert refusal is not None
    assert refusal.prompt_tokens == prompt


def test_tgi_has_a_limit_for_the_prompt_alone() -> None:
    refusal = refused(tgi("`inputs` must have less than 1024 tokens. Given: 2000"), 1024, 4096, 422, 1024)
    assert refusal is not None
    assert (refusal.prompt_tokens, refusal.is_exact, refusal.limit) == (2000, True, 1024)


@pytest.mark.parametrize("body", [b"", b"<html>413 Request Entity Too Large</html>"])
def test_a_413_without_words_may_be_what_a_proxy_says_of_every_body(body: bytes) -> None:
    assert refused(body, 500, 4096, 413) is None
    assert refused(b'"length limit exceeded"', 500, 4096, 413) is not None


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (422, tgi("`temperature` must be strictly positive")),
        (422, tgi("`stop` supports up to 4 stop sequences. Given: 20")),
        (422, {"error": "Template error: undefined value (in <string>:120)", "error_type": "template_error"}),
        (400, error("Unsupported parameter: 'max_tokens' is not supported with gpt-5-2025-08-07.")),
        (400, error("Unexpected token < in JSON at position 1740")),
        (400, error("Budget has been exceeded! Current cost: 2500, Max budget: 2000")),
        (400, error("Rate limit exceeded: 100000 tokens per minute. Limit 100000, used 99800, requested 700")),
        (400, error("ExceededTokenBudget: spend of 5000 tokens exceeds the limit of 4000")),
        (400, error("Maximum number of concurrent requests (64) exceeded, by requests of any length")),
        (400, error("This endpoint is paused")),
        (400, b"<html>400 Bad Request</html>"),
        (400, b""),
        (500, error("CUDA error 719: context length of the graph is 4096")),
        (404, error("The model `m` does not exist; the context length is 4096")),
    ],
)
def test_other_refusals_are_about_something_else(status: int, content: object) -> None:
    assert refused(content, 500, 4096, status) is None
