"""Secrets: how many real files are found to hold one, of which kind, and CPU a file beside detect-secrets.

The files are all those of `python_files.py`, tests of their projects included. The peer runs with its plugins for
known kinds of keys alone, without those that go by a string's entropy or a variable's name.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from pathlib import Path

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings
from python_files import python_files

from builder.filters.secrets import Secrets

PEER_FILES = 500
GUESSING = {"Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector"}


def peer(texts: list[str]) -> float:
    """Return the CPU seconds a file that detect-secrets takes."""
    known: dict[str, type] = get_mapping_from_secret_type_to_class()
    names = {plugin.__name__ for plugin in known.values()} - GUESSING
    plugins = [{"name": name} for name in sorted(names)]
    with tempfile.TemporaryDirectory() as name, transient_settings({"plugins_used": plugins}):
        file, start = Path(name) / "source.py", time.process_time()
        for text in texts:
            file.write_text(text, encoding="utf-8")
            SecretsCollection().scan_file(str(file))
        return (time.process_time() - start) / len(texts)


def main() -> None:
    """Measure both and print what was found."""
    texts = [path.read_bytes().decode("utf-8", "replace") for path in python_files(10**6)]
    used = Secrets()
    start = time.process_time()
    used.prepare()
    compiled = time.process_time() - start
    start = time.process_time()
    found = [measures["kinds"] for measures in map(used.measure, texts) if measures["secrets"]]
    ours = (time.process_time() - start) / len(texts)
    theirs = peer(texts[:PEER_FILES])
    kinds = Counter(kind.rpartition(" ")[0] for kinds in found for kind in kinds.split(", "))
    mean = sum(map(len, texts)) / len(texts)
    print(
        f"{len(texts)} files of {mean:.0f} characters: {len(found)} hold a secret, {len(found) / len(texts):.2%}"
    )
    print("files by kind: " + ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()))
    print(f"CPU a file {1000 * ours:.3f} ms, detect-secrets {1000 * theirs:.2f} ms: {theirs / ours:.0f} times")
    print(f"compiling the rules, once: {compiled:.1f} CPU-s")


if __name__ == "__main__":
    main()
