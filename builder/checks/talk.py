"""What a model says of its own work, wherever in a text: of the source as handed in, of what it changed.

Unlike a greeting this has no position, so each pattern needs two things together that a subject seldom has: who
did it and to what ("I've changed this line"), a rewrite and what it was made from ("improved over the original
code"). Each repeats words a bounded number of times, so that a search takes linear time.
"""

from __future__ import annotations

import re

_A = "['’]"
_DID = (
    r"(?:re-?wr(?:ote|itten)|re-?factored|re-?formatted|re-?phrased|re-?structured|re-?organi[sz]ed|re-?worked"
    r"|re-?worded|streamlined|moderni[sz]ed|tidied|cleaned up|left out|omitted|polished|simplified|summari[sz]ed)"
)
_MADE = (
    r"(?:added|assumed|changed|converted|corrected|dropped|extracted|fixed|improved|introduced|kept|made|moved"
    r"|optimi[sz]ed|preserved|removed|renamed|replaced|retained|separated|split|switched|tried|updated|used"
    r"|wrapped)"
)
_I_DID = rf"\bI(?: have|{_A}ve| had)?(?: also| now| then| only| just| intentionally| slightly)?"
_CRAFT = (
    r"(?:type (?:hints?|annotations?)|annotations?|doc ?strings?|comments?|variables?(?: names?)?|naming"
    r"|(?:\w+ )?names?|f-strings?|(?:list |dict )?comprehensions?|context managers?|error handling|readability"
    r"|maintainability|performance|efficiency|constants?|magic numbers?|imports?|formatting|indentation"
    r"|function|method|class|logic|structure|code|parameters?|loops?|PEP ?8|exceptions?|validation"
    r"|main guard|duplicat\w+|redundan\w+|clarity)"
)
_ARTEFACT = (
    r"(?:greetings?|signatures?|user ?names?|links?|advert\w*|navigation|menus?|comments?|timestamps?"
    r"|boilerplate|web ?pages?|page (?:elements?|artefacts?|artifacts?)|metadata|formatting|typos?"
    r"|instructions|forum|headers?|footers?|small talk|chatter|wording|off-topic|irrelevant|unrelated)"
)
_CODE = r"(?:code|implementation|version|script|program|snippet|source code)"
_WORK = (
    rf"(?:{_CODE}|function|method|class|module|page|text|problem|question|solution|answer|post|rewrite|file|proof)"
)
_REMADE = (
    r"(?:improved|refactored|re-?written|cleaned[- ]up|optimi[sz]ed|revised|updated|simplified|moderni[sz]ed"
    r"|enhanced|polished|corrected|reformatted|cleaner)"
)
_RULES = r"(?:instructions?|guidelines|requirements|criteria|prompt|request(?:ed)?|specifications)"

