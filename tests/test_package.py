"""An installed wheel works from any folder: recipes, prompts, cards and records are in it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import environment

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(ROOT)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def run(installed: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "builder", *arguments],
        capture_output=True,
        text=True,
        cwd=installed.parent,
        env=environment(PYTHONPATH=str(installed)),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_carries_what_it_needs(installed: Path) -> None:
    where = subprocess.run(
        [
            sys.executable,
            "-c",
            "import builder, builder.resources as r; print(builder.__file__, r.folder('prompts'))",
        ],
        capture_output=True,
        text=True,
        cwd=installed.parent,
        env=environment(PYTHONPATH=str(installed)),
        check=True,
    ).stdout
    assert where.count(str(installed)) == 2, where
    listed = run(installed, "recipes")
    for name in ("demo", "swallow-code", "swallow-code-paper", "swallow-math"):
        assert name in listed
        assert f"name: {name}" in run(installed, "recipes", name)
    found = json.loads(run(installed, "explain", "swallow-code", __file__, "--json"))
    assert [item["stage"] for item in found] == ["syntax", "lint"]
    assert json.loads(run(installed, "checkpoints", "table", "--json"))
    assert (installed / "builder" / "_data" / "cards" / "dataset.md.jinja").is_file()
    assert len(list((installed / "builder" / "recipes" / "demo-pages").iterdir())) >= 5


@pytest.mark.parametrize(
    "command", ["recipes", "build", "status", "publish", "verify", "inspect", "explain", "servers", "checkpoints"]
)
def test_every_command_teaches_itself(installed: Path, command: str) -> None:
    said = run(installed, command, "--help")
    assert "Usage: python -m builder " + command in said
    assert len(said.splitlines()) > 5
