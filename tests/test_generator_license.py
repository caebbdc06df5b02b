"""The generator's licence: fetched with the generator, at the revision that answered, or there is no release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.local_hub import LocalHub
from tests.starting import Started
from tests.support import builder, write_corpus
from tests.tgi_double import TgiDouble


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as local:
        yield local


def published_by(hub: LocalHub, home: Path, tmp_path: Path, model_sha: str, **options: Any) -> Started:
    """Publish what a model with this revision wrote, without a licence file."""
    client: dict[str, Any] = {**hub.env(home)}
    recipe = write_corpus(tmp_path / "project", ("bisect.py", "colorsys.py", "fnmatch.py"), lints=False)
    with TgiDouble(model_id="meta-llama/Llama-9", model_sha=model_sha) as server:
        return builder(
            "publish", recipe, "--run", tmp_path / "run", "--to", tmp_path / "out" / "small",
            "--server", server.url, "--set", "release.license=llama3.3", **options, **client,
        )  # fmt: skip


def test_the_licence_is_that_of_the_revision_that_answered(hub: LocalHub, tmp_path: Path) -> None:
    sha = hub.put(
        "models/meta-llama/Llama-9", {"LICENSE.txt": b"The licence then.\n", "README.md": b"# A model\n"}
    )
    hub.put("models/meta-llama/Llama-9", {"LICENSE.txt": b"Another one now.\n"})
    hub.fail("503", match="GET /api/models/")
    published_by(hub, tmp_path / "home", tmp_path, sha)
    assert (tmp_path / "out/small/LICENSE").read_text() == "The licence then.\n"
    assert "Llama 3.3 Community License" in (tmp_path / "out/small/NOTICE").read_text()


@pytest.mark.parametrize("lacking", ["repository", "file", "access"])
def test_no_licence_no_release(hub: LocalHub, tmp_path: Path, lacking: str) -> None:
    sha = "0" * 40
    if lacking != "repository":
        name = "README.md" if lacking == "file" else "LICENSE"
        sha = hub.put("models/meta-llama/Llama-9", {name: b"# A model\n"})
    if lacking == "access":
        hub.gate("models/meta-llama/Llama-9")
    said = published_by(hub, tmp_path / "home", tmp_path, sha, exit_code=4 if lacking == "access" else 2).stderr
    assert "--license-file" in said and "meta-llama/Llama-9" in said
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("small*/v*"))
