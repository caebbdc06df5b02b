"""The dataset card: front matter that the Hub and `load_dataset` read, and a page that people read."""

from __future__ import annotations

import json
import keyword
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import jinja2
import pyarrow as pa

from builder import markdown
from builder.release.config_files import Config
from builder.release.facts import ReleaseFacts
from builder.release.licenses import hub_licenses
from builder.release.texts import TOKENIZER
from builder.resources import folder

_SIZES = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
          (10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**10, "1B<n<10B"), (10**11, "10B<n<100B")]  # fmt: skip
FUNNEL, SCORES = "assets/funnel.svg", "assets/scores.svg"

_PLAIN = {pa.string(): "string", pa.int64(): "int64", pa.float64(): "float64", pa.bool_(): "bool"}
"""What `datasets` calls the types that nearly all columns have."""


def render_card(
    facts: ReleaseFacts,
    version: str,
    dest: str,
    history: list[str],
    content_sha256: str,
    *,
    has_revisions: bool,
    place: str = "",
) -> str:
    """Return README.md.

    Args:
        facts: What is said.
        version: The release's version, such as 1.0.0.
        dest: What it is called: ORG/NAME on the Hub, elsewhere a name.
        history: Changes since the version before.
        content_sha256: Digest of the content; in each config, since `load_dataset` caches a local folder by
            its card alone and would otherwise give the rows of an older one.
        has_revisions: Whether `load_dataset` takes a version there.
        place: What `load_dataset` takes to read this version, where that is another than `dest`.
    """
    owner, _, name = dest.rpartition("/")
    title = facts.title or name or facts.name  # a dataset's own name is nobody else's words
    place = place or dest
    said = {
        "facts": facts,
        "version": version,
        "dest": dest,
        "history": history,
        "has_revisions": has_revisions,
        "title": title,
        "owner": owner,
        "key": re.sub(r"[^A-Za-z0-9]", "", name or facts.name).lower(),
        "place": json.dumps(place, ensure_ascii=False)[1:-1],
        "at": f', revision="v{version}"' if has_revisions else "",
        "variables": list(zip(facts.configs, variables([one.name for one in facts.configs]), strict=True)),
        "recipe": f"hf://datasets/{dest}@v{version}" if has_revisions else shlex.quote(place),
        "tokenizer": TOKENIZER,
        "written": [one for one in facts.configs if one.name in facts.texts and facts.texts[one.name].written],
        "as_they_were": [
            one for one in facts.configs if one.name in facts.texts and not facts.texts[one.name].written
        ],
        "mixed": [one for one in facts.configs if one.name in facts.texts and facts.texts[one.name].is_mixed],
        "is_the_models_alone": not any(
            set(hub_licenses(source["license"] or "")) & set(hub_licenses(facts.license))
            for source in facts.sources
        ),
        "named": _named,
    }
    body = _environment(is_markup=False).get_template("dataset.md.jinja").render(said)
    return f"---\n{front_text(front_matter(facts, content_sha256, title))}---\n\n{body}"


def variables(names: Sequence[str]) -> list[str]:
    """Return a name for each config that is a name in Python, and none of them twice."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"\W", "_", name, flags=re.ASCII)
        if not plain.isidentifier() or keyword.iskeyword(plain) or plain in ("load_dataset", "streamed"):
            plain = f"config_{plain}"
        while plain in found:
            plain += "_"
        found.append(plain)
    return found


def front_text(front: dict[str, Any]) -> str:
    """Return front matter as YAML, as the Hub's own client writes it."""
    from huggingface_hub import DatasetCardData

    return DatasetCardData(**front).to_yaml() + "\n"


def _named(names: Iterable[str]) -> str:
    coded = [markdown.code(name) for name in names]
    return f"{', '.join(coded[:-1])} and {coded[-1]}" if coded[1:] else "".join(coded)


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
    environment.filters["total"] = Counter.total
    environment.filters["n"] = lambda number: f"{number:,}"
    return environment


def front_matter(facts: ReleaseFacts, content_sha256: str, title: str | None = None) -> dict[str, Any]:
    """Return the card's metadata; `dataset_info` comes from the written files."""
    size = next((name for bound, name in _SIZES if facts.rows < bound), "100B<n<1T")
    names = [config.name for config in facts.configs]
    is_written = any(texts.written for texts in facts.texts.values())
    default = "default" if "default" in names else names[0]  # `datasets` takes that name for one, marked or not
    return {
        **_license(facts),
        **({"language": facts.language} if facts.language else {}),
        "pretty_name": markdown.line(title or facts.title or facts.name),
        "task_categories": ["text-generation"],
        "size_categories": [size],
        "tags": list(dict.fromkeys([*(["synthetic"] if is_written else []), "pre-training", *facts.tags])),
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


def _license(facts: ReleaseFacts) -> dict[str, Any]:
    if known := hub_licenses(facts.license):
        return {"license": known[0] if len(known) == 1 else known}
    name = re.sub(r"[^a-z0-9.]+", "-", facts.license.lower()).strip("-.") or "other"
    # The Hub takes a file LICENSE beside the card, or an address; without a model there is no such file.
    urls = [source["license_url"] for source in facts.sources if source["license_url"]]
    links = ["LICENSE"] if facts.model else urls[:1]
    return {"license": "other", "license_name": name, **({"license_link": links[0]} if links else {})}
