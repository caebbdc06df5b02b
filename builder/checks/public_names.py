"""Does a rewrite still define what other code may import from its source, and take the same calls?"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from builder.checks import ancestry, results
from builder.checks.base import PairCheck
from builder.checks.public_api import Member, surface
from builder.checks.python_code import UNREADABLE, live, outcome, parsed
from builder.checks.signatures import Signature, problem
from builder.filters.base import Measures

_MOST_NAMED = 20
_OPERATORS = {
    "__call__", "__len__", "__getitem__", "__setitem__", "__delitem__", "__enter__", "__exit__", "__aenter__",
    "__aexit__", "__add__", "__sub__", "__mul__", "__truediv__", "__mod__", "__pow__", "__neg__", "__and__",
    "__or__", "__xor__", "__invert__", "__floordiv__", "__matmul__", "__lshift__", "__rshift__", "__abs__",
    "__int__", "__float__", "__index__", "__iter__", "__next__", "__aiter__", "__anext__", "__await__",
    "__contains__", "__eq__", "__lt__", "__le__", "__gt__", "__ge__", "__bool__", "__str__", "__repr__",
    "__hash__",
}  # fmt: skip
"""What other code uses by its sign, by position, and nothing else stands in for."""


class PublicNames(PairCheck):
    """Refuses a text without every public function, class, method and class attribute of its source, or with
    one that no longer takes every call, gives something else to await or to iterate, or has lost a base class.

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
        change = _Change(before, after, _classes(old), _classes(new))
        public, missing, changed = list[str](), list[str](), list[str]()
        for name, member, other in _paired(old, new, ""):
            public.append(name)
            if other is None:
                missing.append(name)
            elif name.rpartition(".")[2] in _OPERATORS:
                continue
            elif (found := change.between(member, other)) is not None:
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


def _classes(members: Mapping[str, Member]) -> set[str]:
    return {name for name, member in members.items() if member.bases}


@dataclass(frozen=True, slots=True)
class _Change:
    """What callers of one thing would notice, given both texts and the classes that each defines."""

    before: str
    after: str
    own: set[str]
    held: set[str]

    def between(self, old: Member, new: Member) -> str | None:
        """Return in words how calls or uses differ; None where some variant of the new takes what the old's do."""
        if (found := _other_kind(old, new)) is not None:
            return found
        if (base := ancestry.lost(old.bases, new.bases, self.own, self.held)) is not None and new.bases:
            return f"it is no {base}"
        if not old.signatures or not new.signatures or None in [*old.signatures, *new.signatures]:
            return None
        wanted = old.signatures[-1]  # overloads come before what they are of
        problems = [self._problem(wanted, one) for one in new.signatures if wanted and one]
        return None if None in problems else problems[-1]

    def _problem(self, old: Signature, new: Signature) -> str | None:
        return problem(old, new) or results.difference(old.result, new.result, self.before, self.after)


def _other_kind(old: Member, new: Member) -> str | None:
    """Return what it is now, where it was something that is used in another way."""
    is_called, was_called = (one.signatures and None not in one.signatures for one in (new, old))
    if new.is_property and not old.is_property and was_called:
        return "it is a property"
    if (old.is_property or old.is_constant) and not new.is_property and is_called:
        return "it is a class" if new.bases else "it is a method"
    if new.is_constant and was_called:
        return "it is a value"
    if old.is_property and old.is_settable and new.is_property and not new.is_settable:
        return "it can't be set"
    if new.bases and was_called and not old.bases and not new.is_open and _OPERATORS.isdisjoint(new.members):
        return "it is a class" if all(one and one.result.kind == "value" for one in old.signatures) else None
    return None
