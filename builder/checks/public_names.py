"""Does a rewrite still define what other code may import from its source, and take the same calls?"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import ClassVar

from builder.checks.base import PairCheck
from builder.checks.public_api import Member, surface
from builder.checks.python_code import UNREADABLE, live, outcome, parsed
from builder.checks.signatures import problem
from builder.filters.base import Measures

_MOST_NAMED = 20
_OPERATORS = {
    "__call__", "__len__", "__getitem__", "__setitem__", "__delitem__", "__enter__", "__exit__", "__aenter__",
    "__aexit__", "__add__", "__sub__", "__mul__", "__truediv__", "__mod__", "__pow__", "__neg__", "__and__",
    "__or__",
}  # fmt: skip
"""What other code uses by its sign, by position, and nothing else stands in for."""


class PublicNames(PairCheck):
    """Refuses a text without every public function, class, method and class attribute of its source, or with
    one that no longer takes every call.

    What is there under its name counts, wherever it comes from: a base class, an alias, an import. Variables at
    the top level count where `__all__` has them: moving others into functions is what a rewrite is for.
    """

    knows_only: ClassVar[frozenset[str] | None] = frozenset({"Python"})
    measures: ClassVar[Mapping[str, type]] = {"public": int, "missing": str, "changed": str}

    def compare(self, before: str, after: str) -> Measures:
        """Count the source's public names, and list those that are missing and those called in another way."""
        try:
            old = _surface(before)
        except UNREADABLE:
            return {"public": 0, "missing": None, "changed": None}
        try:
            new = _surface(after)
        except UNREADABLE:
            new = {}
        public, missing, changed = list[str](), list[str](), list[str]()
        for name, member, other in _paired(old, new, ""):
            public.append(name)
            if other is None:
                missing.append(name)
            elif name.rpartition(".")[2] not in _OPERATORS and (found := _change(member, other)) is not None:
                changed.append(f"{name} ({found})")
        return {
            "public": len(public),
            "missing": ", ".join(sorted(missing)[:_MOST_NAMED]) or None,
            "changed": ", ".join(sorted(changed)[:_MOST_NAMED]) or None,
        }

    def decide(self, measures: Measures) -> str | None:
        """Say what is missing, or else changed."""
        if measures["missing"]:
            return "name_missing"
        return "signature_changed" if measures["changed"] else None


def _surface(code: str) -> dict[str, Member]:
    tree = parsed(code)
    if tree is None:
        return {}
    tree = live(tree)
    # What is defined for a script alone can't be imported.
    tree.body = [node for node in tree.body if not (isinstance(node, ast.If) and _is_main(node.test))]
    return surface(tree)


def _is_main(test: ast.expr) -> bool:
    return outcome(test) is None and isinstance(test, ast.Compare) and "__name__" in ast.unparse(test)


def _paired(
    old: Mapping[str, Member], new: Mapping[str, Member], prefix: str, is_open: bool = False
) -> Iterator[tuple[str, Member, Member | None]]:
    """Yield each public name of the old, what it is, and what it is in the new: None where it is nothing."""
    for name, member in old.items():
        is_private = name.startswith("_") and (name not in _OPERATORS if prefix else not member.is_listed)
        if not member.is_api or is_private:
            continue
        other = new.get(name)
        if other is None and is_open:
            continue
        yield prefix + name, member, other
        inner = other or Member()
        opened = inner.is_open and not member.is_open
        yield from _paired(member.members, inner.members, f"{prefix}{name}.", opened)


def _change(old: Member, new: Member) -> str | None:
    """Return how calls differ: in words where no variant of the new takes what some variant of the old does."""
    if new.is_property and not old.is_property and None not in old.signatures and old.signatures:
        return "it is a property"
    if old.is_property and not new.is_property and None not in new.signatures and new.signatures:
        return "it is a method"
    if not old.signatures or not new.signatures or None in [*old.signatures, *new.signatures]:
        return None
    wanted = old.signatures[-1]  # overloads come before what they are of
    problems = [problem(wanted, one) for one in new.signatures if wanted and one]
    return None if None in problems else problems[-1]
