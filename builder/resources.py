"""Where the files that ship with the package lie: prompts, cards, checkpoint records, recipes.

In a checkout they are folders beside the package, where people edit them; in an installed wheel they
are packed inside it. Nothing else in the package knows the difference.
"""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_PACKED = _PACKAGE / "_data"

RECIPES = _PACKAGE / "recipes"


def folder(name: str) -> Path:
    """Return the folder `name` ("prompts", "cards" or "checkpoints_meta")."""
    return (_PACKED if _PACKED.is_dir() else _PACKAGE.parent) / name
