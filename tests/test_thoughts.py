"""Thoughts are no answers: what a reasoning model writes before its answer is left out, however it is marked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from builder.document import read_document
from builder.rewriting.answers import Parsed, Unparsable, parse
from builder.rewriting.control_tokens import fallback
from builder.rewriting.generation import Generation, Model
from builder.rewriting.prompts import AnswerFormat, Prompt, Sampling
from builder.rewriting.rewriter import Request, Rewriter

TEXT = AnswerFormat(format="text")
CODE = AnswerFormat(format="code")
SECTIONS = AnswerFormat(format="sections", text="Improved Code", grade="Evaluation")


def sections(code: str, grade: int) -> str:
    said = f"### Evaluation: {grade}\nFine.\n\n### Suggestions:\n- None.\n\n"
    return f"{said}### Improved Code:\n\n```python\n{code}```\n"


@dataclass(frozen=True, slots=True)
class Asked:
    """A format, an answer in it that is a draft, the one that counts, and what is to be read from that."""

    declared: AnswerFormat
    draft: str
    final: str
    expected: Parsed


ASKED = [
    Asked(TEXT, "**Problem.** Is it 51?\n\n#### 51", "**It.** Six.\n\n#### 6", Parsed("**It.** Six.\n\n#### 6")),
    Asked(CODE, "```python\ndraft = 1\n```\n", "```python\nx = 1\n```\n", Parsed("x = 1\n")),
    Asked(SECTIONS, sections("draft = 1\n", 3), sections("x = 1\n", 8), Parsed("x = 1\n", 8)),
]  # fmt: skip

MARKS = [
    ("<think>", "</think>"),
    ("<think>\n\n", "\n\n</think>\n\n"),
    ("<Think>", "</Think>"),
    ("<thinking>", "</thinking>"),
    ('<think duration="3s">\n', "</think >"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("<mm:think>", "</mm:think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("<ifm|think_fast>", "</ifm|think_fast>"),
    ("<think:opensource>", "</think:opensource>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|begin_of_thought|>\n\n", "\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\n"),
    ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    ("<|think:start|>", "<|think:end|>"),
    ("<|open|>think<|sep|>", "<|close|>think<|sep|><|open|>response<|sep|>"),
    ("<|think|>", "<|end|><|begin|>assistant<|content|>"),
    ("<|channel>thought\n", "<channel|>"),
    ("<|channel>\n", "\n<channel|>\n"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|start|>assistant<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("analysis<|message|>", "<|end|><|start|>assistant<|channel|>final <|constrain|>text<|message|>"),
    ("<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary<|message|>",
     "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|channel|>\u2013\u2013commentary<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|channel|>??<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<|channel|>commentary to=functions.x <|constrain|>json<|message|>", "<|end|><|channel|>final<|message|>"),
    ("to=self<|message|>", "<|eom|><|start|>assistant to=user<|message|>"),
    ("<|content_thinking|>", "<|end_message|><|message_model|><|content_text|>"),
    ("[unused16]", "[unused17]"),
    ("<think>", "</think>\n<answer>\n"),
    ("<think>", "</think>\n\n<response>\n"),
    ("<thinking>", "</thinking>\n<output>"),
    ("Here is my thought process:\n", "\nHere is my response:\n"),
    ("Here's my thought process: ", "Here's my response: "),
    ("Here are my reasoning steps:\n", "\n[BEGIN FINAL RESPONSE]\n"),
    ("analysisWe need to write it.", "assistantfinal"),
    ("analysis We need to write it.", "assistantfinal"),
    ("assistantanalysisWe need to write it.", "assistantfinal"),
    ("commentaryI will write it.", "assistantfinal"),
    ("<cot>", "</cot>"),
    ("<SCRATCHPAD>\n", "</SCRATCHPAD>"),
    ("<scratch_pad>", "</scratch_pad>"),
    ("<chain-of-thought>", "</chain-of-thought>"),
    ("<inner_monologue>", "</inner_monologue>"),
    ("<antThinking>", "</antThinking>"),
    ("<thoughtProcess>", "</thoughtProcess>"),
    ("<!-- think -->", "<!-- /think -->"),
    ("&lt;think&gt;\n", "\n&lt;/think&gt;\n\n"),
    ("&lt;think&gt;", "</think>"),
    ("\\<think\\>", "\\</think\\>"),
    ("\\u003cthink\\u003e", "\\u003c/think\\u003e"),
    ("<think>", "<\\/think>"),
    ("＜think＞", "＜/think＞"),
    ("[thinking]", "[/thinking]"),
    ("[SCRATCHPAD]", "[/SCRATCHPAD]"),
    ("<|startofthinking|>", "<|endofthinking|>"),
    ("<｜begin▁of▁thinking｜>", "<｜end▁of▁thinking｜>"),
    ("<think>", "</think>\n<rewritten_page>\n"),
    ("<analysis>\n", "\n</analysis>\n"),
    ("<plan>x</plan>\n<self_reflection>", "</self_reflection>"),
    ("**<think>**\n", "**</think>**"),
    ("`<think>`\n", "\n`</think>`\n"),
    ("Thinking...\n", "\n...done thinking.\n\n"),
    ("/think\n", "<|im_end|>\n<|im_start|>assistant\n"),
    ("<details>\n<summary>Thinking…</summary>\n<details>a</details>\n", "\n</details>\n\n"),
    ('<details type="reasoning" done="true">\n<summary>Thought for 5 s</summary>\n', "\n</details>\n"),
    ("<details open><summary><b>💭 My thought process</b></summary>", "</details>"),
    ("```thinking\n", "\n```\n\n"),
    ("<!-- thinking\n", "\n-->\n"),
]  # fmt: skip
SPOKEN = ("Here", "analysis", "assistantanalysis", "commentary", "<analysis", "<plan", "**", "`", "Thinking",
          "/think", "<details", "<!-- think")  # fmt: skip
ENDINGS = {
    "<answer>": "\n</answer>", "<response>": "\n</response>\n", "<output>": "</output>",
    "solution|>": "<|end_of_solution|>",
    "START_RESPONSE": "<|END_RESPONSE|>", "open|>response": "<|close|>response<|sep|><|close|>message<|sep|>",
    "final": "<|return|>", "to=user": "<|eot|>", "<channel|>": "<turn|>", "content_text": "<|end_message|>",
    "BEGIN FINAL": "\n[END FINAL RESPONSE]", "<rewritten_page>": "\n</rewritten_page>\n\nI kept it short.",
}  # fmt: skip


def ending(closing: str) -> str:
    return next((ends for begins, ends in ENDINGS.items() if begins in closing), "")


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.declared.format)
@pytest.mark.parametrize(("opening", "closing"), MARKS)
def test_what_stands_before_the_last_closing_mark_is_no_answer(opening: str, closing: str, asked: Asked) -> None:
    thought = f'It\'s "odd". I write:\n\n{asked.draft}\nHmm, again.'
    last = asked.final + ending(closing)
    assert parse(opening + thought + closing + last, asked.declared) == asked.expected
    if not opening.startswith(SPOKEN):  # templates open the thought themselves
        assert parse(thought + closing + last, asked.declared) == asked.expected
        assert parse(closing + last, asked.declared) == asked.expected
        assert parse(opening + closing + last, asked.declared) == asked.expected
        twice = f"{opening}{thought}{closing}\n{asked.draft}\n{opening}{thought}{closing}{last}"
        assert parse(twice, asked.declared) == asked.expected


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.declared.format)
@pytest.mark.parametrize(("opening", "closing"), MARKS)
def test_a_thought_that_never_closes_is_no_answer(opening: str, closing: str, asked: Asked) -> None:
    with pytest.raises(Unparsable, match=r"^unclosed_thought$"):
        parse(f"\n{opening}I write:\n\n{asked.draft}", asked.declared)


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.declared.format)
@pytest.mark.parametrize(
    "thought", ["Hm, `</think>` ends it.", 'Is "</think>" in it?', "```python\ndraft = 2\n", "'''", '"""']
)
def test_what_a_thought_holds_changes_nothing(thought: str, asked: Asked) -> None:
    assert parse(f"<think>\n{thought}\n</think>\n\n{asked.final}", asked.declared) == asked.expected
    assert parse(f"{thought}\n</think>\n\n{asked.final}", asked.declared) == asked.expected


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.declared.format)
@pytest.mark.parametrize("wrapping", ["{}", "<output>\n{}\n</output>"])
def test_what_follows_a_thought_and_is_one_more_is_no_answer(asked: Asked, wrapping: str) -> None:
    """Models taught to reflect do so between their thought and their answer."""
    asides = f"<reflection>Is it right?\n{asked.draft}</reflection>\n<critique>\nIt is.\n</critique>\n"
    answer = f"<thinking>\n{asked.draft}\n</thinking>\n{asides}" + wrapping.format(asked.final)
    assert parse(answer, asked.declared) == asked.expected