_SAID = (
    rf"{_I_DID} {_DID}\b",
    rf"\b{_WORK} (?:that |which )?you(?:{_A}ve| have)? (?:provided|shared|sent|posted|pasted|gave|submitted"
    r"|uploaded|supplied|attached)",
    rf"\bas you(?:{_A}ve| have)? (?:requested|suggested|asked|instructed|wanted|mentioned)\b",
    r"\b(?:as per|per|following|according to|based on|in line with) (?:the|your)(?: given| provided| above"
    r"| system)? (?:instructions?|guidelines|prompt)\b",
    rf"\byour (?:instructions|guidelines|original {_WORK})\b",
    r"\b(?:as per|fulfils?|meets?|per) your (?:requests?|requirements)\b",
    r"[,(] as instructed\b(?! (?:by|in|from|at)\b)|\bas instructed *(?:[,.:)!]|$)",
    rf"\b{_REMADE} (?:and \w+ )?(?:version|form|rewrite|variant) of (?:your|(?:the|this) (?:original|given"
    rf"|provided|previous|above|input)) {_WORK}\b",
    rf"\bversion of your {_WORK}\b|\binstead of your\b",
    rf"\b(?:compared (?:to|with)|unlike|improvements? (?:over|to|on)|changes? (?:from|to)|as in|same as(?: in)?"
    rf"|than) (?:the |your )(?:original|old|previous|provided|given) {_CODE}\b",
    rf"\b(?:the|your) (?:provided|supplied|submitted|given) (?:code(?: snippet)?|snippet|page|script|web ?page)"
    rf" (?:does|doesn{_A}t|did|is|isn{_A}t|was|has|had|lacks?|contains?|contained|shows?|only|seems|appears)\b",
    r"\bas an? (?:AI|(?:large )?language model)\b",
    rf"\bI(?: am|{_A}m) (?:only |just )?an? (?:AI|(?:large )?language model|assistant)\b",
    r"\b(?:I (?:sincerely |do )?apologi[sz]e|(?:my )?apologies|(?:I(?: am|['’]m) )?sorry) for (?:the|any|my|that"
    r"|this) (?:\w+ )?(?:confusion|error|mistake|oversight|inconvenience|misunderstanding)\b",
    r"\blet me (?:correct|fix|redo|restate) (?:that|this|it|my|the (?:error|mistake))\b|\blet me try again\b",
    rf"\b(?:this|the|my|the \w+) (?:answer|response|rewrite|rewritten \w+|{_CODE}|page|text|solution) (?:now )?"
    rf"(?:follows|adheres to|meets|satisfies|complies with|respects|conforms to) (?:all )?(?:of )?(?:the|your)"
    rf" (?:\w+ )?{_RULES}\b",
    r"(?:^|[.!?] +)(?:oh |oops,? )?wait[,.:—-]+ *(?:that|this|no|I|actually|let me|it)\b",
    r"^\W*(?:assistant|human):",
    r"\b(?:I(?:['’]d| would| will| am|['’]m|['’]ll)(?: be)?(?: more than)? (?:glad|happy) to)\b",
    r"\bI (?:do not|don['’]t|cannot|can['’]t) see (?:any|the|a) (?:code|text|page|problem|attachment|content)\b",
    r"\bmy (?:task|job) is to (?:re-?write|clean|re-?factor|improve)\b",
    rf"\bthe user (?:has )?(?:asked|asks|wants|requested|requests) (?:me|us|for (?:an?|the)"
    rf"(?: [\w-]+){{0,2}} {_WORK})\b",
    r"\b(?:breakdown|summary|list|overview|explanation) of (?:what (?:I|has|was|is|changed)|(?:the|all|my)"
    r" (?:changes|improvements|modifications|edits))\b",
)

ANYWHERE = re.compile(f'(?<!["“])(?P<said>{"|".join(_SAID)})', re.I | re.M)
"""What belongs to no text, be it code's comments or a page."""

OF_CODE = re.compile(
    rf"(?P<said>{_I_DID} {_MADE} (?:{_CRAFT}|[^\n.]{{0,60}}?(?:\b(?:this (?:line|part|block|section)|your|instead"
    rf"|for (?:clarity|readability)|to (?:improve|make|use))|\b{_CRAFT})\b)"
    r"|\bI assumed that\b|\bas requested *(?:[,.:)!]|$)"
    rf"|^\W*(?:Here{_A}s|Here is) (?:the|your) {_REMADE} (?:\w+ )?{_WORK}\b"
    rf"|^[ \t]*#+ *(?:improved|changed|refactored|optimi[sz]ed|simplified|renamed|replaced):"
    r"|\b(?:re-?factored|re-?structured|moderni[sz]ed|streamlined) (?:from|for|the)\b"
    r"|\b(?:code|function|class|method|script|module|logic) (?:was|were|is|has been|have been) (?:re-?factored"
    r"|re-?structured|moderni[sz]ed|streamlined|re-?written)\b"
    rf"|^[ \t]*#+ *(?:added|changed|renamed|replaced|converted|improved|refactored|simplified|removed|fixed"
    rf"|updated|extracted) [^\n]{{0,60}}\b(?:type hints?|doc ?strings?|f-strings?|comprehensions?"
    rf"|context managers?|readability|maintainability|(?:variable|better|descriptive|meaningful|clearer) names?"
    rf"|for clarity|error handling|magic numbers?|PEP ?8)\b)",
    re.I | re.M,
)
"""What comments and docstrings of a rewrite say to who reviews it."""

