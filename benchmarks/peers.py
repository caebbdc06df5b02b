"""Peers that need packages of their own: a virtual environment each, made once, below the user's cache."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs

DATATROVE = "datatrove==0.10.1 httpx==0.28.1 orjson==3.13.0 xxhash==4.1.0 aiosqlite==0.22.1 aiofiles==25.1.0"


def peer_python(requirements: str) -> str | None:
    """Return the Python that has these packages; None, said aloud, where they can't be installed."""
    name = requirements.split()[0].replace("==", "-")
    folder = platformdirs.user_cache_path("swallow-builder") / "peers" / name
    python = folder / "bin" / "python"
    if not (folder / "ready").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", *requirements.split()]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"left out: {name} can't be installed ({done.stderr.strip().splitlines()[-1]})")
            return None
        (folder / "ready").touch()
    return str(python)


def here(script: str) -> str:
    """Return a script's path beside this one."""
    return str(Path(__file__).with_name(script))
