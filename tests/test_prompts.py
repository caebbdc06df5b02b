"""Prompts: what a file says is sent as it stands, with the document in its place, and nothing in it runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import RecipeError
from builder.release.recipe_copy import prompt_paths, write_prompts
from builder.rewriting.prompt_files import load_prompt, prompt_names, prompt_path
from builder.rewriting.prompts import Prompt

FRONT = "---\nid: mine\nversion: 1\nanswer: {format: code}\n---\n"
PROMPT = FRONT + "<!-- user -->\n{{ text }}\n"


@pytest.fixture(name="load")
def fixture_load(tmp_path: Path) -> Loader:
    return Loader(tmp_path / "prompt.md")


class Loader:
    """Writes a prompt and reads it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, content: str | bytes) -> Prompt:
        self.path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_prompt(self.path)

    def messages(self, body: str, text: str = "T") -> list[str]:
        return [message["content"] for message in self(FRONT + body).render(text)]

    def refusal(self, content: str | bytes) -> RecipeError:
        with pytest.raises(RecipeError) as caught:
            self(content)
        assert caught.value.where.startswith(str(self.path))
        assert caught.value.remedy
        assert "\n" not in caught.value.what
        return caught.value


RUNS = "cycler.__init__.__globals__.os.system('touch {0}')"


@pytest.mark.parametrize(
    "form",
    [
        f"{{{{{{{{ {RUNS} }}}}}}}}",
        f"{{{{% set x = {RUNS} %}}}}",
        f"{{{{% if {RUNS} %}}}}x{{{{% endif %}}}}",
        "{{% for c in ().__class__.__base__.__subclasses__() %}}{{{{ c }}}}{{% endfor %}}",
        "{{% include '{0}' %}}{{% extends '/etc/passwd' %}}",
    ],
)
def test_a_prompt_runs_nothing(load: Loader, tmp_path: Path, form: str) -> None:
    ran = tmp_path / "ran"
    body = form.format(ran)
    assert load.messages(f"<!-- user -->\n{body}\n{{{{ text }}}}\n") == [f"{body}\nT"]
    assert not ran.exists()


LITERAL = (
    "{% for x in y %}{{ x }}{% endfor %}", "{{", "}}", "{{ }}", "{{}}", "{% raw %}", "{# no comment #}", "{%-x-%}",
    "${{ github.sha }}", 'f"{{{name}}}"', "\\frac{{a}}{{b}}", "{{ texts }}", "{{ text_of(x) }}", "{{text: 1}}",
    "{ text }", "{text}", "{{ TEXT }}", "<b>&amp;</b>", "\\1 \\g<0> %s", "{{ '{{' }}", "{{ context.text }}",
)  # fmt: skip


@pytest.mark.parametrize("literal", LITERAL)
def test_what_is_no_placeholder_is_sent_as_it_stands(load: Loader, literal: str) -> None:
    system, user = load.messages(f"<!-- system -->\n{literal}\n<!-- user -->\n{literal}{{{{ text }}}}{literal}\n")
    assert (system, user) == (literal, f"{literal}T{literal}")


@pytest.mark.parametrize("placeholder", ["{{ text }}", "{{text}}", "{{  text\t}}"])
def test_the_document_stands_as_it_is(load: Loader, placeholder: str) -> None:
    text = " {{ text }} {{ text.strip() }} {% x %} \\1 <&> é\n\n"
    assert load.messages(f"<!-- user -->\n{placeholder}|{placeholder}\n", text) == [f"{text}|{text}"]


def test_the_document_may_come_without_white_space_around(load: Loader) -> None:
    assert load.messages("<!-- user -->\n[{{ text.strip() }}|{{ text }}]\n", "\n a b \n") == ["[a b|\n a b \n]"]


@given(st.text(), st.lists(st.sampled_from([*LITERAL, "{{ text }}", "\n", "a"]), min_size=1))
def test_a_message_is_its_pieces(text: str, pieces: list[str]) -> None:
    pieces = [*pieces, "{{ text }}"]
    content = "|".join(pieces)
    fields = {"id": "p", "version": 1, "answer": {"format": "text"}, "content": "", "sha": ""}
    prompt = Prompt.model_validate({**fields, "messages": [("user", content)]})
    (message,) = prompt.render(text)
    assert message["content"] == "|".join(text if piece == "{{ text }}" else piece for piece in pieces)


