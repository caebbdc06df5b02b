"""Parts of a page's lines, and lines that count, rate and date: a page's, or what a problem comes to. English."""

from __future__ import annotations

import re

from builder.checks.patterns import fits_one

# A line of these alone is a menu's, but "## Terms" may be a sequence's, and so may "**Next**" be a step.
ITEM = (
    "(?:home(?:page)?|log ?in|log ?out|sign ?in|sign ?up|sign ?out|register|share(?: this)?(?: post| page)?"
    "|repl(?:y|ies)|report"
    "|quote|likes?|follow(?:ing)?|subscribe|menu|search|next(?: page| thread| post| question| topic)?"
    "|prev(?:ious)?(?: page| thread| post| question| topic)?|back to top|contact(?: us)?|about(?: us)?|terms"
    "|privacy|faqs?|help"
    "|tweet|print|permalink|read more|load more|show (?:more|less)|see (?:more|all)|advertisements?|sponsored"
    "|cite|save|bookmark"
    "|embed|improve this (?:question|answer)|edit|delete|flag|hide|copy link|download(?: pdf)?|upvote|downvote"
    "|vote|skip to (?:main )?content|sitemap|careers"
    "|newsletter|add a comment|add comment|post comment|ask(?: a)? question|create (?:an )?account|join(?: now"
    "| for free)?"
    "|facebook|twitter|pinterest|linkedin|whatsapp|reddit|youtube|instagram|google\\+|rss|e-?mail(?: this)?"
    "|blogthis!?"
    "|pin it|forums?|blog|members|leaderboard|questions|users|unanswered|hot|new|top|best|controversial|rising"
    "|jump to"
    "|older posts?|newer posts?|top of page|view all|learn more|get started|go pro|upgrade|loading|dislike|close"
    "|pin|open|recent posts|categories"
    "|archives|related(?: posts| questions)?|trending|expand|collapse|first|last|award|give award|favou?rite"
    "|watch later|check answers?|submit(?: answers?| quiz| test)?|try again|retry|(?:re)?start quiz|view results?"
    "|get hint|reset|calculate|clear|skip)"
)
CRUMB = r"[A-Za-z][\w'-]{2,}:?(?: (?:&|[\w'-]+):?){0,6}"
COUNT = r"\d[\d,.]* ?[kKmMbB]?"
COUNTED = (
    r"(?:views?|replies|reply|votes?|comments?|posts?|upvotes?|downvotes?|likes?|shares?|answers?|points?"
    r"|subscribers?|followers?"
    r"|reputation|reads?|downloads?|watchers?|karma|stars?|thanks|threads?|members? online|guests?|retweets?"
    r"|ratings?|reviews?|favou?rites|bookmarks|kudos)"
)
AGO = (
    r"(?:(?:about |over |almost )?(?:\d+|an?|one|two|three) (?:second|sec|minute|min|hour|hr|day|week|wk"
    r"|month|mo"
    r"|year|yr|decade)s?\.?,? ?"
    r"(?:and )?){1,2} ?ago"
)
MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"  # whole words: "4 marks", "3 decimals" and "5 marbles" are no dates
)
DATE = (
    rf"(?:{MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? ?(?:\d{{4}}|['’]\d\d)?|\d{{1,2}}(?:st|nd|rd"
    rf"|th)? {MONTH},? ?\d{{0,4}}"
    r"|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d{4}-\d\d-\d\d|today|yesterday)"
)
TIME = r"\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]\.?m\.?)?(?: ?(?:utc|gmt|est|pst|edt|cet)(?:[+-]\d+)?)?"
WEEKDAY = r"(?:mon|tue(?:s)?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\b"
WHEN = rf"(?:{WEEKDAY},? )?{DATE}(?:(?:,| at| @| -|\|)? *{TIME})?"
DONE = (
    r"(?:posted|asked|answered|edited|submitted|published|updated|modified|commented|replied|written|created"
    r"|viewed|active|joined|closed|locked|registered|migrated"
    r"|last (?:edited|updated|modified|edit|post|reply|activity|seen|visited))"
)

is_count = fits_one(
    (
        rf"(?:you are here: )?{CRUMB}(?: *(?:[»›>→]|->) *{CRUMB}){{2,8}}\W*",
        rf"\W*{DONE}\W{{0,3}}{WHEN}(?!\w).*",
        r"\W*[\w.@' -]{1,30} (?:wrote|said|says|writes|replied|commented|asked|answered):?\W*",
        rf"\W*{COUNT} (?:views?|replies|reply|comments?|upvotes?|downvotes?|likes?|subscribers?|followers?"
        rf"|retweets?)\W*",
        r"\W*(?:views|replies|tags|reputation|labels|likes received) ?: ?(?![^\n]*=)\$?\d.*",
        r"\W*posts ?: ?\d[\d,]*\W*|level \d+\W*",
        r"[\W\d]*[▲▼⬆⬇★☆⭐👍👎♥❤][\W\d]*|\W*[▲▼⬆⬇]\W?\d+.*",
        rf"\W*{COUNT} {COUNTED}(?:\W+(?:{COUNT} {COUNTED}|{AGO}|{WHEN})){{1,6}}\W*",
        rf"\W*{COUNTED} ?[:(]? ?{COUNT}\)?(?:[\W_]+{COUNTED} ?[:(]? ?{COUNT}\)?){{1,5}}\W*",
        rf"(?:[\w.@'-]+(?: [\w.@'-]+)?)?\W*(?:on )?(?:{AGO}"
        rf"|{WHEN})\W*(?:{COUNT} {COUNTED}\W*)?(?:(?:{ITEM})\W*){{0,3}}(?<!\.)",
        rf"\W*(?:rating|rated|score|votes?|upvotes?|points?|thanks|likes?"
        rf"|helpful)\W{{0,3}}[+-]?{COUNT}(?: ?/ ?[+-]?\d+)?(?: ?[-–(,] ?{COUNT} \w+\)?)?\W*",
    )
)
"""Counts, ratings, dates and who wrote: a page's where it has them, else perhaps what a solution comes to."""
WITHIN = re.compile(
    rf"{COUNT} (?!points?\b|stars?\b|answers?\b){COUNTED}(?:(?: ?[,;|·•] ?| and ){COUNT} {COUNTED})*"
    rf"|(?:votes?|score|rating|views|likes) ?[:=]? ?{COUNT}",
    re.I,
)
"""Counts that a line has in brackets."""
