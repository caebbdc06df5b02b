"""pylint on one text after another in one process, each scored as if it were the only one.

Loaded by `zygote` in a bare interpreter, so it imports nothing of this project. What makes it quick: pylint is
set up once, and the syntax trees of the standard library's modules are built once, not again for every text.
What keeps it exact: all that a text leaves behind is taken back before the next.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib.util
import io
import resource
import sys
import sysconfig
import tokenize
from collections.abc import Callable, Iterator
from importlib.machinery import FrozenImporter
from pathlib import Path
from typing import Any, ClassVar

from astroid import manager
from astroid.context import _invalidate_cache
from astroid.exceptions import AstroidBuildingError, AstroidError, AstroidSyntaxError
from astroid.inference_tip import _CURRENTLY_INFERRING, clear_inference_tip_cache
from pylint.checkers import BaseRawFileChecker, BaseTokenChecker
from pylint.interfaces import HIGH
from pylint.lint import Run
from pylint.lint.pylinter import PyLinter
from pylint.reporters import BaseReporter
from pylint.utils import ASTWalker, FileState, LinterStats

_MODULE, _FILE = "source", "source.py"
_MOST_TEXTS, _MOST_GROWTH = 200, 400 * 1024  # kB. Garbage is not collected: a worn worker is replaced.

_CANNOT_FIRE = "R0801"  # duplicate-code compares files; on a single one it only parses it again
_NOT_WARMED = {"antigravity", "idlelib", "lib2to3", "test", "this", "turtledemo", "__phello__"}
_NOT_MODULES = {"__main__", "encodings", "ensurepip", "pydoc_data", "site-packages", "test", "tests"}
# Of the search for modules: their answers depend on folders that don't change.
_KEPT_CACHES = ("astroid.modutils", "astroid.interpreter._import", "pylint.message")


class _Silent(BaseReporter):
    """pylint counts its messages itself; nobody reads them here."""

    def handle_message(self, msg: Any) -> None:  # noqa: ANN401
        """Let it go."""

    def display_messages(self, layout: Any) -> None:  # noqa: ANN401
        """Print nothing."""

    def _display(self, layout: Any) -> None:  # noqa: ANN401
        """Print nothing."""


class _Linter(PyLinter):
    """pylint, given its source from memory, with the tokens it reads kept for the comment penalty."""

    builder: ClassVar[Any]
    tokens: list[tokenize.TokenInfo] | None = None

    def process_tokens(self, tokens: list[tokenize.TokenInfo]) -> None:
        """Keep the tokens, and read the inline options in them."""
        self.tokens = tokens
        super().process_tokens(tokens)

    def get_ast(self, filepath: str, modname: str, data: str | None = None) -> Any:  # noqa: ANN401
        """Return the tree of a text, read as pylint reads a file with these bytes; None where it has none."""
        content = (data or "").encode()
        try:
            encoding, text = _decoded(content)
            module = self.builder(manager.AstroidManager()).string_build(text, modname, filepath)
        except AstroidSyntaxError as error:
            found = error.error
            place = {"line": getattr(found, "lineno", None) or 0, "col_offset": getattr(found, "offset", None)}
            self.add_message("syntax-error", args=f"Parsing failed: '{found}'", confidence=HIGH, **place)
            return None
        except AstroidBuildingError as error:
            self.add_message("parse-error", args=error)
            return None
        module.file_bytes, module.file_encoding = content, encoding
        return module


def _decoded(content: bytes) -> tuple[str, str]:
    """Return the encoding that a file's bytes declare, and their text, line ends as `open` gives them."""
    try:
        encoding = tokenize.detect_encoding(io.BytesIO(content).readline)[0]
        return encoding, io.TextIOWrapper(io.BytesIO(content), encoding=encoding).read()
    except (SyntaxError, LookupError) as error:
        raise AstroidSyntaxError("unknown encoding", error=error) from error
    except UnicodeError as error:
        raise AstroidBuildingError("wrong encoding") from error


