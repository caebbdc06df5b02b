"""The marks with which models begin and end what they think, and those around their answers.

Every pattern here takes linear time, whatever a model writes.
"""

from __future__ import annotations

import re

_BEFORE = r"(?:[a-z0-9]{1,16}[:_|-]){0,3}(?:ant|inner|internal)?"
_WORD = (
    rf"(?:{_BEFORE}(?:think(?:ing)?|thoughts?|reasoning|scratch_?pad|monologue|cot)"
    r"(?:process|[:_-][a-z]{1,24}){0,2}|思考)"
)
"""With what families put before and behind it: `seed:think`, `longcat_think`, `think_fast`, `chain_of_thought`."""
_BRACKETED = r"(?:THINK(?:ING)?|THOUGHTS?|REASONING|SCRATCHPAD|COT)"
_PIPED = r"(?:think(?:ing)?|thoughts?|reasoning|scratchpad|cot)"
_OF = r"(?:[_▁]?of[_▁]?|[_▁])?"
_ANSWER = (
    r"answer|response|output|solution|conclusion|results?|final|text|page|document|content|markdown|rewrite|rewritten"
    r"|(?:final|new|rewritten|improved|revised|cleaned|corrected|updated|refactored)[_-]?"
    r"(?:answer|response|output|text|page|document|content|version|code|problem|solution)"
)
_ESCAPES = {"<": ("&lt;", r"\\<", "＜", r"\\u003c"), ">": ("&gt;", r"\\?>", "＞", r"\\u003e")}

OPENING = (
    re.compile(
        rf"<(?:{_WORD}(?:\s[^<>\n]{{0,80}})?>|!--\s?{_WORD}\s?-->"
        rf"|[|｜](?:(?:begin|start){_OF}{_PIPED}|{_PIPED}(?:[_:](?:start|begin))?|inner_prefix)[|｜]>"
        r"|\|open\|>think<\|sep\|>"  # Kimi K3
        r"|\|channel>(?:thought)?"  # Gemma 4
        # harmony; sometimes with another channel than the two that it has for this
        r"|\|channel\|>(?!\s{0,8}final\b)[^<\n]{0,64}(?:<\|constrain\|>[^<\n]{0,32})?<\|message\|>"
        r"|\|content_thinking\|>"
        r"|\|im_start\|>think\b)",  # s1
        re.I,
    ),
    re.compile(rf"\[(?:{_BRACKETED}|unused16)\]", re.I),  # Mistral; Pangu
    re.compile(r"◁think▷"),
)
CLOSING = (
    re.compile(
        rf"<(?:\\?/{_WORD}\s{{0,4}}>|!--\s?/\s?{_WORD}\s?-->"
        rf"|[|｜](?:end{_OF}{_PIPED}|/{_PIPED}|{_PIPED}[_:]end|inner_suffix)[|｜]>"
        r"|\|close\|>think<\|sep\|>"
        r"|channel\|>"
        r"|\|channel\|>\s{0,8}final\b[^<\n]{0,64}(?:<\|constrain\|>[^<\n]{0,32})?<\|message\|>"
        r"|\|start\|>assistant *to=user<\|message\|>"
        r"|\|begin\|>assistant<\|content\|>"  # Solar
        r"|\|content_text\|>"
        r"|\|im_start\|>answer\b)",  # s1
        re.I,
    ),
    re.compile(rf"\[(?:/{_BRACKETED}|unused17)\]", re.I),
    re.compile(r"◁/think▷"),
)
"""By the character that they begin with: such a pattern is searched for ten times as fast as one for all."""


def _escaped(mark: str) -> str:
    """Return the pattern of a tag whose angles came through HTML, Markdown, JSON or an input method."""
    return mark.replace("<", f"(?:{'|'.join(_ESCAPES['<'])})").replace(">", f"(?:{'|'.join(_ESCAPES['>'])})")


ESCAPED_OPENING = re.compile(_escaped(f"<{_WORD}>"), re.I)
ESCAPED_CLOSING = re.compile(_escaped(rf"<\\?/{_WORD}\s{{0,4}}>"), re.I)

# Words of tags that documents have, too: they count where the answer begins with one.
_ASIDE = (
    r"(?:[a-z]{1,16}[_-]){0,2}(?:reason|analysis|plan(?:ning)?|reflection|internal|draft|rationale|critique"
    r"|brainstorm(?:ing)?|contemplat(?:ion|or)|deliberation|strategy|outline|understanding)"
)
ASIDE = re.compile(rf"<{_ASIDE}>", re.I)
ASIDES = re.compile(rf"\s*<(?P<tag>{_ASIDE})>.*?</(?P=tag)>", re.I | re.S)

