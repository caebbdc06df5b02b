"""A completion that comes as events though none were asked for: some servers and gateways always stream."""

from __future__ import annotations

from typing import Any

import orjson

_END = b"data: [DONE]"


def unframed(content: bytes) -> dict[str, Any]:
    """Return the completion in a body that is JSON with a stream's end behind it, or a stream of its parts.

    Raises:
        ValueError, AttributeError, TypeError: It is neither.
    """
    content = content.strip().removesuffix(_END)
    if not content.startswith((b"data:", b"event:", b"id:", b":")):
        return _joined([orjson.loads(content)])
    data = (line[len(b"data:") :] for line in content.splitlines() if line.startswith(b"data:"))
    return _joined([orjson.loads(one) for one in data])


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the completion that its parts make, or the part that says what went wrong."""
    whole: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "assistant", "content": "", "reasoning": ""}
    reason: object = None
    for part in parts:
        if part.get("error"):
            return part
        choice: dict[str, Any] = next(iter(part.get("choices") or ()), {})
        piece = choice.get("delta") or choice.get("message") or {}
        message["content"] += piece.get("content") or ""
        message["reasoning"] += piece.get("reasoning") or piece.get("reasoning_content") or ""
        reason = choice.get("finish_reason") or reason
        whole |= {name: said for name, said in part.items() if said is not None}
    return {**whole, "choices": [{"message": message, "finish_reason": reason}]}
