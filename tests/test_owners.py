"""What others have put where a release goes stays there: files, front matter, words; or the release stops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from builder.release.card_merge import merge
from tests.hub_repos import File
from tests.local_hub import LocalHub
from tests.support import builder, builder_json, write_corpus
from tests.tgi_double import TgiDouble

DEST = "hf://datasets/org/small"
GATE = {"extra_gated_prompt": "Say what for.", "extra_gated_fields": {"Purpose": "text"}}
WORDS = "<!-- keep -->\n## Ours\n\nSeen by *us*.\n<!-- /keep -->\n"


class Project:
    """A built run, a Hub, and an owner with a browser."""

    def __init__(self, folder: Path, hub: LocalHub) -> None:
        self.hub, self.folder = hub, folder
        self.recipe = write_corpus(folder / "project", ("bisect.py", "tty.py", "queue.py"), lints=False)
        with TgiDouble() as server:
            builder("build", self.recipe, "--run", folder / "run", "--server", server.url)
        self.version = 0

    def arguments(self, *more: object) -> list[object]:
        license_file = self.recipe.parent / "LICENSE-generator"
        return [
            "publish",
            self.recipe,
            "--run",
            self.folder / "run",
            "--to",
            DEST,
            "--license-file",
            license_file,
            *more,
        ]

    def publish(self, *more: object) -> Any:
        """Publish another version than before: its tags are others."""
        self.version += 1
        tags = ("--set", f"release.tags=[take-{self.version}]")
        return builder_json(*self.arguments(*tags, *more), **self.env)

    def refused(self, *more: object) -> str:
        """Return what is said of a version that isn't published."""
        tags = ("--set", "release.tags=[refused]")
        return builder(*self.arguments(*tags, *more), exit_code=2, **self.env).stderr

    @property
    def env(self) -> dict[str, Any]:
        return dict(self.hub.env(self.folder))

    @property
    def tree(self) -> dict[str, File]:
        return dict(self.hub.repos["org/small"].refs["refs/heads/main"].tree)

    def read(self, path: str) -> str:
        return (self.hub.blobs / self.tree[path].sha256).read_text()

    def edit(self, **files: str | None) -> None:
        """Commit files by hand; names with `__` for a dot."""
        tree = self.tree
        for name, content in files.items():
            path = name.replace("__", ".")
            tree.pop(path, None)
            if content is not None:
                tree[path] = self.hub.file(path, content.encode())
        self.hub.commit(self.hub.repos["org/small"], "refs/heads/main", tree, "by hand")

    @property
    def card(self) -> tuple[dict[str, Any], str]:
        _, front, body = self.read("README.md").split("---\n", 2)
        return yaml.safe_load(front), body

    def write_card(self, front: dict[str, Any], body: str) -> None:
        self.edit(README__md=f"---\n{yaml.safe_dump(front)}---\n{body}")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with LocalHub() as hub:
        yield Project(tmp_path, hub)


def test_files_gate_and_words_of_an_owner_are_there_after_three_versions(project: Project) -> None:
    project.publish()
    front, body = project.card
    project.edit(TAKEDOWN__md="Two files went.\n", croissant__json="{}\n")
    words = body.replace("## Configs\n", f"## Configs\n\nSee below.\n{WORDS}").replace("See below.\n", "")
    project.write_card({**front, **GATE, "tags": [*front["tags"], "legal"], "pretty_name": "Small"}, words)
    trial = project.publish("--dry-run")
    assert sorted(trial["stays"]) == ["TAKEDOWN.md", "croissant.json"] and len(trial["card"]["kept"]) == 5
    for _ in range(3):
        told = project.publish()
        assert told["new"]
        front, body = project.card
        assert front["pretty_name"] == "Small" and GATE.items() <= front.items()
        assert front["tags"].count("legal") == 1 and f"take-{project.version}" in front["tags"]
        assert f"take-{project.version - 1}" not in front["tags"]
        assert body.count(WORDS) == 1
        assert body.index("## Configs") < body.index(WORDS) < body.index("## How it was made")
        assert project.read("TAKEDOWN.md") == "Two files went.\n" and project.read("croissant.json") == "{}\n"
    verified = builder_json("verify", f"{DEST}@v{told['version']}", **project.env)
    assert verified["version"] == told["version"]


