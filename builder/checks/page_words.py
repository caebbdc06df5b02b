"""Lines made of the words of web pages alone, in whatever order: `Report post`, `Article Talk View history`."""

from __future__ import annotations

import re

STRONG = frozenset(
    """
    login logon logout signup signin permalink sitemap navigation navbar newsletter homepage website browser
    javascript captcha recaptcha cookie forum forums subforum moderator moderators username password iphone
    ipad android tapatalk facebook twitter reddit youtube instagram whatsapp pinterest linkedin tumblr
    discord telegram premium ads advertisement advertisements sponsored blog blogs blogger wordpress
    subscribe unsubscribe subscribed upvote downvote upvotes downvotes upvoted thumbnails avatar profile
    inbox checkout disclaimer wiki wikipedia encyclopedia reblog retweet repost unread inappropriate spam
    trackback pingback rss breadcrumb sidebar tutors chegg brainly quora toppr byju byjus studocu admin
    webmaster copyright advertise adblock paywall
    """.split()  # noqa: SIM905 - one word a line would be 200 lines
)
"""Words of which no other text than a page is likely to make a line."""
WEAK = frozenset(
    """
    reply replies quote report post posts posted share sharing like likes follow following followers print
    printable search advanced menu edit edited view views viewed show hide save sign log register registered
    join joined member members user users guest guests account accounts privacy terms contact about help
    more less related recommended popular latest recent trending featured newest oldest active top next
    previous prev back site page pages article articles talk history read reading display mode modes tools
    topic topics comment comments attached attachment attachments attach flag abuse free trial chat now
    online offline download downloads video videos watch link links rate rating ratings helpful ask
    community guidelines archive archives sort sorted filter settings options feedback support faq faqs
    careers press open close expand collapse random main portal features contribute donate copy embed
    bookmark bookmarks favorite favourites favorites notify notifications message messages thread threads
    tutor home homework jump skip content contents toggle go get started start here click tap mobile app
    apps email send e-mail friend friends category categories tag tags tagged version friendly fullscreen
    cart buy order offer offers upgrade plan plans pricing shop store deal deals explore discover browse
    trends news events jobs team mark unmark undo cancel submit continue load loading refresh retry accept
    decline enable disable hot new best worst controversial rising old all unlock locked sticky pinned
    announcement announcements rules logged modified date author title status activity last first seen visit
    visits visitors stats statistics badge badges reputation karma kudos award awards cite citation improve
    improved permissions policy license licence rights reserved powered theme design hosting server desktop
    english language languages translate accessibility preferences dashboard library resources courses
    lessons tutorials quizzes worksheets calculators calculator textbook textbooks experts expert gallery
    media podcast webinar ebook guide guides
    """.split()  # noqa: SIM905 - one word a line would be 400 lines
)
"""Words of menus, buttons and headers, and of other texts."""
_GLUE = frozenset(
    """
    the a an to for of with on in by and or this that your our us you we me my all is are from be was it its
    as at via up out no not if need want one two per any what who how where when there here have has
    """.split()  # noqa: SIM905 - as above
)
_YOU = frozenset("you your yours our ours".split())  # noqa: SIM905 - as above
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_MATHS = re.compile(r"[=+×÷√∑∫^<>\\$%]|\d\s*[·*/-]\s*\d")
_THIS_SITE = re.compile(r"(?i)\b(?:this|our) (?:web ?site|site|forum|blog|channel|wiki)\b")
_BUTTON = re.compile(r"[\w '’|·•&,:!/.-]+")
_MOST_WORDS = 8
_STRONG_WEIGHT = 2
_ENOUGH, _ENOUGH_OF_PAGE = 3, 2


def is_of_web_words(line: str, *, is_of_page: bool) -> bool:
    """Whether a line has a page's words and hardly any others, or speaks to the page's readers.

    Args:
        line: A line without its markup.
        is_of_page: The source has this line, too.
    """
    words = [word.lower() for word in _WORD.findall(line)]
    has_digits = bool(re.search(r"\d", line))
    if not words or _MATHS.search(line) or (has_digits and not is_of_page):
        return False
    strong = sum(word in STRONG for word in words)
    if strong and not has_digits and line[0].isupper() and _YOU & set(words) and line[-1] not in ",:;":
        return True
    if is_of_page and not has_digits and _THIS_SITE.search(line):
        return True
    webs = {word for word in words if word in WEAK}
    others = sum(not (word in STRONG or word in webs or word in _GLUE) for word in words)
    weight = _STRONG_WEIGHT * strong + len(webs)
    is_sentence = line.endswith((":", ",", ";", "?")) or (line.endswith(".") and not (strong and is_of_page))
    if is_sentence or len(words) > _MOST_WORDS or not weight:
        return False
    if is_of_page:
        if not line[0].isupper() or not _BUTTON.fullmatch(line):
            return False
        return (
            len(words) == 1
            or bool(_YOU & set(words) and not others)
            or (weight >= _ENOUGH_OF_PAGE and 3 * others <= len(words))
        )
    return not others and len(words) > 1 and weight >= _ENOUGH
