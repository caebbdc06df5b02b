"""Licence files, as the generator and the sources demand. A text that was not obtained is never made up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.errors import UsageError
from builder.release.hub_licenses import hub_licenses
from builder.sources import Source

USE_POLICY = "USE_POLICY.md"

_LLAMAS = {"llama3.1": "3.1", "llama3.2": "3.2", "llama3.3": "3.3", "llama4": "4"}
"""The licences of one form: a copy, a notice, "Built with Llama", a name, a policy. Those before have another."""


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
        if not generator.text.is_file():
            raise UsageError("there is no such licence file", where=str(generator.text))
        (folder / "LICENSE").write_bytes(generator.text.read_bytes())
        if generator.policy is not None:
            (folder / USE_POLICY).write_bytes(generator.policy.read_bytes())
    if version := _llama(license_id):
        notice = (
            f"Llama {version} is licensed under the Llama {version} Community License, "
            "Copyright © Meta Platforms, Inc. All Rights Reserved.\n"
        )
        (folder / "NOTICE").write_text(notice, encoding="utf-8")
    licenses = folder / "licenses"
    licenses.mkdir()
    lines = ["# Licences of the sources", ""]
    for source in sources:
        label = source.label()
        lines.append(f"- {label}: {source.license or 'not stated in the recipe'}")
        if source.license_url:
            lines.append(f"  ({source.license_url})")
        if source.license_file is not None:
            copy = folder / license_copy(source)
            copy.write_bytes(source.license_file.read_bytes())
            lines.append(f"  Text: [{copy.name}]({copy.name})")
    for one in terms:
        lines += ["", one]
    (licenses / "SOURCES.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