def test_a_mark_between_the_fences_of_a_draft_and_of_the_answer_closes_the_thought() -> None:
    assert parse("[THINK]```python\ndraft = 1\n```[/THINK]```python\nx = 1\n```", CODE) == Parsed("x = 1\n")
    assert parse("I try:\n```\ndraft = 1\n```</think>```python\nx = 1\n```", CODE) == Parsed("x = 1\n")


@pytest.mark.parametrize("answer", ["<think>\n{}\n</think>\n", "{}\n</think>\n\n \n"])
@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.declared.format)
def test_a_thought_without_an_answer_is_an_empty_one(answer: str, asked: Asked) -> None:
    with pytest.raises(Unparsable, match=r"^empty_answer$"):
        parse(answer.format(asked.draft), asked.declared)


@pytest.mark.parametrize(
    ("answer", "declared", "reason"),
    [
        ("<think>\n" + sections("draft\n", 3) + "</think>\n\nI can't.", SECTIONS, "no_section"),
        (sections("draft\n", 3) + "</think>\n\nI can't.", SECTIONS, "no_section"),
        ("```python\ndraft\n```\n</think>\n\nI can't.", CODE, "no_code_block"),
        ("```python\ndraft\n</think>\n\nI can't.\n```\n", CODE, "unclosed_code_block"),
        ("<think>\n```python\ndraft\n</think>\n\n```python\nx = 1\n", CODE, "unclosed_code_block"),
        ("</think>\n" + sections("x\n", 3) + sections("y\n", 3), SECTIONS, "several_sections"),
        ("Sure.\n<think>\n" + sections("draft\n", 3), SECTIONS, "unclosed_thought"),
        ("Sure.\n<think>\nIs it 6?", TEXT, "unclosed_thought"),
        ("<think>a</think>\n<think>\nIs it 6?", TEXT, "unclosed_thought"),
        ("thought\nIs it 6? It's 5.\n\n#### 5", TEXT, "unclosed_thought"),
    ],
)
def test_a_draft_never_stands_in_for_an_answer_that_is_none(
    answer: str, declared: AnswerFormat, reason: str
) -> None:
    with pytest.raises(Unparsable, match=f"^{reason}$"):
        parse(answer, declared)


