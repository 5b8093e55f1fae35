"""Backups: proved when they are made, proved again before they are used, and taken while others write."""

import asyncio
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.clock import SystemClock
from daemon.errors import CannotOpen, Invalid, NotFound
from daemon.store import backup
from daemon.store.database import open_database
from daemon.store.tx import Tx
from tests.clock import FakeClock


def put(tx: Tx, name: str) -> None:
    tx.run("INSERT INTO levels (name, tokens, at_ms) VALUES ($1, 1.0, 1)", name)


def names(tx: Tx) -> list[str]:
    return [row["name"] for row in tx.all("SELECT name FROM levels ORDER BY name")]


def add_send(tx: Tx, state: str) -> None:
    tx.run(
        "INSERT INTO sends (id, account_id, conversation_id, peer, text, mentions, origin, batch, part, parts, state,"
        " expires_ms, created_ms) VALUES ($1, 'a', 'c', 'p', $2, '[]', 'reply', 'b', 1, 1, $2, 1, 1)",
        tx.new_id(),
        state,
    )


def add_message(tx: Tx, standing: str) -> None:
    tx.run(
        "INSERT INTO messages (id, account_id, conversation_id, sender, origin, kind, text, content, standing,"
        " sequence, sent_ms, received_ms) VALUES ($1, 'a', 'c', 's', 'contact', 'text', $2, '{}', $2, 1, 1, 1)",
        tx.new_id(),
        standing,
    )


async def test_a_backup_made_while_others_write_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "qiaod.db"
    async with open_database(path, SystemClock()) as db:
        await db.write(put, "before")
        making = asyncio.create_task(asyncio.to_thread(backup.make, path, tmp_path / "backups", SystemClock()))
        written = 0
        while not making.done():
            await db.write(put, f"during {written}")
            written += 1
        report = await making
    assert report.whole
    assert backup.verify(report.path) == report
    assert report.path.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(report.path)) as copy:
        assert "before" in {name for (name,) in copy.execute("SELECT name FROM levels")}
    assert sorted(left.name for left in (tmp_path / "backups").iterdir()) == [
        report.path.name,
        f"{report.path.name}.sha256",
    ]


@pytest.mark.parametrize("at", [0, 20, 5000, -1])
async def test_one_turned_bit_anywhere_is_found(tmp_path: Path, at: int) -> None:
    async with open_database(tmp_path / "qiaod.db", FakeClock()):
        report = backup.make(tmp_path / "qiaod.db", tmp_path, FakeClock())
    text = bytearray(report.path.read_bytes())
    text[at] ^= 1
    report.path.write_bytes(text)
    assert not backup.verify(report.path).whole
    with pytest.raises(Invalid):
        backup.restore(report.path, tmp_path, FakeClock())


async def test_a_backup_without_its_digest_is_not_whole(tmp_path: Path) -> None:
    async with open_database(tmp_path / "qiaod.db", FakeClock()):
        report = backup.make(tmp_path / "qiaod.db", tmp_path, FakeClock())
    report.path.with_name(report.path.name + ".sha256").unlink()
    assert not backup.verify(report.path).whole


def test_a_backup_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        backup.verify(tmp_path / "none.db")


async def test_a_restored_backup_takes_the_place_of_the_file_which_is_kept(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "qiaod.db"
    async with open_database(path, clock) as db:
        await db.write(put, "a")
        report = backup.make(path, tmp_path / "backups", clock)
        await db.write(put, "b")
    backup.restore(report.path, tmp_path, clock)
    async with open_database(path, clock) as db:
        assert await db.read(names) == ["a"]
    (aside,) = tmp_path.glob("replaced-*/qiaod.db")
    with closing(sqlite3.connect(aside)) as old:
        assert [name for (name,) in old.execute("SELECT name FROM levels ORDER BY name")] == ["a", "b"]


def states(tx: Tx, sql: str) -> dict[str, str]:
    """As it was, to as it is."""
    return {row[0]: row[1] for row in tx.all(sql)}


async def test_nothing_that_waited_when_the_backup_was_made_goes_out_after_a_restore(tmp_path: Path) -> None:
    clock, path = FakeClock(), tmp_path / "qiaod.db"
    async with open_database(path, clock) as db:
        for state in ("queued", "waiting", "sending", "sent", "failed"):
            await db.write(add_send, state)
        for standing in ("pending", "answered"):
            await db.write(add_message, standing)
        report = backup.make(path, tmp_path / "backups", clock)
    backup.restore(report.path, tmp_path, clock)
    async with open_database(path, clock) as db:
        sends = await db.read(states, "SELECT text, state FROM sends")
        messages = await db.read(states, "SELECT text, standing FROM messages")
    assert sends == {
        "queued": "unknown",
        "waiting": "unknown",
        "sending": "unknown",
        "sent": "sent",
        "failed": "failed",
    }
    assert messages == {"pending": "kept", "answered": "answered"}


async def test_nothing_is_restored_under_a_running_daemon(tmp_path: Path) -> None:
    async with open_database(tmp_path / "qiaod.db", FakeClock()):
        report = backup.make(tmp_path / "qiaod.db", tmp_path / "backups", FakeClock())
        with pytest.raises(CannotOpen) as refused:
            backup.restore(report.path, tmp_path, FakeClock())
    assert refused.value.code == "store.locked"


async def test_only_the_backups_worth_keeping_are_kept(tmp_path: Path) -> None:
    clock, backups = FakeClock(), tmp_path / "backups"
    async with open_database(tmp_path / "qiaod.db", clock):
        made = []
        for _ in range(5):
            made.append(backup.make(tmp_path / "qiaod.db", backups, clock))
            clock.advance(3600)
    (backups / "qiaod-mine.db").touch()
    dropped = backup.thin_out(backups, hourly=2, daily=1, weekly=0)
    assert len(dropped) == 3
    assert len(list(backups.iterdir())) == 5
    assert backup.newest_whole(backups) == made[-1].path


START = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = st.lists(st.integers(0, 2000).map(lambda hours: START + timedelta(hours=hours, minutes=hours % 60)))


def buckets(moments: Iterable[datetime], form: str) -> set[str]:
    return {moment.strftime(form) for moment in moments}


@given(MOMENTS, st.integers(1, 30), st.integers(0, 10), st.integers(0, 6))
def test_what_is_kept_covers_the_last_hours_days_and_weeks(
    taken: list[datetime], hourly: int, daily: int, weekly: int
) -> None:
    keep = backup.kept(taken, hourly=hourly, daily=daily, weekly=weekly)
    assert keep <= set(taken)
    assert len(keep) <= hourly + daily + weekly
    if taken:
        assert max(taken) in keep
    for most, form in ((hourly, "%Y%m%d%H"), (daily, "%Y%m%d"), (weekly, "%G%V")):
        wanted = sorted(buckets(taken, form), reverse=True)[:most]
        assert set(wanted) <= buckets(keep, form)


@given(MOMENTS)
def test_thinning_out_twice_is_thinning_out_once(taken: list[datetime]) -> None:
    once = backup.kept(taken, hourly=24, daily=7, weekly=4)
    assert backup.kept(once, hourly=24, daily=7, weekly=4) == once
