"""Files that hold rows in other formats than Parquet: known by their names, converted by `datasets`."""

from __future__ import annotations

from builder.sources.compressed import ENDINGS

_LOADERS = {
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "json"),
    **dict.fromkeys((".csv", ".tsv"), "csv"),
    ".arrow": "arrow",
    ".txt": "text",
}
_OF_ROWS = tuple(f"{one}{compressed}" for one in (".jsonl", ".ndjson", ".arrow") for compressed in ENDINGS)


def loader_of(name: str) -> str | None:
    """Return what `load_dataset` calls the format that a file's name says, None for Parquet and any other."""
    lower = name.lower()
    return next((loader for one, loader in _LOADERS.items() if lower.endswith(_with_compressed(one))), None)


def _with_compressed(ending: str) -> tuple[str, ...]:
    return tuple(ending + compressed for compressed in ENDINGS)


def holds_rows(name: str) -> bool:
    """Whether a file holds many documents by its name; `.json` and `.csv` may be one of a repository's files."""
    return name.lower().endswith((*_OF_ROWS, ".parquet"))


def as_parquet(loader: str, path: str) -> str:
    """Return the command that makes Parquet of files of rows."""
    options = ", sep='\\t'" if path.lower().endswith(_with_compressed(".tsv")) else ""
    load = f"load_dataset('{loader}', data_files={path!r}, split='train'{options})"
    return f"`python -c \"from datasets import load_dataset; {load}.to_parquet('rows.parquet')\"`"