OF_MARKS = [
    'def strip(text):\n    return text.split("</think>")[-1]\n',
    "def strip(text):\n    return re.sub(r'<think>.*?</think>\\s*', '', text, flags=re.S)\n",
    'PROMPT = """<think>\n{thought}\n</think>\n{answer}\n"""\n',
    'def strip(text):\n    """Drop all before </think> or [/THINK].\n\n    </think>\n    """\n    return text\n',
    "# What stands before </think> is no answer\nx = 1\n",
    "MARKS = ['</think>', '[/THINK]', '<|channel|>final<|message|>', '<channel|>']\n",
    'HELP = """\n```\n<think>\n</think>\n```\n"""\n',
    'PAGE = """<details>\n<summary>Thinking</summary>\n<p>{}</p>\n</details>\n"""\n',
    "def unescape(text):\n    return text.replace('&lt;/think&gt;', '</think>').strip('&lt;think&gt;')\n",
    'FORM = """<analysis>\n{}\n</analysis>\n<plan>{}</plan>\n<scratchpad></scratchpad>\n"""\n',
    "# <cot> </cot>: MathML's cotangent\nCOT = re.compile(r'<cot>(.*?)</cot>')\n",
    'ASKS = """Thinking...\n...done thinking.\n\n**Answer:**\n<answer>\n{}\n</answer>\n"""\n',
]


