"""Comments that tell what was done to code instead of what it does: `# Replaced the loop with sum()`.

A comment says what its code does, in the present. One in the past tells of an edit, and one that names what only
the source has tells of the source, whatever words it uses.
"""

from __future__ import annotations

import re

_ED = (
    r"(?:added|changed|renamed|replaced|converted|improved|re-?factored|simplified|removed|fixed|updated|extracted"
    r"|modified|corrected|optimi[sz]ed|switched|moved|re-?worked|re-?wrote|cleaned up|introduced|eliminated"
    r"|combined|merged|wrapped|swapped|dropped|re-?written|re-?implemented|ported|inlined|this replaces"
    r"|replaces)"
)
_CONSTRUCT = (
    r"(?:loops?|variables?|imports?|comprehensions?|expressions?|statements?|parameters?|arguments?"
    r"|context managers?|generators?|built-?ins?|doc ?strings?|type hints?|annotations?|semicolons?|whitespace"
    r"|syntax|globals?|lambdas?|redundan\w+|unnecessary|duplicate\w*|hard-?coded|magic|deprecated|unused|bare"
    r"|mutable|f-strings?|readability|naming|indentation|error handling|temporary|nested|clarity|bugs?"
    r"|intermediate|manual\w*|accumulat\w+|(?:proper|better|cleaner) \w+|urllib\w*|python ?3|iteration)"
)
_OLD = r"(?:the|your|its) (?:original|old|initial) (?:code|loops?|implementation|script|logic|approach)"
_MARK = r"^[ \t]*#+[ \t]*(?:(?:note|fix|change|update|refactor|improvement)\b ?[:-]? ?)?"
_TOLD = re.compile(
    rf"(?:{_MARK}(?:now )?{_ED}\b(?! by\b)[^\n]{{0,80}}?\b{_CONSTRUCT}\b"
    rf"|{_MARK}(?:changed|converted|switched|updated|migrated) from\b[^\n]{{1,40}}\bto\b"
    rf"|{_MARK}{_ED}\b[^\n]{{1,40}} (?:->|→|=>) "
    rf"|{_MARK}{_ED} to (?:use|avoid|make|python)\b"
    rf"|{_MARK}(?:fixed|changed|added|removed|renamed|was|before|previously|originally|old|original)(?: code)?: "
    r"|^[ \t]*#+[ \t]*(?:refactor|re-?factoring|improvement|change|modification|suggestion"
    r"|(?:minor |bug ?|quick )fix)"
    r"(?:e?s)?(?: made)?: "
    r"|\b(?:than|as) (?:before|it was|previously)\b(?= *(?:[.,;)]|$))|\bnot in (?:the )?original\b"
    r"|\b(?:used|done|written|named|called|opened) originally\b|^[ \t]*#+[ \t]*(?:previously"
    r"|originally|formerly), (?:this|it|we|the code)\b"
    r"|\b(?:this|it|which) was (?:missing|wrong|broken|redundant|unused|never)\b"
    r"|\bprevious (?:approach|implementation|code|solution|attempt)\b"
    r"|^[ \t]*#+[ \t]*(?:use|keep|preserve|follow|ensure|maintain|provide|give)\b[^\n]{0,40}"
    r"\b(?:descriptive|meaningful|(?:function )?signature|compatibility|naming|PEP ?8|readab\w+|best practices"
    r"|pythonic)\b"
    r"|^[ \t]*#+[ \t]*(?:\(?unchanged\)?|let me [^\n]+"
    r"|(?:new|improved|refactored|better|cleaner|optimi[sz]ed|updated|moderni[sz]ed|python ?3(?: compatible)?)"
    r" (?:implementation|version|code|logic|approach))\W*$"
    rf"|\b(?:than|to|as|of|from|unlike|like) {_OLD}\b"
    rf"|\b{_OLD} (?:was|were|did|had|would|could|never|only|\w{{3,}}ed)\b"
    r"|\boriginal(?:ly)?,? (?:code )?used\b"
    r"|\b(?:behaviou?r|logic|functionality|interface) (?:is|was|remains|stays)(?: left| kept)?"
    r" (?:unchanged|the same(?! as in)|as before|preserved|intact)\b"
    r"|\bas (?:suggested|in your|you (?:asked|wanted|requested))\b"
    r"|\b(?:function|code|class|method|logic|loop|script) (?:has|have) been (?:improved|simplified|re-?written"
    r"|renamed|converted|optimi[sz]ed|cleaned)\b"
    r"|\bbut (?:shorter|cleaner|simpler|more (?:concise|readable|pythonic|efficient))\b|\bmore pythonic\b"
    r"|\b(?:could|can|should) be (?:added|extended|improved|refactored)\b[^\n]{0,30}"
    r"\b(?:if|as|when) (?:needed|required|necessary|desired)\b"
    r"|\bI(?: have|['’]ve)? (?:used?|chose|replaced|kept|changed|added|removed|renamed|assumed|moved|fixed)\b"
    r"|\b(?:what|as) you(?:['’]d| would)? (?:want|wanted|asked)|(?:what|as|that) you (?:provided|gave)\b"
    r"|\binstead of (?:manual(?:ly)?|the (?:old|original)|a (?:manual|bare|for|while)\b|an explicit|looping)"
    r"|\bthe (?:provided |given |original )?snippet (?:does|did|doesn|didn|lacks|has|had)"
    r"|\b(?:updated|upgraded|ported|converted|migrated|adapted) (?:to|for) python ?3)",
    re.I | re.M,
)
_COMMENT = re.compile(r"^[^#\n\"']*#+(.*)$", re.M)
_TEXT = re.compile(r"\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|\"[^\"\n]*\"|'[^'\n]*'|#[^\n]*")
_NAME = re.compile(r"(?<![\w.])[A-Za-z]\w*(?:\.\w+)*")
_ODD = re.compile(r"\d|_|[a-z][A-Z]|\.\w")


def edit_told(said: str, answer: str, source: str) -> str | None:
    """Return what of an answer's comments tells of an edit, None where nothing does.

    Args:
        said: Comments and docstrings.
        answer: The code that they stand in.
        source: The code that it was made from. What it says itself, a comment may say.
    """
    known = source.casefold()
    for match in _TOLD.finditer(said):
        if match[0].strip(" \t#").casefold() not in known:
            return match[0].strip()
    comments = [comment.strip() for comment in _COMMENT.findall(answer) if comment.strip().casefold() not in known]
    named = {name for comment in comments for name in _NAME.findall(comment) if _ODD.search(name)}
    if not named:
        return None
    names, still = (set(_NAME.findall(_TEXT.sub(" ", code))) for code in (source, answer))
    gone = named & names - still
    return next((comment for comment in comments if gone & set(_NAME.findall(comment))), None)
