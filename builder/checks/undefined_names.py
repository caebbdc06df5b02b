"""The names of a module that nothing defines: pyflakes on a tree in which what it can't see is written out.

pyflakes takes a star import for anything, `if TYPE_CHECKING:` for code that runs, a class's names for seen within
its comprehensions, and `global x` for a definition of x. So star imports are spelled out, the module is looked at
once more as it runs, and comprehensions in a class are functions, as the interpreter has it.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from builder.checks.public_api import listed
from builder.checks.python_code import Scope, bindings, dotted, live, parsed, statements
from builder.checks.star_imports import exported

_BUILTINS = (
    *dir(builtins),
    *("BaseExceptionGroup", "ExceptionGroup", "PythonFinalizationError", "EncodingWarning", "aiter", "anext"),
    *("copyright", "credits", "exit", "license", "quit", "__path__"),
)
"""Of every Python there is, so that a verdict doesn't depend on the one that runs."""

_Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


@dataclass(frozen=True, slots=True)
class Names:
    """What a module uses and does not define.

    Attributes:
        undefined: Names that nothing defines.
        unknown: Names that a star import from beyond the standard library may define, or code made as it runs.
    """

    undefined: frozenset[str]
    unknown: frozenset[str]


def names(code: str) -> Names:
    """Look for names in a text that parses.

    Raises:
        RecursionError: It is nested too deep.
    """
    undefined, starred = _found(code, is_running=False)
    if "TYPE_CHECKING" in code:
        found = _found(code, is_running=True)
        undefined, starred = undefined | found[0], starred | found[1]
    if undefined and _is_dynamic(_tree(code)):
        return Names(frozenset(), frozenset(undefined | starred))
    return Names(frozenset(undefined), frozenset(starred))


def own_names(tree: ast.Module) -> set[str]:
    """Return what a module defines itself at its top level, imports left out."""
    return {name for name, node in bindings(tree.body) if not isinstance(node, ast.Import | ast.ImportFrom)}


def _tree(code: str) -> ast.Module:
    return parsed(code) or ast.Module([], [])


def _found(code: str, is_running: bool) -> tuple[set[str], set[str]]:
    from pyflakes import checker, messages

    tree = live(_tree(code), is_running)
    if is_running:
        tree = _Running(_postpones_annotations(tree)).visit(tree)
    tree.body = list(_without_last_deletions(tree.body))
    if "import *" in code:
        tree = _Spelled().visit(tree)
    tree = ast.fix_missing_locations(_ClassScopes().visit(tree))
    undefined, starred = _unset_globals(tree), set[str]()
    is_lazy = any(name == "__getattr__" for name, _ in bindings(tree.body))
    earlier = _set_by_earlier_turns(tree)
    for message in checker.Checker(tree, filename="source.py", builtins=(*_BUILTINS, *_installed(tree))).messages:
        if isinstance(message, messages.UndefinedName | messages.UndefinedLocal):
            name = str(message.message_args[0])
            if not any(name in bound for bound in earlier.get(message.lineno, ())):
                undefined.add(name)
        elif isinstance(message, messages.UndefinedExport) and not is_lazy:
            undefined.add(str(message.message_args[0]))
        elif isinstance(message, messages.ImportStarUsage):
            starred.add(str(message.message_args[0]))
    return undefined, starred


def _set_by_earlier_turns(tree: ast.Module) -> dict[int, list[set[str]]]:
    """Return by line, for conditions in loops, the names that an earlier turn may have set."""
    found: dict[int, list[set[str]]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.AsyncFor | ast.While):
            bound, last = {name for name, _ in bindings(node.body)}, 0
            for inner in statements(node.body):
                if isinstance(inner, ast.If) and inner.lineno > last:  # not one within the last
                    last = inner.end_lineno or inner.lineno
                    for line in range(inner.lineno, last + 1):
                        found.setdefault(line, []).append(bound)
    return found


def without_submodules(undefined: frozenset[str], source: ast.Module, tree: ast.Module) -> frozenset[str]:
    """Leave out what `__all__` alone names, in the source too: modules beside a package's `__init__`."""
    bound = {name for name, _ in bindings(source.body)}
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return undefined - (set(listed(source)) - bound - read)


