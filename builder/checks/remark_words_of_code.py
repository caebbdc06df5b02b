"""What models say of code that they rewrote, by classes of phrases, and what each class weighs."""

from __future__ import annotations

PHRASES = {
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
WEIGHTS = {
    "speaker": 1.0, "to_reader": 1.5, "help": 2.25, "model": 2.5, "cannot": 1.0, "apology": 0.75, "task": 1.25,
    "edited": 0.75, "refactored": 1.25, "craft": 1.25, "for": 1.0, "version": 0.75, "original": 1.25,
    "was": 0.75, "changes": 1.25, "tag": 2.0, "opening": 0.75,
    "second_thought": 2.25, "instead": 1.25,
}  # fmt: skip
