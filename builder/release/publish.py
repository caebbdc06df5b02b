"""Publishing: a complete run becomes a version of a release, made aside and whole before anybody sees it.

What is published follows from the run and the recipe; the version, from what changed since the one before.
Publishing equal content again does nothing but complete what is missing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import GateTripped, LedgerUnbalanced, NothingToTalkTo, UsageError
from builder.files import write_text
from builder.recipe_file import LoadedRecipe
from builder.release.card import render_assets, render_card
from builder.release.card_merge import Merged
from builder.release.changelog import changes, prepended
from builder.release.columns import origin_columns
from builder.release.config_files import Config, write_config
from builder.release.destination import SCHEME, Destination, Overtaken, Plan, dataset_of
from builder.release.facts import ReleaseFacts, all_terms, gather
from builder.release.folder import FolderDestination
from builder.release.held_out import held_out
from builder.release.licenses import USE_POLICY, GeneratorLicense, write_licenses
from builder.release.manifest import (
    CARD,
    CHANGELOG,
    MANIFEST,
    File,
    Manifest,
    content_digest,
    described,
    list_files,
    next_version,
    parse_version,
)
from builder.release.new_bytes import estimate
from builder.release.owners import refuse_another, refuse_loss, with_owners_words
from builder.release.recipe_copy import write_recipe
from builder.release.removals import excluded_in, refuse_readmission
from builder.release.rows import row_changes
from builder.release.scan import scan
from builder.release.special_tokens import SpecialTokens
from builder.release.texts import Texts
from builder.release.views import DROPPED, GENERATIONS, drops, generations, kept, published_stages
from builder.run.directory import Run
from builder.run.status import Status, read_status
from builder.run.table import schema_of
from builder.run.vanished import say_what_moved

_PLANS = 5  # while others publish there


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing led to.

    Attributes:
        dest: What `load_dataset` takes.
        manifest: The release's manifest.
        facts: What its card says.
        is_new: Whether this call published it.
        place: What `load_dataset` takes, with `revision`, to read this version for ever.
        revision: None in a directory, where each version has one of its own.
        plan: What publishing would do, where it was a trial.
        new_bytes: And about how many bytes of that are not stored there yet.
        card: The card, where it was a trial, with what others wrote into the one before.
    """

    dest: str
    manifest: Manifest
    facts: ReleaseFacts
    is_new: bool
    place: str
    revision: str | None
    plan: Plan | None = None
    new_bytes: int = 0
    card: Merged | None = None


def destination_of(dest: str, run: Path, say: Callable[[str], None], *, private: bool) -> Destination:
    """Return the place that `hf://datasets/ORG/NAME`, or a directory's path, names.

    Args:
        dest: The place.
        run: The directory of the run to release; a release for the Hub is made in it.
        say: Told how an upload goes.
        private: Whether a repository that has to be made is private.

    Raises:
        UsageError: There is no such place.
    """
    if not dest.startswith(SCHEME):
        if "://" in dest or dest.lower().startswith("hf:"):  # else a folder of that name were made
            raise UsageError(
                "releases go to a directory or a dataset on the Hub",
                where=dest,
                remedy=f"write a directory's path, or {SCHEME}ORG/NAME",
            )
        return FolderDestination(Path(dest))
    from builder.release.hub import HubDestination

    return HubDestination(dataset_of(dest), run / "release", say, private=private)


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """How to release.

    Attributes:
        version: The version to publish; None for the next one, from what changed.
        license_file: The generator's licence; None to fetch it from the generator's repository.
        workers: Processes that look at the texts before they are published.
        is_trial: Make all of it, and publish nothing.
        replaces: Go on where this other recipe was released until now.
        overwrites: Replace what others edited there and can't be merged.
        readmits: Publish again what the version before left out on request.
    """

    version: str | None = None
    license_file: Path | None = None
    workers: int = 1
    is_trial: bool = False
    replaces: str | None = None
    overwrites: bool = False
    readmits: bool = False


