"""API keys, tokens and private keys, by the rules of Kingfisher (https://github.com/mongodb/kingfisher).

Kingfisher knows what a secret of each service looks like: prefix, alphabet, length, checksum, entropy, the words
around it, and which examples from documentation are none. So UUIDs, hashes, images and long constants are not
found, as they are by detectors that go by entropy alone. Used are its rules of medium and high confidence, less
what a rule itself calls a finding of low confidence (`https://user:password@localhost`). It scans in this process
and asks no service; its other half, which tries keys out and revokes them, is never touched.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from pwd import getpwuid
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from builder.errors import FilterUnavailable
from builder.filters.base import Measures, TextFilter, Workplace

if TYPE_CHECKING:
    from kingfisher_sdk import Finding, Rules, Scanner

PLACEHOLDER = "<REDACTED>"
"""What stands where a secret was: no quote, brace or backslash, so that a string literal stays one."""

_PACKAGE = "kingfisher-secret-scanner"
_PRIVATE_KEY = "betterleaks.private-key"
# Kingfisher's goes from any header to the next marker, also over code that only mentions headers.
_KEY_BLOCK = re.compile(
    rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----((?:(?!-----).){64,}?)"
    rb"-----END [A-Z0-9 ]{0,40}KEY(?: BLOCK)?-----",
    re.DOTALL,
)
_KEY_LINE = re.compile(rb"[A-Za-z0-9+/]{40}")


class Secrets(TextFilter):
    """Drops a text that holds a secret, or replaces each by `<REDACTED>`, a private key from BEGIN to END."""

    action: Literal["drop", "redact"] = "drop"

    measures: ClassVar[Mapping[str, type]] = {"secrets": int, "kinds": str, "line": int, "text": str}

    @property
    def replaces_text(self) -> bool:
        """Whether secrets are redacted."""
        return self.action == "redact"

    def keeps(self, versions: Mapping[str, str]) -> str:
        """Return what becomes of secrets."""
        if self.replaces_text:
            return "every text, each secret in it replaced by `<REDACTED>`"
        return "what holds no secret that its detector knows"

    def identity(self) -> dict[str, str]:
        """Return the detector's version, which its rules come with."""
        return {_PACKAGE: _version()}

    def workplace(self) -> Workplace:
        """Return our own interpreter.

        Raises:
            FilterUnavailable: The detector is not installed.
        """
        _version()
        return super().workplace()

    def prepare(self) -> None:
        """Compile the rules, which takes some seconds the first time."""
        _detector()

    def measure(self, text: str) -> Measures:
        """Count secrets and their kinds, say the line of the first, and what the text is without them."""
        content = text.encode()
        found = find(content)
        kinds = Counter(secret.kind for secret in found)
        return {
            "secrets": len(found),
            "kinds": ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items())) or None,
            "line": content.count(b"\n", 0, found[0].start) + 1 if found else None,
            "text": redact(content, found).decode() if found and self.replaces_text else None,
        }

    def decide(self, measures: Measures) -> str | None:
        """Drop what holds a secret, unless it is redacted."""
        return "secret" if measures["secrets"] and not self.replaces_text else None


@dataclass(frozen=True, slots=True, order=True)
class Secret:
    """One secret: its place in bytes, how sure the rule is (0 is surest), and the rule's name."""

    start: int
    end: int
    doubt: int
    kind: str


def find(content: bytes) -> list[Secret]:
    """Return a text's secrets in order, none overlapping another; what is redacted is none."""
    # Kingfisher reads a text with many NULs as UTF-16, and its offsets would be that text's.
    found = _detector()[1].scan(content.replace(b"\0", b"\1"))
    sure = [finding for finding in found if finding.confidence != "low"]
    parts = {part for finding in sure if finding.visible for part in _parts(finding.rule_id)}
    counted = [finding for finding in sure if finding.visible or finding.rule_id in parts]
    places = [secret for finding in counted for secret in _places(finding)]
    if any(finding.rule_id == _PRIVATE_KEY and not finding.is_base64_encoded for finding in counted):
        places += [Secret(*block, 0, _kind(_PRIVATE_KEY)) for block in _key_blocks(content)]
    redacted = PLACEHOLDER.encode()
    return _apart(place for place in places if redacted not in content[place.start : place.end])


def redact(content: bytes, found: Iterable[Secret]) -> bytes:
    """Return the text with each secret replaced by the placeholder, and any that shows only then."""
    while found:
        pieces, end = list[bytes](), 0
        for secret in found:
            pieces += content[end : secret.start], PLACEHOLDER.encode()
            end = secret.end
        content = b"".join([*pieces, content[end:]])
        found = find(content)
    return content


def _places(finding: Finding) -> list[Secret]:
    if finding.rule_id == _PRIVATE_KEY and not (
        finding.is_base64_encoded and any(_key_blocks(finding.secret.encode()))
    ):
        return []
    place: dict[str, Any] = finding.location
    doubt = 0 if finding.confidence == "high" else 1
    return [Secret(place["start_offset"], place["end_offset"], doubt, _kind(finding.rule_id))]


def _key_blocks(content: bytes) -> Iterator[tuple[int, int]]:
    """Yield the places of private keys' blocks: a header, at least a line of key, and an end."""
    for block in _KEY_BLOCK.finditer(content):
        if _KEY_LINE.search(block[1]):
            yield block.span()


def _apart(places: Iterable[Secret]) -> list[Secret]:
    """Return the places with those that overlap made one, of the surest one's kind."""
    apart: list[Secret] = []
    for place in sorted(places):
        if apart and place.start < apart[-1].end:
            last = apart.pop()
            doubt, kind = min((last.doubt, last.kind), (place.doubt, place.kind))
            place = Secret(last.start, max(last.end, place.end), doubt, kind)
        apart.append(place)
    return apart


def _kind(rule: str) -> str:
    """Return a rule's name without the collection it comes from."""
    return rule.removeprefix("betterleaks.").removeprefix("veles.secrets/").removeprefix("kingfisher.")


@cache
def _detector() -> tuple[Rules, Scanner]:
    from kingfisher_sdk import Rules, Scanner

    folder = _cache()
    rules = Rules(confidence="medium", cache=folder is not None, cache_dir=folder)
    return rules, Scanner(rules)


def _cache() -> Path | None:
    """Return where compiled rules are kept, None for an account without a home.

    They are compiled by the process that workers are forked from, in which HOME is a folder of this run.
    """
    try:
        return Path(getpwuid(os.getuid()).pw_dir, ".cache", "swallow-builder", "rules")
    except KeyError:
        return None


@cache
def _parts(rule: str) -> frozenset[str]:
    """Return the rules for the other parts of a credential, such as the secret to an AWS access key."""
    return frozenset(part["rule_id"] for part in _detector()[0].detail(rule)["depends_on_rule"])


def _version() -> str:
    try:
        return version(_PACKAGE)
    except PackageNotFoundError as error:
        raise FilterUnavailable(
            "finding secrets needs a package that is not installed",
            where="filter 'secrets'",
            remedy="pip install 'swallow-builder[secrets]'",
        ) from error
