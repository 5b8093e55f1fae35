"""`kill -9` while money is spent: the file says afterwards what was spent, to the millionth."""

import asyncio
import sys
from pathlib import Path
from random import Random

import pytest

from daemon.clock import SystemClock
from daemon.domain.quota import Measure, QuotaScope
from daemon.store.database import open_database
from daemon.store.tx import Tx
from tests.engine.charging import add_price, add_quota
from tests.torture.process import LIMIT, ROOT
from tests.torture.size import size

KILLS = size(3, 60)
CAP = size(2000, 200_000)

pytestmark = pytest.mark.torture


async def spend_and_die(path: Path, life: int, seconds: float) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.torture.spending", str(path), str(life), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(LIMIT):
            await process.stdout.readuntil(b"spending\n")  # after what the store has to say of itself
        await asyncio.sleep(seconds)
    finally:
        process.kill()
        await process.wait()


def differences(tx: Tx) -> list[tuple[object, ...]]:
    """Windows that do not say what their charges add up to, or hold more than their quota allows."""
    rows = tx.all(
        """
        SELECT w.quota_id, w.scope_id, w.used, w.reserved, q.cap_micro,
               coalesce(sum(c.points_micro) FILTER (WHERE c.state = 'settled'), 0) AS spent,
               coalesce(sum(c.points_micro) FILTER (WHERE c.state = 'reserved'), 0) AS held
          FROM quota_windows w JOIN quotas q ON q.id = w.quota_id
          LEFT JOIN charges c ON q.scope = 'global' OR c.account_id = w.scope_id
         GROUP BY w.quota_id, w.scope_id, w.start_ms
        HAVING w.used <> spent OR w.reserved <> held OR w.used + w.reserved > q.cap_micro
        """
    )
    return [tuple(row) for row in rows]


async def test_what_was_spent_is_known_to_the_millionth_however_often_the_process_is_killed(tmp_path: Path) -> None:
    path, random = tmp_path / "db", Random(3)
    async with open_database(path, SystemClock()) as db:
        await db.write(add_price)
        for scope in (QuotaScope.GLOBAL, QuotaScope.ACCOUNT):
            await db.write(add_quota, CAP, scope=scope, measure=Measure.POINTS)
    for life in range(KILLS):
        await spend_and_die(path, life, random.uniform(0.05, 0.3))
    async with open_database(path, SystemClock()) as db:
        assert await db.read(differences) == []
        states = await db.read(lambda tx: {row[0] for row in tx.all("SELECT DISTINCT state FROM charges")})
        assert states == {"reserved", "settled", "released"}