def see_ahead(loaded: LoadedRecipe, destination: Destination, options: PublishOptions) -> None:
    """Raise now what would stop a release after a long build.

    Raises:
        UsageError: The destination holds what is not this recipe's, or a licence file is not there.
        FilterUnavailable: A filter of `release.scan` is not installed.
        NothingToTalkTo: The Hub does not answer, or refuses.
    """
    if options.license_file is not None and not options.license_file.is_file():
        raise UsageError("there is no such licence file", where=str(options.license_file))
    for source in loaded.recipe.sources:
        if source.license_file is not None and not source.license_file.is_file():
            raise UsageError(
                f"there is no such licence file of source {source.label()}",
                where=str(source.license_file),
                remedy="correct `license_file` in the recipe",
            )
    for one in loaded.scans:
        one.used.workplace()
    old = destination.newest()
    refuse_another(old, loaded.recipe.name, options.replaces, destination.name)
    if not loaded.exclusions:
        refuse_readmission(old, 0, destination.name, readmits=options.readmits)


def publish(
    loaded: LoadedRecipe,
    run: Run,
    destination: Destination,
    options: PublishOptions,
    say: Callable[[str], None] = lambda _: None,
) -> Published:
    """Release a complete run.

    Args:
        loaded: The recipe.
        run: Its run, with every stage done.
        destination: Where its versions are to be found.
        options: How.
        say: Told what is worth knowing.

    Raises:
        UsageError: The version exists with other content, a licence is missing, others' work would be lost.
        LedgerUnbalanced: The run's ledger does not balance.
        NothingToTalkTo: The Hub or the disk refuses.
        VerificationFailed: What the Hub holds afterwards is not what was sent.
    """
    status = _complete(run)
    say_what_moved(loaded, run, say)
    with destination.stage() as stage:
        facts = _write_content(loaded, run, status, options, stage, say)
        data = (
            described(stage, file, _rows(stage / file), groups)
            for config in facts.configs
            for file, groups in config.groups.items()
        )
        files = list_files(stage, data)
        content = _content(loaded, run, facts, files)
        for _ in range(_PLANS):
            try:
                return _release(facts, content, files, destination, options, stage, say)
            except Overtaken as error:
                say(f"{error}: another release was published meanwhile; planning again")
    raise NothingToTalkTo(
        f"in {_PLANS} tries somebody else was quicker",
        where=destination.name,
        remedy="see who publishes there, then run the same command again",
    )


def _release(
    facts: ReleaseFacts,
    content: dict[str, Any],
    files: list[File],
    destination: Destination,
    options: PublishOptions,
    stage: Path,
    say: Callable[[str], None],
) -> Published:
    old = destination.newest()
    refuse_another(old, facts.name, options.replaces, destination.name)
    refuse_readmission(old, excluded_in(content["ledger"]), destination.name, readmits=options.readmits)
    digest = content_digest(content)
    if old is not None and old.content_sha256 == digest and options.version in (None, old.version):
        existing: Manifest | None = old
        number = old.version
    else:
        number, existing = _number(destination, old, content, digest, options.version)
    if existing is not None and (edits := destination.set_aside(existing)):
        say(f"{destination.name}: version {number} was edited, and is made again as it was: {'; '.join(edits)}")
        old = destination.newest()
    elif existing is not None:
        if not options.is_trial:
            destination.settle(existing)
        return _published(destination, existing, facts, is_new=False)
    groups = {file.path: file.groups for file in files}
    rows_changed = {} if old is None else row_changes(old, content, groups, destination.open, stage)
    history = changes(old, content, rows_changed)
    before = "# Changelog\n" if old is None else destination.changelog()
    write_text(stage / CHANGELOG, prepended(before, number, history))
    ours = render_card(
        facts,
        number,
        destination.label,
        history,
        digest,
        has_revisions=destination.has_revisions,
        place=destination.place(number),
    )
    card = with_owners_words(ours, old, destination)
    write_text(stage / CARD, card.text)
    manifest = Manifest(number, facts.name, digest, content, list_files(stage, files), card.owners)
    write_text(stage / MANIFEST, manifest.to_json())
    refuse_loss([*card.lost, *destination.edited(manifest)], destination.name, say, overwrites=options.overwrites)
    if options.is_trial:
        trial = _published(destination, manifest, facts, is_new=False)
        plan = destination.plan(stage, manifest)
        stored = old if destination.has_revisions else None  # a directory shares nothing between versions
        new_bytes = estimate(stage, manifest, stored, rows_changed if stored else {}, plan.adds)
        return replace(trial, plan=plan, new_bytes=new_bytes, card=card)
    for owners in card.kept:
        say(f"{destination.name}: its card keeps what is its owner's: {owners}")
    destination.put(stage, manifest)
    destination.settle(manifest)
    if old is not None and excluded_in(content["ledger"]) > excluded_in(old.content["ledger"]):
        say(
            f"{destination.name}: what was removed is still in the versions before {number};"
            " docs/releases.md says how they are taken away"
        )
    return _published(destination, manifest, facts, is_new=True)


