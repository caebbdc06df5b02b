"""What was left out of a release on request: how many documents, and that they don't come back unnoticed."""

from __future__ import annotations

from typing import Any

from builder.errors import UsageError
from builder.exclusions import EXCLUDED
from builder.release.manifest import Manifest


def excluded_in(ledger: list[dict[str, Any]]) -> int:
    """Return how many documents a release leaves out because they are excluded, by its manifest's ledger."""
    return sum(stage.get("passed_over", {}).get(EXCLUDED, 0) for stage in ledger)


def refuse_readmission(old: Manifest | None, excluded: int, where: str, *, readmits: bool) -> None:
    """Stop where documents that a release leaves out on request would be in the next one.

    Args:
        old: The release that readers get.
        excluded: How many documents are left out now.
        where: The destination.
        readmits: Whether they are meant to.

    Raises:
        UsageError: Fewer documents are left out, and that was not said to be meant.
    """
    before = 0 if old is None else excluded_in(old.content["ledger"])
    if excluded < before and not readmits:
        raise UsageError(
            f"{before} document(s) were left out of the version before on request, and now {excluded} are:"
            " the others would be published again",
            where=where,
            remedy="give every list again (`exclude` in the recipe, or --exclude); where they may come back, or"
            " the source has them no longer, --readmit goes on",
        )


def told(before: int, after: int) -> list[str]:
    """Return what a changelog says where another number of documents is left out, naming none."""
    if after > before:
        total = f"; {after:,} are left out in all" if before else ""
        return [f"Removed on request: {_documents(after - before)}{total}."]
    if after < before:
        return [f"Left out on request before and no longer: {_documents(before - after)}."]
    return []


def _documents(count: int) -> str:
    return f"{count:,} document{'' if count == 1 else 's'}"
