"""The commands of releases: each a few lines over the library."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from builder.cli.console import out, print_json, say, talk
from builder.cli.options import (
    CORES,
    Address,
    DryRun,
    Engine,
    Exclude,
    Grace,
    Json,
    LicenseFile,
    Limit,
    LocalModel,
    MaxFailures,
    MaxReason,
    MaxStall,
    Overwrite,
    Patience,
    Private,
    Readmit,
    Recipe,
    Replaces,
    RetryFailed,
    Reuse,
    RunDir,
    ServedModel,
    Servers,
    ServersFile,
    Settings,
    ShowCard,
    To,
    Tokenizer,
    Version,
    WorkerCount,
    WorkerCpus,
    build_options,
)

if TYPE_CHECKING:
    from builder.release.publish import Published


def publish(
    recipe: Recipe,
    run: RunDir = None,
    to: To = None,
    version: Version = None,
    license_file: LicenseFile = None,
    server: Servers = None,
    servers_file: ServersFile = None,
    served_model: ServedModel = None,
    model: LocalModel = None,
    tokenizer: Tokenizer = None,
    workers: WorkerCount = CORES,
    engine: Engine = "local",
    address: Address = None,
    worker_cpus: WorkerCpus = None,
    limit: Limit = None,
    reuse: Reuse = None,
    retry_failed: RetryFailed = False,
    patience: Patience = 300.0,
    max_failures: MaxFailures = 0.5,
    max_reason: MaxReason = 0.98,
    max_stall: MaxStall = 30.0,
    grace: Grace = 25.0,
    private: Private = False,
    dry_run: DryRun = False,
    card: ShowCard = False,
    replaces: Replaces = None,
    overwrite: Overwrite = False,
    settings: Settings = None,
    exclude: Exclude = None,
    readmit: Readmit = False,
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
    from builder.rewriting.local import license_of
    from builder.run.build import build as build_run
    from builder.run.engines import engine_named

    built_by = engine_named(engine, address, worker_cpus)
    loaded = load_recipe(recipe, settings or (), exclude or ())
    dest = to or loaded.recipe.release.to or f"releases/{loaded.recipe.name}"
    path = run or Path("runs") / loaded.recipe.name
    destination = destination_of(dest, path, say, private=private)
    how = PublishOptions(version, license_file, workers, dry_run, replaces, overwrite, readmit)
    see_ahead(loaded, destination, how, say, is_begun=(path / "run.json").is_file())
    options = build_options(
        server, servers_file, model, workers, None, limit, reuse, patience, max_failures, max_reason, max_stall,
        tokenizer, served_model, retry_failed, grace,
    )  # fmt: skip
    built = build_run(loaded, path, options, talk, built_by)
    how = replace(how, license_file=license_file or license_of(built.model))
    published = publish_run(loaded, built, destination, how, say)
    print_json(_as_json(published, dest)) if json else _show(published, with_card=card)


def _as_json(published: Published, dest: str) -> dict[str, Any]:
    manifest, plan = published.manifest, published.plan
    told = {"dest": dest, "version": manifest.version, "new": published.is_new, "rows": manifest.content["rows"]}
    if plan is None or published.card is None:
        return told
    return {**told, **asdict(plan), "new_bytes": published.new_bytes, "card": asdict(published.card)}


def _show(published: Published, *, with_card: bool) -> None:
    from builder.report import show_plan, show_release

    if published.plan is None:
        show_release(published, out)
    else:
        show_plan(published, published.plan, out, whole=with_card)


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
        print_json([asdict(one) for one in found])
        return
    for one in found:
        missing = f"{len(one.ids)} of {one.documents} documents are not in {one.newest}"
        out.print(f"{one.source}: {missing}", highlight=False, soft_wrap=True)
        if one.unwritable:
            out.print(f"{one.source}: {one.unwritable} more, whose ids no list can hold", highlight=False)
    out.print(f"{into} lists them: publish with --exclude id={into}", highlight=False, soft_wrap=True)


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
        print_json({"version": manifest.version, "files": len(manifest.files), "rows": manifest.content["rows"]})
    else:
        out.print(
            f"{dest}: version {manifest.version}, {len(manifest.files)} files, all as published", highlight=False
        )
