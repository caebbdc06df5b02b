"""What the Hub says of a card's front matter and of a push, in the words that users of the real one report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

LICENSES = """
    apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0
    bigcode-openrail-m afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc
    cc0-1.0 cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0
    cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0
    cdla-sharing-1.0 cdla-permissive-1.0 cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1
    eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c
    ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl openmdw-1.0 openrail++ osl-3.0 postgresql ofl-1.1 ncsa
    unlicense zlib pddl lgpl-lr deepfloyd-if-license fair-noncommercial-research-license llama2 llama3
    llama3.1 llama3.2 llama3.3 llama4 grok2-community gemma unknown other
""".split()  # noqa: SIM905 - a list of them fills a screen

LARGEST = 10 << 20  # bytes of a file that is no LFS file
MOST = 10_000  # files in a folder


def card_errors(card: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with front matter."""
    for place, license in _each(card.get("license")):
        if license not in LICENSES:
            yield f'"license{place}" must be one of [{", ".join(LICENSES)}, array]'
    for place, language in _each(card.get("language")):
        if not isinstance(language, str):
            yield f'"language{place}" must be a string'
        elif language != language.lower():
            yield f'"language{place}" must only contain lowercase characters'
        elif language in ("dna", "python"):
            yield f'"language{place}" with value "{language}" is not valid: it is no ISO 639-1, 639-2 or 639-3'


def _each(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list):
        return [(f"[{place}]", one) for place, one in enumerate(value)]
    return [] if value is None else [("", value)]


def push_errors(paths: Iterable[str]) -> Iterator[str]:
    """Yield why a push of a tree of these files is rejected."""
    folders = Counter(str(PurePosixPath(path).parent) for path in paths)
    if full := sorted(f"/{folder}/" for folder, files in folders.items() if files > MOST):
        yield (
            "Your push was rejected because it contains too many files per directory. Each directory in your git"
            f" repo can only contain up to {MOST} files. Offending reference: refs/heads/main Offending"
            f" directories: {' '.join(full)}"
        )
