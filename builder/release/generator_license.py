"""The generator's licence and use policy, from its repository on the Hub, at the revision that answered."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx2 as httpx
import tenacity
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from builder.errors import BuilderError, HubRefused, HubUnreachable, UsageError
from builder.release.licenses import GeneratorLicense
from builder.rewriting.generation import Model
from builder.sources.hub_access import brief, passes
from builder.sources.patience import Patience

_REMEDY = "--license-file FILE gives the text; for a Llama model it is the LICENSE of its repository on the Hub"
_LICENSE = re.compile(r"LICEN[CS]E(?:\.(?:txt|md))?", re.I)
_POLICY = re.compile(r"USE_POLICY(?:\.(?:txt|md))?", re.I)


def fetch_license(model: Model) -> GeneratorLicense:
    """Return the licence of a model's repository, downloaded.

    Raises:
        UsageError: The model names no repository, or one without a licence file.
        HubRefused: The repository is gated, and this account has no access.
        HubUnreachable: The Hub does not answer.
    """
    where = f"{model.id}{f'@{model.sha}' if model.sha else ''}"
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", model.id):
        raise UsageError(
            "a release must hold the generator's licence, and this model's name is no repository's on the Hub",
            where=where,
            remedy=_REMEDY,
        )

    def fetch() -> GeneratorLicense:
        names = sorted(HfApi().list_repo_files(model.id, revision=model.sha))
        name, policy = (next(filter(pattern.fullmatch, names), None) for pattern in (_LICENSE, _POLICY))
        if name is None:
            raise UsageError("the generator's repository holds no licence file", where=where, remedy=_REMEDY)
        return GeneratorLicense(download(name), download(policy) if policy else None)

    def download(name: str) -> Path:
        return Path(hf_hub_download(model.id, name, revision=model.sha))

    try:
        found: GeneratorLicense = tenacity.Retrying(**Patience("the Hub", passes, brief).policy())(fetch)
    except (
        HfHubHTTPError,
        EntryNotFoundError,
        OfflineModeIsEnabled,
        httpx.HTTPError,
        ConnectionError,
        json.JSONDecodeError,
    ) as error:
        raise _explained(error, where) from error
    return found


def _explained(error: Exception, where: str) -> BuilderError:
    if isinstance(error, GatedRepoError):
        return HubRefused(
            "the generator's repository is gated, and its licence must be in a release",
            where=where,
            remedy=f"accept its terms on its page and log in with `hf auth login`; or {_REMEDY}",
        )
    if isinstance(error, RepositoryNotFoundError | RevisionNotFoundError | EntryNotFoundError):
        return UsageError(
            f"the generator's licence can't be fetched with it ({brief(error)})", where=where, remedy=_REMEDY
        )
    return HubUnreachable(
        f"the generator's licence can't be fetched ({brief(error)})",
        where=where,
        remedy=f"see to the connection, then run the same command; or {_REMEDY}",
    )
