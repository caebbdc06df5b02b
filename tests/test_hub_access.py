"""What the Hub's client raises, in a user's words: the same for all who ask the Hub."""

from __future__ import annotations

import httpx2
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from builder.errors import HubUnreachable
from builder.hub_access import Asked, passes, patiently


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
