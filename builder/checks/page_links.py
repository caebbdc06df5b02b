"""Lists of what else a site has: `Related questions`, `You might also like`, with their items.

A heading that leads elsewhere is a page's where nothing below it is worked out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_HEAD = re.compile(
    r"(?i)\W*(?:(?:\w+ ){0,2}(?:also|related|similar|recommended|popular|recent|latest|trending|linked|associated"
    r"|further|other|others|more|new|next|top|featured|suggested|random|see|read|explore|check|from)\b"
    r"(?: (?!problems?\b)[\w&']+){0,6}|what(?:'s|’s| is) (?:new|hot|next)|up next"
    r"|preceded by.*|followed by.*|external links|further reading)\W*"
)
_PAGES = re.compile(
    r"(?i)\b(?:questions?|posts?|articles?|topics?|threads?|discussions?|links?|pages?|lessons?|resources?|readings?"
    r"|contents?|worksheets?|calculators?|videos?|blogs?|stories|sets|guides?|tutorials?|courses?|searches|answers"
    r"|also|related|linked|collections?|entries|chapters?|books?)\b"
)
_MATHEMATICS = re.compile(r"(?i)\b(?:rates?|triangles?|angles?|sides?|figures?|terms|factors?|roots?|events?)\b")
_WORKED = re.compile(
    r"\S ?(?:=|≈|≤|≥|⇒|\\Rightarrow) ?\S|\$\$|\\\[|\\begin\{|\b(?i:so|hence|therefore|thus|because)\b"
)
_ASKS = re.compile(
    r"(?i)\W*(?:\d+\W+)?(?:solve|find|what|how|evaluate|calculate|compute|simplify|prove|show|why|which|if|is"
    r"|when)\b"
)
_MOST_WORDS = 8
_LONGEST = 30  # lines


def link_lists(lines: Sequence[str], source: str) -> set[int]:
    """Return the numbers of the lines of an answer that head a list of other pages."""
    found = set[int]()
    said = source.lower()
    for number, line in enumerate(lines):
        head, _, rest = line.partition(":")
        if len(head.split()) > _MOST_WORDS or not _HEAD.fullmatch(head) or not _PAGES.search(line):
            continue
        if _MATHEMATICS.search(head) or not _stands(head, said):
            continue
        below = [rest, *_section(lines, number)]
        if not any(_WORKED.search(one) and not _ASKS.match(one) for one in below):
            found.add(number)
    return found


def _stands(head: str, source: str) -> bool:
    words = re.findall(r"\w+", head.lower())
    return all(word[:5] in source for word in words)


def _section(lines: Sequence[str], number: int) -> Sequence[str]:
    """Return the lines below one, up to the next heading."""
    below = lines[number + 1 : number + 1 + _LONGEST]
    ends = next((end for end, line in enumerate(below) if re.match(r"#|\*\*[^*]+\*\*:?\s*\Z", line)), len(below))
    return below[:ends]
