"""Answers: the new text is what the model wrote as such, byte for byte, or the attempt fails with its reason."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.rewriting.answers import Parsed, Unparsable, parse
from builder.rewriting.prompts import AnswerFormat

TEXT = AnswerFormat(format="text")
CODE = AnswerFormat(format="code")
SECTIONS = AnswerFormat(format="sections", text="Improved Code", grade="Evaluation")


def block(code: str, fence: str = "```", info: str = "python") -> str:
    return f"{fence}{info}\n{code}{fence}\n"


def failure(answer: str, declared: AnswerFormat, *, may_end_open: bool = False) -> str:
    with pytest.raises(Unparsable) as caught:
        parse(answer, declared, may_end_open=may_end_open)
    return str(caught.value)


# --- text ---


def test_a_text_answer_is_all_of_it() -> None:
    answer = "\n\n# A heading\n```python\nx\n```\nThe end.\n"
    assert parse(answer, TEXT) == Parsed(answer.strip())


@pytest.mark.parametrize("label", ["markdown", "md", "", "text", "latex"])
@pytest.mark.parametrize("page", ["# A page\n\nIts end.", "```python\nx\n```\n\n```\ny\n```", "Use `x`."])
def test_a_text_that_stands_whole_in_a_fence_comes_without_it(label: str, page: str) -> None:
    page = page if label in ("markdown", "md") else page.replace("```\ny", "```sh\ny")
    answer = f"```{label}\n{page}\n```\n"
    assert parse(answer, TEXT) == Parsed(page)
    assert parse(answer, TEXT, source=answer) == Parsed(answer.strip())


@pytest.mark.parametrize(
    "answer",
    ["```\na\n```\nb\n```\nc\n```", "```markdown\na\n```python\nb\n```", "```python\nx\n```", "a\n```\nb\n```"],
)
def test_a_fence_that_holds_a_part_of_a_text_stays(answer: str) -> None:
    assert parse(answer, TEXT) == Parsed(answer)


def test_a_text_that_stands_whole_in_quotes_comes_without_them() -> None:
    answer = '"""\n# A page\n\nIts end.\n"""\n'
    assert parse(answer, TEXT) == Parsed("# A page\n\nIts end.")
    assert parse(answer, TEXT, source=answer) == Parsed(answer.strip())
    page = "The train travels at 72 km/h. " * 4 + "\n\n#### 72"
    assert parse(f'"{page}"', TEXT) == Parsed(page)
    assert parse(f'"{page}" and "5"', TEXT) == Parsed(f'"{page}" and "5"')
    assert parse(f"{answer}\n{answer}", TEXT) == Parsed(f"{answer}\n{answer}".strip())


ENDS = [
    "<|im_end|>", "<|eot_id|>", "</s>", "<|endoftext|>", "<end_of_turn>\n", "<eos>", "<｜end▁of▁sentence｜>",
    "<|im_end|>\n<|endoftext|>", "<|return|>",
]  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_a_turn_is_no_part_of_a_text(end: str) -> None:
    assert parse(f"It is 6.{end}", TEXT) == Parsed("It is 6.")
    assert parse(f"It is 6.{end}", TEXT, source=f"{end} ends a turn.") == Parsed(f"It is 6.{end.strip()}")


def test_a_text_struck_through_keeps_its_marks() -> None:
    assert parse("It is <s>5</s>", TEXT) == Parsed("It is <s>5</s>")


@pytest.mark.parametrize("declared", [TEXT, CODE, SECTIONS])
@pytest.mark.parametrize("answer", ["", " \n\t\n"])
def test_nothing_is_no_answer(answer: str, declared: AnswerFormat) -> None:
    assert failure(answer, declared) == "empty_answer"


# --- code ---


