"""A module's code without its documentation: docstrings, comments, annotations and the imports these need.

Annotations and docstrings that the program itself reads are part of what it does, and are kept apart by name:
fields of data classes, annotations under decorators, docstrings where `__doc__` is used.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

TYPING = frozenset({"typing", "typing_extensions", "collections.abc", "types"})
_HARMLESS = sys.stdlib_module_names - {"antigravity", "this"}  # which do something when they are imported
_READ_ANNOTATIONS = frozenset({"__annotations__", "get_annotations", "get_type_hints"})
_READ_NONE = frozenset(
    {"ABC", "Enum", "Flag", "IntEnum", "IntFlag", "StrEnum", "TestCase", "Thread", "abstractmethod"}
    | {"asynccontextmanager", "cache", "cached_property", "classmethod", "contextmanager", "deleter", "final"}
    | {"getter", "lru_cache", "overload", "override", "property", "runtime_checkable", "setter", "staticmethod"}
    | {"total_ordering", "unique", "wraps"}
)
"""Decorators and bases that leave annotations alone, besides the built-in classes."""

_NAMING = frozenset({"id", "name", "arg", "attr"})  # fields of nodes that hold a name

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Import = ast.Import | ast.ImportFrom
_HOLDS_STATEMENTS = ast.stmt | ast.excepthandler | ast.match_case


@dataclass(frozen=True, slots=True)
class Code:
    """What a module does, apart from how it is documented.

    Attributes:
        tree: Without documentation; its imports bind one name each.
        annotations: Every annotation that is evaluated when the module runs.
        read: Docstrings and annotations that the program may read, by what they belong to.
        lazy: Whether annotations are not evaluated (`from __future__ import annotations`).
        bound: The names that the module's code binds, its imports' aside.
        only_checked: The names that are imported for type checkers alone.
        documentation: How many docstrings and annotations there are.
        nodes: Every node of the tree. To walk over a tree costs more than all else here, so it is done once.
    """

    tree: ast.Module
    annotations: list[ast.expr]
    read: dict[str, str]
    lazy: bool
    bound: frozenset[str]
    only_checked: frozenset[str]
    documentation: int
    nodes: list[ast.AST]


def bare(text: str) -> Code:
    """Return a module's code.

    Raises:
        SyntaxError: It does not compile.
        ValueError: It holds a NUL.
    """
    compile(text, "module", "exec", dont_inherit=True)  # what parses may still not compile
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    names, attributes = _loaded(nodes, ast.Name), _loaded(nodes, ast.Attribute)
    read = _read(tree, reads_own="__doc__" in names, reads_any="__doc__" in attributes)
    annotations, documentation = list(_evaluated(nodes)), _documentation(nodes)
    stripping = _Stripping(keeps=bool(_READ_ANNOTATIONS & (names | attributes)))
    stripping.visit(tree)
    only_checked, nodes = frozenset(stripping.only_checked), list(ast.walk(tree))
    return Code(tree, annotations, read, stripping.lazy, _bound(nodes), only_checked, documentation, nodes)


def needless_imports(old: Code, new: Code) -> frozenset[int]:
    """Return the ids of the imports that annotations alone need, and of a new tree's from the standard library."""
    earlier = {ast.dump(node) for node in old.nodes if isinstance(node, _Import)}
    annotated = {name for annotation in new.annotations for name in _names(ast.walk(annotation))}

    def is_needless(node: _Import) -> bool:
        module = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
        if not module or (isinstance(node, ast.ImportFrom) and node.level):
            return False
        if module in TYPING:
            return True
        name = _binds(node)
        return ast.dump(node) not in earlier and name in annotated and module.partition(".")[0] in _HARMLESS

    return frozenset(id(node) for code in (old, new) for node in _unused_imports(code) if is_needless(node))


def _unused_imports(code: Code) -> list[_Import]:
    """Return the imports of names that the code neither uses nor imports twice."""
    imports = [node for node in code.nodes if isinstance(node, _Import)]
    times = Counter(map(_binds, imports))
    used = set(_names(code.nodes)) if imports else set()
    return [node for node in imports if times[_binds(node)] == 1 and _binds(node) not in used]


