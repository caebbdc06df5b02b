"""The words of notes that stand for code, and the forms of such that need no counting of words."""

from __future__ import annotations

import re

REST = {
    "rest",
    "remainder",
    "remaining",
    "existing",
    "other",
    "others",
    "previous",
    "original",
    "more",
    "similar",
}
WHAT = {
    "code", "file", "class", "classes", "function", "functions", "method", "methods", "module", "program",
    "script", "import", "imports", "logic", "implementation", "implementations", "body", "bodies", "tests",
    "definitions", "solution", "docstring", "docstrings", "helpers", "handlers", "setup", "snippet",
    "calculations", "derivation", "proof", "working", "version", "loop", "constructor", "initialization",
    "calculation",
}  # fmt: skip
ITEMS = {
    "lines", "line", "part", "parts", "content", "contents", "text", "section", "sections", "cases", "case",
    "items", "entries", "steps", "step", "attributes", "fields", "routes", "endpoints", "properties",
    "details", "page", "blocks", "paragraphs", "statements", "variables", "constants", "stuff", "things",
    "everything", "arguments", "test", "block", "answer", "problem", "exercises", "questions", "examples",
    "rows", "elements", "values", "article", "post", "document", "story", "chapter", "problems", "solutions",
    "answers", "exercise", "question", "example", "lessons", "topics", "output", "definition",
}  # fmt: skip
LEFT_OUT = {
    "unchanged", "omitted", "elided", "truncated", "snipped", "snip", "skipped", "unmodified", "untouched",
    "brevity", "intact", "abbreviated",
}  # fmt: skip
STATE = LEFT_OUT | {
    "remain", "remains", "stay", "stays", "same", "here", "identical", "keep", "kept", "follows", "follow",
    "continue", "continues", "goes", "go", "needed", "shown", "changes", "change", "modified", "changed",
    "below", "included", "continued", "see", "refer", "repeated", "copied",
}  # fmt: skip
BACK = {"above", "before", "earlier", "previously", "previous", "original"}
MAKE = {
    "implement", "implemented", "add", "insert", "put", "place", "write", "fill", "complete", "include",
    "port", "finish", "restore", "define", "copy", "paste", "move", "provide",
}  # fmt: skip
TODO = {"todo", "fixme", "tbd", "placeholder", "xxx"}
FILL = {
    "the", "of", "this", "your", "our", "my", "a", "an", "for", "to", "in", "is", "are", "and", "with",
    "from", "it", "its", "any", "etc", "at", "be", "been", "will", "would", "should", "as", "all", "so", "on",
    "forth", "not", "no", "actual", "real", "same", "similarly", "likewise", "exactly", "just", "also", "or",
    "was", "were", "per", "additional", "pattern", "further", "own", "that", "these", "those", "another", "s",
    "up", "out", "next", "message", "response", "reply", "over", "way", "manner", "fashion", "approach",
    "there", "both", "each", "every", "only", "still", "where", "they", "have", "has", "had", "can", "must",
}  # fmt: skip
GO_ON = FILL | {
    "then", "but", "otherwise", "on", "w", "which", "if", "we", "because", "since", "unless", "except", "while",
    "when", "end", "nor", "else", "until", "after", "by", "without", "than", "finally", "even", "though", "plus",
    "you",
}  # fmt: skip
KNOWN = REST | WHAT | ITEMS | STATE | BACK | MAKE | TODO | FILL
FUNCTIONS = {"function", "functions", "method", "methods", "helper", "helpers", "rest", "others", "remainder"}
ELSEWHERE = {
    "analogous", "analogously", "similar", "similarly", "same", "above", "input", "original", "pattern",
    "likewise",
    "omitted", "left", "exercise", "source", "before", "unchanged", "follow", "follows",
}  # fmt: skip
MOST_WORDS = 14

