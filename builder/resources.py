"""Where the files that ship with the package lie: prompts, cards, checkpoint records, recipes.

In a checkout they are folders beside the package, where people edit them; in an installed wheel they
are packed inside it. Nothing else in the package knows the difference.
"""

import difflib
import os
from pathlib import Path

from builder.errors import RecipeError, UsageError
from builder.files import is_file

_PACKAGE = Path(__file__).parent
_PACKED = _PACKAGE / "_data"

RECIPE = "recipe.yaml"
"""What a release calls its recipe."""

RECIPES = _PACKAGE / "recipes"
_TEMPLATES = RECIPES / "templates"


def folder(name: str) -> Path:
    """Return the folder `name` ("prompts", "cards" or "checkpoints_meta")."""
    return (_PACKED if _PACKED.is_dir() else _PACKAGE.parent) / name


def recipe_names() -> list[str]:
    """Return the names of the recipes that ship."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def template_path(kind: str) -> Path:
    """Return the file of a recipe to start from, for sources of a kind.

    Raises:
        UsageError: There is none for that kind.
    """
    path = _TEMPLATES / f"{kind}.yaml"
    known = sorted(path.stem for path in _TEMPLATES.glob("*.yaml"))
    if kind not in known:
        raise UsageError(f"there is no template {kind!r}", remedy=f"name one of {', '.join(known)}")
    return path


def recipe_path(name: str) -> Path:
    """Return the file of a recipe: a path, the name of one that ships, or a release's directory.

    Raises:
        RecipeError: There is none.
    """
    if os.path.isdir(name) and is_file(Path(name) / RECIPE):  # noqa: PTH112 - a name may be too long for Path's
        return Path(name) / RECIPE
    path = Path(name) if name.endswith((".yaml", ".yml")) else RECIPES / f"{name}.yaml"
    if not is_file(path):
        near = difflib.get_close_matches(name, recipe_names(), 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise RecipeError(
            f"there is no recipe {name!r}",
            remedy=f"{hint}name a YAML file, a release or one that ships: {', '.join(recipe_names())}",
        )
    return path
