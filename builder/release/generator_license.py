"""The generator's licence, fetched from the generator's repository on the Hub, at the revision that answered."""

from __future__ import annotations

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
from builder.rewriting.servers import Model
from builder.sources.hub_files import brief, passes
from builder.sources.patience import Patience

_REMEDY = "--license-file FILE gives the text; for a Llama model it is the LICENSE of its repository on the Hub"
_NAMES = re.compile(r"(?:LICEN[CS]E)(?:\.(?:txt|md))?", re.I)


def fetch_license(model: Model) -> Path:
    """Return the licence file of a model's repository, downloaded.

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

    def fetch() -> Path:
        names = HfApi().list_repo_files(model.id, revision=model.sha)
        name = next((name for name in sorted(names) if _NAMES.fullmatch(name)), None)
        if name is None:
            raise UsageError("the generator's repository holds no licence file", where=where, remedy=_REMEDY)
        return Path(hf_hub_download(model.id, name, revision=model.sha))

    try:
        found: Path = tenacity.Retrying(**Patience("the Hub", passes, brief).policy())(fetch)
    except (HfHubHTTPError, EntryNotFoundError, OfflineModeIsEnabled, httpx.HTTPError, ConnectionError) as error:
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
