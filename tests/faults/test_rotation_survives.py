"""The master key of a process is replaced, and the process killed in the middle: whenever, all stays readable."""

import asyncio
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from daemon.master_key import find_master_key, vault_of
from daemon.secret import Redactor
from daemon.store.secrets import COLUMNS
from daemon.vault import sealed_with
from tests.faults.living import ACCOUNTS, ROOT, TOKEN, Living, living

MANY = 400  # accounts, so that sealing anew takes a few transactions
MOMENTS = (0.01, 0.03, 0.06)  # seconds after the request

pytestmark = pytest.mark.torture


def multiply(state: Path) -> None:
    """More sealed values than one transaction takes, put there as the daemon would."""
    with closing(sqlite3.connect(state / "qiaod.db")) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(accounts)")]
        vault = vault_of(find_master_key(state / "master.key", {}, may_create=False), Redactor())
        (first,) = db.execute("SELECT * FROM accounts").fetchall()
        for number in range(MANY):
            row = dict(zip(columns, first, strict=True)) | {"app_id": f"wx_{number:04}", "id": f"account-{number:04}"}
            row["wxid"] = f"wxid_{number:04}"
            row["callback_group"] = row["id"]
            row["token"] = vault.seal(
                f"accounts|{row['id']}|token", vault.open(f"accounts|{first[0]}|token", sealed(db))
            )
            given = [row[name] for name in columns]
            db.execute(f"INSERT INTO accounts VALUES ({', '.join('?' * len(columns))})", given)
        db.commit()


def sealed(db: sqlite3.Connection) -> bytes:
    (value,) = db.execute("SELECT token FROM accounts LIMIT 1").fetchone()
    return bytes(value)


def tokens(state: Path) -> set[str]:
    """Of all accounts, opened with what is on the disk."""
    vault = vault_of(find_master_key(state / "master.key", {}, may_create=False), Redactor())
    with closing(sqlite3.connect(state / "qiaod.db")) as db:
        rows = db.execute("SELECT id, token FROM accounts").fetchall()
    assert len(rows) > MANY
    return {vault.open(f"accounts|{row_id}|token", value).reveal() for row_id, value in rows}


def wanted(state: Path) -> set[str]:
    """The master keys that anything in the store wants."""
    with closing(sqlite3.connect(state / "qiaod.db")) as db:
        found = [row[0] for column in COLUMNS for row in db.execute(f"SELECT {column.name} FROM {column.table}")]
        found += [bytes.fromhex(row[0]) for row in db.execute("SELECT value FROM meta WHERE key GLOB 'secret.*'")]
    return {sealed_with(value).hex() for value in found}


async def sealing_done(daemon: Living) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            found: dict[str, Any] = (await daemon.call("GET", "/api/v1/secrets"))[1]
            if not found["left"]:
                return found
            await asyncio.sleep(0.05)


async def rotate(daemon: Living) -> asyncio.subprocess.Process:
    """`qiaod secrets rotate`, as a person at the terminal."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(daemon.sockets), "PYTHONPATH": str(ROOT)}
    environ |= {"QIAOD_DAEMON_STATE_DIR": str(daemon.state), "QIAOD_HTTP_UNIX_SOCKET": str(daemon.sockets / "api")}
    return await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "daemon", "secrets", "rotate", "--yes", "--json"],
        env=environ,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )


async def test_a_rotation_survives_kill_9_at_any_moment(tmp_path: Path) -> None:
    state = tmp_path / "s"
    async with living(state) as daemon:
        await daemon.stop()
        multiply(state)
        for moment in MOMENTS:
            await daemon.start()
            await sealing_done(daemon)
            asking = asyncio.create_task(daemon.call("POST", "/api/v1/secrets/rotate"))
            await asyncio.sleep(moment)
            assert daemon.process
            daemon.process.kill()
            await daemon.ended()
            await asyncio.gather(asking, return_exceptions=True)
            assert tokens(state) == {TOKEN}
        await daemon.start()
        found = await sealing_done(daemon)
        assert (await daemon.call("POST", "/api/v1/audit/verify"))[1]["whole"]
        assert await daemon.stop() == 0
        assert wanted(state) == {found["key_id"]}
        for kept in state.glob("*.old-key"):
            kept.unlink()
        await daemon.start()
        assert tokens(state) == {TOKEN}
        assert (await daemon.call("GET", ACCOUNTS))[1]["total"] == MANY + 1


async def test_the_command_waits_until_all_is_sealed_anew(tmp_path: Path) -> None:
    async with living(tmp_path / "s") as daemon:
        before = (await daemon.call("GET", "/api/v1/secrets"))[1]["key_id"]
        assert await (await rotate(daemon)).wait() == 0
        found = (await daemon.call("GET", "/api/v1/secrets"))[1]
        assert (found["left"], found["old_keys"]) == (0, [before])
        assert wanted(tmp_path / "s") == {found["key_id"]}
