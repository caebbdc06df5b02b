"""Which of many things hang together, told pair by pair (union-find); the least of a group stands for it."""

from __future__ import annotations

from typing import Generic, TypeVar

Thing = TypeVar("Thing", int, str)  # what can be compared


class DisjointSets(Generic[Thing]):
    """Groups of things; what was never joined is a group of its own and takes no memory."""

    def __init__(self) -> None:
        """Begin with nothing joined."""
        self._leader: dict[Thing, Thing] = {}

    def leader(self, thing: Thing) -> Thing:
        """Return the least of the group that a thing is in."""
        while (next_one := self._leader.get(thing, thing)) != thing:
            self._leader[thing] = self._leader.get(next_one, next_one)  # shorter for the next who asks
            thing = next_one
        return thing

    def join(self, one: Thing, other: Thing) -> None:
        """Make the groups of two things one."""
        first, second = sorted((self.leader(one), self.leader(other)))
        if first != second:
            self._leader[second] = first

    def led(self) -> list[Thing]:
        """Return, in order, the things that another one stands for."""
        return sorted(self._leader)

    def joined(self) -> list[Thing]:
        """Return, in order, all things of groups of several."""
        return sorted(set(self._leader) | set(self._leader.values()))
