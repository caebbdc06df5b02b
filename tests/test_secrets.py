"""Secrets: each kind is found, what only looks like one is not, and a redacted text is the same text otherwise.

Every secret here is made up as the tests run, so that none stands in this file.
"""

import asyncio
import base64
import hashlib
import json
import os
import random
import string
import sysconfig
import uuid
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from builder.errors import FilterUnavailable, RecipeError
from builder.filters import secrets
from builder.filters.secrets import PLACEHOLDER, Secrets
from builder.filters.workers import Workers
from builder.recipe_file import load_recipe
from tests.support import PROMPT, builder, builder_json
from tests.tgi_double import TgiDouble

LETTERS = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
REDACT = Secrets(action="redact")


def drawn(count: int, alphabet: str = LETTERS, seed: int = 0) -> str:
    return "".join(random.Random(f"{seed} {count} {alphabet}").choices(alphabet, k=count))


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def unpadded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def key_block(kind: str, size: int = 600) -> str:
    body = encoded(random.Random(kind).randbytes(size))
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {kind} KEY-----", *lines, f"-----END {kind} KEY-----"])


AWS_ID, AWS_SECRET = "AKIA" + drawn(16, string.ascii_uppercase + "234567"), drawn(40)
TOKENS = {
    "anthropic-api-key": "sk-ant-" + "api03-" + drawn(93) + "AA",
    "databricks-api-token": "dapi" + drawn(32, "0123456789abcdef"),
    "gcp-api-key": "AIza" + drawn(35),
    "github-fine-grained-pat": "github_" + "pat_" + drawn(22) + "_" + drawn(59),
    "github-pat": "ghp_" + drawn(36),
    "gitlab-pat": "glpat-" + drawn(20),
    "huggingface-access-token": "hf_" + drawn(34, string.ascii_letters),
    "jwt": ".".join([unpadded({"alg": "HS256", "typ": "JWT"}), unpadded({"sub": "1", "iat": 15e8}), drawn(43)]),
    "npmjsaccesstoken": "npm_" + drawn(36),
    "openai-api-key": "sk-" + drawn(20) + "T3Blbk" + "FJ" + drawn(20, seed=1),
    "private-key": key_block("RSA PRIVATE"),
    "pypi-upload-token": "pypi-" + "AgEIcHlwaS5vcmc" + drawn(80),
    "sendgrid": "SG." + drawn(22) + "." + drawn(43),
    "shopify-access-token": "shpat_" + drawn(32, "0123456789abcdef"),
    "slack-bot-token": "xoxb-" + drawn(12, "123456789") + "-" + drawn(12, "123456789", 1) + "-" + drawn(24),
    "slack-webhook-url": f"https://hooks.slack.com/services/T{drawn(8, UPPER)}/B{drawn(9, UPPER)}/{drawn(24)}",
    "stripe-access-token": "sk_" + "live_" + drawn(24),
    "twilio-api-key": "SK" + drawn(32, "0123456789abcdef"),
}  # fmt: skip
PRIVATE_KEYS = {kind: key_block(kind) for kind in ("RSA PRIVATE", "EC PRIVATE", "PRIVATE", "OPENSSH PRIVATE")}


def measured(text: str) -> Any:
    """Measure a text with both actions, which must find the same."""
    dropping, redacting = Secrets().measure(text), REDACT.measure(text)
    assert {**redacting, "text": None} == dropping
    assert Secrets().decide(dropping) == ("secret" if dropping["secrets"] else None)
    assert REDACT.decide(redacting) is None
    assert (redacting["text"] is None) == (not redacting["secrets"])
    return redacting


# --- what is found ---


@pytest.mark.parametrize("kind", TOKENS)
def test_each_kind_is_found_and_redacted(kind: str) -> None:
    quote = '"""' if "\n" in TOKENS[kind] else '"'
    text = "import os\n\ntoken = {0}{1}{0}\nprint('größer', token)\n"
    found = measured(text.format(quote, TOKENS[kind]))
    assert found == {
        "secrets": 1,
        "kinds": f"{kind} 1",
        "line": 3,
        "text": text.format(quote, PLACEHOLDER),
    }


