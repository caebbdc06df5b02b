"""How often each check refuses what is right and accepts what is wrong, by its labelled set (tests/labelled).

python benchmarks/checks.py              the table
python benchmarks/checks.py CHECK…       those checks, and each pair that they judge wrongly
"""

from __future__ import annotations

import sys

from builder.checks import CHECKS
from tests.labelled import misjudged, pairs


def main(named: list[str]) -> None:
    print("| check | right | refused | | wrong | accepted | |")
    print("|---|---|---|---|---|---|---|")
    shown = []
    for check in named or sorted(CHECKS):
        of = pairs(check)
        wrong = misjudged(check, of)
        counts = [sum(pair.is_right == is_right for pair in of) for is_right in (True, False)]
        missed = [sum(pair.is_right == is_right for pair, _ in wrong) for is_right in (True, False)]
        cells = (f"{all_} | {some} | {some / max(1, all_):.1%}" for all_, some in zip(counts, missed, strict=True))
        print(f"| `{check}` | {' | '.join(cells)} |")
        shown += [(check, pair, reason) for pair, reason in wrong]
    for check, pair, reason in shown if named else []:
        print(f"\n{check}: {reason or 'accepted'}, though {pair.why}")
        print(f"--- source\n{pair.before}\n--- answer\n{pair.after}")


if __name__ == "__main__":
    main(sys.argv[1:])
