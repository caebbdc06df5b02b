"""What the tests of whole runs share: a small corpus, recipes over it, and the command line as users call it."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import sysconfig
from pathlib import Path
from typing import Any

from tests.starting import Started

PROMPT = """---
id: tidy
version: 1
answer: {format: sections, text: Improved Code, grade: Evaluation}
sampling: {temperature: 0.2, top_p: 0.7, max_tokens: 8192}
attempts: 3
checks: [{filter: syntax}]
---
<!-- system -->
Answer with the headings ### Evaluation: n, ### Suggestions: and ### Improved Code: with one code block.
<!-- user -->
{{ text }}
"""

MODULES = (
    "bisect.py", "colorsys.py", "contextvars.py", "copyreg.py", "fnmatch.py", "getpass.py", "keyword.py",
    "linecache.py", "nturl2path.py", "sched.py", "stat.py", "struct.py", "tty.py", "this.py", "token.py",
    "reprlib.py", "queue.py", "shelve.py", "quopri.py", "netrc.py",
)  # fmt: skip

RECIPE = """
name: small
source: {{kind: files, path: corpus, glob: "**/*.py", shard_rows: {shard_rows}}}
stages:
  - {{name: syntax, filter: syntax}}
  - {{name: lint, filter: lint, min_score: 7.0}}
  - {{name: tidy, rewrite: tidy.md}}
  - {{name: again, rewrite: tidy.md, on_failure: keep}}
release:
  configs: {{default: again, tidied: tidy, linted: lint}}
  license: apache-2.0
  scan: []  # compiling the rules takes seconds; tests/test_scan.py looks at it
"""


LINT = ("{name: lint, filter: lint, min_score: 7.0}", "linted: lint")
LENGTH = ("{name: long, filter: length, min_characters: 200}", "long: long")


def write_corpus(folder: Path, modules: tuple[str, ...] = MODULES, *, lints: bool = True) -> Path:
    """Write a recipe and its corpus: real modules of the standard library and some files that must go.

    Where it does not matter what a filter looks at, `lints=False` has a stage `long` in place of `lint`, in a
    third of the time.
    """
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    for module in modules:
        if (stdlib / module).is_file():
            (corpus / module).write_bytes((stdlib / module).read_bytes())
    (corpus / "zz_broken.py").write_text("def broken(:\n")
    (corpus / "zz_latin.py").write_bytes(b"name = '\xe9'\n")
    (corpus / "zz_nul.py").write_bytes(b"a = 1\0\n")
    (corpus / "zz_twin.py").write_bytes((corpus / modules[0]).read_bytes())
    (folder / "tidy.md").write_text(PROMPT)
    recipe = folder / "small.yaml"
    text = RECIPE.format(shard_rows=5)
    for lint, length in zip(LINT, LENGTH, strict=True):
        text = text if lints else text.replace(lint, length)
    recipe.write_text(text)
    (folder / "LICENSE-generator").write_text("A licence.\n")
    return recipe


def command(*arguments: object) -> list[str]:
    """Return the command line that runs the tool: for tests of a start itself; `start` is ten times as fast."""
    return [sys.executable, "-m", "builder", *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    """Return an environment for the tool, without whatever the tester's own holds for it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "BUILDER_"))}
    return {**kept, "HF_HUB_OFFLINE": "1", **more}


def start(*arguments: object, first: str = "", **more: str) -> Started:
    """Start the tool, in an environment with `more` in it; `first` is Python that its process runs before."""
    return Started(list(map(str, arguments)), environment(**more), first)


def builder(*arguments: object, exit_code: int = 0, timeout: float = 250, **more: str) -> Started:
    """Run the tool and return what it said; fails the test on another exit code."""
    done = start(*arguments, **more)
    try:
        code = done.wait(timeout)
    finally:
        done.kill()
    assert code == exit_code, f"exit {code}\n{done.stdout}\n{done.stderr}"
    return done


def builder_json(*arguments: object, **more: Any) -> Any:
    """Run the tool with --json and return its result."""
    return json.loads(builder(*arguments, "--json", **more).stdout)


def digests(folder: Path, pattern: str = "**/*") -> dict[str, str]:
    """Return a digest for every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob(pattern))
        if path.is_file()
    }


def release_digests(release: Path) -> dict[str, str]:
    """Return a digest for every file of a release in a directory, but for its place, which its card names."""
    found, card = digests(release), (release / "README.md").read_text()
    manifest = json.loads((release / "manifest.json").read_text())
    assert str(release.resolve()) in card
    found["README.md"] = hashlib.sha256(card.replace(str(release.resolve()), "HERE").encode()).hexdigest()
    manifest["files"] = [file for file in manifest["files"] if file["path"] != "README.md"]
    return {**found, "manifest.json": hashlib.sha256(json.dumps(manifest).encode()).hexdigest()}
