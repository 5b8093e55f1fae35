"""Calls of the services are counted by the minute, outlive a restart, and survive a store that takes nothing."""

from datetime import timedelta
from pathlib import Path

from daemon.engine.callstats import CallStats
from daemon.store import service_minutes
from daemon.store.database import open_database
from daemon.store.service_minutes import Sum
from tests.clock import FakeClock

HOUR = timedelta(hours=1)


async def test_what_was_counted_is_there_after_a_restart(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_database(tmp_path / "qiaod.db", clock) as db:
        stats = CallStats(db)
        stats.took("gewe", 0.2, None)
        stats.took("gewe", 0.6, "gewe.offline")
        stats.took("fastgpt", 2.0, None)
        await stats.flush()
    async with open_database(tmp_path / "qiaod.db", clock) as db:
        again = CallStats(db)
        again.took("gewe", 0.4, None)
        found = await again.over("gewe", HOUR)
        assert found == Sum(calls=3, failures=1, total_ms=1200, slowest_ms=600, last_error="gewe.offline")
        assert (found.success_rate, found.average_seconds) == (66.67, 0.4)


async def test_only_the_span_that_is_asked_for_counts(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_database(tmp_path / "qiaod.db", clock) as db:
        stats = CallStats(db)
        stats.took("gewe", 1.0, "gewe.offline")
        clock.advance(2 * 3600)
        stats.took("gewe", 1.0, None)
        assert (await stats.over("gewe", HOUR)).calls == 1
        assert (await stats.over("gewe", 3 * HOUR)).calls == 2
        assert (await stats.over("gewe", HOUR)).last_error is None


async def test_a_service_that_was_never_called_did_nothing_wrong(tmp_path: Path) -> None:
    async with open_database(tmp_path / "qiaod.db", FakeClock()) as db:
        found = await CallStats(db).over("fastgpt", HOUR)
        assert (found.calls, found.success_rate, found.average_seconds) == (0, 100.0, 0.0)


async def test_what_a_store_cannot_take_is_written_down_later(tmp_path: Path) -> None:
    clock = FakeClock()
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with open_database(tmp_path / "one" / "qiaod.db", clock) as taken_away:
        stats = CallStats(taken_away)
        stats.took("gewe", 1.0, None)
        taken_away.path.unlink()
        await stats.flush()
    async with open_database(tmp_path / "two" / "qiaod.db", clock) as db:
        stats.db = db
        stats.took("gewe", 1.0, None)
        assert (await stats.over("gewe", HOUR)).calls == 2


async def test_old_minutes_go(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_database(tmp_path / "qiaod.db", clock) as db:
        stats = CallStats(db)
        stats.took("gewe", 1.0, None)
        await stats.flush()
        clock.advance(timedelta(days=8).total_seconds())
        assert await db.write(service_minutes.prune, keep=timedelta(days=7), limit=10) == 1