def test_both_halves_of_an_aws_credential_are_found_and_one_alone_is_none() -> None:
    text = 'aws_access_key_id = "{}"\naws_secret_access_key = "{}"\n'
    found = measured(text.format(AWS_ID, AWS_SECRET))
    assert found["kinds"] == "aws-access-token 1, aws-secret-access-key 1"
    assert (found["secrets"], found["line"]) == (2, 1)
    assert found["text"] == text.format(PLACEHOLDER, PLACEHOLDER)
    assert measured(f'aws_access_key_id = "{AWS_ID}"\n')["secrets"] == 0


def test_a_password_in_an_address_is_found_and_an_obvious_placeholder_is_not() -> None:
    text = 'url = "postgres://admin:{}@db.corp.net:5432/x"\n'
    assert measured(text.format(drawn(12)))["text"] == text.format(PLACEHOLDER)
    for none in ("postgres://user:password@localhost/x", "https://user:pass@example.com/x"):
        assert measured(f'url = "{none}"\n')["secrets"] == 0


@pytest.mark.parametrize("kind", PRIVATE_KEYS)
def test_a_private_key_goes_as_a_whole_however_it_is_written(kind: str) -> None:
    block = PRIVATE_KEYS[kind]
    lines = block.split("\n")
    for written, redacted in (
        (f'k = """{block}\n"""\n', f'k = """{PLACEHOLDER}\n"""\n'),
        ("k = '" + block.replace("\n", "\\n") + "'\n", f"k = '{PLACEHOLDER}'\n"),
        (
            "k = (\n" + "\n".join(f'    "{line}\\n"' for line in lines) + "\n)\n",
            f'k = (\n    "{PLACEHOLDER}\\n"\n)\n',
        ),
        ("\n".join(f"# {line}" for line in lines) + "\n", f"# {PLACEHOLDER}\n"),
        (f'k = b64decode("{encoded(block.encode())}")\n', f'k = b64decode("{PLACEHOLDER}")\n'),
    ):
        found = measured(written)
        assert (found["text"], found["kinds"]) == (redacted, "private-key 1")
        compile(found["text"], "redacted", "exec")


def test_code_that_only_mentions_a_private_keys_header_is_left_alone() -> None:
    header = "-----BEGIN RSA PRIVATE " + "KEY-----"
    code = (
        f'if not text.startswith("{header}"):\n    raise ValueError("this is not the key that was asked for")\n'
        f'same = text.partition("{header}")\n'
    )
    assert measured(code)["secrets"] == 0
    ended = f"{code}{'x = 1' * 30}\n" + 'assert text.endswith("-----END RSA PRIVATE ' + 'KEY-----")\n'
    assert measured(ended)["secrets"] == 0
    found = measured(f'{code}k = """{TOKENS["private-key"]}"""\n')
    assert found["text"] == f'{code}k = """{PLACEHOLDER}"""\n'
    assert found["line"] == 4


# --- what is not ---

HARMLESS = {
    "uuid": f'id = "{uuid.UUID(int=random.Random(1).getrandbits(128), version=4)}"',
    "sha1": f'commit = "{hashlib.sha1(b"x").hexdigest()}"',
    "sha256": f'token_hash = "{hashlib.sha256(b"x").hexdigest()}"',
    "integrity": f'integrity = "sha512-{encoded(hashlib.sha512(b"x").digest())}"',
    "image": f'image = "data:image/png;base64,{encoded(random.Random(2).randbytes(20_000))}"',
    "constant": f"N = 0x{random.Random(3).randbytes(256).hex()}",
    "key constant": f"KEY = 0x{random.Random(4).randbytes(32).hex()}",
    "alphabet": f'ALPHABET = "{LETTERS}+/"',
    "public key": f'key = """{key_block("PUBLIC")}"""',
    "example": 'aws_access_key_id = "AKIA" "IOSFODNN7EXAMPLE"'.replace('" "', ""),
    "variable": 'password = os.environ["PASSWORD"]',
    "prose": "A token (sk-…) or a password such as hunter2 is never committed.",
    "redacted": f'url = "postgres://admin:{PLACEHOLDER}@db.corp.net:5432/x"',
    "empty": "",
}


@pytest.mark.parametrize("what", HARMLESS)
def test_what_only_looks_random_is_no_secret(what: str) -> None:
    assert measured(HARMLESS[what]) == {"secrets": 0, "kinds": None, "line": None, "text": None}


def test_the_standard_library_is_kept() -> None:
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
    files += sorted(Path(sysconfig.get_paths()["stdlib"], "test").glob("*.py"))
    texts = [file.read_text(encoding="utf-8", errors="replace") for file in [*files[:150], *files[-150:]]]
    found = [measures for text in texts if (measures := Secrets().measure(text))["secrets"]]
    print(f"{len(found)} of {len(texts)} files dropped: {found}")
    assert len(texts) >= 150
    assert len(found) <= len(texts) // 100


