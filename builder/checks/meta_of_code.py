"""What models say in comments and docstrings of the edit that they made, in few words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from builder.checks.meta_words import BETTER, BOTH, CRAFT, ED, MADE, THING, Rule, part, whole

CODE: Sequence[Rule] = (
    *BOTH,
    whole(
        rf"\[{ED}\].*|(?-i:(?:NEW|CHANGED|ADDED|FIXED|IMPROVED|REFACTORED|MODIFIED|UPDATED"
        rf"|REMOVED)(?: ?[:!–-] .*)?)"
    ),
    whole(r"no (?:further )?changes?(?: (?:is|are|was|were))?(?: needed| required| made| necessary| here)*"),
    whole(
        rf"(?:{ED}|better|cleaner|consistent|more consistent) (?:the )?(?:[a-z]+ )?{CRAFT}(?: (?:and"
        rf"|,) (?:\w+ )?{CRAFT})*"
    ),
    whole(
        rf"(?:(?:unused|redundant|unnecessary|old|missing|all) )?{CRAFT} (?:(?:was|were|is|are"
        rf"|has been|have been) )?(?:now )?{ED}"
    ),
    whole(
        rf"(?:now )?(?:(?:more|less) {BETTER}|cleaner|clearer|optimi[sz]ed|refactored"
        rf"|pythonic)(?:,? (?:and|&)? ?(?:more )?\w+)?"
    ),
    whole(
        rf"[\w() .]{{1,30}} ?(?:->|→|=>) ?(?:an? |the )?(?:{CRAFT}|generator(?: expression)?"
        rf"|comprehension|with(?: block)?|pathlib"
        r"|enumerate(?:\(\))?|sum\(\)|dataclass|constants?|helper)"
    ),
    whole(rf"(?:the )?(?:{MADE}|new|old|final|original|previous) {THING}"),
    part(
        r"^(?:an? |the )?(?:refactored|rewritten|cleaned[- ]up|revised|moderni[sz]ed|more readable"
        r"|cleaner|more pythonic)"
        r" (?:version|rewrite|take|rework) (?:of|on) (?:the|this|your|an?)\b"
    ),
    part(rf"^{MADE} (?:module|script|program|implementation|code)\b"),
    part(r"\b(?:score|rating|grade)\b[^:=\n]{0,30}[:=] ?\d+(?:\.\d+)? ?(?:/|out of) ?(?:10|100|5)\b", "score"),
    part(
        r"^(?:evaluation|assessment|critique|feedback|suggestions?|rationale for (?:the )?changes?) ?:",
        "suggestion",
    ),
    part(
        r"\b(?:follow\w*|adher\w+ to|conform\w* to|compl\w+ with|in line with|according to"
        r"|per) (?:the )?(?:google|pep ?8|pep ?257"
        r"|numpy)\b(?:['’]s)?(?: python)? ?(?:style|docstring|convention|guide)?",
        "pep",
    ),
    part(
        r"\b(?:the|this) source (?:had|has|did|lacked|lacks|used|uses)\b|\b(?:as|than|like) in the source\b",
        "source",
    ),
    part(
        r"\bthe original (?:code|author|implementation|script|snippet|program|logic"
        r"|version) (?!kept\b)(?:had|has|did|does|was|were"
        r"|uses?|lacks?|contains?|\w{2,}ed)\b",
        "original",
    ),
    part(
        r"\b(?:was|were|did|had|used|called|loops?)\b.{0,30}\bin the original(?= code| script"
        r"| program| version|[,.;)]| but| and| by| sum|\W*\Z)"
        r"|\b(?:replac|remov|renam|dropp)\w+ .{0,40}\b(?:from|of|in) the original\b"
        r"|\b(?:variables?|loops?|names?|calls?|functions?|imports?) of the original\b"
        r"|\boriginal (?:loops?|calls?|variables?|names?|imports?) (?:was |were |is |are "
        r"|has been |have been )?(?:now )?(?:replaced|removed"
        r"|renamed|gone|dropped)\b",
        "original",
    ),
    part(r"\bin the source, ", "source"),
    part(
        r"\bwhat was an?\b.{0,40}\bis now\b|^previously,? (?:an?|the)\b|\breplac(?:es?|ed) (?:the"
        r"|an?) \w+ (?:that|which) (?:was|were)\b"
        r"|^(?:the )?(?:manual|explicit|nested|old|former|previous) [\w/]+(?: \w+)? (?:has been"
        r"|have been|was|were|is|are) (?:now |here )?"
        r"(?:replaced|removed|inlined|simplified|an? )"
    ),
    part(
        r"^(?:in the original|in the old (?:code|version)|originally|formerly)\b,? (?:an?|the|done"
        r"|written|implemented|called|named|it"
        r"|this|was)\b",
        "original",
    ),
    part(
        r"\b(?:after|during|before) (?:the |this )?refactoring\b|\brefactored (?:from|to|by|for|using|with)\b"
        r"|^(?:step \d+ ?[:.] ?)?refactor \w+",
        "refactor",
    ),
    part(
        r"\bfeel free to (?:rename|change|modify|adjust|extend|remove|edit|adapt|customi[sz]e|tweak)\b",
        "feel free",
    ),
    part(
        r"\b(?:function|code|class|module|method|loop|block|logic|script)s?(?: above| below)? (?:was"
        r"|were|has been|have been|is now)"
        r" (?:rewritten|simplified|reworked|restructured|cleaned|moderni[sz]ed|reimplemented)\b"
    ),
    part(
        r"\b(?:to|for|with|per|of|into) your (?:own |specific |actual |real |particular )?(?:needs?"
        r"|use case|requirements?|setup"
        r"|environment|project|data|path|file|application|logic|code ?base|credentials|values?)\b",
        "your",
    ),
    part(
        r"\byou (?:can|may|could|might) (?:safely |also )?(?:remove|delete|ignore|skip|adjust|change"
        r"|customi[sz]e|modify|adapt|drop)"
        r" (?:this|these|it|the|them)\b|\btodo ?\((?:you|user|your name)\)",
        "you ",
    ),
    part(
        r"\brest of (?:the|this) (?:file|code|module|script|class)\b.{0,20}\b(?:truncated|cut"
        r"|omitted|missing|unchanged|same|left)\b"
        r"|^(?:\.{3}|…) ?(?:continues?|rest|remaining|the rest|other|more)\b"
    ),
    part(r"\buntested (?:after|since|because|rewrite)\b"),
    part(
        r"\b(?:self-contained|documented|structured|modular|readable|typed),? as (?:required"
        r"|requested|asked|specified)\b"
    ),
    part(
        r"\b(?:simplif(?:y|ies)|improves?|cleans up|shortens|tidies) (?:the )?(?:code|readability"
        r"|maintainability)\b",
        "readab",
    ),
    part(
        rf"^better ?: ?use\b|^(?:an?|the) (?:cleaner|better|nicer|safer|more {BETTER}) (?:approach"
        rf"|way|solution|alternative|design)\b",
        "better",
    ),
    part(r"\bwas (?:unnecessary|redundant|superfluous)\b|^no need for .{1,40} any ?more\b"),
    whole(
        r"(?:now )?uses? \S+(?: \S+){0,3} now|(?:code|improved|as is|kept|minor clean-?up|</?code>)"
        r"|left (?:unchanged|as is|alone)(?: \w+)?|result of the (?:rewrite|refactoring)"
    ),
    part(
        r"\bfor production\b(?: use)?,|\bin (?:a |an )?(?:real|production"
        r"|actual)(?:-world)? (?:application|app|code|system|project)\b",
        "production",
    ),
    part(
        r"^(?:consider|optionally,?|you (?:could|may|might)(?: also)?) (?:using|adding|add|use"
        r"|switch\w*|replac\w+|mov(?:e|ing)"
        r"|extract\w*|cache|caching)\b"
    ),
    part(
        r"^(?:public (?:api|interface|names?)|api|interface|signatures?|function names?"
        r"|behaviou?r) (?:is |are |was |were )?(?:preserved"
        r"|kept|retained|unchanged|identical|maintained)\b"
    ),
    part(r"^as (?:mentioned|discussed|explained)\b(?! (?:in|by|at|on)\b)"),
    part(
        r"\b(?:linted|pylint score|(?:re)?formatted with (?:black|ruff))\b|\b(?:llm|ai)[- ]generated\b"
        r"|^model ?: ?(?:llama|gpt|claude|qwen|gemini|mistral)"
    ),
    whole(
        r"(?:the )?(?:code|module|file|script) ends here|that is the whole (?:module|file|code"
        r"|script)|(?:full|complete) code (?:above|below)"
    ),
    part(
        r"^(?:style|naming|readability|type hints|typing|pep ?8) ?:|^(?:good|better|modern"
        r"|consistent|clear|descriptive) (?:naming|typing"
        r"|names|type hints|annotations)\b",
        "naming",
    ),
    part(r"(?-i:\bI)['’]d (?:use|suggest|recommend|prefer|rather)\b"),
    part(
        r"(?-i:\bI) (?:could|can(?:not|['’]t)?|assumed?|believe|guess|don['’]t|didn['’]t|haven['’]t"
        r"|couldn['’]t|made|kept|left"
        r"|suspect|suggest|recommend|think|saw) \w"
    ),
)
EMOJI = re.compile(r"[✅✔☑✓❌🔧✨🚀💡⚡🛠♻📝🐛🔥⭐👉➡]")
CHANGES = re.compile(
    r"^[ \t#]*(?:key |main )?(?:changes|improvements|modifications|enhancements|what changed"
    r"|refactoring notes)(?: made)?:?[ \t]*\n"
    r"(?P<items>(?:[ \t#]*(?:[-*•]|\d{1,2}[.)])[^\n]*\n?)+)",
    re.I | re.M,
)
OF_CRAFT = re.compile(CRAFT, re.I)
