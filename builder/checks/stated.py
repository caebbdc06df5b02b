r"""Where a text states answers: a page in words, boxes and options, a solution in its last line `#### answer`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from builder.checks.notation import normal, spelled
from builder.checks.sentences import counted, of_clauses
from builder.checks.values import is_date

LONGEST = 200  # characters of an answer
_LINE = re.compile(r"^[ \t>]*####(?!#)[ \t]*(\S[^\n]*)?$", re.M)
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_HEADING = re.compile(
    r"(?i)\W*(?:(?:step|part|case|question|problem|example|exercise|method|option|chapter|section|note|remark"
    r"|theorem|lemma"
    r"|claim|definition|task|q)s?\b[\s.:]*(?:\d+|[a-z]|[ivx]+)?|(?:proof|solution|answer|final answer|explanation"
    r"|conclusion"
    r"|summary|verification|check|discussion|result|hint|given|q\.?\s?e\.?\s?d|n/?a|none given|unknown"
    r"|see (?:the )?(?:\w+ )?(?:above|below)"
    r"|end)s?)"
    r"(?: (?:by|of|for|complete|using)\b[^\n]*)?\W*"
)
_PREFIX = re.compile(
    r"(?i)\W*(?:the )?(?:final |correct )?(?:answer|ans|result|solution)s?\b\s*(?:is\b|are\b|:|=)+[\s*:]*"
)
_ANSWER_HEADING = re.compile(r"(?i)\W*(?:the )?(?:final |correct )?answer\W*")
_CORRECTED = re.compile(
    r"(?i)\b(?:wait|oops|correction|actually|sorry|on second thoughts?|i made (?:a|an) (?:mistake|error)"
    r"|should (?:have been|be)"
    r"|that(?:'s| is| was) (?:wrong|incorrect|not right))\b"
)
_SAID = re.compile(
    r"(?i)(?:(?P<colon>(?:(?:\A|(?<=\n))[#*_ \t]*output|\b(?:answers?|ans))\b(?:[ \t]+(?:key|sheet|list))?"
    r"[ \t]*(?:\(?[a-z0-9]{1,2}\))?[ \t]*[*_]*[ \t]*"
    r"(?:\.?[:=–]|[-—](?=[ \t])|(?<=ans)\)(?=[ \t])|(?<=ans)\.(?=[ \t]*(?:[-$\d(\\]|[a-z] ?=)))"
    r"[-*_:>]*[ \t]*\n{0,2}"
    r"|(?:\A|(?<=\n))[#*_ \t]*(?:final |correct )?answer[*_: \t]*\n{1,2})"
    r"|\b(?P<prose>(?:answers?|ans|result|solutions?|(?:correct|right) (?:option|choice))\b"
    r"(?: to [^.:;\n]{1,60}?| for [^.:;\n]{1,60}?| of [^.:;\n]{1,60}?| here| set)?[ \t*_]*"
    r"(?:\b(?:is|are|was|would be|will be|should be|must be|comes? (?:out )?to|turns out to be|equals)\b|:"
    r"|=)[:*_ \t]*"
    r"(?:\n{1,2}[ \t]*(?=\$\$|\\\[))?)"
    r"|\b(?P<got>(?:gets?|got|gives?|obtain|yields?|have|reach|for) (?:the|an|our|a) (?:final )?answer"
    r" (?:of |as )?))"
    r"(?=(?P<rest>[^\n]{1,200}))"
)
_LOOSE = re.compile(r"(?i)result|solution.*=\Z")  # which a page has on the way, too
_ASKS = re.compile(r"(?i)\b(?:find|determine|give|solve|what|which|how many|number of|all)\b")
_ROMAN = re.compile(r"(?i)\(?i[.)]\s+[^\n]{1,40}?\s\(?ii[.)]\s")
_NUMBERED_KEY = re.compile(r"(?:(?<![\w.])\d{1,2}[.)]?[ -]?\(?[A-H]\)?(?:[,;\s]+|\Z|(?=\.))){3,}")
_LETTERS = re.compile(r"(?:both )?(\(?[A-H]\)?(?:(?:, ?| and |, and | ?& ?)\(?[A-H]\)?)+)")
_DASH = re.compile(r"[-–—]\s*\Z")
_REVERSED = re.compile(
    r"(?<![\w.,/=+*^-])(-?\d+(?:[.,/]\d+)*(?: ?[A-Za-z°%/²³$]{1,12})?)\$? is (?:the|your|our|my) (?:final "
    r"|correct )?answer\b"
)
# Ans (c) · Answer B · Key: (D), each alone up to the end of its line
_OPTION_ALONE = re.compile(
    r"(?m)\b(?i:ans(?:wer)?s?|key|OA|official answer|(?:correct|right)(?: option| choice"
    r"| answer)?)\b[ \t]*[.:*_-]*[ \t]*"
    r"(?:\((?P<bracketed>[A-Ha-h])\)|(?P<half>[A-Ha-h])\)|(?P<plain>[A-H]))[*_ \t]*\.?[ \t]*$"
)
_WORKED = re.compile(r"\A[-+*/×÷·().,\d\s$]*\d[-+*/×÷·().,\d\s]*=\s*(?=[-$]?\d)")  # of 644 + 865 = 1509 times
_COMES_TO = re.compile(
    r"(?=[^=\n]{0,150}(?<![\\A-Za-z])[A-Za-z]{3,12}\b)(?![^=\n]{0,150}\b(?:because|since)\b)"
    r"[^=\n\\]{0,150}\d ?=(?:[^=\n\\]{1,60}=){0,4} ?"
    r"(?P<value>[$€£]? ?-?\d[\d,.]*(?:/\d+)?(?:[ °%$][^\d\n.;:!?=,]{0,40})?)[.!]?\s*"
)
_KEY = re.compile(
    r"(?im)^\W*answers?(?: key| sheet)?\W*\n((?:[ \t]*\(?(?:\d{1,2}|[a-h])[.):][ \t]+[^\n]{1,40}(?:\n|\Z)){2,20})"
)
_ITEM = re.compile(r"(?m)^[ \t]*\(?(?:\d{1,2}|[a-hA-H])[.):][ \t]+([^\n]+)$")
_VERB = re.compile(r"(?i)\b(?:is|are|was|were|has|have|had|will|can|does|did|do|so|because|than|if|when)\b")
_ASKED = re.compile(r"(?m)^Q[:.][^\n]*\n+A[:.][ \t]+([^\n]{1,60}?)[ \t]*$")
_OPTION_IS = re.compile(
    r"(?:\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer)[ \t]*\(?(?P<one>[A-Ha-h])\)?|(?<!\w)\(?(?P<other>[A-H])\)?)"
    r"(?:[ \t]+is[ \t]+(?:the[ \t]+)?(?:correct|right|answer)|[ \t]*(?:✓|✔|←|\(correct\)))"
)
_END = re.compile(
    r"(?i)(?:(?<!\d)!|\?)(?=\s|$)|;(?=\s|$)(?!\s*(?:[a-z]\s*=|\(?[a-z]\)))"
    r"|(?<!\bapprox)(?<!\bsq)(?<!\bcu)(?<!\b[MD]r)(?<!\bMrs)(?<!\b[ap])(?<![ap]\.m)\.(?=\s|$|[*_])"
    r"|\s[-–—](?=\s+[A-Za-z])|\s\((?=(?!i{1,3}\)|iv\))[a-z]{2}|[a-z] ?[≠=<>]"
    r"|[≈~])"
    r"|,?\s(?:because|since|as|so|when|where|if|which|but|for|hence|therefore|thus|that|i|we|you|after|from|than"
    r"|by(?! \d)|using|per the|only if"
    r"|given|assuming|(?:right|correct|thanks?|hope))\b"
    r"|\sand (?=(?:the|so|then|we|i|it|that|you|this|not)\b)|\s[:;]-?[)D](?=\s|$)"
    r"|,(?=\s*(?:not|and (?:the|so|then|we|i)|then|we|i|the|it|he|she|is|in|right|don't|with)\b)|\s\.{2,}"
)
_NOT_STATED = re.compile(
    r"(?i)(?:not|n't|never|wrong|incorrect|right|correct|in|on|at|here|below|above|given|given by|as follows?"
    r"|the same|this|that|it|what|how|why|hidden"
    r"|obvious|simple|easy|unique|clear|unknown|found|posted|attached|up|accepted|marked|really|supposed|also|too"
    r"|(?:a|an|the|your"
    r"|my)(?=\s(?! ?=))|his|their|same|left|easiest|no longer|of|to|only|we|let|i|use|first|since|because|by|for"
    r"|if|when|see|you|they|he|she)\b"
)
_ENUMERATED = re.compile(r"\(?\d{1,2}[.)]\s+[A-Z]")
_ABOUT_PAGE = re.compile(r"(?i)\b(?:ago|upvotes?|votes?|views?|off|correct|wrong|comments?|replies|reputation)\b")
_BEGINS = re.compile(
    r"(?i)(?:(?:approximately|approx\.?|about|roughly|around|exactly|just|only|simply|actually|obviously|clearly"
    r"|surely|definitely|indeed|probably|certainly|therefore|thus|still|now|then|option"
    r"|choice|≈|~|=|:|the(?= \d)|on(?= (?:mon|tues|wed|thu|fri|sat|sun)\w*day)|at(?= \d)"
    r"|odds of(?= \d)|all(?= [a-z] ?[<>≤≥])"
    r"|(?:the )?(?:vertex|cent(?:er|re)|(?:mid)?point|focus)(?: is)?(?= \()"
    r"|in(?= \d+ [a-z]))\s*)*"
)
_VALUE = re.compile(
    r"(?i)[-+−–±(\[{$€£¥₹\\√π∞½¼¾|.]|\d|[a-zα-ω](?![a-z])|(?:sin|cos|tan|ln|log|sqrt|pi|exp)(?![a-z])"
    r"|(?:jan|feb|mar|apr"
    r"|may|june?|july?|aug|sep|oct|nov|dec)[a-z]*\.? \d|[a-z_\d'/]{1,12}(?:\([a-z\d, ]*\))? ?[=≈<>≤≥∈]"
)
_WORDED = re.compile(
    r"(?:[A-Z][A-Za-z]+|yes|no|true|false|none|infinity|infinite|zero|undefined|[a-z]+(?:ly|ent|ing|es)?)"
)
_FORMULA = re.compile(
    r"(?:\$\$?([^$\n]+)\$\$?(?!\d)|\\[\[(]([^\n]+?)\\[\])])(\s*(?:[a-zA-Z°%]{1,8}(?:/[a-z]{1,8})?[\d²³]?\b"
    r"|[a-z°%,]+\s|°|%)?)"
)
_NO_UNIT = re.compile(
    r"(?i)(?:is|so|as|by|for|if|in|i|we|and|or|because|since|which|when|that|the|but|where|with|you)\b|\Z"
)
_WITH_MORE = re.compile(  # 6 boxes with 12 pens each
    r"\A([$€£]?\d[\d,./]*(?: [a-z]+){0,2}) (?:with|at|containing|for|within|costing|weighing) (?=[^=]*\d).*\Z"
)
_LONGEST_DATE = 40
_SO = re.compile(r"(?i),?\s(?:so|hence|thus|therefore)")
_STOPS = re.compile(
    r"(?:(?<![-+*/=<>≤≥.,:√×·÷^_])[-+/=<>≤≥,:√×·÷^_]|(?<=\s)\*|(?<![\w\\}])\$"
    r"|\\(?:frac|sqrt|sin|cos|tan|ln|log|times|cdot|left|pm)"
    r"|(?i:(?:\A|(?<=\s))(?:and|or|the|is|are|approximately|about|of|answer)))\s*\Z"
)
_MARK = re.compile(r"(?<![\w\\$^_{])(?:\\text(?:bf|it|rm)?\s*\{\s*)?\(?([A-Ha-h])(?:\)|[.:](?=\s))\s*\}?[\s~]*")


def is_unfinished(answer: str) -> bool:
    """Whether an answer stops before its end: `3x^2 -`, `x =`, `(2,`."""
    said = re.sub(r"\\[{}]", "", answer.strip().strip("*_` ").rstrip("."))
    if said.count("$") % 2 == 0:
        said = said.removesuffix("$").rstrip()
    if _STOPS.search(said):
        return True
    braces, others = said.count("{") - said.count("}"), sum(map(said.count, "([")) - sum(map(said.count, ")]"))
    return braces > 0 or (others > 0 and said[-1] not in ")]")


def final_answer(text: str) -> str | None:
    """Return what the last line `#### answer` holds, else the last `\\boxed{…}`.

    None: there is neither. Empty: the last line begins like an answer and holds none, as `#### Proof`; or words
    behind it take it back.
    """
    lines = list(_LINE.finditer(text.rstrip()))
    behind = text[lines[-1].end() :] if lines else ""
    if lines and not re.search(r"\w", behind):
        block = _block(text, lines)
        answers = [_PREFIX.sub("", match[1] or "", count=1).strip() for match in block]
        is_none = any(map(_is_heading, answers)) or is_unfinished(answers[-1])
        return "" if is_none else ", ".join(answers)[:LONGEST]
    if lines and lines[-1][1] is None and not re.search(r"\w[^\n]*\n+[^\n]*\w", behind.strip()):
        return behind.strip()[:LONGEST]
    if lines and _ANSWER_HEADING.fullmatch(lines[-1][1] or "") and looks_like_value(behind.strip()):
        return behind.strip()[:LONGEST]  # the value stands below its heading
    if lines and looks_like_value(lines[-1][1] or ""):
        return ""
    boxes = list(_boxes(text))
    if not boxes or _CORRECTED.search(text, boxes[-1][1]):
        return "" if boxes else None
    paragraph = text.rfind("\n", 0, boxes[-1][0])
    return ", ".join(dict.fromkeys(text[begin:end].strip() for begin, end in boxes if begin > paragraph))[:LONGEST]


def stated_answers(text: str, *, is_sure: bool = False) -> Iterator[str]:
    """Yield the answers that a page states, as it writes them; if asked for, only those that it calls answers."""
    lines = list(_LINE.finditer(text))
    for match in lines:
        if (len(lines) == 1 or match.end() >= len(text.rstrip())) and looks_like_value(match[1] or ""):
            yield match[1].strip()[:LONGEST]
    for begin, end in _boxes(text):
        yield text[begin:end].strip()[:LONGEST]
    for match in _OPTION_ALONE.finditer(text):
        yield f"({(match['bracketed'] or match['half'] or match['plain']).upper()})"
    for match in _SAID.finditer(text):
        is_answer = match["colon"] is not None or not _LOOSE.match(" ".join((match["prose"] or "").split()))
        if (is_sure and not is_answer) or (not is_answer and _ASKS.search(_line_before(text, match.start()))):
            continue
        is_answer = is_answer and not (match["prose"] or "").lower().startswith(("correct", "right"))
        is_marked = match["colon"] is not None and not _DASH.search(match["colon"])
        value = _value(match["rest"], may_be_words=is_answer, is_marked=is_marked)
        is_number_of_option = re.search(r"(?i)option|choice", match[0]) and re.fullmatch(r"\d", value or "")
        is_key = _NUMBERED_KEY.match(match["rest"].strip())
        if (
            value is not None
            and not is_key
            and "\\boxed" not in value
            and not is_number_of_option
            and not _is_first(text, match)
        ):
            formula = re.fullmatch(r"\$+([^$]+)\$+", value)
            yield formula[1].strip() if formula is not None else value
    if len(asked := list(_ASKED.finditer(text))) == 1 and looks_like_value(asked[0][1]):
        yield asked[0][1].strip()
    yield from _from_numbered_key(text)
    for key in _KEY.finditer(text):
        items = [item[1].strip() for item in _ITEM.finditer(key[1])]
        yield from items if all(looks_like_value(item) for item in items) else ()
    yield from (match[1] for match in _REVERSED.finditer(text))
    for match in _OPTION_IS.finditer(text):
        yield f"({(match['one'] or match['other']).upper()})"


def _line_before(text: str, place: int) -> str:
    return text[text.rfind("\n", 0, place) + 1 : place]


def _from_numbered_key(text: str) -> Iterator[str]:
    """Yield the letter that a key such as `1 B, 2 D, 3 A` has for each problem that the page numbers."""
    for key in _NUMBERED_KEY.finditer(text):
        letters = dict(re.findall(r"(\d{1,2})[.)]?[ -]?\(?([A-H])", key[0]))
        asked = [
            number for number in re.findall(r"(?m)^\W*(\d{1,2})[.)]\s", text[: key.start()]) if number in letters
        ]
        yield from (f"({letters[number]})" for number in asked)


def _is_first(text: str, said: re.Match[str]) -> bool:
    """Whether what is said begins a list over several lines: a key, which is read as one."""
    following = text[said.end() :].partition("\n")[2].lstrip()
    return bool(
        re.match(r"\(?(?:1|a)[.):]\s", said["rest"].lstrip()) and re.match(r"\(?(?:2|b)[.):]\s", following)
    )


def options(text: str) -> dict[str, str]:
    """Return what a page's options (A), (B), … say, by letter in upper case; none where they are not in order."""
    marks = list(_MARK.finditer(text))
    bracketed = [mark for mark in marks if re.search(r"\([A-Ha-h]\)", mark[0])]
    return _in_order(text, bracketed) or _in_order(text, marks)