# --- redaction changes nothing else ---

WORDS = st.text(st.sampled_from("ab =\n\"'()#\\{}é日\0\r\ufeff"), max_size=80)


@settings(max_examples=300, deadline=None)
@given(WORDS, WORDS, st.sampled_from(sorted(TOKENS.values())), st.sampled_from(['"', "'", " ", "\n"]))
def test_a_secret_anywhere_is_redacted_and_all_else_is_byte_for_byte(
    before: str, after: str, secret: str, around: str
) -> None:
    found = measured(before + around + secret + around + after)
    assert found["text"] == before + around + PLACEHOLDER + around + after
    assert found["line"] == (before + around).count("\n") + 1
    assert secret not in str({**found, "text": None})
    assert measured(found["text"])["secrets"] == 0


def test_a_text_with_many_nuls_is_not_taken_for_another_encoding() -> None:
    spaced = "".join(f"{character}\0" for character in f'token = "{TOKENS["github-pat"]}"\n')
    assert measured(spaced)["secrets"] == 0
    text = spaced + 'token = "{}"\n'
    assert measured(text.format(TOKENS["github-pat"]))["text"] == text.format(PLACEHOLDER)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(sorted(TOKENS.values())) | WORDS, max_size=12))
def test_redacting_twice_is_redacting_once(pieces: list[str]) -> None:
    redacted = measured("\n".join(pieces))["text"]
    assume(redacted is not None)
    assert measured(redacted) == {"secrets": 0, "kinds": None, "line": None, "text": None}
    assert not any(secret in redacted for secret in TOKENS.values())


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_any_text_is_measured_the_same_every_time(text: str) -> None:
    assert measured(text) == measured(text)


# --- as a stage ---


def test_workers_give_the_same_as_this_process() -> None:
    texts = [f'token = "{secret}"\n' for secret in sorted(TOKENS.values())] + list(HARMLESS.values())

    async def use() -> list[Any]:
        async with Workers(2) as workers:
            return await asyncio.gather(*(workers.verdict(REDACT, text) for text in texts))

    for text, verdict in zip(texts, asyncio.run(use()), strict=True):
        expected = REDACT.measure(text)
        assert (verdict.record, verdict.drop, verdict.text) == (expected, None, expected["text"])


def test_without_the_package_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "_PACKAGE", "a-package-that-is-not-there")
    for use in (Secrets().identity, Secrets().workplace):
        with pytest.raises(FilterUnavailable, match=r"pip install 'swallow-builder\[secrets\]'"):
            use()


HEAD = '"""A module that is long enough for the answers of a rewriting stage."""\n'

RECIPE = """
name: safe
source: {{kind: files, path: corpus, glob: "**/*.py", shard_rows: 2}}
stages:
  - {{name: clean, filter: secrets, action: {action}}}
  - {{name: short, filter: length, max_characters: 300}}
{stages}release: {{configs: {{default: {last}, cleaned: clean}}, license: apache-2.0}}
"""


def project(folder: Path, action: str = "redact", stages: str = "", last: str = "short") -> Path:
    """Write a corpus of which one file is short enough only without its key, and a recipe that redacts."""
    (folder / "corpus").mkdir()
    (folder / "corpus" / "a_clean.py").write_text(f"{HEAD}x = 1\n")
    (folder / "corpus" / "b_token.py").write_text(f'{HEAD}token = "{TOKENS["github-pat"]}"\n')
    (folder / "corpus" / "c_key.py").write_text(f'{HEAD}k = """{TOKENS["private-key"]}"""\n')
    (folder / "corpus" / "d_long.py").write_text(f'token = "{TOKENS["npmjsaccesstoken"]}"\n' + "y = 2\n" * 60)
    (folder / "tidy.md").write_text(PROMPT)
    (folder / "LICENSE-generator").write_text("A licence.\n")
    recipe = folder / "safe.yaml"
    recipe.write_text(RECIPE.format(action=action, stages=stages, last=last))
    return recipe


def published(folder: Path, config: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / "data" / config).to_pylist()
    return found


