"""`--long`: all that the tests can try, where by default they try a share of it."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="every moment to kill at, every text: half an hour more")


@pytest.fixture(scope="session")
def is_long(request: pytest.FixtureRequest) -> bool:
    """Whether all is to be tried."""
    return bool(request.config.getoption("--long"))
