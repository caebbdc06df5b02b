"""What is published: all of a release that does not depend on its version, and what its manifest says of that.

It follows from the run and the recipe alone: the data of every config, licences, recipe and prompts, pictures.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
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
from builder.release.features import source_features, with_features
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
    data = _Data(loaded, run, staging)
    configs = data.write(status)
    data.special.check()
    write_recipe(loaded, run, staging)
    scanned = scan(staging, configs, loaded.scans, workers, say, loaded.recipe.release.text_columns)
    facts = gather(loaded, run, status, configs, data.texts, scanned, data.special.of_configs(), staging)
    _write_assets(facts, staging)
    files = list_files(staging, _data_files(facts.configs, staging))
    return Content(facts, files, _described(loaded, run, facts, files))


def _write_assets(facts: ReleaseFacts, staging: Path) -> None:
    for path, picture in render_assets(facts).items():
        (staging / path).parent.mkdir(exist_ok=True)
        (staging / path).write_text(picture, encoding="utf-8")


def _data_files(configs: list[Config], staging: Path) -> Iterator[File]:
    for config in configs:
        for file, groups in config.groups.items():
            yield described(staging, file, _rows(staging / file), groups)


def _write_licenses(loaded: LoadedRecipe, run: Run, license_file: Path | None, staging: Path) -> None:
    license = loaded.recipe.release.license
    generator = None if license_file is None else GeneratorLicense(license_file)
    if run.model is not None:
        from builder.release.generator_license import fetch_license, refuse_another_license

        refuse_another_license(license, run.model)
        generator = generator or fetch_license(run.model)
    write_licenses(staging, license, generator, loaded.recipe.sources, all_terms(loaded.recipe))


class _Data:
    """A release's data, written config by config; what texts are and hold is counted on the way."""

    def __init__(self, loaded: LoadedRecipe, run: Run, staging: Path) -> None:
        """Write nothing yet."""
        self._loaded, self._run, self._staging = loaded, run, staging
        self._release = loaded.recipe.release
        self._columns = [field.name for field in schema_of(loaded).field("source").type]
        self._features = source_features(loaded)
        self.special = SpecialTokens(run)
        self.texts = {name: Texts() for name in self._release.configs}

    def write(self, status: Status) -> list[Config]:
        """Return the configs that have rows, the recipe's first.

        Raises:
            GateTripped: None has.
        """
        configs = self._training()
        if not any(config.rows for config in configs):
            raise GateTripped(
                f"no config has a row: of {status.documents} documents none was kept",
                where=str(self._run.path),
                remedy="`python -m builder status` says why they were dropped, `inspect --id ID` shows one",
            )
        configs += self._others()
        pa.default_memory_pool().release_unused()  # the client that uploads has memory of its own
        for empty in [config for config in configs if not config.rows]:
            shutil.rmtree(self._staging / "data" / empty.name)  # `load_dataset` fails on a config without rows
            configs.remove(empty)
        return configs

    def _training(self) -> list[Config]:
        release, run = self._release, self._run
        held = held_out(run, list(release.configs.values()), release.held_out, self._staging)
        return [
            self._write(
                self.special.seen(kept(run, stage, release.columns, self.texts[name]), name, stage),
                name,
                stage,
                held,
                self._columns,
            )
            for name, stage in release.configs.items()
        ]

    def _others(self) -> Iterator[Config]:
        release, run = self._release, self._run
        if release.dropped:
            yield self._write(drops(run), DROPPED, None, (), self._columns)
        if release.generations and (rewriting := published_stages(self._loaded)):
            origin = origin_columns(self._columns, self._loaded)
            asked = generations(run, rewriting, list(release.configs.values()), origin)
            answers = self.special.seen(asked, GENERATIONS, None)
            yield self._write(answers, GENERATIONS, None, (), origin)

    def _write(
        self,
        view: Iterator[pa.Table],
        name: str,
        stage: str | None,
        held: Collection[str],
        columns: Sequence[str],
    ) -> Config:
        """Write a view whose last columns are these of the sources'."""
        known = partial(with_features, columns=columns, known=self._features)
        return write_config(view, name, stage, self._release.split, held, self._staging, known)


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