@pytest.mark.parametrize(
    "answer",
    [
        block("x = 1\n"),
        block("x = 1\n", info=""),
        block("x = 1\n", info="python title=a.py"),
        block("\n\nx = 1\n\n"),
        block("x = 1\n", "~~~"),
        block("x = 1\n", "`````"),
        "Here it is:\n\n" + block("x = 1\n") + "It's shorter, isn't it? Don't use `y`.\n",
        block("x = 1\n") + "\nTry it:\n" + block("python a.py\n", info="bash"),
        block("x = 1\n") + "\nIt prints:\n" + block("1\n", info=""),
        block("x = 1\n") + "\n**Example usage:**\n\n" + block("print(x)\n"),
        "Install:\n" + block("pip install y\n", info="sh") + block("x = 1\n", info="py"),
        block("x = 1\n") + "Again:\n" + block("x = 1\n"),
        block("x = 1\n") + "\nTo test it:\n" + block("assert x\n"),
        block("x = 1\n") + "\nYou can use the function as follows:\n\n" + block("print(x)\n"),
        block("x = 1\n") + "\nHere's how to call the `load` function or class:\n\n" + block("print(x)\n"),
        block("x = 1\n") + "\n**Unit tests:**\n" + block("import unittest\n"),
        block("x = 1\n") + "```\n",
        "Here is the code: ```python\nx = 1\n```",
        "### Code ```python\nx = 1\n```",
        "```python\nx = 1\n  ```",
        "```python\nx = 1\n      ```\nDone.",
        "```python\nx = 1```",
        "```python\nx = 1\n``` That's all of it.\n",
        "```python\nx = 1\n```Done.",
        "```python\nx = 1\n```</answer>\n",
        "```python\nx = 1\n```<|im_end|>\n<|im_start|>user\nThanks.",
        block("x = 1\n", info="Python"),
        block("x = 1\n", info="python3"),
        block("x = 1\n", info=" {.python .numberLines}"),
        block("\ufeffx = 1\n"),
        "\ufeff" + block("x = 1\n"),
        "```python\nx = 1\n```   \t",
        "```python\nx = 1\n````",
        "Use ```x``` so:\n" + block("x = 1\n"),
        "- ```python\n  x = 1\n  ```",
        "10. ```python\n    x = 1\n    ```\n",
        "* **Code:** ```python\n  x = 1\n  ```",
        "\u200b```python\nx = 1\n```",
        "<think>Hm.</think>\n\ufeff```python\nx = 1\n```",
    ],
)
def test_the_one_block_is_the_code(answer: str) -> None:
    assert parse(answer, CODE) == Parsed("x = 1\n")


FENCES_WITHIN = [
    'def f():\n    """Show it.\n\n```python\nf()\n```\n    """\n',
    "def f():\n    '''Show it.\n```\nf()\n```\n    '''\n",
    'TEXT = r"""\n```\n\\"""\n```\n"""\n',
    'TEXT = """\\\n```\n"""\n',
    "TEXT = 'it\\'s \\\n```\\\n'\n",
    "# It's a \"quote\n#```\nx = '#'  # ```\n",
    "x = 1  # '''\n\"\"\"\n```\n\"\"\"\ny = 2  # '''\n",
    "F = f'''{x!r}\n```\n'''\n",
    'A = "\'\'\'"\nB = """\n```\n"""\nC = "\'\'\'"\n',
    "x = \\\n    1\n",
]


@pytest.mark.parametrize("code", FENCES_WITHIN)
def test_fences_in_strings_and_comments_do_not_cut_the_code(code: str) -> None:
    compile(code, "<test>", "exec")  # so that the examples are Python
    after = '\nThat\'s """all""" I\'d change. Then:\n' + block("python x.py\n", info="bash")
    assert parse(block(code) + after, CODE) == Parsed(code)


@pytest.mark.parametrize("declared", [CODE, SECTIONS])
def test_the_source_beside_the_code_is_not_the_code(declared: AnswerFormat) -> None:
    head = "### Improved Code:\n" if declared is SECTIONS else ""
    answer = f"{head}Original:\n" + block("x=1\n\n") + "\nImproved:\n" + block("x = 1\n")
    assert parse(answer, declared, source="x=1\n").text == "x = 1\n"
    assert failure(answer, declared) == "several_code_blocks"
    assert parse(block("x = 1\n") + block("x = 1\n"), CODE, source="x = 1\n").text == "x = 1\n"


