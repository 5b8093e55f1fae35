"""Keys that are kept in memory: they spare a read, and say nothing that is not true any more."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from daemon.domain.access import SYSTEM, Role
from daemon.engine.access import Access, KeyText, read_key
from daemon.engine.key_units import Terms
from daemon.errors import Unauthenticated
from daemon.secret import Secret
from daemon.store import keys
from daemon.store.database import open_database
from daemon.store.tx import Tx
from tests.clock import FakeClock

HERE = "127.0.0.1"
VIEWING = Terms(name="ops", role=Role.VIEWER, expires_at=None, networks=(), accounts=None)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Access, str, str]]:
    """Keys, and one of them: its id and its text. It was used here."""
    async with open_database(folder / "qiaod.db", FakeClock()) as db:
        access = Access(db, Secret("pepper"))
        await access.create(name="boss", role=Role.ADMIN, expires_at=None, by=SYSTEM)
        key, text = await access.create(name="ops", role=Role.OPERATOR, expires_at=None, by=SYSTEM)
        for _ in range(2):
            await access.authenticate(text.reveal(), address=HERE)
        yield access, key.id, text.reveal()


async def test_a_key_that_was_proved_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as (access, key_id, text):
        monkeypatch.delattr(keys, "find")
        assert (await access.authenticate(text, address=HERE)).id == key_id


async def test_a_revoked_key_is_refused_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as (access, key_id, text):
        await access.revoke(key_id, by=SYSTEM)
        with pytest.raises(Unauthenticated, match="revoked"):
            await access.authenticate(text, address=HERE)


async def test_a_changed_role_counts_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as (access, key_id, text):
        await access.change(key_id, VIEWING, version=None, by=SYSTEM)
        assert (await access.authenticate(text, address=HERE)).role is Role.VIEWER


async def test_the_text_before_a_rotation_is_void_at_once_and_the_new_one_is_good(tmp_path: Path) -> None:
    async with opened(tmp_path) as (access, key_id, text):
        _, new = await access.rotate(key_id, overlap=timedelta(), by=SYSTEM)
        with pytest.raises(Unauthenticated):
            await access.authenticate(text, address=HERE)
        assert (await access.authenticate(new.reveal(), address=HERE)).id == key_id


async def test_what_was_read_while_the_key_was_revoked_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as (access, key_id, text):
        access._kept.clear()
        find, seen, done = keys.find, threading.Event(), threading.Event()

        def slow(tx: Tx, wanted: str) -> keys.Found | None:
            found = find(tx, wanted)
            if not seen.is_set():  # the revocation looks the key up, too
                seen.set()
                assert done.wait(5)
            return found

        with monkeypatch.context() as patched:
            patched.setattr(keys, "find", slow)
            early = asyncio.create_task(access.authenticate(text, address=HERE))
            await asyncio.to_thread(seen.wait, 5)
            await access.revoke(key_id, by=SYSTEM)
            done.set()
            await early  # it was read before the revocation
        with pytest.raises(Unauthenticated):
            await access.authenticate(text, address=HERE)


async def test_a_wrong_secret_of_a_key_in_use_is_held_against_the_store_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as (access, key_id, _):
        asked: list[str] = []
        find = keys.find

        def watched(tx: Tx, wanted: str) -> keys.Found | None:
            asked.append(wanted)
            return find(tx, wanted)

        monkeypatch.setattr(keys, "find", watched)
        _, other = await access.create(name="b", role=Role.VIEWER, expires_at=None, by=SYSTEM)
        forged = access_text(key_id, other)
        with pytest.raises(Unauthenticated):
            await access.authenticate(forged, address=HERE)
        assert asked == [key_id]


def access_text(key_id: str, secret_of: Secret) -> str:
    """A well-formed text with the id of one key and the secret of another."""
    other = read_key(secret_of.reveal())
    assert other is not None
    return KeyText(key_id, other.secret).written().reveal()


async def test_use_is_still_noted_each_minute(tmp_path: Path) -> None:
    async with opened(tmp_path) as (access, key_id, text):
        clock = access.db.clock
        assert isinstance(clock, FakeClock)
        first = (await access.get(key_id)).last_used_at
        clock.advance(120)
        await access.authenticate(text, address=HERE)
        assert first is not None
        assert (await access.get(key_id)).last_used_at == clock.now()
