"""Lines of the source that an answer has kept and that have nothing to do with the rest of it.

A rewrite is sentences and formulas. A line that stands in the source as it is, is neither, and shares no word
and no number with the rest of the answer was not written but left over, whatever site it is of. What it says is
weighed too, for no sign is decisive: a problem's title and "Round to the nearest cent." are left over as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from builder.checks.ordinary_words import FUNCTION, TAUGHT
from builder.checks.page_words import STRONG, WEAK

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_MATHS = re.compile(
    r"[=+×÷√∑∫^<≤≥≠≈→∞∈\\°π{}]|\$[^$\d]*\$|(?<![\w/-])\d[\d.,]*(?:\s*[·*/]\s*| [-:] )\d(?![\w/-]*[/-])"
    r"|\b[a-zA-Z]\(\w\)"
)
_ADDRESS = re.compile(r"(?:https?:|www\.)\S+|\b\d{1,2}:\d\d\b|\d/\d\b|24/7")
_BARE = re.compile(r"[^\W_]+")
_BULLET = re.compile(r"[-*•+] ")
_OPTION = re.compile(r"\(?(?:[A-Za-z]|\d{1,3}|[ivxIVX]{1,4})[.)] |\|")
_LEADS = re.compile(r"(?i)\b(?:these|this|following|below)\b")
_DATUM = re.compile(r"[$€£]\d.*|[^:]{1,40}: ?[$€£]?\d[\d.,]*(?: ?%| [\w/²³]{1,12})?\W*")
_SITES = re.compile(
    r"(?i)[|·•»›©®™★☆▲▼►✓✔♥👍💬🔍]|https?:|www\.|\w@\w|\b[a-z][\w-]{2,}\.[a-z]{2,}\b|\b\d{1,2}:\d\d(?: ?[ap]m)?\b"
    r"|\b(?:19|20)\d\d\b|\bago\b|\b\w+_\w+\b|\b[a-z]{3,}\d{1,}\b|[@#][a-z]|\b[a-z]{18,}\b"
    r"|\b(?-i:[A-Z]?[a-z]+[A-Z][a-z])|\bfree\b|\b(?:our|us|we['’]re|we['’]ll)\b"
    r"|[$€£]\d+(?:\.\d\d)?(?:/| per | a )(?:mo|month|year|week)|\d+ ?% off"
)
_ORDER = re.compile(
    r"(?i)\W*(?:turn on|turn off|report|refer|change|request|view|get|start|try|buy|visit|contact|download"
    r"|join|sign|log"
    r"|open|go to|click|tap|watch|listen|submit|send|upload|save|share|print|rate|vote|follow|subscribe"
    r"|browse|explore"
    r"|discover|see|read|leave|post|ask|become|learn|manage|accept|skip|jump|toggle|enable|disable|update"
    r"|scan|unlock"
    r"|upgrade|cancel|continue|show|hide|load|flag|mark|pin|tweet|embed|cite|copy|translate|notify|claim"
    r"|redeem|grade"
    r"|zoom|restart|reveal|shop|call|apply|donate|support|help us|please|don['’]t|never|back|return|clear"
    r"|reset|retry"
    r"|log(?:ged)?|stay|keep|meet|take|move|quick|featured|popular|topic|all|more|no|your|our|my)\b"
)
_DONE = re.compile(r"(?i)\W*(?:[\w.-]+ ){0,2}\w{3,}ed (?:by|from|on|at|in|with|via|to|as|for)\b")
_HERE = re.compile(
    r"(?i)\W*(?:this|the) (?:is|site|page|post|thread|topic|article|video|content|question|link|file|user"
    r"|forum|blog)\b"
    r"|.*\b(?:this|us|me|now|here|today|free|online|below|above)\W*\Z"
)
_LABEL = re.compile(r"[A-Z]\w+(?: \w+)?: ?[^\W\d]")
_TOLD = re.compile(
    r"(?i)\W*(?:simplify|evaluate|find|show|prove|round|justify|give|write|explain|express|draw|sketch|state"
    r"|list"
    r"|determine|solve|name|use|assume|let|note|hint|do not|don['’]t|choose|circle|fill|complete|match"
    r"|estimate|label"
    r"|plot|graph|compare|order|arrange|factor|expand|differentiate|integrate|calculate|compute|given|where"
    r"|proof|qed"
    r"|q\.e\.d|hence|therefore|thus|so|since|because|by|case|step|part|answer|solution|problem|question|example"
    r"|exercise|task|claim|theorem|lemma|definition|remark|check|true|false|yes|no|none|all|always|never"
    r"|sometimes)\b"
)
_MATHEMATICAL = re.compile(
    r"(?i)(?:tri|rect|quadr)?angl|circl|graph|deriv|integr|limit|serie|matri|vector|induct|contradict"
    r"|symmetr|polynom"
    r"|algebra|geometr|trigon|calculus|probab|statist|logarit|exponent|inequal|fract|decimal|ratio|proport"
    r"|percent"
    r"|theorem|lemma|axiom|area|volume|perimet|radius|diamet|paralle|perpendic|slope|interc|coordin|function"
    r"|sequen"
    r"|prime|divis|multipl|factor|remaind|modul|permut|combin|average|median|mode\b|mean|varian|deviat"
    r"|distrib|sampl"
    r"|hypoth|congru|similar|polygon|cube|spher|cylind|cone|pyram|prism|digit|integer|number|equat|formul"
    r"|variabl"
    r"|constant|coeffic|linear|quadrat|cubic|root|square|speed|veloc|accel|force|mass|energy|rectangle"
    r"|converg|contin"
    r"|domain|range|maxim|minim|odd|even|positiv|negativ|infin|binom|pythag|euclid|euler|gauss|fermat|newton"
    r"|cauchy"
)
_OF_SITES = frozenset(
    """
    available scan watch play transcript enter type submit size contrast translate translation printer library
    playlist copied notice sell personal information anytime unlock learning today trusted million seen tv
    love made similar filed homework keywords newsgroups regards typo spoiler img image picture signature
    gender country level banned verified explore concepts paper suggest corrections asked answered network
    wait session expired disabled webmaster feedback mission fan discussion mods bump nvm lol shipping isbn
    lesson remaining hint instructor student teacher resources my your you yours me we us our human robot
    characters choice choices found useful wrote said provided downloaded visited hello hi hey thanks thank
    please bless luck cheers pls plz anyone somebody asap stuck posted credit credits photo photos
    illustration figure caption courtesy shutterstock getty staff team editor question questions answer
    answers solution solutions check try quiz test rank rated scored timer deutsch español français italiano
    português ncert cbse maths math mathematics algebra class classes grades exam exams pt pts pdf ebook
    article chapter unit week active correct incorrect expert option marked required optional add name write
    error note go score time mod moved locked contributor left looking solver pluggable apprentice beginner
    marks ok bye thx text explanation conditions gift cards review reviews thumbs member members sr jr hero
    karma gdpr story searches fig zoom hosted build full screen complete file size doubt same caption also
    around request correction difficulty easy medium hard updated ur welcome mon-fri 9am 5pm closes journal
    issue doi abstract pp vol edition publisher publishing isbn paperback price sale discount coupon code
    """.split()  # noqa: SIM905 - one word a line would be 100 lines
)
"""Further words of pages, common elsewhere, too."""
_WEB = STRONG | WEAK | _OF_SITES
_STEM = 6
_WEB_STEMS = {word[:_STEM] for word in _WEB if len(word) >= _STEM}
_OF_LESSONS = frozenset(
    """
    alternative approach intuition interpretation setup background motivation overview summary conclusion idea
    insight strategy plan reasoning explanation justification verification cases notation wanted base step
    """.split()  # noqa: SIM905 - as above
)
_ENDS = {".": -0.5, ":": -1.0, "?": -1.0, ",": -1.5, ";": -1.0}
_OTHER_SCRIPTS = re.compile(r"[\u0400-\u1fff\u3040-\uffdc]")
_ENOUGH = 4.5
_LONGEST = 200
_MOST_NEW = 0.4  # of the stems of a line that is the source's in other words
_LONGEST_BLOCK = 30  # lines


def foreign_lines(answer: str, source: str) -> list[str]:
    """Return the lines of an answer, without its code, that are its source's and none of its own."""
    kept = {_bare(line) for line in source.splitlines()}
    whole, stems = f" {_bare(source)} ", _stems(source)
    lines = [line.strip() for line in answer.splitlines()]
    said = [number for number, line in enumerate(lines) if line and not line.startswith("####")]
    owners = Counter(stem for line in lines for stem in _stems(line))
    found = []
    for number in said:
        line = lines[number]
        bare = _bare(line)
        if len(line) > _LONGEST or not _can_be_foreign(line):
            continue
        is_whole = f" {bare} " in whole
        if not is_whole and _new(line, stems) > _MOST_NEW:
            continue
        weight = -0.5 if number == said[0] else 1.0 if number == said[-1] else 0.5
        weight -= _is_introduced(lines, number) + 1.5 * _is_in_rows(lines, number)
        weight += 2.0 if bare in kept else 1.5 if is_whole else 0.75
        if weight + _alone(line, owners) + _form(line) + _words(line) >= _ENOUGH:
            found.append(line)
    return found


