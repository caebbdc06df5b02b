"""Who answers a build's requests: the servers that a user named, else one that runs here meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio.to_thread

from builder.draining import Drain
from builder.errors import NoServer
from builder.loaded_recipe import LoadedRecipe
from builder.recipe_parts import FilterStage, RewriteStage
from builder.rewriting.control_tokens import ControlTokens
from builder.rewriting.generation import Generation
from builder.rewriting.local import choose_weights, serve
from builder.rewriting.rewriter import Request
from builder.rewriting.tokenizer import of_path
from builder.rewriting.tokenizer_source import named
from builder.rewriting.weights import Candidate
from builder.run.answers.store import Generate
from builder.run.build_options import BuildOptions
from builder.run.directory import Run
from builder.run.first_failures import FirstFailures

if TYPE_CHECKING:
    from builder.rewriting.capabilities import Needs
    from builder.rewriting.pool import ServerPool


@dataclass(frozen=True, slots=True)
class Generator:
    """Who answers: servers, and of the model what is known before they are asked."""

    urls: Sequence[str] = ()
    model_sha: str | None = None
    tokens: ControlTokens | None = None


@dataclass(frozen=True, slots=True)
class Answering:
    """A build's way to a model."""

    loaded: LoadedRecipe
    run: Run
    options: BuildOptions
    say: Callable[[str], None]
    drain: Drain = field(default_factory=Drain)

    @property
    def can_ask(self) -> bool:
        """Whether there is anybody to ask."""
        options, model = self.options, self.loaded.recipe.model
        named = options.servers or options.servers_file is not None or options.model
        return bool(named or (model and model.gguf))

    @contextlib.contextmanager
    def generator(self) -> Iterator[Generator]:
        """Yield who answers: the servers that the user named, else one that runs here meanwhile."""
        options, recipe = self.options, self.loaded.recipe
        tokens = named(options.tokenizer) if options.tokenizer else self.run.control_tokens
        if options.servers or options.servers_file is not None:
            yield Generator(options.servers, None, tokens)
            return
        candidates = [one.candidate for one in recipe.model.gguf] if recipe.model else []
        candidates = [Candidate(options.model)] if options.model else candidates
        if not candidates:
            raise NoServer(
                "the recipe rewrites, and no server is given",
                remedy="--server URL of a TGI (or vLLM, SGLang, llama.cpp) server; --model FILE.gguf runs"
                f" one on this CPU; --until {self._last_filter()} needs none",
            )
        weights = choose_weights(candidates, self.run.model, self.say)
        with serve(weights, self.say) as url:
            tokens = tokens or ControlTokens(of_path(weights.path), weights.path.name)
            yield Generator([url], weights.sha256, tokens)

    @contextlib.asynccontextmanager
    async def servers(
        self, generator: Generator, stages: Sequence[FilterStage | RewriteStage]
    ) -> AsyncIterator[ServerPool | None]:
        """Yield servers that the stages' answers fit, their model pinned; None where no stage rewrites."""
        if not any(isinstance(stage, RewriteStage) for stage in stages):
            yield None
            return
        async with self._pool(generator, stages) as pool:
            self._see_that_answers_fit(stages, pool)
            tokens = generator.tokens or await pool.control_tokens()
            await anyio.to_thread.run_sync(self.run.pin, pool.model, tokens)  # the disk may be busy
            yield pool

    def _pool(self, generator: Generator, stages: Sequence[FilterStage | RewriteStage]) -> ServerPool:
        from builder.rewriting.pool import ServerPool  # 0.2 s, which a complete run does without

        return ServerPool(
            generator.urls,
            file=self.options.servers_file,
            expected=self.run.model,
            model_sha=generator.model_sha,
            patience=self.options.patience,
            say=self.say,
            served_model=self.options.served_model,
            needs=self._needs(stages),
            drain=self.drain,
        )

    def _needs(self, stages: Sequence[FilterStage | RewriteStage]) -> Needs:
        """Return what the stages need of servers beyond answers."""
        from builder.rewriting.capabilities import Needs

        rewriting = [stage for stage in stages if isinstance(stage, RewriteStage)]
        prompts = [self.loaded.prompts[stage.name] for stage in rewriting]
        return Needs(
            [prompt.render("value = 1\n") for prompt in prompts if prompt.prefill],
            any(self.loaded.sampling(stage).stop_loops for stage in rewriting),
        )

    def _see_that_answers_fit(self, stages: Sequence[FilterStage | RewriteStage], pool: ServerPool) -> None:
        from builder.rewriting.context import see_that_they_fit

        asked = {
            stage.name: self.loaded.sampling(stage).max_tokens
            for stage in stages
            if isinstance(stage, RewriteStage)
        }
        if note := see_that_they_fit(asked, pool.servers()):
            self.say(note)

    def generate(self, pool: ServerPool | None) -> Generate:
        """Return who answers a request: the pool, of whose refusals the user sees the first of each kind."""
        if pool is None:
            return _no_model
        from builder.rewriting.context import Fitting

        return FirstFailures(Fitting(pool).generate, self.say).generate

    def _last_filter(self) -> str:
        names = []
        for stage in self.loaded.recipe.stages:
            if isinstance(stage, RewriteStage):
                break
            names.append(stage.name)
        return names[-1] if names else "STAGE"


async def _no_model(_: Request) -> Generation:
    raise RuntimeError("a stage without a model asked for a generation")
