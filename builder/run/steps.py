"""A recipe's stages at work: what judges a document at each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from builder.document import Document, Verdict
from builder.draining import Drain
from builder.filters import FactFilter, NearDuplicates, WorkerFilter
from builder.filters.workers import Workers
from builder.loaded_recipe import LoadedRecipe
from builder.recipe_parts import FilterStage, RewriteStage
from builder.rewriting.rewriter import Ask, Rewriter
from builder.run.directory import Run
from builder.run.flow import Step
from builder.run.gates import GateLimits, Gates
from builder.run.outcome import Outcomes

if TYPE_CHECKING:
    from builder.rewriting.pool import ServerPool


def step_of(
    stage: FilterStage | RewriteStage,
    loaded: LoadedRecipe,
    run: Run,
    workers: Workers,
    pool: ServerPool | None,
    drain: Drain,
) -> Step | None:
    """Return a stage at work, None for one that compares documents: it has decided before they set out."""
    if isinstance(stage, FilterStage):
        used = loaded.filters[stage.name]
        if isinstance(used, NearDuplicates):
            return None
        return Step(stage.name, stage.applies_to, _filtering(used, workers, drain))
    if pool is None or run.control_tokens is None:
        raise RuntimeError("a rewriting stage without servers")
    prompt = loaded.prompts[stage.name]
    checks = {name: partial(check.judge, workers) for name, check in loaded.checks[stage.name].items()}
    sampling = loaded.sampling(stage)
    rewriter = Rewriter(
        stage.name,
        prompt,
        sampling,
        stage.on_failure,
        pool.model,
        run.control_tokens,
        checks,
        run.stages.index(stage.name),
    )
    return Step(stage.name, stage.applies_to, rewriter.rewrite)


def gates_of(
    loaded: LoadedRecipe, stages: Sequence[FilterStage | RewriteStage], limits: GateLimits, run: Path
) -> Gates:
    """Return the gates of a build through these stages, but for those that compare documents."""
    filters = {stage.name: loaded.filters.get(stage.name) for stage in stages}
    judging = [name for name, used in filters.items() if not isinstance(used, NearDuplicates)]
    return Gates(judging, _rewriting(stages), _working(loaded, stages), limits, str(run))


def outcomes_of(
    loaded: LoadedRecipe, stages: Sequence[FilterStage | RewriteStage], is_replayed: Callable[[str], bool]
) -> Outcomes:
    """Return what tells what becomes of documents at these stages.

    `is_replayed` says whether the answer with a key is an earlier build's.
    """
    return Outcomes(_rewriting(stages), _working(loaded, stages), is_replayed)


def _rewriting(stages: Sequence[FilterStage | RewriteStage]) -> frozenset[str]:
    return frozenset(stage.name for stage in stages if isinstance(stage, RewriteStage))


def _working(loaded: LoadedRecipe, stages: Sequence[FilterStage | RewriteStage]) -> frozenset[str]:
    return frozenset(stage.name for stage in stages if isinstance(loaded.filters.get(stage.name), WorkerFilter))


def _filtering(
    used: WorkerFilter | FactFilter, workers: Workers, drain: Drain
) -> Callable[[Document, Ask], Awaitable[Verdict]]:
    async def judged(document: Document, _: Ask) -> Verdict:
        if isinstance(used, WorkerFilter):
            with drain.abandonable():  # nothing is paid for it, as it is for an answer
                return await workers.verdict(used, document.current)
        measures = used.measure(document)
        return Verdict(measures, used.decide(measures))

    return judged
