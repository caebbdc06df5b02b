"""Publishing to a directory: a version is made aside, whole, and then appears by one rename.

`DEST` is a link to the newest of `DEST.versions/vX.Y.Z`. A reader sees the old version or the new one, and a
version never changes; publishing equal content again does nothing.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builder.errors import GateTripped, LedgerUnbalanced, UsageError
from builder.files import storage, sync_folder, write_text
from builder.recipe_file import LoadedRecipe
from builder.release.card import render_card
from builder.release.facts import ReleaseFacts, gather
from builder.release.generations import GENERATIONS, generations, published_stages
from builder.release.licenses import write_licenses
from builder.release.manifest import (
    MANIFEST,
    Manifest,
    changes,
    content_digest,
    list_files,
    next_version,
    parse_version,
    read_manifest,
)
from builder.release.views import DROPPED, Config, drops, kept, write_config
from builder.run.directory import Run
from builder.run.status import Status, read_status


@dataclass(frozen=True, slots=True)
class Published:
    """What publishing led to."""

    dest: Path
    manifest: Manifest
    facts: ReleaseFacts
    is_new: bool


def publish(
    loaded: LoadedRecipe, run: Run, dest: Path, version: str | None, license_file: Path | None
) -> Published:
    """Release a complete run to a directory.

    Args:
        loaded: The recipe.
        run: Its run, with every stage done.
        dest: Where the newest version is to be found.
        version: The version to publish; None for the next one, from what changed.
        license_file: The generator's licence.

    Raises:
        UsageError: `dest` is something else, the version exists with other content, a licence is missing.
        LedgerUnbalanced: The run's ledger does not balance.
        StorageError: The disk refuses.
    """
    if dest.exists() and not dest.is_symlink():
        raise UsageError(
            "it exists and is no release of ours", where=str(dest), remedy="choose another --to, or move it away"
        )
    status = _complete(run)
    versions = dest.with_name(dest.name + ".versions")
    stage = versions / f".stage-{os.getpid()}"
    with storage(versions):
        versions.mkdir(parents=True, exist_ok=True)
        _remove_stale(versions)
        try:
            return _publish(loaded, run, status, dest, version, license_file, stage)
        finally:
            shutil.rmtree(stage, ignore_errors=True)


def _publish(
    loaded: LoadedRecipe,
    run: Run,
    status: Status,
    dest: Path,
    version: str | None,
    license_file: Path | None,
    stage: Path,
) -> Published:
    facts = _write_content(loaded, run, status, license_file, stage)
    old = read_manifest(dest)
    content = _content(loaded, run, facts, stage)
    digest = content_digest(content)
    if old is not None and old.content_sha256 == digest and version in (None, old.version):
        return Published(dest, old, facts, is_new=False)
    number = ".".join(map(str, parse_version(version or next_version(old, content))))
    final = stage.parent / f"v{number}"
    existing = read_manifest(final)
    if existing is not None:
        if existing.content_sha256 != digest:
            raise UsageError(
                f"version {number} is published with other content, and a version never changes",
                where=str(final),
                remedy=f"publish as {next_version(old, content)}, or leave --version out",
            )
        _point(dest, final)
        return Published(dest, existing, facts, is_new=False)
    history = changes(old, content)
    before = (dest / "CHANGELOG.md").read_text(encoding="utf-8") if old is not None else "# Changelog\n"
    write_text(stage / "CHANGELOG.md", _prepend(before, number, history))
    write_text(stage / "README.md", render_card(facts, number, dest.name, history, digest))
    rows = {file: _rows(stage / file) for config in facts.configs for file in config.files}
    manifest = Manifest(number, loaded.recipe.name, digest, content, list_files(stage, rows))
    write_text(stage / MANIFEST, manifest.to_json())
    for path in filter(Path.is_file, stage.rglob("*")):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    stage.rename(final)
    sync_folder(final.parent)
    _point(dest, final)
    return Published(dest, manifest, facts, is_new=True)


def _complete(run: Run) -> Status:
    status = read_status(run)
    done, total = status.shards["done"], status.shards["total"]
    if done < total or [stage.name for stage in status.stages[1:]] != run.stages:
        raise UsageError(
            f"the run is not complete: {done} of {total} shards, stages {[stage.name for stage in status.stages]}",
            where=str(run.path),
            remedy="`python -m builder build` completes it",
        )
    if not status.documents:
        raise LedgerUnbalanced("the run holds no document", where=str(run.path))
    return status


def _write_content(
    loaded: LoadedRecipe, run: Run, status: Status, license_file: Path | None, stage: Path
) -> ReleaseFacts:
    """Write all of a release that does not depend on its version."""
    release = loaded.recipe.release
    stage.mkdir()
    rewritten = bool(loaded.prompts)
    write_licenses(stage, release.license, license_file, loaded.recipe.sources, rewritten)
    configs: list[Config] = [
        write_config(kept(run, of_stage), name, of_stage, release.split, stage)
        for name, of_stage in release.configs.items()
    ]
    if not any(config.rows for config in configs):
        raise GateTripped(
            f"no config has a row: of {status.documents} documents none was kept",
            where=str(run.path),
            remedy="`python -m builder status` says why they were dropped, `inspect --id ID` shows one",
        )
    if release.dropped:
        configs.append(write_config(drops(run), DROPPED, None, release.split, stage))
    if release.generations and (rewriting := published_stages(loaded)):
        answers = generations(run, rewriting, list(release.configs.values()))
        configs.append(write_config(answers, GENERATIONS, None, release.split, stage))
    for empty in [config for config in configs if not config.rows]:
        shutil.rmtree(stage / "data" / empty.name)  # `load_dataset` fails on a config without rows
        configs.remove(empty)
    if run.facts["prompts"]:
        (stage / "prompts").mkdir()
    for prompt in run.facts["prompts"].values():
        (stage / "prompts" / f"{prompt['id']}.md").write_text(prompt["content"], encoding="utf-8")
    return gather(loaded, run, status, configs)


def _content(loaded: LoadedRecipe, run: Run, facts: ReleaseFacts, stage: Path) -> dict[str, Any]:
    files = list_files(stage, {})
    licenses = ("LICENSE", "NOTICE", "licenses/")
    return {
        "recipe": loaded.snapshot(),
        "run": {
            "sources": run.facts["sources"],
            "prompts": {stage: prompt["sha256"] for stage, prompt in run.facts["prompts"].items()},
            "versions": run.facts["versions"],
            "model": run.facts["model"],
        },
        "ledger": [stage.as_json() for stage in facts.status.stages],
        "rows": {config.name: config.rows for config in facts.configs},
        "schemas": {
            config.name: [f"{field.name}: {field.type}" for field in config.schema] for config in facts.configs
        },
        "data": {
            config.name: [file.sha256 for file in files if file.path in config.files] for config in facts.configs
        },
        "licenses": {file.path: file.sha256 for file in files if file.path.startswith(licenses)},
        "card": content_digest({"card": render_card(facts, "0.0.0", "", [], "")}),
    }


def _rows(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def _prepend(changelog: str, version: str, history: list[str]) -> str:
    title, _, rest = changelog.partition("\n")
    entry = "\n".join(f"- {line}" for line in history)
    return f"{title}\n\n## {version}\n\n{entry}\n{rest}"


def _point(dest: Path, final: Path) -> None:
    """Make `dest` a link to a version, in one step."""
    link = dest.with_name(f".{dest.name}.{os.getpid()}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(final, dest.parent), target_is_directory=True)
    link.replace(dest)
    sync_folder(dest.parent)


def _remove_stale(versions: Path) -> None:
    """Remove what killed publishers have left."""
    for stage in versions.glob(".stage-*"):
        owner = stage.name.rpartition("-")[2]
        if not Path(f"/proc/{owner}").exists():
            shutil.rmtree(stage, ignore_errors=True)
