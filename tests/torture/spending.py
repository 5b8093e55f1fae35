"""Reserves, settles and releases on a store until it is killed: `python -m tests.torture.spending FILE SEED`.

It writes one line once it works. What it holds in memory dies with it; what counts is in the file.
"""

import asyncio
import sys
from pathlib import Path
from random import Random

from daemon.clock import SystemClock
from daemon.domain.cost import Scopes
from daemon.engine import costs
from daemon.engine.costs import USUAL
from daemon.errors import QiaodError
from daemon.store.database import Database, open_database
from tests.engine.charging import charge, points

CALLERS = 8
MOST = 20  # millionths of a point a call is thought to take


async def spend(db: Database, life: int, caller: int) -> None:
    """One caller: each call is thought to cost something, and costs that, less, more or nothing."""
    random, number = Random(life * CALLERS + caller), 0
    while True:
        number += 1
        ref, estimate = f"{life}/{caller}/{number}", random.randint(0, MOST)
        scopes = Scopes(account_id=random.choice("abc"), workflow_id="w")
        if isinstance(
            await db.write(costs.try_reserve, charge(ref, points(estimate), scopes=scopes), USUAL), QiaodError
        ):
            continue
        fate = random.random()
        if fate < 0.3:
            await db.write(costs.release, ref)
        elif fate < 0.9:
            await db.write(costs.settle, ref, points(random.randint(0, estimate)))


async def main(path: Path, life: int) -> None:
    async with open_database(path, SystemClock()) as db:
        sys.stdout.write("spending\n")
        sys.stdout.flush()
        await asyncio.gather(*(spend(db, life, caller) for caller in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
