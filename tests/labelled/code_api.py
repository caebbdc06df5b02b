"""Pairs for `public_names`, made of the standard library."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

from tests.labelled.pair import Pair
from tests.labelled.stdlib import (
    Function,
    bound,
    classes,
    cut,
    each,
    functions,
    is_public,
    methods,
    modules,
    parses,
    read,
    text,
)

_Edit = Iterator[str]


def made() -> Iterator[Pair]:
    """Yield them."""
    for module in modules(7_000):
        yield Pair(text(module), text(module), True, "a module as it is")
    for edit, most, start, is_right, why in _EDITS:
        for before, after in each(edit, most, start):
            yield Pair(before, after, is_right, why)


def _public(code: str, tree: ast.Module) -> Iterator[Function]:
    """Yield public functions that are defined once, undecorated, and not taken from a module in C afterwards."""
    names = bound(tree)
    for node in functions(tree):
        if is_public(node.name) and names[node.name] == 1 and not node.decorator_list and "import *" not in code:
            yield node


def _classes(tree: ast.Module) -> Iterator[ast.ClassDef]:
    names = bound(tree)
    yield from (one for one in classes(tree) if is_public(one.name) and names[one.name] == 1)


def _methods(tree: ast.Module) -> Iterator[tuple[ast.ClassDef, Function]]:
    """Yield public methods of classes without bases, where nothing else in the class has their name."""
    for node in _classes(tree):
        if not node.bases and not node.decorator_list:
            for method in methods(node):
                if is_public(method.name) and bound(node)[method.name] == 1 and len(methods(node)) > 1:
                    yield node, method


def _source(code: str, node: ast.stmt) -> str:
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", ()))])
    return "\n".join(line[node.col_offset :] for line in code.splitlines()[first - 1 : node.end_lineno])


def _indented(code: str) -> str:
    return "\n".join(f"    {line}" if line else "" for line in code.splitlines())


# --- right ---


def _unparsed(_: str, tree: ast.Module) -> _Edit:
    yield ast.unparse(tree)


def _sorted(_: str, tree: ast.Module) -> _Edit:
    for node in classes(tree):
        node.body.sort(key=lambda one: getattr(one, "name", ""))
    yield ast.unparse(tree)


def _private_renamed(code: str, tree: ast.Module) -> _Edit:
    for node in functions(tree):
        if node.name.startswith("_") and not node.name.startswith("__") and "__all__" in code:
            yield re.sub(rf"\b{node.name}\b", f"{node.name}_helper", code)


def _aliased(code: str, tree: ast.Module) -> _Edit:
    for node in _public(code, tree):
        new = _source(code, node).replace(f"def {node.name}(", f"def make_{node.name}(", 1)
        yield cut(code, node, f"{new}\n\n\n{node.name} = make_{node.name}")


def _in_block(opening: str, otherwise: str) -> Callable[[str, ast.Module], _Edit]:
    def edit(code: str, tree: ast.Module) -> _Edit:
        for node in _public(code, tree):
            if '"""' in ast.unparse(node):  # indenting would change a text of several lines
                edited = cut(code, node, f"{opening}\n{_indented(_source(code, node))}\n{otherwise}")
                if parses(edited):
                    yield edited

    return edit


def _to_base(code: str, tree: ast.Module) -> _Edit:
    for node, method in _methods(tree):
        header = code.splitlines()[node.lineno - 1]
        if header.rstrip() in (f"class {node.name}:", f"class {node.name}():"):
            moved = _indented(_source(code, method))
            base = f"class _{node.name}Base:\n{moved}\n\n\nclass {node.name}(_{node.name}Base):"
            yield cut(code, method).replace(header, base, 1)


def _optional_added(code: str, tree: ast.Module) -> _Edit:
    for node in _public(code, tree):
        arguments = node.args
        if not (arguments.vararg or arguments.kwarg or arguments.kwonlyargs):
            arguments.args.append(ast.arg("verbose"))
            arguments.defaults.append(ast.Constant(False))
            yield ast.unparse(tree)


