"""Pairs for `self_contained`, made of the standard library."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from importlib import import_module

from tests.labelled.pair import Pair
from tests.labelled.stdlib import bound, cut, each, functions, modules, parses, read, text


def made() -> Iterator[Pair]:
    """Yield them."""
    for module in modules(9_000):
        yield Pair(text(module), text(module), True, "a module as it is")
    for edit, most, start, is_right, why in _EDITS:
        for before, after in each(edit, most, start):
            yield Pair(before, after, is_right, why)


def _unparsed(_: str, tree: ast.Module) -> Iterator[str]:
    yield ast.unparse(tree)


def _starred(code: str, tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and not node.level and node.module and node.module[0] not in "_":
            brought = import_module(node.module)
            names = getattr(brought, "__all__", None) or [name for name in dir(brought) if name[0] != "_"]
            if all(alias.name in names and not alias.asname for alias in node.names):
                yield cut(code, node, f"from {node.module} import *")


def _checked_types(code: str, tree: ast.Module) -> Iterator[str]:
    end = "\n\ndef shown(value: Decimal) -> Decimal:\n    result: Decimal = value\n    return result\n"
    begin = "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
    begin += "if TYPE_CHECKING:\n    from decimal import Decimal\n"
    if "Decimal" not in code and "from __future__" not in code:
        docstring = ast.get_docstring(tree)
        rest = cut(code, tree.body[0]) if docstring else code
        yield begin + rest + end


def _run_types(code: str, tree: ast.Module) -> Iterator[str]:
    yield from (one.replace("return result\n", "return Decimal(result)\n") for one in _checked_types(code, tree))


def _evaluated_types(code: str, tree: ast.Module) -> Iterator[str]:
    for one in _checked_types(code, tree):
        yield one.replace("from __future__ import annotations\n", "")


def _with_fallback(code: str, _: ast.Module) -> Iterator[str]:
    yield (
        code
        + "\n\ntry:\n    import numpy as np\nexcept ImportError:\n    np = None\n\nHAS_NUMPY = np is not None\n"
    )


def _without_fallback(code: str, _: ast.Module) -> Iterator[str]:
    yield (
        code + "\n\ntry:\n    import numpy as np\nexcept ImportError:\n    raise SystemExit('needs numpy')\n\n"
        "ZERO = np.zeros(1)\n"
    )


def _foreign(code: str, _: ast.Module) -> Iterator[str]:
    yield code + "\n\ndef as_frame(rows):\n    import pandas as pd\n    return pd.DataFrame(rows)\n"


def _relative(code: str, _: ast.Module) -> Iterator[str]:
    yield code + "\n\nfrom .helpers import cleaned\n\nCLEANED = cleaned()\n"


def _imported_once(code: str, tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    names, uses = bound(tree), read(tree)
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom) and len(node.names) == 1 and node.names[0].name != "*":
            name = node.names[0].asname or node.names[0].name.partition(".")[0]
            if names[name] == 1 and uses[name] and "NameError" not in code and not hasattr(builtins, name):
                yield node


def _without_import(code: str, tree: ast.Module) -> Iterator[str]:
    yield from (cut(code, node) for node in _imported_once(code, tree))


def _other_star(code: str, tree: ast.Module) -> Iterator[str]:
    for node in _imported_once(code, tree):
        if "math" not in ast.unparse(node):
            yield cut(code, node, "from math import *")


def _type_checking_import(code: str, tree: ast.Module) -> Iterator[str]:
    for node in _imported_once(code, tree):
        yield cut(code, node, f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    {ast.unparse(node)}")


def _without_helper(code: str, tree: ast.Module) -> Iterator[str]:
    names, uses = bound(tree), read(tree)
    for node in functions(tree):
        own = read(node)[node.name]
        is_only = names[node.name] == 1 and not hasattr(builtins, node.name) and "import *" not in code
        if is_only and uses[node.name] > own and not node.decorator_list:
            edited = cut(code, node)
            if parses(edited):
                yield edited


def _renamed_parameter(code: str, tree: ast.Module) -> Iterator[str]:
    for node in functions(tree, 3):
        for argument in node.args.args:
            if bound(tree)[argument.arg] == 1 and read(node)[argument.arg] and argument.lineno == node.lineno:
                lines = code.splitlines(keepends=True)
                line, at = lines[node.lineno - 1], argument.col_offset
                lines[node.lineno - 1] = f"{line[:at]}given_{line[at:]}"
                if not hasattr(builtins, argument.arg):
                    yield "".join(lines)


def _misspelled(code: str, tree: ast.Module) -> Iterator[str]:
    for node in functions(tree, 4):
        for name in ast.walk(node):
            if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load) and len(name.id) > 3:
                lines = code.splitlines(keepends=True)
                line, at = lines[name.lineno - 1], name.col_offset
                if line.isascii() and name.id in bound(node):
                    lines[name.lineno - 1] = f"{line[:at]}{name.id[:-1]}{name.id[-2:]}{line[at + len(name.id) :]}"
                    yield "".join(lines)


def _cut_off(code: str, tree: ast.Module) -> Iterator[str]:
    last = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)][-1]
    yield "".join(code.splitlines(keepends=True)[: last.lineno - 1]) + code.splitlines()[last.lineno - 1][:7]


def _class_comprehension(code: str, _: ast.Module) -> Iterator[str]:
    yield code + "\n\nclass Sizes:\n    factor = 2\n    doubled = [size * factor for size in (1, 2, 3)]\n"


def _class_iterable(code: str, _: ast.Module) -> Iterator[str]:
    yield code + "\n\nclass Sizes:\n    sizes = (1, 2, 3)\n    doubled = [size * 2 for size in sizes]\n"


def _never_set(code: str, _: ast.Module) -> Iterator[str]:
    yield code + "\n\ndef count_call():\n    global calls_so_far\n    calls_so_far += 1\n    return calls_so_far\n"


def _set_elsewhere(code: str, _: ast.Module) -> Iterator[str]:
    end = "\n\ndef reset():\n    global calls\n    calls = 0\n\n"
    end += "def count_call():\n    global calls\n    calls += 1\n"
    yield code + end


_EDITS = (
    (_unparsed, 10, 20, True, "rewritten without comments"),
    (_starred, 14, 0, True, "star imports from the standard library"),
    (_checked_types, 5, 5, True, "types that are imported for annotations alone, which are postponed"),
    (_with_fallback, 4, 9, True, "an import with something in its place"),
    (_class_iterable, 4, 13, True, "a comprehension over a name of its class"),
    (_set_elsewhere, 3, 17, True, "a global that another function sets"),
    (_without_import, 20, 0, False, "an import is gone, its name is not"),
    (_other_star, 14, 8, False, "an import is gone, behind a star import that does not bring it"),
    (_type_checking_import, 10, 3, False, "a module that runs is imported for type checkers"),
    (_without_helper, 16, 0, False, "a function that others call is gone"),
    (_renamed_parameter, 10, 2, False, "a parameter has another name than its uses"),
    (_misspelled, 10, 6, False, "a variable is spelled in another way where it is read"),
    (_run_types, 5, 10, False, "a class that type checkers see is called"),
    (_evaluated_types, 5, 15, False, "a class that type checkers see is in an annotation that is evaluated"),
    (_without_fallback, 3, 20, False, "an import that ends the program where it fails"),
    (_foreign, 4, 24, False, "a package that the source does not use"),
    (_relative, 3, 28, False, "a module beside this one"),
    (_cut_off, 4, 30, False, "cut off"),
    (_class_comprehension, 4, 32, False, "a comprehension that reads a name of its class"),
    (_never_set, 3, 36, False, "a global that nothing sets"),
)
