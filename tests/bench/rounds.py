"""Interleaved rounds of load: every target has its turn in each round, so that a slow minute hits all alike."""

import sys
from dataclasses import dataclass
from statistics import median

from tests.bench.load import measure


@dataclass
class Result:
    """The medians of one target, and its requests per second round by round."""

    per_second: float
    p50: float
    p99: float
    resident_mib: float
    rounds: list[float]

    def ratio_to(self, other):
        """Return the median of this target's share of another's speed in the same round."""
        return median(mine / theirs for mine, theirs in zip(self.rounds, other.rounds, strict=True))


def measure_all(targets, rounds, seconds):
    """Return the result of each target by its name, after one load to warm it up."""
    for target in targets:
        measure(target.server.address + target.path, target.headers, 1)
    loads = {target.name: [] for target in targets}
    for number in range(rounds):
        print(f"Round {number + 1} of {rounds} …", file=sys.stderr, flush=True)
        for target in targets:
            loads[target.name].append(measure(target.server.address + target.path, target.headers, seconds))
    return {target.name: result_of(target, loads[target.name]) for target in targets}


def result_of(target, loads):
    """Return the medians of one target's loads."""
    return Result(
        per_second=median(load.per_second for load in loads),
        p50=median(load.p50 for load in loads),
        p99=median(load.p99 for load in loads),
        resident_mib=target.server.resident_mib(),
        rounds=[load.per_second for load in loads],
    )
