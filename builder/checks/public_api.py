"""What other code may import from a module, and how it may call it: read from its tree."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from builder.checks import ancestry, fields
from builder.checks.class_body import (
    PROPERTIES,
    declared,
    decorated_later,
    instance_attributes,
    is_constant,
    last_name,
    makes_property,
    strings,
)
from builder.checks.python_code import bindings, dotted, statements
from builder.checks.results import Result
from builder.checks.signatures import Parameter, Signature, as_method, of_fields, of_function
from builder.checks.star_imports import exported

_MAKES_TUPLE = ("namedtuple", "NamedTuple")
_MAKES_CLASS = (*_MAKES_TUPLE, "TypedDict", "make_dataclass", "Enum", "IntEnum", "StrEnum", "Flag", "IntFlag")
_MAKES_FUNCTION = ("partial", "itemgetter", "attrgetter", "methodcaller", "vectorize", "singledispatch")
_SETTABLE = ("setter", "cached_property")
_ENUMS: dict[str, type] = {"Enum": object, "Flag": object, "IntEnum": int, "IntFlag": int, "StrEnum": str}
_BARE_BASES = ("ABC", "Protocol", "Generic", "NamedTuple", "TypedDict")  # that bring nothing to call
_DEPTH = 20  # of aliases and base classes that lead on to others


@dataclass(slots=True)
class Member:
    """One thing a module or a class has.

    Attributes:
        signatures: How it may be called, one for each variant that is defined; None where that can't be known.
        members: A class's members.
        is_open: Whether it may have members that are not among them.
        is_api: Whether other code holds on to it: a function, a class, an attribute of one; no variable.
        is_listed: Whether `__all__` has it.
        is_property: Whether it is read where a method is called.
        is_settable: Whether a property may be set.
        is_constant: Whether it is a plain value, and so nothing to call.
        bases: A class's bases and theirs, one set for each variant that is defined; none where it is no class.
    """

    signatures: list[Signature | None] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    is_open: bool = False
    is_api: bool = False
    is_listed: bool = False
    is_property: bool = False
    is_settable: bool = False
    is_constant: bool = False
    bases: list[frozenset[str]] = field(default_factory=list)


def surface(tree: ast.Module) -> dict[str, Member]:
    """Return what a module binds at its top level, private names included."""
    return _Module(tree).surface()


class _Module:
    def __init__(self, tree: ast.Module) -> None:
        self._tree = tree
        self._found: dict[str, list[ast.AST]] = {}
        for name, node in bindings(tree.body):
            self._found.setdefault(name, []).append(node)
        self._members: dict[str, Member] = {}

    def surface(self) -> dict[str, Member]:
        """Return its members."""
        found = {name: self._member(name, _DEPTH) for name in self._found if name != "*"}
        for node in self._found.get("*", ()):
            if isinstance(node, ast.ImportFrom) and not node.level:
                for name in exported(node.module or "") or ():
                    found.setdefault(name, Member([None], is_open=True))
        for node in statements(self._tree.body):
            for owner, name, value in _set_later(node):
                if owner in found:
                    member = self._value(value, _DEPTH)
                    member.signatures = [as_method(one) for one in member.signatures]
                    found[owner].members.setdefault(name, member)
        for name in found.keys() & set(listed(self._tree)):
            found[name].is_api = found[name].is_listed = True
        for node in self._tree.body:
            for target in node.targets if isinstance(node, ast.Delete) else ():
                found.pop(dotted(target), None)
        return found

    def _member(self, name: str, depth: int) -> Member:
        if name in self._members:
            return self._members[name]
        self._members[name] = Member([None], is_open=True)  # to whoever comes back here: names may go in circles
        together = Member()
        for variant in [self._bound(node, depth) for node in self._found.get(name, ())]:
            together.is_api = together.is_api or variant.is_api
            together.is_open = together.is_open or variant.is_open
            together.signatures += variant.signatures
            together.bases += variant.bases
            together.is_constant = variant.is_constant
            for inner, member in variant.members.items():
                known = together.members.setdefault(inner, member)
                if known is not member:
                    known.signatures = known.signatures + member.signatures
        self._members[name] = together
        return together

    def _bound(self, node: ast.AST, depth: int) -> Member:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            return Member([of_function(node)], is_api=True)
        if isinstance(node, ast.ClassDef):
            return self._class(node, depth)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            return self._value(node.value, depth)
        return Member([None], is_open=isinstance(node, ast.Import | ast.ImportFrom))

    def _value(self, value: ast.expr, depth: int) -> Member:
        """Return what an assigned value is: an alias, a class made by a call, a function."""
        if isinstance(value, ast.Name) and value.id in self._found and depth:
            return self._member(value.id, depth - 1)
        if isinstance(value, ast.Lambda):
            return Member([of_function(value)], is_api=True)
        if isinstance(value, ast.Call) and dotted(value.func).rpartition(".")[2] in _MAKES_FUNCTION:
            return Member([None], is_api=True)
        if isinstance(value, ast.Call) and (made := dotted(value.func).rpartition(".")[2]) in _MAKES_CLASS:
            return _made_class(value, made)
        is_open = isinstance(value, ast.Name | ast.Attribute | ast.IfExp | ast.Call)
        return Member([None], is_open=is_open, is_constant=is_constant(value))

    def _class(self, node: ast.ClassDef, depth: int) -> Member:
        own = Member(is_api=True)
        before: dict[str, ast.AST] = {}
        for name, statement in bindings(node.body):
            member = self._class_member(statement, depth, before)
            before[name] = statement
            known = own.members.setdefault(name, member)
            if known is not member:  # a property's setter, an overload, a variant
                known.signatures += member.signatures
                known.is_property = known.is_property or member.is_property
                known.is_settable = known.is_settable or member.is_settable
                known.is_constant = member.is_constant
        for name in declared(node):
            own.members.setdefault(name, Member([None], is_api=True, is_constant=True))
        for name in instance_attributes(node):
            own.members.setdefault(name, Member([None]))
        own.is_open = "__getattr__" in own.members or "__getattribute__" in own.members
        own.signatures = [_constructor(node, own)]
        for name, is_asked in fields.operators(node).items():
            own.members.setdefault(name, Member([None], is_api=is_asked))
        own.bases = [self._ancestry(node, depth)]
        for base in node.bases:
            self._inherit(own, base, depth, is_made=bool(node.decorator_list))
        return own

    def _ancestry(self, node: ast.ClassDef, depth: int) -> frozenset[str]:
        found = ancestry.named(node.bases)
        for name in [one for one in found if one in self._found and depth]:
            found = found.union(*self._member(name, depth - 1).bases)
        return frozenset(found)

    def _class_member(self, statement: ast.AST, depth: int, known: dict[str, ast.AST]) -> Member:
        statement = decorated_later(statement, known)
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = {last_name(one) for one in statement.decorator_list}
            is_property = not decorators.isdisjoint(PROPERTIES)
            signature = of_function(statement, is_method=True)
            return Member(
                [signature], is_api=True, is_property=is_property, is_settable=not decorators.isdisjoint(_SETTABLE)
            )
        if isinstance(statement, ast.ClassDef):
            return self._class(statement, depth)
        made = Member(
            [None], is_api=True, is_open=True, is_constant=is_constant(getattr(statement, "value", None))
        )
        made.is_property, made.is_settable = makes_property(statement)
        return made

    def _defines_class(self, name: str) -> bool:
        return any(isinstance(one, ast.ClassDef) for one in self._found.get(name, ()))

    def _inherit(self, own: Member, base: ast.expr, depth: int, is_made: bool) -> None:
        name = dotted(base.value if isinstance(base, ast.Subscript) else base)
        if name.rpartition(".")[2] in _BARE_BASES:
            return
        if not self._defines_class(name) and (kind := _ENUMS.get(name.rpartition(".")[2])) is not None:
            for one in ("name", "value", *dir(kind)):
                own.members.setdefault(one, Member([None]))
            return
        if isinstance(base, ast.Call) and (maker := dotted(base.func).rpartition(".")[2]) in _MAKES_CLASS:
            made = _made_class(base, maker)
            own.signatures = made.signatures if own.signatures == [None] and not is_made else own.signatures
            own.members = {**made.members, **own.members}
            return
        if name in self._found and depth:
            inherited = self._member(name, depth - 1)
            if own.signatures == [None] and not is_made:
                own.signatures = inherited.signatures
            own.is_open = own.is_open or inherited.is_open
            for one, member in inherited.members.items():
                own.members.setdefault(one, member)
        elif isinstance(kind := getattr(builtins, name, None), type):
            for one in dir(kind):
                own.members.setdefault(one, Member([None]))
        else:
            own.is_open = True


def _constructor(node: ast.ClassDef, own: Member) -> Signature | None:
    """Return how a class is called, None where a base class or a decorator decides."""
    for name in ("__init__", "__new__"):
        if name in own.members:
            found = own.members[name].signatures[-1]
            return found and replace(found, needs_instance=False, result=Result())
    if not (node.bases or node.keywords or node.decorator_list):
        return Signature()
    bases = [dotted(base).rpartition(".")[2] for base in node.bases]
    return fields.constructor(node) if bases in ([], ["object"], ["NamedTuple"]) else None


def listed(tree: ast.Module) -> Iterator[str]:
    """Yield what a module's `__all__` spells."""
    for node in statements(tree.body):
        says = isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Expr)
        if says and any(dotted(one) == "__all__" for one in ast.walk(node)):
            yield from strings(node)