def test_a_card_made_on_the_web_keeps_its_gate_and_is_not_written_over(project: Project) -> None:
    project.hub.put("org/small", {"README.md": f"---\n{yaml.safe_dump(GATE)}---\n".encode()})
    project.publish()
    assert GATE.items() <= project.card[0].items()
    project.hub.put("org/other", {"README.md": b"# Words\n\nWe will put a dataset here.\n"})
    to = ("--to", "hf://datasets/org/other")
    assert "We will put a dataset here" in (said := project.refused(*to)) or "# Words" in said
    assert "--overwrite" in said and "<!-- keep -->" in said
    # Before a run is begun, it is refused before anything is paid for.
    assert "what others wrote there would be lost" in project.refused(*to, "--run", project.folder / "new")
    assert not (project.folder / "new").exists()
    assert set(project.hub.repos["org/other"].refs["refs/heads/main"].tree) <= {"README.md", ".gitattributes"}
    assert project.publish(*to, "--overwrite")["new"]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        ({"LICENSE": "Mine.\n"}, "LICENSE: edited since version 1.0.0"),
        ({"prompts/tidy.md": None}, "prompts/tidy.md: taken away since version 1.0.0"),
        ({"data/default/train-more.parquet": "PAR1"}, "would be read as part of its data"),
    ],
)
def test_an_edit_that_a_version_would_undo_stops_it(
    project: Project, edit: dict[str, str | None], words: str
) -> None:
    project.publish()
    project.edit(**edit)
    before = project.tree
    assert words in project.refused()
    assert project.tree == before
    assert project.publish("--overwrite")["new"]


def test_words_outside_the_marks_and_another_licence_stop_a_version(project: Project) -> None:
    project.publish()
    front, body = project.card
    project.write_card({**front, "license": "mit"}, f"{body}\nAsk us for more.\n")
    said = project.refused()
    assert "Ask us for more." in said and "`license`" in said and "'mit'" in said


def test_another_recipe_is_refused_before_anything_is_built(project: Project) -> None:
    project.publish()
    other = project.recipe.with_name("other.yaml")
    other.write_text(project.recipe.read_text().replace("name: small", "name: other", 1))
    project.recipe = other
    arguments = project.arguments("--run", project.folder / "none", "--server", "http://127.0.0.1:9")
    said = builder(*arguments, exit_code=2, **project.env).stderr
    assert "'small'" in said and "--replaces small" in said and not (project.folder / "none").exists()


# --- the merge by itself ---

OURS = """---
tags:
- new
license: mit
---

# Title

Text.

## Load it

```
# no heading
```

## End

Of it.
"""


def section(words: str) -> str:
    return f"<!-- keep -->\n{words}\n<!-- /keep -->\n"


@pytest.mark.parametrize(
    ("theirs", "before", "after"),
    [
        (f"{section('a')}\n# Title\n", None, "# Title"),
        (f"# Title\n\n{section('a')}", "Text.", "## Load it"),
        (f"# Title\n## Load it\n{section('a')}## End\n", "# no heading\n```", "## End"),
        (f"# Title\n## Gone\n{section('a')}## End\n", "Of it.", None),
    ],
)
def test_a_section_stays_below_its_heading(theirs: str, before: str | None, after: str | None) -> None:
    once = merge(OURS, theirs, None, {}).text
    assert once.count(section("a")) == 1
    assert before is None or once.index(before) < once.index("<!-- keep -->")
    assert after is None or once.index("<!-- keep -->") < once.index(f"\n{after}")
    assert merge(OURS, once, once, {}).text == once


def test_sections_with_headings_of_their_own_keep_their_order() -> None:
    theirs = f"# Title\n{section('## A')}{section('## B')}\n## Load it\n{section('c')}"
    text = merge(OURS, theirs, None, {}).text
    assert (
        text.index("## A")
        < text.index("## B")
        < text.index("## Load it")
        < text.index("\nc\n")
        < text.index("## End")
    )
    assert merge(OURS, text, text, {}).text == text


def test_a_card_that_nobody_touched_is_replaced_whole() -> None:
    before = OURS.replace("new", "old").replace("Text.", "Other text.").replace("\n", "\r\n")
    merged = merge(OURS, before, before, {})
    assert (merged.text, merged.kept, merged.lost) == (OURS, [], [])


def test_front_matter_that_is_no_yaml_is_not_lost_unseen() -> None:
    assert "a: [" in str(merge(OURS, "---\na: [\n---\n", "", {}).lost)