def _without_last_deletions(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Leave out `del x` where nothing behind it reads x: functions before it may have been called already."""
    read = set[str]()
    kept = []
    for node in reversed(body):
        if not (isinstance(node, ast.Delete) and not read & {dotted(target) for target in node.targets}):
            kept.append(node)
        read |= {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}
    return reversed(kept)


class _Spelled(ast.NodeTransformer):
    """Writes out star imports from the standard library."""

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        if node.names[0].name != "*" or node.level or not (names := exported(node.module or "")):
            return node
        aliases = [ast.alias(name) for name in sorted(names)]
        return ast.copy_location(ast.ImportFrom(node.module, aliases, 0), node)


class _ClassScopes(ast.NodeTransformer):
    """Makes a comprehension in a class the function that it is: of the class it sees its first iterable alone."""

    def __init__(self) -> None:
        self._is_class = False

    def _visit(self, nodes: Any, is_class: bool) -> Any:  # noqa: ANN401
        outer, self._is_class = self._is_class, is_class
        seen = [self.visit(node) for node in nodes] if isinstance(nodes, list) else self.visit(nodes)
        self._is_class = outer
        return seen

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, Scope):
            for name, value in ast.iter_fields(node):
                if name == "body":
                    node.body = self._visit(value, isinstance(node, ast.ClassDef))
                elif isinstance(value, list):
                    setattr(node, name, [self.visit(one) if isinstance(one, ast.AST) else one for one in value])
                elif isinstance(value, ast.AST):
                    setattr(node, name, self.visit(value))
            return node
        if isinstance(node, _Comprehension) and self._is_class:
            return self._function(node)
        return super().generic_visit(node)

    def _function(self, node: Any) -> ast.AST:  # noqa: ANN401
        first = node.generators[0]
        iterable = self.visit(first.iter)
        first.iter = ast.Name("__iterable", ast.Load())
        outer, self._is_class = self._is_class, False
        inner: Any = super().generic_visit(node)
        self._is_class = outer
        arguments = ast.arguments([], [ast.arg("__iterable")], None, [], [], None, [])
        return ast.copy_location(ast.Call(ast.Lambda(arguments, inner), [iterable], []), node)


class _Running(ast.NodeTransformer):
    """Leaves out what is never evaluated: annotations of locals, all where they are postponed, and in strings."""

    def __init__(self, is_postponed: bool) -> None:
        self._is_postponed = is_postponed
        self._is_local = False

    def _visit_function(self, node: Any) -> Any:  # noqa: ANN401
        if self._is_postponed:
            node.returns = None
        outer, self._is_local = self._is_local, True
        self.generic_visit(node)
        self._is_local = outer
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _visit_function

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:  # noqa: ANN401
        outer, self._is_local = self._is_local, False
        self.generic_visit(node)
        self._is_local = outer
        return node

    def visit_arg(self, node: ast.arg) -> Any:  # noqa: ANN401
        if self._is_postponed:
            node.annotation = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:  # noqa: ANN401
        if self._is_postponed or self._is_local:
            node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.copy_location(ast.Constant(""), node) if isinstance(node.value, str) else node


def _postpones_annotations(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "annotations" for alias in node.names)
        for node in tree.body
    )


def _unset_globals(tree: ast.Module) -> set[str]:
    """Return names that functions declare global and use, and that neither they nor the module ever set."""
    declared, bound, read = set[str](), {name for name, _ in bindings(tree.body)}, set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            own = {name for one in statements(node.body) if isinstance(one, ast.Global) for name in one.names}
            declared |= own
            if own:
                bound |= own & {name for name, _ in bindings(node.body)}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            read.add(node.id)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            read.add(node.target.id)
    return set() if "*" in bound else declared & read - bound - set(_BUILTINS)


def _installed(tree: ast.Module) -> Iterator[str]:
    """Yield names that a module puts among the builtins, as `gettext` does with `_`."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="builtins" | "__builtins__"), attr=name, ctx=ast.Store()):
                yield name
            case ast.Call(func=ast.Attribute(attr="install")) if "gettext" in ast.unparse(tree):
                yield "_"


def _is_dynamic(tree: ast.Module) -> bool:
    """Whether code that is made as it runs may define names of the module."""
    aliases = {name for name, node in bindings(tree.body) if _is_namespace(getattr(node, "value", None), set())}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=called, args=args):
                if dotted(called) == "exec" and (len(args) == 1 or _is_namespace(args[1], aliases)):
                    return True
                match called:
                    case ast.Attribute(value=filled, attr="update" | "setdefault") if _is_namespace(
                        filled, aliases
                    ):
                        return True
                    case ast.Attribute(attr="_convert_"):  # an enumeration's members become the module's
                        return True
                if dotted(called) == "setattr" and args and ast.unparse(args[0]) == "sys.modules[__name__]":
                    return True
            case ast.Subscript(value=filled, ctx=ast.Store()) if _is_namespace(filled, aliases):
                return True
            case ast.ClassDef(decorator_list=decorators):
                if any(dotted(one).rpartition(".")[2] == "global_enum" for one in decorators):
                    return True
    return False


def _is_namespace(node: ast.AST | None, aliases: set[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in aliases
    return isinstance(node, ast.Call) and dotted(node.func) in ("globals", "vars", "locals") and not node.args
