# SPDX-License-Identifier: GPL-2.0-or-later
"""How fast is the explicit engine, and how much memory does it take?

    python -m tests.bench.bench_explicit [--rounds N]

Prints one line per machine: distinct states, transitions per state, words
per state, millions of distinct states per second (best of N rounds, without
compilation) on one and on two threads, bytes per state as the engine reports
them, and the growth of the process's memory per state as the system sees it.
Then the cold start: a fresh process with an empty object cache, from its
first instruction to the end of a search; and the same with a filled cache.

A busy machine makes every figure worse: compare best with best.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from checker.engines.exploration import Coverage, Limits
from checker.engines.native.explicit import explore
from model.language import Machine
from tests.bench.machines import two_hosts
from tests.oracle.protocols import die_hard, two_phase_commit

ROOT = Path(__file__).resolve().parents[2]
MOST_STATES = 10_000_000
MACHINES: dict[str, Callable[[], Machine]] = {
    "two-phase commit, 8": lambda: two_phase_commit(8),
    "two hosts, 3 x 2": lambda: two_hosts(3, 2, 2, 1),
    "two hosts, 5 x 2": lambda: two_hosts(5, 2, 3, 3),
    "two hosts, 10 x 3": lambda: two_hosts(10, 3, 3, 3),
}
COLD = """
import time
start = time.perf_counter()
from checker.engines.exploration import Limits
from checker.engines.native.explicit import explore
from tests.bench.machines import two_hosts
imported = time.perf_counter()
machine = two_hosts(*{arguments})
coverage = explore(machine, Limits(max_states={states})).coverage
print(
    len(machine.instances),
    coverage.states,
    imported - start,
    time.perf_counter() - start,
)
"""
#: arguments of ``two_hosts``, most states
COLD_MACHINES = [((2, 2, 1, 1), 1_000_000), ((8, 1, 1, 1), 100_000)]


def resident() -> int:
    """Bytes of memory that this process has in use."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def best(machine: Machine, threads: int, rounds: int) -> Coverage:
    """The fastest of some searches."""
    limits = Limits(max_states=MOST_STATES, threads=threads)
    found = [explore(machine, limits).coverage for _ in range(rounds)]
    return min(found, key=lambda coverage: coverage.seconds)


def measure(name: str, machine: Machine, rounds: int) -> None:
    """One line of the table."""
    before = resident()
    search = explore(machine, Limits(max_states=MOST_STATES))
    grown = resident() - before
    words = search.layout.words
    del search
    one, two = (best(machine, threads, rounds) for threads in (1, 2))
    print(
        f"{name:20}{one.states:10}{one.transitions / one.states:7.1f}"
        f"{len(machine.instances):6}{words:7}"
        f"{one.states_per_second / 1e6:7.1f}"
        f"{two.states_per_second / 1e6:7.1f}"
        f"{one.bytes_per_state:8.1f}{grown / one.states:8.1f}",
        flush=True,
    )


def cold_start(arguments: tuple[int, ...], states: int, rounds: int) -> None:
    """One line for an empty cache, one for a filled one."""
    script = COLD.format(arguments=arguments, states=states)
    for cached in (False, True):
        times = []
        with tempfile.TemporaryDirectory() as cache:
            for turn in range(rounds + cached):
                place = cache if cached else f"{cache}/{turn}"
                environment = dict(os.environ, XDG_CACHE_HOME=place)
                start = time.perf_counter()
                run = subprocess.run(
                    [sys.executable, "-c", script],
                    cwd=ROOT,
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=True,
                )
                times.append((time.perf_counter() - start, run.stdout))
        seconds, printed = min(times)
        instances, found, imported, _ = printed.split()
        print(
            f"{'filled' if cached else 'empty':8}{instances:>6}{found:>10}"
            f"{float(imported):9.2f}{seconds:9.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print(
        f"{'machine':20}{'states':>10}{'steps':>7}{'inst':>6}{'words':>7}"
        f"{'M/s':>7}{'M/s x2':>7}{'B/state':>8}{'RSS':>8}"
    )
    explore(die_hard())  # what the libraries take is not counted
    for name, make in MACHINES.items():
        measure(name, make(), rounds)
    print(f"\n{'cache':8}{'inst':>6}{'states':>10}{'import s':>9}{'all s':>9}")
    for arguments, states in COLD_MACHINES:
        cold_start(arguments, states, rounds)


if __name__ == "__main__":
    main()
