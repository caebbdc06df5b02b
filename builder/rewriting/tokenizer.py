"""What a tokenizer's files say of control tokens: those of a Hub repository, a GGUF, Mistral's tekken.

A control token is one that the files mark as special; one that was added to the vocabulary and has the form of a
mark (`<think>`, `[TOOL_CALLS]`), since a server reads it in a document as it does in its template; and what a chat
template writes around messages although it is no token (`[INST]` of Llama 2).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import orjson

from builder.errors import UsageError
from builder.rewriting.known_tokens import ORDINARY, known_tokens

CONFIG, TOKENIZER, ADDED, TEMPLATE = (
    "tokenizer_config.json", "tokenizer.json", "added_tokens.json", "chat_template.jinja",
)  # fmt: skip
_OTHERS = ("special_tokens_map.json", "tekken.json")

_MARK = re.compile(r"<[^\s<>][^<>]{0,80}>|\[/?[A-Za-z@|][^\s\[\]]{0,80}\]|<<?/?SYS>>?|◁/?\w+▷|<｜[^<>｜]{1,80}｜>")
_HTML = re.compile(
    r"</?(?:a|abbr|address|area|article|aside|b|base|bdi|bdo|big|blockquote|body|br|button|canvas|caption|center|cite"
    r"|code|col|colgroup|dd|del|details|dfn|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer|form|h[1-6]|head"
    r"|header|hr|html|i|iframe|img|input|ins|kbd|label|legend|li|link|main|mark|math|menu|meta|nav|noscript|ol"
    r"|optgroup|option|p|param|pre|progress|q|rp|rt|ruby|s|samp|script|section|select|small|span|strike|strong|style"
    r"|sub|summary|sup|svg|table|tbody|td|textarea|tfoot|th|thead|title|tr|tt|u|ul|var|video|wbr)(?:\s[^<>]*)?/?>"
    r"|<[!?][^<>]*>",
    re.I,
)
_IN_TEMPLATE = re.compile(
    r"<\|[^|<>\s{}]{1,64}\|>|<｜[^｜<>\s{}]{1,64}｜>|<\|\w{1,64}>|<\w{1,64}\|>|\[/?[A-Z][A-Z_]{2,}\]|<</?SYS>>"
)
_NAMED = re.compile(r"\w+_token|additional_special_tokens|extra_special_tokens|model_specific_special_tokens")
_NORMAL, _UNKNOWN, _CONTROL, _USER_DEFINED = 1, 2, 3, 4  # kinds of tokens in a GGUF


def of_files(read: Callable[[str], bytes | None]) -> set[str]:
    """Return the control tokens that a repository's or folder's files name, none where there are no such files.

    Args:
        read: Takes a file's name and returns its content, None where there is none.

    Raises:
        ValueError: A file is not what its name says.
    """
    config = read(CONFIG)
    found = _of_content(CONFIG, config)
    if config is None or not _facts(config).get("added_tokens_decoder"):  # transformers 5 leaves it out
        tokenizer = read(TOKENIZER)
        # Tokenizers of before tokenizer.json list in a file of their own what was added.
        found |= _of_content(TOKENIZER, tokenizer) if tokenizer else _of_content(ADDED, read(ADDED))
    for name in _OTHERS:
        found |= _of_content(name, read(name))
    return found | _of_content(TEMPLATE, read(TEMPLATE)) if found else found  # which alone would be but a part


def of_path(path: Path) -> set[str]:
    """Return the control tokens of a tokenizer's file, a GGUF, or a folder with such files.

    Raises:
        UsageError: There is none, or none that can be read.
    """
    try:
        if path.is_dir():
            found = of_files(lambda name: (path / name).read_bytes() if (path / name).is_file() else None)
        elif path.suffix == ".gguf":
            found = set(of_gguf(path))
        else:
            found = _of_content(path.name, path.read_bytes())
    except (OSError, ValueError) as error:
        raise UsageError(f"no tokenizer can be read here ({error})", where=str(path), remedy=_REMEDY) from error
    if not found:
        raise UsageError("it names no control token", where=str(path), remedy=_REMEDY)
    return found


_REMEDY = (
    f"--tokenizer takes a {TOKENIZER}, a {CONFIG}, a tekken.json, a GGUF, a folder with them, or hf://ORG/NAME"
)


def _of_content(name: str, content: bytes | None) -> set[str]:
    if content is None:
        return set()
    try:
        return set(_found_in(name, content))
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{name} has not the form of such a file: {error!r}") from error


def _found_in(name: str, content: bytes) -> Iterator[str]:
    if name.endswith(".jinja"):
        yield from of_template(content.decode())
        return
    facts = _facts(content)
    yield from _added(facts if name == ADDED else facts.get("added_tokens") or ())  # of tokenizer.json
    if isinstance(listed := facts.get("special_tokens"), list):  # of tekken.json
        yield from (token["token_str"] for token in listed)
    yield from of_config(facts)


def _facts(content: bytes) -> dict[str, Any]:
    facts = orjson.loads(content.removeprefix(codecs.BOM_UTF8))
    if not isinstance(facts, dict):
        raise TypeError("no JSON object")
    return facts


def of_config(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the control tokens of a `tokenizer_config.json`, which vLLM tells as /tokenizer_info, too."""
    yield from _added((config.get("added_tokens_decoder") or {}).values())
    for key, value in config.items():
        if _NAMED.fullmatch(key):
            yield from filter(_is_text, _contents(value))
    templates = config.get("chat_template") or ()
    for template in [templates] if isinstance(templates, str) else [one["template"] for one in templates]:
        yield from of_template(template)


