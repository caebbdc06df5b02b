"""Shards in which an input that was blamed is asked for again in any case: a file each, in `RUN/ask-again`.

A build with --retry-failed leaves a mark at each shard that it is about to ask again, so that the build after a
kill does, too. A build that ends for want of servers, or that a gate stops, leaves one wherever an input was
blamed, for then it was perhaps blamed wrongly. A mark goes when its shard is done.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from builder.errors import blames_input
from builder.files import storage, sync_folder
from builder.run.answers.segments import adopt
from builder.run.directory import Run
from builder.run.layout import in_order, number_of


def mark(run: Run, shards: Iterable[Path]) -> None:
    """Mark those of the shards in which an input was blamed, durably."""
    folder = run.layout.ask_again
    run.fence.check()
    with storage(folder):
        blamed = [path for path in shards if _blames(run, path)]
        for path in blamed:
            folder.mkdir(exist_ok=True)
            (folder / path.stem).touch()
        if blamed:
            sync_folder(folder)
            sync_folder(run.path)


def marked(run: Run) -> frozenset[str]:
    """Return the names of the shards with a mark, which a journal was to runs that had one for each shard."""
    with storage(run.layout.ask_again):
        names = [path.name for path in run.layout.ask_again.glob("shard-*")]
    return frozenset([*names, *(path.stem for path in in_order(run.log, ".jsonl"))])


def settle(run: Run, shard: Path) -> None:
    """Remove the mark of a shard that was built anew, unless requests that are to be made again lie ahead."""
    file = run.layout.ask_again / shard.stem
    with storage(file):
        if file.exists() and (
            (run.ledger.facts(shard) or {})["until"] == run.stages[-1] or not _blames(run, shard)
        ):
            run.fence.remove(file)


def settle_all(run: Run) -> None:
    """Remove the marks that a kill has left between a shard's end and that of its mark."""
    for name in marked(run):
        shard = run.shard_path(number_of(Path(name)))
        if run.is_through(shard) and not run.unanswered_in(shard):
            settle(run, shard)


def take_up_journals(run: Run) -> None:
    """Take up what a run has that was begun when each shard in work had a journal, and the index was SQLite's.

    A journal's answers become a part of the log. Where its shard is in the table, it was a mark, too.
    """
    journals = in_order(run.log, ".jsonl")
    shards = map(run.shard_path, map(number_of, journals))
    mark(run, [shard for shard in shards if shard.is_file()])
    adopt(journals)
    for outdated in (*run.path.glob("answered.sqlite*"), *run.path.glob("reuse/*.sqlite*")):
        with storage(outdated):
            outdated.unlink()


def _blames(run: Run, shard: Path) -> bool:
    if not shard.is_file():
        return False
    return any(blames_input(reason) for reasons in run.unanswered_in(shard).values() for reason in reasons)
