"""The prompts of a release: a file each, and which stage's is which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = "prompts"

Prompts = Mapping[str, Mapping[str, Any]]
"""A run's prompts by stage: id, sha256 and content."""


def prompt_paths(prompts: Prompts) -> dict[str, str]:
    """Return by stage the path of its prompt in a release: named by its id, and equal prompts are one file.

    Different ones that share an id, or whose ids differ by case alone, lie in a folder of their stage's name.
    """
    contents: defaultdict[str, set[str]] = defaultdict(set)
    for prompt in prompts.values():
        contents[prompt["id"].casefold()].add(prompt["content"])
    return {
        stage: f"{FOLDER}/{prompt['id']}.md"
        if len(contents[prompt["id"].casefold()]) == 1
        else f"{FOLDER}/{stage}/{prompt['id']}.md"
        for stage, prompt in prompts.items()
    }


def write_prompts(prompts: Prompts, folder: Path) -> None:
    """Write the prompts of a release made in `folder`."""
    for stage, path in prompt_paths(prompts).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(prompts[stage]["content"], encoding="utf-8")
