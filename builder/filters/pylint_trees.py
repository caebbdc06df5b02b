"""The syntax trees that pylint's inference looks at, kept from text to text as if each were the only one.

Loaded beside `pylint_rows` in a bare interpreter, so it imports nothing of this project.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable
from typing import Any, ClassVar

from astroid import bases, manager, nodes
from astroid.builder import AstroidBuilder
from astroid.exceptions import AstroidError

_Addition = tuple[dict[str, list[Any]], str, Any]
"""A table of attributes, a name in it, and the node that was added under the name."""


class Loaded:
    """Which modules the text at hand has loaded, and what loading them adds to the trees of other modules.

    Building the tree of a module adds to others what it assigns to: `threading.excepthook = print`. On the command
    line only the modules that a text leads to are ever built. Here all trees are there, so what each of them added
    is taken back once it is built, and added again when a text's analysis asks for the module.
    """

    def __init__(self) -> None:
        self._added: list[_Addition] = []
        self._by: defaultdict[str, list[_Addition]] = defaultdict(list)
        self._leads_to: dict[str, list[str]] = {}
        self._building: list[list[str]] = []
        self._active: set[str] = set()
        self._new_additions: list[_Addition] = []
        self._new_modules: list[str] = []

    def load(self, original: Callable[..., Any], *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Do what `AstroidManager.ast_from_module_name` does, and note it."""
        leads_to: list[str] = []
        self._building.append(leads_to)
        try:
            module = original(*arguments, **options)
        finally:
            self._building.pop()
        if module.name not in self._leads_to:
            self._leads_to[module.name] = leads_to
            self._new_modules.append(module.name)
        if self._building:
            self._building[-1].append(module.name)
        self._activate(module.name)
        return module

    def _activate(self, name: str) -> None:
        if name in self._active:
            return
        self._active.add(name)
        for other in self._leads_to.get(name, ()):
            self._activate(other)
        for addition in self._by.get(name, ()):
            held, attribute, node = addition
            held.setdefault(attribute, []).append(node)
            self._added.append(addition)

    def add(self, addition: _Addition) -> None:
        """Note what building a tree has added."""
        self._added.append(addition)
        self._new_additions.append(addition)

    def keep(self) -> None:
        """Take back all additions, but to add them again whenever their module is loaded: its tree stays."""
        for addition in self._new_additions:
            self._by[addition[2].root().name].append(addition)
        self._new_modules.clear()
        self.take_back()

    def take_back(self) -> None:
        """Undo every addition since the last call, and forget the modules that came with them."""
        for held, name, node in reversed(self._added):
            held[name].remove(node)
            if not held[name]:
                del held[name]
        for module in self._new_modules:
            del self._leads_to[module]
        for since in (self._added, self._active, self._new_additions, self._new_modules):
            since.clear()


class Builder(AstroidBuilder):  # type: ignore[misc]
    """Builds trees, and tells what building one added to the trees of other modules."""

    loaded: ClassVar[Loaded] = Loaded()

    def delayed_assattr(self, node: nodes.AssignAttr) -> None:
        """Add an attribute to what it is assigned to, and remember where that is in another module."""
        before = [(held, len(held.get(node.attrname, ()))) for held in _attributes_elsewhere(node)]
        super().delayed_assattr(node)
        for held, size in before:
            if len(held.get(node.attrname, ())) > size:
                self.loaded.add((held, node.attrname, node))


def _attributes_elsewhere(node: nodes.AssignAttr) -> list[dict[str, list[Any]]]:
    """Return the attribute tables, outside the node's own module, that assigning to it may add to."""
    found: dict[int, dict[str, list[Any]]] = {}
    with contextlib.suppress(AstroidError, RecursionError):
        for inferred in node.expr.infer():
            owner = inferred._proxied if isinstance(inferred, bases.Instance) else inferred
            if not isinstance(owner, nodes.LocalsDictNodeNG) or owner.root() is node.root():
                continue
            for held in (owner.locals, getattr(owner, "instance_attrs", None)):
                if held is not None:
                    found[id(held)] = held
    return list(found.values())


def install() -> Loaded:
    """Have astroid build its trees so, and return what notes which of them a text has loaded."""
    manager.AstroidBuilder = Builder
    original = manager.AstroidManager.ast_from_module_name

    def ast_from_module_name(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        return Builder.loaded.load(original, *arguments, **options)

    manager.AstroidManager.ast_from_module_name = ast_from_module_name
    return Builder.loaded