def test_a_shorter_or_other_fence_within_a_block_is_code() -> None:
    markdown = "# Title\n\n```python\nx\n```\n\n~~~~\ny\n~~~~\n"
    assert parse(block(markdown, "````", "markdown"), CODE) == Parsed(markdown)
    assert parse(block("x\n````\ny\n", "~~~", ""), CODE) == Parsed("x\n````\ny\n")


def test_a_fence_with_an_info_string_opens_and_does_not_close() -> None:
    assert failure("```python\nx = 1\n```python\ny = 2\n", CODE) == "unclosed_code_block"


def test_a_fence_at_the_margin_closes_before_an_indented_one() -> None:
    code = "if x:\n      ```\n"
    assert parse(block(code, info="text"), CODE) == Parsed(code)


def test_a_block_in_a_list_comes_without_the_lists_indentation() -> None:
    answer = "1. Like so:\n\n   ```python\n   if x:\n       y = 1\n\n   z = 2\n   ```\n"
    assert parse(answer, CODE) == Parsed("if x:\n    y = 1\n\nz = 2\n")


@pytest.mark.parametrize("indent", [" ", "   ", "\t", "- "])
def test_code_that_is_not_indented_as_its_fence_is_stays_as_it_is(indent: str) -> None:
    code = "def f(x):\n    if x:\n        return 1\n"
    assert parse(f"{indent}```python\n{code}{indent.replace('-', ' ')}```", CODE).text == code


@pytest.mark.parametrize("info", ["", "python ", "py ", " "])
@pytest.mark.parametrize(
    "first",
    [
        "import os",
        "from os import *",
        "def f(x):",
        "async def f():",
        "class A:",
        "@cache",
        'x = """',
        '"""',
        "#!/bin/x",
    ],
)
def test_code_on_the_line_of_its_fence_is_code(info: str, first: str) -> None:
    assert parse(f"```{info}{first}\n    y\n```\n", CODE).text == f"{first}\n    y\n"


@pytest.mark.parametrize(
    "info",
    ['title="a.py"', 'title = "a.py"', "from a.py", "# a.py", ":a.py", "{.class}", 'linenums="1" hl_lines="2 3"'],
)
def test_what_is_said_of_a_block_on_the_line_of_its_fence_is_no_code(info: str) -> None:
    assert parse(f"```python {info}\nx = 1\n```\n", CODE).text == "x = 1\n"


def test_windows_line_ends_stay_as_they_are() -> None:
    assert parse("```python\r\nx = 1\r\ny = 2\r\n```\r\n", CODE).text == "x = 1\r\ny = 2\r\n"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("Sorry, I can't.", "no_code_block"),
        ("x = 1\n", "no_code_block"),
        ("Use ```x``` here.", "no_code_block"),
        ("```python\nx = 1\n", "unclosed_code_block"),
        ("```python", "unclosed_code_block"),
        ('```python\nx = """\n```\n', None),
        (block("x = 1\n") + "\nOr else:\n" + block("y = 2\n"), "several_code_blocks"),
        *(
            (block("x = 1\n") + f"\n{words}:\n" + block("y = 2\n"), "several_code_blocks")
            for words in ("For speed, use this version instead", "Or use it like this", "Alternatively, use this")
        ),
        (block("x = 1\n", info="") + "\nBetter:\n" + block("y = 2\n"), "several_code_blocks"),
        ("`a.py`:\n" + block("x = 1\n") + "`b.py`:\n" + block("y = 2\n"), "several_code_blocks"),
        (block("x = 1\n") + "And:\n```python\ny = 2\n", "unclosed_code_block"),
        ("```python\n```python\n", "unclosed_code_block"),
        (block(""), "empty_answer"),
        (block("\n \n"), "empty_answer"),
    ],
)
def test_an_answer_without_a_whole_block_fails_with_its_reason(answer: str, reason: str | None) -> None:
    if reason is None:  # an open string swallows no fence: what is wrong with the code is the check's to say
        assert parse(answer, CODE) == Parsed('x = """\n')
    else:
        assert failure(answer, CODE) == reason


