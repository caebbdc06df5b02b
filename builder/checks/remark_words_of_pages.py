"""What models say of a page that they rewrote, by classes of phrases, and what each class weighs."""

from __future__ import annotations

PHRASES = {
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
WEIGHTS = {
    "passive": 1.25, "product": 0.5,
    "greeting": 1.75, "farewell": 1.75, "headline": 1.75, "placeholder": 2.0, "rest": 0.75, "brevity": 1.25,
    "speaker": 1.0, "to_reader": 1.5, "help": 2.0, "model": 2.5, "cannot": 1.5, "apology": 1.0, "task": 1.25,
    "reader": 0.25, "second_thought": 2.75, "assumed": 0.75, "reworked": 1.5, "handled": 0.75, "artefact": 1.25,
    "material": 0.75, "original": 1.25, "purpose": 1.0, "page_says": 2.0, "page_is": 0.9, "not_there": 2.0,
    "ticked": 0.7, "we": -0.75,
}  # fmt: skip
