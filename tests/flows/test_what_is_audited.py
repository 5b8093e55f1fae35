"""What befalls the daemon itself is in the audit log: starts, migrations, restores, reloads, strangers, faults."""

import asyncio
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import evolve
from structlog.testing import capture_logs

from daemon.clock import SystemClock
from daemon.domain.access import Role
from daemon.engine.access import Access
from daemon.engine.doorbook import DoorBook
from daemon.engine.pressure import Pressure
from daemon.errors import Forbidden, StoreUnavailable
from daemon.net.server.auth import Caller, Door
from daemon.secret import Secret
from daemon.settings import digest
from daemon.store import audit, backup
from daemon.store.database import Database, open_database
from daemon.store.faults import Fault
from daemon.store.migrate import latest
from daemon.store.tx import Tx
from tests.flows.house import Api, quick, running_daemon

AUDIT = "/api/v1/audit"
CALLBACK = "/api/v1/integrations/gewe/webhook/callback"


async def told(api: Api, action: str, number: int = 1) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        while True:
            rows: list[dict[str, Any]] = (await api.get(f"{AUDIT}?action={action}"))["data"]
            if len(rows) >= number:
                return rows
            await asyncio.sleep(0.05)


async def test_a_start_tells_the_settings_by_their_digest_and_the_schema_once(tmp_path: Path) -> None:
    settings = quick(tmp_path)
    async with aiohttp.ClientSession() as http:
        async with running_daemon(settings) as bridge:
            assert bridge.first_key is not None
            api = Api(http, bridge.url, bridge.first_key.reveal())
            (started,) = await told(api, "process.started")
            detail = started["detail"]
            assert detail["settings"] == digest(settings)
            assert (detail["after"], detail["log_level"], detail["message_text"]) == ("stop", "info", False)
            (migrated,) = await told(api, "store.migrated")
            assert migrated["detail"] == {"before": None, "after": str(latest())}
        other = evolve(settings, store=evolve(settings.store, keep_audit=timedelta(days=400)))
        async with running_daemon(other) as bridge:
            again = Api(http, bridge.url, api.key)
            rows = await told(again, "process.started", 2)
            assert rows[0]["detail"]["settings"] == digest(other) != digest(settings)
            assert len(await told(again, "store.migrated")) == 1


async def test_a_restore_is_told_by_the_next_start_once(tmp_path: Path) -> None:
    settings = quick(tmp_path)
    async with aiohttp.ClientSession() as http:
        async with running_daemon(settings) as bridge:
            assert bridge.first_key is not None
            key = bridge.first_key.reveal()
        made = backup.make(settings.database, tmp_path / "backups", SystemClock())
        backup.restore(made.path, settings.daemon.state_dir, SystemClock())
        for _ in range(2):
            async with running_daemon(settings) as bridge:
                api = Api(http, bridge.url, key)
                assert len(await told(api, "store.restored")) == 1
                assert (await api.post(f"{AUDIT}/verify"))["whole"]


async def test_a_reload_names_what_changes_and_how_much_is_logged(tmp_path: Path) -> None:
    settings = quick(tmp_path)
    async with aiohttp.ClientSession() as http, running_daemon(settings) as bridge:
        assert bridge.first_key is not None
        api = Api(http, bridge.url, bridge.first_key.reveal())
        await bridge.apply(settings)
        loud = evolve(settings.log, level="debug", message_text=True)
        await bridge.apply(evolve(settings, log=loud, gewe=evolve(settings.gewe, text_bytes=777)))
        (row,) = await told(api, "settings.reloaded")
        taken = ["gewe.text_bytes", "log.level", "log.message_text"]
        assert row["detail"] == {"taken": taken, "log_level": "debug", "message_text": True}


async def test_a_reload_that_cannot_be_audited_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = quick(tmp_path)

    async def refuse(self: Database, *_: object, **__: object) -> None:
        raise StoreUnavailable("store.full", retry_after=timedelta(seconds=1))

    async with running_daemon(settings) as bridge:
        with monkeypatch.context() as patched:
            patched.setattr(Database, "write", refuse)
            with pytest.raises(StoreUnavailable):
                await bridge.apply(evolve(settings, gewe=evolve(settings.gewe, text_bytes=777)))
        assert bridge.engine.sends.most_bytes == settings.gewe.text_bytes
        assert bridge.settings is settings


