"""The generator's licence: its text, from its repository on the Hub at the revision that answered, and its duties.

Llama's licences bind what a Llama wrote. Whether a generator is one, the Hub says of the model, or its id.
"""

from __future__ import annotations

import re
from pathlib import Path

from huggingface_hub import HfApi, ModelCardData, hf_hub_download

from builder.errors import HubRefused, HubUnreachable, SourceError, UsageError
from builder.hub_access import ANY_TROUBLE, Asked, patiently
from builder.release.licenses import LLAMA_LICENSES, GeneratorLicense, hub_licenses
from builder.rewriting.generation import Model

_REMEDY = "--license-file FILE gives the text; for a Llama model it is the LICENSE of its repository on the Hub"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
_LICENSE = re.compile(r"LICEN[CS]E(?:\.(?:txt|md))?", re.I)
_POLICY = re.compile(r"USE_POLICY(?:\.(?:txt|md))?", re.I)
# Llama-3.3-70B, llama3.1:8b, llama-v3p3-70b; but no open_llama_3b and no llama-34b, whose number is a size.
_NAMED = re.compile(r"llama[-_ ]?v?(4|3[.p][123]|3|2)(?![\d.]|b)", re.IGNORECASE)
_HUB_SECONDS = 10.0


def fetch_license(model: Model) -> GeneratorLicense:
    """Return the licence of a model's repository, downloaded.

    Raises:
        UsageError: The model names no repository, or one without a licence file.
        HubRefused: The repository is gated, and this account has no access.
        HubUnreachable: The Hub does not answer.
    """
    if not _REPOSITORY.fullmatch(model.id):
        raise UsageError(
            "a release must hold the generator's licence, and this model's name is no repository's on the Hub",
            where=str(model),
            remedy=_REMEDY,
        )
    asked = Asked("model", model.id, setting="", revision=model.sha)

    def fetch() -> GeneratorLicense:
        names = sorted(HfApi().list_repo_files(model.id, revision=model.sha))
        name, policy = (next(filter(pattern.fullmatch, names), None) for pattern in (_LICENSE, _POLICY))
        if name is None:
            raise UsageError(
                "the generator's repository holds no licence file", where=asked.where(), remedy=_REMEDY
            )
        return GeneratorLicense(download(name), download(policy) if policy else None)

    def download(name: str) -> Path:
        return Path(hf_hub_download(model.id, name, revision=model.sha))

    try:
        return patiently(fetch, asked)
    except (SourceError, HubRefused, HubUnreachable) as error:
        raise type(error)(
            f"the generator's licence, which must be in a release, can't be fetched: {error.what}",
            where=error.where,
            remedy=f"{error.remedy}; or {_REMEDY}",
        ) from error


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
    if llama := next((one for one in stated if one in LLAMA_LICENSES), None):
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
    if not _REPOSITORY.fullmatch(model.id):
        return None
    try:
        return HfApi().model_info(model.id, revision=model.sha, timeout=_HUB_SECONDS).card_data
    except ANY_TROUBLE:
        return None
