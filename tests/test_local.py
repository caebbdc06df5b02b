"""A llama.cpp that a build starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from builder.rewriting.local import find_weights, serve
from builder.rewriting.weights import SMOLLM2

KEYS = (
    "HF_TOKEN",
    "BUILDER_SERVER_KEY",
    "OPENAI_API_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "MY_COMPANYS_PASSWORD",
    "DATABASE_URL",
    "http_proxy",
)


@pytest.mark.llm
def test_it_inherits_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they are called: what it gets of the environment is listed, not what it doesn't get."""
    for name in KEYS:
        monkeypatch.setenv(name, "sekret-of-the-house")
    with serve(find_weights(SMOLLM2, print), print):
        (process,) = [path for path in Path("/proc").glob("[0-9]*") if _is_ours(path)]
        environment = (process / "environ").read_bytes()
    assert b"PATH=" in environment and b"OMP_WAIT_POLICY=passive" in environment
    assert b"sekret-of-the-house" not in environment


def _is_ours(process: Path) -> bool:
    try:
        command, status = (process / "cmdline").read_bytes(), (process / "status").read_text()
    except OSError:
        return False
    return b"builder.rewriting.local" in command and f"PPid:\t{os.getpid()}\n" in status
