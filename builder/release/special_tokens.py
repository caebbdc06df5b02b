"""Control tokens of the answering model, such as `<|eot_id|>`, in a release's texts.

They are counted. A text that a model wrote may hold those that its source holds; any other stops a release.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from builder.errors import GateTripped
from builder.release.rows import text_column
from builder.rewriting.control_tokens import ControlTokens, fallback
from builder.run.directory import Run
from builder.run.status import connect

_NAMED = 3


@dataclass(slots=True)
class Counted:
    """How many control tokens a config's texts hold, in how many of its rows."""

    config: str
    rows: int = 0
    holding: int = 0
    tokens: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, for the manifest."""
        return asdict(self)


@dataclass
class SpecialTokens:
    """Counts as texts are seen. `run` is the release's run."""

    run: Run
    counted: dict[str, Counted] = field(default_factory=dict)
    _suspected: dict[str, list[str]] = field(default_factory=dict)  # by rewritten stage: ids of rows with one

    def seen(self, view: Iterator[pa.Table], config: str, stage: str | None) -> Iterator[pa.Table]:
        """Yield a config's rows as they are, counting in them; `stage` is whose kept documents they are."""
        count = self.counted.setdefault(config, Counted(config))
        may_be_written = bool(self._rewriters_upto(stage))
        for rows in view:
            column = text_column(rows.column_names)
            found = self.tokens.counts(rows[column]) if column else {}
            count.tokens += sum(found.values())
            count.holding += len(found)
            if found and may_be_written:
                self._suspected.setdefault(str(stage), []).extend(str(rows["id"][place]) for place in found)
            count.rows += rows.num_rows
            yield rows

    @cached_property
    def tokens(self) -> ControlTokens:
        """Those that are looked for: of the model that answered, or of the best-known where none did."""
        return self.run.control_tokens or fallback()

    def of_configs(self) -> list[Counted]:
        """Return the counts of the configs that have rows."""
        return [count for count in self.counted.values() if count.rows]

    def check(self) -> None:
        """See that no text that a model wrote holds one that its source has not.

        Raises:
            GateTripped: Some do.
        """
        held = self.tokens.held_by
        for stage, ids in self._suspected.items():
            written = ", ".join(f'"{name}".text' for name in self._rewriters_upto(stage))
            with connect(self.run.shown_paths()) as connection:
                query = f"SELECT id, text, {written} FROM run WHERE id IN (SELECT unnest(?)) ORDER BY id"  # noqa: S608
                rows = connection.execute(query, [ids]).fetchall()
            found = [
                id_ for id_, text, *texts in rows if any(held(one) - held(text) for one in filter(None, texts))
            ]
            if found:
                raise GateTripped(
                    f"{len(found)} text(s) of stage {stage} that a model wrote hold control tokens that their"
                    f" sources have not ({', '.join(found[:_NAMED])} …)",
                    where=str(self.run.path),
                    remedy="nothing was published: build into another --run DIR with --reuse and this run; answers"
                    " that hold one are asked for again",
                )

    def _rewriters_upto(self, stage: str | None) -> list[str]:
        upto = [] if stage is None else self.run.stages[: self.run.stages.index(stage) + 1]
        return [name for name in self.run.rewriters if name in upto]
