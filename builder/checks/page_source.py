"""The page that a text was made from: which of its lines are its frame, and where in it a line of the text stands.

A line is the frame's by itself (`412 views`), or stands among lines that are.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Container, Sequence
from functools import cached_property
from itertools import accumulate

from builder.checks.ordinary_words import FUNCTION, TAUGHT
from builder.checks.page_counts import WITHIN, is_count
from builder.checks.page_lines import ITEMS, LONE, is_line, is_title_line
from builder.checks.page_people import people, talkers
from builder.checks.page_segments import is_pages, is_spoken
from builder.checks.page_subject import is_problem
from builder.checks.page_words import is_of_web_words

LONGEST = 200  # characters of a line that may be a page's
_LONGEST_FRAGMENT = 60  # characters of a line that may be a part of one
_NEAR = 2  # lines of the page above and below one, which say where it stands
WHOLE, _PART, _REWORDED = 2.0, 1.5, 0.75  # weights of a line by what it keeps of the page's
_MOST_NEW = 0.4  # of the stems of a line that is the page's in other words

_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\s]*\)")
_MARKUP = re.compile(r"\A[\s>*_•·◦▪|#-]+|[\s*_|]+\Z")
_SIGNS = re.compile(r"\A[^\w$\\+@#-]+|[^\w$%)!?.:★-]+\Z")
_MARK = re.compile(r"#\d+|[+-]?\d[\d.,]*[km]?\+?|\d+ ?(?:of|/) ?\d+|\(\d+\)|#[a-z]\w+|!\w+")
_SHORT = re.compile(r"(?:[^\s=+×÷√^<>\\$%]+ ?){1,5}(?<![.?!,;:])")
_NUMBERED = re.compile(r"\A\d{1,2}[.)]? (?=[A-Z])")
_PARTS = re.compile(r"\s*[,|·•;:–—>»›→]\s*| / | and |\*\*\s+|\s{2,}")
_COMMAND = re.compile(r"\\[a-zA-Z]{2}|\$\$")
_LONG_WORD = re.compile(r"[^\W\d_]{3}")
_TRAIL = re.compile(r"(?:[A-Z][A-Za-z&'-]+(?: [A-Za-z&'-]+){0,3} ?[>»›] ?){2,8}[A-Z][A-Za-z&' -]{2,40}")
_CRUMBS = re.compile(r"[|>»›→]")
_WRAPPED = re.compile(r"[\[(]([^\[\]()]+)[\])]")
_TITLE = re.compile(r"\s*(?:#{1,6} |\*\*[^*]+\*\*:?\s*\Z)")
_ANSWER = re.compile(r"#### .*\d")
_PROMPT = re.compile(r"\s*(?:>>>|\.\.\.) ")
_ROW = re.compile(r"\s*\|.*\|\s*")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_BARE = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*|[▲▼⬆⬇★☆⭐👍👎♥❤]")


def plain(line: str) -> str:
    """Return a line without Markdown's marks and addresses of links."""
    return _MARKUP.sub("", _LINK.sub(r"\1", line))


def bare(text: str) -> str:
    """Return words and numbers alone, in lower case."""
    return " ".join(_BARE.findall(text.lower()))


def stems(line: str) -> set[str]:
    """Return a line's numbers of two digits or more, and the beginnings of its words but those of any text."""
    words = {word.lower() for word in _WORD.findall(line)}
    numbers = {number for number in _NUMBER.findall(line) if len(number) > 1}
    return {word[:5] for word in words - FUNCTION - TAUGHT if len(word) > 2} | numbers


def is_title(line: str) -> bool:
    """Whether a line is a heading, or all in bold."""
    return _TITLE.match(line) is not None


def is_exempt(line: str) -> bool:
    """Whether a line is one of a session, of a table, a formula, or the answer that a solution ends with."""
    is_row = _ROW.fullmatch(line) is not None and not ITEMS.search(line)
    is_formula = _COMMAND.search(line) is not None and "group" not in line
    return is_row or is_formula or bool(_PROMPT.match(line) or _ANSWER.match(line))


