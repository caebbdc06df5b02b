"""Licences: the names that the Hub has for them, what they demand, and their files in a release.

A text that was not obtained is never made up.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from license_expression import LicenseWithExceptionSymbol, Licensing, get_spdx_licensing

from builder.errors import UsageError
from builder.sources import Source

if TYPE_CHECKING:
    from builder.recipe import Recipe

USE_POLICY = "USE_POLICY.md"

HUB_LICENSES = frozenset(
    """
    afl-3.0 agpl-3.0 apache-2.0 apple-amlr apple-ascl artistic-2.0 bigcode-openrail-m
    bigscience-bloom-rail-1.0 bigscience-openrail-m bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear bsl-1.0
    c-uda cc cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nc-nd-3.0
    cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cc-by-nd-4.0 cc-by-sa-3.0 cc-by-sa-4.0
    cc0-1.0 cdla-permissive-1.0 cdla-permissive-2.0 cdla-sharing-1.0 creativeml-openrail-m
    deepfloyd-if-license ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 fair-noncommercial-research-license
    gemma gfdl gpl gpl-2.0 gpl-3.0 grok2-community h-research intel-research isc lgpl lgpl-2.1 lgpl-3.0 lgpl-lr
    llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 lppl-1.3c mit mpl-2.0 ms-pl ncsa odbl odc-by ofl-1.1
    openmdw-1.0 openrail openrail++ osl-3.0 other pddl postgresql unknown unlicense wtfpl zlib
    """.split()  # noqa: SIM905 - a list of them fills a screen
)
"""The identifiers that the Hub knows; it refuses a card with another one."""

_OTHERWISE = {
    "c-uda-1.0": "c-uda", "gfdl-1.1": "gfdl", "gfdl-1.2": "gfdl", "gfdl-1.3": "gfdl", "lgpllr": "lgpl-lr",
    "odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl",
}  # fmt: skip
"""SPDX identifiers, without `-only` and `-or-later`, that the Hub has other names for."""

_LICENSING = Licensing()

OWN_WORDS = " (its own words, not an identifier of SPDX or of the Hub)"

LLAMA_LICENSES = ("llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4")
"""Those of the Llamas."""

_LLAMAS = {"llama3.1": "3.1", "llama3.2": "3.2", "llama3.3": "3.3", "llama4": "4"}
"""The licences of one form: a copy, a notice, "Built with Llama", a name, a policy. Those before have another."""


def hub_licenses(license: str) -> list[str]:
    """Return the Hub's identifiers of a licence, an SPDX expression's each; none where the Hub has none for it."""
    words = license.lower().split()  # of "CC BY 4.0", "Llama 3.3"
    for same in ("-".join(words), "".join(words)):
        if same in HUB_LICENSES - {"other"}:
            return [same]
    try:
        symbols = _LICENSING.license_symbols(_LICENSING.parse(license), unique=True, decompose=False)
    except Exception:  # noqa: BLE001 - a recipe may say anything, and the parser fails at some of it with bugs
        return []
    found = [_hub_name(symbol) for symbol in symbols or ()]
    return [] if None in found else [name for name in dict.fromkeys(found) if name]


def _hub_name(symbol: object) -> str | None:
    plain = symbol.license_symbol if isinstance(symbol, LicenseWithExceptionSymbol) else symbol
    name = str(getattr(plain, "key", "")).lower().removesuffix("-only").removesuffix("-or-later")
    name = _OTHERWISE.get(name, name)
    return name if name in HUB_LICENSES - {"other"} else None


def is_in_own_words(license: str) -> bool:
    """Whether a licence's name is none that the Hub or SPDX has, and none that says so (`other`, LicenseRef-…)."""
    if hub_licenses(license) or license.lower() == "other":
        return False
    try:
        unknown = _spdx().unknown_license_keys(license)
    except Exception:  # noqa: BLE001 - as above
        return True
    return not license.strip() or any(not name.lower().startswith("licenseref-") for name in unknown)


