"""The notebooks run top to bottom on a release made here, and are committed without what they showed."""

from __future__ import annotations

import base64
import io
import json
import re
import sys
import sysconfig
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pyarrow.parquet as pq
import pytest
from matplotlib.image import imread
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.support import builder
from tests.tgi_double import TgiDouble

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXPLORE = ROOT / "notebooks" / "01-explore-a-release.ipynb"

# Several shards, drops in three ways, a stage that is not meant for every document; no config is named
# after a stage, as a notebook must not count on it.
RECIPE = """
name: small
source:
  kind: files
  path: "{stdlib}"
  glob: [argparse.py, bisect.py, colorsys.py, copyreg.py, fnmatch.py, getpass.py, keyword.py, linecache.py,
         sched.py, stat.py, struct.py, tty.py]
  max_bytes: 20000
  shard_rows: 4
stages:
  - {name: compiles, filter: syntax}
  - {name: first, rewrite: prompt.md}
  - {name: second, rewrite: prompt.md, on_failure: keep, where: {file: [bisect.py, stat.py, struct.py]}}
release: {configs: {rewritten: first, twice: second}, license: apache-2.0}
"""
PROMPT = """---
id: small
version: 1
answer: {format: sections, text: Improved Code, grade: Evaluation}
sampling: {temperature: 0.2, top_p: 0.7, max_tokens: 8192}
attempts: 2
checks: [{filter: syntax}]
---
<!-- system -->
Give
### Evaluation: n
### Improved Code:
<!-- user -->
{{ text }}
"""


@dataclass(frozen=True)
class Made:
    """A release and its run, where `publish demo` would leave them in a repository at `home`."""

    home: Path

    @property
    def release(self) -> Path:
        return self.home / "releases" / "demo"

    @property
    def run(self) -> Path:
        return self.home / "runs" / "demo"

    def ledger(self) -> list[dict[str, Any]]:
        manifest = json.loads((self.release / "manifest.json").read_text(encoding="utf-8"))
        ledger: list[dict[str, Any]] = manifest["content"]["ledger"]
        return ledger

    def execute(self, notebook: NotebookNode, folder: Path, **environment: Path) -> NotebookNode:
        """Run a notebook's cells in this interpreter, in `folder`, offline, with caches of its own."""
        kernel = self.home / "jupyter" / "kernels" / "python3"
        kernel.mkdir(parents=True, exist_ok=True)
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": "Python 3", "language": "python"}
        (kernel / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
        folder.mkdir(exist_ok=True)
        settings = {
            "HF_HOME": self.home / "hf",
            "HF_DATASETS_CACHE": self.home / "hf" / "datasets",
            "HF_HUB_OFFLINE": "1",
            "IPYTHONDIR": self.home / "ipython",
            "JUPYTER_PATH": self.home / "jupyter",
            "JUPYTER_RUNTIME_DIR": self.home / "jupyter" / "runtime",
            **environment,
        }
        with pytest.MonkeyPatch.context() as patch:
            for name in ("RELEASE", "RUN"):
                patch.delenv(name, raising=False)
            for name, value in settings.items():
                patch.setenv(name, str(value))
            resources = {"metadata": {"path": str(folder)}}
            NotebookClient(
                notebook, timeout=120, kernel_name="python3", resources=resources, shutdown_kernel="immediate"
            ).execute()
        return notebook


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    made = Made(tmp_path_factory.mktemp("notebooks"))
    recipe, license_file = made.home / "recipe.yaml", made.home / "LICENSE.txt"
    recipe.write_text(RECIPE, encoding="utf-8")
    (made.home / "prompt.md").write_text(PROMPT, encoding="utf-8")
    license_file.write_text("a licence\n", encoding="utf-8")
    command = ["publish", recipe, "--run", made.run]
    command += ["--to", made.release, "--license-file", license_file, "--workers", "2"]
    with TgiDouble() as server:
        server.fault("length", match="def unix_getpass")
        server.fault("empty", match="def setcbreak")
        builder(*command, "--server", server.url)
    return made


@pytest.fixture(scope="module")
def shown(made: Made) -> dict[Path, NotebookNode]:
    """The notebooks after their last cells, told by the environment where the release is."""
    # Run in a folder from which the default paths lead nowhere.
    return {path: made.execute(read(path), made.home, RELEASE=made.release, RUN=made.run) for path in NOTEBOOKS}


def read(path: Path) -> NotebookNode:
    notebook: NotebookNode = nbformat.read(path, as_version=nbformat.NO_CONVERT)  # type: ignore[no-untyped-call]
    return notebook


def outputs(notebook: NotebookNode, cell_id: str, kind: str) -> list[str]:
    """What one cell showed, of one MIME type; `stdout` is what it printed."""
    (cell,) = [cell for cell in notebook.cells if cell.id == cell_id]
    if kind == "stdout":
        return [output.text for output in cell.outputs if output.get("name") == kind]
    return [output.data[kind] for output in cell.outputs if kind in output.get("data", {})]


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_committed_without_outputs(path: Path) -> None:
    notebook = read(path)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in code_cells(notebook):
        assert cell.outputs == [] and cell.execution_count is None, f"clear the outputs of cell {cell.id}"


def test_every_notebook_runs_top_to_bottom(shown: dict[Path, NotebookNode]) -> None:
    assert EXPLORE in shown
    for path, notebook in shown.items():
        counts = [cell.execution_count for cell in code_cells(notebook)]
        assert counts == list(range(1, len(counts) + 1)), path
        # A warning on stderr is a flaw that a reader sees first; the font cache is matplotlib's own affair.
        warned = [o.text for c in code_cells(notebook) for o in c.outputs if o.get("name") == "stderr"]
        assert not [text for text in warned if "Warning" in text], path


def test_the_release_has_what_the_notebooks_are_to_show(made: Made) -> None:
    ledger = made.ledger()
    assert [sum(stage["dropped"].values()) for stage in ledger] == [1, 0, 2, 0]
    assert len({reason for stage in ledger for reason in stage["dropped"]}) == 3
    assert [stage["passed_by"] for stage in ledger] == [0, 0, 0, 6]
    assert len(list((made.run / "shards").glob("*.parquet"))) == 3


def test_funnel_and_lengths_are_drawn(shown: dict[Path, NotebookNode]) -> None:
    # Paper, what is kept, what the stage is not meant for, and the three reasons; paper and the two configs.
    for cell, areas in (("funnel", 6), ("lengths", 3)):
        (image,) = outputs(shown[EXPLORE], cell, "image/png")
        pixels = imread(io.BytesIO(base64.b64decode(image)), format="png")
        _, counts = np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0, return_counts=True)
        assert (counts > counts.sum() / 500).sum() >= areas, cell