async def test_forged_callbacks_are_one_row_and_then_counted(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as http, running_daemon(quick(tmp_path)) as bridge:
        assert bridge.first_key is not None
        api = Api(http, bridge.url, bridge.first_key.reveal())
        for number in range(20):
            async with http.post(f"{bridge.url}{CALLBACK}/{'A' * 42}{number % 10}", data=b"{}") as answer:
                assert answer.status == 404
        (row,) = await told(api, "callback.forged")
        assert (row["outcome"], row["target"], row["detail"]) == ("refused", CALLBACK, {"wrong": "secret"})
        assert row["actor"] == "address:127.0.0.1"
        await bridge.door.book.look()
        counted, _ = await told(api, "callback.forged", 2)
        assert counted["detail"] == {"wrong": "secret", "more": 19}


async def test_a_host_that_is_not_ours_is_told_of_without_its_name(tmp_path: Path) -> None:
    settings = quick(tmp_path, http={"listen": "127.0.0.1:0", "public_url": ""})
    async with aiohttp.ClientSession() as http, running_daemon(settings) as bridge:
        assert bridge.first_key is not None
        api = Api(http, bridge.url, bridge.first_key.reveal())
        headers = {"Host": "evil.example", "Authorization": f"Bearer {api.key}"}
        async with http.get(f"{bridge.url}/api/v1/status", headers=headers) as answer:
            assert answer.status == 421
        (row,) = await told(api, "host.refused")
        assert (row["target"], row["detail"]) == ("/api/v1/status", {})


async def test_a_store_that_was_ill_is_told_of_when_it_is_well(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as http, running_daemon(quick(tmp_path)) as bridge:
        assert bridge.first_key is not None
        api = Api(http, bridge.url, bridge.first_key.reveal())
        for _ in range(2):  # what the start itself writes is behind us
            await bridge.probe()
        bridge.engine.db._keeper.met(Fault.BUSY)
        (row,) = await told(api, "store.faulted")
        assert row["detail"]["fault"] == "busy"
        assert 0 <= row["detail"]["seconds"] < 10


def rows_of(tx: Tx, action: str) -> int:
    found, _ = audit.page(tx, actor=None, action=action, target=None, since=None, until=None, before=None, limit=10)
    return len(found)


def alerts_of(tx: Tx) -> list[str]:
    return [row["code"] for row in tx.all("SELECT code FROM alerts")]


@pytest.mark.parametrize(("own", "rows"), [(990, 1), (0, 0)])
async def test_root_at_the_socket_of_another_user_is_told_of_with_an_alert(tmp_path: Path, own: int, rows: int) -> None:
    async with open_database(tmp_path / "qiaod.db", SystemClock()) as db:
        door = root_door(db, own)
        for _ in range(3):
            actor = await door.identify(Caller(address="unix", uid=0), Role.ADMIN)
            assert actor is not None
            assert actor.id == "uid:0"
        await door.book.settle()
        assert await db.read(rows_of, "root.admitted") == rows
        assert await db.read(alerts_of) == ["auth.root_came"] * rows
        with pytest.raises(Forbidden):
            await door.identify(Caller(address="unix", uid=1234), Role.ADMIN)


def root_door(db: Database, own: int) -> Door:
    access = Access(db, Secret("ab" * 32))
    door = Door.standard(access, {0: Role.ADMIN, own: Role.ADMIN}, db.clock, Pressure(db.clock))
    assert isinstance(door.book, DoorBook)
    return evolve(door, own_uid=own)


async def test_a_change_whose_row_fails_is_rolled_back_with_it(tmp_path: Path) -> None:
    async with open_database(tmp_path / "qiaod.db", SystemClock()) as db:

        def change(tx: Tx) -> None:
            tx.run("INSERT INTO levels (name, tokens, at_ms) VALUES ('x', 1.0, 1)")
            audit.record(tx, object(), "key.created", "key:x")  # type: ignore[arg-type]  # whatever goes wrong in it

        with capture_logs(), pytest.raises(AttributeError):
            await db.write(change)
    with closing(sqlite3.connect(tmp_path / "qiaod.db")) as file:
        assert file.execute("SELECT count(*) FROM levels").fetchone() == (0,)
