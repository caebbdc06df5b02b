"""Those who talk in a page: askers, answerers, commenters. What an answer says under their names is the page's."""

from __future__ import annotations

import re
from collections.abc import Sequence

from builder.checks.ordinary_words import FUNCTION, TAUGHT

_NAME = r"(?:(?:Mr|Mrs|Ms|Dr|Doctor|Prof)\.? )?[A-Za-z][\w.@'’-]*(?: [A-Z][\w.'’-]*){0,2}"
_BY = re.compile(
    rf"(?m)^[^\w\n]{{0,8}}(?i:(?:question|answer|comment|reply|solution|posted|asked|answered|written|created|submitted"
    rf"|started|message|thread|explanation)s? ?(?:is |was )?(?:by|from)|author|user(?:name)?|name|quote|re)"
    rf":? (?P<name>{_NAME})(?=[\s,;:(]|$)"
)
_BARE_BY = re.compile(
    r"(?m)^[^\w\n]{0,8}(?i:by|from):? (?P<name>(?-i:[A-Z])[\w.@'’-]*(?: [A-Z][\w.'’-]*){0,2}(?=[\s,;:(]|$)"
    r"|[\w.@-]+(?= ?[»•·|]| on ))"
)
_SAYS = re.compile(
    rf"(?m)^[^\w\n]{{0,8}}(?P<name>{_NAME}) ?(?:says|said|wrote|writes|asked|replied|commented|answered)\b"
    rf"(?= ?[:,(\n•·]| in |$)"
)
_SIGNED = re.compile(rf"(?m)(?:[–—~]|(?<=\s)-) ?(?P<name>{_NAME}?)(?= ?(?:[A-Z][a-z]{{2}} \d|\d|♦|$|\())")
_ALONE = re.compile(
    rf"(?m)^[^\w\n]{{0,8}}(?P<name>{_NAME})(?=\W{{0,8}}\n(?:.{{0,40}}\n)?\W{{0,8}}(?i:\d+ ?\w+\.? ago"
    rf"|an? (?:year|month|week|day|hour) ago"
    rf"|(?:asked|answered)\b|lv\.? \d|level \d|\d{{1,2}}/\d{{1,2}}/\d\d|joined|posts:|reputation"
    rf"|(?:senior|junior|new|full|registered) (?:member|user)|member\b|newbie|moderator|virtuoso|ambitious|genius"
    rf"|expert\b"
    rf"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d))"
)
_HANDLE = re.compile(
    r"(?m)^[^\w\n]{0,8}(?P<name>[A-Za-z][a-z]+[\w.-]*[\d_][\w-]*|[A-Z]?[a-z]+[A-Z][a-z]\w*)\W{0,8}$"
)
_MOST_NAMES = 200
_TALK = re.compile(
    r"(?i)\b(?:i|im|i'm|ive|i've|you|u|your|my|me|plz|pls|please|thanks|thx|ty|hi|hey|hello|lol|anyone)\b"
)
_SAID = re.compile(r"(?m)^[ \t>*-]*([^\W\d_][\w.-]{1,24}):[ \t]")


def talkers(page: str) -> frozenset[str]:
    """Return the names in lower case, such as no word problem has, that talk in a page: `kev: can you help`."""
    names = {match[1]: page[match.end() : match.end() + 200].partition("\n")[0] for match in _SAID.finditer(page)}
    return frozenset(
        name for name, talk in names.items() if (name.islower() or "_" in name) and _TALK.search(talk)
    )


def people(page: str) -> frozenset[str]:
    """Return the names, in lower case, of those who wrote a page, where it says who wrote what."""
    found = {
        match["name"].lower().rstrip(".'’")
        for pattern in (_BY, _BARE_BY, _SAYS, _SIGNED, _ALONE, _HANDLE)
        for match in pattern.finditer(page)
    }
    return frozenset(name for name in found if len(name) > 2 and not _is_of_lessons(name))


def _is_of_lessons(name: str) -> bool:
    return all(word in TAUGHT or word in FUNCTION for word in re.findall(r"[a-z]+", name))


def written_by(lines: Sequence[str], names: frozenset[str]) -> set[int]:
    """Return the numbers of the lines that are under such a name, of which the other lines say nothing."""
    lowered = [line.lower() for line in lines]
    found = set[int]()
    for name in sorted(names)[:_MOST_NAMES]:
        having = [number for number, line in enumerate(lowered) if name in line]
        if len(having) == 1 and _is_under(lines[having[0]], name):
            found.add(having[0])
    return found


def _is_under(line: str, name: str) -> bool:
    """Whether a line is by somebody: `Answer by Theo`, `Karen P. says: …`, `max77: …`, `… - Doctor Ian`."""
    said = re.escape(name)
    begins = re.match(
        rf"(?i)\W*(?P<by>(?:\w+ )?(?:by|from)\W+)?{said}(?: \([^()]*\))?"
        r"(?P<after>\W*\Z|\W{0,4}[:,(–—|·]\W*|\W+(?:says|said|wrote|replied|asked (?:in|on)|answered)\b\W*)",
        line,
    )
    if begins is None:
        return re.search(rf"(?i)(?:\A|\s)[–—~-] ?{said}\W*\Z|\({said}[,)]", line) is not None
    if re.search(r"[a-z]", begins["after"]):
        return bool(line[begins.end() :]) and not re.search(r"[\d$\"“=]", line[begins.end() - 2 :])
    rest = line[begins.end() :]
    if name.isalpha() and re.search(r"\d", rest) and not _TALK.search(rest):
        return False  # "Max: 150 cm"
    return bool(begins["by"]) or bool(begins["after"].strip("*_ ")) or not name.isalpha()