def test_reasons_are_the_ledgers(made: Made, shown: dict[Path, NotebookNode]) -> None:
    (table,) = outputs(shown[EXPLORE], "reasons", "text/plain")
    rows = {tuple(line.split()[1:4]) for line in table.splitlines()[1:]}
    assert rows == {(of["name"], why, str(n)) for of in made.ledger() for why, n in of["dropped"].items()}
    (drops,) = outputs(shown[EXPLORE], "drops", "text/html")
    assert all(f"<td>{file}</td>" in drops for file in ("argparse.py", "getpass.py", "tty.py"))


def test_documents_are_shown_before_and_after(made: Made, shown: dict[Path, NotebookNode]) -> None:
    assert outputs(shown[EXPLORE], "pairs", "stdout") == ["12 pairs of texts\n"]
    documents = outputs(shown[EXPLORE], "document", "text/html")
    assert len(documents) == 2
    for document, config, marks in zip(documents, ("rewritten", "twice"), (1, 2), strict=True):
        id, before, after = re.fullmatch(  # type: ignore[union-attr]
            rf"<b>{config}: (\S+)</b>.*<pre[^>]*>(.*)</pre>.*<pre[^>]*>(.*)</pre>.*", document, re.DOTALL
        ).groups()
        source = (Path(sysconfig.get_paths()["stdlib"]) / id).read_text(encoding="utf-8")
        assert unescape(before) == "\n".join(source.splitlines()[:60])
        # The server marks each rewriting with one line on top.
        assert unescape(after).splitlines()[marks:] == source.splitlines()[: 60 - marks]
        assert all(line.startswith("# rewritten ") for line in after.splitlines()[:marks])


def test_streaming_gives_the_rows_of_the_release(made: Made, shown: dict[Path, NotebookNode]) -> None:
    rows = pq.read_table(made.release / "data" / "rewritten").slice(0, 3).to_pylist()
    assert outputs(shown[EXPLORE], "stream", "stdout") == ["".join(f"{r['id']} {len(r['text'])}\n" for r in rows)]


def test_by_default_the_demo_is_explored(made: Made) -> None:
    notebook = read(EXPLORE)
    notebook.cells = notebook.cells[:2]
    printed = "".join(outputs(made.execute(notebook, made.home / "notebooks"), "paths", "stdout"))
    assert f"{made.release.resolve()}\n" in printed and f"{made.run}\n" in printed
