"""`--long`: all that the tests can try, not a share of it. `--servers`, `--ray`: real ones. And what begins."""

from pathlib import Path

import pytest

BEGIN = (
    "test_demo.py", "test_hub_release.py", "test_the_stack.py", "test_lint_parity.py", "test_hub_source.py",
    "test_release.py", "test_near_duplicates.py", "test_shipped_recipes.py", "test_limits.py", "test_gates.py",
    "test_membership.py", "test_llm_chain.py", "test_promises.py", "test_faults.py", "test_hostile_rows.py",
)  # fmt: skip
"""The files that take longest: a worker that began one of them last would keep the others waiting."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="every moment to kill at and every text, not a share")
    parser.addoption("--servers", action="store_true", help="the tests that run the real vLLM, too")
    parser.addoption("--ray", action="store_true", help="the tests that run a Ray cluster, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for kind in ("servers", "ray"):
        if not config.getoption(f"--{kind}"):
            items[:] = [item for item in items if item.get_closest_marker(kind) is None]
    ranks = {name: rank for rank, name in enumerate(BEGIN)}
    items.sort(key=lambda item: ranks.get(Path(item.path).name, len(ranks)))


@pytest.fixture(scope="session")
def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether all is to be tried."""
    return bool(request.config.getoption("--long"))