def assert_no_secret_below(folder: Path) -> None:
    for path in folder.rglob("*"):
        rows = str(pq.read_table(path).to_pylist()) if path.suffix == ".parquet" else ""
        content = rows or (path.read_text(errors="replace") if path.is_file() else "")
        assert not any(
            line in content for secret in TOKENS.values() for line in secret.split("\n")[1:2] or [secret]
        )


def test_a_release_holds_redacted_texts_and_no_secret(tmp_path: Path) -> None:
    recipe, run, dest = project(tmp_path), tmp_path / "run", tmp_path / "out"
    builder("build", recipe, "--run", run, "--until", "clean")
    builder("publish", recipe, "--run", run, "--to", dest)
    assert {row["file"]: row["text"] for row in published(dest, "default")} == {
        "a_clean.py": f"{HEAD}x = 1\n",
        "b_token.py": f'{HEAD}token = "{PLACEHOLDER}"\n',
        "c_key.py": f'{HEAD}k = """{PLACEHOLDER}"""\n',
    }, "the stage after sees the redacted text, also in a run that goes on from its rows"
    assert len(published(dest, "cleaned")) == 4
    (dropped,) = published(dest, "dropped")
    assert (dropped["stage"], dropped["reason"]) == ("short", "too_long")
    assert (dropped["clean_secrets"], dropped["clean_kinds"], dropped["clean_line"]) == (
        1,
        "npmjsaccesstoken 1",
        1,
    )
    assert not [column for column in dropped if "text" in column]
    assert_no_secret_below(dest.resolve())
    with pytest.raises(AssertionError):
        assert_no_secret_below(run)  # the table keeps what was read
    shown = builder("inspect", run, "--id", "b_token.py").stdout
    assert "clean: secrets 1, kinds github-pat 1, line 2" in shown
    assert PLACEHOLDER not in shown


def test_dropping_leaves_no_text_either(tmp_path: Path) -> None:
    recipe, dest = project(tmp_path, action="drop"), tmp_path / "out"
    builder("publish", recipe, "--run", tmp_path / "run", "--to", dest)
    assert [row["file"] for row in published(dest, "default")] == ["a_clean.py"]
    assert {row["reason"] for row in published(dest, "dropped")} == {"secret"}
    assert_no_secret_below(dest.resolve())


def test_a_model_and_a_card_see_the_redacted_text_alone(tmp_path: Path) -> None:
    recipe = project(tmp_path, stages="  - {name: tidy, rewrite: tidy.md}\n", last="tidy")
    dest = tmp_path / "out"
    with TgiDouble() as double:
        arguments = ["publish", recipe, "--run", tmp_path / "run", "--to", dest, "--server", double.url]
        builder(*arguments, "--license-file", tmp_path / "LICENSE-generator")
        asked = [json.dumps(entry.body) for entry in double.log]
    assert len(asked) == 3
    assert sum(PLACEHOLDER in body for body in asked) == 2
    assert "<code>a_clean.py</code> through" in (dest / "README.md").read_text()
    assert_no_secret_below(dest.resolve())


def test_explain_shows_later_stages_the_redacted_text(tmp_path: Path) -> None:
    recipe, file = project(tmp_path), tmp_path / "corpus" / "c_key.py"
    first, second = builder_json("explain", recipe, file)
    assert (first["drop"], first["measures"]["kinds"]) == (None, "private-key 1")
    assert second["measures"]["characters"] == len(f'{HEAD}k = """{PLACEHOLDER}"""\n')
    assert PLACEHOLDER not in builder("explain", recipe, file).stdout


def test_rules_are_compiled_once_and_kept_where_the_account_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/nowhere")  # as in the process that compiles them
    place = secrets._cache()
    assert place is not None and not place.is_relative_to("/nowhere")
    assert secrets._detector()[0].cache_status in {"stored", "loaded"}
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)  # as containers have them
    assert secrets._cache() is None


def test_a_check_drops_and_cannot_redact(tmp_path: Path) -> None:
    recipe = project(tmp_path, stages="  - {name: tidy, rewrite: tidy.md}\n", last="tidy")
    for action, fails in (("drop", False), ("redact", True)):
        checks = f"checks: [{{filter: secrets, action: {action}}}]"
        (tmp_path / "tidy.md").write_text(PROMPT.replace("checks: [{filter: syntax}]", checks))
        if fails:
            with pytest.raises(RecipeError, match=r"a check only passes or fails(.|\n)*action: drop"):
                load_recipe(str(recipe))
        else:
            assert "secrets" in load_recipe(str(recipe)).checks["tidy"]
