"""What others have made where a release goes: it stays, or the release stops and says why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from builder.errors import UsageError
from builder.release.card_merge import Merged, merge
from builder.release.destination import Destination
from builder.release.manifest import Manifest


def refuse_another(old: Manifest | None, recipe: str, replaces: str | None, where: str) -> None:
    """Stop where another recipe was released until now.

    Args:
        old: The release that readers get.
        recipe: The name of the recipe to release.
        replaces: The recipe that it is meant to take the place of.
        where: The destination.

    Raises:
        UsageError: It is another than `recipe` and `replaces`.
    """
    if old is None or old.name in (recipe, replaces):
        return
    raise UsageError(
        f"it holds releases of the recipe {old.name!r}, and this is {recipe!r}: its readers would get other data",
        where=where,
        remedy=f"choose another --to; --replaces {old.name} goes on there with this one, as a new major version",
    )


def with_owners_words(card: str, old: Manifest | None, destination: Destination) -> Merged:
    """Return a version's card with what the owner wrote into the one that `destination` has now."""
    cards = destination.cards()
    return Merged(card) if cards is None else merge(card, cards.there, cards.brought, old.owners if old else {})


def refuse_loss(lost: Sequence[str], where: str, say: Callable[[str], None], *, overwrites: bool) -> None:
    """Stop before others' work is lost.

    Raises:
        UsageError: It would be, and was not said to be meant to.
    """
    if lost and overwrites:
        say(f"{where}: replaced, as --overwrite says:\n  " + "\n  ".join(lost))
    elif lost:
        raise UsageError(
            "what others wrote there would be lost:\n  " + "\n  ".join(lost),
            where=where,
            remedy="put words of the card between <!-- keep --> and <!-- /keep -->, each on a line of its own;"
            " move files elsewhere in the repository; --overwrite replaces all of this",
        )