def test_only_a_prompt_that_stops_at_a_fence_may_leave_the_block_open() -> None:
    assert parse("```python\nx = 1\n", CODE, may_end_open=True) == Parsed("x = 1\n")
    assert parse("```python\nx = 1\n```\nmore", CODE, may_end_open=True) == Parsed("x = 1\n")
    assert failure("```python\n", CODE, may_end_open=True) == "empty_answer"
    assert failure("no block", CODE, may_end_open=True) == "no_code_block"


# --- sections ---

ANSWER = """### Evaluation: 7

### Suggestions:
Use ```enumerate```. It's shorter:
```python
for i, x in enumerate(xs): ...
```

### Improved Code:
```python
# Evaluation: 3
# Improved Code:
x = 1
### Suggestions:
'''
### Improved Code:
```
'''
```

### Evaluation: 2
"""


def test_the_named_section_gives_the_code_and_headings_in_it_are_code() -> None:
    code = "# Evaluation: 3\n# Improved Code:\nx = 1\n### Suggestions:\n'''\n### Improved Code:\n```\n'''\n"
    assert parse(ANSWER, SECTIONS) == Parsed(code, 7.0)


HEADINGS = """
### Improved Code:
# improved code :
######IMPROVED CODE:
###	Improved Code 	: here you go
### Improved Code
### Improved code
## Improved Code ##
## Improved Code (complete file):
### Improved Code (Copy and Paste)
### 3. Improved Code:
### 3) Improved Code
### (3) Improved Code
### Step 3: Improved Code
### Part III. Improved Code
### C. Improved Code
### **Improved Code**
### **3. Improved Code:**
### *Improved Code*:
### __Improved Code__
### `Improved Code`
### ✅ Improved Code
### 🚀 Improved Code 🚀
### Improved Code – final version
### Improved Code: `main.py`
### [Improved Code]
### Improved Code：
**Improved Code**
**Improved Code:**
**Improved Code**:
__Improved Code:__
**3. Improved Code:**
3. **Improved Code:**
3. **Improved Code**
- **Improved Code:**
**Full Improved Code (Copy and Paste)**
### Final Improved Code
### Improved Code with Type Hints
Improved Code:
### Improved Code
### Improved‑Code
Improved Code:
improved code:
IMPROVED CODE:
3. Improved Code:
  Improved Code (complete):
- ### Improved Code
> ### Improved Code
\\### Improved Code
<summary>Improved Code</summary>
[Improved Code]
【Improved Code】
== Improved Code ==
★ Improved Code ★:
Improved Code
=============
Improved Code
---
""".strip("\n").replace("\n=", "\0=").replace("\n---", "\0---").split("\n")  # fmt: skip


@pytest.mark.parametrize(
    "heading", [heading.replace("\0", "\n") for heading in HEADINGS] + ["## Improved Code:\r"]
)
@pytest.mark.parametrize("between", ["\n", "\n\n", "\n\nHere is the whole file:\n\n"])
def test_a_section_is_found_however_its_heading_is_written(heading: str, between: str) -> None:
    before = "### Evaluation: 7\nIt isn't bad.\n\n### Suggestions:\n- Improved code: use `enumerate`.\n\n"
    after = "\nI've renamed nothing.\n\n### Notes\n" + block("other\n")
    assert parse(before + heading + between + block("x = 1\n") + after, SECTIONS) == Parsed("x = 1\n", 7.0)


