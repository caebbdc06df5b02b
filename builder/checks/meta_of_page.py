"""What models say in a page of its rewriting, of its source and of its form, in few words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from builder.checks.meta_words import BOTH, MADE, Rule, part, whole

EDIT_ITEM = re.compile(
    r"^[ \t]*(?:[-*•]|\d{1,2}[.)]) +(?:clarified|added|removed|fixed|corrected|improved|simplified"
    r"|explained|reordered|rewrote"
    r"|shortened|standardi[sz]ed|converted|reformatted|better|clear(?:er)?|consistent|kept|reworded"
    r"|cleaned up)\b[^\d$=\n]{0,60}"
    r"\b(?:questions?|steps?|explanations?|talk|menus?|ads|notation|structure|wording|formulas?"
    r"|formatting|typos?|text|units"
    r"|language|grammar|layout|order|latex|sentences|headings?)\b[^\d$=\n]*$",
    re.I | re.M,
)
"""An item of a list of what was done to a page."""
_SHOWN = r"(?:figure|diagram|image|graph|picture|photo|illustration|drawing)"
PAGE: Sequence[Rule] = (
    *BOTH,
    whole(
        rf"(?:final|{MADE}|new) (?:text|page|draft|material|content|output|answer text|lesson)"
        rf"|study (?:material|guide|notes?)"
        r"|response|revised|rewritten|output|result text"
    ),
    whole(
        r"(?:the )?(?:final )?answer (?:follows|below|above)|finished|rewritten by ?: ?.*"
        r"|(?:that ?['’]s|this is) my (?:final )?answer"
    ),
    whole(
        r".*\[(?:illegible|unclear|sic|missing|unreadable|garbled|cut off|truncated|omitted"
        r"|[\w ]{1,30} (?:missing|lost|omitted|illegible)"
        r"(?: (?:in|from|on) (?:the )?\w+)?)\].*"
    ),
    part(
        r"\byou can (?:now )?use (?:this|it|these|them) (?:for|in|with) (?:your|a|an) (?:class"
        r"|students?|study|lesson|exam|notes)\b"
        r"|\bcan be used for (?:study|studying|teaching|class|self-study)\b"
    ),
    part(
        r"\bno (?:facts?|information|content|numbers?|details?|values?) (?:was|were|has been"
        r"|have been) (?:added|lost|changed|removed|altered)\b"
        r"|\bmathematical content\b|\bnot mathemati(?:cs|cal) (?:is|was|has been|were)\b"
        r"|\bwas mathematical\b"
    ),
    part(
        r"(?-i:\bI) (?:identify|removed|kept|chose|added|present|rewrote|omitted|corrected|noticed"
        r"|reformatted|cleaned|restored|inferred)\b"
        r"(?![^.]*\d)"
    ),
    part(
        r"^(?:oops|wait|hmm|correction)\b ?[,:.—–-]|\bhope you (?:liked?|enjoyed?)\b"
        r"|\bjust (?:say so|say the word|ask|tell me)\b"
        r"|\bfinal answer I\b"
    ),
    part(
        r"^below (?:is|are) (?:the|an?|my|your) (?:\w+ )?(?:problem|exercise|solution|explanation"
        r"|lesson|material|text|answer|page|rewrite)"
    ),
    part(
        r"^let me (?:re(?:state|phrase|write|do|think|check|compute|calculate)|explain|show|walk"
        r"|start|begin|break|first|now|summar"
        r"|put|give|work|think(?! of)|check|verify|double)\b",
        "let me",
    ),
    part(
        rf"\(?\b{_SHOWN}s? (?:omitted|removed|not (?:shown|available|included|provided|given|reproduced))\b"
        rf"|\b(?:since|as|because) no {_SHOWN} (?:is|was|has been) (?:given|shown|provided"
        rf"|available|included)\b"
    ),
    part(
        r"\blatex (?:was|is|has been|were) (?:used|added|applied)\b"
        r"|\b(?:formulas?|equations?|expressions?|notation|math\w*) (?:\w+ ){0,2}(?:in|with|using"
        r"|into|to) latex\b",
        "latex",
    ),
    part(
        r"\b(?:required|requested|specified|desired|expected) (?:output )?format\b"
        r"|\b(?:last|final) line (?:gives|states|contains|shows|has"
        r"|holds) the (?:final )?(?:answer|result)\b"
        r"|\b(?:answer|result) (?:is |was )?(?:given|stated|placed|put|repeated) (?:in|on) (?:the"
        r"|its) (?:last|final|own) line\b"
    ),
    whole(
        r"(?:(?:the )?(?:final )?(?:answer|solution|result) (?:has been |is |was )?(?:verified"
        r"|double-checked|validated))"
    ),
    part(
        r"^(?:what (?:was|is|I) (?:improved|changed|fixed|new|did)|what changed(?= ?:|\W*\Z)"
        r"|improvements? to the (?:text|page|solution)"
        r"|differences? from the (?:original|page|source)|summary of (?:the )?(?:edits|changes"
        r"|improvements)|notes? for the (?:reviewer"
        r"|editor)|editorial (?:changes|notes?)|why this version|edits made|changes made)\b"
    ),
    part(
        r"\b(?:based on|according to|from|in) the (?:given |provided |supplied |original |above )?"
        r"(?:web ?page|web ?site|forum|thread)\b"
        r"|\b(?:based on|according to) the (?:given|provided|supplied|original) (?:page|text|post|content|material"
        r"|discussion)\b"
    ),
    part(r"\baccording to the text\b", "text"),
    part(r"\bfrom the (?:discussion|comments|replies|posts?) above\b"),
    part(r"^as (?:you )?(?:requested|asked|instructed)\b(?! (?:by|in|for|to)\b)"),
    part(
        r"\b(?:answer|solution|explanation|reply|response|reasoning)s? (?:that (?:is|was) )?(?:provided|given"
        r"|posted|offered|suggested|proposed) by (?:the (?:user|tutor|teacher|poster|expert|moderator|responder"
        r"|commenter)\b"
        r"|(?-i:(?:[A-Z][a-z]{0,12}\.? )?[A-Z][a-z]+)).{0,30}\b(?:is|are|was|were) (?:\w+ )?(?:correct|right|wrong"
        r"|incorrect|accurate|valid|sound)\b"
        r"|\bthe (?:tutor|user|poster|reply|commenter|responder|asker|moderator|expert)['’]s (?:answer|solution"
        r"|explanation|reasoning|reply|response)\b.{0,20}\b(?:is|are|was|were)\b"
    ),
    part(
        r"^here(?: is|['’]s) (?:the|my|a) (?:final|complete|full|finished|cleaned|corrected|polished|revised"
        r"|rewritten)(?:[ -]up)? (?:version|text|page|material|output|draft)\b"
    ),
    part(
        r"\[(?:note|nb)\b:? [^\]]*\b(?:picture|figure|image|diagram|graph|page|text|link|original|source|omitted"
        r"|missing|available)\b[^\]]*\]"
    ),
    part(
        r"\bthank(?:s| you) for (?:sharing|asking|posting|providing|submitting|(?:your|the) (?:question|problem"
        r"|page|text|input))\b"
    ),
    part(r"^hopefully\b.{0,40}\b(?:sense|helps?|clear|useful|understand)"),
    part(
        r"\bI (?:think|believe|guess|suppose|would say|am (?:fairly|pretty|quite|not) (?:sure"
        r"|certain|confident))\b(?! of)"
    ),
    part(
        r"\bI (?:cannot|can['’]t|am unable to|am not able to) (?:run|draw|see|access|verify|show"
        r"|display|execute|view|check|render)\b"
    ),
    part(r"\b(?:key|main|notable) (?:improvements|changes|modifications|edits)(?: made)? ?:"),
    part(
        r"\b(?:steps?|formulas?|solution|explanation|text|wording|difficulty|notation|language"
        r"|layout|typesetting|equations?)\b.{0,20}"
        r"\b(?:is|are|was|were|has been|have been) (?:now )?(?:now explained|clarified|reworded"
        r"|formatted|typeset|tidied|standardi[sz]ed"
        r"|polished|adjusted|cleaned)\b|\bare now explained\b|\b(?:difficulty|language|wording"
        r"|level) adjusted (?:for|to)\b"
    ),
    part(r"\bassuming (?:that )?the (?:page|source|text|post|poster|author) (?:means|meant|intended|wants)\b"),
    part(
        r"^(?:source|origin|based on|adapted from) ?:? ?the (?:page|text|post|thread|forum"
        r"|source)(?: above| below| given)?\W*\Z"
    ),
    whole(
        r"<!-- ?[\w ]+ ?-->|\{\{ ?\w+ ?\}\}|</?(?:answer|response|output|solution|final_answer"
        r"|rewritten\w*|text|page)>.*"
        r"|\[(?:insert|add|your|placeholder)\b[^\]]*\]|todo ?: ?.{1,60}"
    ),
)
SAYS = re.compile(
    r"\bthe (?P<page>)(?P<of>source|forum|thread|web ?page|website|page|post)(?:['’]s)?(?: answer"
    r"| solution| text| author| page)?"
    r" (?:gives|says(?!:)|states|asks|means|claims|uses|provides|mentions|writes|does not|doesn['’]t"
    r"|did not|didn['’]t)\b",
    re.I,
)
NOUN = re.compile(
    r"\b(?:(?:the|this|that|one|another) (?P<of>web ?page|thread|forum|post|poster|website|reply"
    r"|replies|source text|rewrite"
    r"|rewritten (?:page|text|version|problem|solution))|the (?P<page>page|original text))\b(?!.*:\Z)",
    re.I,
)
OF_SUBJECT = re.compile(r"[\d$=\\]")
OFFERS: Sequence[Rule] = (
    part(r"^(?:do you want|would you like|want|ready|care|shall we|should we|curious)\b.*\?"),
    part(
        r"\bask (?:me|about|for (?:a|more|hints?|help))\b|\bthanks?(?: you)? for (?:reading|watching"
        r"|your attention|following)\b"
    ),
    part(
        r"^(?:now )?(?:it['’]s|it is) your turn\b|^your turn\b ?[:.!]|\blet['’]s (?:wrap (?:it "
        r"|this |things )?up|call it|move on)\b"
    ),
    part(r"^can you (?:find|think of|see|spot|come up with) (?:another|a different|other|more|a second)\b"),
)
