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
        block("x = 1\n") + "\nOr else:\n" + block("y = 2\n"),
        "```python\nx = 1\n```   \t",
        "```python\nx = 1\n````",
        "Use ```x``` so:\n" + block("x = 1\n"),
    ],
)
def test_the_first_block_is_the_code(answer: str) -> None:
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
    after = '\nThat\'s """all""" I\'d change:\n' + block("y = 2\n")
    assert parse(block(code) + after, CODE) == Parsed(code)


def test_a_shorter_or_other_fence_within_a_block_is_code() -> None:
    markdown = "# Title\n\n```python\nx\n```\n\n~~~~\ny\n~~~~\n"
    assert parse(block(markdown, "````", "markdown"), CODE) == Parsed(markdown)
    assert parse(block("x\n````\ny\n", "~~~", ""), CODE) == Parsed("x\n````\ny\n")


def test_a_fence_with_an_info_string_opens_and_does_not_close() -> None:
    assert failure("```python\nx = 1\n```python\ny = 2\n", CODE) == "unclosed_code_block"


def test_an_indented_fence_does_not_close_a_block_at_the_margin() -> None:
    assert failure("```python\nif x:\n    ```\n", CODE) == "unclosed_code_block"


def test_a_block_in_a_list_comes_without_the_lists_indentation() -> None:
    answer = "1. Like so:\n\n   ```python\n   if x:\n       y = 1\n\n   z = 2\n   ```\n"
    assert parse(answer, CODE) == Parsed("if x:\n    y = 1\n\nz = 2\n")


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


@pytest.mark.parametrize(
    "heading",
    [
        "### Improved Code:",
        "# improved code :",
        "######IMPROVED CODE:",
        "###\tImproved Code \t: here you go",
        "## Improved Code:\r",
    ],
)
def test_a_section_is_found_by_its_name_however_it_is_written(heading: str) -> None:
    assert parse(heading + "\n" + block("x = 1\n"), SECTIONS) == Parsed("x = 1\n")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (block("x = 1\n"), "no_section"),
        ("Improved Code:\n" + block("x = 1\n"), "no_section"),
        ("### Improved Codes:\n" + block("x = 1\n"), "no_section"),
        (block("x = 1\n") + "### Improved Code:\nas above\n", "no_code_block"),
        ("### Improved Code:\n```python\nx = 1\n", "unclosed_code_block"),
        ("### Improved Code:\n" + block(""), "empty_answer"),
    ],
)
def test_a_section_that_is_not_there_is_not_guessed(answer: str, reason: str) -> None:
    assert failure(answer, SECTIONS) == reason


@pytest.mark.parametrize(
    ("said", "grade"),
    [
        (" 7", 7.0),
        (" 7/10", 7.0),
        (" **8.5** of 10", 8.5),
        ("\n\n10\n", 10.0),
        ("0", 0.0),
        (" good", None),
        (" about 7", None),
        (" -1", None),
        ("", None),
    ],
)
def test_the_grade_is_the_number_its_section_begins_with(said: str, grade: float | None) -> None:
    answer = f"### Evaluation:{said}\n\n### Improved Code:\n" + block("x = 1\n")
    assert parse(answer, SECTIONS) == Parsed("x = 1\n", grade)


def test_a_missing_grade_costs_no_text() -> None:
    assert parse("### Improved Code:\n" + block("x = 1\n"), SECTIONS) == Parsed("x = 1\n", None)


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
    parsed = parse(head + block(code) + 'Don\'t miss the """docstring\n' + block("z\n"), declared)
    assert parsed.text == code


@given(st.text(), st.sampled_from([TEXT, CODE, SECTIONS]), st.booleans())
def test_any_answer_is_parsed_or_refused(answer: str, declared: AnswerFormat, may_end_open: bool) -> None:
    try:
        parsed = parse(answer, declared, may_end_open=may_end_open)
    except Unparsable as error:
        assert str(error) in {"empty_answer", "no_section", "no_code_block", "unclosed_code_block"}
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
    "1",
]


OPEN = "### Improved Code:\n```\n"


@pytest.mark.parametrize("lead", ["", "# a", OPEN])
def test_a_hostile_answer_takes_linear_time(lead: str) -> None:
    for piece in PIECES:
        answer = lead + piece * (2**20 // len(piece))
        began = time.monotonic()
        with contextlib.suppress(Unparsable):
            parse(answer, SECTIONS)
        assert time.monotonic() - began < 20, piece  # it takes tenths of a second; quadratic, many minutes