def licence_notes(recipe: Recipe) -> Iterator[str]:
    """Yield what whoever publishes should know of a recipe's names of licences before a run."""
    for source in recipe.sources:
        if source.license is not None and is_in_own_words(source.license):
            yield f"{source.label()}: its card will show {_as_written(source.license)}"
    license = recipe.release.license
    if not hub_licenses(license) and license.lower() != "other":
        yield f"release.license: the Hub will show `other` for {_as_written(license)}"


def _as_written(license: str) -> str:
    """Return a licence's name, with what it is called by those who have a name for it."""
    if not is_in_own_words(license):
        return f"{license!r}, which SPDX has an identifier for and the Hub has not"
    like = near(license)
    hint = f"; did you mean {like}?" if like else ""
    return f"{license!r} as it is written: neither the Hub nor SPDX has such an identifier{hint}"


@cache
def _spdx() -> Licensing:
    return get_spdx_licensing()


def near(license: str) -> str | None:
    """Return the identifier that a licence's name looks like, None where it looks like none."""
    known = {name.lower(): name for name in (*_spdx().known_symbols, *HUB_LICENSES)}
    found = difflib.get_close_matches("-".join(license.lower().split()), known, 1, 0.8)
    return known[found[0]] if found else None


@dataclass(frozen=True, slots=True)
class GeneratorLicense:
    """Files on this machine: the licence, and the use policy that the repository has beside it, if it has one."""

    text: Path
    policy: Path | None = None


@dataclass(frozen=True, slots=True)
class Duties:
    """What the card has to say for the generator's licence."""

    built_with: str | None = None
    naming: str | None = None
    policy: str | None = None


def duties_of(license_id: str) -> Duties:
    """Return a licence's duties towards whoever publishes or uses what the model wrote."""
    version = _llama(license_id)
    if version is None:
        return Duties()
    return Duties(
        built_with="Built with Llama",
        naming="A model trained on this data and distributed must have a name that begins with “Llama”.",
        policy=f"https://www.llama.com/llama{version.replace('.', '_')}/use-policy",
    )


def _llama(license_id: str) -> str | None:
    return next((_LLAMAS[name] for name in hub_licenses(license_id) if name in _LLAMAS), None)


def license_copy(source: Source) -> str:
    """Return the path in a release of a source's licence."""
    return f"licenses/{source.label().replace('/', '--')}-LICENSE.txt"


def write_licenses(
    folder: Path,
    license_id: str,
    generator: GeneratorLicense | None,
    sources: Sequence[Source],
    terms: Sequence[str],
) -> None:
    """Write LICENSE, NOTICE, USE_POLICY.md and licenses/ into a release.

    Args:
        folder: The release.
        license_id: What it is under, as the recipe says.
        generator: The generator's licence; None where no model has written anything.
        sources: What it was made from.
        terms: What is said of the sources' terms.

    Raises:
        UsageError: There is no such file.
    """
    if generator is not None:
        _write_generators(folder, generator)
    if version := _llama(license_id):
        notice = (
            f"Llama {version} is licensed under the Llama {version} Community License, "
            "Copyright © Meta Platforms, Inc. All Rights Reserved.\n"
        )
        (folder / "NOTICE").write_text(notice, encoding="utf-8")
    (folder / "licenses").mkdir()
    lines = ["# Licences of the sources", "", *chain.from_iterable(_of_source(folder, one) for one in sources)]
    for one in terms:
        lines += ["", one]
    (folder / "licenses" / "SOURCES.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_generators(folder: Path, generator: GeneratorLicense) -> None:
    if not generator.text.is_file():
        raise UsageError("there is no such licence file", where=str(generator.text))
    (folder / "LICENSE").write_bytes(generator.text.read_bytes())
    if generator.policy is not None:
        (folder / USE_POLICY).write_bytes(generator.policy.read_bytes())


def _of_source(folder: Path, source: Source) -> Iterator[str]:
    """Yield lines on a source's licence, of which a copy is written where there is one."""
    license = source.license
    words = OWN_WORDS if license is not None and is_in_own_words(license) else ""
    yield f"- {source.label()}: {license or 'not stated in the recipe'}{words}"
    if source.license_url:
        yield f"  ({source.license_url})"
    if source.license_file is not None:
        copy = folder / license_copy(source)
        copy.write_bytes(source.license_file.read_bytes())
        yield f"  Text: [{copy.name}]({copy.name})"
