r"""What the clauses of a sentence of working come to: `so there are 4 \cdot 7 = 28 days` comes to 28 days."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from builder.checks.notation import spelled
from builder.checks.sentences import of_clauses
from builder.checks.stated_value import stated_value

_LONGEST = 400
_DISPLAY = re.compile(
    r"\\[\[\]()]|(?<!\\)\$(?!\d)|(?<=\d)\$|&(?![A-Za-z])|\\\\|[*_]{2}|\\(?:displaystyle|left|right|quad"
    r"|qquad|,|;|!)(?![a-z])"
)
_ARROW = re.compile(
    r"\\(?:implies|Rightarrow|Longrightarrow|therefore|rightarrow|to|iff)(?![A-Za-z])|=>|->|[→⟹∴]|\bie\b|\bi\.e\."
)
_MARK = (
    r"⇒|\b(?:and )?(?:so|hence|thus|therefore|consequently|which (?:gives|makes|means|is|equals|leaves)"
    r"|that is|thereby|giving|makes|gives"
    r"|leaves|leaving|yields|leads to|results in|meaning|this means|that means|(?:we|you|i) (?:get|obtain"
    r"|find|see|have|conclude)"
    r"(?: that)?|it follows that|for a total of|in (?:total|all)|we're left with|must be)\b"
)
_CUT = re.compile(
    rf"(?i)\s*(?:;\s|,(?=\s|[a-z] ?=)(?! ?\d{{3}}(?!\d))|\b(?:then|but|and|or)\b(?=[^=<>≈]{{1,25}}[=<>≤≥≈])"
    r"|\b(?:and|while)(?=\s[A-Za-z][^\d=<>,.]{2,30}\s(?:is|are|was|will be|has|have|gets?|had|does|pays"
    r"|receives)\s[$€£]?\d)"
    rf"|(?P<mark>{_MARK}))[\s,:]*"
)
_EQUALS = re.compile(r"(?<![<>!:=])=(?!>)|≈|≅|≡|\\(?:approx|equiv)\b")
_MEANT = re.compile(r"(?<=\w) \(=[^()]*\)")  # divide by 36 (= 6 * 6)
_REMARK = re.compile(r"\s*(?:\((?=[^()]*[A-Za-z]{3}|[^()\w]*\))[^()]*\)|[✓✔☺])\s*[.!]?\s*\Z")
_NAME = re.compile(
    r"\W{0,3}(?:\\?[A-Za-zα-ωΑ-Ω]+(?:_\{?\w+\}?)?['′]*(?:\^\{?[-−]?\d\}?)?(?:\s?\([^()=]{1,30}\))?"
    r"|\[?[A-Z]\]?\^?\(?[-−]?[\dT]\)?|[A-Za-z][A-Za-z' -]{2,40}"
    r"|\\?(?:sin|cos|tan|cot|sec|csc|log|ln|det|gcd|lcm)\S*\s?[^=+]{0,12}|\d+[CP]\d+|\d+!|\|\\?\w+\|)\s*"
)
_LAST_NAME = re.compile(r"(?<=[a-z:,] )(?:[A-Za-zα-ω]['′]*(?:_\{?\w+\}?)?(?:\([^()=]{1,20}\))?)\Z")
_NUMERIC = re.compile(
    r"(?:\\(?:frac|dfrac|tfrac|times|cdot|div|sqrt|pi|binom|text\{[^{}]*\}|[%$])|(?<=\d )x(?= \d)"
    r"|(?<=\d )[a-z]{2,8}(?![A-Za-z])|(?<=\d )[mgshLNJW](?![A-Za-z])|(?<=\d)(?:mm|ml|kN|[ms])(?![A-Za-z])"
    r"|(?<!\d )(?:sqrt|cos|sin|tan|log|ln|sec|mph|km|cm|kg"
    r"|[CP](?=\(?\d))|[^A-Za-z\\=])+"
)
_SOLVED = re.compile(
    r"\A\W{0,2}(?:\\?(?:lim|int|sum|prod|oint)|∫|Σ|∑|d/d|\\frac\s*\{d|\\d?frac\s*\{\\partial|\(.*\)|\\sqrt|√|sqrt)"
)
_RANGE = re.compile(
    r"(?:[^A-Za-z<>=]{1,20}(?:<=?|≤|\\leq?\b) ?)?[A-Za-z] ?(?:<=?|>=?|≤|≥|≠|∈|\\[lg]eq?\b|\\neq?\b"
    r"|\\in\b) ?[^A-Za-z<>=]{1,40}(?:(?:or|and|∪|U)[^=]{1,40})?"
)
_VERB = re.compile(
    r"(?i)(?:\b(?:(?:takes?|took|costs?)(?: [a-z]+){1,4}(?= [$€£]?\d)|is|are|was|were|be|has|have|had|gets?"
    r"|receives?|pays?|costs?|weighs?|needs?|scores?"
    r"|earns?|takes?|took|owns?"
    r"|measures?|equals?|meet|leaves?|arrives?|sells?|makes?|made|comes? (?:out )?to|remain|beträgt|sind"
    r"|ist|est|es|gives?|left|contains?|holds?|covers?"
    r"|travels?|spends?|saves?|produces?|lasts?|becomes?|reads?|needs?)|['’](?:s|re|m|ll be))"
    r"(?: (?:only|about|just|exactly|approximately|now|at|to|the|of|a|an|total|therefore|then|still|in|by"
    r"|equal|roughly|back))* "
)
_WORDS = re.compile(
    r"(?i)\b(?:undefined|(?:does not|doesn't) exist|no (?:real |such )?solutions?|infinitely many(?: solutions)?"
    r"|(?:conditionally|absolutely) convergent|(?:converges?|diverges?)(?: (?:conditionally|absolutely))?)\b"
)
_POLAR = re.compile(r"(?i)(?:\A\W*|, (?:so )?)(yes|no|true|false)\b(?=[,.!:;]|\s+[-–—]|\s*\Z)")


_LIMIT = re.compile(r"(?:\\?lim\w*[_\s{(]*|\bas )[a-z]\s*(?:→|->|\\to|⇒)\s*[^\s{}()]+[})]*")
_FORMULA = re.compile(
    r"(?:(?<![A-Za-z])(?:[A-Za-z]{1,2}|sin|cos|tan|cot|sec|csc|log|arcsin|arccos|arctan|sqrt|exp"
    r"|lim)(?![A-Za-z])|\\[a-zA-Z]+|[^A-Za-z\\])+"
)
_REASON = re.compile(r"(?<=\w),? (?:because|since)\b[^=,]*\Z")
_FURNITURE = re.compile(
    r"(?i)\b(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\.? '?\d|\d\d:\d\d, "
    r"|\b(?:answers?|replies|reply|comments?|votes?|views?|points|decimals?"
    r"|posts?|kudos|page|chapter|section|lesson|min read|ago)\b|\d {2,}\d|\|.*\d.*\|"
)
_OPTION = re.compile(r"\W*\(?[A-Ha-h][.)]\)?\s|\(?\d{1,2}[.)]\s")
_FUNCTION = re.compile(r"\\?(?:sin|cos|tan|cot|sec|csc)\b")
_SYMBOL_BEHIND = re.compile(r"\A[A-Za-z' ]+ ([A-Za-z])\Z")  # only x
_DIGITS = re.compile(r"\d+")
_PROSE = re.compile(r"(?<![A-Za-z\\])[A-Za-z][a-z]{2,}")
_TERMS = re.compile(r"\d[\d,.]*[%)]*(?: [A-Za-z][A-Za-z/' -]*)? ?[-+*/×÷x–−·] ?[($€£]*\.?\d|\)\s?[-+*/×÷·] ?\d")
_TOTAL = re.compile(r"(?i)\W*(?:step|in interval notation|total|result|in all|sum|rounded|simplified|final|so)\b")
_FIRST = re.compile(
    r"([$€£]?-?\d[\d,./:]*(?: ?[%°]| (?!(?:have|has|are|is|was|were|that|who|can|will|and|or|in|to"
    r"|on)\b)[A-Za-z²³/]+){0,2}(?: per [a-z]+)?)(?![A-Za-z])(.*)"
)
_BEHIND = re.compile(
    rf"[^\d]*?(?:of|is|are|get|have|be|needs?|to|took|takes|in|after|by|for|at|with) {_FIRST.pattern}"
)
_NUMBER = re.compile(
    r"\([-−]?\d[\d./]*(?:, ?[-−]?\d[\d./]*)+\)|[$€£]?(?<![\w.])-?\d[\d,]*(?:[./:]\d+)*(?: ?%|°|(?:st|nd|rd"
    r"|th)\b| (?!(?:is|are|was|were|and|or|has"
    r"|have|in|to|on|by|of|for|with|at|we)\b)[A-Za-z²/]+(?: per [a-z]+)?)?"
)
_ROOT = r"(?:[a-zA-Zθ] ?= ?)?(?<![\\\w.])(?P<{}>[-−–]?\d[\d./]*)"
_UNFIT = re.compile(
    rf"(?i){_ROOT.format('value')}[ ,]{{1,3}}(?:which |this |it |but it )?"
    r"(?:(?:is|are|was|would be|must be|can be|has to be)(?: an?)? (?:extraneous|invalid|rejected|discarded"
    r"|excluded"
    r"|impossible|ignored|inadmissible|meaningless|not (?:a (?:valid )?(?:solution|root)|allowed|valid|possible"
    r"|permitted|in the domain|acceptable))|(?:does(?: not|n't)|can(?:not|'t| not)|will not"
    r"|won't) (?:satisf\w*|work"
    r"|check|hold|make sense|be (?:a (?:valid )?(?:solution|root)|used|right|valid|allowed))|fails)\b"
    r"|\b(?:reject|discard|rule out|exclude|ignore|throw (?:out|away))\w*(?: the)?"
    rf"(?: solution| root| value| negative| answer)* {_ROOT.format('behind')}"
)
_NEARLY = re.compile(r"(?i)(?:or |which is )?(?:about|approximately|roughly|approx\.?)\b")


@dataclass(frozen=True, slots=True)
class Clause:
    """What a clause comes to.

    Attributes:
        text: The value, with its name where it has one: `c = 3 mph`.
        label: Its name.
        is_marked: Whether it is a conclusion: "so", "which makes".
        is_worked: Whether it is the end of an equation.
        is_plain: Whether it only says what a name stands for, as what is given does.
        is_loose: Whether it is one of the numbers of a clause that is not understood.
        is_named: Whether it is all that the clauses of a sentence say of several things: `Ann: 5, Bob: 7`.
        sides: Of an equation that is a result only where its sides are the same for every value, its sides.
    """

    text: str
    label: str = ""
    is_marked: bool = False
    is_worked: bool = False
    is_plain: bool = False
    is_loose: bool = False
    is_named: bool = False
    sides: tuple[str, str] | None = None


def clauses(sentence: str) -> Iterator[Clause]:
    """Yield what each clause of a sentence comes to, in order; nothing for those that come to nothing."""
    said = _LIMIT.sub("lim ", _DISPLAY.sub(" ", _MEANT.sub("", sentence[:_LONGEST])))
    said = _REMARK.sub("", _ARROW.sub("⇒", _REASON.sub("", said))).strip()
    if (polar := _POLAR.search(said)) is not None:
        yield Clause(polar[1], is_marked=True)
    begin, mark = 0, False
    for cut in [*_cuts(said), None]:
        piece = said[begin : cut.start() if cut is not None else len(said)].strip(" .,:!")
        found = (
            _clause(piece, is_marked=mark, is_whole=piece == said.rstrip(".! ") and said != piece)
            if piece
            else None
        )
        if found is not None:
            yield found
        elif not _FURNITURE.search(piece) and not _OPTION.match(piece):
            found_ = _NUMBER.finditer(spelled(piece))
            yield from (Clause(match[0], is_loose=match[0][0] != "(") for match in found_)
        if cut is not None:
            begin, mark = cut.end(), mark or cut["mark"] is not None
    named = of_clauses(re.split(rf"(?i)(?:{_MARK})\W*|\A(?:In|After|At|For) [^,]*, ", said)[-1])
    if named is not None:
        yield Clause(named, is_named=True, is_marked=mark)
    elif (words := _WORDS.search(said)) is not None:
        yield Clause(words[0], is_marked=True)


def _cuts(said: str) -> Iterator[re.Match[str]]:
    """Yield where a sentence is divided, outside of brackets."""
    depth, place = 0, 0
    for cut in _CUT.finditer(said):
        between = said[place : cut.start()]
        depth += sum(map(between.count, "([{")) - sum(map(between.count, ")]}"))
        place = cut.start()
        if depth <= 0:
            yield cut


def unfit(page: str) -> Iterator[str]:
    """Yield the values that a page says are no solutions: `x = -2 is not allowed`."""
    for match in _UNFIT.finditer(_DISPLAY.sub(" ", page)):
        yield match["value"] or match["behind"]


def _clause(piece: str, *, is_marked: bool, is_whole: bool) -> Clause | None:
    if _UNFIT.search(piece):
        return None
    label = piece.rfind(": ")
    if label >= 0 and "=" in piece[label:]:
        piece = piece[label + 2 :]  # Substitute s = 6: f = 42
    sides = _EQUALS.split(piece)
    if len(sides) > 1:
        return _equation([side.strip() for side in sides], is_marked=is_marked)
    if _RANGE.fullmatch(piece):
        return Clause(piece, "range", is_marked, is_worked=True)
    if (_FURNITURE.search(piece) or _OPTION.match(piece)) and not is_marked:
        return None
    if (value := _alone(piece)) is not None and not _VERB.search(f"{value} "):
        is_said = is_marked or _NEARLY.match(piece) or (is_whole and not re.search(r"\d[ ,;]+\d", piece))
        return Clause(value, is_marked=is_marked) if is_said else None
    for end in reversed(
        [*(verb.end() for verb in _VERB.finditer(piece)), *(_colon(piece) if _TOTAL.match(piece) else ())]
    ):
        if (value := _alone(piece[end:]) or _quantity(piece[end:])) is not None:
            return Clause(value, is_marked=is_marked)
    first = _FIRST.fullmatch(spelled(piece)) or _BEHIND.fullmatch(piece)
    is_understood = first is not None and is_marked and not re.search(r"\d", piece[: first.start(1)] + first[2])
    return Clause(first[1], is_marked=True) if first is not None and is_understood else None


def _colon(piece: str) -> list[int]:
    found = list(re.finditer(r"(?<!\d):\s*|:\s+", piece))
    return [found[-1].end()] if found else []


def _equation(sides: list[str], *, is_marked: bool) -> Clause | None:
    first, last = sides[0], re.split(r"\s{2,}(?=[A-Z][a-z])", sides[-1])[0]
    if last[-1:] == ")" and "(" not in last:
        last = last[:-1].rstrip()  # of (g = 9.8)
    value = last if last and _FORMULA.fullmatch(last) else _alone(last) or _quantity(last)
    value = (_quantity(last) or value) if value and " and " in value else value
    if value is None or (_PROSE.search(last) and len(_DIGITS.findall(last)) > len(_DIGITS.findall(value))):
        return None  # n = 8 we end up with a variance of 4
    if _is_arithmetic(first[max([*_colon(first), 0]) :]):
        return Clause(_quantity(last) or value, is_marked=is_marked, is_worked=True)
    first = first[max([*_colon(first), _words_end(first), 0]) :].strip()
    name = _NAME.fullmatch(first) or _LAST_NAME.search(first)
    is_limit = bool(re.match(r"\W{0,2}\\?(?:lim|int|sum)|∫|∑|Σ", first))
    is_rewritten = (bool(_SOLVED.match(first)) and bool(re.search(r"[A-Za-z]", value))) or is_limit
    if name is None and first and len(sides) <= 2 and not _NUMERIC.fullmatch(first) and not is_rewritten:
        may_be_same = re.search(r"[A-Za-z]", first) and re.search(r"[A-Za-z]", value)
        return Clause(value, "", is_marked, True, sides=(first, value)) if may_be_same else None
    label = name[0].strip() if name is not None and first else ""
    label = label if _FUNCTION.match(label) else _SYMBOL_BEHIND.sub(r"\1", label)
    is_symbol = bool(re.fullmatch(r"[A-Za-zα-ω](?:_\{?\w\}?)?|[A-Z]{2,4}", label))
    return Clause(
        f"{label} = {value}" if is_symbol or _FUNCTION.match(label) else value,
        label,
        is_marked,
        True,
        bool(label) and len(sides) == 2,
    )


def _is_arithmetic(side: str) -> bool:
    """Whether numbers are worked with among words: she makes 9 eggs * $2."""
    return _PROSE.search(side) is not None and _TERMS.search(side) is not None


def _quantity(said: str) -> str | None:
    """Return the number with its unit that a text begins with: `$18 every day at the market`."""
    first = _FIRST.fullmatch(said)
    is_one = first is not None and not re.search(r"[=<>\\^]|\d", said[: first.start(1)] + first[2])
    return first[1] if first is not None and is_one else None


def _words_end(text: str) -> int:
    """Return where the words before a formula end: `the two numbers are 4 * 7`."""
    verb = list(_VERB.finditer(text))
    return verb[-1].end() if verb and re.search(r"\d", text[verb[-1].end() :]) else 0


def _alone(said: str) -> str | None:
    """Return the value that a text begins with and that nothing but a few words follow."""
    said = spelled(_REMARK.sub("", said.strip()))
    if not re.search(r"\d|\\[a-z]|[π√∞]", said) or re.match(r"[A-Za-z]+ [a-z]+ ", said):
        return None
    value = stated_value(said)
    return value if value is not None and re.search(r"\d|\\[a-z]|[π√∞]", value) else None
