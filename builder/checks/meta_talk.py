"""What a model says of its work in a few words of a comment or line, or of its answer's task, form and limits.

Sentences are weighed elsewhere; these are phrases of one form each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from builder.checks.meta_of_code import CHANGES, CODE, EMOJI, OF_CRAFT
from builder.checks.meta_of_page import EDIT_ITEM, NOUN, OF_SUBJECT, OFFERS, PAGE, SAYS
from builder.checks.meta_words import Rules
from builder.checks.remarks import sentences

_QUOTED = re.compile(r"[\"“][^\"“”\n]{1,300}[\"”]|‘[^‘’\n]{1,200}’|`[^`\n]{1,200}`")
_OF_CODE, _OF_OTHERS_CODE, _OF_PAGE, _OFFERS = map(Rules, (CODE[:-1], CODE, PAGE, OFFERS))
_FRAME = " \t#*-=~_<>|"
_OFTEN_SUBJECTS = {"page", "post", "poster", "reply", "replies"}
_SPEAKS = re.compile(r"\bi (?:am|was|think|have|don|can)\b|\bi'")
"""A source whose author speaks of himself."""


def told_of_code(passages: Iterable[str], all_: str, known: str) -> str | None:
    """Return a comment, or a line of one, that tells of the edit or speaks to who asked for it.

    Args:
        passages: Comments and docstrings without their marks.
        all_: The same, each line as it is.
        known: The source in lower case: what it says itself is its own.
    """
    rules = _OF_OTHERS_CODE if not _SPEAKS.search(known) else _OF_CODE
    for line in (line for passage in passages for line in passage.splitlines()):
        said = line.strip(_FRAME)
        if not said or said.casefold() in known:
            continue
        if (EMOJI.match(said) and said[0] not in known) or _told(said, rules, known):
            return said
    for found in CHANGES.finditer(all_ + "\n"):
        if OF_CRAFT.search(found["items"]) and found["items"].strip().casefold() not in known:
            return found.group().strip()
    return None


def told_of_page(text: str, known: str) -> str | None:
    """Return a line of a page that tells of the rewrite, of the answer's form, or offers more.

    Args:
        text: The page as rewritten.
        known: The source in lower case.
    """
    lines = [line.strip(_FRAME if not line.lstrip().startswith("<") else " \t") for line in text.splitlines()]
    said = [line for line in lines if line]
    for line in said:
        for one in dict.fromkeys((line, *sentences(line))):
            if one.casefold() not in known and (_told(one, _OF_PAGE, known) or _says(one, line, said, known)):
                return one
    items = [one for one in EDIT_ITEM.findall(text) if one.strip().casefold() not in known]
    if len(items) > 1:
        return str(items[0]).strip()
    return next((line for line in said[-2:] if line.casefold() not in known and _told(line, _OFFERS, known)), None)


def _told(said: str, rules: Rules, known: str) -> bool:
    return rules.tell(_QUOTED.sub("…", said), known)


def _says(said: str, line: str, lines: Sequence[str], known: str) -> bool:
    """Whether a sentence speaks of a page, or says what one says, and no other line has the word."""
    found = SAYS.search(said) or (None if OF_SUBJECT.search(said) else NOUN.search(said))
    if found is None or found.group().casefold() in known:
        return False
    word = (found["of"] or found["page"]).casefold()
    if word in _OFTEN_SUBJECTS and said != line and OF_SUBJECT.search(line):
        return False  # Max bought stamps at the post office. He paid $4.
    return sum(one.casefold().count(word) for one in lines) == 1