def forms(line: str) -> list[str]:
    """Return a line as it is to be judged: without its markup, and without signs and brackets around it."""
    said = plain(line)
    inner = _SIGNS.sub("", said)
    wrapped = _WRAPPED.fullmatch(said)
    found = (
        said,
        inner,
        _NUMBERED.sub("", said),
        wrapped[1] if wrapped else "",
        line.strip() if "__" in line else "",
    )
    return list(dict.fromkeys(one for one in found if one))


def is_furniture(line: str, source: Source) -> bool:
    """Whether a line is a page's menu, notice, button or by-line, whatever the text is about."""
    if is_exempt(line):
        return False
    for said in forms(line):
        if is_title(line):
            if is_title_line(said):
                return True
            continue
        if said.partition(":")[0] in source.talkers or is_spoken(said) or LONE.fullmatch(said):
            return True
        is_of_page = said.lower() in source.lines
        if not is_of_page and is_problem(said):
            return False
        if is_line(said) or is_of_web_words(said, is_of_page=is_of_page):
            return True
    return False


def counted(line: str, source: Source) -> str | None:
    """Return what of a line, all or in brackets, is a page's counts and dates, or a problem's data."""
    said = "" if is_exempt(line) else plain(line)
    if not said or not source.has_figures(said):
        return None
    is_pages_own = not is_title(line) and is_pages(said, is_of_page=said.lower() in source.lines)
    if is_pages_own or is_count(said):
        return said
    inner = (match[1].strip() for match in _WRAPPED.finditer(said))
    return next((one for one in inner if WITHIN.fullmatch(one)), None)


def is_mark(line: str, source: Source) -> bool:
    """Whether a line is a number or mark of the page's, without words or formula: `#2`, `58K`, `1 of 24`."""
    said = plain(line).lower()
    return not is_exempt(line) and _MARK.fullmatch(said) is not None and said in source.lines


def joined(line: str, source: Source) -> int:
    """Return how surely a line has the page's lines side by side: 2 where one of them is its frame's, else 1."""
    if is_exempt(line):
        return 0
    said = plain(line)
    if _TRAIL.fullmatch(said) and said.lower() in source.lines:
        return 2
    parts = [bare(part) for part in _PARTS.split(said) if part]
    if len(parts) < 2 or not all(_LONG_WORD.search(part) for part in parts) or not source.are_lines(parts):
        return 0
    is_frame = any(source.is_frame(source.places[part]) for part in parts)
    return 2 if is_frame else 1 if len(parts) > 2 or _CRUMBS.search(line) else 0


def is_fragment(line: str, source: Source) -> bool:
    """Whether a line is a part of lines of the page's frame, such as the time of `posted by ann, 6:40 pm`."""
    said = bare(line) if len(line) <= _LONGEST_FRAGMENT else ""
    if not source.has(said) or is_exempt(line) or is_title(line) or not stems(line):
        return False
    return source.is_of_frame(said)