def _annotated(code: str, tree: ast.Module) -> _Edit:
    for node in _public(code, tree):
        for argument in (*node.args.args, *node.args.kwonlyargs):
            argument.annotation = ast.Constant("object")
        node.returns = ast.Constant("object")
        yield ast.unparse(tree)


def _decorated(code: str, tree: ast.Module) -> _Edit:
    for node in _public(code, tree):
        yield "import functools\n" + cut(code, node, f"@functools.lru_cache(maxsize=None)\n{_source(code, node)}")


def _as_property(code: str, tree: ast.Module) -> _Edit:
    for node, method in _methods(tree):
        if len(method.args.args) == 1:
            del node
            yield cut(code, method, f"@property\n{_source(code, method)}")


def _as_static(code: str, tree: ast.Module) -> _Edit:
    for _, method in _methods(tree):
        first = method.args.args[0].arg if method.args.args else ""
        if first and not read(method)[first]:
            method.args.args.pop(0)
            method.decorator_list.append(ast.Name("staticmethod", ast.Load()))
            yield ast.unparse(tree)


def _with_more(code: str, tree: ast.Module) -> _Edit:
    if list(_public(code, tree)):
        yield f"{code}\n\ndef _main():\n    print(__doc__)\n\n\nif __name__ == '__main__':\n    _main()\n"


def _set_on_class(code: str, tree: ast.Module) -> _Edit:
    for node, method in _methods(tree):
        moved = _source(code, method).replace(f"def {method.name}(", f"def _{node.name}_{method.name}(", 1)
        yield f"{cut(code, method)}\n\n{moved}\n\n\n{node.name}.{method.name} = _{node.name}_{method.name}\n"


# --- wrong ---


def _removed(code: str, tree: ast.Module) -> _Edit:
    yield from (cut(code, node) for node in _public(code, tree))


def _renamed(code: str, tree: ast.Module) -> _Edit:
    for node in _public(code, tree):
        yield re.sub(rf"\b{node.name}\b", f"do_{node.name}", code)


def _made_private(code: str, tree: ast.Module) -> _Edit:
    for node in _public(code, tree):
        yield re.sub(rf"(?<![.\w\"'])\b{node.name}\(", f"_{node.name}(", code)


def _nested(code: str, tree: ast.Module) -> _Edit:
    for node in _public(code, tree):
        edited = cut(code, node, f"def main():\n{_indented(_source(code, node))}\n")
        if parses(edited):
            yield edited


def _for_script_alone(code: str, tree: ast.Module) -> _Edit:
    for node in _public(code, tree):
        edited = cut(code, node, f"if __name__ == '__main__':\n{_indented(_source(code, node))}\n")
        if parses(edited):
            yield edited


def _class_removed(code: str, tree: ast.Module) -> _Edit:
    yield from (cut(code, node) for node in _classes(tree) if len(tree.body) > 3)


def _class_renamed(code: str, tree: ast.Module) -> _Edit:
    for node in _classes(tree):
        yield re.sub(rf"\b{node.name}\b", f"{node.name}Impl", code)


def _method_removed(code: str, tree: ast.Module) -> _Edit:
    yield from (cut(code, method) for _, method in _methods(tree))


def _method_renamed(code: str, tree: ast.Module) -> _Edit:
    for _, method in _methods(tree):
        yield cut(
            code, method, _source(code, method).replace(f"def {method.name}(", f"def perform_{method.name}(", 1)
        )


def _method_moved_out(code: str, tree: ast.Module) -> _Edit:
    for _, method in _methods(tree):
        yield f"{cut(code, method)}\n\n{_source(code, method)}\n"


