"""What the checks' labelled sets say of them stays as good as docs/checks.md has it."""

from __future__ import annotations

import pytest

from builder.checks import CHECKS
from tests.labelled import STRICT, misjudged, pairs

_RIGHT_REFUSED, _WRONG_ACCEPTED = 0.01, 0.05


@pytest.mark.parametrize("check", sorted(CHECKS))
def test_a_check_refuses_the_wrong_and_lets_the_right_pass(check: str) -> None:
    of = pairs(check)
    right = sum(pair.is_right for pair in of)
    assert len(of) >= 150
    assert min(right, len(of) - right) >= 40
    wrong = [(pair.is_right, pair.why, reason) for pair, reason in misjudged(check, of, **STRICT.get(check, {}))]
    assert sum(is_right for is_right, *_ in wrong) <= _RIGHT_REFUSED * right, wrong
    assert sum(not is_right for is_right, *_ in wrong) <= _WRONG_ACCEPTED * (len(of) - right), wrong
