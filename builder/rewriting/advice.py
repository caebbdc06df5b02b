"""Which flags would have a server answer the same with less work, by what its own pages say.

Only what a page states is advised on: a server without the page gets no advice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from builder.rewriting.servers import Server
from builder.rewriting.sessions import body_of

_SECONDS = 5.0
_BYTES = 4 << 20
_FULL = 0.9  # of the KV cache in use: about here requests begin to wait, or to be put back
_COPIES = "a rewrite copies much of its document, which n-gram speculation guesses"
_CACHING = "prompts share their beginning, which is then read once"


@dataclass(frozen=True, slots=True)
class Observed:
    """What a server's pages say of its work.

    Attributes:
        advice: A line each: what to change, and why.
        cached: Share of the prompts' tokens that the prefix cache had, since the server began; None if not told.
        kv_cache_used: Share of the KV cache in use now, None if not told.
        preemptions: How often a request was put back for want of KV cache since then, None if not told.
    """

    advice: list[str] = field(default_factory=list)
    cached: float | None = None
    kv_cache_used: float | None = None
    preemptions: int | None = None


async def observe(session: aiohttp.ClientSession, server: Server) -> Observed:
    """Read the pages on which a server tells of its work."""
    match server.kind:
        case "vllm":
            return _of_vllm(_Metrics(await _text(session, server, "/metrics")))
        case "sglang":
            said = await _text(session, server, "/server_info") or await _text(session, server, "/get_server_info")
            return _of_sglang(_object(said), _Metrics(await _text(session, server, "/metrics")))
        case "llama.cpp":
            properties = _object(await _text(session, server, "/props"))
            return _of_llama_cpp(properties, _Metrics(await _text(session, server, "/metrics")))
    return Observed()


def _of_vllm(metrics: _Metrics) -> Observed:
    if not metrics:
        return Observed(["it shows no /metrics, by which the build would see how much it takes at once"])
    advice = []
    if metrics.label("vllm:cache_config_info", "enable_prefix_caching") == "False":
        advice.append(f"prefix caching is off: start it without --no-enable-prefix-caching ({_CACHING})")
    if metrics.sum("vllm:spec_decode_num_drafts_total") is None:
        flag = '--speculative-config \'{"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4}\''
        advice.append(f"it does not speculate: try {flag} ({_COPIES})")
    preemptions, used = metrics.sum("vllm:num_preemptions_total"), metrics.sum("vllm:kv_cache_usage_perc")
    if preemptions:
        advice.append(
            f"{preemptions:.0f} requests were put back for want of KV cache, and read again: lower --max-num-seqs,"
            " or give it more memory (--gpu-memory-utilization, --kv-cache-dtype fp8)"
        )
    elif used is not None and used >= _FULL:
        advice.append(f"its KV cache is {used:.0%} full: --kv-cache-dtype fp8 doubles it")
    asked, had = metrics.sum("vllm:prefix_cache_queries_total"), metrics.sum("vllm:prefix_cache_hits_total")
    return Observed(
        advice,
        had / asked if asked and had is not None else None,
        used,
        None if preemptions is None else int(preemptions),
    )


def _of_sglang(info: Mapping[str, Any], metrics: _Metrics) -> Observed:
    advice = []
    if info.get("disable_radix_cache") is True:
        advice.append(f"its radix cache is off: start it without --disable-radix-cache ({_CACHING})")
    if "speculative_algorithm" in info and not info["speculative_algorithm"]:
        advice.append(f"it does not speculate: try --speculative-algorithm NGRAM ({_COPIES})")
    if not metrics:
        advice.append("start it with --enable-metrics, by which the build sees how much it takes at once")
    return Observed(advice, kv_cache_used=metrics.sum("sglang:token_usage"))


def _of_llama_cpp(properties: Mapping[str, Any], metrics: _Metrics) -> Observed:
    advice = []
    if properties.get("total_slots") == 1:
        advice.append("it works on one request at a time: on a GPU, --parallel 8 (or more) serves as many at once")
    if not metrics:
        advice.append("start it with --metrics, by which the build sees how much it takes at once")
    return Observed(advice)


class _Metrics:
    """A page in the Prometheus text format; empty, and so false, where there is none."""

    def __init__(self, text: str) -> None:
        self._samples: list[Sample] = []
        try:
            for family in text_string_to_metric_families(text):
                self._samples += family.samples
        except ValueError:
            self._samples = []

    def __bool__(self) -> bool:
        return bool(self._samples)

    def sum(self, name: str) -> float | None:
        """Return the sum over a metric's lines, None where it has none."""
        found = [sample.value for sample in self._samples if sample.name == name]
        return sum(found) if found else None

    def label(self, name: str, label: str) -> str | None:
        """Return a label of a metric's first line."""
        return next((sample.labels.get(label) for sample in self._samples if sample.name == name), None)


async def _text(session: aiohttp.ClientSession, server: Server, path: str) -> str:
    """Return a page, an empty text where the server has none or does not show it in time."""
    try:
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        async with session.get(f"{server.url}{path}", timeout=timeout, allow_redirects=False) as response:
            content = await body_of(response, _BYTES) if response.status == 200 else None
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError):
        return ""
    return (content or b"").decode("utf-8", "replace")


def _object(text: str) -> dict[str, Any]:
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}
