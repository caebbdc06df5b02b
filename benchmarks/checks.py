"""How often each check refuses what is right and accepts what is wrong, by labelled sets (tests/labelled).

python benchmarks/checks.py              two tables: sets that the checks were made with, and others
python benchmarks/checks.py CHECK…       those checks, and each pair that they judge wrongly
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from builder.checks import CHECKS
from tests.labelled import STRICT, misjudged, pairs, unseen
from tests.labelled.pair import Pair


def table(title: str, checks: Sequence[str], of: Callable[[str], list[Pair]], *, shows: bool) -> None:
    """Print the figures of some checks, and with `shows` each pair that they judge wrongly."""
    print(f"\n| {title} | right | refused | | wrong | accepted | |")
    print("|---|---|---|---|---|---|---|")
    shown = []
    rows = [(check, options) for check in checks for options in ({}, STRICT.get(check)) if options is not None]
    for check, options in rows:
        labelled = of(check)
        if not labelled:
            continue
        wrong = misjudged(check, labelled, **options)
        counts = [sum(pair.is_right == is_right for pair in labelled) for is_right in (True, False)]
        missed = [sum(pair.is_right == is_right for pair, _ in wrong) for is_right in (True, False)]
        cells = (f"{all_} | {some} | {some / max(1, all_):.1%}" for all_, some in zip(counts, missed, strict=True))
        print(f"| `{check}`{''.join(f', `{option}`' for option in options)} | {' | '.join(cells)} |")
        shown += [(check, pair, reason) for pair, reason in wrong]
    for check, pair, reason in shown if shows else []:
        print(f"\n{check}: {reason or 'accepted'}, though {pair.why}")
        print(f"--- source\n{pair.before}\n--- answer\n{pair.after}")


if __name__ == "__main__":
    named = sys.argv[1:]
    table("made with", named or sorted(CHECKS), pairs, shows=bool(named))
    kept_aside = [check for check in named or sorted(CHECKS) if unseen(check)]
    table("unseen", kept_aside, unseen, shows=bool(named))