def _set_later(node: ast.stmt) -> Iterator[tuple[str, str, ast.expr]]:
    """Yield (class, attribute, value) of `Class.name = value` and `setattr(Class, "name", value)`."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name):
                    yield target.value.id, target.attr, value
        case ast.Expr(
            value=ast.Call(
                func=ast.Name(id="setattr"), args=[ast.Name(id=owner), ast.Constant(value=str() as name), value]
            )
        ):
            yield owner, name, value


def _made_class(call: ast.Call, maker: str) -> Member:
    """Return a class that a call of `namedtuple` and its like makes."""
    by_name = {one.arg: one.value for one in call.keywords}
    given = call.args[1] if len(call.args) > 1 else by_name.get("field_names")
    names: list[str] = []
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        names = given.value.replace(",", " ").split()
    elif isinstance(given, ast.List | ast.Tuple):
        firsts = [one.elts[0] if isinstance(one, ast.Tuple | ast.List) and one.elts else one for one in given.elts]
        names = [str(one.value) for one in firsts if isinstance(one, ast.Constant)]
    elif isinstance(given, ast.Dict):
        names = [str(key.value) for key in given.keys if isinstance(key, ast.Constant)]
    else:
        return Member([None], is_open=True, is_api=True, bases=[frozenset(ancestry.named([call]))])
    is_plain = maker == "namedtuple" and not {"defaults", "rename"} & by_name.keys()
    signature = of_fields([Parameter(name, False) for name in names]) if is_plain else None
    members = {name: Member([None], is_api=True) for name in names}
    for name in (*dir(tuple), "_replace", "_asdict", "_make") if maker in _MAKES_TUPLE else ():
        members.setdefault(name, Member([None]))
    is_open = maker not in _MAKES_TUPLE
    return Member([signature], members, is_open, is_api=True, bases=[frozenset(ancestry.named([call]))])
