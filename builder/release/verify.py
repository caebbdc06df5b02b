"""Verifying a release: every file against the manifest, every row counted, the ledger added up, a row loaded.

Rows are loaded as users load them, with `load_dataset`, in a process of its own: the cache that all programs share
takes one directory for another of the same name, and a stream that is left in the middle can end the process that
read it (pyarrow's threads outlive the interpreter).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from builder.errors import UsageError, VerificationFailed
from builder.files import placed, storage_error
from builder.release.manifest import MANIFEST, File, Manifest, content_digest, file_problems, read_manifest
from builder.release.places import SCHEME, dataset_of, meant


def verify(dest: str) -> Manifest:
    """Return the manifest of a release that is as it says, in a directory or at `hf://datasets/ORG/NAME@REVISION`.

    On the Hub digests are compared as it tells them; nothing is downloaded but small files, footers and a row.

    Raises:
        UsageError: There is no release.
        VerificationFailed: With every difference found.
    """
    if dest.startswith(SCHEME):
        return _verify_on_hub(dest)
    release = placed(dest)
    manifest = read_manifest(release)
    if manifest is None:
        raise UsageError(
            "there is no release here",
            where=str(release),
            remedy=f"name the directory that holds manifest.json, or on the Hub {meant(dest)}",
        )
    problems = file_problems(release, manifest)
    problems += [problem for file in manifest.files for problem in _rows(release, file)]
    problems += _by_itself(manifest) or _loaded(str(release), manifest, None)
    _raise(problems, dest)
    return manifest


def _verify_on_hub(dest: str) -> Manifest:
    from builder.release.hub_repository import HubRepository

    place, _, revision = dest.partition("@")
    dataset = dataset_of(place)
    repository = HubRepository(dataset)
    found = repository.resolve(revision or "main")
    manifest = None if found is None else repository.manifest_at(found)
    if found is None or manifest is None:
        raise UsageError(
            "there is no release here",
            where=dest,
            remedy="name a dataset of ours, and a tag or commit that it has",
        )
    problems = [f"it is version {manifest.version}"] if _is_another(revision, manifest) else []
    problems += repository.differences(found, manifest) or repository.miscounted(found, manifest)
    problems += _by_itself(manifest)
    _raise(problems or _loaded(dataset, manifest, found), dest)
    return manifest


def _is_another(revision: str, manifest: Manifest) -> bool:
    """Whether a revision is called after another version than the one that it holds."""
    return bool(re.fullmatch(r"v\d+\.\d+\.\d+", revision)) and revision != f"v{manifest.version}"


def _raise(problems: list[str], where: str) -> None:
    if problems:
        raise VerificationFailed(
            f"{len(problems)} difference(s):\n  " + "\n  ".join(problems),
            where=where,
            remedy="publish again from the run: a directory is made as it was, what was edited is kept beside it;"
            " on the Hub a tagged version is never changed, and the next one mends main",
        )


def _by_itself(manifest: Manifest) -> list[str]:
    """Return in what a manifest contradicts itself."""
    problems = _ledger(manifest)
    if content_digest(manifest.content) != manifest.content_sha256:
        problems.append(f"{MANIFEST}: its content does not have the digest it states")
    for config, rows in manifest.content["rows"].items():
        found = sum(file.rows or 0 for file in manifest.files if file.path.startswith(f"data/{config}/"))
        if found != rows:
            problems.append(f"config {config}: {found} rows in files, {rows} in the manifest")
    return problems


def _loaded(name: str, manifest: Manifest, revision: str | None) -> list[str]:
    """Load a row of each config as users do; return what is not as the manifest says."""
    schemas = manifest.content["schemas"]
    found, trouble = _columns_read(name, revision, {config: _split_of(config, manifest) for config in schemas})
    problems = []
    for config, schema in schemas.items():
        columns = [column.partition(": ")[0] for column in schema]
        if config not in found:
            problems.append(f"config {config}: `load_dataset` fails ({trouble})")
        elif found[config] != columns:
            row = ", ".join(found[config]) or "nothing"
            problems.append(f"config {config}: a row has {row}, not {', '.join(columns)}")
    return problems


def _split_of(config: str, manifest: Manifest) -> str:
    """Return a split of a config that has rows: all of them may be held out."""
    files = (Path(file.path).name for file in manifest.files if file.path.startswith(f"data/{config}/"))
    split: str = manifest.content["recipe"]["release"]["split"]
    return next(files, split).partition("-")[0]


def _rows(release: Path, file: File) -> list[str]:
    path = release / file.path
    if file.rows is None or not path.is_file():
        return []
    try:
        # Reading every row, not the footer alone: a file can be whole and yet not decode.
        with pq.ParquetFile(path) as parquet:
            rows = sum(batch.num_rows for batch in parquet.iter_batches())
    except (OSError, pa.ArrowException) as error:
        if refused := storage_error(error):  # no file of the release is to blame
            raise refused from error
        return [f"{file.path}: can't be read ({error})"]
    return [] if rows == file.rows else [f"{file.path}: {rows} rows, {file.rows} in the manifest"]


def _ledger(manifest: Manifest) -> list[str]:
    problems, expected = [], None
    for stage in manifest.content["ledger"]:
        dropped = sum(stage["dropped"].values())
        if stage["in"] != stage["kept"] + dropped or expected not in (None, stage["in"]):
            problems.append(
                f"ledger: stage {stage['name']} has {stage['in']} in, {stage['kept']} kept, {dropped} dropped"
            )
        expected = stage["kept"]
    return problems


# --- as users read it ---


def _columns_read(
    name: str, revision: str | None, configs: Mapping[str, str]
) -> tuple[Mapping[str, list[str]], str]:
    """Return the columns of each config's first row, and the error that ended reading, if one did.

    Args:
        name: What `load_dataset` takes: a directory or a dataset on the Hub.
        revision: Of a dataset on the Hub.
        configs: For each config a split that has rows.
    """
    with tempfile.TemporaryDirectory() as cache:
        asked = orjson.dumps([name, revision, dict(configs)])
        done = subprocess.run(
            [sys.executable, "-m", "builder.release.verify"],
            input=asked,
            capture_output=True,
            env={**os.environ, "HF_DATASETS_CACHE": cache},
            check=False,
        )
    lines = (orjson.loads(line) for line in done.stdout.splitlines())
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return dict(lines), said[-1][:300] if done.returncode and said else ""


def _main() -> None:
    from datasets import load_dataset

    name, revision, configs = orjson.loads(sys.stdin.buffer.read())
    for config, split in configs.items():
        rows = load_dataset(name, config, split=split, revision=revision, streaming=True)
        sys.stdout.buffer.write(orjson.dumps([config, list(next(iter(rows), {}))]) + b"\n")
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    _main()
