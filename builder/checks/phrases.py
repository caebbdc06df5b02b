"""What a model says to whoever asked it, in English: patterns for the first words of an answer, and for the last.

They are anchored, for what is said in the middle of a text belongs to the text. A quotation mark is no mark of a
beginning: behind it somebody in a story speaks. Each repeats words a bounded number of times, so that a search
takes linear time.
"""

from __future__ import annotations

import re

_A = "['’]"
_NOT = (
    rf"(?:can(?:not|{_A}t| not)|could(?:n{_A}t| not)|(?:won{_A}t|will not)(?: be able to)?"
    rf"|(?:am |{_A}m )?(?:not able|unable) to|must decline to|have to decline to)"
)
_THING = r"(?:code|files?|links?|urls?|(?:web ?)?pages?|images?|pictures?|attachments?|content|scripts?|figures?)"
_DO = (
    r"(?:help|assist|comply|fulfil\w*|provide|rewrite|process|complete|continue|answer|respond|generate|create"
    r"|write|discuss|engage|support|analy[sz]e|produce|share|improve|refactor|summari[sz]e|do (?:that|this|so)"
    rf"|offer|proceed|(?:access|view|open|see|read|execute|run) (?:the |any |your |this |external "
    rf"|an? )?(?:\w+ )?{_THING})\b"
)
_MADE = (
    r"(?:re-?written|revised|improved|refactored|updated|optimi[sz]ed|cleaned(?:[- ]up)?|corrected|modified"
    r"|complete|full|final|polished|enhanced|re-?worked|restructured|edited|fixed|reformatted|requested"
    r"|self-contained|tidied|condensed|step-by-step|detailed|simplified|clean|better|translated|converted"
    r"|reorgani[sz]ed|adapted)"
)
_REMADE = (
    r"(?:re-?written|revised|improved|refactored|updated|optimi[sz]ed|cleaned(?:[- ]up)?|corrected|polished"
    r"|modified)"
)
_WORK = (
    r"(?:code|program|script|file|function|class|module|implementation|version|solution|answer|text|page|rewrite"
    r"|rewriting|draft|(?:study )?materials?|snippet|output|explanation|breakdown|summary|content|example"
    r"|study guide|refactoring)s?\b"
)
_CHANGED = (
    r"(?:re-?wrote|re-?written|revised|improved|refactored|updated|optimi[sz]ed|cleaned(?: up)?|corrected|modified"
    r"|reworked|restructured|enhanced|reformatted|simplified|fixed|converted|removed|added|rewrite|refactor"
    r"|improve"
    r"|revise|clean up|rephrased|tidied)"
)
_HERE = rf"(?:here(?:{_A}s| is| are)|below (?:is|are)|the following is)"
_YES = (
    r"(?:sure(?: thing)?|certainly|absolutely|of course|no problem|okay|ok|alright|all right|great|got it"
    r"|understood|yes|hello|hi|hey|thanks|thank you)"
)
_PAGE = r"(?:(?:web ?)?page|snippet|file|code|text|content|document|input|request|message|question)"
_OBJECT = rf"(?: (?:the|your|this|its|all|some|any))(?: [\w-]+){{0,3}}? (?:{_WORK}|{_PAGE}\b)"
_OF_PAGE = (
    r"(?:website|web ?page|page|menus?|navigation|metadata|formatting|comments?|user ?names?|links?"
    r"|headers?|footers?"
    r"|unnecessary|irrelevant|redundant|unused|duplicate|type (?:hints|annotations)|docstrings?|error handling"
    r"|wording|typos?|greetings|advertisements|non-math\w*)"
)
_I = rf"(?:I|we)(?:{_A}m| am| are)?"

_BEGIN = rf"\A[\s#*>/_(\[-]*(?:{_YES}(?: there)?[,.!: ]+|(?:first|so|now|well),? ){{0,2}}"
_LAST = r"[^\n]*(?:\n[^\n]*)?\s*\Z"


def _any(before: str, phrases: tuple[str, ...], after: str = "") -> re.Pattern[str]:
    """Return a pattern for one of some phrases; what it says of a text is its group `said`."""
    return re.compile(f"{before}(?P<said>{'|'.join(phrases)}){after}", re.I | re.M)


