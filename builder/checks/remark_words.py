"""What models say of their own work, by classes of phrases: who speaks, to whom, what was done and to what."""

from __future__ import annotations

from builder.checks import remark_words_of_code as of_code
from builder.checks import remark_words_of_pages as of_pages
from builder.checks.lexicon import Lexicon

_BOTH = {
    "speaker": """
        I've, I'll, I'd, I'm
        I have/will/would/can/could/did/had/tried/hope/think/believe/assume/assumed/made/kept/left/used
        I rewrote/added/removed/changed/corrected/fixed/omitted/cleaned/included/excluded/preserved/replaced
        I provide/present/rewrite/clean/explain/need/want
        I see/notice/noticed/suggest/recommend/understand/apolog*
        I also/just/only/then/now/first/simply/slightly/carefully/deliberately/intentionally
        I reformat*, I restructur*, I simplif*, I summar*, I refactor*, I rephras*, I reorgani*, I translat*
        I don't/didn't/wasn't/haven't/chose/put/moved/renamed/wrapped/split/took/gave
        my answer/response/reply/rewrite/version/solution/explanation/changes/edits/understanding/task/job/goal
        my knowledge/training/previous/earlier/apologies
    """,
    "to_reader": """
        user's request/page
        the user has/have supplied/provided/given/shared/asked/requested/posted
        you can now, when you are/you're ready, for you, what you need
        you asked/provided/shared/gave/sent/pasted/posted/requested/supplied/uploaded/attached/wanted/included
        you've/have asked/provided/shared/given/sent/pasted/posted/requested/supplied/uploaded/attached/included
        you'd like/prefer, you would like/prefer, you may/can/could/might adapt/adjust/modify/extend,
        want/need/like/prefer me to, allow me to, you need/want/require help/clarification/assistance, for me to
        if you have any/questions/further/more/other/trouble/doubts, if you are/get/run stuck/unsure/into
        if you find/notice/spot any/errors/mistakes, if you'd like, if you would like
        your request/code/page/script/feedback/instructions/prompt/snippet/submission/requirements
        your original, your question/input/text/message/file, your own/specific/particular needs/use
        your exam/exams/studies/journey/learning/homework/test
    """,
    "help": """
        ^ was this/that/it explanation/clear/helpful/useful/solution, ^ is this explanation/solution clear
        any feedback/comments, feedback is, would it/this help, help with that/this/anything, on request
        no worries
        your thoughts, stay motivated/positive/curious/focused, that's a wrap, ^ any feedback
        I can/could also provide/make/give/show/add/explain/rewrite/draw/include, I trust this/that
        just tell me, I can/could produce/offer/prepare/supply/generate/create/turn, suit you, please rate
        rate my/this answer/response, if this was/is useful/helpful/clear, the answer useful/helpful
        useful/helpful to/for you
        if anything/something is/seems/remains unclear/confusing/missing/wrong, anything is unclear, tell me if
        ^ would you like/prefer a/an/me/more/another/some
        I can/could also present/write/format/turn/put/do/offer, ^ does this/that match/work/look/fit/sound/suit
        I have/I've prepared/compiled
        what you had in, is this/that what you, if you prefer .
        ^ would you like to practise/practice/try/see/continue/explore/learn/work, let me know and/so
        ^ what I changed/did/improved/fixed/kept
        ^ do you want/need me/more/another/help/examples/further
        ^ do you have any/questions/other, ^ does this/that help/answer/clarify, ^ does this/that make sense/it
        ^ is there something/anything, ^ is this/that/everything clear/helpful, ^ any questions
        ^ have fun with/learning
        your feedback, let's move on, let us move on, I am/I'm here to, ^ want me to, ^ need more/another/help
        let me know if/whether/what/how/when/in/should/your/about/which/.
        feel free to ask/reach/contact/adjust/modify/adapt/extend/change
        feel free to edit/comment/suggest/experiment/explore/share/let/customize/customise, do not hesitate
        don't hesitate, reach out, happy to help, glad to help
        hope this/that/it/these helps/help/clarifies/explanation/solution/answers/gives/clears/version/rewrite
        hope this/that/it/these is/was/makes helpful/clear/useful/sense/it/what
        hope you find/found/enjoy/enjoyed
        ^ hope this/that, hope the explanation/solution/answer/version
        any/other/further/more/additional questions/clarification/clarifications/assistance/doubts/concerns
        need/want/like more/further/additional/any/some help/explanation/details/examples/practice/clarification
        anything else you/I/to
        happy/glad to explain/assist/provide/continue/clarify/answer/rewrite/add/extend/adjust/make
        shall/should I continue/go/also/add/rewrite/explain/include/provide, just ask, here to help
        happy learning/studying/coding/practicing/practising/calculating/solving/programming/exploring/math
        good/best luck with your, best of luck, enjoy learning/your/the
        keep practicing/practising/learning/up the
        want/like/need me to, help you with/understand/further, help with anything
        is there anything, look forward to, thank you/thanks for sharing/providing/your/asking/reading/using
    """,
    "model": """
        please check/verify/double the/this/that, may contain errors/mistakes, generated automatically
        I may/might have made/been/missed/overlooked
        by ai, by an ai, by the assistant/ai, I am/I'm not a/an, I am/I'm an ai/a, word count
        as an ai/llm/assistant, an ai language/model/assistant, as a language/large/chatbot
        ai - generated/assisted
        generated/written/produced/created/refactored/rewritten by/with/using ai/an/chatgpt
        generated/written/produced/created/refactored/rewritten by/with/using gpt/claude/copilot/gemini
        knowledge cutoff/cut, cutoff date, cut - off date, my training, my knowledge, training data
        knowledge update
        last/latest knowledge, my last/latest update, I was trained, real - time data/information/access
        browse/access the internet/web, professional advice/guidance, educational purposes
        informational purposes
        please verify, double - check the/this/my
    """,
    "cannot": """
        I cannot/can't/couldn't/won't/don't access/view/see/open/help
        I cannot/can't/couldn't/won't/don't assist/provide/rewrite/process/complete/comply
        I cannot/can't/couldn't/won't/don't verify/generate/read/continue/fulfil
        I cannot/can't/couldn't/won't/don't fulfill/reproduce/browse/know/tell
        I cannot/can't/couldn't/won't/don't refactor/share/have/do/make/include/be/in/with/answer
        I could/will/do/am not, I'm/am unable/not, am unable, I can not
        unable to help/assist/provide/rewrite/process/complete/comply
        unable to access/view/see/open/fulfil/fulfill/continue
        cannot/can't help/assist/comply/fulfil/fulfill/be rewritten/provided/assist, decline to, must decline
        not comfortable, not appropriate to, don't/doesn't have access, do/does not have access
        not enough information/context/content/code/detail/details, insufficient information/context
    """,
    "apology": "sorry, unfortunately, regrettably, apolog*",
    "task": """
        the user has supplied/provided/given/asked/requested
        as requested/instructed/asked/specified/per, as you requested/asked/instructed/wanted/suggested
        per your/the
        your/these/given/system/above instructions/guidelines/prompt/request/criteria
        the instructions/guidelines/prompt
        required/requested/desired/specified/expected format/form/output/changes/structure
        the user wants/asks/asked/wanted/requested me/us/for/a/the, user's request
        the task is/asks/was/here/requires, the rewriting/rewrite task, task requirements
        I was asked/told/instructed to, the requirements are/were
        state/restate the problem, put/place the answer/result, on the last line
        last line of, ^ plan : first/I/state
    """,
}

OWN = frozenset({"reworked", "artefact", "original", "refactored", "craft", "task", "changes"})
"""Classes whose phrases count for nothing where the source has the same: they are its subject."""
PAGE, CODE = Lexicon({**_BOTH, **of_pages.PHRASES}), Lexicon({**_BOTH, **of_code.PHRASES})
PAGE_WEIGHTS, CODE_WEIGHTS = of_pages.WEIGHTS, of_code.WEIGHTS
