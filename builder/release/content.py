"""What is published: all of a release that does not depend on its version, and what its manifest says of that.

It follows from the run and the recipe alone: the data of every config, licences, recipe and prompts, pictures.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import GateTripped
from builder.loaded_recipe import LoadedRecipe
from builder.release.audit import SpecialTokens, scan
from builder.release.card import render_assets, render_card
from builder.release.columns import origin_columns
from builder.release.config_files import Config, write_config
from builder.release.facts import ReleaseFacts, all_terms, gather
from builder.release.held_out import held_out
from builder.release.licenses import USE_POLICY, GeneratorLicense, write_licenses
from builder.release.manifest import File, content_digest, described, list_files
from builder.release.recipe_copy import write_recipe
from builder.release.texts import Texts
from builder.release.views import DROPPED, GENERATIONS, drops, generations, kept, published_stages
from builder.run.directory import Run
from builder.run.status import Status
from builder.run.table import schema_of


@dataclass(frozen=True, slots=True)
class Content:
    """A release but for its version.

    Attributes:
        facts: What its card says.
        files: Its files so far, data with the digests of their row groups.
        described: What its manifest says; a version number stands for that.
    """

    facts: ReleaseFacts
    files: list[File]
    described: dict[str, Any]


def write_content(
    loaded: LoadedRecipe,
    run: Run,
    status: Status,
    license_file: Path | None,
    workers: int,
    staging: Path,
    say: Callable[[str], None],
) -> Content:
    """Write a release but for its version into `staging`.

    Args:
        loaded: The recipe.
        run: Its run, with every stage done.
        status: What became of its documents.
        license_file: The generator's licence; None to fetch it from the generator's repository.
        workers: Processes that look at the texts.
        staging: An empty directory.
        say: Told what is worth knowing.

    Raises:
        UsageError: A licence is missing.
        GateTripped: No row is left, or texts hold what must not be published.
        NothingToTalkTo: The Hub or the disk refuses.
    """
    _write_licenses(loaded, run, license_file, staging)
    special, texts = SpecialTokens(run), dict[str, Texts]()
    configs = _write_configs(loaded, run, status, special, texts, staging)
    special.check()
    write_recipe(loaded, run, staging)
    scanned = scan(staging, configs, loaded.scans, workers, say, loaded.recipe.release.text_columns)
    facts = gather(loaded, run, status, configs, texts, scanned, special.of_configs(), staging)
    for path, picture in render_assets(facts).items():
        (staging / path).parent.mkdir(exist_ok=True)
        (staging / path).write_text(picture, encoding="utf-8")
    data = (
        described(staging, file, _rows(staging / file), groups)
        for config in facts.configs
        for file, groups in config.groups.items()
    )
    files = list_files(staging, data)
    return Content(facts, files, _described(loaded, run, facts, files))


def _write_licenses(loaded: LoadedRecipe, run: Run, license_file: Path | None, staging: Path) -> None:
    license = loaded.recipe.release.license
    generator = None if license_file is None else GeneratorLicense(license_file)
    if run.model is not None:
        from builder.release.generator_license import fetch_license, refuse_another_license

        refuse_another_license(license, run.model)
        generator = generator or fetch_license(run.model)
    write_licenses(staging, license, generator, loaded.recipe.sources, all_terms(loaded.recipe))


def _write_configs(
    loaded: LoadedRecipe,
    run: Run,
    status: Status,
    special: SpecialTokens,
    texts: dict[str, Texts],
    staging: Path,
) -> list[Config]:
    """Write the data: the configs that have rows, the recipe's first; count what their texts are and hold."""
    release = loaded.recipe.release
    held = held_out(run, list(release.configs.values()), release.held_out, staging)
    texts |= {name: Texts() for name in release.configs}
    configs = [
        write_config(
            special.seen(kept(run, of_stage, release.columns, texts[name]), name, of_stage),
            name,
            of_stage,
            release.split,
            held,
            staging,
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
        configs.append(write_config(drops(run), DROPPED, None, release.split, (), staging))
    if release.generations and (rewriting := published_stages(loaded)):
        origin = origin_columns([field.name for field in schema_of(loaded).field("source").type], loaded)
        asked = generations(run, rewriting, list(release.configs.values()), origin)
        answers = special.seen(asked, GENERATIONS, None)
        configs.append(write_config(answers, GENERATIONS, None, release.split, (), staging))
    pa.default_memory_pool().release_unused()  # the client that uploads has memory of its own
    for empty in [config for config in configs if not config.rows]:
        shutil.rmtree(staging / "data" / empty.name)  # `load_dataset` fails on a config without rows
        configs.remove(empty)
    return configs


def _described(loaded: LoadedRecipe, run: Run, facts: ReleaseFacts, files: list[File]) -> dict[str, Any]:
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
