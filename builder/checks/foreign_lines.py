"""Lines of the source that an answer has kept and that have nothing to do with the rest of it.

A rewrite is sentences and formulas. A line that stands in the source as it is, is neither, and shares no word
and no number with the rest of the answer was not written but left over, whatever site it is of. What it says is
weighed too, for no sign is decisive: a problem's title and "Round to the nearest cent." are left over as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from builder.checks.ordinary_words import FUNCTION, TAUGHT
from builder.checks.page_source import LONGEST, WHOLE, Source, bare, is_title, stems
from builder.checks.page_words import STRONG, WEAK

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_MATHS = re.compile(
    r"[=+×÷√∑∫^<≤≥≠≈→∞∈\\°π{}]|\$[^$\d]*\$|(?<![\w/-])\d[\d.,]*(?:\s*[·*/]\s*| [-:] )\d(?![\w/-]*[/-])"
    r"|\b[a-zA-Z]\(\w\)"
)
_ADDRESS = re.compile(r"(?:https?:|www\.)\S+|\b\d{1,2}:\d\d\b|\d/\d\b|24/7")
_BULLET = re.compile(r"[-*•+] ")
_OPTION = re.compile(r"\(?(?:[A-Za-z]|\d{1,3}|[ivxIVX]{1,4})[.)] |\|")
_LEADS = re.compile(r"(?i)\b(?:these|this|following|below)\b")
_DATUM = re.compile(r"[$€£]\d.*|[^:]{1,40}: ?[$€£]?\d[\d.,]*(?: ?%| [\w/²³]{1,12})?\W*")
_SITES = re.compile(
    r"(?i)[|·•»›©®™★☆▲▼►✓✔♥👍💬🔍]|https?:|www\.|\w@\w|\b[a-z][\w-]{2,}\.[a-z]{2,}\b|\b\d{1,2}:\d\d(?: ?[ap]m)?\b"
    r"|\b(?:19|20)\d\d\b|\bago\b|\b\w+_\w+\b|\b[a-z]{3,}\d{1,}\b|[@#][a-z]|\b[a-z]{18,}\b"
    r"|\b(?-i:[A-Z]?[a-z]+[A-Z][a-z])|\bfree\b|\b\d{3}[-.]\d{4}\b|\b(?:our|us|we['’]re|we['’]ll)\b"
    r"|[$€£]\d+(?:\.\d\d)?(?:/| per | a )(?:mo|month|year|week)|\d+ ?% off"
)
_ORDER = re.compile(
    r"(?i)\W*(?:enter|select|turn on|turn off|report|refer|change|request|view|get|start|try|buy|visit|contact"
    r"|download|join|sign|log"
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
_TALK = re.compile(
    r"(?i)(?<![\w-])(?:i|i['’]\w+|my|me|you|your|u|im|ive|thx|thanks|tysm|lol|hi|hello|pls|please)(?![\w-])"
)
_GOES_ON = re.compile(
    r"(?i)\b(?:is|are|was|were|be|that|as|by|of|with|for|from|to|and|or|the|an?|than|if|when|has|have"
    r"|costs?|charges?)\Z"
)
_DOMAIN = re.compile(r"(?i)(?<![\w.])[a-z][\w-]{2,}\.(?:com|org|net|edu|io|in|info|co\.uk)(?!\w)")
_LABEL = re.compile(r"[A-Z]\w+(?: \w+)?: ?[^\W\d]")
_TOLD = re.compile(
    r"(?i)\W*(?:simplify|evaluate|find|show|prove|round|justify|give|write|explain|express|draw|sketch|state"
    r"|list|tip|fact|remember|recall|warning|caution|goal|key"
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
    qed alternative approach intuition interpretation setup background motivation overview summary conclusion idea
    insight strategy plan reasoning explanation justification verification cases notation wanted base step
    """.split()  # noqa: SIM905 - as above
)
_ENDS = {".": -0.5, ":": -1.0, "?": -1.0, ",": -1.5, ";": -1.0}
_OTHER_SCRIPTS = re.compile(r"[\u0400-\u1fff\u3040-\uffdc]")
_ENOUGH = 4.5
_NEAR = 0.5  # weight of a line beside one in the source that is its frame's
_LAST = 0.5
_MOST_LONGER = 2.5  # times a line's length, of the line of the source that it is a part of
_MOST_OF_SOURCE = 5.5  # weight that a line can get from where the source has it
_LONGEST_BLOCK = 30  # lines


@dataclass(frozen=True, slots=True)
class _Answer:
    """Lines of an answer, which of them are the first, the last and the final answer, and how many have a stem."""

    lines: Sequence[str]
    first: int
    last: int
    final: int
    owners: Counter[str]

    @classmethod
    def read(cls, answer: str) -> _Answer:
        lines = [line.strip() for line in answer.splitlines()]
        said = [number for number, line in enumerate(lines) if line]
        finals = [number for number in said if lines[number].startswith("####")]
        owners = Counter(stem for line in lines for stem in stems(line))
        return cls(lines, said[0] if said else 0, said[-1] if said else 0, max(finals, default=len(lines)), owners)


def foreign_lines(answer: str, source: Source) -> list[str]:
    """Return the lines of an answer, without its code, that are its source's and none of its own."""
    read = _Answer.read(answer)
    found = [number for number in range(len(read.lines)) if _is_foreign(read, number, source)]
    return [read.lines[number] for number in found if not _is_in_own_list(read.lines, number, found)]


