"""What models say of their own work, by classes of phrases: who speaks, to whom, what was done and to what."""

from __future__ import annotations

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

_PAGE = {
    **_BOTH,
    "reader": "you, your, yours, you're, you'll",
    "second_thought": """
        sorry for the/any/my/that
        ^ wait ., ^ oh wait, ^ hmm, ^ oops, ^ whoops, ^ hold on, ^ but wait, ^ no wait, ^ actually wait
        scratch that, on second thought, let me re*/re
        ^ actually let me/that's/no/I/wait, let me double/verify/correct/fix/redo/try
        ^ let me start/explain/walk, ^ actually . let/that's/no/I/wait/this/that
        let me think about/through/again/carefully
        let me walk/break/clarify/summarize/summarise/present/provide
        my mistake/bad/apologies, my previous/earlier answer/calculation/response/reply/step/solution/work
        I made/see a/an/the/my mistake/error/typo
        I misread/miscounted/miscalculated/misspoke/apologize/apologise
        I'm sorry, I am sorry, apologies for
    """,
    "greeting": """
        below you'll find, below you will/can find, please find, what I came/did/have/found
        ^ welcome . dear/students/everyone, ^ today we/we'll/let's, ^ today . we/we'll/let's
        ^ in this lesson/guide
        ^ let's dive/get/explore, ^ now the content/material/page/text
        ^ this one is/looks fun/easy/interesting/nice
        content/material/text/page is now/ready
        ^ hello/hi/hey/greetings ./there/everyone/students/again/and, ^ welcome to
        ^ dear student/students/reader
        ^ good morning/afternoon/evening, ^ okay/ok/alright ./so/then, ^ sure/certainly/absolutely ./thing
        ^ great/good/excellent/interesting/nice question/problem/one .
        ^ fantastic/wonderful/awesome/lovely/perfect question/problem/one .
                that's/is a/an great/good/excellent/interesting/nice/fantastic/wonderful question/one
        what a great/good/nice
        ^ well done, ^ congratulations, ^ great/nice/good job/work ./on, ^ got it, ^ understood, ^ of course so
        ^ here goes, ^ here you go, ^ here we go, ^ final output, ^ output :
        ^ my response/answer/rewrite/version
    """,
    "farewell": """
        that/this completes/concludes/finishes the/my/our task/rewrite/rewriting/material
        that/this completes/concludes/finishes the/my/our lesson/exercise/rewritten/request
        ^ best/kind/warm regards/wishes, ^ regards, ^ cheers, ^ good luck ./with/on/and, ^ all the best
        ^ take care
        ^ that's it/all/everything ./for/folks, ^ that is all ./for
        ^ have a great/nice/good/wonderful/lovely day/one/time/week
        ^ see you, ^ stay curious, ^ thanks ., ^ thank you, ^ enjoy ., ^ yours, ^ sincerely, ^ happy _ .
        ^ until next time, ^ keep practicing/practising/it/up/going/learning, ^ you've got this, ^ you can do it
        end of output/rewrite/response/answer/page/text/document/material/rewritten/solution/study/content
        word count, ^ done ., go over this again, any part of this, in the comments, stay tuned
    """,
    "headline": """
        above text/version/rewrite/explanation/material
        rewritten/cleaned/revised version/page/text/material/content/problem
        reformatted/reworked/edited/polished version/page/text/material/content/problem
        rewritten/revised/reformatted/reworked/cleaned solution/answer/question/output/document/below/study
        cleaned - up/up version/page/text/material/content/problem/solution, clean version/rewrite/copy
    """,
    "passive": """
        been/were/was left out, adjusted for, given on/in the page/thread/text/post
        was/were/been/is/are left out, was/were/been remov*, was/were/been omit*
        was/were/been skipped/excluded/dropped/reworded, are/is omit*
        was/were/been expanded/shortened/corrected/changed/edited
        was/were/been rewritten/adapted/translated/simplified/clarified
        was/were/been added/kept/preserved/retained/replaced
        was/were/been summarized/summarised/condensed/converted/formatted/fixed
        can be provided, is given/presented/stated in the
    """,
    "product": """
        everything not/related, was given
        explanation, explanations, exercise, exercises, names, dates, notation, heading, title
        everything else, steps
        question, questions, problem, material, headings, wording, solution, essence, messy, redundant, only
        comments
        provided, here
    """,
    "placeholder": """
        insert _ here, insert diagram/image/figure/graph/table/picture/a/the, your name/answer here, goes here
        ^ to be filled/completed/added/continued, [/( to be filled/completed/added/continued, lorem ipsum
        to be filled/completed/added/continued here/later/soon/in
        [ image/figure/diagram/picture/graph/link/your/placeholder
    """,
    "rest": """
        the rest/remaining/remainder/other
        remaining/other parts/problems/exercises/questions/steps/examples/items
        and so on for, same way/manner for, similarly for
    """,
    "brevity": "for brevity/space/conciseness, to save space, to keep this/it/the short/brief/concise",
    "assumed": "assum*, presumably, inferred, interpreted, reconstructed, filled in",
    "reworked": """
        rewrote, rewriting, rewrite of, rewritten below/above/for
        reformat*, rephras*, reword*, restructur*, reorgani*, cleaned up, clean - up, cleaned - up, tidied
        streamlin*, polish*, paraphras*, proofread, reworked, condensed, restated
    """,
    "handled": """
        remov*, omit*, left/leave/leaving/leaves out, exclud*, dropped, stripped, retain*, preserv*, kept
        keeps, keeping
        adapt*, clarif*, correct*, added, adds, included, ignored, skipped, replaced, summari*, edited
        cleaned, translated, filtered, reproduced, presented, fixed, changed, modified, expanded, shortened
        discarded
        eliminated, standardi*, improved, organi*, converted, turned, not included/shown/reproduced, no changes
        unchanged, not repeated, skip*, completed, formatted, rewritten, made, provided, contain*, discuss*
        include, drops, is missing/unavailable, are missing
    """,
    "artefact": """
        on/from the page, of the page, the first/second/third/last reply/comment/replies
        several/many/some replies
        this into, into a readable/clean/proper, readable
        mentioned/shown/referenced/given/described in the post/page/thread/image/picture/forum/article, comments
        web page/pages/site, webpage*, website*, navigation, menu, menus, username*, user name/names, advert*
        ads
        metadata, boilerplate, timestamp*, small talk, chatter, signature*, off - topic, non - math*, banner*
        hyperlink*, links, vote counts, irrelevant, unrelated, extraneous, superfluous, clutter, formatting
        wording
        typo, typos, grammar, layout, greetings, forum, side talk
        page/site/thread elements/content/parts/structure
        page/site/thread header*/text/layout, redundan*, conversational, informal, footer, footers, noise
        markup
    """,
    "material": """
        the/this/your/that page/text/post/thread/forum/article/snippet/content/material/materials/source/input
        the/this/your/that transcript/document/version/rewrite/draft
        the/this/your/that output/response/message/excerpt/passage/discussion
        the/this/your/that original/op/poster/asker/reply/replies, study material/guide/materials
        the problem statement
        provided/given/above/supplied page/text/post/material/version/content
        attached/rewritten/revised/final/cleaned page/text/post/material/version/content
        provided/given/supplied/attached/rewritten/revised/cleaned problem/question/solution/image/figure/answer
    """,
    "original": """
        identical to the, values/numbers/figures/answers match/matches the
        match/matches the original/page, taken over from, source text/page/material
        ^ the original used/had/relied/did/was/called/looped/stored/returned/computed/summed/read
        original page/text/post/question/problem/answer/solution
        original source/poster/content/author/thread/version/wording
        original material/statement/discussion/explanation/document
        original input/forum/derivation/notation/meaning/webpage
    """,
    "purpose": """
        clarity, readability, more readable, clearer, easier/easy to read/follow/understand/study, coheren*
        concise*
        self - contained, well - structured/organized/organised/written/formatted
        well structured/written/organized
        study material/guide, clean format/text/piece/form, step - by - step, complete sentences, consistent
        accessible, educational, better understanding, mathematical content, core content/question/problem
        student -
        logical order, flow, more clearly, presented clearly, meets the, publication
        proper/standard format/notation
    """,
    "page_says": """
        I found in/on the, presents/contains one exercise/problem/question
        according to the forum/page/thread/poster/website/post/reply/replies
        based on the page/thread/forum/website/text/post
        extracted/taken from the/a page/thread/forum/website/help/post
        let's/let rewrite/clean/tidy this/the/it/up
        the first/second/third/last commenter/replier, rewritten as a/an, given a web/page/website/forum
        ^ this response/rewrite/rewriting contains/provides/presents/keeps/covers
        ^ this explanation/summary/material/write contains/provides/presents/keeps/covers
        ^ this response/rewrite/rewriting was/is/follows/includes/preserves/aims/has
        ^ this explanation/summary/material/write was/is/follows/includes/preserves/aims/has
        the page's, the thread's, the poster's, the asker's, the asker, the commenter, the op, original poster
        a user named/called, a user _ asked/wrote, a user asked for/how/about/whether/if
        by the poster, match/matches/matching the source/input
        the page/source/post/thread/webpage did/does not give/state/say/specify/mention/provide/show
        the page/source/post/thread/webpage didn't/doesn't give/state/say/specify/mention/provide/show
        the poster asks/asked/says/said/wants/wanted/mentions/mentioned/states/claims/writes/wrote
        ^ this/the/your page/thread/post/article/snippet/excerpt is/was about
        ^ this/the/your webpage/discussion/poster/asker/op/website is/was about
        ^ this/the/your page/thread/post/article/snippet/excerpt/webpage/discussion/poster/asker/op discuss*
        ^ this/the/your page/thread/post/article/snippet explains/describes
        ^ this/the/your excerpt/webpage/discussion/poster/asker/op explains/describes
        ^ this/the/your page/thread/post/article/snippet appears/seems/asks
        ^ this/the/your excerpt/webpage/discussion/poster/asker/op appears/seems/asks
        ^ this/the/your page/thread/post/article/snippet asked/wants/presents
        ^ this/the/your excerpt/webpage/discussion/poster/asker/op asked/wants/presents
        ^ this/the/your page/thread/post/article/snippet covers/mentions/claims
        ^ this/the/your excerpt/webpage/discussion/poster/asker/op covers/mentions/claims
        ^ this/the/your page/thread/post/article/snippet/excerpt/webpage/discussion/poster/asker/op gives/deals
        ^ this/the/your page/thread/post/article/snippet provides/provided
        ^ this/the/your excerpt/webpage/discussion/poster/asker/op provides/provided
        the given/provided/supplied page/text/thread/post/snippet/webpage/content
    """,
    "page_is": """
        ^ this/the/your page/thread/post/article/snippet states/says/does/has
        ^ this/the/your excerpt/webpage/discussion/poster/asker/op states/says/does/has
        ^ this/the/your page/thread/post/article/snippet contains/is/was/had
        ^ this/the/your excerpt/webpage/discussion/poster/asker/op contains/is/was/had
    """,
    "ticked": """
        ^ ✅/☑/✔/✓, ^ - ✅/☑/✔/✓, ^ - [ x ], final answer on/at/in
    """,
    "we": "we assume/neglect/ignore/suppose, ^ how many/much/long/far/often",
    "not_there": """
        image/figure/diagram/picture/graph is/was/are missing/unavailable
        photo/attachment/drawing/illustration/link is/was/are missing/unavailable
        image/figure/diagram/picture/graph is/was not included/provided
        photo/attachment/drawing/illustration/link is/was not included/provided
        image/figure/diagram/picture/graph is/was not shown/available/visible
        photo/attachment/drawing/illustration/link is/was not shown/available/visible
        images/figures/diagrams are/were not included/provided/shown/available/visible/reproduced
        pictures/graphs/links are/were not included/provided/shown/available/visible/reproduced
        text/page/statement/question/problem/post is/was cut/truncated/incomplete, cut off
        missing from the page/post/source/text/image/input/thread/original
        could not be determined/recovered/displayed/loaded/seen
    """,
}
PAGE_WEIGHTS = {
    "passive": 1.25, "product": 0.5,
    "greeting": 1.75, "farewell": 1.75, "headline": 1.75, "placeholder": 2.0, "rest": 0.75, "brevity": 1.25,
    "speaker": 1.0, "to_reader": 1.5, "help": 2.0, "model": 2.5, "cannot": 1.5, "apology": 1.0, "task": 1.25,
    "reader": 0.25, "second_thought": 2.75, "assumed": 0.75, "reworked": 1.5, "handled": 0.75, "artefact": 1.25,
    "material": 0.75, "original": 1.25, "purpose": 1.0, "page_says": 2.0, "page_is": 0.9, "not_there": 2.0,
    "ticked": 0.7, "we": -0.75,
}  # fmt: skip