def _number(
    destination: Destination, old: Manifest | None, content: dict[str, Any], digest: str, asked: str | None
) -> tuple[str, Manifest | None]:
    """Return the number to publish under, and its version where it is there already.

    Raises:
        UsageError: It is there with other content, or would take readers back.
    """
    if asked is None:
        return _free_number(destination, old, content, digest)
    number = ".".join(map(str, parse_version(asked)))
    existing = destination.version(number)
    if existing is not None and existing.content_sha256 == digest:
        return number, existing
    is_back = old is not None and parse_version(number) < parse_version(old.version)
    if existing is not None or is_back:
        free, _ = _free_number(destination, old, content, digest)
        taken = f"version {number} is published with other content, and a version never changes"
        back = f"version {number} would take readers back from {old.version if old else ''}"
        raise UsageError(
            taken if existing is not None else back,
            where=destination.name,
            remedy=f"publish as {free}, or leave --version out",
        )
    return number, None


def _free_number(
    destination: Destination, old: Manifest | None, content: dict[str, Any], digest: str
) -> tuple[str, Manifest | None]:
    """Return the next number that is not taken by other content, and its version where this content is there."""
    number = next_version(old, content)
    # Readers may not have the newest there is: a publisher may have been killed, or an old version mended since.
    while (existing := destination.version(number)) is not None and existing.content_sha256 != digest:
        number = next_version(existing, content)
    return number, existing


def _published(destination: Destination, manifest: Manifest, facts: ReleaseFacts, *, is_new: bool) -> Published:
    revision = f"v{manifest.version}" if destination.has_revisions else None
    place = destination.place(manifest.version)
    return Published(destination.name, manifest, facts, is_new, place, revision)


def _complete(run: Run) -> Status:
    status = read_status(run)
    done, total = status.shards["done"], status.shards["total"]
    if done < total or [stage.name for stage in status.stages[1:]] != run.stages:
        raise UsageError(
            f"the run is not complete: {done} of {total} shards, stages {[stage.name for stage in status.stages]}",
            where=str(run.path),
            remedy="`python -m builder build` completes it",
        )
    if not status.documents and run.exclusions:
        raise UsageError(
            "every document is excluded: nothing is left to publish",
            where=str(run.path),
            remedy="look at the lists; a dataset of which nothing may stay is taken away where it lies",
        )
    if not status.documents:
        raise LedgerUnbalanced("the run holds no document", where=str(run.path))
    return status


