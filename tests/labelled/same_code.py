"""Pairs for `same_code`: modules of the standard library, documented or left undocumented, and broken on the way.

Each edit is made where a module first allows it. What is right changes only documentation; what is wrong changes
one thing that runs, as small models do when they copy.
"""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from tests.labelled.pair import Pair

_STDLIB = Path(sysconfig.get_paths()["stdlib"])
_MODULES = (
    "bisect.py", "colorsys.py", "contextlib.py", "fnmatch.py", "getpass.py", "heapq.py", "linecache.py",
    "netrc.py", "queue.py", "quopri.py", "reprlib.py", "sched.py", "shelve.py", "shlex.py", "stat.py",
    "textwrap.py", "timeit.py",
)  # fmt: skip
_Function = ast.FunctionDef | ast.AsyncFunctionDef
Edit = Callable[[ast.Module], bool]
"""Changes a tree, or says that there is nothing to change."""


def made() -> Iterator[Pair]:
    """Yield every edit of every module that allows it."""
    for name in _MODULES:
        source = (_STDLIB / name).read_text(encoding="utf-8")
        for edits, is_right in ((RIGHT, True), (WRONG, False)):
            for edit in edits:
                tree = ast.parse(source)
                if edit(tree):
                    answer = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
                    compile(answer, name, "exec")
                    yield Pair(source, answer, is_right, f"{name}: {(edit.__doc__ or '').lower()}")


def _functions(tree: ast.Module) -> list[_Function]:
    return [node for node in ast.walk(tree) if isinstance(node, _Function)]


def _find(tree: ast.Module, kind: type[ast.AST], fits: Callable[..., bool] = lambda _: True) -> ast.AST | None:
    within = (node for function in _functions(tree) for node in ast.walk(function))
    return next((node for node in within if isinstance(node, kind) and fits(node)), None)


def _is_documented(node: ast.AST) -> bool:
    described = isinstance(node, _Function | ast.ClassDef | ast.Module)
    return described and ast.get_docstring(node) is not None  # type: ignore[arg-type] # narrowed by `described`


def _unread(tree: ast.Module) -> list[ast.AST]:
    """Return what is documented, nothing where the module itself reads docstrings: they are its own."""
    named = {getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(tree) if _is_read(node)}
    return [] if "__doc__" in named else [node for node in ast.walk(tree) if _is_documented(node)]


def _is_read(node: ast.AST) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Load)


# --- what is right ---


def comments_dropped(tree: ast.Module) -> bool:
    """Comments and blank lines dropped."""
    return bool(tree.body)


def functions_documented(tree: ast.Module) -> bool:
    """Every function that has none gets a docstring."""
    bare = [function for function in _functions(tree) if not _is_documented(function)]
    for function in bare:
        function.body.insert(0, ast.Expr(ast.Constant(f"Do what {function.name} does.")))
    return bool(bare)


def docstrings_reworded(tree: ast.Module) -> bool:
    """Every docstring is another one."""
    documented = _unread(tree)
    for node in documented:
        cast(_Function, node).body[0] = ast.Expr(ast.Constant("What it does, in other words."))
    return bool(documented)


def docstrings_dropped(tree: ast.Module) -> bool:
    """Docstrings dropped, `pass` where nothing is left."""
    documented = _unread(tree)
    for node in documented:
        body = cast(_Function, node).body
        body[:] = body[1:] or [ast.Pass()]
    return bool(documented)


def arguments_annotated(tree: ast.Module) -> bool:
    """Hints of built-in types on every argument and result."""
    for function in _functions(tree):
        for argument in function.args.args:
            if argument.arg not in ("self", "cls") and argument.annotation is None:
                argument.annotation = ast.parse("list[int | None] | str", mode="eval").body
        function.returns = function.returns or ast.Name("object")
    return bool(_functions(tree))


def typing_imported(tree: ast.Module) -> bool:
    """Hints from typing, with their import."""
    for function in _functions(tree):
        function.returns = ast.parse("Optional[typing.Any]", mode="eval").body
    place = 1 if _is_documented(tree) else 0
    tree.body[place:place] = ast.parse("import typing\nfrom typing import Optional\n").body
    return bool(_functions(tree))


def hints_postponed(tree: ast.Module) -> bool:
    """Hints that are not evaluated, of a module imported for type checkers alone."""
    for function in _functions(tree):
        function.returns = ast.Name("Decimal")
    place = 1 if _is_documented(tree) else 0
    tree.body[place:place] = ast.parse(
        "from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from decimal import Decimal\n"
    ).body
    return bool(_functions(tree))


def imports_split(tree: ast.Module) -> bool:
    """`import a, b` on two lines."""
    at = next((at for at, node in enumerate(tree.body) if isinstance(node, ast.Import | ast.ImportFrom)), None)
    if at is None or len((node := cast(ast.Import, tree.body[at])).names) < 2:
        return False
    tree.body[at : at + 1] = [
        ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, [alias], node.level)
        for alias in node.names
    ]
    return True


