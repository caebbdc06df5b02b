"""Labels that pages put over their parts, or beside a problem: `Most liked answer`, `Show work`, tags."""

from __future__ import annotations

import re

from builder.checks.patterns import fits_one

_PART = r"(?:answers?|solutions?|repl(?:y|ies)|responses?|comments?|explanations?|steps?|work(?:ings?)?|hints?)"
_GIVEN = r"(?:chosen|voted|picked|selected|rated|marked|accepted|provided|submitted|contributed|verified|written)"
_SIGN = r"[▲▼▾▴▸▶►»›>+⌄˅]"
_NUMBER = r"\d[\d,.]*"
_NAME = r"(?-i:[A-Z][\w.'-]+)(?: (?-i:[A-Z][\w.'-]*))?"

_is_label = fits_one(
    (
        # parts of a page
        rf"(?:(?:best|top|most|highest|community|user|expert|tutor|student|member|featured|verified"
        rf"|accepted)(?:['’]?s?)? "
        rf"(?:rated |liked |helpful |voted |popular |recent )?{_PART})(?:\W+(?:as )?{_GIVEN} (?:by"
        rf"|as)\b.*)?(?<!best solution)"
        r"(?<!best solutions)",
        rf"(?:answers?|comments?|discussions?|replies|responses|reviews|questions) ?\({_NUMBER}\)"
        r"|comments? (?:and|&) (?:questions|replies|discussion)",
        r"about (?:this|the|our) (?:site|author|page|website|video|blog|forum|tutor|teacher)",
        rf"(?:responses?|repl(?:y|ies)|answers?|comments?|solutions?|posts?|questions?) (?:from|by"
        rf"|of) {_NAME}",
        rf"(?:(?:doctor|dr|mr|mrs|ms|prof|professor)\.? )?{_NAME} (?:replies|responds|replied|responded)"
        rf"|{_NAME}['’]s (?:comment|reply|response|post|repost)",
        rf"(?:answer |solution )?(?:verified|approved|reviewed|{_GIVEN}) (?:by"
        rf"|as) (?:\w+ ){{0,3}}(?:experts?|tutors?|users?|teachers?"
        r"|moderators?|members?|community|voters|asker|readers|staff|team|best)(?: \w+)?",
        # toggles
        rf"(?:\[[+−-]\] ?)?(?:view|see|show|hide|reveal|expand|collapse|toggle|unlock|open)(?: the"
        rf"| all| full| worked"
        rf"| complete| detailed| step-by-step| more)* {_PART}(?: ?\(\d+\))?(?: ?{_SIGN})?",
        rf"(?:{_PART}|details|more|proof) ?{_SIGN}|(?:show|hide|see|read|view) (?:more|less|all"
        rf"|details) ?{_SIGN}?",
        # where to go
        r"(?:coming up|coming|up|read|watch|try|learn|what['’]s) next(?: ?[:–→»-].*)?"
        r"|next up(?: ?[:–→»-].*)?",
        r"continue(?:d)?(?: (?:to|with|on|reading|at))? ?[:→»].*|continue (?:to|with"
        r"|on) (?:the )?(?:next|page|part|lesson|quiz)\b.*",
        rf"[«‹←<] ?(?:problem|exercise|question|lesson|example|section|chapter|unit|page) {_NUMBER}.*"
        rf"|.*(?:problem|exercise|question|lesson|example|section|chapter|unit|page) {_NUMBER} ?[»›→>]",
        r"(?:return|go back|back) to (?:the |all )?(?:\w+ )?(?:list|index|contents|menu|problems?"
        r"|questions?|exercises?|lessons?|start"
        r"|overview|top)",
        r"(?:try|do|practi[sc]e|solve) (?:another|similar|more)(?: (?:one|problems?|questions?"
        r"|exercises?|examples?))?"
        r"(?: like (?:it|this|these))?",
        r"(?:problem|question|puzzle|riddle) of the (?:week|day|month)(?: (?:archive|page|\d+))?"
        r"|.*\barchives?",
        # beside a problem
        rf"(?:xp|time limit|qty|quantity|difficulty rating|sku|isbn|msrp"
        rf"|list price) ?: ?\W?{_NUMBER}.{{0,12}}",
        r"(?:subject|chapter|board|curriculum|course|syllabus) ?: ?(?-i:[A-Z])[\w&' -]{2,40}",
        r"sources? ?: ?(?:https?://)?[\w-]+(?:\.[\w-]+)+(?:/\S*)?",
        r"price ?: ?\W?[\d.,]+\W+(?:qty|quantity|add|buy|in stock|sale|save)\b.*",
        r"score ?: ?\d+ ?/ ?\d+\W+(?:time|level|lives|streak|best|question)\b.*|(?:time|timer) ?: ?0?0:00",
        r"your (?:answer|response|guess) ?:? ?(?:\[ *\]|_{3,}).*|(?:correct|incorrect|right|wrong"
        r"|well done|nice work|great job)!.{0,10}"
        r"\b(?:well done|try (?:the|again|another)|next (?:one|question)|keep going)\b.*",
        r"(?:estimated|reading) time ?: ?\d+ ?min\w*|(?:skill|ability|reading|school) level ?: ?[\w -]{1,20}",
        r"[\w.-]+(?:(?:,| and) (?:[\w.-]+|\d+ others?))? likes? this(?: post)?|[+-]?\d+ (?:best|top"
        r"|accepted) answer",
        r"thread ?: ?(?-i:[A-Z]).{2,60}|mcq\W{1,3}\d+|bookmark this (?:page|site)\b.*",
        r"(?:dark|light|night|reading|focus|full[- ]?screen|print) mode",
    )
)
_ALONE = re.compile(r"comments?|transcript|attachments?|attached files?|links?", re.I)
"""Labels that a lesson's heading may be, too."""
_TAG = r"[a-z][a-z0-9+.#-]{2,}(?: [a-z][a-z-]+){0,2}"
_TAGS = tuple(
    re.compile(pattern).fullmatch
    for pattern in (
        rf"(?:(?:[Tt]ags|[Tt]opics|[Ll]abels|[Kk]eywords): ?)?`{_TAG}`(?:[ ,;|·]+`{_TAG}`)+",
        rf"(?:\[{_TAG}\][ ,]*){{2,}}|(?:\{{{_TAG}\}}[ ,]*){{2,}}|(?:#{_TAG}[ ,]*){{2,}}",
    )
)
_LISTED = re.compile(rf"[*_]{_TAG}(?:[,;·|] {_TAG}){{2,}}[*_]")


def is_label(line: str) -> bool:
    """Whether a line, in bold or plain, is a page's label."""
    said = line.strip().strip("#*_ ").replace("**", "").rstrip(":. ")
    if not line.lstrip().startswith("#") and _ALONE.fullmatch(said):
        return True
    return _is_label(said)


def is_tags(line: str, source: str) -> bool:
    """Whether a line is a list of tags; `source`, in lower case, has the words of one that is in italics."""
    said = line.strip()
    if any(fits(said) for fits in _TAGS):
        return all(tag in source for tag in re.findall(r"[a-z0-9+.#-]{3,}", said.lower()))
    return _LISTED.fullmatch(said) is not None and said.strip("*_") in source
