"""Building a run: what is looked at before, and who takes part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from builder.errors import UsageError
from builder.files import storage
from builder.loaded_recipe import LoadedRecipe
from builder.open_files import check_limit
from builder.rewriting.addresses import read_addresses
from builder.run.ask_again import take_up_journals
from builder.run.build_options import BuildOptions
from builder.run.coordinator import Coordinator
from builder.run.directory import Run, run_shards
from builder.run.engines import local
from builder.run.excluded import exclusions_for
from builder.run.job import Engine
from builder.run.lease import Lease
from builder.run.stopping import interrupted_once
from builder.run.table import schema_of


def build(
    loaded: LoadedRecipe, path: Path, options: BuildOptions, console: Console, engine: Engine = local.run
) -> Run:
    """Build what the run still lacks, and return it.

    Raises:
        BuilderError: Any of them; what was generated until then is in the log, the same call goes on.
    """
    if options.servers or options.servers_file is not None:
        read_addresses(options.servers, options.servers_file)  # before anything is read or fetched
    for note in _notes(loaded):
        console.print(f"[yellow]{note}", highlight=False)
    until = options.until or loaded.recipe.stages[-1].name
    names = [stage.name for stage in loaded.recipe.stages]
    if until not in names:
        raise UsageError(f"--until {until}: there is no such stage", remedy=f"the stages are {', '.join(names)}")
    check_limit()
    # What is read or written without a word of its own about storage is told as the run's.
    with interrupted_once(), storage(path), Lease(path) as lease:
        run = _begun(loaded, path, lease, console)
        with run.ledger.writing():
            shards = run_shards(loaded.recipe.sources)
            is_spread = engine is not local.run
            Coordinator(loaded, run, shards, options, console, engine, is_spread).build(until)
    return run


def _begun(loaded: LoadedRecipe, path: Path, lease: Lease, console: Console) -> Run:
    is_new = not (path / "run.json").is_file()
    run = Run.begin(path, loaded, lease.fence)
    take_up_journals(run)
    if is_new:
        for source in loaded.recipe.sources:
            if notice := source.notice():
                console.print(f"[yellow]{escape(notice)}", highlight=False)
    run.exclusions = exclusions_for(loaded.exclusions, loaded.recipe.sources, schema_of(loaded))
    for source in loaded.recipe.sources:
        source.leave_out(run.exclusions.hold)
    return run


def _notes(loaded: LoadedRecipe) -> Iterator[str]:
    """Yield what a user should know before the run starts."""
    for stage, used in loaded.filters.items():
        if note := used.note():
            yield f"stage {stage}: {note}"
