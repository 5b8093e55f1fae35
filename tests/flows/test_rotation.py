"""Replacing the master key: what may go wrong on the way, and that nothing is lost by it."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from daemon.bridge import Bridge, open_bridge
from daemon.clock import SystemClock
from daemon.domain.access import SYSTEM
from daemon.domain.login import LoginMethod, PendingLogin
from daemon.domain.message import AccountId
from daemon.errors import Conflict, QiaodError
from daemon.master_key import find_master_key, new_key, replace, vault_of
from daemon.secret import Redactor, Secret
from daemon.settings import Settings
from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY, fastgpt_simulator
from daemon.store import logins
from daemon.store.logins import Way
from daemon.store.migrate import steps
from daemon.store.secrets import COLUMNS
from daemon.store.tx import Tx
from daemon.vault import Vault, key_id_of
from tests.flows.house import Api, house, quick

TOKEN = "gewe-token-0123456789abcdef"
ACCOUNTS = "/api/v1/integrations/gewe/accounts"
AUDIT = "/api/v1/audit"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Tracebacks drawn for a terminal take seconds."""
    with capture_logs():
        yield


@asynccontextmanager
async def daemon_of(settings: Settings) -> AsyncIterator[Bridge]:
    settings.daemon.state_dir.mkdir(parents=True, exist_ok=True)
    found = find_master_key(settings.master_key_file, {}, may_create=not settings.database.exists())
    vault = vault_of(found, Redactor())
    opening = open_bridge(
        settings, clock=SystemClock(), vault=vault, sockets={}, hurry=asyncio.Event(), random=Random(7)
    )
    async with opening as bridge:
        yield bridge


async def furnish(bridge: Bridge, http: aiohttp.ClientSession) -> tuple[Api, str]:
    assert bridge.first_key is not None
    api = Api(http, bridge.url, bridge.first_key.reveal())
    account = {"app_id": "wx_a", "name": "Shop", "token": TOKEN, "base_url": "http://127.0.0.1:9"}
    return api, (await api.post(ACCOUNTS, account))["id"]


async def sealed(api: Api) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            found: dict[str, Any] = await api.get("/api/v1/secrets")
            if not found["left"]:
                return found
            await asyncio.sleep(0.05)


async def told(api: Api, action: str) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        while True:
            rows: list[dict[str, Any]] = (await api.get(f"{AUDIT}?action={action}"))["data"]
            if rows:
                return rows
            await asyncio.sleep(0.05)


def key_file(settings: Settings) -> Path:
    return settings.master_key_file


