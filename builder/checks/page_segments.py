"""Lines that consist of a page's figures, labels and names alone, in whatever order a site has them.

`Thread starter Rhea · Feb 3, 2009 · #2` says nothing of any subject: each of its parts is a page's. A line is read
part by part from the left, and weighed.
"""

from __future__ import annotations

import re

from builder.checks.page_counts import AGO, COUNT, COUNTED, DATE, ITEM, TIME, WEEKDAY

_ENOUGH = 2  # parts, or one that no text but a page has
_MOST_WORDS = 3  # of a name or title that is no page's by itself

_NAME = r"[^\W\d_][\w.'-]*(?: [^\W\d_][\w.'-]*){0,3}"
_HANDLE = r"(?:@\w{2,30}|u/\w{2,30}|[A-Za-z][A-Za-z.-]{2,24}_?\d{2,6}|[A-Za-z]{3,20}_[A-Za-z]\w{1,20})"
_NUMBERED = r"[A-Za-z]{4,20}_?\d{2,6}"
_ROLE = (
    r"(?:(?:senior|junior|jr\.?|new|full|regular|super|active|site|global|forum|community|gold|silver|bronze|elite"
    r"|trusted|founding|premium|math) )?(?:member|moderator|admin(?:istrator)?|poster|contributor|newbie|veteran"
    r"|tutor|helper|staff|expert|guru|legend|intern|op|guest|bot|author|owner|editor)"
)
_ONLY_PAGES = (
    r"thread starter|start(?:ed)? date|started by|joined|join date|registered on|member since|last seen"
    r"|last visit(?:ed)?|last activity|last post(?: by)?|last updated?|last modified|reputation|rep power|karma"
    r"|kudos(?: \[\?\])?|tags|tagged|keywords|filed under|posted(?: by| on| in)?|asked by|answered by"
    r"|updated(?: on)?|published(?: on| by)?|edited by|reading time|read time|post (?:id|subject)"
    r"|thanks (?:received|given)|likes received|user ?(?:name|id|info)|forum|thread|permalink|short ?url"
    r"|attachments?|attached files?|trophy points|moderators|question stats|grade levels?|file type|math focus"
    r"|resource type|ccss|downloads|subjects|standards"
)
_OFTEN_PAGES = (
    r"categor(?:y|ies)|author|date|location|country|gender|rank|level|score|ratings?|votes?|topic|subject|grade"
    r"|status|difficulty|section|course|language|source|tutor|teacher|written by|reviewed by|by|from|points|age"
    r"|school|website|e-?mail|file size|version|id|ref|solved by|views?|replies|posts|messages|thanks|likes"
    r"|threads|followers|following|comments|upvotes|downvotes|reactions|shares|downloads|bookmarks|mentions|badges"
    r"|warnings|given|labels?|asked|answered|edited"
)
_VALUE = (
    r"[^|·•,;:\n=]{1,60}?(?=\s*(?:[|·•;\t]|,|\s{2,}|\Z|(?<= )(?:" + _ONLY_PAGES + "|" + _OFTEN_PAGES + r")\s*:))"
)