@pytest.mark.parametrize("declared", [CODE, SECTIONS])
@pytest.mark.parametrize(
    "thought", ["", "<think>\nMind `</think>`.\n</think>\n\n", "I write:\n```python\nx\n```\n</think>\n"]
)
@pytest.mark.parametrize("code", OF_MARKS)
@pytest.mark.parametrize("is_known", [True, False])
def test_code_about_thoughts_is_code(declared: AnswerFormat, thought: str, code: str, is_known: bool) -> None:
    final = (
        sections(code, 8) if declared is SECTIONS else f"Here it is:\n```python\n{code}```\nDone, it's whole.\n"
    )
    assert parse(thought + final, declared, source=code if is_known else "").text == code


def test_code_of_another_language_may_hold_the_marks_that_its_source_holds() -> None:
    code = "split(text, q{</think>})\n</think>\nnext\n"
    answer = f"```perl\n{code}```\n"
    assert parse(answer, CODE, source=code).text == code
    with pytest.raises(Unparsable, match=r"^unclosed_code_block$"):
        parse(answer, CODE, source="split")


@pytest.mark.parametrize(
    "page",
    [
        "The tag </think> ends what R1 thinks; <think> begins it.",
        "R1 writes `<think>` and `</think>`.\n\nSo do others.",
        'It ends with "</think>", always.',
        "R1 answers so:\n\n<think>\nIs it 6?\n</think>\n\n6",
        "<think>\nIs it 6?\n</think>\n\nIt is. So much for R1.",
        "Log of a chat:\n</think>\n\n6 it is, said R1.",
        "It ended with\n</think>",
        "<think>x</think> is cut off by the parser.",
        "We ask for the form <answer>5</answer>",
        "It printed\n<think>\nand hung.",
        "thought\nis a word that this page begins with.",
        "analysisOf begins it, and assistantfinal does not matter.",
        "Here is my thought process: I add.\n\nHere is my response: 6.",
        "## Thinking\nWe think.\n## Final Response\nWe respond.",
        "It begins with <|channel|>final<|message|>6 and more.",
        "Many say </think>\n" * 40 + "and that is all.",
        "&lt;think&gt; is how HTML writes it, and &lt;/think&gt; ends it.",
        "<details>\n<summary>My reasoning</summary>\nI add.\n</details>\nSo it is 6.",
        "Thinking\n\nIt is work.\n\nAnswer\n\nIt is 6.",
        "**Thought process**\nFirst add.\n**Response**\nIt is 6.",
        "<plan>\n  <step/>\n</plan>\nis the form of its plans.",
        "Ollama prints\nThinking...\n...done thinking.\nand the answer.",
    ],
)
def test_a_page_about_thoughts_is_a_text(page: str) -> None:
    for source in (page, f"posted by x\n{page}"):
        assert parse(page, TEXT, source=source) == Parsed(page)
        for thought in ("<think>\nTidy it.\n</think>\n\n", "It says </think> there.\n</think>\n\n"):
            assert parse(thought + page, TEXT, source=source) == Parsed(page)


@pytest.mark.parametrize(
    "titles",
    [
        ("Thinking:", "Answer:"),
        ("**Thinking Process:**", "**Final Answer:**"),
        ("### Thoughts", "### Response"),
        ("# Thought process", "# Final Output"),
    ],
)
def test_a_title_alone_may_say_where_the_answer_begins(titles: tuple[str, str]) -> None:  # fmt: skip
    thought, answer = titles
    assert parse(f"{thought}\n\nIs it 5? No.\n\n{answer}\n\nIt is 6.", TEXT) == Parsed("It is 6.")
    for undecided in (f"{thought}\n\nIs it 5? No.", f"{thought}\n\n{answer}\n5\n\n{answer}\n6"):
        with pytest.raises(Unparsable, match=r"^unclosed_thought$"):
            parse(undecided, TEXT)
    assert parse(f"{thought}\nNames.\n{block_of('x = 1')}", CODE) == Parsed("x = 1\n")