def _in_order(text: str, marks: list[re.Match[str]]) -> dict[str, str]:
    """Return what stands behind marks (A), (B), … in that order."""
    found = dict[str, str]()
    for place, mark in enumerate(marks):
        letter = mark[1].upper()
        if letter != "ABCDEFGH"[len(found) : len(found) + 1]:
            if letter != "A" or len(found) > 1:
                continue
            found.clear()
        end = marks[place + 1].start() if place + 1 < len(marks) else len(text)
        said = text[mark.end() : end].strip().partition("\n")[0].strip(" $,;&\\")
        found[letter] = re.sub(r"(?:\\(?:qquad|quad|hspace\{[^{}]*\}|\\)|\s)+$", "", said)[:LONGEST]
    return found if len(found) > 1 else {}


def looks_like_value(text: str) -> bool:
    """Whether a heading's words are a value, and no title: `18`, `$\\frac12$`, `12 m`, `(C)`."""
    clean = normal(text)
    if re.match(r"\d{1,2}[.)]\s", clean) or _is_heading(text):
        return False
    return bool(re.fullmatch(r"\(?[A-H]\)?|(?i:yes|no|true|false)", clean)) or (
        bool(re.match(r"[-+(\[{]*(?:\d|\\[a-z{]|[a-z](?: ?[-=+*/^]|\Z))", clean))
        and len(re.findall(r"(?<!\\)\b[A-Za-z]{3,}", clean)) <= 2
    )