FREE = re.compile(
    r"(?:all )?(?:the |your )?(?:rest|remainder|remaining|other|existing|previous"
    r"|original) (?:of )?[\w ,'()-]{3,80}?"
    r"(?:remains? |stays? |is |are |goes |continues? |left |kept )(?:here|unchanged|the same|as (?:before"
    r"|is|above)"
    r"|omitted|identical|untouched|intact|exactly)\b.{0,40}",
    re.I,
)
ABOUT_CODE = re.compile(
    r"\b(?:code|functions?|methods?|class(?:es)?|implementations?|imports?|file|logic|script)\b", re.I
)
NOUN = r"(?:code|logic|implementations?|functions?|methods?|body|class(?:es)?|imports?)"
LEFT = r"(?:omitted|skipped|left out|elided|abbreviated|shortened|not (?:shown|repeated|included))"
FOR = (
    r"(?:for (?:brevity|clarity|simplicity|space)|to save space|to keep (?:it|this|things|the \w+) (?:short"
    r"|brief|simple))"
    r"\b"
)
OUTRIGHT = re.compile(
    rf"not shown\b.{{0,60}}|.{{0,60}}\b{LEFT}(?: here)? {FOR}.{{0,60}}"
    rf"|{FOR}.{{0,80}}\b{LEFT}\b.{{0,20}}"
    r"|.{0,40}\b(?:before|old|original|originally|was)\s*:.{1,60}(?:->|=>|→).{0,10}\b(?:after|new|now)\s*:.*"
    rf"|.{{0,60}}\b(?:{NOUN}|calculations?|details|handling)\b.{{0,50}}\b(?:goes|go|comes"
    rf"|belongs) here\b.{{0,20}}"
    r"|in (?:a|an|the|your) (?:real|actual|full|complete|production|proper|real-world|practical)"
    r"(?:[- ]\w+)? (?:implementation|application|app|program|system|scenario|code|version|project)\b.{0,100}"
    r"|(?:this is )?(?:just |only )?an? (?:simplified|dummy|mock|stub(?:bed)?|placeholder|simulated) "
    r"(?:implementation|version|return|value|response|data|function|result)\b(?! of\b).{0,60}"
    r"|(?:add|put|insert|define|include|fill in|list|implement)\b.{0,40}\b(?:other|others|more|additional"
    r"|remaining"
    r"|rest|further)\b.{0,50}\b(?:here|as needed|if needed|as required|as necessary|below)"
    r"|.{0,80}\bleft as an exercise\b.{0,40}|.{0,60}\bfollows? the same (?:pattern|logic|structure"
    r"|approach)\b.{0,60}"
    r"|(?:replace|change|set|update|substitute|swap|fill)\b.{0,50}\b(?:with|to|for) (?:your|yours|the actual"
    r"|the real"
    r"|actual|real)\b.{0,50}"
    rf"|(?:please )?(?:add|insert|put|place|write|implement|copy|paste|include)\b.{{0,40}}\b{NOUN}\b.{{0,20}}"
    r"\b(?:here|from (?:the )?(?:original|above|before))"
    rf"|(?:the )?(?:[\w-]+ ){{0,4}}{NOUN} (?:\w+ )?(?:stays?|remains?|is|are|was|were|left|kept)(?: \w+)?"
    r" (?:unchanged|the same|as it was|as they were|as is|as before)"
    rf"(?: (?:as|in|from) (?:the )?(?:original|before|above)\b.{{0,20}})?(?: {FOR})?",
    re.I,
)
BEGINS = re.compile(r"(?:\.{2,}|…)\s*")
DEFINITION = re.compile(r"(?:(?:def|class) )?\b(?P<name>[A-Za-z_]\w*)(?:\([^()\n]*\))?:?")
DOTS = re.compile(r"\.\.|…")
WORD = re.compile(r"[a-z]+")
BRACKETED = re.compile(r"(?<=\S )\[[^\[\]]{12,160}\](?!\()")
ANSWER = re.compile(r"#### .*\d")
COMMENT = ("#", "//", "/*", "*", "<!--", "--")
MARKED = re.compile(r"[ \t]*(?:#|//|/\*|\*|<!--|--|%|;|\.\.\.|…|[\[(<{])")
