"""The commands: each a few lines over the library. Results go to stdout, talk goes to stderr."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.logging import RichHandler

from builder.errors import BuilderError
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
talk = Console(stderr=True)
out = Console()

Recipe = Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe that ships, or the path of a YAML file.")]
RunDir = Annotated[
    Path | None, typer.Option("--run", metavar="DIR", help="The run's directory.", show_default="runs/<recipe>")
]
ReadRun = Annotated[Path, typer.Argument(metavar="RUN", help="A run's directory, such as runs/demo.")]
Servers = Annotated[
    list[str] | None,
    typer.Option("--server", metavar="URL", help="An LLM server: TGI, vLLM, SGLang or llama.cpp. Repeatable."),
]
ServersFile = Annotated[
    Path | None,
    typer.Option(
        "--servers",
        metavar="FILE",
        help="A file of servers, a URL a line, read again when it changes: they join and leave while it runs.",
    ),
]
ServedModel = Annotated[
    str | None,
    typer.Option(
        "--served-model",
        metavar="NAME",
        help="Which model answers, where a server has several: an adapter's name, say. A run remembers it.",
    ),
]
LocalModel = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="GGUF", help="Serve this GGUF on the CPU instead: a path or hf://ORG/REPO/FILE.gguf."
    ),
]
Tokenizer = Annotated[
    str | None,
    typer.Option(
        "--tokenizer",
        metavar="FILE",
        help="The answering model's tokenizer (a file, a folder, or hf://ORG/NAME): its control tokens are shown"
        " to it by placeholders where documents hold them.",
        show_default="the weights', the server's or the Hub's",
    ),
]
WorkerCount = Annotated[int, typer.Option("--workers", min=1, help="Filter processes.", show_default="one a core")]
Until = Annotated[str | None, typer.Option("--until", metavar="STAGE", help="Stop after this stage.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Take only the source's first N documents.")]
Reuse = Annotated[
    list[Path] | None,
    typer.Option(
        "--reuse",
        metavar="RUN_OR_RELEASE",
        help="Take the answers to equal requests from this run, finished or not, or release. Repeatable.",
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        help="Ask again also for documents that servers failed on and that were blamed for it. Those that failed"
        " for want of a server are asked for again anyway.",
    ),
]
MaxFailures = Annotated[
    float,
    typer.Option(
        "--max-failures", min=0, max=1, help="Stop when more than this share of a stage's last 500 failed."
    ),
]
MaxReason = Annotated[
    float,
    typer.Option(
        "--max-reason",
        min=0,
        max=1,
        help="Stop when more than this share of a stage's last 2,000 were dropped for one reason.",
    ),
]
MaxStall = Annotated[
    float,
    typer.Option(
        "--max-stall", metavar="MINUTES", min=0.001, help="Stop when for so long nothing happened at all."
    ),
]
Patience = Annotated[
    float,
    typer.Option("--patience", metavar="SECONDS", min=0, help="How long to wait for a server when none answers."),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY.PATH=VALUE", help="Change the recipe: --set stages.lint.min_score=6."),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="COLUMN=FILE",
        help="Leave out the documents that a file lists by `id` or a column of the source, such as repo_name,"
        " blob_id or url: one entry per line, OWNER or OWNER/* for an account. Nothing of them is asked, paid for"
        " or published. Repeatable; the recipe's own `exclude` counts as well.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable result on stdout.")]
_CORES = os.cpu_count() or 1


def _print_json(content: object) -> None:
    sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n")


@app.command()
def recipes(
    name: Annotated[str | None, typer.Argument(help="Print this recipe's YAML.")] = None,
    template: Annotated[
        str | None,
        typer.Option("--template", metavar="KIND", help="Print a neutral one for files, hub or parquet."),
    ] = None,
) -> None:
    """List the recipes that ship; with NAME or --template print one, ready to copy and edit."""
    import yaml

    from builder.resources import recipe_names, recipe_path, template_path
    from builder.text import read_text

    path = template_path(template) if template else recipe_path(name) if name else None
    if path is not None:
        sys.stdout.write(read_text(path))
        return
    for found in recipe_names():
        # They ship, so they are valid: the types of a recipe would take twice as long as all of this.
        content = read_text(recipe_path(found))
        stages = " → ".join(stage["name"] for stage in yaml.safe_load(content)["stages"])
        out.print(f"[bold]{found}[/bold]  {_about(content)}\n  {stages}", highlight=False)


def _about(recipe: str) -> str:
    """Return the first sentence of the comment that a recipe begins with."""
    comment = takewhile(lambda line: line.startswith("# "), recipe.splitlines())
    lines = (line.removeprefix("# ") for line in comment if not line.startswith("#   "))
    return _escaped(" ".join(lines).partition(". ")[0].rstrip("."))


@app.command()
def build(
    recipe: Recipe,
    run: RunDir = None,
    server: Servers = None,
    servers_file: ServersFile = None,
    served_model: ServedModel = None,
    model: LocalModel = None,
    tokenizer: Tokenizer = None,
    workers: WorkerCount = _CORES,
    until: Until = None,
    limit: Limit = None,
    reuse: Reuse = None,
    retry_failed: RetryFailed = False,
    patience: Patience = 300.0,
    max_failures: MaxFailures = 0.5,
    max_reason: MaxReason = 0.98,
    max_stall: MaxStall = 30.0,
    settings: Settings = None,
    exclude: Exclude = None,
    json: Json = False,
) -> None:
    """Filter and rewrite into a run. Resumes by itself: nothing that finished is done or paid for again."""
    from builder.arrow import spare_memory

    spare_memory()
    from builder.recipe_file import load_recipe
    from builder.report import show_status
    from builder.run.build import build as build_run
    from builder.run.build_options import BuildOptions
    from builder.run.gates import GateLimits
    from builder.run.status import read_status

    loaded = load_recipe(recipe, settings or (), exclude or ())
    gates = GateLimits(max_failures, max_reason, max_stall)
    options = BuildOptions(
        server or (),
        servers_file,
        model,
        workers,
        until,
        limit,
        reuse or (),
        patience,
        gates,
        tokenizer,
        served_model,
        retry_failed,
    )
    status = read_status(build_run(loaded, run or Path("runs") / loaded.recipe.name, options, talk))
    _print_json(status.as_json()) if json else show_status(status, out)


@app.command()
def status(run: ReadRun, json: Json = False) -> None:
    """Show where a run stands: the funnel, drops by reason, tokens, shards."""
    from builder.report import show_status
    from builder.run.directory import Run
    from builder.run.status import read_status

    found = read_status(Run.read(run))
    _print_json(found.as_json()) if json else show_status(found, out)


@app.command()
def publish(
    recipe: Recipe,
    run: RunDir = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="DEST",
            help="hf://datasets/ORG/NAME, or a directory.",
            show_default="the recipe's, or releases/<recipe>",
        ),
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", metavar="X.Y.Z", show_default="the next, from what changed")
    ] = None,
    license_file: Annotated[
        Path | None,
        typer.Option(
            "--license-file",
            metavar="FILE",
            help="The generator's licence, to be included.",
            show_default="fetched from the generator's repository on the Hub",
        ),
    ] = None,
    server: Servers = None,
    servers_file: ServersFile = None,
    served_model: ServedModel = None,
    model: LocalModel = None,
    tokenizer: Tokenizer = None,
    workers: WorkerCount = _CORES,
    limit: Limit = None,
    reuse: Reuse = None,
    retry_failed: RetryFailed = False,
    patience: Patience = 300.0,
    max_failures: MaxFailures = 0.5,
    max_reason: MaxReason = 0.98,
    max_stall: MaxStall = 30.0,
    private: Annotated[bool, typer.Option("--private", help="Make a new dataset on the Hub private.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show files, sizes, new bytes and what stays; publish nothing.")
    ] = False,
    card: Annotated[bool, typer.Option("--card", help="With --dry-run: show the card, too.")] = False,
    replaces: Annotated[
        str | None,
        typer.Option("--replaces", metavar="RECIPE", help="Go on where this other recipe was released until now."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace what others edited there and can't be merged.")
    ] = False,
    settings: Settings = None,
    exclude: Exclude = None,
    readmit: Annotated[
        bool, typer.Option("--readmit", help="Publish again what the version before left out on request.")
    ] = False,
    json: Json = False,
) -> None:
    """Build what is missing, then release: data, card, prompts, licences, manifest. Again changes nothing.

    On the Hub a version is one commit, compared with the manifest, then tagged. After any kind of end the same
    command completes it.
    """
    from builder.arrow import spare_memory

    spare_memory()
    from builder.recipe_file import load_recipe
    from builder.release.destination import destination_of
    from builder.release.publish import PublishOptions, see_ahead
    from builder.release.publish import publish as publish_run
    from builder.report import show_plan, show_release
    from builder.rewriting.local import license_of
    from builder.run.build import build as build_run
    from builder.run.build_options import BuildOptions
    from builder.run.gates import GateLimits

    loaded = load_recipe(recipe, settings or (), exclude or ())
    dest = to or loaded.recipe.release.to or f"releases/{loaded.recipe.name}"

    def say(text: str) -> None:
        talk.print(text, highlight=False, soft_wrap=True)

    path = run or Path("runs") / loaded.recipe.name
    destination = destination_of(dest, path, say, private=private)
    how = PublishOptions(version, license_file, workers, dry_run, replaces, overwrite, readmit)
    see_ahead(loaded, destination, how)
    gates = GateLimits(max_failures, max_reason, max_stall)
    options = BuildOptions(
        server or (),
        servers_file,
        model,
        workers,
        None,
        limit,
        reuse or (),
        patience,
        gates,
        tokenizer,
        served_model,
        retry_failed,
    )
    built = build_run(loaded, path, options, talk)
    how = replace(how, license_file=license_file or license_of(built.model))
    published = publish_run(loaded, built, destination, how, say)
    if json:
        manifest, plan = published.manifest, published.plan
        told = {
            "dest": dest,
            "version": manifest.version,
            "new": published.is_new,
            "rows": manifest.content["rows"],
        }
        if plan is not None and published.card is not None:
            told |= {**asdict(plan), "new_bytes": published.new_bytes, "card": asdict(published.card)}
        _print_json(told)
    elif published.plan is not None:
        show_plan(published, published.plan, out, whole=card)
    else:
        show_release(published, out)


@app.command()
def removals(
    recipe: Recipe,
    into: Annotated[Path, typer.Option("--into", metavar="FILE", help="Where to write the list of ids.")],
    run: RunDir = None,
    settings: Settings = None,
    json: Json = False,
) -> None:
    """List what a run's sources have taken out since it pinned them, for `--exclude id=FILE`.

    The newest revision of The Stack's ids, or of a dataset on the Hub with ids or addresses, is compared with the
    run's documents. No content is fetched.
    """
    from builder.recipe_file import load_recipe
    from builder.run.directory import Run
    from builder.run.vanished import find_vanished, write_vanished

    loaded = load_recipe(recipe, settings or ())
    found = find_vanished(loaded, Run.read(run or Path("runs") / loaded.recipe.name), talk.print)
    write_vanished(found, into)
    if json:
        _print_json([asdict(one) for one in found])
        return
    for one in found:
        missing = f"{len(one.ids)} of {one.documents} documents are not in {one.newest}"
        out.print(f"{one.source}: {missing}", highlight=False, soft_wrap=True)
        if one.unwritable:
            out.print(f"{one.source}: {one.unwritable} more, whose ids no list can hold", highlight=False)
    out.print(f"{into} lists them: publish with --exclude id={into}", highlight=False, soft_wrap=True)


@app.command()
def verify(
    dest: Annotated[
        str,
        typer.Argument(
            metavar="DEST", help="A release's directory, or hf://datasets/ORG/NAME with or without @vX.Y.Z."
        ),
    ],
    json: Json = False,
) -> None:
    """Check a release against its manifest: every file's hash, every row, the ledger, and how it loads."""
    from builder.release.verify import verify as verify_release

    manifest = verify_release(dest)
    if json:
        _print_json({"version": manifest.version, "files": len(manifest.files), "rows": manifest.content["rows"]})
    else:
        out.print(
            f"{dest}: version {manifest.version}, {len(manifest.files)} files, all as published", highlight=False
        )


