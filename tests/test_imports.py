"""Commands that only read a few small files start without the libraries that a build needs."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support import builder, environment, write_corpus

HEAVY = ("numpy", "pyarrow", "aiohttp", "huggingface_hub", "datasets", "pylint", "pandas")

PROGRAM = """
import sys
from builder.cli import main
try:
    main()
finally:
    loaded = sorted(set(sys.modules) & set({heavy}))
    sys.stderr.write(" ".join(loaded))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    recipe = write_corpus(folder, ("bisect.py", "keyword.py"), lints=False)
    builder("build", recipe, "--run", folder / "run", "--until", "long", "--workers", 1)
    return folder / "run"


@pytest.mark.parametrize("command", ["recipes", "status", "inspect --help", "checkpoints table"])
def test_what_a_command_does_not_use_it_does_not_import(command: str, run: Path) -> None:
    if command == "status" and version("duckdb").startswith("1."):
        pytest.skip("before 2 DuckDB imports them itself, to look at a query's parameters")
    arguments = [*command.split(), *([str(run)] if command == "status" else [])]
    program = [sys.executable, "-c", PROGRAM.format(heavy=HEAVY), *arguments]
    done = subprocess.run(program, capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout
    assert done.stderr == ""


def test_a_recipe_is_read_without_them() -> None:
    """The shipped ones need no server, no Hub and no table to be read."""
    program = "import sys; from builder.recipe_file import load_recipe; load_recipe('swallow-code')"
    code = f"{program}; print(*sorted(set(sys.modules) & set({HEAVY})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
