"""Lines of the source that an answer has kept and that have nothing to do with the rest of it.

A rewrite is sentences and formulas. A line that stands in the source as it is, is neither, and shares no word and
no number with the rest of the answer was not written but left over, whatever site it is of. What it says is weighed
too, for no sign is decisive: a problem's "Round to the nearest cent." is left over as well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from builder.checks.ordinary_words import FUNCTION, TAUGHT
from builder.checks.page_words import STRONG, WEAK

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_MATHS = re.compile(
    r"[=+×÷√∑∫^<≤≥≠≈→∞∈\\°π{}]|\$[^$\d]*\$|(?<![\w/-])\d[\d.,]*\s*[·*/:-]\s*\d(?![\w/-]*[/-])|\b[a-zA-Z]\(\w\)"
)
_ADDRESS = re.compile(r"(?:https?:|www\.)\S+|\b\d{1,2}:\d\d\b|\d/\d\b|24/7")
_LISTED = re.compile(r"\s*(?:[-*•+] |\(?[A-Za-z0-9]{1,3}[.)] |\|)")
_DATUM = re.compile(r"[^:]{1,40}: ?[$€£]?\d[\d.,]*(?: ?%| [\w/²³]{1,12})?\W*")
_SITES = re.compile(
    r"(?i)[|·•»›©®™★☆▲▼►✓✔♥👍💬🔍]|https?:|www\.|\w@\w|\.(?:com|org|net|png|jpg|pdf)\b|\b\d{1,2}:\d\d(?: ?[ap]m)?\b"
    r"|\b(?:19|20)\d\d\b|\bago\b|\b\w+_\w+\b|\b[a-z]{3,}\d{1,}\b|[@#][a-z]|\b[a-z]{18,}\b|\b(?-i:[A-Z]?[a-z]+[A-Z][a-z])|\bfree\b|\b(?:our|us|we['’]re|we['’]ll)\b"
    r"|[$€£]\d+(?:\.\d\d)?(?:/| per | a )(?:mo|month|year|week)|\d+ ?% off"
)
_TOLD = re.compile(
    r"(?i)\W*(?:simplify|evaluate|find|show|prove|round|justify|give|write|explain|express|draw|sketch|state|list"
    r"|determine|solve|name|use|assume|let|note|hint|do not|don['’]t|choose|circle|fill|complete|match|estimate|label"
    r"|plot|graph|compare|order|arrange|factor|expand|differentiate|integrate|calculate|compute|given|where|proof|qed"
    r"|q\.e\.d|hence|therefore|thus|so|since|because|by|case|step|part|answer|solution|problem|question|example"
    r"|exercise|task|claim|theorem|lemma|definition|remark|check|true|false|yes|no|none|all|always|never|sometimes)\b"
)
_MATHEMATICAL = re.compile(
    r"(?i)(?:tri|rect|quadr)?angl|circl|graph|deriv|integr|limit|serie|matri|vector|induct|contradict|symmetr|polynom"
    r"|algebra|geometr|trigon|calculus|probab|statist|logarit|exponent|inequal|fract|decimal|ratio|proport|percent"
    r"|theorem|lemma|axiom|area|volume|perimet|radius|diamet|paralle|perpendic|slope|interc|coordin|function|sequen"
    r"|prime|divis|multipl|factor|remaind|modul|permut|combin|average|median|mode\b|mean|varian|deviat|distrib|sampl"
    r"|hypoth|congru|similar|polygon|cube|spher|cylind|cone|pyram|prism|digit|integer|number|equat|formul|variabl"
    r"|constant|coeffic|linear|quadrat|cubic|root|square|speed|veloc|accel|force|mass|energy|rectangle|converg|contin"
    r"|domain|range|maxim|minim|odd|even|positiv|negativ|infin|binom|pythag|euclid|euler|gauss|fermat|newton|cauchy"
)
_OF_SITES = frozenset(
    """
    available scan watch play transcript enter type submit size contrast translate translation printer library
    playlist copied notice sell personal information anytime unlock learning today trusted million seen tv love made
    similar filed homework keywords newsgroups regards typo spoiler img image picture signature gender country level
    banned verified explore concepts paper suggest corrections asked answered network wait session expired disabled
    webmaster feedback mission fan discussion mods bump nvm lol shipping isbn lesson remaining hint instructor student
    teacher resources my your you yours me we us our human robot characters choice choices found useful wrote said
    provided downloaded visited hello hi hey thanks thank please bless luck cheers pls plz anyone somebody asap stuck
    posted credit credits photo photos illustration figure caption courtesy shutterstock getty staff team editor
    question questions answer answers solution solutions check try quiz test rank rated scored timer deutsch español
    français italiano português ncert cbse maths math mathematics algebra class classes grades exam exams pt pts pdf
    ebook article chapter unit week patterns active correct incorrect expert option marked required optional add name
    write error note go score time mod moved locked contributor left looking solver pluggable apprentice beginner marks
    journal issue doi abstract pp vol edition publisher publishing isbn paperback price sale discount coupon code
    """.split()  # noqa: SIM905 - one word a line would be 100 lines
)
"""Further words of pages, common elsewhere, too."""
_WEB = STRONG | WEAK | _OF_SITES
_NEUTRAL = _WEB | FUNCTION
_ENDS = {".": -0.5, ":": -1.0, "?": -1.0, ",": -1.5, ";": -1.0}
_OTHER_SCRIPTS = re.compile(r"[\u0400-\u1fff\u3040-\uffdc]")
_ENOUGH = 4.5
_LONGEST = 200


def foreign_lines(answer: str, source: str) -> list[str]:
    """Return the lines of an answer, without its code, that are its source's and none of its own."""
    lines = [line for line in answer.splitlines() if line.strip()]
    if not source.strip():
        return []
    owners = Counter(stem for line in lines for stem in _stems(line))
    kept = {_bare(line) for line in source.splitlines()}
    whole = f" {_bare(source)} "
    last = next((n for n in range(len(lines) - 1, -1, -1) if not lines[n].lstrip().startswith("####")), 0)
    return [
        line.strip()
        for number, line in enumerate(lines)
        if len(line) <= _LONGEST and _weight(line, kept, whole, owners, is_last=number == last) >= _ENOUGH
    ]