@pytest.mark.parametrize(
    "answer",
    [
        "### Improved Code: ```python\nx = 1\n```",
        "### Improved Code ```python\nx = 1\n```\nDone.",
        "**Improved Code:** ```python\nx = 1\n```",
        "Improved Code: ```\nx = 1\n```",
        "### Improved Code:\n```python\nx = 1\n   ```\n",
        "### Improved Code:\n\n~~~py\nx = 1\n~~~",
        "### Improved Code:\n#### main.py\n"
        + block("x = 1\n")
        + "#### How to run\n"
        + block("python main.py\n", info="sh"),
        "### Improved Code:\n" + block("x = 1\n") + "**Example usage:**\n" + block("print(x)\n"),
        "### Improved Code:\n" + block("x = 1\n") + "### Tests\n" + block("assert x\n"),
        "### Improved Code:\nSee below.\n### Improved Code:\n" + block("x = 1\n"),
        "### Improved Code:\n" + block("x = 1\n") + "\n### Improved Code (again):\n" + block("x = 1\n"),
        "### Improved Code Quality\n- Names.\n### Improved Code\n" + block("x = 1\n"),
        "```\n\n```\n**Improved Code:**\n" + block("x = 1\n"),
        "```\n**Improved Code:**\n" + block("x = 1\n"),
        "```markdown\n### Improved Code:\n" + block("x = 1\n") + "```",
        "````markdown\n### Improved Code:\n" + block("x = 1\n") + "````",
        "Plan: 1. Evaluation 2. Suggestions 3. Improved Code\n### Improved Code\n" + block("x = 1\n"),
    ],
)
def test_the_one_candidate_is_taken(answer: str) -> None:
    assert parse(answer, SECTIONS) == Parsed("x = 1\n")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (block("x = 1\n"), "no_section"),
        ("Improved Code\n" + block("x = 1\n"), "no_section"),
        ("3. Improved Code\n" + block("x = 1\n"), "no_section"),
        ("[Improved Code\n" + block("x = 1\n"), "no_section"),
        ("(the Improved Code)\n" + block("x = 1\n"), "no_section"),
        ("This is the improved code: it is short.\n" + block("x = 1\n"), "no_section"),
        ("### Improved Codes:\n" + block("x = 1\n"), "no_section"),
        ("### Unimproved Code:\n" + block("x = 1\n"), "no_section"),
        ("### Suggestions\n" + block("# Improved Code:\nx = 1\n") + "Sorry, no more.\n", "no_section"),
        (block("x = 1\n") + "### Improved Code:\nas above\n", "no_code_block"),
        ("### Improved Code:\nas below\n### Usage\n" + block("x = 1\n"), "no_code_block"),
        ("### Improved Code:\n```python\nx = 1\n", "unclosed_code_block"),
        ("### Improved Code:\n" + block(""), "empty_answer"),
        (
            "### Improved Code:\n" + block("x\n") + "### Improved Code (final):\n" + block("y\n"),
            "several_sections",
        ),
        ("### Improved Code:\nFirst\n" + block("x\n") + "Then\n" + block("y\n"), "several_code_blocks"),
        ("### Improved Code:\n#### a.py\n" + block("x\n") + "#### b.py\n" + block("y\n"), "several_code_blocks"),
    ],
)
def test_a_section_that_is_not_there_or_there_twice_is_not_guessed(answer: str, reason: str) -> None:
    assert failure(answer, SECTIONS) == reason