def of_template(template: str) -> Iterator[str]:
    """Yield what a chat template writes that has the form of control tokens; with some models it is plain text."""
    return (found[0] for found in _IN_TEMPLATE.finditer(template))


def of_gguf(path: Path) -> Iterator[str]:
    """Yield the control tokens of a GGUF's vocabulary and chat template.

    Raises:
        UsageError: What reads such files is not installed.
        ValueError: It is no GGUF.
    """
    if find_spec("gguf") is None:
        raise UsageError("a GGUF can't be read", where=str(path), remedy="pip install 'swallow-builder[local]'")
    from gguf import GGUFReader  # brings numpy

    fields = GGUFReader(path).fields

    def of(name: str) -> Any:  # noqa: ANN401 - as the file has it
        return fields[name].contents() if name in fields else None

    tokens: list[str] = of("tokenizer.ggml.tokens") or []
    kinds = of("tokenizer.ggml.token_type") or [_NORMAL] * len(tokens)
    yield from _added(
        {"content": token, "special": kind != _USER_DEFINED}
        for token, kind in zip(tokens, kinds, strict=True)
        if kind in (_UNKNOWN, _CONTROL, _USER_DEFINED)
    )
    yield from _by_their_text(set(tokens))
    yield from of_template(of("tokenizer.chat_template") or "")


def _by_their_text(vocabulary: set[str]) -> Iterator[str]:
    """Yield what llama.cpp takes for control tokens by their text, even where a file says they are ordinary."""
    for token in vocabulary.intersection(known_tokens()) - ORDINARY:
        if not _HTML.fullmatch(token):
            yield token
    if "</s>" in vocabulary and not vocabulary & {"<|tool_response>", "<|plamo:eos|>"}:  # whose </s> is HTML's
        yield "</s>"


def _added(tokens: Iterable[Mapping[str, Any] | str]) -> Iterator[str]:
    """Yield the control tokens of those added to a vocabulary: those special, or of the form of a mark.

    Not the runs of spaces and the elements of HTML that some vocabularies have, which are text, but
    `</s>` beside a special `<s>`.
    """
    # vLLM tells the contents alone, and not which are special.
    told = [(one, False) if isinstance(one, str) else (one["content"], one.get("special")) for one in tokens]
    special = {content for content, is_special in told if is_special}
    for content, _ in told:
        if not _is_text(content):
            continue
        is_markup = _HTML.fullmatch(content) and content.replace("/", "") not in special
        if content in special or (_MARK.fullmatch(content) and not is_markup):
            yield content


def _is_text(content: object) -> bool:
    # A vocabulary may have a space or a letter marked as special: shown by placeholders no text could be read.
    return isinstance(content, str) and len(content.strip()) > 2


def _contents(value: Any) -> Iterator[str]:  # noqa: ANN401 - as files have it
    """Yield the tokens that an entry names: itself, its `content`, or all in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict) and "content" in value:
        yield value["content"]
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _contents(one)
