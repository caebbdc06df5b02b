"""Control tokens: read from the model's tokenizer, shown by placeholders, put back, and no others let through."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sysconfig
import threading
import time
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import huggingface_hub
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builder.errors import HubUnreachable, RunMismatch, UsageError
from builder.rewriting.control_tokens import ControlTokens, fallback
from builder.rewriting.generation import Model
from builder.rewriting.local import find_weights, serve
from builder.rewriting.servers import probe
from builder.rewriting.sessions import new_session
from builder.rewriting.tokenizer import of_path
from builder.rewriting.tokenizer_source import known_to, named, of_server
from builder.rewriting.weights import SMOLLM2
from builder.run.directory import Run
from builder.run.fence import Fence
from builder.text import without_bom
from tests.local_hub import LocalHub
from tests.support import builder
from tests.tgi_double import TgiDouble

LLAMA_2 = ControlTokens(["<s>", "</s>", "<unk>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"], "Llama 2")
GEMMA = ControlTokens([*(f"<unused{number}>" for number in range(6000)), "<start_of_turn>", "<bos>"], "Gemma")
ODD = ControlTokens(["<s>", "[s]", "{s}", "s>", "<=s>", "<#1>", "⟦x", "<|<s>|>", "<|a|>", "a|>", "s"], "odd")
FAMILIES = (fallback(), LLAMA_2, GEMMA, ODD)


def test_the_whole_standard_library_comes_back_as_it_was(is_long: bool) -> None:
    """A quarter of it where time is short."""
    paths = sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py"))
    files = [path.read_text("utf-8", "replace") for path in paths[:: 1 if is_long else 4]]
    assert len(files) > 150
    for tokens in FAMILIES:
        for text in files:
            shown, count = tokens.show(text)
            assert tokens.restore(shown) == text
            assert not tokens.held_by(shown)
            assert bool(count) == bool(tokens.held_by(text))


@pytest.mark.parametrize("tokens", FAMILIES)
@settings(deadline=None)  # patterns are made with the first text
@given(data=st.data())
def test_any_text_comes_back_and_shows_no_token(tokens: ControlTokens, data: st.DataObject) -> None:
    some = tokens.tokens[:: max(1, len(tokens.tokens) // 40)]
    pieces = [*some, *(tokens.show(token)[0] for token in some[:9])]
    near = [piece[cut:] for piece in pieces for cut in (1, -1)] + [piece[:-1] for piece in pieces]
    marks = ["⟦", "⟧", "⟦=", "=", "⦃", "⦄", "<", ">", "|", "#", "s", " ", "\n", "é", "\ufeff"]
    text = data.draw(st.lists(st.sampled_from([*pieces, *near, *marks]), max_size=25).map("".join))
    shown, count = tokens.show(text)
    assert tokens.restore(shown) == text
    assert not tokens.held_by(shown)
    assert bool(count) == bool(tokens.held_by(text))
    counts = tokens.counts(pa.chunked_array([[text, None], ["plain"]], pa.string()))
    assert bool(counts) == bool(count) and set(counts) <= {0}


@settings(deadline=None)
@given(data=st.data())
def test_any_tokens_and_any_text_come_back(data: st.DataObject) -> None:
    pieces = st.text(st.sampled_from("<>|=~#12ab[]⟦"), min_size=3, max_size=6)
    tokens = ControlTokens(data.draw(st.sets(pieces, min_size=1, max_size=14)), "drawn")
    some = [*tokens.tokens, *(tokens.show(token)[0] for token in tokens.tokens), *"⟦⟧⦃⦄=~#12<>|ab"]
    text = data.draw(st.lists(st.sampled_from(some), max_size=12).map("".join))
    shown, count = tokens.show(text)
    assert tokens.restore(shown) == text
    assert not tokens.held_by(shown)
    assert bool(count) == bool(tokens.held_by(text))


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["===x", "<x>"], "⟦==x⟧"),
        (["=#1", "b]a", "<1<"], "⟦#1⟧"),
        (["#11", *(f"a{n}b" for n in range(12))], "a9b"),
    ],
)
def test_a_placeholder_never_makes_a_token(tokens: list[str], text: str) -> None:
    control = ControlTokens(tokens, "odd")
    for one in (text, *tokens, *(control.show(token)[0] for token in tokens)):
        shown = control.show(one)[0]
        assert control.restore(shown) == one and not control.held_by(shown)


@pytest.mark.parametrize(
    "text",
    [
        r're.compile(r"(?P<s>\d+)(?P<pad>x)")',
        "vector<s>",
        '"<|-|>"',
        "a <| b |> c",
        "<td><s>x</s >",
        "if a<b|c>d",
        "git clone <repo_name>",
        "usage: tool --key <arg_value>",
        "<role>admin</role>",
        "cat <<EOT>x",
    ],
)
def test_ordinary_text_is_shown_as_it_is_where_the_model_is_not_known(text: str) -> None:
    assert fallback().show(text) == (text, 0)


@pytest.mark.parametrize(
    "token",
    ["<|im_end|>", "<|eot_id|>", "<turn|>", "<|turn>", "</think>", "[gMASK]", "<tool_call>", "</s>",
     "<sop>", "[EOT]", "<|EOT|>", "</assistant>", "<|role_end|>", "<|message_sep|>", "<|assistant_end|>",
     "</mm:think>", "<|end_of_msg|>", "]<]minimax[>[", "</think:opensource>", "<｜hy_User｜>", "<|inner_suffix|>",
     "<|tool_call:end|>", "｜DSML｜", "<|bom|>", "<用户>", "<reserved_106>", "[UNUSED_TOKEN_145]", "<|audio_eos|>",
     "<end_of_turn>", "[/INST]", "<｜end▁of▁sentence｜>", "<|channel|>", "<|im_middle|>", "<|END_OF_TURN_TOKEN|>"],
)  # fmt: skip
def test_what_ends_a_turn_or_a_thought_is_a_token_where_the_model_is_not_known(token: str) -> None:
    shown, count = fallback().show(f"x {token} y")
    assert count == 1 and token not in shown


# --- what tokenizers' files say ---

ADDED = [
    {"id": 0, "content": "<|end|>", "special": True},
    {"id": 1, "content": "<think>", "special": False},
    {"id": 2, "content": "[TOOL_CALLS]", "special": False},
    {"id": 3, "content": "<table>", "special": False},
    {"id": 4, "content": "</h1>", "special": False},
    {"id": 5, "content": "    ", "special": False},
    {"id": 6, "content": "function", "special": False},
    {"id": 7, "content": "\n", "special": True},
]
CONTROL = {"<|end|>", "<think>", "[TOOL_CALLS]"}
DECODER = {"added_tokens_decoder": {str(one["id"]): one for one in ADDED}}
S_PAIR = [{"content": "<s>", "special": True}, {"content": "</s>", "special": False}]
MARKUP = [{"content": one} for one in ("<br />", '<a href="', "<!-- x -->", "<?php", '<p class="x">', "<wbr>")]
GEMMA_4 = {"<eos>", "<|turn>", "<turn|>"}
TEMPLATE = "{{ bos_token }}{% for m in messages %}[INST] <<SYS>>{{ m[0] }}<</SYS>> [/INST]{{ x[0] }}{% endfor %}"
IN_TEMPLATE = {"[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"}


@pytest.mark.parametrize(
    ("name", "content", "tokens"),
    [
        ("tokenizer.json", {"added_tokens": ADDED, "model": {}}, CONTROL),
        ("tokenizer_config.json", DECODER, CONTROL),
        ("mine.json", {"added_tokens": ADDED}, CONTROL),
        ("tokenizer_config.json", {"bos_token": {"content": "<s>"}, "pad_token": None}, {"<s>"}),
        ("tokenizer_config.json", {"additional_special_tokens": ["<|a|>", {"content": "<b>"}]}, {"<|a|>", "<b>"}),
        ("tokenizer_config.json", {"extra_special_tokens": {"image_token": "<|image|>"}}, {"<|image|>"}),
        ("tokenizer_config.json", {"model_specific_special_tokens": {"sot_token": "<|turn>"}}, {"<|turn>"}),
        ("tokenizer_config.json", {"chat_template": TEMPLATE}, IN_TEMPLATE),
        ("tokenizer_config.json", {"chat_template": [{"name": "default", "template": TEMPLATE}]}, IN_TEMPLATE),
        ("tokenizer.json", {"added_tokens": [*S_PAIR, *MARKUP]}, {"<s>", "</s>"}),
        ("tokenizer.json", {"added_tokens": [{"content": "<s>"}, {"content": "</s>"}, *ADDED]}, CONTROL),
        ("added_tokens.json", {"<|Human|>": 7, "<table>": 8, "[TOOL_CALLS]": 9}, {"<|Human|>", "[TOOL_CALLS]"}),
        ("tokenizer_config.json", {"eos_token": "<eos>", "chat_template": "<|turn>{{ x }}<turn|>"}, GEMMA_4),
        ("tekken.json", {"special_tokens": [{"rank": 0, "token_str": "[INST]", "is_control": True}]}, {"[INST]"}),
    ],
)
def test_control_tokens_are_read_from_each_kind_of_file(
    tmp_path: Path, name: str, content: dict[str, Any], tokens: set[str]
) -> None:
    (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + json.dumps(content).encode())
    assert of_path(tmp_path / name) == tokens
    if name != "mine.json":
        assert of_path(tmp_path) == tokens


def test_a_folder_says_what_all_its_files_say(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|end|>"}))
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": ADDED}))
    (tmp_path / "chat_template.jinja").write_text(TEMPLATE)
    assert of_path(tmp_path) == CONTROL | IN_TEMPLATE


def test_a_list_of_added_tokens_that_is_empty_says_nothing_of_the_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": {}, "eos_token": "<|e|>"}))
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": ADDED}))
    assert of_path(tmp_path) == CONTROL | {"<|e|>"}


def test_a_chat_template_alone_is_no_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text(TEMPLATE)
    with pytest.raises(UsageError, match="names no control token"):
        of_path(tmp_path)


NORMAL, UNKNOWN, CONTROL_KIND, USER_DEFINED = 1, 2, 3, 4
VOCABULARY = {
    "<unk>": UNKNOWN, "<|mine|>": CONTROL_KIND, "<think>": USER_DEFINED, "<table>": USER_DEFINED,
    "   ": USER_DEFINED, "<|im_end|>": NORMAL, "</s>": NORMAL, "<s>": NORMAL, "</td>": NORMAL, "the": NORMAL,
    "<filename>": NORMAL,
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "kinds", "tokens"),
    [
        ({}, True, {"<unk>", "<|mine|>", "<think>", "<|im_end|>", "</s>"}),
        ({"<|tool_response>": NORMAL}, True, {"<unk>", "<|mine|>", "<think>", "<|im_end|>", "<|tool_response>"}),
        ({}, False, {"<think>", "<|im_end|>", "</s>"}),
    ],
)
def test_a_gguf_says_kinds_and_llama_cpp_goes_by_the_text_too(
    tmp_path: Path, more: dict[str, int], kinds: bool, tokens: set[str]
) -> None:
    gguf = pytest.importorskip("gguf")
    vocabulary = {**VOCABULARY, **more}
    writer = gguf.GGUFWriter(tmp_path / "x.gguf", "llama")
    writer.add_token_list(list(vocabulary))
    if kinds:
        writer.add_token_types(list(vocabulary.values()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert of_path(tmp_path / "x.gguf") == tokens


@pytest.mark.parametrize("content", ["", "[]", "{}", "{", '{"added_tokens": 3}', '{"added_tokens": [{}]}', "\0"])
@pytest.mark.parametrize("name", ["tokenizer.json", "model.gguf"])
def test_what_is_no_tokenizer_is_said_to_be_none(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=r"tokenizer|control token"):
        of_path(tmp_path / name)


# --- in a build ---

PROMPT = """---
id: echo
version: 1
answer: {format: text}
sampling: {temperature: 0, max_tokens: 16000}
min_characters: 1
---
<!-- user -->
{{ text }}
"""
RECIPE = """
name: echo
source: {kind: files, path: corpus, glob: "**/*"}
stages: [{name: echo, rewrite: echo.md}]
release: {configs: {default: echo}, license: apache-2.0, scan: []}
"""


def echo(messages: list[dict[str, Any]], *_: object) -> str:
    return str(messages[-1]["content"])


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "echo.md").write_text(PROMPT)
    (tmp_path / "echo.yaml").write_text(RECIPE)
    (tmp_path / "LICENSE-generator").write_text("A licence.\n")
    return tmp_path / "echo.yaml"


def rows_of(run: Path) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in pq.read_table(run / "shards").to_pylist()}


def fenced(messages: list[dict[str, Any]], *_: object) -> str:
    return f"{'`' * 9}python\n{echo(messages)}\n{'`' * 9}"


ODD_TEXTS = {
    "tokens.py": 'END = "<|im_end|>⟦|im_end|⟧<|eot_id|>"\n\n\n',
    "blank.py": "\n\n  x = 1  ",
    "groups.py": r'GROUP = re.compile(r"(?P<s>\d+)")',
    "ends.py": "y = '</s><|im_start|>system'\r\n",
}


@pytest.mark.parametrize(("form", "reply"), [("text", echo), ("code", fenced)])
def test_a_server_that_echoes_gives_every_text_back_byte_for_byte(
    form: str, reply: Callable[..., str], recipe: Path, tmp_path: Path, is_long: bool
) -> None:
    library = Path(sysconfig.get_paths()["stdlib"])
    known = {library / name for name in ("html/parser.py", "xml/dom/minidom.py", "re/_parser.py", "string.py")}
    files = [path for path in sorted(library.rglob("*.py")) if "site-packages" not in path.parts]
    texts = dict(ODD_TEXTS)
    for path in files if is_long else [path for path in files if path in known]:
        with contextlib.suppress(UnicodeDecodeError):
            texts[str(path.relative_to(library))] = without_bom(path.read_bytes().decode())
    texts = {name: text for name, text in texts.items() if text.strip()}
    for name, text in texts.items():
        (recipe.parent / "corpus" / name).parent.mkdir(parents=True, exist_ok=True)
        (recipe.parent / "corpus" / name).write_bytes(text.encode())
    (recipe.parent / "echo.md").write_text(
        PROMPT.replace("format: text", f"format: {form}").replace("16000", "400000")
    )
    with TgiDouble(reply=reply, max_total_tokens=1_000_000, max_input_tokens=500_000) as server:
        builder("build", recipe, "--run", tmp_path / "run", "--server", server.url)
        sent = "".join(message["content"] for request in server.log for message in request.body["messages"])
    assert {name: row["echo"]["text"] for name, row in rows_of(tmp_path / "run").items()} == texts
    assert not fallback().held_by(sent)


ANSWERS = {
    "adds.py": lambda shown: f"{shown}<|eot_id|>\nx = 1",
    "ends.py": lambda shown: shown + "<|eot_id|>",  # as a server does that leaves the end of a turn
    "adds_shown.py": lambda shown: shown + "⟦|eot_id|⟧",
    "breaks.py": lambda shown: shown.replace("⟦|im_end|⟧", "⟦im end⟧"),
    "renames.py": lambda shown: shown.replace("⟦|im_end|⟧", "[|im_end|]"),
    "halves.py": lambda shown: shown.replace("⟧", ""),
    "unmasks.py": lambda shown: shown.replace("⟦|im_end|⟧", "<|im_end|>"),
    "drops.py": lambda shown: shown.replace("⟦|im_end|⟧", ""),
    "keeps.py": lambda shown: f"{shown}\n# again {shown}",
}


def test_an_answer_may_hold_the_tokens_of_its_source_and_no_others(recipe: Path, tmp_path: Path) -> None:
    for name in ANSWERS:
        (recipe.parent / "corpus" / name).write_text(f"{name} = '<|im_end|>'")

    def reply(messages: list[dict[str, Any]], *_: object) -> str:
        shown = str(messages[-1]["content"])
        change: Callable[[str], str] = ANSWERS[shown.partition(" ")[0]]
        return change(shown)

    with TgiDouble(reply=reply) as server:
        builder("build", recipe, "--run", tmp_path / "run", "--server", server.url, "--max-failures", "1")
    rows = rows_of(tmp_path / "run")
    assert {name: row["echo"]["failure"] for name, row in rows.items()} == {
        "adds.py": "special_token",
        "ends.py": None,
        "adds_shown.py": "special_token",
        "breaks.py": "broken_placeholder",
        "renames.py": "broken_placeholder",
        "halves.py": "broken_placeholder",
        "unmasks.py": None,
        "drops.py": None,
        "keeps.py": None,
    }
    assert rows["keeps.py"]["echo"]["text"].count("<|im_end|>") == 2
    assert rows["ends.py"]["echo"]["text"] == "ends.py = '<|im_end|>'"
    assert all(row["echo"]["special_tokens"] == 1 for row in rows.values())


@pytest.mark.parametrize(
    ("answer", "is_garbled"),
    [
        ("⟦x⟧ = <|im_end|>", False),
        ("⟦x⟧ = ⟦|im_end|", True),  # the source has brackets of its own
        ("⟦x⟧ = 【|im_end|】", True),
        ("⟦x⟧ = |im_end|", True),
        ("⟦x⟧ = <end_of_turn>, the end_of_turn", False),
        ("x = y", False),
    ],
)
def test_parts_of_placeholders_are_seen_in_an_answer(answer: str, is_garbled: bool) -> None:
    source = "⟦x⟧ = <|im_end|>, <end_of_turn>"
    assert fallback().is_garbled(source, answer) is is_garbled


def tokens_of(run: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((run / "run.json").read_text())["control_tokens"]
    return facts


def test_the_tokenizer_that_the_user_names_decides_and_stays(recipe: Path, tmp_path: Path) -> None:
    (recipe.parent / "corpus" / "a.py").write_text("a = '<mine> <|im_end|>'")
    (tmp_path / "tokenizer.json").write_text(
        json.dumps({"added_tokens": [{"content": "<mine>", "special": True}]})
    )
    run = ("--run", tmp_path / "run")
    with TgiDouble(reply=echo) as server:
        named = ("--tokenizer", tmp_path / "tokenizer.json")
        builder("build", recipe, *run, "--server", server.url, *named)
        assert server.log[-1].body["messages"][-1]["content"] == "a = '⟦mine⟧ <|im_end|>'"
        assert tokens_of(tmp_path / "run") == {
            "origin": "tokenizer.json",
            "is_fallback": False,
            "tokens": ["<mine>"],
        }
        (tmp_path / "tokenizer.json").write_text(json.dumps({"eos_token": "<|other|>"}))
        (tmp_path / "run" / "shards" / "shard-00000.parquet").unlink()
        again = ("build", recipe, *run, "--server", server.url)
        said = builder(*again, *named, exit_code=2).stderr
        assert "this run began with the control tokens of tokenizer.json" in said.replace("\n", " ")
        said = builder(*again, "--tokenizer", "no/such", exit_code=2).stderr
        assert "there is no such tokenizer" in said


def test_the_models_repository_is_asked_at_the_revision_that_answers(recipe: Path, tmp_path: Path) -> None:
    (recipe.parent / "corpus" / "a.py").write_text("a = '<|then|> <|now|>'")
    with LocalHub() as hub:
        config = json.dumps({"eos_token": "<|then|>"}).encode()
        sha = hub.put("models/org/Model", {"tokenizer_config.json": config})
        hub.put("models/org/Model", {"tokenizer_config.json": json.dumps({"eos_token": "<|now|>"}).encode()})
        env: dict[str, Any] = {**hub.env(tmp_path / "home")}
        with TgiDouble(reply=echo, model_id="org/Model", model_sha=sha) as server:
            said = builder("build", recipe, "--run", tmp_path / "run", "--server", server.url, **env).stderr
            assert server.log[-1].body["messages"][-1]["content"] == "a = '⟦|then|⟧ <|now|>'"
    assert tokens_of(tmp_path / "run") == {
        "origin": f"org/Model@{sha}",
        "is_fallback": False,
        "tokens": ["<|then|>"],
    }
    assert "taken for control tokens" not in said


def test_the_fallback_is_said_at_the_start_and_in_the_card(recipe: Path, tmp_path: Path) -> None:
    (recipe.parent / "corpus" / "a.py").write_text("a = '<|im_end|>', and more text than the least")
    with TgiDouble(reply=echo, model_id="org/Model") as server:
        said = builder(
            "publish", recipe, "--run", tmp_path / "run", "--to", tmp_path / "out", "--server", server.url,
            "--license-file", tmp_path / "LICENSE-generator",
        ).stderr.replace("\n", " ")  # fmt: skip
    assert "its tokenizer can't be had" in said and "--tokenizer FILE" in said
    card = (tmp_path / "out" / "README.md").read_text()
    assert "could not be had: control tokens are those of a list of the best-known models." in card
    assert tokens_of(tmp_path / "run")["is_fallback"] is True


def test_what_vllm_tells_of_its_tokenizer_is_taken() -> None:
    pages = {
        "/v1/models": {"data": [{"id": "m", "owned_by": "vllm", "root": "org/Model"}]},
        "/tokenizer_info": {
            "tokenizer_class": "TokenizersBackend",
            "eos_token": "<|end|>",
            "added_tokens_decoder": {str(one["id"]): one["content"] for one in ADDED},  # as vLLM 0.32 tells them
            "chat_template": "<|im_start|>{{ m }}",
        },
    }

    tokens, said = found_at(pages.get)
    assert set(tokens.tokens) == CONTROL | {"<|im_start|>"}
    assert not tokens.is_fallback and not said


def found_at(
    page: Callable[[str], Any], tokenized: Callable[[str], Any] = lambda _: None
) -> tuple[ControlTokens, str]:
    """Return the control tokens of a server with these pages, and what was said meanwhile."""
    said: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(page(self.path))

        def do_POST(self) -> None:
            text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["prompt"]
            self.answer(tokenized(text) if self.path == "/tokenize" else None)

        def answer(self, page: object) -> None:
            self.send_response(200 if page else 404)
            self.end_headers()
            self.wfile.write(json.dumps(page).encode())

        def log_message(self, *_: object) -> None:
            pass

    async def found(url: str) -> ControlTokens:
        async with new_session() as session:
            return await of_server(session, await probe(session, url), said.append)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        tokens = asyncio.run(found(f"http://127.0.0.1:{server.server_port}"))
        server.shutdown()
    return tokens, "\n".join(said)


def test_a_server_without_a_tokenizer_to_read_is_asked_token_by_token() -> None:
    one = {"a", "<s>", "<|im_end|>"}
    pages = {
        "/v1/models": {"data": [{"id": "m", "owned_by": "llamacpp"}]},
        "/props": {"model_path": "/no/such.gguf", "chat_template": "[INST]<|of_mine|>"},
    }

    def tokenized(text: str) -> Any:  # of one it says nothing
        return None if text == "<|eot_id|>" else {"tokens": [1] * (1 if text in one else 2)}

    tokens, said = found_at(pages.get, tokenized)
    assert set(tokens.tokens) == {"<s>", "<|im_end|>", "<|eot_id|>", "[INST]", "<|of_mine|>"}
    assert tokens.is_fallback and "best-known models' that llama.cpp knows" in said


def test_what_a_server_has_loaded_goes_before_the_name_it_goes_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, token in (("org/alias", "<|alias|>"), ("loaded", "<|loaded|>")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "tokenizer_config.json").write_text(json.dumps({"eos_token": token}))
    monkeypatch.chdir(tmp_path)
    model = {"id": "org/alias", "owned_by": "vllm", "root": str(tmp_path / "loaded")}
    tokens, _ = found_at({"/v1/models": {"data": [model]}}.get)
    assert tokens.tokens == ("<|loaded|>",)


def test_where_the_hub_is_out_of_reach_no_file_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def times_out(*_: object, **__: object) -> None:
        raise httpx2.ConnectTimeout("timed out")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", times_out)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", pytest.fail)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(HubUnreachable, match=r"tokenizer can't be had \(ConnectTimeout: timed out\)"):
        named("hf://org/Never")


@pytest.mark.parametrize(
    ("fault", "files", "said"),
    [
        ("drop", {"tokenizer_config.json": b'{"eos_token": "<|then|>"}'}, ""),
        ("503", {"tokenizer_config.json": b'{"eos_token": "<|then|>"}'}, ""),
        ("", {"tekken.json": b'{"special_tokens": [{}]}'}, "tekken.json has not the form of such a file"),
        ("", {"chat_template.jinja": b"[INST]"}, "holds no tokenizer that is known here"),
        ("", {"tokenizer.json": b"[]"}, "tokenizer.json has not the form"),
    ],
)
def test_what_the_hub_gives_or_does_not_ends_no_build(
    recipe: Path, tmp_path: Path, fault: str, files: dict[str, bytes], said: str
) -> None:
    (recipe.parent / "corpus" / "a.py").write_text("a = '<|then|>'")
    with LocalHub() as hub, TgiDouble(reply=echo, model_id="org/Model", model_sha=None) as server:
        hub.put("models/org/Model", files)
        if fault:
            hub.fail(fault, match="models/org/Model|tokenizer_config")
        env: dict[str, Any] = {**hub.env(tmp_path / "home")}
        done = builder("build", recipe, "--run", tmp_path / "run", "--server", server.url, **env)
    assert said in done.stderr.replace("\n", " ")
    assert tokens_of(tmp_path / "run")["is_fallback"] is bool(said)


def test_model_and_control_tokens_are_pinned_in_one_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(Fence, "write_text", lambda *arguments: written.append(json.loads(arguments[-1])))
    run = Run(tmp_path, {"model": None, "control_tokens": None})
    run.pin(Model("m", None), LLAMA_2)
    run.pin(Model("m", None), LLAMA_2)
    assert [(one["model"]["id"], one["control_tokens"]["origin"]) for one in written] == [("m", "Llama 2")]
    with pytest.raises(RunMismatch, match="began with the control tokens of Llama 2"):
        run.pin(Model("m", None), ODD)


@pytest.mark.llm
def test_a_real_server_reads_no_control_token_in_what_it_is_shown() -> None:
    def asked(url: str, **body: object) -> Any:
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def read_by(url: str, document: str) -> list[str]:
        messages = [{"role": "user", "content": document}]
        prompt = asked(f"{url}/apply-template", messages=messages)["prompt"]
        return [token["piece"] for token in asked(f"{url}/tokenize", content=prompt, with_pieces=True)["tokens"]]

    async def told(url: str) -> ControlTokens:
        async with new_session() as session:
            server = await probe(session, url)
            return ControlTokens(await known_to(session, server), "asked")

    weights = find_weights(SMOLLM2, print)
    tokens = ControlTokens(of_path(weights.path), "GGUF")
    document = "".join(f"{token} and {token[:-1]} {token[1:]}\n" for token in tokens.tokens)
    with serve(weights, print) as url:
        plain, shown = read_by(url, ""), read_by(url, tokens.show(document)[0])
        assert len([piece for piece in read_by(url, document) if piece in tokens.tokens]) > len(tokens.tokens)
        assert asyncio.run(told(url)).tokens == tokens.tokens
    assert len(tokens.tokens) == 17
    assert [piece for piece in shown if piece in tokens.tokens] == [
        piece for piece in plain if piece in tokens.tokens
    ]
