"""Licences by the names that the Hub has for them."""

from __future__ import annotations

from license_expression import LicenseWithExceptionSymbol, Licensing

_KNOWN = frozenset(
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

_OTHERWISE = {
    "c-uda-1.0": "c-uda", "gfdl-1.1": "gfdl", "gfdl-1.2": "gfdl", "gfdl-1.3": "gfdl", "lgpllr": "lgpl-lr",
    "odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl",
}  # fmt: skip
"""SPDX identifiers, without `-only` and `-or-later`, that the Hub has other names for."""

_LICENSING = Licensing()


def hub_licenses(license: str) -> list[str]:
    """Return the Hub's identifiers of a licence, an SPDX expression's each; none where the Hub has none for it."""
    if (same := license.strip().lower()) in _KNOWN - {"other"}:
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
    return name if name in _KNOWN - {"other"} else None
