from collections.abc import Iterator
from tests.labelled.pair import Pair


def made() -> Iterator[Pair]:
    yield from ()
