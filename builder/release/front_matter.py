"""A card's front matter: what the Hub and `load_dataset` read of a release, as a recipe and the written files say.

The Hub looks at it when a card is committed, which is last of all. So what follows from the recipe alone is made,
and looked at, before anything is built.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from builder import markdown
from builder.release.config_files import Config
from builder.release.facts import ReleaseFacts, Words, words_of
from builder.release.licenses import hub_licenses

if TYPE_CHECKING:
    from builder.recipe import Recipe

_SIZES = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
          (10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**10, "1B<n<10B"), (10**11, "10B<n<100B")]  # fmt: skip

_PLAIN = {pa.string(): "string", pa.int64(): "int64", pa.float64(): "float64", pa.bool_(): "bool"}
"""What `datasets` calls the types that nearly all columns have."""


def front_text(front: dict[str, Any]) -> str:
    """Return front matter as YAML, as the Hub's own client writes it."""
    from huggingface_hub import DatasetCardData

    return DatasetCardData(**front).to_yaml() + "\n"


def announced(recipe: Recipe) -> str:
    """Return a card of what a recipe alone says of its release: the words that the Hub may refuse."""
    words = words_of(recipe)
    links = [source.license_url for source in recipe.sources if source.license_url]
    front = _labels(words, words.title or words.name, ["synthetic"], links)
    front["configs"] = [
        {"config_name": name, "data_files": [{"split": recipe.release.split, "path": f"data/{name}/*.parquet"}]}
        for name in recipe.release.configs
    ]
    return f"---\n{front_text(front)}---\n\n{words.description}\n"


def front_matter(facts: ReleaseFacts, content_sha256: str, title: str | None = None) -> dict[str, Any]:
    """Return the card's metadata; `dataset_info` comes from the written files."""
    size = next((name for bound, name in _SIZES if facts.rows < bound), "100B<n<1T")
    is_written = any(texts.written for texts in facts.texts.values())
    # The Hub takes a file LICENSE beside the card, or an address; without a model there is no such file.
    urls = [source["license_url"] for source in facts.sources if source["license_url"]]
    links = ["LICENSE"] if facts.model else urls
    labels = _labels(facts, title or facts.title or facts.name, ["synthetic"] if is_written else [], links)
    return {
        **labels,
        "size_categories": [size],
        "configs": _configs(facts.configs, content_sha256),
        "dataset_info": [{"config_name": config.name, **_info(config)} for config in facts.configs],
    }


def _labels(words: Words, title: str, tags: Collection[str], links: list[str]) -> dict[str, Any]:
    """Return what people look for a dataset by; `links` lead to the licence, where the Hub does not know it."""
    return {
        **_license(words.license, links),
        **({"language": words.language} if words.language else {}),
        "pretty_name": markdown.line(title),
        "task_categories": ["text-generation"],
        "tags": list(dict.fromkeys([*tags, "pre-training", *words.tags])),
        **({"source_datasets": words.source_datasets} if words.source_datasets else {}),
    }


def _license(license: str, links: list[str]) -> dict[str, Any]:
    if known := hub_licenses(license):
        return {"license": known[0] if len(known) == 1 else known}
    return {
        "license": "other",
        "license_name": license_name(license),
        **({"license_link": links[0]} if links else {}),
    }


def license_name(license: str) -> str:
    """Return how the Hub shows a licence that it has no identifier for."""
    return re.sub(r"[^a-z0-9.]+", "-", license.lower()).strip("-.") or "other"


def _configs(configs: list[Config], content_sha256: str) -> list[dict[str, Any]]:
    names = [config.name for config in configs]
    default = "default" if "default" in names else names[0]  # `datasets` takes that name for one, marked or not
    return [
        {
            "config_name": config.name,
            "description": f"{config.rows} rows, content {content_sha256[:16]}",
            "data_files": [
                {"split": split.name, "path": f"data/{config.name}/{split.name}-*.parquet"}
                for split in config.splits
            ],
            **({"default": True} if config.name == default else {}),
        }
        for config in configs
    ]


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
    if not schema.metadata and all(field.type in _PLAIN for field in schema):
        return [{"name": field.name, "dtype": _PLAIN[field.type]} for field in schema]
    # Half a second and 50 MB, which few releases need.
    from datasets import DatasetInfo, Features

    return DatasetInfo(features=Features.from_arrow_schema(schema))._to_yaml_dict()["features"]