class Scorer:
    """Scores texts. `worn` tells when its process should be replaced by a fresh one."""

    def __init__(self, disabled: str, versions: dict[str, str], comments: Any, trees: Any) -> None:  # noqa: ANN401 - modules
        self._versions, self._comments = versions, comments
        _close_holes()
        self._loaded = trees.install()
        _Linter.builder = trees.Builder
        Run.LinterClass = _Linter
        options = ["--rcfile=/dev/null", "--persistent=n", f"--disable={disabled},{_CANNOT_FIRE}"]
        sys.stdin = io.TextIOWrapper(io.BytesIO(b"import os\nX = os.name\n"))
        run = Run([*options, "--from-stdin", _FILE], reporter=_Silent(), exit=False)
        self._linter: Any = run.linter
        self._checkers = self._linter.prepare_checkers()
        self._walker = ASTWalker(self._linter)
        for checker in self._checkers:
            checker.open()
            self._walker.add_checker(checker)
        self._raw = [checker for checker in self._checkers if isinstance(checker, BaseRawFileChecker)]
        self._token = [checker for checker in self._checkers if isinstance(checker, BaseTokenChecker)]
        self._caches = [cached for cached in gc.get_objects() if _is_cache_of_trees(cached)]
        self._manager = manager.AstroidManager()
        self._texts, self._grown_from, self.worn = 0, 0, False
        self._loaded.keep()
        self._forget()
        del self._manager.astroid_cache[_MODULE]
        self._keep_state()
        gc.disable()

    def _keep_state(self) -> None:
        self._trees = dict(self._manager.astroid_cache)
        self._places = dict(self._manager._mod_file_cache)

    def warm(self) -> Iterator[None]:
        """Build the trees of the standard library's modules, one a step."""
        for name in _standard_modules():
            with contextlib.suppress(AstroidError):
                self._manager.ast_from_module_name(name)
            self._loaded.keep()
            self._forget()
            yield
        self._keep_state()

    def measure(self, text: str) -> dict[str, Any]:
        """Return the rating that pylint would print, what it counted, and the share of comments."""
        if not self._texts:
            self._grown_from = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            return self._measure(text)
        finally:
            self._take_back()
            self._texts += 1
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - self._grown_from
            self.worn = self.worn or self._texts >= _MOST_TEXTS or grown > _MOST_GROWTH

    def _measure(self, text: str) -> dict[str, Any]:
        self._lint(text)
        self._linter.generate_reports()
        stats, tokens = self._linter.stats, self._linter.tokens
        if tokens and tokens[0].string == "utf-8":  # the token that names the encoding is pylint's own
            comments = sum(token.type == tokenize.COMMENT for token in tokens)
            ratio = comments / (len(tokens) - 1)
        else:
            ratio = self._comments.comment_ratio(text)
        # Without a statement pylint prints no rating at all.
        rating = float(f"{stats.global_note:.2f}") if stats.statement else None
        return {
            "score": self._comments.penalised(rating, ratio),
            "pylint_score": rating,
            "comment_ratio": ratio,
            "statements": stats.statement,
            "fatal": stats.fatal,
            "error": stats.error,
            "warning": stats.warning,
            "refactor": stats.refactor,
            "convention": stats.convention,
            "messages": ", ".join(f"{name} {count}" for name, count in sorted(stats.by_msg.items())),
            **self._versions,
        }

    def _lint(self, text: str) -> None:
        """Do what `PyLinter.check` does for one file, with the walker and its checkers of the text before."""
        linter = self._linter
        linter.stats, linter.tokens = LinterStats(), None
        self._walker.nbstatements, self._walker.exception_msg = 0, True  # which keeps it from printing
        for checker in self._checkers:
            checker.open()
        linter.set_current_module(_MODULE, _FILE)
        try:
            module = linter.get_ast(_FILE, _MODULE, text)
            if module is not None:
                linter._ignore_file = False  # of the text before
                linter.file_state = FileState(_MODULE, linter.msgs_store, module)
                linter.current_file = module.file
                linter.check_astroid_module(module, self._walker, self._raw, self._token)
                for symbol, line, arguments in linter.file_state.iter_spurious_suppression_messages(
                    linter.msgs_store
                ):
                    linter.add_message(symbol, line, None, arguments)
        except Exception as error:  # noqa: BLE001 - counted as pylint counts its own crashes
            linter.add_message("astroid-error", args=(_FILE, error), confidence=HIGH)
            self.worn = True  # its checkers stopped half-way
        linter.stats.statement = self._walker.nbstatements
        for checker in reversed(self._checkers):
            checker.close()

    def _take_back(self) -> None:
        self._linter.tokens = None
        self._loaded.take_back()
        self._forget()
        for cache, kept in (
            (self._manager.astroid_cache, self._trees),
            (self._manager._mod_file_cache, self._places),
        ):
            cache.clear()
            cache.update(kept)

    def _forget(self) -> None:
        for cached in self._caches:
            cached.cache_clear()
        clear_inference_tip_cache()
        _CURRENTLY_INFERRING.clear()
        _invalidate_cache()


def _close_holes() -> None:
    """Keep pylint from running what a text names.

    Only to learn whether `unittest.__main__.x` is a frozen module, astroid would import `unittest.__main__`.
    """
    frozen: Any = FrozenImporter.find_spec
    importlib.util.find_spec = frozen


def _is_cache_of_trees(candidate: object) -> bool:
    return (
        isinstance(candidate, functools._lru_cache_wrapper)
        and candidate.__module__.startswith(("astroid.", "pylint."))
        and not candidate.__module__.startswith(_KEPT_CACHES)
    )


def _standard_modules() -> list[str]:
    """Return the names of the modules that texts may import, the standard library's tests and games aside."""
    folder = Path(sysconfig.get_path("stdlib"))
    found = {name for name in sys.stdlib_module_names if name not in _NOT_WARMED}
    for path in folder.glob("*/**/*.py"):
        parts = path.relative_to(folder).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if parts[0] in found and not _NOT_MODULES & set(parts):
            found.add(".".join(parts))
    return sorted(found)


def load(options: dict[str, Any], sibling: Callable[[str], Any]) -> Scorer:
    """Return a scorer; `options` has the messages that are disabled, and the versions to say in every row."""
    versions = {name: version for name, version in options.items() if name != "disabled"}
    return Scorer(options["disabled"], versions, sibling("comments"), sibling("pylint_trees"))
