"""A rewriting stage: a document's text through one prompt, as many attempts as it takes and no more.

An attempt is one generation. It fails when the model was cut off, the answer has not the prompt's form, or a check
does not pass; the next attempt has another seed and, where the model was cut off, twice the tokens, or as many as
fit if that is more than before. Seeds follow from the content, so that a run made again asks for the same
generations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from builder.document import Document, Record, Verdict
from builder.errors import RequestFailed
from builder.rewriting.answers import Parsed, Unparsable, parse
from builder.rewriting.control_tokens import ControlTokens
from builder.rewriting.error_text import lasting
from builder.rewriting.generation import COMPLETE, LOOPING, Generation, Model
from builder.rewriting.prompts import Message, Prompt, Sampling

Check = Callable[[str, str], Awaitable[Verdict]]
"""Takes the text before and the new text; returns its figures, and the reason why the new one does not pass."""

REWRITTEN: Mapping[str, type] = {
    "text": str,
    "grade": float,
    "failure": str,
    "finish_reason": str,
    "prompt_tokens": int,
    "completion_tokens": int,
    "model": str,
    "model_sha": str,
    "prompt": str,
    "prompt_sha": str,
    "sampling": str,
    "seed": int,
    "attempts": int,
    "special_tokens": int,
}
"""Name and type of what a rewriting stage's record holds, beside every attempt's answer."""

_UNFINISHED = {"length": "truncated", LOOPING: "looping", "content_filter": "content_filter"}


@dataclass(frozen=True, slots=True)
class Request:
    """One generation to ask for, with the key under which its answer is kept.

    Attributes:
        key: The key.
        messages: The chat.
        sampling: How to sample, with the tokens that the recipe asks for; a server is asked for what fits of them.
        seed: The seed.
        prompt_tokens: Tokens of the prompt, 0 before a server has counted them.
        least: Fewer tokens than so many are no use: the answer before was cut off there. 0 for whatever fits.
        stage: The number of the stage in the recipe: later ones come first where requests wait.
        shard: The number of the document's shard, in the order in which they were begun.
    """

    key: str
    messages: list[Message]
    sampling: Sampling
    seed: int
    prompt_tokens: int = 0
    least: int = 0
    stage: int = 0
    shard: int = 0


class Digest:
    """The SHA-256 of a text with whatever else follows it, without going over the text again."""

    def __init__(self, text: str) -> None:
        """Go over the text."""
        self._begun = hashlib.sha256(orjson.dumps([text])[:-1])

    def followed_by(self, more: list[Any]) -> bytes:
        """Return the SHA-256 of the JSON of a list of the text and `more`, the keys of its objects sorted."""
        whole = self._begun.copy()
        whole.update(b"," + orjson.dumps(more, option=orjson.OPT_SORT_KEYS)[1:])
        return whole.digest()


Ask = Callable[[Request], Awaitable[Generation]]
"""How a rewriter gets a generation: from the answer store, which asks a server where it has none."""


@dataclass(frozen=True, slots=True)
class Rewriter:
    """One rewriting stage of a recipe, bound to the model that answers."""

    stage: str
    prompt: Prompt
    sampling: Sampling
    on_failure: Literal["drop", "keep"]
    model: Model
    tokens: ControlTokens
    checks: Mapping[str, Check] = field(default_factory=dict)
    number: int = 0  # of the stage in the recipe

    async def rewrite(self, document: Document, ask: Ask) -> Verdict:
        """Return the verdict on one document: a new text, or a drop with the last attempt's reason.

        With `on_failure: keep` a document whose attempts all fail goes on with the text it came with.
        """
        text, special_tokens = self.tokens.show(document.current)
        messages, digest = self.prompt.render(text), Digest(text)
        answers: list[dict[str, Any]] = []
        failure, parsed, sampling, had = "no_attempt", None, self.sampling, (0, 0)
        figures: dict[str, Record] = {}
        while parsed is None and len(answers) < self.prompt.attempts:
            seed = self.seed(digest, len(answers))
            key = self.key(digest, sampling, seed)
            asked = {"key": key, "seed": seed, "max_tokens": sampling.max_tokens}
            try:
                generation = await ask(Request(key, messages, sampling, seed, *had, stage=self.number))
            except RequestFailed as error:
                answers.append({**asked, "failure": error.reason, "error": lasting(error.what)})
                failure = error.reason
                break  # the pool has tried what can help; another seed can't
            parsed, failure, figures = await self._judge(document.current, text, generation)
            answers.append({**asked, "failure": failure or None, **_fields(generation)})
            if generation.finish_reason == "length":
                sampling = sampling.with_max_tokens(2 * sampling.max_tokens)
                had = generation.prompt_tokens, generation.completion_tokens and generation.completion_tokens + 1
            elif sampling.temperature == 0:
                break  # another seed would give the same answer
        record = {**self._record(parsed, answers, failure, special_tokens), **self._figures(figures)}
        if parsed is not None:
            return Verdict(record, text=parsed.text)
        return Verdict(record, drop=failure if self.on_failure == "drop" else None)

    async def _judge(
        self, before: str, shown: str, generation: Generation
    ) -> tuple[Parsed | None, str, dict[str, Record]]:
        """Return what the answer holds, or None and the reason; and the figures of the checks it came to.

        Args:
            before: The text that the answer was to rewrite.
            shown: The same as the model saw it, control tokens as placeholders.
            generation: The answer.
        """
        figures: dict[str, Record] = {}
        if generation.finish_reason not in COMPLETE:
            return None, _UNFINISHED.get(generation.finish_reason, "incomplete"), figures
        try:
            parsed = self._parsed(generation.answer, shown)
        except Unparsable as error:
            return None, str(error), figures
        parsed = Parsed(_whole_again(self.tokens.restore(parsed.text), before), parsed.grade)
        if (held := self.tokens.held_by(parsed.text)) and not held <= self.tokens.held_by(before):
            return None, "special_token", figures
        if shown != before and self.tokens.is_garbled(before, parsed.text):
            return None, "broken_placeholder", figures
        for name, check in self.checks.items():
            verdict = await check(before, parsed.text)
            figures[name] = verdict.record
            if verdict.drop is not None:
                return None, verdict.drop, figures
        return parsed, "", figures

    def _parsed(self, answer: str, shown: str) -> Parsed:
        """Return what the answer to a text, as the model saw it, holds.

        Raises:
            Unparsable: With the reason: one of `parse`, or `too_short`.
        """
        stops = self.sampling.stop or []
        for stop in stops:
            answer = answer.removesuffix(stop)  # TGI leaves the stop sequence in the text
        parsed = parse(
            answer,
            self.prompt.answer,
            prefill=self.prompt.prefill,
            source=shown,
            may_end_open=any(stop.strip().startswith("```") for stop in stops),
        )
        is_short = len(parsed.text.strip()) < self.prompt.min_characters
        if is_short or len(answer.strip()) < self.prompt.min_reply_characters:
            raise Unparsable("too_short")
        return parsed

    def _figures(self, figures: dict[str, Record]) -> dict[str, Any]:
        """Return the column of the checks' figures, where there are checks: null for those not come to."""
        return {"checks": {name: figures.get(name) for name in self.checks}} if self.checks else {}

    def key(self, text: Digest, sampling: Sampling, seed: int) -> str:
        """Return the key of a generation: all that decides it, and nothing else.

        `text` is the document's as it goes into the prompt, control tokens shown by placeholders.
        """
        asked = {**sampling.fields, "seed": seed}
        return text.followed_by([self.stage, self.prompt.messages_sha, self.model.id, self.model.sha, asked]).hex()

    def seed(self, text: Digest, attempt: int) -> int:
        """Return the attempt's seed, in 0 … 2³¹ − 1, which follows from the content alone."""
        return int.from_bytes(text.followed_by([self.stage, self.prompt.id, attempt])[:4], "big") >> 1

    def _record(
        self, parsed: Parsed | None, answers: list[dict[str, Any]], failure: str, special_tokens: int
    ) -> dict[str, Any]:
        last = answers[-1]
        return {
            "text": parsed.text if parsed else None,
            "grade": parsed.grade if parsed else None,
            "failure": failure or None,
            "finish_reason": last.get("finish_reason"),
            "prompt_tokens": last.get("prompt_tokens"),
            "completion_tokens": last.get("completion_tokens"),
            "model": self.model.id,
            "model_sha": self.model.sha,
            "prompt": self.prompt.id,
            "prompt_sha": self.prompt.sha,
            "sampling": orjson.dumps({**self.sampling.fields, "max_tokens": last["max_tokens"]}).decode(),
            "seed": last["seed"],
            "attempts": len(answers),
            "special_tokens": special_tokens,
            "answers": answers,
        }


def _whole_again(text: str, source: str) -> str:
    """Return the source where the text is that but for white space around it: what is left as it was stays so."""
    return source if text.strip() == source.strip() else text


def _fields(generation: Generation) -> dict[str, Any]:
    return {
        "answer": generation.answer,
        "finish_reason": generation.finish_reason,
        "prompt_tokens": generation.prompt_tokens,
        "completion_tokens": generation.completion_tokens,
    }
