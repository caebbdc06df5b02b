"""Lines that only a web page has: menus, notices, by-lines, names. English; each pattern is a whole line."""

from __future__ import annotations

import re

from builder.checks.page_counts import AGO, COUNT, COUNTED, DATE, DONE, ITEM, MONTH, TIME, WHEN
from builder.checks.patterns import fits_one

_ALONE = (
    "(?:home(?:page)?|log ?in|log ?out|sign ?in|sign ?up|sign ?out|register|share(?: this)?(?: post| page)?|reply"
    "|report|quote|like"
    "|follow|subscribe|menu|search|next(?: page| thread| post| topic)|prev(?:ious)? (?:page|thread|post|topic)"
    "|next|previous"
    "|back to top|contact(?: us)?|about us|privacy|faqs?|help|tweet|print|permalink|read more|load more"
    "|show (?:more|less)"
    "|advertisements?|sponsored|cite|bookmark|copy link|download pdf|upvote|downvote|skip to (?:main )?content"
    "|sitemap|careers"
    "|add a comment|post comment|ask(?: a)? question|create (?:an )?account|join(?: now| for free)|pin it|loading"
    "|recent posts"
    "|related posts|related questions|archives|give award|watch later|blogthis!?|older posts?|newer posts?"
    "|top of page|e-?mail this|site ?map|promoted"
    "|sponsored links|toggle navigation|skip navigation|reblog|click here)"
)
_BETWEEN = r" *[|·»›>•/] *"  # a comma or a dash is prose too: "Next, multiply both sides by 2."
_WORDS = r"\w+(?: +\w+){0,5}"  # no space at either end: one that two parts could take would be tried in both
_WITHIN = (
    r"\b(?:all rights reserved|privacy policy|terms of (?:use|service)|terms (?:and|&) conditions"
    r"|cookie policy)\b",
    r"\b(?:(?:we|(?:web ?)?site|page|app|forum|service)s? (?:and our partners )?uses? (?:[a-z]+ )?cookies"
    r"|(?:accept|allow|reject|manage|enable|disable|deny) (?:all |our |essential |necessary )?cookies"
    r"|(?:use|using|necessary|essential|functional|all) (?:of )?cookies(?: only| on this| to (?:improve"
    r"|enhance|give|ensure|analy))"
    r"|the use of cookies|value your privacy|personali[sz]ed? (?:ads|content)|your consent)\b",
    r"\b(?:powered by (?:phpbb|wordpress|vbulletin|discourse|invision|mybb|blogger|xenforo|disqus|smf"
    r"|mathjax)"
    r"|user contributions licensed|(?:licensed under|license) (?:a )?(?:cc|creative commons)"
    r"|proudly powered by|theme by)\b",
    r"\b(?:(?:sign|log) ?(?:up|in) (?:to (?:join|reply|view|see|get|comment|post|vote|continue|add|ask"
    r"|answer|your)|with (?:google|facebook|e-?mail|apple)"
    r"|using|for (?:free|a|an|our)|or (?:register|sign|log|create)|here|now|today)|please (?:log|sign) ?in"
    r"|log ?in or register"
    r"|create (?:an|a free|your) (?:free )?account|(?:register|join) (?:now|today|for free|free|to reply"
    r"|this community|our community)"
    r"|already (?:have an account|a member)|don['’]t have an account|forgot (?:your )?password|remember me"
    r"|(?:start|try|begin|get) (?:your|a|my|our) (?:[\w-]+ )?free trial|free trial(?=\W*\Z)"
    r"|(?:get|download|open)(?: it)? (?:the|our|in the|on the|in|on) (?:[a-z]+ )?(?:app|app store"
    r"|google play)\b"
    r"|you must (?:be logged in|log in|sign in)|not a member(?: yet)?\?|member since"
    r"|upgrade to premium)\b(?!.*\d.*=)",
    r"\b(?:subscribe (?:to|for) (?:our|my|the|this) (?:newsletter|channel|blog|feed|rss)"
    r"|subscribe to: ?posts?|subscribe to: ?comments?|like and subscribe|hit the bell"
    r"|follow us|like us on|share (?:on|to|via|with) (?:facebook|twitter|x|reddit|whatsapp|linkedin"
    r"|pinterest"
    r"|e-?mail|friends)"
    r"|click to share|opens in new window|tell a friend|share this:|like this:|like loading"
    r"|follow me on)\b",
    r"\b(?:browse other questions tagged|hot network questions|not the answer you['’]re looking for"
    r"|this question already has"
    r"|thanks for contributing an answer|(?:gold|silver|bronze) badges?|new contributor|closed as (?:off"
    r"|not"
    r"|too|dup|unclear)"
    r"|community wiki|marked as duplicate|expert[- ]verified|verified (?:answer|expert)|answer verified"
    r"|brainly|chegg|quora"
    r"|stack ?exchange|stack ?overflow|mathoverflow|search our (?:site|database|archives?)"
    r"|coursehero|course hero"
    r"|originally (?:answered|posted)|author has|answer views|continue (?:reading|this thread)"
    r"|continue reading|view profile"
    r"|this post has been edited|last edited by|thread (?:starter|closed)|topic was automatically closed"
    r"|archived post|who is online"
    r"|users browsing|board index|return to .{1,30} forum|quick (?:reply|links)|display posts"
    r"|your e-?mail address will not|required fields"
    r"|leave a (?:reply|comment)|post a comment|view my complete profile|blog archive|was this (?:answer"
    r"|page"
    r"|helpful|useful|article|post)|rate this"
    r"|who are the experts|subject matter expert|this problem has been solved|step-by-step solution"
    r"|previous question next question"
    r"|show transcript|up next|autoplay|hidden text|community guidelines|report (?:abuse|a problem|this)"
    r"|ad blocker|pop-?up)\b",
    r"\b(?:not a robot|are you (?:a )?human|(?:not|find) what you(?:['’]re| are| were)? (?:looking"
    r"|searching))\b",
    r"\b(?:requires? javascript|javascript (?:is|must|to|has|needs)|(?:refresh|reload)(?:ing)? (?:the|this)"
    r" page|(?:shared|released|licen[sc]ed|available|published|distributed) under (?:an? |the )?(?:cc\b|gnu"
    r"|gfdl"
    r"|creative|public|[\w .-]{0,30}licen[cs]e)|cc[ -]by\b|still (?:need help|have (?:a )?questions?"
    r"|stuck)(?=\?)"
    r"|book (?:a|your|my) (?:free|demo|trial)|live (?:online )?class(?:es)?)\b",
    r"\b(?:enroll?|order|apply|shop|donate|start learning|try it) (?:now|today|for free)\b",
    r"\b(?:enable javascript|browser does not support|access to this page"
    r"|(?:new )?comments cannot be posted|save my name, e-?mail"
    r"|unlock (?:this|the|your|all) (?:answer|solution|content)|report inappropriate|ads by google"
    r"|mark (?:me"
    r"|this|it|as)(?: as)?(?: the)? brainl?iest"
    r"|brainliest|bb code is|all times are (?:gmt|utc)|the time now is|you may(?: not)? (?:post|edit your"
    r"|reply)"
    r"|thanks for your feedback)\b",
    r"\b(?:to (?:learn|know|read|see|find out) more (?:about|on)"
    r"|(?:learn|read|find out|know) more (?:about|at|on)"
    r"|for (?:more|further|additional)"
    r" (?:information|details|help|practice|examples|questions|resources),? (?:about|on|see|visit|refer"
    r"|check|click|contact|go))\b",
    rf"\b(?:answered|asked|edited|posted|modified) (?:on )?{DATE},? (?:at )?{TIME}",
)  # fmt: skip
"""Words of a page's alone, wherever in a line they are."""
_WHOLE = (
    rf"\W*(?:{_ALONE}|about|contact|terms|forums?|blog|members|questions|ask"
    rf"|all)(?:{_BETWEEN}{_WORDS}){{1,40}}\W*",
    rf"(?!like terms)\W*{ITEM}(?:(?:\s+|\s*[^\w\s,]\W{{0,3}}){ITEM}){{1,20}}\W*",
    r"you are here:?.{0,80}\W*|[^=+]{3,80}[^\W\d_]{3} ?[→»›▶►]",
    r"(?:(?:topic|replies|views|activity|author|last post|forum|posts|users|subject|starter|likes"
    r"|started by"
    r"|threads)\W*){3,8}",
    r"[«‹]? ?(?:prev(?:ious)?|first|older)?\W{0,4}(?:\d{1,4} ){2,12}(?:(?:\.\.\.|…) ?\d* ?)?"
    r"(?:next|last|newer)\W*",
    r"\W*(?:go to )?page \d+(?: of \d+)?\W*(?:next|prev).*",
    r"\W*(?:go to )?page \d+ of \d+\W*",
    r"[«»‹›→←] ?(?:next|prev(?:ious)?|back|newer|older)\b.{0,40}|(?:next|prev(?:ious)?|back|newer"
    r"|older)\b.{0,40}[«»‹›→←]",
    r"(?:previous|next) (?:question|post|article|topic|thread|lesson|problem)(?:[ :|»-]+.{0,60})?",
    r"\W*(?:results|showing|displaying|viewing)\b.{0,20}?\d+ ?(?:-|–|to) ?\d+ of \d+.{0,40}",
    r".{0,60}\.(?:png|jpe?g|gif|pdf|docx?|zip)\b.{0,20}\b(?:[kmg]i?b|views|downloads)\b.{0,40}",
    rf"rated \d.{{0,40}}|.{{0,60}}\bstarted by [\w.]+,? {WHEN}\W*",
    # notices
    r".*\bcookie (?:notice|settings|preferences|consent|banner)\b.*",
    r"(?:accept(?: all| & close)?|reject all|decline|necessary only|got it|i agree|manage preferences"
    r"|cookies: ?ok|allow all)\W*",
    r"\W*\(c\) .{0,40}\b(?:19|20)\d\d\W.{0,20}\b(?:contact|about|privacy|terms|home|imprint|help)\b.*",
    r"(?:(?:i )?(?:need|want) (?:(?:this|it|help|an? answer) )?(?:done )?(?:by|before|for)"
    r"|(?:it ?['’]?s )?due(?: by| on)?)"
    r" (?:today|tonight|tomorrow|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b[^\d=$]{0,30}",
    r"(?:guest|anonymous|admin|moderator) ?: [^\d=$]{1,80}",
    r".*(?:©|copyright (?:19|20)\d\d|copyright \(c\)).*|\W*\(c\) ?(?:19"
    r"|20)\d\d(?:[-–]\d{2,4})?,? (?:by )?[a-z][^=+×*/]*",
    # joining and following
    r"\W*(?:(?:share|facebook|twitter|pinterest|linkedin|whatsapp|reddit|e-?mail|tumblr|instagram|telegram"
    r"|print)\W*){2,12}",
    # questions and answers
    r"\W*\d+ answers?(?:\W+(?:sorted by|order by)\W*.*)?(?<![.])",
    r"\W*(?:registered|joined|member since):? \w{0,9} ?\d{4}\W*|\W*(?:views"
    r"|replies"
    r"|tags|tagged|joined|reputation|labels|filed under|posted in|likes received) ?: ?(?! ?\$?\d)(?![^\n]*=).*"
    r"|(?:location|category): (?-i:[A-Z])[\w, ]*",
    r"\W*(?:tagged|filed under|posted in)(?: with| as)?(?:[, ]+[a-z-]+){1,8}",
    rf"\W*viewed {COUNT} times?\W*|\W*{DONE}\W{{0,3}}{AGO}\b.*|\W*{DONE}:? .{{0,60}}(?:{AGO}|{TIME})\W*",
    rf"\W*(?:(?:question|answer|comment|reply|problem|thread|message|solution) )?{DONE} by:?"
    rf" [\w.@'-]+(?: [\w.@'-]+)?\W*(?:(?:on |at )?(?:{AGO}|{WHEN}|{TIME}).{{0,30}})?",
    rf"\W*{DONE} (?:on|at):? {WHEN}.*",
    r"\W*(?:sorted by|sort by|order by|reset to default|highest score|oldest first|newest first"
    r"|date (?:modified|created)).{0,60}",
    r"\W*(?:improve|edit|follow|cite|close|reopen|report|share|flag|print|accept|bookmark|rate|save|embed"
    r"|like) this (?:question|answer|post|thread|page|comment|topic|article)\W*",
    r"\W*(?:add|post|leave|write) (?:a|your|an?other) (?:comment|reply|answer|response|review)\W*",
    r"\W*(?:no|show|hide|view|load|see|expand|collapse)(?: (?:all|more|other|\d+)){0,4} (?:comments?"
    r"|answers?"
    r"|replies|posts)(?: to this question| below)?\W*",
    r"\W*(?:expert answer|top answer|best answer|accepted answer|your answer|new answer|most helpful"
    r"|ambitious|genius|ace|virtuoso|moderator"
    r"|administrator|new member|senior member|junior member|registered user|guest|rookie|op|original poster"
    r"|\[?deleted\]?|sign up to join.*)\W*",
    # people and votes
    r"\W*(?:quote from|(?:quote )?from:|re:|quoting|in reply to|replying to"
    r"|originally posted by):? [\w.@' -]{1,40}\W*(?:on .*)?(?<![.?!])",
    r"[\w.-]{2,30} \((?:[a-z ]+, ?)?\d[\d,]* (?:posts?|points?|rep|answers?)\).*",
    r"@\w{2,30}\W*|u/\w+.{0,40}|r/\w+.{0,40}|y by [\w, ]+|z k y\W*|g h j\W*|post #\d+.{0,40}",
    r"\[[+-]\d+\]|.{2,40}\[[+−-]\d+\]",
    r"\d(?:\.\d)?(?:(?: out of |/)5)?(?: stars)? ?\(\d[\d,.k]* (?:votes?|ratings?|reviews?)\)",
    rf"\W*{COUNT} (?:people|users|members|students) (?:found this|like this|liked this|are viewing|viewing"
    rf"|online).*",
    rf"\W*{TIME} / {TIME}\W*",
    # what is said to those who read along
    r"\W*(?:(?:hi|hello|hey|dear)(?: (?:all|everyone|everybody|guys|there|folks|friends|again))?"
    r"|thanks?(?: you)?(?: so much| a lot| very much)?"
    r"|thanks? (?:in advance|for (?:the|your|any) (?:help|reply|answer|time).{0,20})|(?:any|pls|please"
    r"|plz) (?:help|hints?)(?: (?:me|appreciated|needed|asap))*"
    r"|(?:best|kind|warm)? ?regards|good luck|hope (?:this|that|it) helps|omg thank.{0,30}|\+1|bump"
    r"|\[solved(?=\]))\b\W*(?:[a-z]{2,12}\W*)?",
    r"(?:contact|e-?mail):? ?\S+@\S+\.\w+|\S+@\S+\.[a-z]{2,6}|\W*(?:https?://|www\.)\S+\W*|(?:source"
    r"|link|via"
    r"|see also|ref)s?: ?(?:https?://|www\.)\S+.*",
    r".*\\(?:begin|end)group\b.*",
    r"\[/?(?:quote|spoiler|img|url|size|color|video|attach)(?:=[^\]]*)?\].*"
    r"|#?[a-z][\w-]+(?:[ ,]+#[a-z][\w-]+)+",
    r"(?:\w+ ){0,2}re: .*",
    r".{1,80}\[ ?edit(?: source)?(?: \| ?edit source)? ?\]",
    r".*\[ ?(?:calculate|compute|reset|submit|clear|solve|check|enter|go|search|send|play|start|hint|next"
    r"|back)"
    r" ?\]\W*",
    r".*\b(?:(?:press|enter|exit|for|toggle|view|go) full ?screen|full ?screen mode|play ?(?:/|or"
    r"|and) ?pause|(?:un)?mute|playback speed|video player|closed captions"
    r"|mark(?:ed)? (?:as|this as) (?:done|complete|read|favou?rite)|attempts? (?:remaining|left)"
    r"|you have (?:attempted|unlimited|used \d+|\d+ (?:attempts?|tries)))\b.*|(?:.{0,60}["
    r"|·•] ?)?\d+ ?% complete\b.{0,40}(?<!\.)",
    rf"(?:shared|viewed|liked|downloaded|read|played|solved|attempted|saved) {COUNT} times?\W*",
    rf"\[ ?{TIME} ?\] ?[\w.-]{{1,30}}: .*|[▶►⏵⏯]\ufe0f? ?.*\(?\d{{1,2}}:\d\d\)?\W*",
    r"(?:answer|question|solution|comment|reply|posted) by [\w.-]{2,30} ?\(\d+\).*|.*\(show source\).*",
    r"(?:great|nice|awesome|excellent|amazing) (?:explanation|video|post|article|lesson|site|page"
    r"|tutorial)\b.{0,60}"
    r"|(?:[+▸»•] ?(?-i:[A-Z])[a-z]{3,}(?: [a-z]+)?\s*){3,8}"
    r"|[\[(](?:solved|closed|help|urgent|homework|hw)[\])](?:\W.*)?",
    r"quote by .{1,40}:.*|like (?:this|it|what you)\b.{0,30}\b(?:share|tweet|pin) it\b.*",
    r"</?(?:div|span|script|img|ul|li|nav|footer|header|iframe|a|p|br)\b[^>]*>.*|(?:&\w{2,8};\s*)+"
    r"|.*\b(?:adsbygoogle|window\.\w|document\.\w).*|\W*function ?\w*\(.*",
    r"(?:this (?:question|thread|topic|post|discussion|page|article|forum) (?:is|was|has been)"
    r" (?:now |currently |automatically )?(?:closed|locked|archived|moved|merged|deleted|viewed"
    r"|accessed).{0,60}|want to improve this question"
    r"|post as a guest"
    r"|required, but never shown|start asking to get answers|find the answer to your question by asking"
    r"|ask your question|related|linked"
    r"|offline|article rating|notify of|your privacy|forum rules|similar threads|thread tools"
    r"|table of contents|post navigation"
    r"|print version|quick navigation.{0,40}|fav(?:ou?rite)? answer|more posts you may like|lv \d"
    r"|registered users only"
    r"|go to (?:solution|top|first unread post)|reply to this (?:topic|thread)|start new topic"
    r"|solution accepted by.{0,30}"
    r"|tags for this thread|comments(?: are closed| \(\d+\))|\d+ (?:thoughts?|responses|comments) (?:on"
    r"|to) .{1,80}"
    r"|see plans (?:and|&) pricing|show ?/ ?hide.{0,30}|click (?:here|to (?:expand|see|view|reveal|enlarge"
    r"|show)).{0,60}"
    r"|top \d+% .{0,30}|sent from my .{1,40}"
    r"|.{0,80}\(read \d+ times\)"
    r"|(?:show|hide|reveal|toggle) (?:the )?(?:solution|answer|hint|step|explanation|spoiler)s?"
    r"|(?:save|download|print|open) .{0,40}\b(?:pdf|worksheet|handout)s?\b(?: (?:worksheet|file|version"
    r"|notes|copy"
    r"|here|now))?|source\(s\).{0,60}"
    r"|[\w.-]{2,30} is (?:offline|online)"
    r"|(?:watch|view) (?:this )?on (?:youtube|facebook|instagram)|\d+ min(?:ute)?s? read"
    r"|read(?:ing)? time.{0,20}|follow @\w+.{0,30}"
    r"|up ?vote \d+ down ?vote.{0,20})\W*",
    r"(?:(?:hi|hello|hey)\W+)?(?:(?:can|could|would) (?:any|some)(?:one|body)"
    r"|i (?:really )?need (?:some )?help with|please help me|help me)\b[^\d=]{0,80}"
    r"|thank you\b[^\d=,]{0,40}[!.]*|give (?:me )?5 stars.{0,30}",
    rf".*[–—|·•,(-] ?{AGO}\)?",
    rf".{{2,40}}\b(?:asked|answered|posted|commented|replied|edited)\W{{1,3}}(?:on )?{DATE}\W*"
    r"|on .{5,60} wrote:",
    r"\W*(?:uploaded|shared|compiled|prepared|contributed|reviewed|curated|translated|edited|shot|drawn|made|created)"
    r" by:? (?-i:[A-Z][\w.'’-]+(?: [A-Z][\w.'’-]*){0,3})\W*"
    r"|\W*(?:photo(?:graph)?|image|picture|illustration|video|artwork|screenshot)s?(?: credits?)?:?"
    r" (?:by|courtesy|from)\b.*",
    r"\W*(?:tap (?:for|to|on|here)|click (?:here|to|below|above|on (?:the|this|any)"
    r"|the (?:button|link|image|icon|picture|arrow|box))"
    r"|scroll (?:down|up|to)|hover (?:over|on))\b[^\d=$]{0,60}",
    r"(?-i:(?:[a-z]+(?:-[a-z]+)+[ ,]+){2,6}[a-z]+(?:-[a-z]+)*)|(?:possible )?duplicate of\b.*",
    r"\W*(?:question|slide|card|item) \d+ ?(?:of|/) ?\d+\W*(?:(?:score|lives|level|points|time)\b.*)?",
    r"(?:video|audio|text) (?:solution|lecture|lesson|transcript|tutorial|explanation|walkthrough|answer)s?\W*"
    r"|.*\bterms in this set\b.*",
    r"[\[(] ?\d+ (?:points?|pts?\.?|marks?) ?[\])]\W*",
    r"\W*(?:(?:name|date|class|period|score|teacher|student|grade|section|hour)\W{0,4}:?[ ]*_{3,}\W*)+",
    r"\W*(?:question|problem|thread|post|topic|message|id|q(?:uestion)? ?no\.?)\W{0,3}\d{4,}\W*",
    rf"(?:.*\W )?[-–—] ?[\w.♦]+(?: [\w.♦]+)? +(?:{AGO}|{WHEN})\W*|{TIME}\W+{DATE}\W*"
    rf"|by [\w. ]{{2,40}}\W{{1,3}}(?:on )?{MONTH} \d{{1,2}},? \d{{4}}.{{0,30}}",
    rf"(?:(?:senior|junior|jr\.?|new|full|regular|super) )?(?:member|moderator|user"
    rf"|poster)\W+{COUNT} {COUNTED}\W*"
    r"|(?:senior|junior|jr\.?) member\W*",
)  # fmt: skip
LONE = re.compile(rf"\W*{_ALONE}\W*", re.I)
"""A button or a menu's item alone on its line."""
is_line = fits_one(_WHOLE, within=_WITHIN)
"""Whether a line is a page's."""
is_title_line = fits_one(_WHOLE[5:], within=_WITHIN)
"""Those that a heading may be, too: a heading of the words of a menu is a heading."""
ITEMS = re.compile(rf"\b{ITEM} *\| *{ITEM}\b", re.I)
"""Two items of a menu in a table's row."""