@pytest.mark.parametrize(
    "wrong",
    [
        "{{ text | trim }}", "{{ text|e }}", "{{text.upper()}}", "{{ text[:99] }}", "{{- text -}}", "{{ text -}}",
        "{{ text + 'x' }}", "{{ text ~ x }}", "{{ text if text else 'x' }}", "{{\ntext\n}}", "{{\xa0text }}",
        "{{ text.__class__ }}",
    ],
)  # fmt: skip
def test_what_only_a_template_engine_understands_is_refused(load: Loader, wrong: str) -> None:
    for body in (wrong, f"{{{{ text }}}}\n{wrong}"):
        error = load.refusal(f"{FRONT}<!-- user -->\n{body}\n")
        assert "is no placeholder" in error.what
        assert "{{ text.strip() }}" in error.remedy


@pytest.mark.parametrize("other", ["{{ document }}", "{{ txt }}", "{% include 'x' %}", "{ text }", "nothing"])
def test_a_prompt_without_a_place_for_the_document_is_refused(load: Loader, other: str) -> None:
    error = load.refusal(f"{FRONT}<!-- user -->\n{other}\n")
    assert "no message of the prompt holds {{ text }}" in error.what
    assert ("it holds" in error.what) == other.startswith(("{{", "{%"))


@pytest.mark.parametrize(
    "line",
    [
        "<!-- User -->", "<!-- usr -->", "<!-- asistant -->", "<!-- developer -->", "<!-- human -->",
        "<!-- user --> Hi", "<!-- users -->",
    ],
)  # fmt: skip
def test_what_was_meant_to_begin_a_message_and_does_not_is_refused(load: Loader, line: str) -> None:
    for before in ("", "<!-- system -->\nBe brief.\n"):
        error = load.refusal(f"{FRONT}{before}{line}\n{{{{ text }}}}\n")
        assert "begins no message" in error.what
        assert error.where == f"{load.path}:{8 if before else 6}"
    assert load.messages("<!-- user -->\n<!-- a note -->\n<!-- note -->\n{{ text }}\n") == [
        "<!-- a note -->\n<!-- note -->\nT"
    ]


@pytest.mark.parametrize("marker", ["<!-- user --> ", "<!--user-->", "\t<!--  user  -->\t"])
def test_white_space_around_what_begins_a_message_changes_nothing(load: Loader, marker: str) -> None:
    assert load(f"{FRONT}<!-- system -->\na\n{marker}\n{{{{ text }}}}\n").messages == [
        ("system", "a"),
        ("user", "{{ text }}"),
    ]
    assert load(PROMPT.replace("---\n", "--- \n")).id == "mine"


@pytest.mark.parametrize("role", ["user", "assistant"])
def test_an_empty_message_is_refused(load: Loader, role: str) -> None:
    error = load.refusal(f"{PROMPT}<!-- {role} -->\n \n")
    assert f"a message of the {role} is empty" in error.what
    assert load.messages("<!-- system -->\n<!-- user -->\n{{ text }}\n") == ["", "T"]  # for want of the default


def test_the_beginning_of_the_answer_is_no_place_for_it(load: Loader) -> None:
    error = load.refusal(f"{FRONT}<!-- user -->\n{{{{ text }}}}\n<!-- assistant -->\nOf {{{{ text }}}}:\n")
    assert "the beginning of the answer" in error.what


# --- the file ---


