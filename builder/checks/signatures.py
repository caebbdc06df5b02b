"""How a function may be called: does a new one take every call that the old one took?"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from builder.checks.python_code import UNREADABLE, Function, dotted
from builder.checks.results import Result, of_call

_KEEPS = {
    "abstractmethod", "cache", "classmethod", "contextmanager", "asynccontextmanager", "coroutine", "final",
    "lru_cache", "override", "overload", "staticmethod", "total_ordering", "typing_extensions", "wraps",
    "deprecated", "singledispatch", "singledispatchmethod", "profile", "njit", "jit", "fixture",
}  # fmt: skip
"""Decorators that leave what a function is called with as it is."""

_UNSET: Any = object()
_UNKNOWN = Result()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One that calls name or count: without a default it has to be given."""

    name: str
    has_default: bool
    default: Any = _UNSET  # where it is a plain value


@dataclass(frozen=True, slots=True)
class Signature:
    """Parameters by position and by keyword alone, without `self`.

    Attributes:
        unnamed: How many of the first may not be given by name.
        is_protocol: Whether the interpreter calls it, by position: parameter names are free.
        needs_instance: Whether it can't be called on its class.
        result: What a call gives.
    """

    positional: tuple[Parameter, ...] = ()
    unnamed: int = 0
    keywords: tuple[Parameter, ...] = ()
    takes_more: bool = False
    takes_any_keyword: bool = False
    is_protocol: bool = False
    needs_instance: bool = False
    result: Result = _UNKNOWN


def of_function(node: Function | ast.Lambda, is_method: bool = False) -> Signature | None:
    """Return a function's signature; a method's is that of calls on an instance. None: a decorator decides."""
    decorators = [] if isinstance(node, ast.Lambda) else [_name(one) for one in node.decorator_list]
    if any(one not in _KEEPS for one in decorators):
        return None
    arguments = node.args
    named = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(named) - len(arguments.defaults)) + list(arguments.defaults)
    positional = [_parameter(one, default) for one, default in zip(named, defaults, strict=True)]
    bound = int(is_method and "staticmethod" not in decorators and bool(positional))
    name = "" if isinstance(node, ast.Lambda) else node.name
    return Signature(
        tuple(positional[bound:]),
        max(0, len(arguments.posonlyargs) - bound),
        tuple(map(_parameter, arguments.kwonlyargs, arguments.kw_defaults)),
        arguments.vararg is not None,
        arguments.kwarg is not None,
        name.startswith("__") and name.endswith("__") and name not in ("__init__", "__new__", "__call__"),
        is_method and not {"staticmethod", "classmethod"} & set(decorators),
        of_call(node, decorators),
    )


def of_fields(fields: Sequence[Parameter], keywords: Sequence[Parameter] = ()) -> Signature:
    """Return the signature of a class made of fields; `keywords` are given by name alone."""
    return Signature(tuple(fields), keywords=tuple(keywords))


def as_method(signature: Signature | None) -> Signature | None:
    """Return how a function is called as a method of an instance: without its first parameter."""
    if signature is None or not signature.positional:
        return signature
    unnamed = max(0, signature.unnamed - 1)
    return replace(signature, positional=signature.positional[1:], unnamed=unnamed, needs_instance=True)


def problem(old: Signature, new: Signature) -> str | None:
    """Return what the old one takes and the new one doesn't, in words, None where it takes every such call."""
    if new.takes_more and new.takes_any_keyword and not new.needs_instance:
        return None
    return next(_problems(old, new), None)


def _problems(old: Signature, new: Signature) -> Iterator[str]:
    if new.needs_instance and not old.needs_instance:
        yield "it needs an instance"
    by_name = {one.name: one for one in (*new.positional[new.unnamed :], *new.keywords)}
    for position, parameter in enumerate(old.positional):
        has_name = position >= old.unnamed and not old.is_protocol and not parameter.name.startswith("_")
        if position >= len(new.positional):
            if not new.takes_more:
                yield f"{parameter.name} is gone"
            elif has_name and not (new.takes_any_keyword or parameter.name in by_name):
                yield f"{parameter.name} has no name"
            continue
        other = new.positional[position]
        if has_name and (other.name != parameter.name or position < new.unnamed):
            yield f"{parameter.name} is {other.name}"
        yield from _default_problems(parameter, other)
    for parameter in old.keywords:
        if parameter.name in by_name:
            yield from _default_problems(parameter, by_name[parameter.name])
        elif not new.takes_any_keyword:
            yield f"{parameter.name} is gone"
    known = {one.name for one in (*old.positional, *old.keywords)}
    for parameter in (*new.positional[len(old.positional) :], *new.keywords):
        if parameter.name not in known and not parameter.has_default:
            yield f"{parameter.name} has to be given"
    if old.takes_more and not new.takes_more:
        yield "*args is gone"
    if old.takes_any_keyword and not new.takes_any_keyword:
        yield "**kwargs is gone"


def _default_problems(old: Parameter, new: Parameter) -> Iterator[str]:
    if old.has_default and not new.has_default:
        yield f"{new.name} has no default"
    elif _UNSET not in (old.default, new.default) and _sequence(old.default) != _sequence(new.default):
        yield f"{new.name} is {new.default!r} by default"


def _sequence(default: object) -> object:
    return tuple(default) if isinstance(default, list) else default


def _parameter(argument: ast.arg, default: ast.expr | None) -> Parameter:
    return parameter(argument.arg, default)


def parameter(name: str, default: ast.expr | None) -> Parameter:
    """Return a parameter with what it is by default, where that is a plain value."""
    if default is None:
        return Parameter(name, False)
    try:
        value = ast.literal_eval(default)
    except UNREADABLE:
        value = _UNSET
    # A mutable default may well become None: that is an improvement.
    is_plain = isinstance(value, int | float | str | bytes | list | tuple | dict | set)
    return Parameter(name, True, value if is_plain else _UNSET)


def _name(decorator: ast.expr) -> str:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return dotted(called).rpartition(".")[2]
