"""The master key is replaced while the daemon works; the audit log tells of it, and a command finds forgery."""

import asyncio
import sqlite3
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner, Result

from daemon.bridge import Bridge, open_bridge
from daemon.cli.main import cli
from daemon.clock import SystemClock
from daemon.errors import QiaodError
from daemon.master_key import find_master_key, new_key, vault_of
from daemon.secret import Redactor
from daemon.settings import Settings
from daemon.store.backup import make
from tests.flows.house import Api, quick

TOKEN = "gewe-token-0123456789abcdef"
WORKFLOW_KEY = "fastgpt-abcdefghijklmnop"

pytestmark = pytest.mark.usefixtures("restored_logging")  # it runs commands


def opening(settings: Settings) -> Any:
    settings.daemon.state_dir.mkdir(parents=True, exist_ok=True)
    found = find_master_key(settings.master_key_file, {}, may_create=not settings.database.exists())
    vault = vault_of(found, Redactor())
    return open_bridge(settings, clock=SystemClock(), vault=vault, sockets={}, hurry=asyncio.Event(), random=Random(7))


async def furnish(bridge: Bridge, http: aiohttp.ClientSession) -> tuple[Api, str]:
    """An API with the first key, and one account with a token."""
    assert bridge.first_key is not None
    api = Api(http, bridge.url, bridge.first_key.reveal())
    account = {"app_id": "wx_a", "name": "Shop", "token": TOKEN, "base_url": "http://127.0.0.1:9"}
    added = await api.post("/api/v1/integrations/gewe/accounts", account)
    return api, added["id"]


async def until_sealed(api: Api) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            found: dict[str, Any] = await api.get("/api/v1/secrets")
            if not found["left"]:
                return found
            await asyncio.sleep(0.01)


async def test_a_rotation_seals_everything_anew_and_keys_and_log_stay_valid(tmp_path: Path) -> None:
    settings = quick(tmp_path)
    async with aiohttp.ClientSession() as http:
        async with opening(settings) as bridge:
            api, account_id = await furnish(bridge, http)
            before = await api.get("/api/v1/secrets")
            assert (before["source"], before["replaceable"], before["left"]) == ("file", True, 0)
            await api.post("/api/v1/secrets/rotate", status=202)
            after = await until_sealed(api)
            assert after["key_id"] != before["key_id"]
            assert after["values"] == before["values"] >= 3  # a token, and two keys of our own
            assert after["old_keys"] == [before["key_id"]]
        kept = settings.master_key_file.with_name(f"{before['key_id']}.old-key")
        assert kept.stat().st_mode & 0o777 == 0o400
        kept.unlink()  # nothing wants it any more
        async with opening(settings) as bridge:
            again = Api(http, bridge.url, api.key)
            assert (await again.get(f"/api/v1/integrations/gewe/accounts/{account_id}"))["token"].endswith(TOKEN[-4:])
            assert bridge.engine.accounts.get(account_id).token.reveal() == TOKEN
            assert (await again.post("/api/v1/audit/verify"))["whole"]
            actions = [row["action"] for row in (await again.get("/api/v1/audit"))["data"]]
            assert {"master_key.rotated", "secrets.sealed_anew", "process.started", "process.stopped"} <= set(actions)


async def test_a_rotation_that_a_crash_cut_off_is_finished_by_the_next_start(tmp_path: Path) -> None:
    """As a crash right after the new key file leaves it: nothing is sealed with it yet."""
    settings = quick(tmp_path)
    async with aiohttp.ClientSession() as http:
        async with opening(settings) as bridge:
            api, account_id = await furnish(bridge, http)
        vault_of(find_master_key(settings.master_key_file, {}, may_create=False), Redactor()).keep(new_key())
        async with opening(settings) as bridge:
            sealed = await until_sealed(Api(http, bridge.url, api.key))
            assert bridge.engine.accounts.get(account_id).token.reveal() == TOKEN
        old = settings.master_key_file.with_name(f"{sealed['old_keys'][0]}.old-key")
        old.unlink()
        async with opening(settings) as bridge:
            assert bridge.engine.accounts.get(account_id).token.reveal() == TOKEN


async def test_a_new_key_without_the_old_one_is_refused_by_name(tmp_path: Path) -> None:
    settings = quick(tmp_path)
    async with opening(settings):
        pass
    before = find_master_key(settings.master_key_file, {}, may_create=False)
    settings.master_key_file.unlink()
    settings.master_key_file.write_text("ab" * 32)
    settings.master_key_file.chmod(0o400)
    with pytest.raises((QiaodError, ExceptionGroup)) as caught:
        async with opening(settings):
            pass
    told = caught.value
    while isinstance(told, ExceptionGroup):
        told = told.exceptions[0]
    assert isinstance(told, QiaodError)
    assert told.facts["wanted"] == vault_of(before, Redactor()).key_id