OF_PAGE = re.compile(
    rf"(?P<said>{_I_DID} {_MADE}\b[^\n.]{{0,60}}?\b{_ARTEFACT}\b"
    rf"|\bI(?: have|{_A}ve)(?: also| now| then)? (?:provided|presented|included|stated|given) [^\n.]{{0,40}}?"
    rf"\b(?:solution|problem|page|answer|version)\b"
    rf"|^\W*I(?:{_A}ll| will| shall| can| am going to) (?:now )?(?:provide|rewrite|refactor|clean up|reformat"
    rf"|summari[sz]e|walk you|restate|present) "
    rf"|\b{_ARTEFACT}(?: and [\w ]{{1,30}}?)? (?:was|were|has been|have been|are|is)"
    rf"(?: all| also)? (?:removed|omitted|left out|stripped|dropped|cleaned(?: up)?)\b"
    rf"|\b(?:problem|solution|question|exercise|text|following|content|material|answer)s?\b[^\n.]{{0,60}}"
    rf"\b(?:extracted|taken|adapted|compiled|derived|reproduced|drawn|sourced|copied) from (?:an?|the|this|your)\b"
    rf"[^\n.]{{0,50}}\b(?:page|forum|thread|web ?site|site|post|blog|article|transcript)\b"
    r"|\bthe user (?:made an? (?:error|mistake)|forgot|claims?|is asking|seems|wants)\b"
    r"|\bas (?:stated|mentioned|noted|shown|given|written) (?:in|on) the (?:original|source|given|provided)"
    r" (?:text|page|post|material|document)\b"
    r"|^\W*as an? [\w ]{0,30}(?:tutor|teacher|expert|assistant|mathematician), I(?:['’]d| would|['’]ll| will)\b"
    r"|\bI(?: have|['’]ve) (?:verified|double-checked|confirmed)\b"
    r"|\bkey (?:improvements|changes)(?: made)? (?:in this|of this|include)\b"
    rf"|^\W*Disclaimer:[^\n]{{0,80}}\b(?:I|AI|generated|verify|model)\b)",
    re.I | re.M,
)
"""What a rewritten page says of the page it was."""

_PAGE = (
    r"(?P<page>web[ -]?pages?|page|forums?|forum posts?|threads?|usernames?|user names?|websites?"
    r"|advertisements?|the original poster)"
)
_HANDLED = (
    r"(?P<how>original|re-?written|re-?write|rewriting|clean(?:ed|ing)?(?:[- ]up)?|removed|omitted|contain(?:s|ed)"
    r"|re-?formatted|cut off|incomplete|irrelevant|unrelated|left out)"
)
_WITH_PAGE = re.compile(rf"\b(?:{_PAGE}|{_HANDLED})\b", re.I)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")


def page_handled(text: str, source: str) -> str | None:
    """Return a sentence on a page and what became of it, where the source has neither as its subject."""
    for sentence in _SENTENCE.split(text):
        found = [match for match in _WITH_PAGE.finditer(sentence[:500]) if match[0].casefold() not in source]
        if any(match["page"] for match in found) and any(match["how"] for match in found):
            return sentence.strip()
    return None


_ITEM = re.compile(
    r"^[ \t#>]*(?:[-*•+]|\d{1,2}[.)]) +(?:I(?: have|['’]ve)? )?(?:also )?(?:added|removed|replaced|renamed|wrapped"
    r"|improved|simplified|used|extracted|converted|moved|refactored|introduced|changed|fixed|updated|switched"
    rf"|split|made|corrected|combined|eliminated)\b[^\n]{{0,100}}?\b{_CRAFT}\b",
    re.I | re.M,
)


def changes_listed(said: str) -> str | None:
    """Return the first of two or more items of a list that tell what was done to code."""
    found = _ITEM.findall(said)
    return str(found[0]).strip() if len(found) >= 2 else None