def variable_annotated(tree: ast.Module) -> bool:
    """The first variable of a function gets a hint."""
    for function in _functions(tree):
        declared = {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}
        for at, node in enumerate(function.body):
            targets = node.targets if isinstance(node, ast.Assign) else []
            if len(targets) == 1 and isinstance(targets[0], ast.Name) and targets[0].id not in declared:
                value = cast(ast.Assign, node).value
                function.body[at] = ast.AnnAssign(targets[0], ast.Name("object"), value, 1)
                return True
    return False


# --- what is wrong ---


def argument_dropped(tree: ast.Module) -> bool:
    """A call without its last argument."""
    call = cast("ast.Call | None", _find(tree, ast.Call, lambda node: len(node.args) > 1))
    return call is not None and bool(call.args.pop())


def default_changed(tree: ast.Module) -> bool:
    """An argument's default is another."""
    function = next((one for one in _functions(tree) if one.args.defaults), None)
    if function is not None:
        function.args.defaults[-1] = ast.Constant("another")
    return function is not None


def argument_renamed(tree: ast.Module) -> bool:
    """An argument has another name, and so have its uses."""
    function = next((one for one in _functions(tree) if len(one.args.args) > 1), None)
    if function is None:
        return False
    old = function.args.args[-1].arg
    for node in ast.walk(function):
        if isinstance(node, ast.arg) and node.arg == old:
            node.arg = "renamed"
        if isinstance(node, ast.Name) and node.id == old:
            node.id = "renamed"
    return True


def statement_dropped(tree: ast.Module) -> bool:
    """A function's last statement is missing."""
    function = next((one for one in _functions(tree) if len(one.body) > 2), None)
    return function is not None and bool(function.body.pop())


def body_elided(tree: ast.Module) -> bool:
    """A function's body became an ellipsis."""
    function = next((one for one in _functions(tree) if len(one.body) > 1), None)
    if function is not None:
        function.body[:] = [ast.Expr(ast.Constant(...))]
    return function is not None


def comparison_turned(tree: ast.Module) -> bool:
    """A comparison the other way round."""
    turned = {ast.Lt: ast.LtE, ast.Gt: ast.GtE, ast.Eq: ast.NotEq, ast.Is: ast.IsNot, ast.NotIn: ast.In}
    compare = cast("ast.Compare | None", _find(tree, ast.Compare, lambda node: type(node.ops[0]) in turned))
    if compare is not None:
        compare.ops[0] = turned[type(compare.ops[0])]()
    return compare is not None


def number_changed(tree: ast.Module) -> bool:
    """A number is off by one."""
    number = cast("ast.Constant | None", _find(tree, ast.Constant, lambda node: type(node.value) is int))
    if number is not None:
        number.value = cast(int, number.value) + 1
    return number is not None


def function_dropped(tree: ast.Module) -> bool:
    """The last definition of the module is missing."""
    at = [at for at, node in enumerate(tree.body) if isinstance(node, _Function | ast.ClassDef)]
    return bool(at) and bool(tree.body.pop(at[-1]))


def import_dropped(tree: ast.Module) -> bool:
    """An import is missing."""
    at = next((at for at, node in enumerate(tree.body) if isinstance(node, ast.Import)), None)
    return at is not None and bool(tree.body.pop(at))


def import_added(tree: ast.Module) -> bool:
    """An import that nothing needs."""
    tree.body.insert(1 if _is_documented(tree) else 0, ast.Import([ast.alias("turtle")]))
    return True


def undefined_hint(tree: ast.Module) -> bool:
    """A hint that names what is not imported."""
    _functions(tree)[0].returns = ast.Name("DataFrame")
    return True


def hint_that_fails(tree: ast.Module) -> bool:
    """A hint that raises when the module is imported."""
    _functions(tree)[-1].returns = ast.parse("callable[[int], int]", mode="eval").body
    return True


def exception_widened(tree: ast.Module) -> bool:
    """An exception handler catches everything."""
    handler = cast(
        "ast.ExceptHandler | None",
        _find(tree, ast.ExceptHandler, lambda node: node.type is not None and node.name is None),
    )
    if handler is not None:
        handler.type = ast.Name("BaseException")
    return handler is not None


def result_dropped(tree: ast.Module) -> bool:
    """A function returns nothing any more."""
    found = cast("ast.Return | None", _find(tree, ast.Return, lambda node: node.value is not None))
    if found is not None:
        found.value = None
    return found is not None


RIGHT: tuple[Edit, ...] = (
    comments_dropped, functions_documented, docstrings_reworded, docstrings_dropped, arguments_annotated,
    typing_imported, hints_postponed, imports_split, variable_annotated,
)  # fmt: skip
WRONG: tuple[Edit, ...] = (
    argument_dropped, default_changed, argument_renamed, statement_dropped, body_elided, comparison_turned,
    number_changed, function_dropped, import_dropped, import_added, undefined_hint, hint_that_fails,
    exception_widened, result_dropped,
)  # fmt: skip