SPOKEN = (
    (re.compile(r"Here(?:'s| is) my thought process:"), (re.compile(r"Here(?:'s| is) my response:"),)),  # Granite
    (re.compile(r"Here are my reasoning steps:"), (re.compile(r"\[BEGIN FINAL RESPONSE\]"),)),  # Apriel
    (re.compile(r"## Thinking\n"), (re.compile(r"## Final Response\n"),)),  # HuatuoGPT
    (re.compile(r"Thinking\.\.\.[ \t]*\n"), (re.compile(r"\.\.\.done thinking\."),)),  # Ollama's command line
    (re.compile(r"/think\n"), (re.compile(r"<\|im_start\|>assistant\n"),)),  # HyperCLOVA X
    (re.compile(r"(?:analysis|commentary)\b[^<\n]{0,64}<\|message\|>"), CLOSING),  # harmony
    (re.compile(r"to=self<\|message\|>"), (re.compile(r"to=user<\|message\|>"),)),
    # harmony without its special tokens
    (re.compile(r"(?:assistant)?(?:analysis|commentary)(?=\s?[A-Z])"), (re.compile(r"assistantfinal"),)),
    # Gemma 4 without them: nothing tells where the thought ends.
    (re.compile(r"thought\r?\n"), ()),
    (ASIDE, (re.compile(rf"</{_ASIDE}>", re.I), *CLOSING)),
)
"""Marks that are words: they count where the text begins with the first of a pair."""

_TITLES = r"(?:think|thought|reason|chain of thought|scratchpad|monologue)"
FOLDED = (
    (
        re.compile(
            r"<details\b[^<>\n]{0,80}\btype=[\"']?reasoning\b[^<>\n]{0,80}>"
            rf"|<details\b[^<>\n]{{0,80}}>\s{{0,8}}<summary>[^\n]{{0,60}}?\b{_TITLES}",
            re.I,
        ),
        re.compile(r"<details\b|(?P<closes></details>)", re.I),
    ),
    (
        re.compile(rf"`{{3,}}{_PIPED}[ \t]*\n", re.I),
        re.compile(r"^[ \t]*`{3,}(?:[^`\s][^`\n]*|(?P<closes>[ \t]*))$", re.M),
    ),
    (re.compile(rf"<!--\s{{0,8}}{_PIPED}\b(?!\s?-->)", re.I), re.compile(r"(?P<closes>-->)")),
)
"""Thoughts in what holds them as a whole: how it begins, and what begins or closes one within."""

_MARKED = r"(?:#{1,6}[ \t]+|\*\*|__)?"
_LINE_END = r"(?:\*\*|__)?[:：]?(?:\*\*|__)?[ \t]*(?:\n|\Z)"
HEADED = (
    re.compile(
        rf"{_MARKED}(?:my |the |internal |inner )?(?P<title>thinking(?: process)?|thoughts"
        rf"|(?:thought|reasoning) process|chain[ -]of[ -]thought|scratchpad|monologue|internal reasoning)"
        rf"{_LINE_END}",
        re.I,
    ),
    re.compile(
        rf"^{_MARKED}(?:the |my )?(?:(?:final|actual) )?(?:answer|response|output){_LINE_END}",
        re.I | re.M,
    ),
)
"""Thoughts below a title, and the answer below another."""

BEGINS = re.compile(
    r"\s*(?:(?:\*\*|__|`)?[<\[◁&＜\\]|`{3,}(?:think|thought|reason|scratch|cot)|Here|assistant|analysis|commentary"
    r"|## Thinking|Thinking\.|/think|to=self|thought)",
    re.I,
)
"""How all opening marks begin, but titles."""
WRAPPING = re.compile(
    rf"\s*(?:<(?P<tag>{_ANSWER})>|<\|(?:START_RESPONSE|begin_of_solution)\|>|<\|open\|>response<\|sep\|>"
    r"|\[BEGIN FINAL RESPONSE\])",
    re.I,
)
ENDINGS = (
    "<|END_RESPONSE|>", "<|end_of_solution|>",
    "<|close|>response<|sep|>", "<|close|>message<|sep|>", "[END FINAL RESPONSE]",
    # Of turns: some servers leave them, or don't know that one is their model's.
    "<|return|>", "<|end|>", "<|eom|>", "<|eot|>", "<|eot_id|>", "<|im_end|>", "<|im_sep|>", "<|endoftext|>",
    "<|end_of_text|>", "<|endofturn|>", "<|end_of_turn|>", "<|END_OF_TURN_TOKEN|>", "<|end_of_msg|>",
    "<|end_message|>", "<|assistant_end|>", "<turn|>", "<end_of_turn>", "<｜end▁of▁sentence｜>", "[|endofturn|]",
    "[e~[", "<eos>", "</s>",
)  # fmt: skip


_SLASH = re.compile(r"/(?<=[<\[◁\\]/)")
"""How closing marks with a slash begin. Begun with one character it is searched for thrice as fast as `</`."""


def may_close(text: str) -> bool:
    """Whether a text has what every closing mark has; nearly none has, and a search for every mark takes longer.

    A search for one character is ten times as fast as one for two, and finds none in most texts.
    """
    if "/" in text and (_SLASH.search(text) or _has_escaped_end(text)):
        return True
    return ("|" in text and "|>" in text) or "｜" in text or "[unused17]" in text


def _has_escaped_end(text: str) -> bool:
    return ("&" in text and "&lt;/" in text) or "＜" in text or ("\\" in text and "\\u003c/" in text)


def has_escaped(text: str) -> bool:
    """Whether a text has the angle of an escaped tag."""
    return (
        ("&" in text and "&lt;" in text) or "＜" in text or ("\\" in text and ("\\<" in text or "\\u003c" in text))
    )