def _bare(text: str) -> str:
    """Return words and numbers alone, in lower case."""
    return " ".join(_BARE.findall(text.lower()))


def _stems(line: str) -> set[str]:
    """Return a line's numbers of two digits or more, and the beginnings of its words but those of any text."""
    words = {word.lower() for word in _WORD.findall(line)}
    numbers = {number for number in _NUMBER.findall(line) if len(number) > 1}
    return {word[:5] for word in words - FUNCTION - TAUGHT if len(word) > 2} | numbers


def _new(line: str, source: set[str]) -> float:
    """Return the share of a line's stems that the source has not."""
    stems = _stems(line)
    return len(stems - source) / len(stems) if stems else 1.0


def _can_be_foreign(line: str) -> bool:
    """Whether a line has words but those of every lesson, of a script that is known, and no mark of an option."""
    words = [word.lower() for word in _WORD.findall(line)]
    is_taught = all(word in TAUGHT or word in FUNCTION or len(word) == 1 for word in words)
    return not is_taught and not _OTHER_SCRIPTS.search(line) and not _OPTION.match(line)


def _is_introduced(lines: Sequence[str], number: int) -> bool:
    """Whether what is above a line's block leads to it: `Which of these is a prime?`, `The prices:`."""
    highest = max(0, number - _LONGEST_BLOCK)
    while number > highest and lines[number - 1]:
        number -= 1
    above = next((line for line in reversed(lines[:number]) if line), "")
    return above.endswith(":") or _LEADS.search(above) is not None