def _write_content(
    loaded: LoadedRecipe,
    run: Run,
    status: Status,
    options: PublishOptions,
    stage: Path,
    say: Callable[[str], None],
) -> ReleaseFacts:
    """Write all of a release that does not depend on its version."""
    release = loaded.recipe.release
    generator = GeneratorLicense(options.license_file) if options.license_file is not None else None
    if run.model is not None:
        from builder.release.generator_license import fetch_license, refuse_another_license

        refuse_another_license(release.license, run.model)
        generator = generator or fetch_license(run.model)
    write_licenses(stage, release.license, generator, loaded.recipe.sources, all_terms(loaded.recipe))
    special = SpecialTokens(run)
    texts: dict[str, Texts] = {}
    configs = _write_configs(loaded, run, status, special, texts, stage)
    special.check()
    write_recipe(loaded, run, stage)
    scanned = scan(stage, configs, loaded.scans, options.workers, say, release.text_columns)
    facts = gather(loaded, run, status, configs, texts, scanned, special.of_configs(), stage)
    for path, picture in render_assets(facts).items():
        (stage / path).parent.mkdir(exist_ok=True)
        (stage / path).write_text(picture, encoding="utf-8")
    return facts


def _write_configs(
    loaded: LoadedRecipe,
    run: Run,
    status: Status,
    special: SpecialTokens,
    texts: dict[str, Texts],
    stage: Path,
) -> list[Config]:
    """Write the data: the configs that have rows, the recipe's first; count what their texts are and hold."""
    release = loaded.recipe.release
    held = held_out(run, list(release.configs.values()), release.held_out, stage)
    texts |= {name: Texts() for name in release.configs}
    configs = [
        write_config(
            special.seen(kept(run, of_stage, release.columns, texts[name]), name, of_stage),
            name,
            of_stage,
            release.split,
            held,
            stage,
        )
        for name, of_stage in release.configs.items()
    ]
    if not any(config.rows for config in configs):
        raise GateTripped(
            f"no config has a row: of {status.documents} documents none was kept",
            where=str(run.path),
            remedy="`python -m builder status` says why they were dropped, `inspect --id ID` shows one",
        )
    if release.dropped:
        configs.append(write_config(drops(run), DROPPED, None, release.split, (), stage))
    if release.generations and (rewriting := published_stages(loaded)):
        origin = origin_columns([field.name for field in schema_of(loaded).field("source").type], loaded)
        asked = generations(run, rewriting, list(release.configs.values()), origin)
        answers = special.seen(asked, GENERATIONS, None)
        configs.append(write_config(answers, GENERATIONS, None, release.split, (), stage))
    pa.default_memory_pool().release_unused()  # the client that uploads has memory of its own
    for empty in [config for config in configs if not config.rows]:
        shutil.rmtree(stage / "data" / empty.name)  # `load_dataset` fails on a config without rows
        configs.remove(empty)
    return configs


def _content(loaded: LoadedRecipe, run: Run, facts: ReleaseFacts, files: list[File]) -> dict[str, Any]:
    licenses = ("LICENSE", "NOTICE", USE_POLICY, "licenses/")
    return {
        "recipe": loaded.snapshot(),
        "run": {
            "sources": run.facts["sources"],
            "prompts": {stage: prompt["sha256"] for stage, prompt in run.facts["prompts"].items()},
            "versions": run.facts["versions"],
            "model": run.facts["model"],
            "control_tokens": run.control_tokens.origin if run.control_tokens else None,
        },
        "scan": [one.as_json() for one in facts.scanned],
        "special_tokens": [one.as_json() for one in facts.special_tokens],
        "ledger": [stage.as_json() for stage in facts.status.stages],
        "rows": {config.name: config.rows for config in facts.configs},
        "schemas": {
            config.name: [f"{field.name}: {field.type}" for field in config.schema] for config in facts.configs
        },
        "data": {
            config.name: [file.sha256 for file in files if file.path in config.files] for config in facts.configs
        },
        "licenses": {file.path: file.sha256 for file in files if file.path.startswith(licenses)},
        "card": content_digest(
            {
                "card": render_card(facts, "0.0.0", "", [], "", has_revisions=False),
                "assets": render_assets(facts),
            }
        ),
    }


def _rows(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)
