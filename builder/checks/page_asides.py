"""What of a page stands within an answer's own lines, or is told in sentences.

Votes behind a heading, a signature behind a sentence; who asked, who voted, what the site has.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

from builder.checks.page_counts import AGO, COUNT, DATE, TIME, WHEN
from builder.checks.page_subject import is_problem
from builder.checks.patterns import has_one

_COUNTED = r"(?:views?|comments?|votes?|upvotes?|likes?|replies|answers?|ratings?|reviews?|stars?)"
_BUTTON = r"(?:like|reply|share|report|flag|edit|quote|upvote|permalink|link|save|follow|cite|delete)"
_HANDLE = r"(?:[a-z]{3,}\w*[\d_]\w*|\w*_[a-z]{2,}\w*)"
_has_tail = has_one(
    rf"(?:{pattern})\s*\Z"
    for pattern in (
        # who wrote it
        rf"(?:(?<!\S)~|(?<=[.!?)$])[–—-]{{1,2}}|(?<=[.!?)$] )[–—-]{{1,2}}) ?{_HANDLE}(?: (?:at "
        rf"|on )?(?:{WHEN}|{TIME}(?:,? {DATE})?|{AGO})(?: \(utc\))?)?",
        rf"(?<!\S)(?:~|[–—-]{{1,2}}) ?[\w.]+(?: [\w.]+)? (?:{TIME},? {DATE}|{WHEN}|{AGO})(?: \(utc\))?",
        r"(?<=[.!?$]) ?(?:~|[–—-]{2}) ?(?:(?:prof|dr|mr|ms|mrs|tutor|teacher"
        r"|doctor)\.? )?(?-i:[A-Z][a-z]+)(?: (?-i:[A-Z])\w*\.?)?",
        r"(?<=[.!?$]) ?[~–—-]{1,2} ?(?:posted|answered|written|submitted|solution"
        r"|edited) by [\w.]+(?: [\w.]+)?",
        r"(?<=[.!?$]) (?:posted|answered|submitted|edited|asked|uploaded) by (?-i:[A-Z])[\w.]*",
        r"(?<=[.!?$]) @[a-z][\w.]+",
        # buttons and marks
        rf"(?<=[.!?$*])[ |]*{_BUTTON}(?: ?[·|•/] ?{_BUTTON})+",
        rf"\[ ?(?:{_BUTTON}|source|hide|show|↑|\^|solved|closed)(?: ?\| ?{_BUTTON})? ?\]",
        r"#permalink|(?<=[.!?]) ?[¶↩🔗🔖⚓]|(?<=\w) ?[¶🔗🔖]",
        r"(?<=[.!?$]) ?\((?:edited|talk|show more|read more|more|see more|reply|permalink)\)",
        r"(?<=[.!?$]) ?(?:…|\.\.\.)? ?(?:read|show|see|view) more",
        r"(?<=[.!?$…]) ?…more",
        rf"(?<=[.!?$]) +(?:upvotes?|thanks!?|likes?|helpful|kudos)[ :(]*{COUNT}\)?",
        r"(?<=[.!?]) ?(?:\[\d{1,2}\]){1,4}",
    )
)
_BEHIND_TITLE = re.compile(
    rf"\W*(?:\(?{COUNT} {_COUNTED}\)?|(?:\(?(?:rating|rated|score|votes?)\b:? ?[\d.]+.*)"
    rf"|[★☆⭐]{{2,}}.*|[\d.]+ ?/ ?5\b.*"
    rf"|[👍♥❤▲⬆] ?{COUNT}.*|[\d.]+ ?[★⭐].*|\(?(?:posted|asked|answered|edited|updated|modified)\b.*"
    rf"|{_BUTTON}s?"
    rf"|(?:expert[- ])?verified\W*|\d+ min(?:ute)? read|solved|[¶🔖🔗#]|\(?{AGO}\)?)\W*",
    re.I,
)
_TITLE = re.compile(
    r"(?i)\W*(?:problem|question|solution|answer|explanation|task|exercise|example|hint|proof|steps?"
    r"|step-by-step solution"
    r"|final answer)(?: \d+)?\b(?=[^\w:.][^:.=]*(?:\Z|\d))"
)

_BEHIND_ANY = re.compile(
    rf" [–—|·•] ?(?:{COUNT} {_COUNTED}|rating:? [\d.]+.*|\d+ min(?:ute)? read)\Z"
    rf"|\((?:posted|asked|answered|edited|updated|modified) {AGO}\)?\Z|\d+ min(?:ute)? read\Z",
    re.I,
)

_WORK = (
    r"(?:question|problem|answer|post|page|video|article|solution|discussion|exercise|puzzle"
    r"|photo|image|worksheet)"
)
_SPOKEN_OF = (
    r"\b(?:asker|original poster|thread starter|topic starter|commenter)(?:s|['’]s)?\b|\bthe mods\b"
    r"|\b(?:by|from|,) an? moderator\b|\bmoderators? (?:has |have )?(?:closed|moved|edited"
    r"|locked|deleted|removed)\b",
    r"\b(?:up|down)vot(?:e|es|ed|ing)\b",
    rf"\b{_WORK}s?(?:,[^,.]{{3,50}},)? (?:was|were|is|has been|had been"
    rf"|have been)(?: \w+){{0,3}} (?:posted|submitted|uploaded"
    r"|viewed|locked|archived|migrated|bookmarked|flagged|contributed|tagged|published|reposted|voted)\b",
    r"\b(?:thread|topic) (?:was|is|has been)(?: \w+){0,2} (?:closed|locked|archived|moved|merged)\b",
    r"\b(?:a|one|another|two|three|other|several|some) (?:other )?(?:users?|members?|readers?"
    r"|visitors?|posters?)"
    r" (?:named|nicknamed|asked (?:this|about)|gave (?:the same|another|this)|wrote|posted"
    r"|replied|commented|noted|thanked)\b",
    r"\b(?:on|in|from|at) (?:the|this|our|that|your) (?:forum|website|web ?page|home ?page"
    r"|message board|comments? section|comments"
    r"|homework section|members?['’]? area)\b|\b(?:site|page|forum)['’]s (?:archive|owner|author"
    r"|users|members|rules)\b",
    r"\bour (?:tutors?|experts?|website|web ?site|site|calculators?|users|readers|app|newsletter"
    r"|community|blog|forum)\b",
    r"\b(?:is|are) available (?:for (?:free )?download|as (?:a )?pdf|to (?:members|subscribers"
    r"|premium))\b"
    r"|\bcan be downloaded\b|\bavailable for download\b",
    r"\b(?:provided|posted|written|submitted|chosen|voted|contributed|uploaded|rated) by (?:the "
    r"|a |an |our )?(?:community"
    r"|asker|uploader|moderators?|users?|site|readers?|members?|experts?|tutors?|voters)\b",
    rf"\b{_WORK}s?\b.{{0,60}}\bviewed (?:\w+ ){{0,2}}[\d,.]+k? times\b|\b(?:user|reader|member"
    rf"|average) ratings?\b.{{0,20}}\d",
    r"\bsee the (?:linked|related|original) (?:question|post|thread|page|article)\b",
    r"\bas a guest\b.{0,40}\b(?:see|view|read|post)\b|\b(?:registered|logged[- ]in"
    r"|premium) (?:users|members)\b",
    r"\b(?:weekly|daily|monthly) (?:challenge|quiz|puzzle)\b|\baccording to the (?:site|page"
    r"|forum|poster|website)\b"
    r"|\bof (?:the )?users got\b",
    rf"\bauthor of (?:this|the) (?:page|article|blog|{_WORK})\b",
    r"\bthe video (?:explains|covers|walks|is by|by)\b|\bthe video\b.{0,40}\bat \d+:\d\d\b",
    r"\A\W*posted (?:under|in|by|on|to)\b|\A\W*(?:user|reader|member) rating\b",
)
_is_spoken_of = has_one(_SPOKEN_OF)
_FINDERS = tuple(re.compile(pattern, re.I).search for pattern in _SPOKEN_OF)
_SENTENCE_END = re.compile(r"(?<=[.!?]) +")
_STEM = re.compile(r"[^\W\d_]{4,}")
_LEAST = 3  # words of a sentence


def is_attached(line: str, people: Container[str]) -> bool:
    """Whether a line has, behind what it says, a page's mark: votes, a button, who wrote it.

    `people`: names, in lower case, of those who wrote the page.
    """
    said = line.strip().strip("*_ ")
    if _has_tail(said):
        return True
    if line.lstrip().startswith(("#", "**")) and _BEHIND_ANY.search(said):
        return True
    title = _TITLE.match(said)
    if title is not None and said[title.end() :].strip() and _BEHIND_TITLE.fullmatch(said[title.end() :]):
        return True
    signed = re.search(r"(?:(?<=[.!?$])|(?<=[.!?$]) )(?:~|[–—-]{1,2}) ?([\w.-]+)\Z", said)
    return signed is not None and signed[1].lower().rstrip(".") in people


def spoken_of(lines: Sequence[str]) -> set[int]:
    """Return the numbers of the lines of an answer that speak of a page, its users or its site.

    What other lines speak of, too, is the answer's subject: upvotes in a problem on votes.
    """
    found = set[int]()
    lowered = [line.lower() for line in lines]
    for number, line in enumerate(lines):
        for sentence in _behind_questions(line):
            if not _is_spoken_of(sentence):
                continue
            matches = (search(sentence) for search in _FINDERS)
            if any(match and not _is_subject(match.group(), lowered, number) for match in matches):
                found.add(number)
    return found


def _behind_questions(line: str) -> Sequence[str]:
    """Return a line's sentences of three words or more behind the last that asks: before it is a problem."""
    said = _SENTENCE_END.split(line)
    asking = [number for number, one in enumerate(said) if one.endswith("?") or is_problem(one)]
    return [one for one in said[asking[-1] + 1 if asking else 0 :] if len(one.split()) >= _LEAST]


def _is_subject(said: str, lowered: Sequence[str], number: int) -> bool:
    """Whether other lines have the words of a phrase: the longest alone, for a page's `problem` is everywhere."""
    word = max(_STEM.findall(said.lower()) or [said.lower()], key=len)
    return any(word[:6] in line for other, line in enumerate(lowered) if other != number)
