"""What a page says and takes back: an attempt that the next reply denies, a reply that is voted down.

Who looks for a page's answer reads it without these.
"""

from __future__ import annotations

import re

from builder.checks.problems import begins_part

_REJECTED = re.compile(
    r"^[^\w=≈]*[-−]\d+(?: (?:votes?|points?)\b|\s*$|\s{2,})|\s[\[(][-−]\d+(?: points?| votes?)?[\])]\s*$"
)
_SCORE = re.compile(r"(?m)[ \t]+[\[(][+−-]\d{1,4}(?: points?| votes?)?[\])][ \t]*$")
_WHO = (
    r"(?:[^:\n]{1,60}:[ \t]+)?(?:(?:hi|hello|hey)\b[^.!,\n]{0,30}[.!,]\s*"
    r"|(?:sorry|hmm+|well|um+|ah|oh),?\s+(?:but )?)?"
)
_DENIES = re.compile(
    rf"(?i)\W{{0,9}}{_WHO}\W{{0,9}}(?:no(?:pe)?(?:[,!:;]|\.(?!\s?\d)| -|\s*$| (?:way|that|this|it|you)\b)"
    r"|not (?:quite|exactly|really)\b|wrong\b|incorrect\b|almost\b[,.!]|close\b[,.!]"
    r"|(?:that|this|it)(?:'s| is| would be)(?: \w+)? (?:wrong|incorrect|not (?:right|correct|how))"
    r"|(?:that|this|it) (?:isn't|is not) (?:right|correct|how)|your \w+ (?:is|are) (?:wrong|off|incorrect)"
    r"|(?:your|the) (?:mistake|error) (?:is|was)|you(?:'ve| have)? (?:made a mistake|mixed up|overlooked))"
)
_DOUBTS = re.compile(
    rf"(?i)\W{{0,9}}{_WHO}\W{{0,9}}(?:careful\b|actually\b|check your\b|remember\b|(?:that|this) (?:doesn't|can't"
    rf"|cannot|does not)\b"
    r"|you(?:'ve| have)? (?:forg[eo]t|missed|can't|cannot|have to|need to|should|must|added|used|took|divided)\w*)"
)
_TRIED = re.compile(
    r"(?i)\b(?:i(?:'ve| have)? (?:\w+ )?(?:added|got|get|did|tried|think|thought|used|came|calculated"
    r"|divided|multiplied"
    r"|subtracted|took|found|have|had|said|end(?:ed)? up|worked|solved|set|put|assumed|am getting|keep)"
    r"|my (?:answer|attempt|work(?:ing)?|try|result|solution|guess)|what i (?:did|have)|here'?s what i)\b"
    r"|\b(?:is (?:this|that|it|my answer)|am i|(?:this|that|it) is|did i do (?:this|it|that)) "
    r"(?:right|correct(?:ly)?|ok(?:ay)?)\b|\b(?:right|correct|ok|yes)\?"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=\S)")


def without_denied(page: str) -> str:
    """Return a page without the replies that are voted down and the attempts that the next reply denies."""
    posts, kept = _posts(page), list[str]()
    for place, post in enumerate(posts):
        following = posts[place + 1] if place + 1 < len(posts) else ""
        tried = _TRIED.search(post)
        if _REJECTED.search(post.partition("\n")[0]):
            post = ""
        elif tried is not None and (_DENIES.match(following) or _DOUBTS.match(following)):
            post = post[: _sentence_begin(post, tried.start())]
        elif place and _DENIES.match(following) and re.search(r"\d", post) and "?" not in post:
            post = ""
        kept.append(post)
    return _SCORE.sub("", "\n".join(kept))


def _posts(page: str) -> list[str]:
    """Return what each of a page's posters, or each numbered part of it, says."""
    posts = [list[str]()]
    for line in page.split("\n"):
        is_reply = not "".join(posts[-1][-1:]).strip() and (_DENIES.match(line) or _DOUBTS.match(line))
        if is_reply or begins_part(line):
            posts.append([])
        posts[-1].append(line)
    return ["\n".join(one) for one in posts]


def _sentence_begin(text: str, place: int) -> int:
    """Return where the sentence at a place of a text begins."""
    ends = [end.end() for end in _SENTENCE_END.finditer(text, 0, place)]
    return max([*ends[-1:], text.rfind("\n", 0, place) + 1])
