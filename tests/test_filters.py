"""Filters: exact verdicts, pylint's own score, and workers that a hostile text can't get the better of."""

import asyncio
import contextlib
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from importlib import metadata
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.document import Verdict
from builder.errors import FilterUnavailable
from builder.filters import Lint, Syntax, lint
from builder.filters.base import Workplace
from builder.filters.comments import comment_ratio, penalised
from builder.filters.workers import Workers
from tests.broken_filters import Crashing, Quoting, Segfaulting

Given = TypeVar("Given")
CLEAN = '"""A module."""\n\nX = 1\n'
PYLINT_LOOKS_FOR_EVER = "#" + " " * 50_000 + "pylint" + " " * 10 + "\n"


class Hurried(Lint):
    """Lint with little patience."""

    cpu_limit: ClassVar[float] = 2.0


def with_workers(use: Callable[[Workers], Awaitable[Given]], count: int = 1) -> Given:
    async def run() -> Given:
        async with Workers(count) as workers:
            return await use(workers)

    return asyncio.run(run())


def verdicts(filter_name: str, *texts: str, count: int = 1) -> list[Verdict]:
    """Have the texts measured, one after another, by real workers."""
    measurer = {"lint": Lint(), "syntax": Syntax()}[filter_name]

    async def use(workers: Workers) -> list[Verdict]:
        return [await workers.verdict(measurer, text) for text in texts]

    return with_workers(use, count)


def family(name: str = "builder-worker") -> list[int]:
    """Return the ids of this process's living descendants of that name."""
    found, parents = [], [os.getpid()]
    while parents:
        parent = parents.pop()
        with contextlib.suppress(OSError):  # it may be gone by now
            for child in map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split()):
                parents.append(child)
                if Path(f"/proc/{child}/comm").read_text().strip() == name:
                    found.append(child)
    return found


# --- syntax ---

REFUSED = {
    "def f(:\n": ("syntax_error", 1),
    "x = 1\nif x:\nprint(x)\n": ("syntax_error", 3),
    "if 1:\n  x\n\ty": ("syntax_error", 3),
    "print 'Python 2'": ("python2", 1),
    "\ufeffx = 1": ("syntax_error", 1),
    "return 1": ("syntax_error", 1),
    "await x": ("syntax_error", 1),
    "from __future__ import braces": ("syntax_error", 1),
    "x = “curly”": ("syntax_error", 1),
    "x = 1\0": ("syntax_error", None),
    "(" * 300 + ")" * 300: ("syntax_error", 1),
    "x = " + "9" * 5000: ("syntax_error", 1),
    "-" * 100_000 + "1": ("memory_error", None),
    "lambda: " * 5000 + "1": ("memory_error", None),
    "+".join(["a"] * 100_000): ("recursion_error", None),
    "a" + ".b" * 20_000: ("recursion_error", None),
}


def test_what_compile_refuses_is_dropped_with_its_kind_and_line() -> None:
    for (text, (reason, line)), verdict in zip(REFUSED.items(), verdicts("syntax", *REFUSED), strict=True):
        # Which limit a deep nesting runs into is up to the version of Python; that it is refused is not.
        deep = {"memory_error", "recursion_error"}
        assert verdict.drop in (deep if reason in deep else {reason, "value_error"}), text[:40]
        assert verdict.record["line"] == line, text[:40]
        assert verdict.record["error"] is not None
        assert len(verdict.record["message"]) <= 200


def test_what_compiles_is_kept_unrun() -> None:
    fine = [
        "",
        "x = 1",
        "import os; os._exit(7)",
        "raise SystemExit",
        "10 ** 10 ** 10",
        "x = 0x" + "f" * 10_000,
        "'\\d'",
    ]
    for text, verdict in zip(fine, verdicts("syntax", *fine), strict=True):
        assert (verdict.drop, verdict.record["error"]) == (None, None), text[:40]
        assert set(verdict.record) == set(Syntax.measures)


# --- the comment penalty, against token counts known from how the text was made ---

LINES = {"x = 1": (4, 0), "# c": (2, 1), "": (1, 0), "x = 1  # c": (5, 1), "f('# no')": (5, 0), "pass": (2, 0)}


