"""The command line: its commands, and how a user's error ends."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import typer
from rich.logging import RichHandler

from builder.cli import options, releases, runs
from builder.cli.console import escaped, out, print_json, talk
from builder.errors import BuilderError, Interrupted
from builder.open_files import raise_limit

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Rewrite a pre-training corpus with an LLM and publish it: filtered, verified, reproducible.\n\n"
        "[bold]python -m builder publish demo[/bold] does all of it on this machine's CPU in a few minutes. "
        "Then copy a recipe ([bold]builder recipes swallow-code > my.yaml[/bold]), point it at your data and "
        "your servers, and build."
    ),
    epilog=(
        "Exit codes: 0 done · 1 unexpected · 2 usage or recipe · 3 a gate stopped the run · 4 no server, Hub or "
        "storage · 5 verification failed · 130 interrupted, the same command goes on."
    ),
)


def _stoppable(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command of which Ctrl-C has something to say: Typer would end it without a word."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:  # noqa: ANN401 - whatever the command takes
        try:
            command(*arguments, **options)
        except KeyboardInterrupt:
            raise Interrupted("interrupted", remedy="run the same command to go on") from None

    return run


for command in (
    runs.recipes,
    runs.build,
    runs.status,
    releases.publish,
    releases.removals,
    releases.verify,
    runs.inspect,
    runs.explain,
    runs.servers,
):
    app.command()(_stoppable(command))

checkpoints = typer.Typer(no_args_is_help=True, help="The paper's ablations: records, results, differences.")
app.add_typer(checkpoints, name="checkpoints")


@checkpoints.command("table")
def checkpoints_table(json: options.Json = False) -> None:
    """Recompute the paper's improvements from the recorded results, each with its source."""
    from builder.checkpoints.records import load_records
    from builder.checkpoints.table import as_dicts, deltas, render

    records = load_records()
    print_json(as_dicts(deltas(records))) if json else out.print(render(records))


@contextmanager
def _explained() -> Iterator[None]:
    try:
        with _storage_told():
            yield
    except BuilderError as error:
        if isinstance(error, Interrupted):
            _take_no_more_signals()
        talk.print(f"[bold red]error[/bold red] {escaped(error)}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _take_no_more_signals()
        talk.print("interrupted; run the same command to go on")
        sys.exit(130)


def _take_no_more_signals() -> None:
    """Let what ends end: a second Ctrl-C would show as a traceback of the interpreter's own end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def _storage_told() -> Iterator[None]:
    """Have what storage refuses, wherever it is met, end as an error of the user's and not as a bug."""
    try:
        yield
    except Exception as error:
        from builder.files import storage_error

        refused = storage_error(error)
        if refused is None:
            raise
        raise refused from error


def main() -> None:
    """Run the command line: a user's error ends in its message and exit code, a bug in a traceback."""
    handler = RichHandler(console=talk, show_time=False, show_path=False)
    logging.getLogger("builder").addHandler(handler)
    raise_limit()
    with _explained():
        app(prog_name="python -m builder")