async def test_a_key_that_is_not_in_a_file_of_ours_is_replaced_by_its_owner(tmp_path: Path) -> None:
    settings = quick(tmp_path)
    found = find_master_key(tmp_path / "none", {"QIAOD_MASTER_KEY": "cd" * 32}, may_create=False)
    vault = vault_of(found, Redactor())
    bridge_opening = open_bridge(
        settings, clock=SystemClock(), vault=vault, sockets={}, hurry=asyncio.Event(), random=Random(7)
    )
    async with aiohttp.ClientSession() as http, bridge_opening as bridge:
        api, _ = await furnish(bridge, http)
        status, problem = await api.call("POST", "/api/v1/secrets/rotate")
        assert (status, problem["code"]) == (409, "secrets.key_not_ours")
        assert "environment" in problem["detail"]


async def test_the_command_verifies_a_store_at_rest_and_names_the_forged_row(tmp_path: Path) -> None:
    settings = quick(tmp_path)
    async with aiohttp.ClientSession() as http, opening(settings) as bridge:
        await furnish(bridge, http)
    file = tmp_path / "qiaod.toml"
    file.write_text(f'[daemon]\nstate_dir = "{settings.daemon.state_dir}"\n')
    command = ["audit", "verify", "--config", str(file), "--json", "--file", str(settings.database)]
    whole = await asyncio.to_thread(CliRunner().invoke, cli, command)
    assert whole.exit_code == 0, whole.output
    assert '"whole": true' in whole.output
    with sqlite3.connect(settings.database) as db:
        (seq,) = db.execute("SELECT seq FROM audit WHERE action = 'account.added'").fetchone()
        db.execute("UPDATE audit SET actor = 'key:somebody_else' WHERE seq = ?", (seq,))
    db.close()
    forged = await asyncio.to_thread(CliRunner().invoke, cli, command)
    assert forged.exit_code == 65
    assert f'"broken": {{"seq": {seq}, "why": "changed"}}' in forged.output


def flip(db: sqlite3.Connection) -> None:
    """One bit of one row's detail."""
    (detail,) = db.execute("SELECT detail FROM audit WHERE seq = 3").fetchone()
    db.execute("UPDATE audit SET detail = ? WHERE seq = 3", (detail[:-1] + chr(ord(detail[-1]) ^ 1),))


def delete(db: sqlite3.Connection) -> None:
    db.execute("DELETE FROM audit WHERE seq = 3")


def swap(db: sqlite3.Connection) -> None:
    db.execute("UPDATE audit SET seq = 1000 WHERE seq = 3")
    db.execute("UPDATE audit SET seq = 3 WHERE seq = 4")
    db.execute("UPDATE audit SET seq = 4 WHERE seq = 1000")


def traces(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


async def verified(config: Path, file: Path) -> Result:
    command = ["audit", "verify", "--config", str(config), "--json", "--file", str(file)]
    return await asyncio.to_thread(CliRunner().invoke, cli, command)


async def test_a_copy_and_a_backup_are_verified_without_a_trace_and_a_touched_one_is_found(tmp_path: Path) -> None:
    settings = quick(tmp_path)
    config, copies = tmp_path / "qiaod.toml", tmp_path / "copies"
    config.write_text(f'[daemon]\nstate_dir = "{settings.daemon.state_dir}"\n')
    async with aiohttp.ClientSession() as http, opening(settings) as bridge:
        await furnish(bridge, http)
        backup = make(settings.database, copies, SystemClock()).path
        live = await verified(config, settings.database)  # try again when it is stopped
        assert (live.exit_code, "has" in live.output) == (75, True)
    for name, meddle, why in (("flip", flip, "changed"), ("delete", delete, "missing"), ("swap", swap, "changed")):
        for number, source in enumerate((settings.database, backup)):
            folder = tmp_path / f"{name}{number}"
            folder.mkdir()
            file = folder / "store.db"
            file.write_bytes(source.read_bytes())
            before = traces(folder)
            assert (await verified(config, file)).exit_code == 0
            assert traces(folder) == before
            with sqlite3.connect(file) as db:
                meddle(db)
            db.close()
            found = await verified(config, file)
            assert found.exit_code == 65
            assert f'"broken": {{"seq": 3, "why": "{why}"}}' in found.output
