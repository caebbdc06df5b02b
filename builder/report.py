"""What a terminal shows of a run and a release."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.filesize import decimal
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table

from builder.errors import UsageError
from builder.exclusions import EXCLUDED

if TYPE_CHECKING:
    from builder.document import Document
    from builder.filters import AnyFilter
    from builder.release.destination import Plan
    from builder.release.facts import ReleaseFacts
    from builder.release.publish import Published
    from builder.rewriting.advice import Observed
    from builder.rewriting.measured import Found
    from builder.run.directory import Run
    from builder.run.status import Status


def show_status(status: Status, console: Console) -> None:
    """Print the funnel: a line a stage, its drops by reason, what the servers read and wrote."""
    done, total = status.shards["done"], status.shards["total"]
    console.print(
        f"[bold]{status.recipe}[/bold]: {status.documents} documents, {status.kept} kept, shards {done}/{total}",
        highlight=False,
    )
    table = Table(box=None, pad_edge=False)
    for heading in ("stage", "kind"):
        table.add_column(heading)
    for heading in ("in", "kept", "dropped"):
        table.add_column(heading, justify="right")
    table.add_column("by reason")
    for heading in ("tokens read", "written"):
        table.add_column(heading, justify="right")
    for stage in status.stages:
        notes = [f"{reason} {count}" for reason, count in sorted(stage.dropped.items(), key=lambda item: -item[1])]
        if stage.passed_by:
            notes.append(f"(does not apply to {stage.passed_by} more)")
        if stage.unchanged:
            notes.append(f"(failed, kept unchanged {stage.unchanged})")
        tokens = (
            (f"{stage.prompt_tokens:,}", f"{stage.completion_tokens:,}") if stage.kind == "rewrite" else ("", "")
        )
        dropped = sum(stage.dropped.values())
        table.add_row(
            stage.name,
            stage.kind,
            str(stage.judged),
            str(stage.judged_kept),
            str(dropped),
            ", ".join(notes),
            *tokens,
        )
    console.print(table)
    if any(stage.kind == "rewrite" for stage in status.stages):
        counts = ", ".join(f"{count} {name}" for name, count in status.generations.items())
        console.print(f"generations: {counts}", highlight=False)
    if excluded := sum(stage.passed_over.get(EXCLUDED, 0) for stage in status.stages):
        console.print(f"left out on request: {excluded}", highlight=False)
    for line in status.unanswered.said():
        console.print(line, highlight=False, soft_wrap=True)


def show_release(published: Published, console: Console) -> None:
    """Print the funnel, a document before and after for each rewritten config, and how to load the release."""
    from builder.release.card import variables

    facts, manifest = published.facts, published.manifest
    show_status(facts.status, console)
    for line in _show_examples(facts, console):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if facts.model is not None:
        console.print(f"rewritten by {facts.model}", highlight=False, markup=False)
    state = "published" if published.is_new else "already published"
    console.print(f"[bold]{published.dest}[/bold]: version {manifest.version} {state}", highlight=False)
    lines = ["from datasets import load_dataset", ""]
    place = json.dumps(published.place, ensure_ascii=False)
    at = f', revision="{published.revision}"' if published.revision else ""
    for name, config in zip(variables([config.name for config in facts.configs]), facts.configs, strict=True):
        split = config.splits[0]
        lines.append(
            f'{name} = load_dataset({place}, "{config.name}", split="{split.name}"{at})  # {split.rows:,} rows'
        )
    console.print("\n".join(["", *lines, ""]), highlight=False, markup=False, soft_wrap=True)


def _show_examples(facts: ReleaseFacts, console: Console) -> Iterator[str]:
    """Print a pair for each config that a model wrote; yield a line for each whose stage has none to show."""
    stages = {stage.name: stage for stage in facts.status.stages if stage.kind == "rewrite"}
    shown = list[str]()
    for config in facts.configs:
        stage = stages.get(config.stage or "")
        if stage is None:
            continue
        example = next((one for one in facts.examples if stage.name in one.stages), None)
        if example is None:
            reasons = [f"{reason} {count}" for reason, count in stage.dropped.items()]
            reasons += [f"unchanged {stage.judged_kept}"] if stage.judged_kept else []
            yield (
                f"{config.name}: the model made no new text that passes its checks;"
                f" of {stage.judged} documents: {', '.join(reasons) or 'none came to it'}"
            )
        elif example.id not in shown:
            shown.append(example.id)
            titles = (f"{example.id} · before {example.stages[0]}", f"after {example.stages[-1]}")
            show_pair(titles[0], example.before, titles[1], example.after, console)


def show_plan(published: Published, plan: Plan, console: Console, *, whole: bool) -> None:
    """Print what publishing would do: the version, each file and its size, what stays; and the `whole` card."""
    manifest, card = published.manifest, published.card
    console.print(
        f"[bold]{published.dest}[/bold]: version {manifest.version}, not published (a trial): "
        f"{len(plan.adds)} files of {decimal(sum(plan.adds.values()))} to add, "
        f"about {decimal(published.new_bytes)} of it not stored there yet, "
        f"{len(plan.removes)} to remove; {len(plan.stays)} of others stay",
        highlight=False,
    )
    for kept in card.kept if card else ():
        console.print(f"the card keeps what is its owner's: {kept}", markup=False, highlight=False, soft_wrap=True)
    for sign, paths in (("+", plan.adds), ("-", plan.removes), ("=", plan.same), (" ", plan.stays)):
        for path in sorted(paths):
            size = decimal(plan.adds[path]) if path in plan.adds else ""
            console.print(f"{sign} {size:>12}  {path}", markup=False, highlight=False, soft_wrap=True)
    if whole and card:
        console.print(f"\n{card.text}", markup=False, highlight=False, soft_wrap=True)


def show_pair(before_title: str, before: str, after_title: str, after: str, console: Console) -> None:
    """Print two texts side by side, or one below the other where the terminal is narrow."""
    panels = [
        Panel(Syntax(text, "python", word_wrap=True, background_color="default"), title=title, title_align="left")
        for title, text in ((before_title, before), (after_title, after))
    ]
    if console.width < 120:
        for panel in panels:
            console.print(panel)
        return
    grid = Table.grid(expand=True)
    grid.add_column(ratio=1)
    grid.add_column(ratio=1)
    grid.add_row(*panels)
    console.print(grid)


def show_documents(run: Run, id: str | None, count: int, console: Console) -> None:
    """Print documents' whole way: what each filter measured, each rewrite beside the text before it."""
    from builder.run.table import read_shard

    documents = (document for path in run.shown_paths() for document in read_shard(path, run.stages))
    shown = 0
    for document in documents:
        rewritten = any("answers" in record and record["text"] for record in document.records.values())
        if document.id == id or (id is None and rewritten):
            _show_document(document, console)
            shown += 1
            if shown == count or id is not None:
                return
    if not shown:
        what = f"no document {id!r}" if id else "no rewritten document yet; --id shows one that was dropped"
        raise UsageError(what, where=str(run.path))


