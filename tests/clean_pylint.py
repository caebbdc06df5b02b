"""pylint's command line as a user with nothing else installed has it: what our scores must equal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

from builder.filters.lint import DISABLED

CONSTRAINTS = Path(__file__).parent.parent / "constraints.txt"


def clean_python(folder: Path) -> Path:
    """Return the interpreter of a new virtual environment that has pylint and what it needs, nothing else."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet"]
    subprocess.run([*pip, f"--constraint={CONSTRAINTS}", f"pylint=={version('pylint')}"], check=True)
    return python


def printed_score(python: Path, text: str, folder: Path) -> float | None:
    """Return the rating that the command line prints for a text, in an empty folder; None where it prints none."""
    folder.mkdir(parents=True)
    (folder / "source.py").write_text(text, encoding="utf-8", newline="")
    command = [str(python), "-m", "pylint", "--persistent=n", f"--disable={','.join(DISABLED)}", "source.py"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "LANG": "C.UTF-8"}
    run = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, errors="replace"
    )
    rating = re.findall(r"^Your code has been rated at (-?[\d.]+)/10", run.stdout, re.M)
    return float(rating[-1]) if rating else None