class _Stripping(ast.NodeTransformer):
    """Removes documentation. A statement that is a constant does nothing, and neither does `pass`."""

    def __init__(self, *, keeps: bool) -> None:
        self.keeps, self.lazy, self.only_checked = keeps, False, set[str]()
        self._around: list[ast.AST] = []

    def visit(self, node: ast.AST) -> ast.AST:
        is_scope = isinstance(node, _Definition | ast.Lambda)
        self._around += [node] if is_scope else []
        visited: ast.AST = super().visit(node)
        self._around = self._around[:-1] if is_scope else self._around
        return visited

    def visit_Pass(self, node: ast.Pass) -> None:
        del node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant(node.value)  # without its prefix u

    def visit_Import(self, node: ast.Import) -> list[ast.Import]:
        return [ast.Import([alias]) for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.ImportFrom]:
        names = node.names
        if node.module == "__future__" and any(alias.name == "annotations" for alias in names):
            self.lazy = True
            names = [alias for alias in names if alias.name != "annotations"]
        return [ast.ImportFrom(node.module, [alias], node.level) for alias in names]

    def visit_If(self, node: ast.If) -> ast.AST | None:
        is_for_checkers = getattr(node.test, "id", getattr(node.test, "attr", None)) == "TYPE_CHECKING"
        imports = [inner for inner in node.body if isinstance(inner, _Import)]
        if is_for_checkers and len(imports) == len(node.body) and not node.orelse:
            self.only_checked |= {
                alias.asname or alias.name.partition(".")[0] for inner in imports for alias in inner.names
            }
            return None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return node if self.keeps else ast.arg(node.arg)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = node.returns if self.keeps else None
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.returns = node.returns if self.keeps else None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        scope = self._around[-1] if self._around else None
        if self.keeps or (isinstance(scope, ast.ClassDef) and _has_fields(scope)):
            return self.generic_visit(node)
        if node.value is not None:
            return self.generic_visit(ast.Assign([node.target], node.value))
        # In a function it makes the name a local one.
        return node if isinstance(scope, _Function) else None


def _binds(node: _Import) -> str:
    """Return the name that an import of one name binds."""
    alias = node.names[0]
    return alias.asname or (alias.name.partition(".")[0] if isinstance(node, ast.Import) else alias.name)


def _names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names that nodes have, bind, or have in a string of their own; imports' aside."""
    for node in nodes:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                yield from _quoted(node.value)
        elif not isinstance(node, ast.alias):
            for field in _NAMING.intersection(node._fields):
                if isinstance(name := getattr(node, field, None), str):
                    yield name


def _loaded(nodes: Sequence[ast.AST], kind: type[ast.Name] | type[ast.Attribute]) -> set[str]:
    found = (node for node in nodes if isinstance(node, kind) and isinstance(node.ctx, ast.Load))
    return {node.id if isinstance(node, ast.Name) else node.attr for node in found}


def _quoted(text: str) -> Iterator[str]:
    if len(text) > 200 or not any(character.isalpha() for character in text):
        return
    try:
        yield from (node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name))
    except (SyntaxError, ValueError):
        return


def _bound(nodes: Sequence[ast.AST]) -> frozenset[str]:
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return frozenset(stored | {node.name for node in nodes if isinstance(node, _Definition)})


def _evaluated(nodes: Sequence[ast.AST]) -> Iterator[ast.expr]:
    """Yield the annotations that Python evaluates: functions', and variables' outside of functions."""
    for node in nodes:
        if isinstance(node, _Function):
            yield from (annotation for _, annotation in _annotated(node))
        if isinstance(node, ast.Module | ast.ClassDef):
            yield from (inner.annotation for inner in node.body if isinstance(inner, ast.AnnAssign))


def _documentation(nodes: Sequence[ast.AST]) -> int:
    described = (node for node in nodes if isinstance(node, ast.Module | _Definition))
    docstrings = sum(ast.get_docstring(node, clean=False) is not None for node in described)
    functions = sum(len(list(_annotated(node))) for node in nodes if isinstance(node, _Function))
    return docstrings + functions + sum(isinstance(node, ast.AnnAssign) for node in nodes)


def _annotated(function: _Function) -> Iterator[tuple[str, ast.expr]]:
    every = function.args
    arguments = [*every.posonlyargs, *every.args, *every.kwonlyargs, every.vararg, every.kwarg]
    yield from ((one.arg, one.annotation) for one in arguments if one is not None and one.annotation is not None)
    if function.returns is not None:
        yield "return", function.returns


def _read(tree: ast.Module, *, reads_own: bool, reads_any: bool) -> dict[str, str]:
    """Return what of the documentation the program may read."""
    read = dict[str, str]()
    if (reads_own or reads_any) and (text := ast.get_docstring(tree)):
        read["the module's docstring"] = text
    for place, node in _definitions(tree, "", Counter()):
        if reads_any and (text := ast.get_docstring(node)):
            read[f"the docstring of {place}"] = text
        if isinstance(node, _Function) and not all(map(_leaves_alone, node.decorator_list)):
            for name, annotation in _annotated(node):
                read[f"the annotation of {place}'s {name}, which a decorator may read"] = ast.dump(annotation)
    return read


def _definitions(tree: ast.AST, prefix: str, seen: Counter[str]) -> Iterator[tuple[str, _Definition]]:
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, _HOLDS_STATEMENTS):
            continue
        place = prefix
        if isinstance(node, _Definition):
            place = f"{prefix}.{node.name}" if prefix else node.name
            seen[place] += 1
            if seen[place] > 1:
                place += f"#{seen[place]}"
            yield place, node
        yield from _definitions(node, place, seen)


def _has_fields(scope: ast.ClassDef) -> bool:
    """Whether a class's annotations may be fields: a data class, a named tuple, a model."""
    return bool(scope.keywords) or not all(map(_leaves_alone, [*scope.decorator_list, *scope.bases]))


def _leaves_alone(node: ast.expr) -> bool:
    node = node.func if isinstance(node, ast.Call) else node
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    return name in _READ_NONE or isinstance(getattr(builtins, name, None), type)
