"""Reading a release as its users do, in a process of its own: `load_dataset`, a row of each config.

A process of its own, for the cache that all programs share takes one directory for another of the same name, and a
stream that is left in the middle can end the process that read it (pyarrow's threads outlive the interpreter).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping

import orjson


def columns_read(
    name: str, revision: str | None, configs: Mapping[str, str]
) -> tuple[Mapping[str, list[str]], str]:
    """Return the columns of each config's first row, and the error that ended reading, if one did.

    Args:
        name: What `load_dataset` takes: a directory or a dataset on the Hub.
        revision: Of a dataset on the Hub.
        configs: For each config a split that has rows.
    """
    with tempfile.TemporaryDirectory() as cache:
        asked = orjson.dumps([name, revision, dict(configs)])
        done = subprocess.run(
            [sys.executable, "-m", "builder.release.reader"],
            input=asked,
            capture_output=True,
            env={**os.environ, "HF_DATASETS_CACHE": cache},
            check=False,
        )
    lines = (orjson.loads(line) for line in done.stdout.splitlines())
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return dict(lines), said[-1][:300] if done.returncode and said else ""


def _main() -> None:
    from datasets import load_dataset

    name, revision, configs = orjson.loads(sys.stdin.buffer.read())
    for config, split in configs.items():
        rows = load_dataset(name, config, split=split, revision=revision, streaming=True)
        sys.stdout.buffer.write(orjson.dumps([config, list(next(iter(rows), {}))]) + b"\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    _main()
