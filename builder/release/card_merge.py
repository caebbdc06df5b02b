"""What an owner wrote into a card stays when the next version's card takes its place.

Front matter that a release does not make is the owner's. Of what it makes, an owner's edit is told from our own of
a version ago by the card that the version before brought, and by what that version's manifest says it took over.
Of the page, what stands between the marks `<!-- keep -->` and `<!-- /keep -->` is carried over, below the heading
that it stood below.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import yaml

from builder.release.front_matter import front_text

_BEGIN, _END = "<!-- keep -->", "<!-- /keep -->"
_KEPT = re.compile(rf"^{_BEGIN}[ \t]*\n.*?^{_END}[ \t]*(?:\n|\Z)", re.MULTILINE | re.DOTALL)
_FRONT = re.compile(r"\ufeff?---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"#{1,6}\s+\S")
_LISTS = frozenset({"language", "task_categories", "tags", "source_datasets"})
_WORDS = frozenset({"pretty_name"})
_OF_THE_DATA = frozenset({"license", "license_name", "license_link", "configs", "dataset_info", "size_categories"})
"""Front matter that follows from a release's content: an edit of it says something of other data than the next."""


@dataclass(slots=True)
class Merged:
    """A card with what its owner added.

    Attributes:
        text: README.md.
        owners: Front matter that a release makes, too, and its owner changed; for the next time.
        kept: What is the owner's in the card, in words.
        lost: What the owner wrote and the card does not hold, in words.
    """

    text: str
    owners: dict[str, Any] = field(default_factory=dict)
    kept: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def merge(ours: str, theirs: str, base: str | None, owners: dict[str, Any]) -> Merged:
    """Return the card that a version brings, with what an owner wrote into the one that is there.

    Args:
        ours: The version's card.
        theirs: The card that is there.
        base: The card that the version before brought, "" where there is none; None where it is not known, and
            edits outside the marks can't be told from our own words.
        owners: The version before's `Merged.owners`.
    """
    (our_front, our_body), (their_front, their_body) = split_card(ours), split_card(_with_line_feeds(theirs))
    base_front, base_body = ({}, "") if base is None else split_card(_with_line_feeds(base))
    merged = Merged(ours)
    front = _front(our_front, their_front, their_front if base is None else base_front, owners, merged)
    body = our_body
    for section, heading in _sections(their_body):
        body = _placed(body, section, heading)
        merged.kept.append(
            f"{section.count(chr(10)) - 2} lines between the marks{f' below {heading!r}' if heading else ''}"
        )
    if base is not None:
        merged.lost += _edits(their_body, base_body)
    if (front, body) != (our_front, our_body):
        merged.text = f"---\n{front_text(front)}---\n{body}"
    return merged


def page_edits(theirs: str, base: str) -> list[str]:
    """Return, in words, what of the page an owner edited outside the marks since a version brought `base`."""
    (_, there), (_, was) = (split_card(_with_line_feeds(card)) for card in (theirs, base))
    return _edits(there, was)


def _with_line_feeds(card: str) -> str:
    return card.replace("\r\n", "\n")  # which the Hub's editor leaves as it finds them


def split_card(card: str) -> tuple[dict[str, Any], str]:
    """Return a card's front matter and its page; what is no front matter is part of the page, so as not to go."""
    match = _FRONT.match(card)
    if match is None:
        return {}, card
    try:
        front = yaml.safe_load(match.group(1)) or {}
    except yaml.YAMLError:
        return {}, card
    return (front, card[match.end() :]) if isinstance(front, dict) else ({}, card)


# --- front matter ---


def _front(
    ours: dict[str, Any], theirs: dict[str, Any], base: dict[str, Any], before: dict[str, Any], merged: Merged
) -> dict[str, Any]:
    """Return our front matter with an owner's in it; tell `merged` which that is."""
    front = dict(ours)
    for key, value in theirs.items():
        if key not in _LISTS | _WORDS | _OF_THE_DATA:
            front[key] = value
            merged.kept.append(f"front matter `{key}`")
        elif key in _OF_THE_DATA:
            if value not in (base.get(key), ours.get(key)):
                merged.lost.append(f"front matter `{key}`, which follows from the data: {str(value)[:80]!r}")
        elif owned := _owned(value, base.get(key), before.get(key)):
            front[key] = _added(ours.get(key), owned)
            merged.owners[key] = owned
            merged.kept.append(f"front matter `{key}`: {owned!r:.80}")
    return front


def _owned(value: Any, base: Any, before: Any) -> Any:  # noqa: ANN401 - what YAML holds
    """Return what of a value is its owner's: what is new since `base`, and what was the owner's `before`."""
    if not isinstance(value, list):
        return value if value != base or value == before else None
    known, theirs = _list(base), _list(before)
    return [one for one in value if one not in known or one in theirs]


def _added(ours: Any, owned: Any) -> Any:  # noqa: ANN401 - what YAML holds
    return [*_list(ours), *(one for one in owned if one not in _list(ours))] if isinstance(owned, list) else owned


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - what YAML holds
    return value if isinstance(value, list) else [] if value is None else [value]


# --- the page ---


def _sections(body: str) -> list[tuple[str, str]]:
    """Return what stands between marks, marks included, each with the heading above it, "" for none."""
    found = []
    for match in _KEPT.finditer(body):
        before = [line for _, line in _headings(_KEPT.sub("", body[: match.start()]))]
        found.append((match.group().rstrip("\n") + "\n", before[-1] if before else ""))
    return found


def _placed(body: str, section: str, heading: str) -> str:
    """Return a page with a section at the end of what stands below a heading, or of all where that has gone."""
    if not heading:
        return f"{section}\n{body}"
    blank = _KEPT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), body)  # an owner's headings don't count
    headings = _headings(blank)
    start = next((place for place, line in headings if line == heading), len(body))
    at = next((place for place, _ in headings if place > start), len(body))
    return f"{body[:at].rstrip(chr(10))}\n\n{section}\n{body[at:]}"


def _headings(body: str) -> list[tuple[int, str]]:
    """Return the place and line of each heading outside fenced blocks."""
    found, place, fence = [], 0, ""
    for line in body.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark.group(1)
        elif mark and mark.group(1).startswith(fence) and not line[mark.end() :].strip():
            fence = ""
        elif not fence and _HEADING.match(line):
            found.append((place, line.strip()))
        place += len(line)
    return found


def _edits(theirs: str, base: str) -> list[str]:
    """Return, in words, which lines outside the marks an owner wrote, and which are gone."""
    there, was = (Counter(filter(str.strip, _KEPT.sub("", body).splitlines())) for body in (theirs, base))
    written, gone = list((there - was).elements()), list((was - there).elements())
    return [
        f"{len(lines)} line(s) {what} outside the marks, such as {max(lines, key=len)[:80]!r}"
        for what, lines in (("written", written), ("taken out", gone))
        if lines
    ]
