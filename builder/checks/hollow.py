"""Code that does nothing where something was done: bodies of `pass` and `...`, displays that end in dots."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from builder.checks.python_code import Function, dotted

_STRINGS = re.compile(r"(\"{3}|'{3}).*?\1", re.S)
_DEFINED = re.compile(r"[ \t]*(def|class)[ \t]+(\w+)")
_NOTHING = re.compile(r"\s*(?:#.*|pass\b.*|\.\.\.|return(?: None)?|raise NotImplemented.*|['\"].*['\"])?\s*")

_Block = ast.If | ast.For | ast.AsyncFor | ast.While | ast.With | ast.AsyncWith


def hollowed(before: str, source: ast.Module | None, tree: ast.Module) -> str | None:
    """Return the first sign in new code of statements or elements left out that the source has not left out.

    Args:
        before: The source.
        source: Its syntax tree, None where it is no Python 3.
        tree: The new code's.
    """
    nodes = list(ast.walk(tree))
    for find in (_dots_among_others, _dots_in_blocks, _dots_in_displays):
        if find(nodes) and not (source and find(list(ast.walk(source)))):
            return "..."
    if source is None:
        return next(_functions_hollowed(_doers(before), tree), None)
    does = {name: not _does_nothing(node) for name, node in _functions(source, "")}
    return next(_functions_hollowed(does, tree), None) or next(_blocks_hollowed(source, nodes), None)


def _dots_among_others(nodes: Sequence[ast.AST]) -> bool:
    """Whether `...` stands in a body that does something else too: for more of it."""
    bodies = [node.body for node in nodes if isinstance(node, ast.Module | ast.ClassDef | Function)]
    return any(
        any(map(_is_dot, body)) and not all(_is_dot(one) or is_hollow([one]) for one in body) for body in bodies
    )


def _is_dot(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is Ellipsis


def _dots_in_blocks(nodes: Sequence[ast.AST]) -> bool:
    """Whether the body of a loop or branch is `...`, as no finished code has it."""
    return any(len(body) == 1 and _is_dot(body[0]) for _, body in _blocks(nodes))


def _dots_in_displays(nodes: Sequence[ast.AST]) -> bool:
    """Whether a list, set or dictionary has `...` among its elements: not `a[..., 0]`, nor `tuple[int, ...]`."""
    inner = {
        id(one) for node in nodes if isinstance(node, ast.Subscript) for one in ast.iter_child_nodes(node.slice)
    }
    for node in nodes:
        if not isinstance(node, ast.List | ast.Set | ast.Dict) or id(node) in inner:
            continue
        elements = [*node.keys, *node.values] if isinstance(node, ast.Dict) else node.elts
        if len(elements) > 1 and any(isinstance(one, ast.Constant) and one.value is ... for one in elements):
            return True
    return False


def _blocks(nodes: Iterable[ast.AST]) -> Iterator[tuple[_Block, list[ast.stmt]]]:
    """Yield loops and branches with their bodies, and again with what they do otherwise."""
    for node in nodes:
        if isinstance(node, _Block):
            yield node, node.body
            if not isinstance(node, ast.With | ast.AsyncWith) and node.orelse:
                yield node, node.orelse


def _blocks_hollowed(source: ast.Module, nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Yield what stands for loops and branches that did something in the source and do nothing now."""
    hollow = [(node, body) for node, body in _blocks(nodes) if is_hollow(body)]
    if not hollow:
        return
    did = {_head(node, body) for node, body in _blocks(ast.walk(source)) if not is_hollow(body)}
    does = {_head(node, body) for node, body in _blocks(nodes) if not is_hollow(body)}
    for node, body in hollow:
        if _head(node, body) in did - does:
            yield ast.unparse(body[-1])


def _head(node: _Block, body: list[ast.stmt]) -> str:
    """Return what a block depends on, and which of its bodies it is."""
    depends = [ast.dump(one) for _, one in ast.iter_fields(node) if isinstance(one, ast.expr)]
    return f"{type(node).__name__} {body is node.body} {depends}"


def is_hollow(body: list[ast.stmt]) -> bool:
    """Whether a body does nothing: `pass`, `...`, a docstring, `raise NotImplementedError`."""
    return all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Raise) and "NotImplemented" in ast.dump(node))
        for node in body
    )


def _doers(code: str) -> dict[str, bool]:
    """Return the functions of code that is no Python 3, and whether each has a line that does something."""
    found: dict[str, bool] = {}
    around: list[tuple[int, str, str]] = []
    for line in _STRINGS.sub("''", code).expandtabs().splitlines():
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        around = [one for one in around if one[0] < indent]
        if (defined := _DEFINED.match(line)) is not None:
            around.append((indent, defined[1], defined[2]))
            name = ".".join(name for *_, name in around)
            if defined[1] == "def":
                found[name] = line.rstrip()[-1:] != ":"
        elif around and around[-1][1] == "def" and _NOTHING.fullmatch(line) is None:
            found[".".join(name for *_, name in around)] = True
    return found


def _functions_hollowed(does: Mapping[str, bool], tree: ast.Module) -> Iterator[str]:
    """Yield functions that did something in the source and do nothing now, and new ones of three dots."""
    now = list(_functions(tree, ""))
    doing = sum(not _does_nothing(node) for _, node in now)
    is_fewer = doing < sum(does.values()) and len(now) - doing > len(does) - sum(does.values())
    filled = {name for name, node in now if not _does_nothing(node)}
    heirs = {
        f"{dotted(base)}.{name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for base in node.bases
        for name, method in _functions(node, "")
        if not _does_nothing(method)
    }
    for name, node in now:
        # A method may have gone to the classes that derive from this one, a function be there twice.
        is_empty = _does_nothing(node) and not _is_overload(node) and name not in filled | heirs
        is_new = name not in does and "." not in name and (_is_dots(node.body) or is_fewer)
        if is_empty and (does.get(name) or is_new):
            yield f"def {node.name}"


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.If | ast.Try | ast.With | ast.For | ast.While | ast.ExceptHandler):
            yield from _functions(child, prefix)


def _does_nothing(node: Function) -> bool:
    body = [one for one in node.body if not (isinstance(one, ast.Return) and _is_nothing(one.value))]
    return is_hollow(body)


def _is_nothing(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Name):
        return value.id == "NotImplemented"
    return value is None or (isinstance(value, ast.Constant) and value.value in (None, ...))


def _is_dots(body: list[ast.stmt]) -> bool:
    return _is_dot(body[-1])


def _is_overload(node: Function) -> bool:
    return any(dotted(one).rpartition(".")[2] == "overload" for one in node.decorator_list)