def _is_foreign(answer: _Answer, number: int, source: Source) -> bool:
    """Weigh a line: what it is by itself, and where it stands in the answer and in the source."""
    line = answer.lines[number]
    if not line or len(line) > LONGEST or line.startswith("####") or _is_foreign_form(line):
        return False
    weight = _alone(line, answer.owners) + _form(line) + _words(line) + _in_answer(answer, number)
    if weight + _MOST_OF_SOURCE < _ENOUGH:
        return False
    place = source.place(line)
    if place is None:
        return False
    weight += place[1]
    is_most = _MOST_LONGER * len(bare(line)) >= len(bare(source.all[place[0]]))
    near = source.context(place[0], answer.owners) if is_most else 0.0
    if (not near or is_title(line)) and _is_taught(line):
        return False
    weight += _NEAR * near + _marked(line, near)
    if is_most and not is_title(line):
        weight += source.is_furniture(place[0]) + _LAST * (place[1] == WHOLE and source.is_last(place[0]))
    return weight >= _ENOUGH


def _in_answer(answer: _Answer, number: int) -> float:
    """Weigh where a line stands: at an end, behind the final answer, in rows, below what leads to it."""
    lines, line = answer.lines, answer.lines[number]
    found = _first(lines, number) if number == answer.first else 1.0 if number == answer.last else 0.5
    found -= 1.5 * (_is_introduced(lines, number) + _is_in_rows(lines, number))
    found -= 1.5 * (is_title(line) and _has_own_section(lines, number))
    if number > answer.final:
        found += 1.5 if line.endswith(".") else 3.0
    return found


def _is_in_own_list(lines: Sequence[str], number: int, found: Sequence[int]) -> bool:
    """Whether a line is an item of a list of which no more than half is found."""
    begin = end = number
    while begin and _BULLET.match(lines[begin - 1]):
        begin -= 1
    while end + 1 < len(lines) and _BULLET.match(lines[end + 1]):
        end += 1
    return (
        _BULLET.match(lines[number]) is not None
        and 2 * sum(begin <= one <= end for one in found) <= end + 1 - begin
    )


def _has_own_section(lines: Sequence[str], number: int) -> bool:
    """Whether something stands below a title, before the next."""
    below = next((line for line in islice(lines, number + 1, None) if line), "")
    return bool(below) and not is_title(below) and not below.startswith("**")


def _first(lines: Sequence[str], number: int) -> float:
    """Weigh a first line: a text's own is its title or its first sentence, and no line above the first title."""
    below = next((line for line in islice(lines, number + 1, None) if line), "")
    return 0.5 if below.startswith(("**", "#")) and not is_title(lines[number]) else -0.5


def _is_foreign_form(line: str) -> bool:
    """Whether a line has no words, or those of a script that is not known, or the mark of an option."""
    return not _WORD.search(line) or _OTHER_SCRIPTS.search(line) is not None or _OPTION.match(line) is not None


def _is_taught(line: str) -> bool:
    """Whether a line has the words of every lesson alone."""
    words = [word.lower().removesuffix("s") for word in _WORD.findall(line)]
    return all(word in TAUGHT or word in FUNCTION or f"{word}s" in FUNCTION or len(word) < 2 for word in words)


def _is_introduced(lines: Sequence[str], number: int) -> bool:
    """Whether what is above a line's block leads to it: `Which of these is a prime?`, `The prices:`."""
    highest = max(0, number - _LONGEST_BLOCK)
    begin = number
    while begin > highest and lines[begin - 1] and not is_title(lines[begin - 1]):
        begin -= 1
    above = next((line for line in reversed(lines[:begin]) if line), "")
    is_of_title = _BULLET.match(lines[number]) is not None and is_title(above)
    return is_of_title or above.endswith(":") or _LEADS.search(above) is not None


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
    own = stems(line)
    shared = sum(owners[stem] > 1 for stem in own)
    return -1.5 * shared / len(own) if shared else 1.0


def _form(line: str) -> float:
    """Weigh how a line is written: like neither a sentence nor a formula nor a title."""
    said = line.strip("*_# ")
    found = 1.75 if said.endswith(("...", "…", "??")) else _ENDS.get(said[-1:], 1.0)
    if not re.search(r"[\d=]", said):
        found += 0.75 * (_TALK.search(said) is not None) + (_DOMAIN.search(said) is not None)
    found += 0.5 * said.endswith("!") + (_SITES.search(said) is not None)
    if not said.endswith((".", ":", "?", ",")) and _DATUM.fullmatch(said) is None:
        found += 0.75 * any(one.match(said) for one in (_ORDER, _DONE, _HERE, _LABEL))
    found -= 2.5 * (_MATHS.search(_ADDRESS.sub("", said)) is not None) + (_DATUM.fullmatch(said) is not None)
    return float(found - 1.5 * (_GOES_ON.search(said) is not None))


def _marked(line: str, near: float) -> float:
    """Weigh that a line is a title, an item or has words in bold, which in the midst of a frame says little."""
    if is_title(line):
        return -1.0 if near > 1 else -2.5
    return -1.0 if line.strip("*_# ") != line and near <= 1 else 0.0


def _words(line: str) -> float:
    """Weigh a line's words: pages' and others'."""
    words = [word.lower() for word in _WORD.findall(line)]
    webs = [word for word in words if word in _WEB or (len(word) > _STEM and word[:_STEM] in _WEB_STEMS)]
    strong = sum(word in STRONG and word != "tutors" for word in words)
    others = [word for word in words if word not in webs and word not in FUNCTION]
    taught = sum(word in TAUGHT or word in _OF_LESSONS or bool(_MATHEMATICAL.match(word)) for word in others)
    weight = 0.5 * (len(webs) + strong)
    found = min(2.0, weight) + bool(webs and not others) - 2.0 * taught / max(1, len(words))
    return float(found - (max(0.0, 1.5 - weight) if _TOLD.match(line) else 0.0))
