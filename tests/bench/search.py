"""How long searches take: `python -m tests.bench.search`, of the employees in the database of DATABASE_URL.

It asks for the first page in every order, for words of everybody's and for beginnings of them that may never come
together, and prints for each kind of search the median and the worst, of each the best of three times: what others do
with the machine meanwhile is not the search's work.
"""

import argparse
import asyncio
import random
import statistics
import time
from collections.abc import Iterator

from sqlalchemy import select

from webapp import directory, schema
from webapp.database import database
from webapp.tables import employees

TIMES = 3
SOME = 2_000


async def main(count: int) -> None:
    """Measure `count` searches of each kind and print a line for each kind."""
    chance = random.Random(7)  # noqa: S311  the same searches at every run
    async with database:
        await schema.ensure_current()
        rows = await database.fetch_all(select(employees.c.words).order_by(employees.c.words.desc()).limit(SOME))
        rows += await database.fetch_all(select(employees.c.words).order_by(employees.c.emp_no).limit(SOME))
        print(f"{'searches':24}{'median':>10}{'worst':>10}  ms, of {count} searches each")
        for kind, queries in kinds(chance, [row["words"].split() for row in rows], count):
            taken = {(query, sort): await best(query, sort) for query in queries for sort in directory.SORTS}
            worst = max(taken, key=taken.__getitem__)
            print(f"{kind:24}{statistics.median(taken.values()):10.1f}{taken[worst]:10.1f}  {worst[0]!r} by {worst[1]}")


def kinds(chance: random.Random, people: list[list[str]], count: int) -> Iterator[tuple[str, list[str]]]:
    """Return the name of each kind of search, and its queries."""
    words = [word for person in people for word in person[:-1]]
    yield "everybody", [""]
    yield "a whole name", [" ".join(chance.choice(people)[:2]) for _ in range(count)]
    yield "an email", [chance.choice(people)[-1] for _ in range(count)]
    yield "seldom or never together", ["1 2", "2 1 3", "a b c d", "m s", "ana mehmet"]
    for longest in (1, 2, 3):
        yield f"{longest} letters", [chance.choice(words)[:longest] for _ in range(count)]
        for several in (2, 3, 4):
            yield (
                f"{several} times {longest} letters",
                [" ".join(chance.choice(words)[:longest] for _ in range(several)) for _ in range(count)],
            )


async def best(query: str, sort: str) -> float:
    """Return the milliseconds that a search takes when it is not disturbed."""
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        await directory.page(query, sort)
        taken.append(1000 * (time.perf_counter() - began))
    return min(taken)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.search", description=__doc__)
    parser.add_argument("--count", type=int, default=20, help="how many searches of each kind (20)")
    asyncio.run(main(parser.parse_args().count))