@given(st.lists(st.sampled_from(sorted(LINES))))
def test_the_comment_ratio_is_comment_tokens_over_all_tokens(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    tokens = 1 + sum(LINES[line][0] for line in lines)  # and the end marker
    comments = sum(LINES[line][1] for line in lines)
    assert comment_ratio(text) == comments / tokens


@given(st.text() | st.text(alphabet="#'\"\\([{ \t\r\n\0\x0c:x1é"))
def test_the_comment_ratio_of_any_text_is_a_share(text: str) -> None:
    assert 0 <= comment_ratio(text) < 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_line_ends_where_python_ends_it(end: str) -> None:
    # 3.12's tokenizer raises UnicodeDecodeError at a carriage return within a line, before a character like this.
    assert comment_ratio("x = 1\n# c\né = 2\n".replace("\n", end)) == 1 / 11


@pytest.mark.parametrize(
    "text", ["# c\0\n", "é\0", "x = 1\n\r\0é", "\ufeff\ufeffx", "f'{", "\\", "x = 0_\n", "\x1aé"]
)
def test_whatever_the_tokenizer_raises_is_no_end(text: str) -> None:
    assert 0 <= comment_ratio(text) < 1


@pytest.mark.parametrize("text", ["x = (", "if 1:\n    x\n  y\n", "'''"])
def test_what_cannot_be_tokenized_has_no_penalty(text: str) -> None:
    assert comment_ratio("# c\n" * 9 + text) == 0


@given(st.integers(0, 1000), st.integers(0, 50), st.integers(1, 50))
def test_the_penalty_is_the_papers(hundredths: int, comments: int, others: int) -> None:
    score = penalised(hundredths / 100, comments / (comments + others))
    assert score == pytest.approx(hundredths / 100 * others / (comments + others))


def test_nothing_but_comments_scores_nothing() -> None:
    assert penalised(10.0, 1.0) == 0.0
    assert penalised(None, 0.5) is None


@pytest.mark.parametrize(
    ("score", "drop"),
    [(7.0, None), (6.999, "below_min_score"), (0.0, "below_min_score"), (10.0, None), (None, "no_score")],
)
def test_the_limit_itself_is_kept(score: float | None, drop: str | None) -> None:
    assert Lint(min_score=7.0).decide({"score": score}) == drop


# --- lint ---


def test_a_text_runs_none_of_the_modules_it_names() -> None:
    # Each of these would be imported, and with it run, by an unguarded search for a frozen module.
    texts = ["import this.x\n", "import unittest.__main__.x\n", "import tkinter.__main__.x\n"]
    for verdict in verdicts("lint", *texts):
        assert (verdict.record["fatal"], verdict.drop) == (0, "below_min_score")


# --- workers ---


def test_a_worker_holds_no_secret_and_no_path_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "BUILDER_SERVER_KEY", "PYLINTRC", "PYTHONPATH", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "hush-hush")

    async def use(workers: Workers) -> tuple[bytes, str]:
        await workers.verdict(Syntax(), CLEAN)
        (pid,) = family()
        return Path(f"/proc/{pid}/environ").read_bytes(), str(Path(f"/proc/{pid}/cwd").readlink())

    environment, folder = with_workers(use)
    assert b"hush-hush" not in environment
    assert {variable.split(b"=")[0] for variable in environment.split(b"\0")[:-1]} == {
        b"PATH",
        b"LANG",
        b"HOME",
        b"PYTHONHASHSEED",
    }
    assert folder not in (str(Path.cwd()), str(Path.home()))
    assert not Path(folder).exists()  # gone with the workers
    assert family() == family("builder-lane") == family("builder-zygote") == []


