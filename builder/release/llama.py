"""Whether a generator is a Llama, and under which licence: by what the Hub says of the model, and by its id."""

from __future__ import annotations

import re

import httpx2 as httpx
from huggingface_hub import HfApi, ModelCardData
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from builder.errors import UsageError
from builder.release.hub_licenses import hub_licenses
from builder.rewriting.generation import Model

_LICENSES = ("llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4")
# Llama-3.3-70B, llama3.1:8b, llama-v3p3-70b; but no open_llama_3b and no llama-34b, whose number is a size.
_NAMED = re.compile(r"llama[-_ ]?v?(4|3[.p][123]|3|2)(?![\d.]|b)", re.IGNORECASE)
_HUB_SECONDS = 10.0


def refuse_another_license(license: str, model: Model) -> None:
    """Stop where a Llama wrote texts that are to be released under another licence than its own.

    Args:
        license: The release's, as the recipe says.
        model: The generator.

    Raises:
        UsageError: So it is.
    """
    found = llama_license(model.id, _metadata(model))
    if found is not None and found not in hub_licenses(license):
        raise UsageError(
            f"the generator {model.id} is under the Hub's {found!r}, the release under {license!r}",
            remedy=f"write `license: {found}` under `release`: its duties come with what the model wrote",
        )


def llama_license(model: str, metadata: ModelCardData | None) -> str | None:
    """Return the Hub's identifier of the Llama licence that a model is under, None where it is under none.

    Args:
        model: Its id.
        metadata: What its page on the Hub says, None where it has none or can't be asked. It decides over the id:
            a model's own words over what its name looks like, but not over that of the model it was made from.
    """
    if metadata is None:
        return _named(model)
    stated = [str(metadata.license or "").lower(), str(metadata.get("license_name") or "").lower()]
    if llama := next((one for one in stated if one in _LICENSES), None):
        return llama
    bases = metadata.base_model or []
    for base in [bases] if isinstance(bases, str) else bases:
        if llama := _named(base):
            return llama
    return _named(model) if stated[0] in ("", "other", "unknown") else None


def _named(model: str) -> str | None:
    found = _NAMED.search(model)
    return f"llama{found[1].lower().replace('p', '.')}" if found else None


def _metadata(model: Model) -> ModelCardData | None:
    """Return what the Hub says of a model, asked once; None where there is no such page or no answer."""
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", model.id):
        return None
    try:
        return HfApi().model_info(model.id, revision=model.sha, timeout=_HUB_SECONDS).card_data
    except (HfHubHTTPError, OfflineModeIsEnabled, httpx.HTTPError, ConnectionError, ValueError):
        return None
