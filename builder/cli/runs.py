"""The commands of recipes and runs: each a few lines over the library."""

from __future__ import annotations

import sys
from itertools import takewhile
from pathlib import Path
from typing import Annotated

import typer

from builder.cli.console import escaped, out, print_json, talk
from builder.cli.options import (
    CORES,
    Address,
    Engine,
    Exclude,
    Grace,
    Json,
    Limit,
    LocalModel,
    MaxFailures,
    MaxReason,
    MaxStall,
    Patience,
    ReadRun,
    Recipe,
    RetryFailed,
    Reuse,
    RunDir,
    ServedModel,
    Servers,
    ServersFile,
    Settings,
    Tokenizer,
    Until,
    WorkerCount,
    WorkerCpus,
    build_options,
)


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
    return escaped(" ".join(lines).partition(". ")[0].rstrip("."))


def build(
    recipe: Recipe,
    run: RunDir = None,
    server: Servers = None,
    servers_file: ServersFile = None,
    served_model: ServedModel = None,
    model: LocalModel = None,
    tokenizer: Tokenizer = None,
    workers: WorkerCount = CORES,
    engine: Engine = "local",
    address: Address = None,
    worker_cpus: WorkerCpus = None,
    until: Until = None,
    limit: Limit = None,
    reuse: Reuse = None,
    retry_failed: RetryFailed = False,
    patience: Patience = 300.0,
    max_failures: MaxFailures = 0.5,
    max_reason: MaxReason = 0.98,
    max_stall: MaxStall = 30.0,
    grace: Grace = 25.0,
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
    from builder.run.engines import engine_named
    from builder.run.status import read_status

    built_by = engine_named(engine, address, worker_cpus)
    loaded = load_recipe(recipe, settings or (), exclude or ())
    options = build_options(
        server, servers_file, model, workers, until, limit, reuse, patience, max_failures, max_reason, max_stall,
        tokenizer, served_model, retry_failed, grace,
    )  # fmt: skip
    status = read_status(build_run(loaded, run or Path("runs") / loaded.recipe.name, options, talk, built_by))
    print_json(status.as_json()) if json else show_status(status, out)


def status(run: ReadRun, json: Json = False) -> None:
    """Show where a run stands: the funnel, drops by reason, tokens, shards."""
    from builder.report import show_status
    from builder.run.directory import Run
    from builder.run.status import read_status

    found = read_status(Run.read(run))
    print_json(found.as_json()) if json else show_status(found, out)


def inspect(
    run: ReadRun,
    id: Annotated[str | None, typer.Option("--id", help="Show this document.")] = None,
    count: Annotated[int, typer.Option("--count", min=1, help="How many documents to show.")] = 3,
) -> None:
    """Show documents before and after each stage, side by side."""
    from builder.report import show_documents
    from builder.run.directory import Run

    show_documents(Run.read(run), id, count, out)


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
    print_json(found) if json else show_explanations(found, loaded.filters, out)


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
    print_json([one.as_json() for one in found]) if json else show_servers(found, out)
    for one in found:
        if one.error is not None:
            raise one.error
