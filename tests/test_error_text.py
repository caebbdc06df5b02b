"""Errors' words in a run's table: the same for the same cause, whenever and wherever it was met."""

from __future__ import annotations

import pytest

from builder.rewriting.error_text import lasting


@pytest.mark.parametrize(
    ("once", "again"),
    [
        ("no answer for 123 s", "no answer for 9 s"),
        ("timed out after 60.5 seconds", "timed out after 61 seconds"),
        (
            "Cannot connect to host gpu-1:8080 ssl:default [Connect call failed ('10.0.0.7', 8080)]",
            "Cannot connect to host gpu-22:80 ssl:default [Connect call failed ('10.0.0.17', 80)]",
        ),
        (
            "Cannot connect to host ::1:8080 ssl:default [Connect call failed ('::1', 8080, 0, 0)]",
            "Cannot connect to host ::1:8081 ssl:default [Connect call failed ('::1', 8081, 0, 0)]",
        ),
        ("500: request chatcmpl-8f3ab2c9d0e14f aborted", "500: request chatcmpl-1c3ab2c9d0e14a aborted"),
        (
            "502: upstream http://node7.cluster:8000/v1 at 2026-11-27T10:00:01Z",
            "502: upstream http://node9.cluster:8000/v1 at 2026-11-28T23:59:59.123+01:00",
        ),
        (
            "trace 3f2504e0-4f89-11d3-9a0c-0305e82c3301, <Engine object at 0x7f2a80c0>",
            "trace 9c858901-8a57-4791-81fe-4c455b099bc9, <Engine object at 0x7f9b00d1>",
        ),
        (
            "Fri, 27 Nov 2026 10:11:12 GMT: Ray ID 8e9c1f2ab3d4c5e6",
            "Mon, 30 Nov 2026 10:11:13 GMT: Ray ID 1a9c1f2ab3d4c5e7",
        ),
        ("created 1764240000", "created 1764240777.25"),
    ],
)
def test_what_varies_is_left_out(once: str, again: str) -> None:
    assert lasting(once) == lasting(again) != once


@pytest.mark.parametrize(
    "said",
    [
        "400: This model's maximum context length is 4096 tokens. However, you requested 5000.",
        "422: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 1800 `inputs` tokens",
        "its answer is not JSON (unexpected end of data: line 1 column 2048 (char 2047))",
        "its answer is longer than 8 MiB",
        "400: {'type': 'exceed_context_size_error', 'n_prompt_tokens': 2031, 'n_ctx': 512}",
        "424: Request failed during generation: Server error: CUDA out of memory",
    ],
)
def test_causes_stay_as_they_are(said: str) -> None:
    assert lasting(said) == said


def test_it_is_cut() -> None:
    assert len(lasting("word " * 200)) == 300
