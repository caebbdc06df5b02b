"""How many requests at once servers get, judged by those of `tests/simulated_servers.py`: times are computed.

Of each size, and of a page that is up to date or some seconds old, are printed

    the seconds until nine tenths of its slots are in use
    from then on, until there is nothing more to ask, the mean of what it works on, in slots
    the share of moments, ten a second, at which more than half as many as it has slots wait

and of two servers of unequal size the moments at which each has nothing more to do, as shares of the whole time.
"""

from __future__ import annotations

from tests.simulated_servers import BEGIN, STEP, TOKENS, Simulated, simulate

ROUNDS = 120  # answers for each slot


def main() -> None:
    """Print the tables."""
    print(f"begun with {BEGIN}; answers of {TOKENS * STEP:.0f} s, {ROUNDS} for each slot")
    print(f"{'slots':>6} {'page':>9} {'90 % after':>11} {'then in use':>12} {'queues':>7}")
    for slots in (8, 64, 256, 1024):
        for lag in (0.0, 1.5):
            full, used, queues = simulate([Simulated(slots, lag)], ROUNDS * slots).figures(slots)
            print(f"{slots:>6} {f'{lag:.1f} s old':>9} {full:>9.1f} s {used:>11.1%} {queues:>7.1%}")
    for pair in ((64, 512), (8, 256)):
        servers = [Simulated(slots) for slots in pair]
        end = simulate(servers, ROUNDS * sum(pair)).end
        said = ", ".join(f"{one.slots} slots at {one.idle_from / end:.1%}" for one in servers)
        print(f"idle, of the whole time: {said}")


if __name__ == "__main__":
    main()