def _show_document(document: Document, console: Console) -> None:
    end = "kept" if document.dropped is None else "dropped at {}: {}".format(*document.dropped)
    console.rule(f"{document.id} · {end}", align="left")
    text = document.text or ""
    for stage, record in document.records.items():
        if "answers" not in record:
            measures = ", ".join(f"{name} {value}" for name, value in _shown(record))
            console.print(f"{stage}: {measures}", highlight=False, markup=False)
            text = record.get("text") or text
            continue
        attempts = f"{record['attempts']} attempt(s)"
        if record["text"] is None:
            console.print(f"{stage}: {attempts}, {record['failure']}", highlight=False, markup=False)
        else:
            show_pair(f"before {stage}", text, f"after {stage}, {attempts}", record["text"], console)
            text = record["text"]


def _shown(measures: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the measures that fit a line: not those that are None, nor a text that a filter has changed."""
    return [(name, value) for name, value in measures.items() if value is not None and name != "text"]


def show_explanations(found: Sequence[dict[str, Any]], filters: Mapping[str, AnyFilter], console: Console) -> None:
    """Print each filter's verdict on each file, and how its measures lead to it."""
    for item in found:
        verdict = item.get("note") or (f"drop: {item['drop']}" if item["drop"] else "keep")
        used, measures = filters.get(item["stage"]), item["measures"]
        explained = used.explained(measures) if used and measures else ""
        console.print(
            f"{item['file']}  {item['stage']}  {verdict}\n  {explained}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def show_servers(found: Sequence[Found], console: Console) -> None:
    """Print what the servers said of themselves, and how fast they were."""
    for one in found:
        lines = [one.url]
        if (server := one.server) is not None:
            lines[0] += f"  {server.kind}, {server.model}"
            at_once = f"{server.most} at once" if server.states_most else "it does not say how many at once"
            lines.append(f"{at_once}, context of {server.max_total_tokens or 'unknown'} tokens")
        if (speed := one.speed) is not None:
            lines.append(
                f"a small answer takes {speed.seconds:.2f} s: {speed.tokens_per_second:.0f} tokens/s, of"
                f" {speed.at_once} at once {speed.tokens_per_second_together:.0f} tokens/s"
            )
        lines += _work(one.observed)
        if one.error is not None:
            lines.append(one.error.what)
        console.print("\n  ".join(lines), highlight=False, markup=False, soft_wrap=True)


def _work(observed: Observed) -> list[str]:
    """Return what a server says of its work, and what would save some."""
    figures = []
    if observed.cached is not None:
        figures.append(f"{observed.cached:.0%} of the prompts' tokens came from its prefix cache")
    if observed.kv_cache_used is not None:
        figures.append(f"{observed.kv_cache_used:.0%} of its KV cache in use")
    if observed.preemptions is not None:
        figures.append(f"{observed.preemptions} requests put back")
    said = [f"since it began: {', '.join(figures)}"] if figures else []
    return [*said, *(f"→ {line}" for line in observed.advice)]
