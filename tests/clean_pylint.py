"""pylint's command line as a user with nothing else installed has it: what our scores must equal."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import venv
from pathlib import Path

from builder.filters.lint import DISABLED
from builder.filters.universe import distributions


def clean_python(folder: Path) -> Path:
    """Return the interpreter of a new virtual environment that has pylint and what it needs, nothing else."""
    venv.create(folder, with_pip=False)
    packages = next((folder / "lib").glob("python3*")) / "site-packages"
    for found in distributions("pylint").values():
        for file in found.files or ():
            if ".." not in file.parts:
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(found.locate_file(file)), packages / file)
    return folder / "bin" / "python"


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
