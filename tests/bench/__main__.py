"""Measure Latchkey against bare Starlette and its peers: `python -m tests.bench [--quick] [--only NAME]`."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import goals, targets
from tests.bench.load import CLIENT, CONNECTIONS
from tests.bench.rounds import measure_all
from tests.bench.servers import stop_all


def main(arguments=None):
    """Run what the command line asks for and print its tables."""
    options = parser().parse_args(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="latchkey-bench-") as name:
        try:
            run(options, Path(name))
        finally:
            stop_all()
    print(
        f"\n1 worker unless told, {CONNECTIONS} connections, {CLIENT}; {time.monotonic() - began:.0f} seconds in all."
    )


def parser():
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure Latchkey and its peers.")
    top.add_argument("--quick", action="store_true", help="one short round of everything: shows that it works, no more")
    only = ["latchkey", *targets.PEERS]
    top.add_argument("--only", choices=only, metavar="NAME", help=f"bare Starlette and one of: {' '.join(only)}")
    return top


def run(options, folder):
    """Start what is wanted, load it in rounds, and print the tables."""
    rounds, seconds = (1, 1) if options.quick else (9, 1)
    started = start_peers(options.only, folder)
    ours = targets.latchkey(folder, 10_000, 0) if options.only in (None, "latchkey") else []
    compared = [*started, *ours[:2]]
    complain_of_different_answers(compared)
    if options.only:
        print_contenders(compared, measure_all(compared, rounds, seconds))
        return
    results = measure_all([*compared, *ours[2:], *variants(ours[0], folder, options.quick)], rounds, seconds)
    found = goals.of_speed(results)
    found += goals.of_logins(ours[0].server, ours[0].headers, 3 if options.quick else 6)
    stop_all()
    found.append(goals.of_start(folder, 1 if options.quick else 5, 10_000))
    print_contenders(compared, results)
    print_table(["figure", "goal", "measured", ""], [goal.row() for goal in found])


def start_peers(only, folder):
    """Start bare Starlette and the peers that are wanted."""
    wanted = [start for name, start in targets.PEERS.items() if only in (None, name)]
    return [start(folder) for start in (targets.bare, *wanted)]


def variants(ours, folder, quick):
    """Start what the goals compare beyond the contenders."""
    million, ended = (2_000, 1_000) if quick else (1_000_000, 100_000)
    return [
        targets.bare_with_the_headers_of(ours, folder),
        *targets.bare_pages(folder),
        *targets.latchkey(folder, 1_000, 0, label="Latchkey with a thousand")[:3],
        *targets.latchkey(folder, million, ended, label="Latchkey with a million")[:3],
        targets.latchkey(folder, 10_000, 1, label="Latchkey with log", access_log=True)[0],
        targets.latchkey(folder, 10_000, 2, label="Latchkey, 2 workers", workers=2)[0],
    ]


def complain_of_different_answers(compared):
    """End the benchmark where two contenders do not say the same of the same person."""
    expected, *others = (json.loads(target.answer()) for target in compared)
    for target, answer in zip(compared[1:], others, strict=True):
        if answer != expected:
            raise SystemExit(f"{target.name} answers {answer}, not {expected}")


def print_contenders(compared, results):
    """Print one row for each contender."""
    bare = results[compared[0].name]
    rows = [[target.name, *figures(results[target.name], bare)] for target in compared]
    print_table(["contender", "requests/s", "p50 ms", "p99 ms", "MiB", "of bare"], rows)


def figures(result, bare):
    """Return the cells of a result."""
    return [
        f"{result.per_second:,.0f}",
        f"{result.p50:.2f}",
        f"{result.p99:.2f}",
        f"{result.resident_mib:.0f}",
        f"{result.ratio_to(bare):.2f}",
    ]


def print_table(head, rows):
    """Print a Markdown table whose columns stand in line."""
    widths = [max(len(line[column]) for line in [head, *rows]) for column in range(len(head))]
    print()
    for line in (head, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |")


if __name__ == "__main__":
    sys.exit(main())
