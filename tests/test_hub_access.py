"""What the Hub's client raises, in a user's words: the same for all who ask the Hub."""

from __future__ import annotations

import httpx2
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled
from huggingface_hub.utils import hf_raise_for_status

from builder.errors import BuilderError, HubRefused, HubUnreachable, UsageError
from builder.hub_access import Asked, passes, patiently, patiently_written


def test_a_file_that_is_only_not_in_the_cache_is_not_said_to_be_missing_on_the_hub(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def request() -> None:
        try:
            raise httpx2.ConnectError("connection refused")
        except httpx2.ConnectError as error:
            raise LocalEntryNotFoundError("neither on the Hub nor in the cache") from error

    monkeypatch.setenv("BUILDER_PATIENCE", "0")
    with pytest.raises(HubUnreachable, match="connection refused") as caught:
        patiently(request, Asked("dataset", "people/texts"))
    assert passes(caught.value.__cause__ or caught.value)


@pytest.mark.parametrize(
    ("status", "said", "kind", "remedy"),
    [
        (
            429,
            "You have exceeded the rate limit for repository commits. Retry in about 1 hour",
            HubUnreachable,
            "wait",
        ),
        (403, "Private repository storage limit reached, please upgrade your plan", HubRefused, "make room"),
        (403, "Your storage patterns tripped our internal systems!", HubRefused, "make room"),
        (403, "You have no right to write", HubRefused, "see to what it says"),
        (400, "Your push was rejected because it contains too many files", UsageError, "correct what it names"),
        (400, "because an LFS pointer pointed to a file that does not exist", HubRefused, "HF_HUB_DISABLE_XET=1"),
        (402, "Payment required", HubRefused, "make room"),
        (413, "Payload Too Large", HubRefused, "make room"),
    ],
)
def test_the_hubs_own_words_are_told_whatever_its_client_puts_before_them(
    status: int, said: str, kind: type[BuilderError], remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"X-Request-Id": "Root=1", "X-Error-Message": said}
    asked = httpx2.Request("POST", "http://hub/api/datasets/org/name/commit/main")

    def request() -> None:
        answer = httpx2.Response(status, json={"error": said}, headers=headers, request=asked)
        hf_raise_for_status(answer, endpoint_name="commit")

    monkeypatch.setenv("BUILDER_PATIENCE", "0")
    with pytest.raises(kind) as caught:
        patiently_written(request, "org/name")
    assert f"{status} " in caught.value.what and said in caught.value.what
    assert "Request ID" not in caught.value.what and "does not answer" not in caught.value.what
    assert remedy in caught.value.remedy


def test_a_card_that_the_hub_refuses_is_told_with_what_is_wrong_in_it() -> None:
    def request() -> None:
        raise ValueError('Invalid metadata in README.md.\n- "license" must be one of [mit]')

    with pytest.raises(UsageError, match=r"license.* must be one of") as caught:
        patiently_written(request, "org/name")
    assert "in the recipe" in caught.value.remedy


@pytest.mark.parametrize(("status", "kind"), [(413, HubRefused), (403, HubRefused), (500, HubUnreachable)])
def test_an_upload_that_storage_refuses_is_no_bug_of_ours(
    status: int, kind: type[BuilderError], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client wraps it in a RuntimeError that only names the file."""

    def request() -> None:
        answer = httpx2.Response(status, text="Entity", request=httpx2.Request("PUT", "http://storage/lfs/1"))
        try:
            hf_raise_for_status(answer)
        except Exception as error:
            raise RuntimeError("Error while uploading 'data/train.parquet' to the Hub.") from error

    monkeypatch.setenv("BUILDER_PATIENCE", "0")
    with pytest.raises(kind, match=f"{status} "):
        patiently_written(request, "org/name")


@pytest.mark.parametrize(("status", "waits"), [(401, False), (403, False), (404, False), (503, True)])
def test_a_status_that_xet_has_in_its_words_alone_is_read_from_them(
    status: int, waits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = f"Network error: Request error: HTTP status client error ({status} Nothing), domain: http://hub/"
    tries = []

    def request() -> None:
        tries.append(1)
        raise ConnectionError(said)

    monkeypatch.setenv("BUILDER_PATIENCE", "0.6" if waits else "60")
    with pytest.raises(BuilderError) as caught:
        patiently_written(request, "org/name")
    assert (len(tries) > 1) == waits == isinstance(caught.value, HubUnreachable)
    assert waits or status == 404 or "HF_HUB_DISABLE_XET=1" in caught.value.remedy


@pytest.mark.parametrize(
    ("status", "code", "said", "remedy"),
    [
        (403, "GatedRepo", "Your request to access it is awaiting a review", "wait for its owners' answer"),
        (403, "", "Please enable access to public gated repositories in your token settings", "what it says"),
        (451, "", "Unavailable for legal reasons", "what it says"),
        (410, "", "Gone", "what it says"),
    ],
)
def test_why_a_source_is_closed_is_told_in_the_hubs_words(
    status: int, code: str, said: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"X-Error-Message": said, **({"X-Error-Code": code} if code else {})}

    def request() -> None:
        asked = httpx2.Request("GET", "http://hub/api/datasets/org/name")
        hf_raise_for_status(httpx2.Response(status, json={"error": said}, headers=headers, request=asked))

    monkeypatch.setenv("BUILDER_PATIENCE", "0")
    with pytest.raises(HubRefused) as caught:
        patiently(request, Asked("dataset", "org/name"))
    assert said in caught.value.what and remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (OfflineModeIsEnabled("offline"), HubUnreachable, "HF_HUB_OFFLINE is set"),
        (UnicodeEncodeError("ascii", "hf_ü", 3, 4, "ordinal"), HubRefused, "the token holds characters"),
        (httpx2.InvalidURL("Invalid port: 'abc'"), UsageError, "Invalid port"),
        (ValueError("Unknown scheme for proxy URL URL('socks9://x')"), UsageError, "socks9"),
        (ImportError("Using SOCKS proxy, but the 'socksio' package is not installed."), UsageError, "SOCKS"),
    ],
)
def test_settings_that_keep_the_hub_from_being_asked_are_named(
    error: Exception, kind: type[BuilderError], words: str
) -> None:
    def request() -> None:
        raise error

    with pytest.raises(kind, match=words):
        patiently(request, Asked("dataset", "a/b"))
    with pytest.raises(kind, match=words):
        patiently_written(request, "a/b")


@pytest.mark.parametrize("error", [ImportError("no module"), ValueError("another bug")])
def test_a_bug_in_what_asks_stays_one(error: Exception) -> None:
    def request() -> None:
        raise error

    with pytest.raises(type(error), match=str(error)):
        patiently(request, Asked("dataset", "a/b"))


def test_a_bug_stays_one() -> None:
    def request() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        patiently_written(request, "org/name")
