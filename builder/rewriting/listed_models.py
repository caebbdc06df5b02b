"""Which of the models that an address lists answers: the one there is, or the one that was chosen.

vLLM lists a base model and its LoRA adapters, or one model under several names; gateways, `transformers serve` and
llama.cpp's router list whatever they could load.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from builder.errors import ModelUnclear, ServerRefused

_NAMED = 8  # models, in an error

Listed = Mapping[str, Any]
"""A model as `/v1/models` lists it."""


def choose(
    data: Sequence[Listed], served_model: str | None, known: str | None, root: str
) -> tuple[Listed, Listed]:
    """Return the model that answers, of those that a server lists, and what it is an adapter of, else itself.

    Raises:
        ModelUnclear: There are several and none is chosen.
        ServerRefused: The one that is chosen is not among them.
    """
    listed = {one["id"]: one for one in data}
    if served_model is not None and served_model not in listed:
        raise ServerRefused(
            f"it serves no {served_model!r}, but {_names(listed)}",
            where=root,
            remedy="--served-model takes one of these names",
        )
    is_one = len(listed) == 1 or len({_identity(one) for one in data}) == 1  # routers may list each worker's
    if not is_one and served_model is None and known not in listed:
        raise ModelUnclear(
            f"it serves {len(listed)} models: {_names(listed)}",
            where=root,
            remedy="--served-model NAME says which of them answers",
        )
    chosen = listed.get(served_model or known or "", data[0])
    return chosen, listed.get(str(chosen.get("parent")), chosen)


def aliases(data: Sequence[Listed], chosen: Listed) -> frozenset[str]:
    """Return all names that a server lists for a model, and where its weights are from."""
    names = {one["id"] for one in data if _identity(one) == _identity(chosen)}
    root = None if chosen.get("parent") else chosen.get("root")
    return frozenset(names | {root} if isinstance(root, str) else names)


def _identity(listed: Listed) -> object:
    """Return what tells models apart: names that vLLM gives to the same weights are one model.

    An adapter has a parent; those of vLLM before 0.5.4 have not, but no length either.
    """
    root, length = listed.get("root"), listed.get("max_model_len")
    return (root, length) if root and length and not listed.get("parent") else listed["id"]


def _names(listed: Mapping[str, Listed]) -> str:
    names = ", ".join(list(listed)[:_NAMED])
    return names if len(listed) <= _NAMED else f"{names} and {len(listed) - _NAMED} more"