def _is_in_rows(lines: Sequence[str], number: int) -> bool:
    """Whether a line with numbers stands beside one of the same form, as data do."""
    shape = _shape(lines[number])
    return "0" in shape and shape in (
        _shape(line) for line in (*lines[max(0, number - 1) : number], *lines[number + 1 : number + 2])
    )


def _shape(line: str) -> str:
    return _WORD.sub("w", _NUMBER.sub("0", line))


def _alone(line: str, owners: Counter[str]) -> float:
    """Weigh how little a line shares with the others."""
    stems = _stems(line)
    shared = sum(owners[stem] > 1 for stem in stems)
    return -1.5 * shared / len(stems) if shared else 1.0


def _form(line: str) -> float:
    """Weigh how a line is written: like neither a sentence nor a formula nor a title."""
    said = line.strip("*_# ")
    found = 1.0 if said.endswith(("...", "…", "??")) else _ENDS.get(said[-1:], 1.0)
    found += 0.5 * said.endswith("!") + (_SITES.search(said) is not None)
    if not said.endswith((".", ":", "?", ",")) and _DATUM.fullmatch(said) is None:
        found += 0.75 * any(one.match(said) for one in (_ORDER, _DONE, _HERE, _LABEL))
    found -= 2.5 * (_MATHS.search(_ADDRESS.sub("", said)) is not None) + (_DATUM.fullmatch(said) is not None)
    found -= 1.0 if _BULLET.match(line) else 2.5 if said != line else 0.0
    return float(found)


def _words(line: str) -> float:
    """Weigh a line's words: pages' and others'."""
    words = [word.lower() for word in _WORD.findall(line)]
    webs = [word for word in words if word in _WEB or (len(word) > _STEM and word[:_STEM] in _WEB_STEMS)]
    strong = sum(word in STRONG and word != "tutors" for word in words)
    others = [word for word in words if word not in webs and word not in FUNCTION]
    taught = sum(word in TAUGHT or word in _OF_LESSONS or bool(_MATHEMATICAL.match(word)) for word in others)
    weight = 0.5 * (len(webs) + strong)
    found = min(2.0, weight) + bool(webs and not others) - 2.0 * taught / len(words)
    return float(found - (max(0.0, 1.5 - weight) if _TOLD.match(line) else 0.0))
