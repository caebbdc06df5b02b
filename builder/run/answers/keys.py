"""Keys as sorted numbers: of 64 bits, which tell answers apart until one is read and its whole key compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def number_of(key: str) -> int:
    """Return the first 64 bits of a key, which is a SHA-256 in hexadecimal digits.

    Raises:
        ValueError: It is none.
    """
    return int.from_bytes(bytes.fromhex(key[:16]), "big")


def find(numbers: NDArray[np.uint64], number: int) -> int:
    """Return the first position of a number among sorted ones, -1 where it is not there."""
    position = int(numbers.searchsorted(np.uint64(number)))
    return position if position < len(numbers) and numbers[position] == number else -1