def block_of(code: str) -> str:
    return f"```python\n{code}\n```\n"


def test_a_page_about_thoughts_hides_none() -> None:
    page = "The tag </think> ends what R1 thinks; <think> begins it."
    for thought in (f"I copy: {page}", "Is it 6?", "The tag", "The tag\n</think>\nIs it 6?"):
        for opening in ("", "<think>\n"):
            assert parse(f"{opening}{thought}\n</think>\n\nIt is 6.", TEXT, source=page) == Parsed("It is 6.")
    with pytest.raises(Unparsable, match=r"^unclosed_thought$"):
        parse("<think>\nIs it 6?", TEXT, source=page)
    with pytest.raises(Unparsable, match=r"^empty_answer$"):
        parse("</think>\n", TEXT, source=page)


@pytest.mark.parametrize(
    "wrapped",
    [
        "<answer>\n{}\n</answer>",
        "<response>{}</response>\n",
        "<Output> {}",
        "<rewritten_text>\n{}\n</rewritten_text>\n\nI removed the menu.",
        "<improved_code>\n{}\n</improved_code>",
        "<FINAL>{}</FINAL>",
    ],
)
@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.declared.format)
def test_the_marks_around_an_answer_are_no_part_of_it(wrapped: str, asked: Asked) -> None:  # fmt: skip
    """Servers that cut off thoughts leave them."""
    answer = wrapped.format(asked.final.strip())
    assert parse(answer, asked.declared) == asked.expected
    if asked.declared is TEXT:
        assert parse(answer, TEXT, source=f"of {answer}").text == answer.strip()


def test_a_turn_that_a_model_makes_up_is_no_answer() -> None:
    made_up = "It's 6.<|im_end|>\n<|im_start|>user\nAnd 3?<|im_end|>\n<|im_start|>assistant\nIt's 3."
    assert parse(made_up, TEXT).text == made_up  # for `special_token` to refuse


def test_a_prefill_may_close_or_open_the_thought() -> None:
    assert parse("It's 6.", TEXT, prefill="<think>\n\n</think>\n\n") == Parsed("It's 6.")
    assert parse("Is it 5?</think>It's 6.", TEXT, prefill="<think>\n") == Parsed("It's 6.")
    with pytest.raises(Unparsable, match=r"^unclosed_thought$"):
        parse("Is it 5?", TEXT, prefill="<think>\n")


@pytest.mark.parametrize("goes_on", [" It's 6.", "**Problem.** It's 6."])
def test_an_answer_behind_a_thought_goes_on_from_the_prefill_or_says_it_again(goes_on: str) -> None:
    assert parse(f"<think>Hm.</think>{goes_on}", TEXT, prefill="**Problem.**") == Parsed("**Problem.** It's 6.")


@pytest.mark.parametrize("prefill", ["", "```python\n"])
def test_the_prefill_counts_once_whether_the_server_repeats_it_or_not(prefill: str) -> None:
    assert parse("```python\nx = 1\n```", CODE, prefill=prefill) == Parsed("x = 1\n")
    assert parse("x = 1\n", CODE, prefill="```python\n", may_end_open=True) == Parsed("x = 1\n")


def test_a_thought_that_never_closes_is_a_failed_attempt_and_the_next_one_counts() -> None:
    prompt = Prompt(
        id="tidy",
        version=1,
        answer=SECTIONS,
        min_characters=1,
        messages=[("user", "{{ text }}")],
        sha="0" * 64,
        content="",
    )
    draft, final = "<think>\n" + sections("draft = 1\n", 3), sections("x = 1\n", 8)
    says = [draft, f"{draft}</think>\n{final}"]

    async def ask(request: Request) -> Generation:
        return Generation(says.pop(0), "stop", 1, 1)

    rewriter = Rewriter("tidy", prompt, Sampling(), "drop", Model("m"), fallback())
    verdict = asyncio.run(rewriter.rewrite(read_document("a", "x=1\n", {}), ask))
    assert (verdict.drop, verdict.text, verdict.record["grade"]) == (None, "x = 1\n", 8)
    assert [answer["failure"] for answer in verdict.record["answers"]] == ["unclosed_thought", None]
