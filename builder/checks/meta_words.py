"""What models say of their work in few words: of the edit, the task, the form and limits of an answer, a page.

Where the word that tells a phrase may also be a subject, the phrase names it: in a source that has it, it is one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from builder.checks.patterns import fits_one

ED = (
    r"(?:added|changed|cleaned(?: up)?|converted|dropped|enhanced|fixed|improved|moderni[sz]ed"
    r"|modified|moved|optimi[sz]ed"
    r"|refactored|removed|renamed|reorgani[sz]ed|replaced|reworked|rewritten|simplified|sorted"
    r"|streamlined|tidied|updated)"
)
CRAFT = (
    r"(?:annotations?|code (?:quality|structure|style)|comprehensions?|context managers?|dead code"
    r"|docs|docstrings?"
    r"|documentation|efficiency|error handling|f-strings?|formatting|(?:unused |import )?imports?"
    r"|list comprehensions?"
    r"|logic|magic numbers?|maintainability|naming|parameter names?|performance|print statements?"
    r"|readability|structure"
    r"|style|type (?:hints?|annotations?)|typing|unused variables?|validation|variable names?"
    r"|with statements?)"
)
MADE = (
    r"(?:refactored|rewritten|re-written|improved|cleaned[- ]up|revised|optimi[sz]ed|updated|enhanced"
    r"|moderni[sz]ed|polished)"
)
THING = r"(?:version|code|implementation|module|script|program|rewrite|function|class)"
BETTER = r"(?:concise|efficient|elegant|explicit|idiomatic|maintainable|pythonic|readable|robust)"


class Rule(NamedTuple):
    """What a line may say, and the word that tells it: in a source that has it, it is its subject."""

    pattern: str
    is_whole: bool
    told_by: str


class Rules:
    """Rules for a line, tried one by one only where one of them can hold."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Compile them."""
        whole = [rule.pattern for rule in rules if rule.is_whole]
        self._may_tell = fits_one(whole, within=[rule.pattern for rule in rules if not rule.is_whole])
        compiled = [(re.compile(rule.pattern, re.I), rule) for rule in rules]
        self._rules = [(one.fullmatch if rule.is_whole else one.search, rule.told_by) for one, rule in compiled]

    def tell(self, said: str, known: str) -> bool:
        """Whether one of them holds, by words that the source, in lower case, does not have."""
        return self._may_tell(said) and any(
            not (told_by and told_by in known) and finds(said) is not None for finds, told_by in self._rules
        )


def whole(pattern: str, told_by: str = "") -> Rule:
    """Return the rule for a line that is all of a pattern, but where the source has the word that tells it."""
    return Rule(rf"(?:{pattern})\W*", True, told_by)


def part(pattern: str, told_by: str = "") -> Rule:
    """Return the rule for a line that has a pattern, but where the source has the word that tells it."""
    return Rule(pattern, False, told_by)


BOTH: Sequence[Rule] = (
    part(
        r"\b(?:meets?|addresses|satisf(?:y|ies)|fulfil(?:l?s)?|covers) (?:all |the |of |your |\d+ "
        r"|ten ){1,3}(?:\w+ )?"
        r"(?:criteria|guidelines|instructions)\b|\bcriteria (?:are |were "
        r"|have been )?(?:now )?(?:met|addressed|satisfied|fulfilled)\b",
        "criteria",
    ),
    part(
        r"\bthe (?:instructions|guidelines|task|prompt) (?:demands?|says?|asks?|requires?|states?"
        r"|specif(?:y|ies)|wants?)\b"
    ),
    part(
        r"\b(?:in|from|by|cut off by) the prompt\b|\b(?:output|token|length|context"
        r"|response) limit (?:was |is |has been )?"
        r"(?:reached|exceeded|hit)\b",
        "prompt",
    ),
    whole(
        r"(?:confidence(?: level| score)?|quality|self-assessment) ?: ?(?:very )?(?:high|medium|low"
        r"|\d+ ?%|[01]\.\d+|\d+ ?/ ?10)",
        "confiden",
    ),
    whole(
        r"(?:task|request|instructions?) (?:understood|completed?|done|received|noted|accomplished)"
        r"|(?:processing|rewriting|rewrite"
        r"|generation|refactoring|conversion|formatting|cleanup) (?:is )?(?:completed?|done|finished)"
    ),
    whole(
        r"\[?(?:begin|start|end)(?: of)?(?: the)? (?:page|text|document|output|answer|response"
        r"|rewrite|rewritten \w+|improved \w+"
        r"|refactored \w+|material|content)"
    ),
    part(
        r"\b(?:sorry|apologies|unfortunately|it (?:looks|seems|appears))\b.{0,80}\b(?:cut(?: off"
        r"| short| here)?|truncated|incomplete|missing"
        r"|not (?:included|shown|provided)|fits|ends abruptly)\b"
    ),
    part(
        r"\bthe (?:source|input (?:file|code)|given (?:file|code|page|text)|snippet|provided (?:file"
        r"|code|page|text)) (?:was|is|seems|appears|ends|breaks)\b"
        r".{0,40}\b(?:incomplete|truncated|cut|missing|abruptly|off)\b"
    ),
    part(
        r"\b(?:the )?(?:rest|remainder|remaining (?:code|part|functions|classes|text)"
        r"|second half) (?:was|were|is|are|could)\b.{0,20}"
        r"\b(?:missing|not (?:be )?(?:shown|included|provided|given))\b|\bmy (?:answer|output"
        r"|response|reply) (?:was|is|would)\b"
        r"|\b(?:file|code|page|text|input) (?:is |was )?too long\b.{0,30}\b(?:left out|omitted"
        r"|half|rest|shown|part)\b"
    ),
    part(
        r"^apologies for (?:the|any|that|this|my)\b|\b(?:sorry|apologies"
        r"|unfortunately)\b.{0,60}\b(?:cut (?:off|short)|truncated|incomplete"
        r"|too long to|limit (?:was|is)|ran out of)\b"
    ),
)
