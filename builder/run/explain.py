"""What a recipe's filters say of given files: the measures and the verdict, without a run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from builder.errors import SourceError
from builder.files import being_read
from builder.filters import WorkerFilter
from builder.filters.workers import Workers
from builder.loaded_recipe import LoadedRecipe
from builder.sources.text import decode


def explain(loaded: LoadedRecipe, files: Sequence[Path]) -> list[dict[str, Any]]:
    """Return for each file and filter stage the measures and the reason it would be dropped for, or None.

    A stage that has nothing to say of a file has a `note` that says why.
    Every filter is asked, also those after the one that drops; each sees the text that the ones before it leave.
    """
    return asyncio.run(_explain(loaded, files))


async def _explain(loaded: LoadedRecipe, files: Sequence[Path]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async with Workers(1) as workers:
        for path in files:
            with being_read(path, "name a file", SourceError):
                text, unreadable = decode(path.read_bytes(), "utf-8")
            if text is None:
                found.append({"file": str(path), "stage": "read", "drop": unreadable, "measures": {}})
                continue
            for name, used in loaded.filters.items():
                place = {"file": str(path), "stage": name}
                if not isinstance(used, WorkerFilter):
                    note = "looks at a row's provenance, earlier stages or other rows, which a file has not"
                    found.append({**place, "drop": None, "measures": {}, "note": note})
                else:
                    verdict = await workers.verdict(used, text)
                    text = text if verdict.text is None else verdict.text
                    found.append({**place, "drop": verdict.drop, "measures": dict(verdict.record)})
    return found