REFUSAL = _any(
    _BEGIN,
    (
        rf"(?:I{_A}m |I am |we{_A}re |we are )?(?:\w+ )?sorry\b[^\n]{{0,60}}?\b{_I} ?{_NOT}[^\n.]{{0,40}}?\b{_DO}",
        rf"(?:unfortunately|regrettably|I (?:must )?apologi[sz]e|(?:my )?apologies)\b"
        rf"[^\n]{{0,60}}?\b{_I} ?{_NOT}[^\n.]{{0,40}}?\b{_DO}",
        rf"{_I} ?{_NOT} (?:directly |fully |currently )?{_DO}",
        rf"this (?:{_PAGE}|topic)\b[^\n.]{{0,60}}\b(?:so|and|but|therefore),? {_I} ?{_NOT} {_DO}",
        r"as an? (?:AI|(?:large )?language) ?(?:language )?(?:model|assistant)?\b,? ",
        rf"(?:the|this|your) (?:provided|given|supplied|attached|above|input) {_PAGE}(?: \w+){{0,4}}? (?:does not"
        rf"|doesn{_A}t|contains no|has no|is (?:empty|incomplete|not|too|already)|appears|seems|can ?not"
        rf"|can{_A}t)\b",
        rf"(?:there (?:is|are) )?no (?:\w+ )?(?:code|text|content|math(?:ematics)?|problem|question|exercise)s?"
        rf" (?:\w+ ){{0,2}}(?:on|in|to)\b[^\n]{{0,30}}\b(?:{_PAGE}|rewrite|provided)\b",
        rf"(?:this|the|your) {_PAGE} (?:does not|doesn{_A}t|contains no|has no) (?:contain |have |include "
        rf"|appear )?"
        r"(?:to )?(?:\w+ ){0,3}?(?:mathematic\w*|math|problem|question|content|code)\b(?! mark)",
        rf"it (?:looks|seems|appears) (?:like |that |as if )?(?:you"
        rf"|the (?:provided )?{_PAGE})(?: content)? (?:is|was"
        rf"|has|have|haven{_A}t|did|didn{_A}t|does|may|might|provided|forgot|meant|pasted|only|contains|got"
        rf"|are)\b",
        r"(?:please|could you(?: please)?|can you(?: please)?) (?:provide|share|paste|send|upload)"
        rf" (?:(?:the|me|a|an|more|some|your) )?(?:\w+ ){{0,3}}?(?:{_PAGE}|details|context|information"
        rf"|{_THING})\b",
        r"I (?:would )?need (?:more|additional|further) (?:context|information|details)",
    ),
)
OPENING = _any(
    _BEGIN,
    (
        rf"{_HERE}(?: (?:the|your|an?|my|how))?(?: [\w-]+,?){{0,4}}? {_MADE}(?: (?!of\b)[\w,-]+){{0,3}}? {_WORK}",
        rf"{_HERE} (?:the|your|my) (?:[\w-]+ )?{_WORK}(?= ?[:.!\n*]|$| (?:for|of|to|with|in|you|that|using"
        rf"|which|after|as)\b)",
        rf"{_HERE} (?:my|an?) (?:\w+ )?(?:attempt|try|rewrite|refactoring|take)\b",
        rf"{_HERE} how (?:I|you|we) (?:would|can|could|might) (?:\w+ )?(?:rewrite|refactor|improve|write|clean)",
        r"here (?:you|we) (?:go|are) ?[!:]",
        rf"this is (?:the|an?|my|your) {_REMADE} (?:version|code|rewrite)(?: of (?:the|your) (?:original"
        rf"|given|module|script|{_PAGE})|[.:]|$)",
        rf"(?:this is|the following is) (?:my|your) {_REMADE}",
        rf"I(?: have|{_A}ve|{_A}ll| will|{_A}d| would| can| am going to| tried to)?(?: now| also| carefully)?"
        rf" {_CHANGED}{_OBJECT}",
        rf"I(?: have|{_A}ve)? (?:added|removed) (?:the |all |some |any )?{_OF_PAGE}",
        rf"we(?: have|{_A}ve|{_A}ll| will)(?: now| also)? {_REMADE} (?:the|your|this) (?:\w+ )?{_PAGE}",
        rf"(?:I{_A}d|I would|I{_A}ll|I will|I am|I{_A}m|I can)(?: be)?(?: (?:happy|glad|going))?(?: to)?"
        r" (?:help|assist)(?: (?:you|with)|[.!,])",
        rf"as an? [\w -]{{3,40}}, I(?: have|{_A}ve| will| would)? {_CHANGED}{_OBJECT}",
        r"(?:happy|glad) to (?:help|assist|rewrite)\b",
        r"(?:thank(?:s| you) )?for (?:sharing|providing|the question|your (?:question|page|code|message"
        r"|patience))",
        rf"(?:that{_A}s an? |what an? )?(?:great|good|excellent|interesting) question[!.]",
        r"as (?:you )?(?:requested|asked)[,:]",
        rf"based on (?:the|your) (?:(?:provided|given) )?(?:{_PAGE}|information)"
        r"(?: (?:you )?(?:provided|shared|given|above))?[,:]",
        rf"the (?:\w+ )?{_PAGE} (?:that )?you (?:provided|shared|sent|posted|gave|pasted|submitted)",
        rf"to (?:rewrite|refactor|improve|clean up) (?:the|this|your) (?:\w+ )?{_WORK}",
        r"(?:the|this) user (?:wants|asks|is asking|asked|has asked|requests|requested) (?:me|us|for (?:an?"
        r"|the)|to (?:rewrite"
        rf"|clean|refactor)|(?:an?|the|this) (?:\w+ ){{0,2}}?(?:{_WORK}|{_PAGE}\b))",
        rf"(?:the|this) user (?:has )?(?:provided|given|gave|shared|sent) (?:me |us )?(?:an?|the|this"
        rf"|some) (?:\w+ ){{0,2}}?{_PAGE}",
        r"(?:we|I) (?:need|should|have|must|want|are asked|am asked) to (?:rewrite|refactor|clean up"
        r"|respond|output (?:the|a)"
        r"|produce (?:the|a)) (?!fraction|number|equation|expression|sum|as)",
        r"let me (?:rewrite|start|analy[sz]e|break|clean|refactor|see if|look at|carefully|help|identify"
        r"|work through"
        r"|go through|read|parse|extract|figure|think(?: about| step| through| this|[.,:]))",
        rf"let{_A}s (?:(?:rewrite|refactor|clean up|analy[sz]e|read|parse) (?:this|the) {_PAGE}|(?:break"
        rf"|walk|work|go) "
        r"(?:this|it|through this)(?: \w+)? (?:down|step))",
        rf"(?:{_REMADE}|step-by-step) (?:study )?(?:code|version|page|text|file|solution|rewrite|material) ?"
        r"(?::|\*\*:?|$)",
        r"\[?note:? (?:that )?the (?:\w+ )?(?:figure|image|picture|diagram|page|text|photo"
        r"|attachment) (?:is|was|are)"
        r" (?:missing|not (?:shown|provided|included|available)|incomplete|cut off|unavailable)",
    ),
)
AGREED = _any(
    r"\A[\s#*>/_(\[-]*",
    (
        r"(?:sure(?: thing)?|certainly|absolutely|of course|no problem|got it|understood) ?!",
        rf"{_YES} ?[.,:!]*[ \t]*$(?=\s*\S)",
        rf"{_YES} ?[,.!:-]+ (?:so )?(?:here{_A}s|here is|here are|let me|below is|below are|I{_A}ll|the user)\b",
        rf"{_YES} ?[,.!:-]+ (?:so )?let{_A}s (?:rewrite|solve|break|go|walk|start|take|look|work|see|begin"
        rf"|clean|tackle|get (?:started|going|to it)|dive)\b",
        rf"{_YES} ?[,.!:-]+ I (?:can|will|would be) (?:help|assist|rewrite|provide|explain|solve|glad|happy"
        rf"|walk|refactor)\b",
    ),
)
CLOSING = _any(
    r"(?<![\"“'‘«])\b",
    (
        r"(?:I )?hope (?:this|that|it|these) (?:\w+ )?(?:helps|is helpful|is useful|is clear|clarifies"
        r"|explanation|meets)",
        r"(?:please )?let me know (?:if|whether|should) (?:you|there|this|that|anything|any|I|it|something"
        r"|further)\b",
        r"let me know (?:what you think|how (?:I|it|this|else))\b",
        r"feel free to (?:ask|reach out|contact|let me|modify|adjust|adapt|use|customi[sz]e|message|share"
        r"|leave|try (?:an?|another|more|it|similar)|explore|experiment|practi[cs]e)\b",
        r"is there anything else (?:I|you|that)\b",
        r"(?:would you like|do you want|do you need) me to\b",
        r"if you (?:have|need|want|would like|require) (?:any |some |me )?(?:further|more help|other|additional"
        r"|questions|help (?:with|under)|to (?:add|change|make)|another|clarification|assistance)\b",
        rf"(?:please )?note:? (?:that )?I(?: have|{_A}ve| had)? ?(?:\w+ly )?(?:did|made|{_CHANGED}|changed"
        rf"|kept|assumed)\b",
        rf"note:? (?:that )?(?:the|this) (?:original |rewritten |provided )?(?:{_PAGE}|poster|source|rewrite)"
        rf"(?:{_A}s)? (?:\w+ )?(?:had|has|contained|contains|omits|keeps)\b",
        r"happy (?:coding|learning|studying|programming|calculating)\b",
        r"^\W*enjoy(?: \w+)?!",
        rf"(?:this|the) {_REMADE} (?:code|version|page|text|file|program) (?:is|has|now|should"
        rf"|uses|follows"
        r"|includes|keeps|adheres|provides|removes|maintains|preserves|meets|addresses)\b",
        r"this (?:solution|page|text|version|rewrite|code|script) (?:has been|was) (?:re-?written|revised|cleaned"
        r"|reformatted|rephrased|refactored|restructured|improved|edited|tidied)",
        rf"I(?: have|{_A}ve) (?:also |now )?{_CHANGED}(?: [\w-]+){{0,4}}? (?:{_WORK}|{_OF_PAGE})",
        rf"I (?:also |then )?(?:removed|rewrote|cleaned up|corrected|reformatted) (?:all |the |any "
        rf"|some ){{1,2}}{_OF_PAGE}",
    ),
    _LAST,
)
CHANGES = re.compile(
    r"^[ \t#*_>]*(?P<said>(?:key|main|major|notable|summary of(?: the)?|list of(?: the)?|explanation of(?: the)?)"
    r" (?:changes|improvements|modifications|enhancements)(?: (?:made|include|are))?"
    r"|(?:changes|improvements|modifications|enhancements) (?:made|I made|include)"
    r"|(?:improvements|enhancements)(?=:))[ \t*_]*:?[ \t*_]*$",
    re.I | re.M,
)