def test_a_mark_and_another_systems_line_ends_change_nothing(load: Loader) -> None:
    plain = load(PROMPT)
    for content in (PROMPT.encode("utf-8-sig"), PROMPT.replace("\n", "\r\n").encode("utf-8-sig")):
        assert load(content) == plain
    assert plain.content == PROMPT
    assert plain.sha == hashlib.sha256(PROMPT.encode()).hexdigest()


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("version: 1", "version: 1\nid: yours", 4, "the key 'id' is there twice"),
        ("{format: code}", "{format: code, format: text}", 4, "the key 'format' is there twice"),
        ("version: 1", "verson: 1", 3, "unknown key 'verson'"),
        ("version: 1", "version: 1\nmessages: []", 4, "unknown key 'messages'"),
        ("version: 1", "version: 1\nsha: x", 4, "unknown key 'sha'"),
        ("version: 1", "version: 1\non: x", 4, "the key 'on' is read as bool"),
        ("version: 1", "version: 0", 3, "version: "),
        ("version: 1", f"version: {'9' * 5000}", 3, "can't be read"),
        ("version: 1", f"version: {'9' * 30}", 3, "has more than 64 bits"),
        ("version: 1", "version: 2024-13-01", 3, "can't be read"),
        ("version: 1", "version: !!int ''", 3, "can't be read"),
        ("version: 1", "version: &a [*a]", 3, "it holds itself"),
        ("version: 1", "version: [" + "[" * 2000, None, "nested too deeply"),
        ("id: mine", 'id: "a\\0b"', 2, "holds a NUL"),
        ("id: mine", 'id: "\\ud800"', 2, "a lone surrogate"),
        ("answer:", "checks: [{check: latex}, {check: chatter, name: Latex}]\nanswer:", 4, "checks"),
        ("{format: code}", "{format: code, form: x}", 4, "answer.form: there is no such key"),
        ("{format: code}", "{format: code, grade: Evaluation}", 4, "only `sections` has some"),
        *(
            ("{format: code}", f"{{format: sections, text: {name}}}", 4, "is no heading")
            for name in ("''", "' '", "'### Code'", "'Code:'", "'**Code**'", '"A\\nB"')
        ),
        ("{format: code}", "{format: code}\nsampling: {stop: ['']}", 5, "sampling.stop.0: "),
        ("id: mine\n", "", None, "id: it is missing"),
    ],
)
def test_a_mistake_in_the_front_matter_has_its_line(
    load: Loader, old: str, new: str, line: int | None, what: str
) -> None:
    assert PROMPT.count(old) == 1
    error = load.refusal(PROMPT.replace(old, new))
    assert what in error.what
    assert error.where == (f"{load.path}:{line}" if line else str(load.path))


@pytest.mark.parametrize("content", [b"", b"\xff", b"---\n---\n", b"---\n- a\n---\n<!-- user -->\n{{ text }}\n"])
def test_what_is_no_prompt_is_said(load: Loader, content: bytes) -> None:
    load.refusal(content)


ODD = [
    "../../x", "a/b", "a\\b", "/etc/x", "..", ".", ".hidden", "a.", "a b", "a\tb", "é", "CON", "nul", "com1.txt",
    "a:b", "a*", "a?", "a#b", "a%2f", "~", "-x", "x" * 65, "", "a\nb", "a\n",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_an_id_is_a_files_name_everywhere(load: Loader, name: str) -> None:
    quoted = '"' + name.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t") + '"'
    error = load.refusal(PROMPT.replace("id: mine", f"id: {quoted}"))
    assert error.where == f"{load.path}:2"
    assert "a prompt's id" in error.what


@pytest.mark.parametrize("name", ["a", "A-b_c", "sgcr-v1.2", "2nd", "x" * 64, "_x", "console", "com10"])
def test_an_ordinary_id_is_taken(load: Loader, name: str) -> None:
    assert load(PROMPT.replace("id: mine", f'id: "{name}"')).id == name


def test_a_shipped_prompt_is_named_and_not_a_path(tmp_path: Path) -> None:
    for name in prompt_names():
        assert load_prompt(prompt_path(name, tmp_path)).id == name
    for name in ("../README", "../prompts/sgcr", "/etc/hostname", "", "SGCR"):
        with pytest.raises(RecipeError, match="there is no prompt"):
            prompt_path(name, tmp_path)


# --- in a release ---


def test_prompts_of_a_release_do_not_overwrite_each_other(tmp_path: Path) -> None:
    ids = {"first": ("Tidy", "a"), "second": ("tidy", "b"), "third": ("tidy", "b")}
    ids |= {"other": ("x", "c"), "same": ("x", "c")}
    prompts = {stage: {"id": id, "content": content} for stage, (id, content) in ids.items()}
    assert prompt_paths(prompts) == {
        "first": "prompts/first/Tidy.md",
        "second": "prompts/second/tidy.md",
        "third": "prompts/third/tidy.md",
        "other": "prompts/x.md",
        "same": "prompts/x.md",
    }
    write_prompts(prompts, tmp_path)
    for stage, path in prompt_paths(prompts).items():
        assert (tmp_path / path).read_text() == prompts[stage]["content"]
    write_prompts({}, tmp_path / "none")
    assert not (tmp_path / "none").exists()