@app.command()
def inspect(
    run: ReadRun,
    id: Annotated[str | None, typer.Option("--id", help="Show this document.")] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="How many documents to show.")] = 3,
) -> None:
    """Show documents before and after each stage, side by side."""
    from builder.report import show_documents
    from builder.run.directory import Run

    show_documents(Run.read(run), id, count, out)


@app.command()
def explain(
    recipe: Recipe,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files to try the recipe's filters on.")],
    settings: Settings = None,
    json: Json = False,
) -> None:
    """Say what each filter of a recipe finds in some files, and why. No run, no server."""
    from builder.recipe_file import load_recipe
    from builder.report import show_explanations
    from builder.run.explain import explain as explain_files

    loaded = load_recipe(recipe, settings or ())
    found = explain_files(loaded, files)
    _print_json(found) if json else show_explanations(found, loaded.filters, out)


@app.command()
def servers(
    urls: Annotated[list[str], typer.Argument(metavar="URL…", help="Servers to ask.")],
    served_model: ServedModel = None,
    json: Json = False,
) -> None:
    """Say what answers at some addresses: kind of server, model, limits, its speed, and flags that would help.

    It is asked a few small requests; the flags are told by its own pages.
    """
    import asyncio

    from builder.report import show_servers
    from builder.rewriting.measured import find

    found = asyncio.run(find(urls, served_model))
    _print_json([one.as_json() for one in found]) if json else show_servers(found, out)
    for one in found:
        if one.error is not None:
            raise one.error


checkpoints = typer.Typer(no_args_is_help=True, help="The paper's ablations: records, results, differences.")
app.add_typer(checkpoints, name="checkpoints")


@checkpoints.command("table")
def checkpoints_table(json: Json = False) -> None:
    """Recompute the paper's improvements from the recorded results, each with its source."""
    from builder.checkpoints.records import load_records
    from builder.checkpoints.table import as_dicts, deltas, render

    records = load_records()
    _print_json(as_dicts(deltas(records))) if json else out.print(render(records))


@contextmanager
def _explained() -> Iterator[None]:
    try:
        with _storage_told():
            yield
    except BuilderError as error:
        talk.print(f"[bold red]error[/bold red] {_escaped(error)}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        talk.print("interrupted; run the same command to go on")
        sys.exit(130)


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


def _escaped(error: Any) -> str:  # noqa: ANN401 - anything with words
    from rich.markup import escape

    return escape(str(error))


def main() -> None:
    """Run the command line: a user's error ends in its message and exit code, a bug in a traceback."""
    handler = RichHandler(console=talk, show_time=False, show_path=False)
    logging.getLogger("builder").addHandler(handler)
    raise_limit()
    with _explained():
        app(prog_name="python -m builder")
