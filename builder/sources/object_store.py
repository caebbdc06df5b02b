"""An object storage: how it is opened, which of its trouble passes, and what is said of the rest."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from builder.errors import ContentsRefused, UsageError

if TYPE_CHECKING:
    from obstore.store import S3Config

IN_FLIGHT = 256
"""Requests under way at once."""

_SIGNED_BY = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def refused(url: str, what: str, error: Exception) -> ContentsRefused:
    """Return what a user is told of a storage that refuses."""
    signed = [name for name in _SIGNED_BY if os.environ.get(name)]
    remedy = (
        f"correct or unset {signed[0]}; without AWS credentials requests are anonymous"
        if signed
        else "requests were anonymous: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or correct"
        " `source.contents` and the endpoint"
    )
    return ContentsRefused(f"{what} ({brief(error)})", where=url, remedy=remedy)


def open_store(url: str, endpoint: str | None) -> Any:  # noqa: ANN401 - one of several kinds of store
    """Return the store at an address; nothing is asked of it yet.

    Raises:
        UsageError: The package that reads it is not installed.
    """
    try:
        from obstore.store import S3Store, from_url
    except ImportError as error:
        raise UsageError(
            "reading contents from an object storage needs a package that is not installed",
            remedy="pip install 'swallow-builder[s3]'",
        ) from error
    if not url.startswith("s3://"):
        return from_url(url.rstrip("/"))
    endpoint = endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    endpoints = {"endpoint": endpoint} if endpoint else {}
    return S3Store.from_url(
        url.rstrip("/"),
        config=cast(
            "S3Config",
            {
                "region": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1",
                "skip_signature": not any(os.environ.get(name) for name in _SIGNED_BY),
                **endpoints,
            },
        ),
        client_options={
            "allow_http": bool(endpoint and endpoint.startswith("http://")),
            "connect_timeout": timedelta(seconds=10),
            "timeout": timedelta(seconds=60),
            "pool_max_idle_per_host": str(IN_FLIGHT),
        },
        retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=20)},
    )


def passes(error: BaseException) -> bool:
    """Whether trouble with the storage is of the kind that passes: no answer, a broken one, 408, 429, 5xx."""
    import obstore

    if not isinstance(error, obstore.exceptions.GenericError):
        return False
    refused = re.search(r"status code: (4\d\d)", str(error))
    return refused is None or refused.group(1) in ("408", "429")


def brief(error: BaseException) -> str:
    """Return an error in a few words: the status and the storage's code, where there are some."""
    said = " ".join(str(error).partition("Debug source")[0].split())
    status = re.search(r"status code: ([\w ]+)", said)
    code = re.search(r"<Code>(\w+)</Code>", said)
    return " ".join(found.group(1) for found in (status, code) if found) or said.rpartition(": ")[2]