def test_a_seal_during_a_change_of_keys_is_never_of_two_keys() -> None:
    """Units of work seal on the writer's thread while the loop adopts a new key."""
    vault, wrong, over = Vault(new_key(), Redactor()), list[BaseException](), threading.Event()

    def seal_for_ever() -> None:
        try:
            while not over.is_set():
                vault.open("a|1|b", vault.seal("a|1|b", Secret("a secret of some length")))
        except (QiaodError, KeyError) as error:
            wrong.append(error)

    threads = [threading.Thread(target=seal_for_ever) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        vault.adopt(new_key())
    over.set()
    for thread in threads:
        thread.join()
    assert wrong == []


async def test_of_two_rotations_at_once_one_is_made(tmp_path: Path) -> None:
    settings = quick(tmp_path)
    async with aiohttp.ClientSession() as http:
        async with daemon_of(settings) as bridge:
            api, account_id = await furnish(bridge, http)
            asked = [api.call("POST", "/api/v1/secrets/rotate") for _ in range(5)]
            answers = sorted(status for status, _ in await asyncio.gather(*asked))
            assert answers[0] == 202
            assert set(answers[1:]) <= {202, 409}  # a later one may find the first one done
            key_id = (await sealed(api))["key_id"]
        kept = key_file(settings).read_text("ascii")
        assert key_id_of(bytes.fromhex(kept)).hex() == key_id
        async with daemon_of(settings) as bridge:
            assert bridge.engine.accounts.get(account_id).token.reveal() == TOKEN


async def test_a_key_that_somebody_else_put_into_the_file_is_not_replaced(tmp_path: Path) -> None:
    settings = quick(tmp_path)
    async with aiohttp.ClientSession() as http, daemon_of(settings) as bridge:
        api, _ = await furnish(bridge, http)
        before = (await api.get("/api/v1/secrets"))["key_id"]
        key_file(settings).unlink()
        key_file(settings).write_text("ab" * 32)
        key_file(settings).chmod(0o400)
        status, problem = await api.call("POST", "/api/v1/secrets/rotate")
        assert (status, problem["code"]) == (409, "secrets.key_file_differs")
        assert key_file(settings).read_text() == "ab" * 32
        assert (await api.get("/api/v1/secrets"))["key_id"] == before
        outcomes = [row["outcome"] for row in await told(api, "master_key.rotated")]
        assert outcomes == ["refused", "done"]


async def test_a_rotation_that_cannot_be_audited_does_not_touch_the_key(tmp_path: Path) -> None:
    settings = quick(tmp_path)
    async with aiohttp.ClientSession() as http, daemon_of(settings) as bridge:
        api, _ = await furnish(bridge, http)
        before = key_file(settings).read_bytes()
        await bridge.engine.db.write(mute_log)
        assert (await api.call("POST", "/api/v1/secrets/rotate"))[0] >= 500
        assert key_file(settings).read_bytes() == before
        assert [path.name for path in settings.daemon.state_dir.glob("*.old-key")] == []
        await bridge.engine.db.write(hear_log)


def hear_log(tx: Tx) -> None:
    tx.run("DROP TRIGGER muted")


def mute_log(tx: Tx) -> None:
    tx.run("CREATE TRIGGER muted BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no audit'); END")


async def test_what_cannot_be_audited_is_not_done(tmp_path: Path) -> None:
    settings = quick(tmp_path)
    async with aiohttp.ClientSession() as http, daemon_of(settings) as bridge:
        api, account_id = await furnish(bridge, http)
        known = await api.get(f"{ACCOUNTS}/{account_id}")
        await bridge.engine.db.write(mute_log)
        draft = {"app_id": "wx_b", "name": "Other", "token": TOKEN, "base_url": "http://127.0.0.1:9"}
        for method, path, body in (
            ("POST", ACCOUNTS, draft),
            ("PUT", f"{ACCOUNTS}/{account_id}", draft),
            ("DELETE", f"{ACCOUNTS}/{account_id}", None),
            ("POST", f"{ACCOUNTS}/{account_id}/callback-key", None),
            ("POST", "/api/v1/keys", {"name": "x", "role": "viewer"}),
            ("POST", "/api/v1/integrations/gewe/do-not-contact", {"account_id": account_id, "to": "wxid_a"}),
        ):
            status, _ = await api.call(method, path, body)
            assert status == 500, (path, status)
        assert (await api.get(ACCOUNTS))["data"] == [known]
        assert len((await api.get("/api/v1/keys"))["data"]) == 1
        await bridge.engine.db.write(hear_log)


@pytest.mark.parametrize("left", ["", "no key at all", "ab" * 31])
async def test_an_old_key_that_was_torn_off_does_not_keep_the_daemon_from_starting(tmp_path: Path, left: str) -> None:
    settings = quick(tmp_path)
    async with daemon_of(settings):
        pass
    key_file(settings).with_name("0123456789abcdef.old-key").write_text(left)
    key_file(settings).with_name("0123456789abcdef.old-key").chmod(0o400)
    key_file(settings).with_name("master.key.1.new").write_text(left)
    async with daemon_of(settings) as bridge:
        assert (await bridge.engine.secrets.status()).old_keys == ()


def test_a_rotation_that_dies_at_any_step_leaves_a_file_that_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call that touches the disk is the last one, in turn."""
    calls = 0

    class Killed(BaseException):
        pass

    def counted(real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            calls -= 1
            if calls < 0:
                raise Killed
            return real(*args, **kwargs)

        return call

    for name in ("open", "fsync", "rename", "unlink"):
        monkeypatch.setattr(f"os.{name}", counted(getattr(__import__("os"), name)))
    finished, survived = False, 0
    while not finished:
        folder = tmp_path / f"{survived}"
        calls = 1000
        folder.mkdir()
        file = folder / "master.key"
        current = find_master_key(file, {}, may_create=True).key
        value = Vault(current, Redactor()).seal("a|1|b", Secret("what is to be read again"))
        calls = survived
        try:
            replace(file, current, new_key())
            finished = True
        except Killed:
            survived += 1
        calls = 1000
        vault = vault_of(find_master_key(file, {}, may_create=False), Redactor())
        assert vault.open("a|1|b", value).reveal() == "what is to be read again"
    assert survived > 6


async def test_an_older_backup_opens_with_the_key_that_was_kept_and_is_sealed_anew(tmp_path: Path) -> None:
    settings = quick(tmp_path)
    async with aiohttp.ClientSession() as http:
        async with daemon_of(settings) as bridge:
            api, account_id = await furnish(bridge, http)
        older = settings.database.read_bytes()
        for _ in range(2):
            async with daemon_of(settings) as bridge:
                await Api(http, bridge.url, api.key).post("/api/v1/secrets/rotate", status=202)
                await sealed(Api(http, bridge.url, api.key))
        settings.database.write_bytes(older)
        async with daemon_of(settings) as bridge:
            again = Api(http, bridge.url, api.key)
            found = await sealed(again)
            assert bridge.engine.accounts.get(account_id).token.reveal() == TOKEN
            (used,) = await told(again, "master_key.old_used")
            assert used["target"].removeprefix("master_key:") in found["old_keys"]
            await told(again, "secrets.sealed_anew")
            assert (await again.post(f"{AUDIT}/verify"))["whole"]
        for kept in settings.daemon.state_dir.glob("*.old-key"):
            kept.unlink()
        async with daemon_of(settings) as bridge:
            assert bridge.engine.accounts.get(account_id).token.reveal() == TOKEN


async def test_a_value_that_cannot_be_opened_is_told_of_and_keeps_nothing_else_from_being_sealed(
    tmp_path: Path,
) -> None:
    settings = quick(tmp_path)
    async with fastgpt_simulator() as ai, aiohttp.ClientSession() as http, daemon_of(settings) as bridge:
        api, account_id = await furnish(bridge, http)
        workflow = {"name": "Sales", "base_url": ai.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
        workflow_id = (await api.post("/api/v1/workflows", workflow))["id"]
        await bridge.engine.db.write(garble, workflow_id)
        bridge.engine.workflows.clear()
        await api.post("/api/v1/secrets/rotate", status=202)
        found = await sealed(api)
        assert (found["phase"], found["lost"]) == ("idle", 0)
        (row,) = await told(api, "secret.unreadable")
        assert row["target"] == f"secret:workflows|{workflow_id}|key"
        (done,) = await told(api, "secrets.sealed_anew")
        assert done["detail"] == {"values": found["values"] - 1, "unreadable": 1}
        alerts = (await api.get("/api/v1/notifications"))["data"]
        assert any(workflow_id in str(alert) for alert in alerts), alerts
        assert bridge.engine.accounts.get(account_id).token.reveal() == TOKEN


def garble(tx: Tx, workflow_id: str) -> None:
    sealed_key = tx.value("SELECT key FROM workflows WHERE id = $1", workflow_id)
    tx.run("UPDATE workflows SET key = $2 WHERE id = $1", workflow_id, sealed_key[:-1] + bytes([sealed_key[-1] ^ 1]))


async def test_every_sealed_value_of_a_furnished_store_is_in_a_column_that_a_rotation_knows(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        db, vault = h.bridge.engine.db, h.bridge.engine.secrets.vault
        now = SystemClock().now()
        pending = PendingLogin(
            uuid="u", method=LoginMethod.QR, began_by=SYSTEM.id, began_at=now, expires_at=now + timedelta(minutes=1)
        )
        way = Way(proxy=Secret("socks5://somebody:password@127.0.0.1:1"))
        await db.write(logins.begin, vault, AccountId(h.account_id), pending, way)
        webhook = {
            "task_type": "ragAI",
            "url": "https://n8n.example.com/webhook/rag-ai",
            "auth": {"kind": "jwt", "secret": "a passphrase of ours"},
            "signing_keys": ["whsec_" + "QUJD" * 8],
            "api": {"url": "https://n8n.example.com", "key": "n8n_api_key_0123456789", "workflow_id": "w1"},
        }
        await h.api.post("/api/v1/webhooks", webhook)
        assert await db.read(sealed_columns, b"\x01" + vault.id) == {(c.table, c.name) for c in COLUMNS}


def sealed_columns(tx: Tx, head: bytes) -> set[tuple[str, str]]:
    found = set[tuple[str, str]]()
    for table in tx.all("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'meta'"):
        for column in tx.all("SELECT name FROM pragma_table_info($1)", table["name"]):
            where = f"substr(CAST({column['name']} AS BLOB), 1, {len(head)}) = $1"
            if tx.value(f"SELECT count(*) FROM {table['name']} WHERE {where}", head):
                found.add((table["name"], column["name"]))
    return found


def test_every_column_that_the_schema_calls_sealed_is_known() -> None:
    assert declared("\n".join(sql for _, sql in steps())) == {(c.table, c.name) for c in COLUMNS}


def test_a_sealed_column_that_was_added_later_is_seen() -> None:
    sql = "CREATE TABLE a (\n  id TEXT,\n  x BLOB NOT NULL, -- sealed\n);\nALTER TABLE b ADD COLUMN y BLOB; -- sealed\n"
    assert declared(sql) == {("a", "x"), ("b", "y")}


def declared(sql: str) -> set[tuple[str, str]]:
    found, table = set[tuple[str, str]](), ""
    for line in sql.splitlines():
        if created := re.match(r"(?:CREATE|ALTER) TABLE (\w+)", line):
            table = created[1]
        if column := re.match(r"(?:.* ADD COLUMN )?\s*(\w+)\s+BLOB\b.*-- sealed", line):
            found.add((table, column[1]))
    return found


def test_a_key_that_is_not_ours_to_replace_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Conflict):
        Vault(b"k" * 32, Redactor(), source="credential").keep(new_key())