GRADES: list[tuple[str, float | None]] = [
    ("### Evaluation: 7", 7),
    ("### Evaluation: 7/10", 7),
    ("###\u00a0Evaluation:\u00a07", 7),
    ("### Evaluation:\n7\u202f/\u202f10", 7),
    ("### Evaluation: N\n8", 8),
    ("### Evaluation: [N]\n\n**8**\n", 8),
    ("### Evaluation: N\n8 functions lack docstrings", None),
    ("### Evaluation: 7 / 10", 7),
    ("### Evaluation: **8.5** of 10", 8.5),
    ("### Evaluation: **8**", 8),
    ("### Evaluation: **8/10**", 8),
    ("### Evaluation: 8 out of 10", 8),
    ("### Evaluation: 8.5", 8.5),
    ("### Evaluation: [8]", 8),
    ("### Evaluation: (8/10)", 8),
    ("### Evaluation: `8`", 8),
    ("### Evaluation: 8.", 8),
    ("### Evaluation: 8 - good names", 8),
    ("### Evaluation: 8 – good names", 8),
    ("### Evaluation: 8, since it is short", 8),
    ("### Evaluation: 8 (good)", 8),
    ("### Evaluation: 8/10 (good)", 8),
    ("### Evaluation: 8/10 because it runs", 8),
    ("### Evaluation: 7. It works, and is clear.", 7),
    ("### Evaluation: 8 points", 8),
    ("### Evaluation: Score: 8/10", 8),
    ("### Evaluation: Overall grade: 8", 8),
    ("### Evaluation: ✅ Mostly clear — 8.5/10", 8.5),
    ("### Evaluation (8/10)", 8),
    ("### Evaluation (before changes): 8", 8),
    ("### Evaluation 8", 8),
    ("### Evaluation (1-10): 8", 8),
    ("### Evaluation (scale of 1 to 10): 8/10", 8),
    ("### Evaluation: 8.0/10.0", 8),
    ("### Evaluation: 8/10 ✅", 8),
    ("### Evaluation: I give it 8/10.", 8),
    ("### Evaluation: ⭐⭐⭐⭐ 8", 8),
    ("<h3>Evaluation: 8</h3>", 8),
    ("### Evaluation - 8", 8),
    ("### Evaluation Score: 8", 8),
    ("### 1. Evaluation: 8", 8),
    ("### **Evaluation**: 8", 8),
    ("### **Evaluation: 8**", 8),
    ("**Evaluation:** 8/10", 8),
    ("**Evaluation: 8**", 8),
    ("1. **Evaluation:** 8", 8),
    ("Evaluation: 8", 8),
    ("## Evaluation\n8/10", 8),
    ("## Evaluation\n- **Score**: 8/10\n- Good names.", 8),
    ("## Evaluation\n> 8/10", 8),
    ("## Evaluation\n### 8/10", 8),
    ("### Evaluation: <b>8</b>", 8),
    ("### Evaluation: \\\\boxed{8}", 8),
    ("### Evaluation: I rate this an 8 out of 10.", 8),
    ("### Evaluation: comments in 8 out of 10 functions", None),
    ("## Evaluation\n- 8 names are good", None),
    ("## Evaluation\n- 8", None),
    ("### Evaluation:\n\n10\n", 10),
    ("### Evaluation:\n**Score:** 8/10\n\nGood.", 8),
    ("### Evaluation:\n**8**\n- names", 8),
    ("Evaluation: 8\n=============", 8),
    ("### Evaluation:\n\n1. **Names**: clear.\n2. **Comments**: fine.\n3. **Overall grade**: 9", None),
    ("### Evaluation:\n1.", None),
    ("### Evaluation:\n8 functions", None),
    ("### Evaluation:\n3 of the 10 criteria are met", None),
    ("### Evaluation: 1. Names are clear. 2. No docstrings.", None),
    ("### Evaluation: 1) Names are clear.", None),
    ("### Evaluation: 3 functions lack docstrings", None),
    ("### Evaluation: 3/10 functions lack docstrings", None),
    ("### Evaluation: 8 of 10 functions lack docstrings", None),
    ("### Evaluation: 100", None),
    ("### Evaluation: 0", None),
    ("### Evaluation: 11/10", None),
    ("### Evaluation: 85%", None),
    ("### Evaluation: 85/100", None),
    ("### Evaluation: 4/5", None),
    ("### Evaluation: 7-8", None),
    ("### Evaluation: 7 to 8", None),
    ("### Evaluation: 7/10 for names, 5/10 for layout", None),
    ("### Evaluation: -1", None),
    ("### Evaluation: 7th", None),
    ("### Evaluation: Python 3.10 code", None),
    ("### Evaluation: good", None),
    ("### Evaluation: about 7", None),
    ("### Evaluation:", None),
    ("### Evaluation:\nGood, but 3 names are short.\n\n8", None),
    ("### Evaluation: 7\n\n### Evaluation: 8", None),
    ("Nothing.", None),
]


