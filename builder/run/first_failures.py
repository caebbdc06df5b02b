"""The first failure of each kind, in the server's words: what goes wrong is seen as it begins, not at the end."""

from __future__ import annotations

import re
from collections.abc import Callable

from builder.errors import RequestFailed
from builder.rewriting.generation import Generation
from builder.rewriting.rewriter import Request
from builder.run.answers.store import Generate

_MOST = 10  # kinds, of a server whose words are other ones each time


class FirstFailures:
    """Tells of requests that get no answer, once a kind."""

    def __init__(self, generate: Generate, say: Callable[[str], None]) -> None:
        """Have requests answered by `generate`; `say` is told of those that are not."""
        self._generate, self._say = generate, say
        self._seen: set[tuple[str, str]] = set()

    async def generate(self, request: Request) -> Generation:
        """Have one answer generated.

        Raises:
            BuilderError: As the `generate` that was given raises them.
        """
        try:
            return await self._generate(request)
        except RequestFailed as error:
            self._failed(error)
            raise

    def _failed(self, error: RequestFailed) -> None:
        kind = error.reason, re.sub(r"\d+", "0", error.what)[:80]
        if kind in self._seen or len(self._seen) >= _MOST:
            return
        self._seen.add(kind)
        where = f"{error.where}: " if error.where else ""
        self._say(f"{where}a document gets no answer, {error.reason}: {error.what} (said once)")