def _bare(text: str) -> str:
    """Return words and numbers alone, in lower case."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def _stems(line: str) -> set[str]:
    """Return a line's numbers of two digits or more, and the beginnings of its words but those of any text."""
    words = {word.lower() for word in _WORD.findall(line)}
    numbers = {number for number in _NUMBER.findall(line) if len(number) > 1}
    return {word[:5] for word in words - FUNCTION - TAUGHT if len(word) > 2} | numbers


def _weight(line: str, kept: Iterable[str], whole: str, owners: Counter[str], *, is_last: bool) -> float:
    words = [word.lower() for word in _WORD.findall(line)]
    bare = _bare(line)
    if (
        not words
        or not line.isascii()
        and _OTHER_SCRIPTS.search(line)
        or _LISTED.match(line)
        or f" {bare} " not in whole
    ):
        return 0.0
    said = line.strip().strip("*_# ")
    stems = _stems(said)
    shared = sum(owners[stem] > 1 for stem in stems)
    webs = sum((word in STRONG) + (word in _WEB) for word in words)
    taught = sum(
        word not in _NEUTRAL and (word in TAUGHT or _MATHEMATICAL.match(word) is not None) for word in words
    )
    has_only_webs = webs > 0 and _NEUTRAL.issuperset(words)
    found = 2.0 if bare in kept else 1.5
    found += (1.0 if not shared else -1.5 * shared / len(stems)) + has_only_webs
    found += 1.0 if said.endswith(("...", "…")) else _ENDS.get(said[-1], 1.0)
    found += min(2.0, 0.5 * webs) + 0.5 * (said[-1] == "!") + 0.5 * is_last + (_SITES.search(said) is not None)
    found -= 2.5 * (_MATHS.search(_ADDRESS.sub("", said)) is not None) + max(0.0, 1.5 - 0.5 * webs) * (
        _TOLD.match(said) is not None
    )
    found -= 2.0 * taught / len(words) + 1.0 * (_DATUM.fullmatch(said) is not None)
    return found - 2.5 * (line.lstrip().startswith("#") or said != line.strip())