class Source:
    """A page's lines; what takes time is found when it is asked for, for few lines need it."""

    def __init__(self, page: str) -> None:
        self._page = page
        self.all = [line.strip() for line in page.splitlines() if line.strip()]
        self.lines = frozenset(plain(line).lower() for line in self.all if len(line) <= LONGEST)
        self._frame: dict[int, bool] = {}

    @cached_property
    def _figures(self) -> frozenset[str]:
        return frozenset(_FIGURE.findall(self._page))

    @cached_property
    def talkers(self) -> frozenset[str]:
        """Names of those who talk in it, in lower case."""
        return talkers(self._page)

    @cached_property
    def people(self) -> frozenset[str]:
        """Names of those who wrote it, in lower case."""
        return people(self._page)

    @cached_property
    def _stems(self) -> list[set[str]]:
        return [stems(line) for line in self.all]

    @cached_property
    def _having(self) -> dict[str, list[int]]:
        found = defaultdict[str, list[int]](list)
        for number, line in enumerate(self._stems):
            for stem in line:
                found[stem].append(number)
        return found

    @cached_property
    def places(self) -> dict[str, int]:
        """Numbers of its lines, by what is bare of them."""
        return {line: number for number, line in reversed(list(enumerate(self._bares)))}

    @cached_property
    def _bares(self) -> list[str]:
        return [bare(line) for line in self.all]

    @cached_property
    def _bare(self) -> str:
        return f" {' '.join(self._bares)} "

    @cached_property
    def _begins(self) -> list[int]:
        return [0, *accumulate(len(line) + 1 for line in self._bares)]

    def has_figures(self, line: str) -> bool:
        """Whether the numbers of a line are the page's; of no page, any may be."""
        return not self.lines or self._figures.issuperset(_FIGURE.findall(line))

    def place(self, line: str) -> tuple[int, float] | None:
        """Return the number of the page's line that a line was made from, and how much it keeps of it."""
        said = bare(line)
        if not said:
            return None
        if said in self.places:
            return self.places[said], WHOLE
        begin = self._bare.find(f" {said} ")
        if begin >= 0:
            return bisect_right(self._begins, begin) - 1, _PART
        own = stems(line)
        if len([stem for stem in own if stem not in self._having]) > _MOST_NEW * len(own) or not own:
            return None
        shared = Counter(number for stem in own for number in self._having.get(stem, ()))
        return max(shared, key=lambda number: (shared[number], -len(self._stems[number]))), _REWORDED

    def are_lines(self, parts: Sequence[str]) -> bool:
        """Whether all of some parts of a line, bare, are lines of the page."""
        return all(part in self.places for part in parts)

    def is_furniture(self, number: int) -> bool:
        """Whether a line of the page is its menu, notice, button or by-line."""
        line = self.all[number]
        return len(line) <= LONGEST and is_furniture(line, self)

    def is_frame(self, number: int) -> bool:
        """Whether a line of the page is its frame's by itself."""
        if number not in self._frame:
            line = self.all[number]
            is_short = len(line) <= LONGEST
            self._frame[number] = is_short and (is_furniture(line, self) or counted(line, self) is not None)
        return self._frame[number]

    def has(self, said: str) -> bool:
        """Whether some bare words stand in the page one behind the other."""
        return bool(said) and f" {said} " in self._bare

    def is_of_frame(self, said: str) -> bool:
        """Whether some bare words stand within lines of the page's frame, and in no others."""
        begin = self._bare.find(f" {said} ")
        found = False
        while begin >= 0:
            number = bisect_right(self._begins, begin) - 1
            is_within = begin + len(said) < self._begins[number] + len(self._bares[number]) + 1
            if not is_within or not self.is_frame(number):
                return False
            found, begin = True, self._bare.find(f" {said} ", begin + 1)
        return found

    def is_last(self, number: int) -> bool:
        """Whether a line is the page's last."""
        return number == len(self.all) - 1

    def context(self, number: int, used: Container[str]) -> float:
        """Weigh the lines around one of the page: 0 to 4, the more, the more of them are its frame's.

        Args:
            number: The line's.
            used: Stems of the text made from the page; a line with more than half of its stems there is no frame.
        """
        near = range(max(0, number - _NEAR), min(len(self.all), number + _NEAR + 1))
        weight = sum(self._weight(other, used) for other in near if other != number)
        below = number + 1 < len(self.all) and self._is_used(number + 1, used)
        return weight / 2 if below else weight

    def _is_used(self, number: int, used: Container[str]) -> bool:
        own = self._stems[number]
        return 2 * sum(stem in used for stem in own) > len(own)

    def _weight(self, number: int, used: Container[str]) -> float:
        if self._is_used(number, used):
            return 0.0
        if self.is_frame(number):
            return 1.0
        return 0.5 if self._stems[number] and _SHORT.fullmatch(self.all[number]) else 0.0
