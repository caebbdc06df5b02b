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

from builder import markdown
from builder.release.facts import ReleaseFacts
from builder.release.front_matter import front_matter, front_text
from builder.release.licenses import hub_licenses
from builder.release.texts import TOKENIZER
from builder.resources import folder

FUNNEL, SCORES = "assets/funnel.svg", "assets/scores.svg"


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
    said = {
        "facts": facts,
        "version": version,
        "dest": dest,
        "history": history,
        "has_revisions": has_revisions,
        "title": title,
        "owner": owner,
        "key": re.sub(r"[^A-Za-z0-9]", "", name or facts.name).lower(),
        "place": json.dumps(place or dest, ensure_ascii=False)[1:-1],
        "at": f', revision="v{version}"' if has_revisions else "",
        "recipe": f"hf://datasets/{dest}@v{version}" if has_revisions else shlex.quote(place or dest),
        **_of_configs(facts),
    }
    body = _environment(is_markup=False).get_template("dataset.md.jinja").render(said)
    return f"---\n{front_text(front_matter(facts, content_sha256, title))}---\n\n{body}"


def _of_configs(facts: ReleaseFacts) -> dict[str, Any]:
    """Return what a card calls the configs, and which hold what a model wrote, what others did, or both."""
    of_texts = [one for one in facts.configs if one.name in facts.texts]
    ours = set(hub_licenses(facts.license))
    return {
        "variables": list(zip(facts.configs, variables([one.name for one in facts.configs]), strict=True)),
        "tokenizer": TOKENIZER,
        "written": [one for one in of_texts if facts.texts[one.name].written],
        "as_they_were": [one for one in of_texts if not facts.texts[one.name].written],
        "mixed": [one for one in of_texts if facts.texts[one.name].is_mixed],
        "is_the_models_alone": not any(ours & set(hub_licenses(one["license"] or "")) for one in facts.sources),
        "named": _named,
    }


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
    environment.filters["settings"] = _settings
    environment.filters["total"] = Counter.total
    environment.filters["n"] = lambda number: f"{number:,}"
    return environment


def _settings(sampling: str) -> str:
    """Return what was sent to sample with, which the table has as JSON, in words."""
    try:
        sent = json.loads(sampling)
    except ValueError:  # of a table that somebody else wrote
        return sampling
    if not isinstance(sent, dict):
        return sampling
    return ", ".join(
        f"{name} {value if isinstance(value, str) else json.dumps(value)}" for name, value in sent.items()
    )