_CODE = {
    **_BOTH,
    "edited": """
        added, adds, removed, removes, changed, improved, improves, converted, extracted, split, fixed, updated
        replaced, replaces, moved, introduced, introduces, optimi*, simplified, simplifies, corrected, dropped
        kept
        preserv*, retained, switched, wrapped, separated, enhanced, now uses/use, made, rewritten, eliminated
        uses
        instead of, used instead, modified, combined, handles, unchanged, keeps, retains, maintains
    """,
    "refactored": """
        refactor*, rewrote, rewritten, reformat*, renamed, restructur*, moderni*
        streamlin*, cleaned up, cleaned - up, tidied, reworked, reorgani*
    """,
    "craft": """
        list/generator expression, while/for/manual/explicit loop, typing, main function/block
        type hint/hints/annotation/annotations, type - hints/annotations, docstring*, variable/function names
        descriptive/meaningful/better/clearer name/names/variable/naming, naming, readability, maintainab*
        pep 8/257
        pep8, style guide, best practice/practices, list/dict/set comprehension/comprehensions
        f - strings/string
        context manager/managers, error/exception handling, magic number/numbers/values, global state/variables
        unused import/imports/variable/variables/code, dead code, duplicat* code
        code quality/style/duplication/reuse
        pythonic, single responsibility, input validation, testab*, reusab*, modular*
        helper function/functions/method/methods, well - written/structured/documented, well written/structured
        idiomatic, edge cases, separation of concerns, magic strings, nested loops, redundant code/variables
        google python style
    """,
    "for": """
        for clarity/readability/consistency/simplicity
        for brevity/performance/efficiency/maintainability/reusability
        for robustness/testability, for better/improved/easier/more _
        more/better readable/efficient/pythonic/robust
        more concise/maintainable/idiomatic/descriptive/explicit/reusable/testable/modular, cleaner, clearer
        easier/simpler/easy to read/test/maintain/understand/reuse/follow/extend/use
        to improve/enhance/make/avoid
    """,
    "version": """
        this/your code/version/implementation/snippet/rewrite/refactoring/solution/script/program
        new/refactored/improved/revised/rewritten code/version/implementation
        optimized/optimised/cleaned/old/previous code/version/implementation
        new/refactored/improved/revised script/snippet/solution/program
        rewritten/optimized/optimised/cleaned/previous script/snippet/solution/program
        the code/version/implementation/snippet/rewrite/refactoring/script/program, complete code, final code
    """,
    "original": """
        original code/version/implementation/script/snippet
        original program/functionality/logic/behavior/behaviour/code's
        original author's, provided code/script/snippet/program
        supplied/submitted/given code/script/snippet/program, than/as/like/from the original, same as original
    """,
    "was": """
        original function/class/module/author/loop/name/names/structure/api/file/method/list/string
        the original
        previously, formerly, the old, the previous, earlier version
    """,
    "changes": """
        following changes/improvements/modifications, changes/improvements have been, functional changes
        key/main/major/notable/minor/important/other changes
        few/small/necessary/further/additional/only/all/these changes
        key/main/major/notable/minor/important/other improvements
        few/small/necessary/further/additional/only/all/these improvements
        key/main/major/notable/minor/further/these/other modifications/enhancements/edits/fixes, no changes
        no edits
        summary/list/explanation/overview of changes/improvements/the/all/what
        improvements/modifications made/include
        changes made/include/applied/needed/required/were/to, no modifications/improvements
        improvements over/to
    """,
    "opening": """
        has/have not been, untouched, left/kept alone/as/intact/untouched, interface intact, automatically
        now have/has
        now uses/returns/takes/raises, all functions/methods/classes, apart from, what changed
        only names/layout/comments
        did the same, same thing, previously named/called, formerly named/called
        ^ added/removed/replaced/renamed/converted/improved
        ^ simplified/refactored/rewritten/changed/moved/used/extracted
        ^ updated/fixed/optimized/optimised/cleaned/introduced/switched
        ^ wrapped/split/combined/enhanced/reworked/uses/now
    """,
    "second_thought": """
        I made/see a/an/the/my mistake/error/typo, my mistake/bad/apologies, let me correct/fix/redo/rewrite
        scratch that, on second thought, the correct/corrected version is below/above/here
        my previous/earlier answer/code/version/response/attempt, ^ oops, ^ whoops, ^ wait ., ^ sorry .
        ^ actually . let/wait/no/this
        note to user/the/reader, note for user/the reader/user
        ^ removed/dropped/deleted unused/unnecessary/redundant/unneeded/obsolete/duplicate/dead
        removed/dropped unused import/imports/variable/variables
        ^ refactored/reworked/modernized/modernised/restructured helpers/functions/module/code/class/utilities
        ^ rewritten/refactored/reworked/reworded for/to/in/as, ^ please confirm/clarify/advise/review/adjust/adapt
        to keep this/the/my answer/response/reply/output/rewrite, left/leave to you/the, coding/ai assistant
        ^ why this is/version/works, ^ next steps, ^ suggested/possible next/extensions/extension
        you could/might/may/can also/consider/extend/write/run/test, you may/might want to add/consider/replace
        ^ simplified/refactored/renamed/rewrote/inlined/reworked/restructured the/this/nested/conditional
        ^ reviewed/polished/tidied/cleaned and/for
        only the names/docstrings/comments/layout/structure/formatting are/is/has/have new/changed
        you could use/replace/switch/move/make
        kept/leaves/left the algorithm/logic/structure/behaviour/behavior as
        same results/result/output/outputs/values/answers/behavior/behaviour as the previous/old/original/earlier
        same results/result/output/outputs/values/answers/behavior/behaviour as before
        call/use/run/import it like this/so, your own project/application/codebase, in your project/codebase
        now with type/docstrings/better/clear/clearer/descriptive, recommended by pep/the
        imports were/are/have sorted/grouped/reordered/removed/moved/added/cleaned
        I wasn't/was/am/I'm sure/certain/not sure/certain, I wasn't sure/certain, I'm not sure/certain
        I took/interpreted/guessed/inferred/presumed it/this/that/the/a
        has/have not been touched/changed/tested, can't/cannot/couldn't test/run/verify this/it
        haven't/not been able to test/run
        code/script/module/program has/have been updated/changed/converted/rewritten/adapted
    """,
    "instead": """
        rather than/instead of/in place of the/a/an old/manual/original/previous/explicit/nested/earlier
        rather than the/a/an old/manual/original/previous/explicit/nested/earlier, from before, as it was
        instead of the/a/an old/manual/original/previous/explicit/nested/earlier, replaces the original/old
    """,
    "tag": """
        placeholder value/values/data, your actual, with yours/your
        I don't have access/the
        see/refer to/the/your original code/implementation/script/version/source/module/file/function/class
        see the original code/implementation/script/version/source/module/file/function/class
        refer to the original code/implementation/script/version/source/module/file/function/class
        of/in/to/from your class/classes/code/functions/script/module/program, all functionality
        python 2 print/code/syntax statement/statements/code, print statements
        ( improved/refactored/updated/optimized/rewritten/cleaned version/implementation
        this refactoring, a refactored/improved/rewritten version/take/copy, advantages/benefits of this/the
        changelog of
        ^ what changed, ^ what's changed, ^ what has changed, refactored version/take/copy, improved version of
        my version/refactoring/take/changes/rewrite, haven't/not run/tested/verified this/it/the
        previously named f
        for what changed, user's original, your module, if you want/like .
        you may/might want to add/consider/replace
        ^ refactored/improved/rewritten/modernized version/implementation/copy
        ^ modernised/enhanced/optimized/updated version/implementation/copy
        ^ rewritten for/to, end of refactored, ^ end of code, ^ todo ( for you ), modernized from, ( changed
        ( changed/improved/updated/refactored/fixed/new/added :
        ^ possible/further/future improvements/enhancements :, ^ possible/further improvements
        ^ possible further/future, ^ now with, end of refactored/improved/updated/rewritten/revised
        ^ version 2/two (
        ^ explanation :
        behavior/behaviour/functionality/logic/semantics is/are/remains/remain/stays unchanged/the/identical
        same behavior/behaviour/functionality/semantics as the/before
        ^ changed/added/removed/fixed/updated :
        ^ modified/improved/refactored/renamed/improvement/modification/fix :
        ^ enhancement/optimization/optimisation/optimized/optimised :
        ^ cleaned/simplified/refactor/converted/replaced :
        ^ changes/improvements/enhancements/modifications :, ^ was :, < - fixed/added/changed/new/updated/here
        ^ improvement/change/fix/modification _ :
        ^ new/improved/updated/refactored/modified code/version/function :
    """,
}
CODE_WEIGHTS = {
    "speaker": 1.0, "to_reader": 1.5, "help": 2.25, "model": 2.5, "cannot": 1.0, "apology": 0.75, "task": 1.25,
    "edited": 0.75, "refactored": 1.25, "craft": 1.25, "for": 1.0, "version": 0.75, "original": 1.25,
    "was": 0.75, "changes": 1.25, "tag": 2.0, "opening": 0.75,
    "second_thought": 2.25, "instead": 1.25,
}  # fmt: skip

OWN = frozenset({"reworked", "artefact", "original", "refactored", "craft", "task", "changes"})
"""Classes whose phrases count for nothing where the source has the same: they are its subject."""
PAGE, CODE = Lexicon(_PAGE), Lexicon(_CODE)