@pytest.mark.parametrize(("said", "grade"), GRADES)
def test_the_grade_is_the_number_beside_its_heading(said: str, grade: float | None) -> None:
    answer = f"{said}\n\n### Suggestions:\n1. Use 3 names.\n\n### Improved Code:\n" + block(
        "# Evaluation: 3\nx = 1\n"
    )
    assert parse(answer, SECTIONS) == Parsed("# Evaluation: 3\nx = 1\n", grade)


def test_the_prompt_says_which_grades_there_are() -> None:
    declared = AnswerFormat(format="sections", text="Improved Code", grade="Evaluation", grade_range=(0, 100))
    answer = "### Evaluation: {}\n### Improved Code:\n" + block("x = 1\n")
    grades = [parse(answer.format(said), declared).grade for said in ("0", "85", "85/100", "8/10", "101")]
    assert grades == [0, 85, 85, None, None]


# --- any code ---

LINE = st.text(st.characters(exclude_characters='\\"\r\n', exclude_categories=["Cs"]), max_size=20)
FENCE_LINE = st.sampled_from(
    ["```", "```python", "    ```", "~~~", "````", "### Improved Code:", "'''", "# it's", "'", "{"]
)


@given(
    docstring=st.lists(LINE | FENCE_LINE, max_size=8),
    comment=LINE,
    before=LINE | FENCE_LINE,
    declared=st.sampled_from([CODE, SECTIONS]),
)
def test_code_comes_back_whatever_its_docstring_and_comments_hold(
    docstring: list[str], comment: str, before: str, declared: AnswerFormat
) -> None:
    body = "\n".join(docstring)
    code = f'def f(x):  # {comment}\n    """Do.\n{body}\n    """\n    return "```" + \'"""\' + x  # {before}\n'
    head = "### Evaluation: 5\n\n### Improved Code:\n" if declared is SECTIONS else ""
    after = 'Don\'t miss the """docstring\n' + block("z\n", info="bash")
    parsed = parse(head + block(code) + after, declared)
    assert parsed.text == code


REASONS = {
    "empty_answer",
    "unclosed_thought",
    "no_section",
    "several_sections",
    "no_code_block",
    "several_code_blocks",
    "unclosed_code_block",
}


@given(st.text(), st.sampled_from([TEXT, CODE, SECTIONS]), st.booleans())
def test_any_answer_is_parsed_or_refused(answer: str, declared: AnswerFormat, may_end_open: bool) -> None:
    try:
        parsed = parse(answer, declared, may_end_open=may_end_open)
    except Unparsable as error:
        assert str(error) in REASONS
    else:
        assert parsed.text.strip()
        assert parsed.text.strip() in answer


PIECES = [
    '\\"""',
    '\\"',
    "\\'",
    "'",
    '"""',
    "'''",
    "`",
    "~",
    "```\n",
    "#",
    "# a ",
    " ",
    "\t",
    "\\",
    "\n",
    "### a:\n",
    "### Improved Code:\n",
    "### Evaluation:\n",
    "Improved Code ",
    "</think>",
    "<think>\n",
    "`</think>`",
    ": ",
    "1",
]


OPEN = "### Improved Code:\n```\n"
FALLING = "".join(mark * number + "\n     " + mark * number + "\n" for number in range(99, 2, -1) for mark in "`~")


@pytest.mark.parametrize("lead", ["", "x\n", "# a", "x</think>\n", OPEN, FALLING])
def test_a_hostile_answer_takes_linear_time(lead: str) -> None:
    for piece in PIECES:
        answer = lead + piece * (2**18 // len(piece))
        began = time.monotonic()
        with contextlib.suppress(Unparsable):
            parse(answer, SECTIONS)
        assert time.monotonic() - began < 20, piece  # it takes tenths of a second; quadratic, many minutes