_PARTS = tuple(
    (re.compile(pattern, re.I), weight, kind)
    for pattern, weight, kind in (
        (rf"(?:{_ONLY_PAGES})\s*(?::|\[\?\]:?)\s*{_VALUE}", 2, "label"),
        (rf"(?P<often>{_OFTEN_PAGES})\s*:\s*{_VALUE}", 1, ""),
        (rf"(?:{WEEKDAY},? )?{DATE}(?![\w/])", 1, "date"),
        (rf"{TIME}(?![\w:])", 1, "time"),
        (AGO + r"\b", 2, ""),
        (r"\d{1,2}(?:y|yr|mo|wk)\b(?: ago)?", 1, "ago"),
        (r"[★☆⭐✩✭]+(?:½)?", 2, ""),
        (r"[▲▼⬆⬇↑↓👍👎♥❤🔥💬👁]+\ufe0f?", 1, ""),
        (rf"\d(?:\.\d{{1,2}})?(?: ?/ ?5| out of 5)?(?: stars?)? ?\({COUNT}(?: \w+)?\)", 1, ""),
        (r"(?:(?:page|pg\.?) \d{1,4}(?: ?(?:of|/) ?\d{1,4})?"
         r"|(?:lesson|question|chapter|video|slide) \d{1,4} of \d{1,4})\b", 1, ""),
        (rf"level \d{{1,3}}\b|{COUNT} (?:xp|(?:day )?streak|day streak|coins|gems|tries)\b", 1, ""),
        (rf"{COUNT}(?: ?\+)? (?:{COUNTED}|kudos|reactions?|badges?|messages|topics|following|solutions)\b", 1, ""),
        (rf"(?:{COUNTED}|kudos|answers) ?[(\[]?{COUNT}[)\]]?(?![\w.,]*\w)", 1, ""),
        (rf"\d{{1,3}} ?min(?:ute)?s?\.? (?:read|video|lesson)\b|{COUNT} times\b", 1, ""),
        (r"\[ ?\d{1,4} ?\]|[+-]\d{1,4}(?!\d)|(?:post |reply )?#\d{1,6}\b", 1, "number"),
        (r"(?:first|last|next|prev(?:ious)?)(?: (?:page|lesson|question|chapter|video|article))?(?![\w'])"
         r"|[«»‹›←→]+", 1, "turn"),
        (r"\.{2,3}|…|(?<!-)[<>]{1,2}(?= |\Z)", 0, ""),
        (rf"{_ROLE}(?!\w)", 1, "role"),
        (rf"(?:{ITEM})(?![\w'])(?=\W*(?:[|·•/\t()\[\]\d]|\Z)|\s\s)", 1, ""),
        (r"(?:(?:posted|asked|answered|edited|submitted|published|updated|modified|commented|replied|viewed|active"
         r"|joined|closed|locked|last edited|originally posted|started) ?)+(?:by|on|at|in)?(?!\w)", 1, ""),
        (rf"(?<!\[){_HANDLE}(?![\w(])", 1, "handle"),
        (r"\d[\d,.]*[kKM]?%?(?!\w)", 0, ""),
        (r"(?:by|on|at|in|and|or|of|to|for|edited|said|via|with|total|solved)(?!\w)", 0, ""),
    )
)  # fmt: skip
_BETWEEN = re.compile(r"[\s|·•,;:()\[\]–—/_*-]*")
_UNKNOWN = re.compile(_NAME)
_LABELLED = re.compile(r"(?P<label>[A-Za-z][\w-]*(?: [\w-]+){0,2}) ?: ?[^=$\\|]{1,60}")
_OF_PAGES = re.compile(rf"(?i){_ONLY_PAGES}|{_OFTEN_PAGES}")
_BARS = re.compile(r"\s+[|·•]\s+|\s{3,}|\t")
_SPEAKER = re.compile(
    rf"(?:{_NAME}|{_HANDLE}) ?[(\[] ?(?i:{_ROLE}) ?[)\]] ?(?::|[-–—>]|\Z)|{_NUMBERED} ?[:>] |<{_NUMBERED}>"
)
# "step12: …" and "eq10:" are labels of the text's own.
_LABEL = re.compile(
    r"(?i)(?:step|part|case|problem|question|example|exercise|line|row|col(?:umn)?|eqn?|equation|day|week|month|year|page"
    r"|test|fig(?:ure)?|table|set|group|team|method|option|round|stage|phase|term|angle|side|area|level|item|task|box"
    r"|unit|grade|class|lesson|chapter|section|rule|law|formula|lemma|theorem|axiom|var(?:iable)?|value|num(?:ber)?"
    r"|point|node|vertex|edge|state|player|person|student|sample|trial|run|block|bag|bin|card|car|train|log|sin|cos|tan)"
    r"[\s_.-]?\w{0,4}[^\w]"
)


def is_pages(said: str, *, is_of_page: bool) -> bool:
    """Whether a line, without its markup, consists of a page's parts: of fewer where the source has it."""
    if _is_labelled(said):
        return True
    place, weight, words, kinds = 0, 0, 0, set[str]()
    while place < len(said):
        between = _BETWEEN.match(said, place)
        place = between.end() if between is not None else place
        if place == len(said):
            break
        for pattern, weighs, kind in _PARTS:
            part = pattern.match(said, place)
            if part is not None and part.end() > place:
                is_of_page &= "often" not in pattern.groupindex
                weight += 0 if kind and kind in kinds else weighs
                kinds.add(kind)
                place = part.end()
                break
        else:
            unknown = _UNKNOWN.match(said, place)
            if unknown is None or words:
                return False
            words = len(unknown[0].split())
            place = unknown.end()
    return (
        weight
        >= _ENOUGH + (words > 0) - (is_of_page and not words and "handle" not in kinds and said[-1] not in ":)")
        and words <= _MOST_WORDS
    )


def _is_labelled(said: str) -> bool:
    """Whether a line is labels with what they say, two of them a page's: `Grade: 5 | File type: PDF`."""
    parts = [_LABELLED.fullmatch(part.strip()) for part in _BARS.split(said)]
    labels = [part["label"] for part in parts if part is not None]
    return len(labels) == len(parts) >= 2 and sum(bool(_OF_PAGES.fullmatch(one)) for one in labels) >= 2


def is_spoken(line: str) -> bool:
    """Whether a line begins with the name of a user: `mathgirl99: …`, `Dr. Tom (Moderator): …`."""
    return bool(_SPEAKER.match(line)) and not _LABEL.match(line)
