"""How many requests wait at a server and how many it works on: from its `/metrics`, or a header of its answers.

The header is ORCA's `endpoint-load-metrics`, which vLLM sends with an answer where the request asks for it. It
costs the server as much as a look at the page does: it is asked for once a look, not with every request.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
import orjson
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from builder.rewriting.servers import Server
from builder.rewriting.sessions import body_of

LOAD_WANTED = {"endpoint-load-metrics-format": "TEXT"}
"""Header of a request whose answer is to tell the load. As text: in JSON, of several engines one is left."""

_SECONDS = 5.0
_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a kind of server calls its figures. Several names: of several versions, of which a page has one."""

    waiting: str
    running: str
    used: tuple[str, ...] = ()
    preempted: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    has_zeros: bool = True  # it shows what was not used yet: a page with one of the two gauges is another's

    @property
    def names(self) -> tuple[str, ...]:
        return self.waiting, self.running, *self.used, *self.preempted, *self.written


_SGLANG = _Kind(
    "sglang:num_queue_reqs",
    "sglang:num_running_reqs",
    ("sglang:token_usage",),
    ("sglang:num_retracted_requests_total",),
    ("sglang:generation_tokens_total",),
)
_KINDS = (
    _Kind(
        "vllm:num_requests_waiting",
        "vllm:num_requests_running",
        ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"),
        ("vllm:num_preemptions_total",),
        ("vllm:generation_tokens_total",),
    ),
    _SGLANG,
    _Kind(
        "llamacpp:requests_deferred",
        "llamacpp:requests_processing",
        ("llamacpp:kv_cache_usage_ratio",),
        (),
        ("llamacpp:tokens_predicted_total",),
    ),
    _Kind("tgi_queue_size", "tgi_batch_current_size", has_zeros=False),
)
_STARTED = "process_start_time_seconds"
_NAMES = (
    _STARTED,
    "sglang_",  # as some versions write it
    *(name for kind in _KINDS for name in kind.names),
)


@dataclass(frozen=True, slots=True)
class Gauges:
    """What a server tells of its load, by all clients together.

    Attributes:
        waiting: Requests in its queue.
        running: Requests that it works on, None where that is not told.
        used: The share of its KV cache that is in use, 0 … 1; 0 where it is not told.
        preempted: How often it has ended a request for want of memory, to begin it again later.
        rising: Figures that never fall as long as it is one process that tells them.
    """

    waiting: float
    running: float | None
    used: float = 0.0
    preempted: float = 0.0
    rising: tuple[float, ...] = field(default=(), compare=False)


async def read_gauges(session: aiohttp.ClientSession, server: Server) -> Gauges | None:
    """Ask a server for its gauges; None where it has none or does not tell in time."""
    try:
        url, timeout = f"{server.url}/metrics", aiohttp.ClientTimeout(total=_SECONDS)
        async with session.get(url, timeout=timeout) as response:
            content = await body_of(response, _BYTES) if response.status == 200 else None
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError):
        return None  # it is asked again; whether the server is up is told by its answers
    return None if content is None else parse_gauges(content.decode("utf-8", "replace"), server.model.id)


def parse_gauges(text: str, model: str | None = None) -> Gauges | None:
    """Read a page in the Prometheus text format; None where it has not the gauges of a server.

    A server with several engines has a line for each; they add up, but for the cache's, of which it is the mean.
    Where one serves several models and labels its lines with `model` too, only those count. Of the page's thousand
    lines only those of the gauges are parsed: a hundredth of the time.
    """
    lines = [line for line in text.splitlines() if line.startswith(_NAMES)]
    try:
        families = text_string_to_metric_families("\n".join(lines) + "\n")
        samples = [sample for family in families for sample in family.samples if _is_counted(sample)]
    except ValueError:
        return None
    if any(sample.labels.get("model_name") == model for sample in samples):
        samples = [sample for sample in samples if sample.labels.get("model_name") in (None, model)]
    told: dict[str, list[float]] = {}
    for sample in samples:
        told.setdefault(sample.name.replace("sglang_", "sglang:", 1), []).append(sample.value)
    for kind in _KINDS:
        if kind.waiting in told and kind.running in told:
            return _gauges(kind, told)
        if not kind.has_zeros and (kind.waiting in told or kind.running in told):
            return _gauges(kind, told)
    return None


def _is_counted(sample: Sample) -> bool:
    """Whether a line adds to the others: every rank of a tensor-parallel engine may tell the same."""
    return all(sample.labels.get(rank, "0") in ("", "0") for rank in ("tp_rank", "pp_rank"))


def _gauges(kind: _Kind, told: Mapping[str, list[float]]) -> Gauges:
    used = next((told[name] for name in kind.used if name in told), [0.0])
    started = max(told.get(_STARTED, [0.0]))
    return Gauges(
        sum(told.get(kind.waiting, ())),
        sum(told.get(kind.running, ())),
        sum(used) / len(used),
        sum(sum(told.get(name, ())) for name in kind.preempted),
        (started, sum(sum(told.get(name, ())) for name in kind.written)),
    )


_IN_TEXT = re.compile(r"named_metrics\.([\w.]+)=([0-9.eE+-]+)")


def load_of(headers: Mapping[str, str]) -> Gauges | None:
    """Read ORCA's header of an answer; None where there is none, or none that tells what waits."""
    form, _, said = headers.get("endpoint-load-metrics", "").partition(" ")
    if not said:
        return None
    told: dict[str, list[float]] = {}
    try:
        pairs = orjson.loads(said)["named_metrics"].items() if form == "JSON" else _IN_TEXT.findall(said)
        for name, value in pairs:
            told.setdefault(name, []).append(float(value))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if "num_requests_waiting" not in told:
        return None
    used = told.get("kv_cache_usage_perc", [0.0])
    running = sum(told["num_requests_running"]) if "num_requests_running" in told else None
    return Gauges(sum(told["num_requests_waiting"]), running, sum(used) / len(used))