def _is_heading(text: str) -> bool:
    return not re.search(r"\w|[∞∅√πθ]", text) or bool(_HEADING.fullmatch(text)) or text.rstrip().endswith(":")


def _block(text: str, lines: list[re.Match[str]]) -> list[re.Match[str]]:
    """Return the last of the lines that begin with ####, and those directly above it."""
    first = len(lines) - 1
    while first and not text[lines[first - 1].end() : lines[first].start()].strip() and lines[first - 1][1]:
        first -= 1
    return lines[first:]


def _boxes(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the contents of boxes begin and end."""
    for match in _BOXED.finditer(text):
        depth, begin = 1, match.end()
        for place in range(begin, min(len(text), begin + 4 * LONGEST)):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if depth == 0:
                yield begin, place
                break


def _value(said: str, *, may_be_words: bool, is_marked: bool) -> str | None:
    """Return the value that a page gives behind "the answer is", None where it goes on with a sentence.

    Args:
        said: The rest of the line.
        may_be_words: A result in prose is a number; an answer may be Tuesday.
        is_marked: It stands behind a colon: `Answer: isosceles` states words, "the answer is simple" none.
    """
    said = re.sub(r"['\"‘’“”]([A-H])['\"‘’“”]", r"\1", said)
    said = re.sub(r"\bRs\.? ?(?=\d)", "₹", said.strip().lstrip("*_>: \t"))
    if _ROMAN.match(said):
        said = re.sub(r"(?i)(?<!\w)\(?(i{1,3}|iv)[.)]\s+", lambda match: f"({match[1].lower()}) ", said)
    if re.match(r"\(?1[.)]\s+\S+\s+\(?2[.)]\s", said):
        return re.sub(r"\s*\(?\b\d[.)]\s+", ", ", f" {said}").strip(", ")[:LONGEST]
    if _ENUMERATED.match(said):
        return None
    if is_marked and (worked := _COMES_TO.fullmatch(said)) is not None:
        return re.split(r" and | ?\w*&", worked["value"], maxsplit=1)[0].rstrip(
            " .!"
        )  # Answer: she pays 4*5 = $20
    if (option := re.match(r"\(?[A-H][.):] (?=\S)", said)) is not None:
        value = _value(said[option.end() :], may_be_words=may_be_words, is_marked=is_marked)
        return option[0] + value if value is not None else f"({option[0].strip('(.): ')})"
    if is_marked and (found := of_clauses(said)) is not None:
        return found
    if len(said) < _LONGEST_DATE and re.search(r"\d", said) and is_date(said):
        return said
    formula = _FORMULA.match(said)
    if formula is not None and not re.match(r"\s*(?:and|or|,|;)\s*\\?[$(]", said[formula.start(3) :]):
        unit = formula[3].strip(" ,")
        unit = "" if _NO_UNIT.match(unit) else unit
        return f"{formula[1] or formula[2]} {unit}".strip()
    end = _END.search(said)
    if end is not None and end[0] == "?":
        return None
    value = _balanced((said[: end.start()] if end is not None else said).strip().strip("*_ ").rstrip(","))
    if (
        end is not None
        and re.search(r"\d", value)
        and _SO.fullmatch(end[0])
        and re.search(r"\d", said[end.end() :])
    ):
        return _value(said[end.end() :], may_be_words=False, is_marked=False)  # Answer: 2x = 6, so x = 3
    lead = _BEGINS.match(value)
    rough = "≈ " if lead and re.search(r"(?i)app|about|rough|around|[≈~]", lead[0]) else ""
    value = spelled(value[lead.end() :] if lead else value)
    if is_marked and re.fullmatch(r"(?i)(?:the|an?) [a-z]+(?: [a-z]+)?", value):
        value = value.partition(" ")[2]
    value = re.sub(r"\A([A-H]),\s+(?=\S)(?![A-H]\b)", r"(\1) ", value)
    value = re.sub(r"(?i)(?<=[\dm.]) on [a-z]{3,6}day\Z", "", value)
    value = _WITH_MORE.sub(r"\1", value)
    is_of_page = _ABOUT_PAGE.search(value) or (end and re.fullmatch(r"(?i)\s(?:correct|right)", end[0]))
    if not value or _NOT_STATED.match(value) or is_of_page:
        return counted(said) if is_marked and value and not is_of_page else None
    if (letters := _LETTERS.fullmatch(value)) is not None:
        return letters[1]
    if _VERB.search(value) and re.search(r"\d[^\d.,/][^\n]*\d", said):
        return None  # Answer: 10 times their medals is 39*10 = 390
    value = _WORKED.sub("", value)
    if re.fullmatch(
        r"\(?[A-Ha-h]\)?|\(?[A-Ha-h]\)?[.):]?\s+.{1,80}|\(?[A-Ha-h][.):].{1,80}", value
    ) and not re.match("[aA] ", value):
        return value[:LONGEST]
    if _VALUE.match(value) and not re.search(r"(?<!\d)!\Z", value):
        value = re.split(r",\s+(?!(?:and|or|inf\w*)\b)(?=[a-z]{2,}\b(?! ?[=(]| -?\d))", value, maxsplit=1)[0]
        words = re.findall(r"(?<!\\)\b[A-Za-z]{3,}", value)
        return (
            rough + value[:LONGEST]
            if len(words) <= 4 and re.search(r"\d|\\[a-z]|[√π∞=^()*/+]|\A[a-zA-Z]\Z", value)
            else None
        )
    if is_marked and (found := counted(said)) is not None:
        return found
    if end is not None and end[0].strip().lower() == "by":
        return None  # Best Answer - Chosen by Voters
    words = value.split()
    if (
        not may_be_words
        or len(words) > (3 if is_marked else 1)
        or not all(_WORDED.fullmatch(word.strip(",'\"")) for word in words)
    ):
        return None
    return value if is_marked or words[0][0].isupper() or words[0] in ("yes", "no", "true", "false") else None


def _balanced(value: str) -> str:
    """Return a value without a bracket at its end that was opened before it."""
    while value and value[-1] in ")]" and value.count(value[-1]) > value.count("(" if value[-1] == ")" else "["):
        if set("([") & set(value):
            break  # [0, 1)
        value = value[:-1].rstrip()
    return value


def stated_value(said: str) -> str | None:
    """Return the number or formula that a text begins with, None where it goes on with a sentence."""
    return _value(said, may_be_words=False, is_marked=False)