@pytest.mark.parametrize("name", ["builder-worker", "builder-lane", "builder-zygote"])
def test_a_process_killed_while_idle_costs_nothing(name: str) -> None:
    async def use(workers: Workers) -> Verdict:
        await workers.verdict(Syntax(), CLEAN)
        os.kill(family(name)[0], signal.SIGKILL)
        return await workers.verdict(Syntax(), CLEAN)

    assert with_workers(use).drop is None


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_pool_whose_process_is_killed_leaves_nothing_behind(tmp_path: Path, end: signal.Signals) -> None:
    script = (
        "import asyncio, sys\nfrom builder.filters import Lint\nfrom builder.filters.workers import Workers\n"
        "async def main():\n    async with Workers(1) as workers:\n"
        "        await workers.verdict(Lint(), 'x = 1')\n        print('ready', flush=True)\n"
        "        await asyncio.sleep(60)\nasyncio.run(main())\n"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as pool:
        assert pool.stdout is not None
        assert pool.stdout.readline() == "ready\n"
        names = ("builder-zygote", "builder-lane", "builder-worker")
        pids = [pid for name in names for pid in family(name)]
        assert len(pids) == len(names)
        assert list(tmp_path.iterdir())
        pool.send_signal(end)
    left = time.monotonic() + 20
    while time.monotonic() < left and (
        list(tmp_path.iterdir()) or any(Path(f"/proc/{pid}").exists() for pid in pids)
    ):
        time.sleep(0.05)
    assert list(tmp_path.iterdir()) == []
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


@pytest.mark.parametrize("python", ["/bin/false", "/nowhere/python"])
def test_a_worker_that_cannot_start_is_an_error_and_drops_no_text(python: str) -> None:
    class Elsewhere(Syntax):
        def workplace(self) -> Workplace:
            return Workplace(python, "compiles")

    async def use(workers: Workers) -> Verdict:
        return await workers.verdict(Elsewhere(), CLEAN)

    with pytest.raises(FilterUnavailable, match=r"end as they start|can't be run"):
        with_workers(use)


def test_each_grammar_of_a_recipe_is_part_of_its_runs_identity() -> None:
    named = ".".join(platform.python_version_tuple()[:2])
    assert Syntax().identity() == {"grammar": platform.python_version()}
    assert Syntax(python=named).identity() == {f"grammar {named}": platform.python_version()}


def test_a_text_that_kills_its_workers_costs_itself_alone() -> None:
    killed: set[int] = set()

    async def use(workers: Workers) -> list[Verdict]:
        await workers.verdict(Lint(), CLEAN)
        deadly = asyncio.create_task(workers.verdict(Lint(), PYLINT_LOOKS_FOR_EVER))
        await asyncio.sleep(0.2)
        while not deadly.done():
            for pid in family():
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
            await asyncio.sleep(0.1)
        return [await deadly, *[await workers.verdict(Lint(), text) for text in (CLEAN, "import os\n")]]

    deadly, clean, poor = with_workers(use)
    assert deadly.drop == "worker_signal_9"
    assert deadly.record == dict.fromkeys(Lint.measures)
    assert len(killed) == 2  # one more try, and no third
    assert (clean.drop, clean.record["pylint_score"]) == (None, 10.0)
    assert poor.drop == "below_min_score"


def test_a_measure_that_json_cannot_hold_ends_no_run() -> None:
    async def use(workers: Workers) -> list[Verdict]:
        return [await workers.verdict(Quoting(), text) for text in ("é", "nan", "b")]

    fine, nan, after = with_workers(use)
    assert fine.record == {"begins": "?é", "share": 0.5}
    assert nan.drop == "worker_raised_ValueError"
    assert after.drop is None


def test_a_text_that_crashes_the_compiler_does_not_compile() -> None:
    async def use(workers: Workers) -> list[Verdict]:
        return [await workers.verdict(used, "x") for used in (Crashing(), Segfaulting(), Syntax())]

    crashed, other, after = with_workers(use)
    assert (crashed.drop, crashed.record["error"]) == ("syntax_error", "Crash")
    assert crashed.record["python"] == platform.python_version()
    assert other.drop == "worker_signal_11"
    assert after.drop is None


def test_a_text_that_hangs_is_ended_while_others_go_on() -> None:
    async def use(workers: Workers) -> tuple[Verdict, Verdict, list[int]]:
        hanging = asyncio.create_task(workers.verdict(Hurried(), PYLINT_LOOKS_FOR_EVER))
        other = await workers.verdict(Syntax(), CLEAN)
        assert not hanging.done()
        ended = await hanging
        return ended, other, family()

    ended, other, alive = with_workers(use, count=2)
    assert ended.drop == "worker_cpu_limit"
    assert other.drop is None
    assert len(alive) == 1  # the hanging one is really gone


def test_a_cancelled_measurement_leaves_no_process_behind() -> None:
    async def use(workers: Workers) -> tuple[list[int], Verdict]:
        hanging = asyncio.create_task(workers.verdict(Lint(), PYLINT_LOOKS_FOR_EVER))
        while not family():
            await asyncio.sleep(0.05)
        hanging.cancel()
        await asyncio.wait([hanging])
        await asyncio.sleep(0.1)  # the worker goes with its lane
        left = family()
        return left, await workers.verdict(Syntax(), CLEAN)

    left, after = with_workers(use)
    assert left == []
    assert after.drop is None


def test_a_worker_cannot_take_the_machines_memory_or_disk() -> None:
    async def use(workers: Workers) -> str:
        await workers.verdict(Syntax(), CLEAN)
        return Path(f"/proc/{family()[0]}/limits").read_text()

    limits = dict(re.findall(r"^Max (.+?)  +(\S+) ", with_workers(use), re.M))
    assert limits["address space"] == str(3 * 2**30)
    assert limits["file size"] == "0"
    assert limits["core file size"] == "0"


def test_many_texts_over_few_workers_each_get_their_own_verdict() -> None:
    async def use(workers: Workers) -> list[Verdict]:
        texts = [f"x = {number}" if number % 3 else "\n" * number + "x = = 1" for number in range(60)]
        return await asyncio.gather(*(workers.verdict(Syntax(), text) for text in texts))

    measured = with_workers(use, count=2)
    assert [verdict.record["line"] for verdict in measured] == [None if n % 3 else n + 1 for n in range(60)]


def test_versions_that_scores_were_not_compared_with_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "compared" not in (Lint().note() or ""), "TESTED is not what is installed here"
    monkeypatch.setitem(lint.TESTED, "astroid", "4.0.0")
    assert f"astroid {metadata.version('astroid')} (4.0.0)" in (Lint().note() or "")
