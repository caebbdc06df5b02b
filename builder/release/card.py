"""The dataset card: front matter that the Hub and `load_dataset` read, and a page that people read."""

from __future__ import annotations

import re
from typing import Any

import jinja2
import pyarrow as pa
import yaml

from builder.release.config_files import Config
from builder.release.facts import ReleaseFacts
from builder.resources import folder

_SIZES = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
          (10**8, "10M<n<100M"), (10**9, "100M<n<1B")]  # fmt: skip

_PLAIN = {pa.string(): "string", pa.int64(): "int64", pa.float64(): "float64", pa.bool_(): "bool"}
"""What `datasets` calls the types that nearly all columns have."""


def render_card(facts: ReleaseFacts, version: str, dest: str, history: list[str], content_sha256: str) -> str:
    """Return README.md.

    Args:
        facts: What is said.
        version: The release's version, such as 1.0.0.
        dest: Where it is published, for the lines that load it.
        history: Changes since the version before.
        content_sha256: Digest of the content; in each config, since `load_dataset` caches a local folder by
            its card alone and would otherwise give the rows of an older one.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder("cards")),
        autoescape=False,  # noqa: S701 - Markdown, not HTML
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["fenced"] = fenced
    environment.filters["cell"] = lambda value: re.sub(r"\s+", " ", str(value)).replace("|", "\\|")
    body = environment.get_template("dataset.md.jinja").render(
        facts=facts, version=version, dest=dest, history=history
    )
    front = yaml.safe_dump(front_matter(facts, content_sha256), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n{body}"


def front_matter(facts: ReleaseFacts, content_sha256: str) -> dict[str, Any]:
    """Return the card's metadata; `dataset_info` comes from the written files."""
    size = next((name for bound, name in _SIZES if facts.rows < bound), "1B<n<10B")
    return {
        "license": facts.license,
        "language": facts.language,
        "pretty_name": facts.title,
        "task_categories": ["text-generation"],
        "size_categories": [size],
        "tags": ["synthetic", "pre-training", *facts.tags],
        **({"source_datasets": facts.source_datasets} if facts.source_datasets else {}),
        "configs": [
            {
                "config_name": config.name,
                "description": f"{config.rows} rows, content {content_sha256[:16]}",
                "data_files": [
                    {"split": split.name, "path": f"data/{config.name}/{split.name}-*.parquet"}
                    for split in config.splits
                ],
                **({"default": True} if position == 0 else {}),
            }
            for position, config in enumerate(facts.configs)
        ],
        "dataset_info": [{"config_name": config.name, **_info(config)} for config in facts.configs],
    }


def _info(config: Config) -> dict[str, Any]:
    return {
        "features": _features(config.schema),
        "splits": [
            {"name": split.name, "num_bytes": split.arrow_bytes, "num_examples": split.rows}
            for split in config.splits
        ],
        "download_size": config.bytes,
        "dataset_size": sum(split.arrow_bytes for split in config.splits),
    }


def _features(schema: pa.Schema) -> Any:  # noqa: ANN401 - what `datasets` writes into a card
    if all(field.type in _PLAIN for field in schema):
        return [{"name": field.name, "dtype": _PLAIN[field.type]} for field in schema]
    # Half a second and 50 MB, which few releases need.
    from datasets import DatasetInfo, Features

    return DatasetInfo(features=Features.from_arrow_schema(schema))._to_yaml_dict()["features"]


def fenced(text: str, language: str = "") -> str:
    """Return a text as a fenced block that nothing in the text can close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
