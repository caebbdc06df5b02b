"""What a class is, by its bases: what handlers catch, `isinstance` asks for and inherited calls need."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Container, Iterable, Sequence

from builder.checks.python_code import dotted

_KINDS = {
    "NamedTuple": {"tuple"}, "namedtuple": {"tuple"}, "TypedDict": {"dict"},
    "IntEnum": {"Enum", "int"}, "StrEnum": {"Enum", "str"}, "Flag": {"Enum"}, "IntFlag": {"Enum", "int"},
}  # fmt: skip
_FREE = {"object", "ABC", "Generic", "Protocol", "type"}
"""Bases that give nothing to callers."""
ELSEWHERE = "?"
"""Stands for a base that a call makes."""


def named(bases: Sequence[ast.expr]) -> set[str]:
    """Return the names of a class's bases, each without its module."""
    found: set[str] = set()
    for base in bases:
        if isinstance(base, ast.Call):
            name = dotted(base.func).rpartition(".")[2]
            # `with_metaclass(Meta, Base)` has bases of its own; others make theirs.
            found |= named(base.args[1:]) if name == "with_metaclass" else _KINDS.get(name, {ELSEWHERE})
            continue
        name = dotted(base.value if isinstance(base, ast.Subscript) else base).rpartition(".")[2]
        found |= _KINDS.get(name, {name or ELSEWHERE})
    return found - _FREE


def lost(
    old: Iterable[frozenset[str]], new: Iterable[frozenset[str]], own: Container[str], held: Container[str]
) -> str | None:
    """Return a base that a class had and no longer has, None where it has all that one of its variants had.

    Args:
        old: The bases of each variant of it in the source.
        new: Those in the new text.
        own: The classes that the source defines: what came from others may be had in another way.
        held: The classes that the new text defines.
    """
    now = {base for variant in new for base in variant}
    missing = [sorted(base for base in variant if _is_lost(base, now, own, held)) for variant in old]
    return missing[0][0] if missing and all(missing) else None


def _is_lost(base: str, now: set[str], own: Container[str], held: Container[str]) -> bool:
    if base in now or base == ELSEWHERE:
        return False
    if base in own:
        return base in held and not base.startswith("_")
    kinds = [one for name in now if isinstance(one := getattr(builtins, name, None), type)]
    is_open = any(
        name not in held and name != "Enum" and not isinstance(getattr(builtins, name, None), type) for name in now
    )
    kind = getattr(builtins, base, None)
    if isinstance(kind, type):
        return not (is_open or any(issubclass(one, kind) for one in kinds))
    return not (is_open or kinds)
