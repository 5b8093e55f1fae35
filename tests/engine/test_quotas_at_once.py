"""A thousand calls at once on one quota, in a real store: PROMISES P10."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

from daemon.clock import SystemClock
from daemon.domain.quota import EACH, Quota, QuotaScope
from daemon.engine import costs
from daemon.engine.costs import USUAL
from daemon.engine.quota_windows import running
from daemon.errors import QiaodError
from daemon.store import quota_windows
from daemon.store.database import Database, open_database
from daemon.store.quota_windows import place_of
from daemon.store.tx import Tx
from tests.engine.charging import add_price, add_quota, charge, points

CALLS = 1000
ESTIMATE = 1_000_003  # millionths of a point: nothing comes out round
ROOM = 400  # calls that fit

Call = Callable[[Database, Quota, int, int], Awaitable[int]]


async def careful(db: Database, _: Quota, number: int, used: int) -> int:
    """What the call took of the quota in the end."""
    ref = str(number)
    reserved = await db.write(costs.try_reserve, charge(ref, points(ESTIMATE)), USUAL)
    if isinstance(reserved, QiaodError):
        return 0
    if used == 0:
        assert await db.write(costs.release, ref)
    else:
        assert await db.write(costs.settle, ref, points(used))
    return used


async def check_then_act(db: Database, quota: Quota, _: int, used: int) -> int:
    """The bug: between the look and the act others act too."""
    window = await db.write(running, quota, EACH)
    if window.left(quota.cap_micro) < ESTIMATE:
        return 0
    await db.write(quota_windows.book, place_of(window), 0, used)
    return used


async def spent(folder: Path, call: Call) -> tuple[int, int, int]:
    """By the window, by what the calls say, and the cap."""
    random = Random(7)
    cap = ROOM * ESTIMATE
    async with open_database(folder / "db", SystemClock()) as db:
        quota = await db.write(add_quota, cap)
        await db.write(add_quota, 10**15, scope=QuotaScope.ACCOUNT)
        await db.write(add_price)
        wanted = [random.choice([0, random.randrange(1, ESTIMATE), ESTIMATE]) for _ in range(CALLS)]
        taken = await asyncio.gather(*(call(db, quota, number, used) for number, used in enumerate(wanted)))
        return await db.read(used_of, quota), sum(taken), cap


def used_of(tx: Tx, quota: Quota) -> int:
    (window,) = tx.all("SELECT used, reserved FROM quota_windows WHERE quota_id = $1", quota.id)
    assert window["reserved"] == 0
    used: int = window["used"]
    return used


async def test_a_thousand_calls_at_once_never_spend_more_than_the_cap_and_all_is_counted(tmp_path: Path) -> None:
    used, taken, cap = await spent(tmp_path, careful)
    assert used == taken
    assert cap // 4 < used <= cap


async def test_a_check_before_the_act_would_be_found_out(tmp_path: Path) -> None:
    used, taken, cap = await spent(tmp_path, check_then_act)
    assert used == taken
    assert used > cap


async def test_a_thousand_calls_that_all_cost_what_they_were_thought_to_fill_the_quota_to_the_last_one(
    tmp_path: Path,
) -> None:
    async with open_database(tmp_path / "db", SystemClock()) as db:
        quota = await db.write(add_quota, ROOM * ESTIMATE + ESTIMATE - 1)
        await asyncio.gather(*(careful(db, quota, number, ESTIMATE) for number in range(CALLS)))
        assert await db.read(used_of, quota) == ROOM * ESTIMATE
