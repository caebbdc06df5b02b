"""The dataset card: front matter that the Hub and `load_dataset` read, and a page that people read."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import jinja2
import pyarrow as pa
import yaml

from builder import markdown
from builder.release.config_files import Config
from builder.release.facts import ReleaseFacts
from builder.resources import folder

_SIZES = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
          (10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**10, "1B<n<10B"), (10**11, "10B<n<100B")]  # fmt: skip
_LICENSES = frozenset(
    """
    afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m
    bigscience-bloom-rail-1.0 bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0
    c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0
    cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0
    cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m
    deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 gemma gfdl gpl gpl-2.0 gpl-3.0
    h-research intel-research isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr llama2 llama3 llama3.1 llama3.2 llama3.3
    llama4 lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1 openrail openrail++ osl-3.0 other pddl
    postgresql unknown unlicense wtfpl zlib
    """.split()  # noqa: SIM905 - a list of them fills a screen
)
"""The identifiers that the Hub knows; it refuses a card with another one."""

FUNNEL, SCORES = "assets/funnel.svg", "assets/scores.svg"

_PLAIN = {pa.string(): "string", pa.int64(): "int64", pa.float64(): "float64", pa.bool_(): "bool"}
"""What `datasets` calls the types that nearly all columns have."""


def render_card(
    facts: ReleaseFacts, version: str, dest: str, history: list[str], content_sha256: str, *, has_revisions: bool
) -> str:
    """Return README.md.

    Args:
        facts: What is said.
        version: The release's version, such as 1.0.0.
        dest: Where it is published, for the lines that load it.
        history: Changes since the version before.
        content_sha256: Digest of the content; in each config, since `load_dataset` caches a local folder by
            its card alone and would otherwise give the rows of an older one.
        has_revisions: Whether `load_dataset` takes a version there.
    """
    owner, _, name = dest.rpartition("/")
    title = facts.title or name or facts.name  # a dataset's own name is nobody else's words
    key = re.sub(r"[^A-Za-z0-9]", "", name or facts.name).lower()
    body = (
        _environment(is_markup=False)
        .get_template("dataset.md.jinja")
        .render(
            facts=facts,
            version=version,
            dest=dest,
            history=history,
            has_revisions=has_revisions,
            title=title,
            owner=owner,
            key=key,
        )
    )
    front = yaml.safe_dump(front_matter(facts, content_sha256, title), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n{body}"


def render_assets(facts: ReleaseFacts) -> dict[str, str]:
    """Return the pictures that the card shows, by their paths in the release."""
    templates = {FUNNEL: "funnel.svg.jinja"}
    if any(stage.scores for stage in facts.rewriting):
        templates[SCORES] = "scores.svg.jinja"
    environment = _environment(is_markup=True)
    return {path: environment.get_template(name).render(facts=facts) for path, name in templates.items()}


@cache
def _environment(*, is_markup: bool) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder("cards")),
        autoescape=is_markup,  # noqa: S701 - Markdown is no HTML
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for name in ("bibtex", "cell", "code", "escaped", "fenced", "line", "percent", "size", "word"):
        environment.filters[name] = getattr(markdown, name)
    environment.filters["n"] = lambda number: f"{number:,}"
    return environment


def front_matter(facts: ReleaseFacts, content_sha256: str, title: str | None = None) -> dict[str, Any]:
    """Return the card's metadata; `dataset_info` comes from the written files."""
    size = next((name for bound, name in _SIZES if facts.rows < bound), "100B<n<1T")
    names = [config.name for config in facts.configs]
    default = "default" if "default" in names else names[0]  # `datasets` takes that name for one, marked or not
    return {
        **_license(facts),
        **({"language": facts.language} if facts.language else {}),
        "pretty_name": markdown.line(title or facts.title or facts.name),
        "task_categories": ["text-generation"],
        "size_categories": [size],
        "tags": list(dict.fromkeys([*(["synthetic"] if facts.rewriting else []), "pre-training", *facts.tags])),
        **({"source_datasets": facts.source_datasets} if facts.source_datasets else {}),
        "configs": [
            {
                "config_name": config.name,
                "description": f"{config.rows} rows, content {content_sha256[:16]}",
                "data_files": [
                    {"split": split.name, "path": f"data/{config.name}/{split.name}-*.parquet"}
                    for split in config.splits
                ],
                **({"default": True} if config.name == default else {}),
            }
            for config in facts.configs
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


def _license(facts: ReleaseFacts) -> dict[str, str]:
    if facts.license in _LICENSES - {"other"}:
        return {"license": facts.license}
    name = re.sub(r"[^a-z0-9.]+", "-", facts.license.lower()).strip("-.") or "other"
    # The Hub takes a file LICENSE beside the card, or an address; without a model there is no such file.
    urls = [source["license_url"] for source in facts.sources if source["license_url"]]
    links = ["LICENSE"] if facts.model else urls[:1]
    return {"license": "other", "license_name": name, **({"license_link": links[0]} if links else {})}