def _parameter(change: str) -> Callable[[str, ast.Module], _Edit]:
    def edit(code: str, tree: ast.Module) -> _Edit:
        for node in _public(code, tree):
            arguments = node.args
            plain = [one for one in arguments.args if is_public(one.arg)]
            if arguments.posonlyargs or arguments.vararg or arguments.kwarg or len(plain) < 2:
                continue
            if change == "rename":
                plain[0].arg = f"the_{plain[0].arg}"
            elif change == "swap" and not arguments.defaults:
                arguments.args.reverse()
            elif change == "drop" and not arguments.defaults:
                arguments.args.pop()
            elif change == "require" and not arguments.defaults:
                arguments.args.append(ast.arg("settings"))
            elif change == "no default" and arguments.defaults:
                arguments.defaults.pop(0)
            elif change == "default" and arguments.defaults and isinstance(arguments.defaults[-1], ast.Constant):
                if type(arguments.defaults[-1].value) is int:
                    arguments.defaults[-1] = ast.Constant(arguments.defaults[-1].value + 7)
                else:
                    continue
            else:
                continue
            yield ast.unparse(tree)

    return edit


def _first_half(code: str, tree: ast.Module) -> _Edit:
    nodes = list(_public(code, tree))
    if len(nodes) > 2:
        yield "".join(code.splitlines(keepends=True)[: nodes[len(nodes) // 2].lineno - 1])


def _method_parameter(code: str, tree: ast.Module) -> _Edit:
    for _, method in _methods(tree):
        if len(method.args.args) > 1 and is_public(method.args.args[1].arg):
            method.args.args[1].arg = f"new_{method.args.args[1].arg}"
            yield ast.unparse(tree)


_EDITS: tuple[tuple[Callable[[str, ast.Module], _Edit], int, int, bool, str], ...] = (
    (_unparsed, 8, 4, True, "rewritten without comments"),
    (_sorted, 6, 12, True, "methods in another order"),
    (_private_renamed, 6, 0, True, "a private function has another name"),
    (_aliased, 8, 0, True, "an alias keeps a function's name"),
    (_in_block("if True:", ""), 3, 2, True, "defined under a condition"),
    (_in_block("for _ in (1,):", ""), 3, 8, True, "defined in a loop"),
    (_in_block("try:", "except NameError:\n    raise"), 3, 14, True, "defined in a try"),
    (_in_block("match 1:\n  case 1:", ""), 3, 20, True, "defined in a match"),
    (_to_base, 8, 0, True, "a method has moved to a base class"),
    (_optional_added, 6, 6, True, "a new parameter that need not be given"),
    (_annotated, 5, 10, True, "annotated"),
    (_decorated, 4, 16, True, "results are kept"),
    (_as_property, 4, 0, False, "a method has become a property: calls of it fail"),
    (_as_static, 4, 0, True, "a method that does not use its instance is static"),
    (_with_more, 4, 22, True, "something new beside it"),
    (_set_on_class, 4, 10, True, "a method that is set on its class"),
    (_removed, 12, 0, False, "a function is gone"),
    (_renamed, 10, 5, False, "a function has another name, everywhere"),
    (_made_private, 6, 15, False, "a function is private now"),
    (_nested, 6, 10, False, "a function is within another"),
    (_for_script_alone, 6, 20, False, "a function is there for a script alone"),
    (_class_removed, 8, 0, False, "a class is gone"),
    (_class_renamed, 8, 12, False, "a class has another name"),
    (_method_removed, 10, 0, False, "a method is gone"),
    (_method_renamed, 8, 6, False, "a method has another name"),
    (_method_moved_out, 6, 12, False, "a method is a function now"),
    (_first_half, 6, 0, False, "the second half is gone"),
    (_parameter("rename"), 8, 0, False, "a parameter has another name"),
    (_parameter("swap"), 5, 0, False, "parameters in another order"),
    (_parameter("drop"), 5, 10, False, "a parameter is gone"),
    (_parameter("require"), 5, 20, False, "a new parameter that has to be given"),
    (_parameter("no default"), 6, 0, False, "a parameter has lost its default"),
    (_parameter("default"), 5, 0, False, "another default"),
    (_method_parameter, 6, 0, False, "a method's parameter has another name"),
)
