"""The generator's licence: fetched with the generator, at the revision that answered, or there is no release."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCardData

from builder.release.generator_license import llama_license
from builder.release.licenses import hub_licenses, is_in_own_words, near
from tests.local_hub import LocalHub
from tests.starting import Started
from tests.support import builder, write_corpus
from tests.tgi_double import TgiDouble


@pytest.fixture
def hub() -> Iterator[LocalHub]:
    with LocalHub() as local:
        yield local


def published_by(
    hub: LocalHub, home: Path, tmp_path: Path, model_sha: str, *more: object, **options: Any
) -> Started:
    """Publish what a model with this revision wrote, without a licence file."""
    client: dict[str, Any] = {**hub.env(home)}
    recipe = write_corpus(tmp_path / "project", ("bisect.py", "colorsys.py", "fnmatch.py"), lints=False)
    with TgiDouble(model_id="meta-llama/Llama-9", model_sha=model_sha) as server:
        return builder(
            "publish", recipe, "--run", tmp_path / "run", "--to", tmp_path / "out" / "small",
            "--server", server.url, "--set", "release.license=llama3.3", *more, **options, **client,
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


@pytest.mark.parametrize(
    ("model", "said", "license"),
    [
        ("meta-llama/Llama-3.3-70B-Instruct", None, "llama3.3"),
        ("Meta-Llama-3.1-8B-Instruct-Q4_K_M", None, "llama3.1"),
        ("accounts/some/models/llama-v3p2-3b-instruct", None, "llama3.2"),
        ("llama3.1:8b", None, "llama3.1"),
        ("llama-4-scout", None, "llama4"),
        ("meta-llama/Meta-Llama-3-8B", None, "llama3"),
        ("openlm-research/open_llama_3b", None, None),
        ("org/llama-34b-chat", None, None),
        ("TinyLlama/TinyLlama-1.1B-Chat", None, None),
        ("org/tuned", {"license": "llama3.1"}, "llama3.1"),
        ("org/tuned", {"license": "other", "license_name": "llama3"}, "llama3"),
        ("org/tuned", {"license": "mit", "base_model": ["org/x", "meta-llama/Llama-3.3-70B"]}, "llama3.3"),
        ("org/like-llama-3.1", {"license": "apache-2.0"}, None),
        ("org/Llama-3.1-tuned", {"license": "other"}, "llama3.1"),
        ("org/Llama-3.1-tuned", {}, "llama3.1"),
        ("Qwen/Qwen3-8B", {"license": "apache-2.0"}, None),
    ],
)
def test_a_llama_is_known_by_its_id_and_by_its_page(
    model: str, said: dict[str, Any] | None, license: str | None
) -> None:
    assert llama_license(model, None if said is None else ModelCardData(**said)) == license


def test_a_llama_under_another_licence_is_refused_by_its_page_whatever_the_text_given_says(
    hub: LocalHub, tmp_path: Path
) -> None:
    sha = hub.put("models/meta-llama/Llama-9", {"README.md": b"---\nlicense: llama3.1\n---\n"})
    recipe = tmp_path / "project" / "LICENSE-generator"
    said = published_by(hub, tmp_path / "home", tmp_path, sha, "--license-file", recipe, exit_code=2).stderr
    assert "write `license: llama3.1`" in said
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("small*/v*"))


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("Apache-2.0", ["apache-2.0"]),
        ("Apache 2.0", ["apache-2.0"]),
        ("CC BY-SA 4.0", ["cc-by-sa-4.0"]),
        ("Llama 3.3", ["llama3.3"]),
        ("MIT OR Apache-2.0", ["mit", "apache-2.0"]),
        ("GPL-3.0-or-later", ["gpl-3.0"]),
        ("GPL-2.0-only WITH Classpath-exception-2.0", ["gpl-2.0"]),
        ("ODC-By-1.0", ["odc-by"]),
        ("Llama3.3", ["llama3.3"]),
        ("CC-BY-4.0 AND PSF-2.0", []),
        ("other", []),
        ("each file's own, and terms", []),
        ("", []),
    ],
)
def test_licences_have_the_hubs_names(written: str, known: list[str]) -> None:
    assert hub_licenses(written) == known


@pytest.mark.parametrize(
    ("written", "is_none", "like"),
    [
        ("apche-2.0", True, "apache-2.0"),
        ("apache 2", True, "apache-2.0"),
        ("see the README", True, None),
        ("MIT OR", True, None),
        ("", True, None),
        ("CC-BY-NC-SA-2.5", False, "CC-BY-NC-SA-2.5"),
        ("GPL-2.0-or-later", False, "GPL-2.0-or-later"),
        ("LicenseRef-ours", False, None),
        ("other", False, "other"),
        ("Llama 3.3", False, "llama3.3"),
    ],
)
def test_a_licences_name_that_nobody_knows_is_told_from_one_that_the_hub_has_not(
    written: str, is_none: bool, like: str | None
) -> None:
    assert is_in_own_words(written) == is_none
    assert near(written) == like
