"""Every secret there is, looked for in every place that the daemon writes to or answers from (PROMISES T10)."""

import asyncio
import secrets
import sqlite3
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import define

from daemon.clock import SystemClock
from daemon.codec import encode
from daemon.face import TABLES
from daemon.net.server.routes import Route
from daemon.sim.faults import Fault, Kind
from daemon.sim.supabase import DEMO_KEY as SERVICE_KEY
from daemon.sim.supabase import SupabaseSimulator, supabase_simulator
from daemon.store.backup import make
from tests.faults.ai_secrets import echoing, services_say_it_back
from tests.faults.living import ACCOUNTS, PATIENCE
from tests.faults.test_secrets_stay_in import (
    CONVERSATIONS,
    SENDS,
    TEXT,
    TOKEN,
    WRONG_TOKEN,
    Mine,
    everything_goes_wrong,
    files,
    found,
    mine,
    send,
)

PASSWORD = "canaryPROXYPASSWORD0123456789"
GETS = [route for table in TABLES for route in table.routes if route.method == "GET"]
LEAST = 60  # of 66 or so: a moment, for one, is asked for at length
SHOWN = ("admin", "viewer", "auditor")

pytestmark = pytest.mark.torture


@define
class Ring:
    """The keys that were made, and everything else that only its owner may know."""

    keys: dict[str, str]  # by role
    rotated: str  # the text of one before it was rotated
    cookie: str
    master: bytes
    ids: dict[str, str]
    services: set[str]  # of the AI services

    def canaries(self, it: Mine) -> set[str]:
        masters = {self.master.hex(), b64encode(self.master).decode(), self.master.decode("latin-1")}
        return (
            it.canaries()
            | {*self.keys.values(), self.rotated, self.cookie, PASSWORD, SERVICE_KEY}
            | masters
            | self.services
        )


@asynccontextmanager
async def furnished(folder: Path, *, bug: str = "") -> AsyncIterator[tuple[Mine, Ring]]:
    master = secrets.token_bytes(32)
    async with (
        supabase_simulator() as supabase,
        echoing() as echo,
        mine(folder, bug=bug, more=environ(master, supabase)) as it,
    ):
        made = {role: await it.daemon.call("POST", "/api/v1/keys", {"name": role, "role": role}) for role in SHOWN}
        assert {status for status, _ in made.values()} == {201}
        keys = {role: document["key"] for role, (_, document) in made.items()}
        rotated, old = made["viewer"][1]["id"], keys["viewer"]
        keys["viewer"] = (await it.daemon.call("POST", f"/api/v1/keys/{rotated}/rotate"))[1]["key"]
        async with aiohttp.ClientSession(it.daemon.url, timeout=PATIENCE) as http:
            async with http.post("/api/v1/session", json={"key": keys["admin"]}) as answer:
                assert answer.status == 200
                cookie = next(iter(answer.cookies.values())).value
            key = {"Authorization": f"Bearer {keys['admin']}", "Idempotency-Key": "canary-0001"}
            for _ in range(2):  # the second one is told that the first was made
                async with http.post("/api/v1/keys", json={"name": "x", "role": "agent"}, headers=key) as answer:
                    document = await answer.json()
                    keys.setdefault("agent", document.get("key", ""))
        proxy = {"method": "qr", "region": "320000", "proxy": f"socks5://somebody:{PASSWORD}@127.0.0.1:1"}
        fresh = {"name": "Not logged in", "token": TOKEN, "base_url": it.gewe.base_url}
        other = (await it.daemon.call("POST", ACCOUNTS, fresh))[1]["id"]
        status, begun = await it.daemon.call("POST", f"{ACCOUNTS}/{other}/login", proxy)
        assert status == 200, begun
        ids = {"account_id": it.account["id"], "key_id": rotated, "workflow_id": it.account["workflow_id"]}
        await chat_goes_wrong(it, supabase)
        if not bug:
            await services_say_it_back(it.daemon, echo)
        yield it, Ring(keys, old, cookie, master, ids, echo.canaries)


def environ(master: bytes, supabase: SupabaseSimulator) -> dict[str, str]:
    chat = {"QIAOD_CHAT_STORE": "supabase", "QIAOD_CHAT_SUPABASE_URL": supabase.url, "QIAOD_SUPABASE_KEY": SERVICE_KEY}
    return {"QIAOD_MASTER_KEY": master.hex(), "QIAOD_TARGETS_ALLOW": "127.0.0.1:*", **chat}


async def chat_goes_wrong(it: Mine, supabase: SupabaseSimulator) -> None:
    """Supabase says our own key back to us in all that it refuses, to callers and to the job that carries lines."""
    said = encode({"message": f"Invalid API key: {SERVICE_KEY} for {TEXT}"}).decode()
    for status, body in (
        (401, said),
        (400, f"apikey={SERVICE_KEY}"),
        (503, said),
        (200, f"<html>{SERVICE_KEY}</html>"),
    ):
        fault = supabase.faults.add(Fault(kind=Kind.STATUS, status=status, body=body))
        told = await it.daemon.call("POST", f"/api/chat/c{status}", {"user_id": "ann", "message": TEXT})
        assert told[0] == 200, told
        await it.daemon.call("GET", f"/api/chat/c{status}/history?user_id=ann")
        await it.daemon.call("DELETE", "/api/chat/unknown?user_id=ann")
        supabase.faults.remove(fault)
    supabase.faults.add(Fault(kind=Kind.STATUS, status=401, body=said, path="*/qiaod_messages"))
    await it.daemon.call("POST", "/api/chat/away", {"user_id": "ann", "message": TEXT})
    await it.ended("/api/v1/jobs?lane=dialogue", "state", {"ready"})


async def learn(it: Mine, ring: Ring) -> None:
    """The ids of what there is by now."""
    for name, path in (("message_id", SENDS), ("conversation_id", CONVERSATIONS), ("job_id", "/api/v1/jobs")):
        rows = (await it.daemon.call("GET", path))[1]["data"]
        if rows:
            ring.ids[name] = rows[0]["id"]
    turns = (await it.daemon.call("GET", f"{CONVERSATIONS}/{ring.ids['conversation_id']}/turns"))[1]["data"]
    ring.ids["turn_id"] = turns[0]["id"]
    strangers = ("campaign_id", "entry_id", "batch_id", "quota_id", "price_id", "act_id", "chat_id")
    ring.ids |= dict.fromkeys(strangers, "0" * 12) | {"wxid": "wxid_friend00000001", "room": "1@chatroom"}


async def answers(it: Mine, ring: Ring) -> dict[str, str]:
    """Of every GET route to every role, headers included; whatever the status."""
    seen: dict[str, str] = {}
    async with aiohttp.ClientSession(it.daemon.url, timeout=PATIENCE) as http:

        async def ask(role: str) -> None:
            for route in GETS:
                if (path := reached(route, ring)) is not None:
                    seen[f"{role} {route.path}"] = await asked(http, path, ring.keys[role])

        await asyncio.gather(*map(ask, SHOWN))
        seen["metrics"] = await local(it, "/metrics")
    return seen


def reached(route: Route, ring: Ring) -> str | None:
    path = route.path
    for parameter in route.signature.path:
        if parameter.name not in ring.ids:
            return None
        path = path.replace("{" + parameter.name + "}", ring.ids[parameter.name])
    wanted = [parameter.name for parameter in route.signature.query if parameter.required]
    return path + (f"?account_id={ring.ids['account_id']}" if "account_id" in wanted else "")


async def asked(http: aiohttp.ClientSession, path: str, key: str) -> str:
    async with asyncio.timeout(20):
        while True:
            async with http.get(path, headers={"Authorization": f"Bearer {key}"}) as answer:
                text = (await answer.read()).decode("latin-1")
                if answer.status != 429:
                    return f"{answer.status} {dict(answer.headers)} {text}"
            await asyncio.sleep(0.1)


async def local(it: Mine, path: str) -> str:
    connector = aiohttp.UnixConnector(str(it.daemon.sockets / "api"))
    session = aiohttp.ClientSession(connector=connector, timeout=PATIENCE)
    async with session as http, http.get("http://localhost" + path) as answer:
        return await answer.text()


def process(pid: int) -> dict[str, str]:
    return {name: Path(f"/proc/{pid}/{name}").read_bytes().decode("latin-1") for name in ("cmdline", "environ")}


def disk(folder: Path) -> dict[str, str]:
    return {name: raw.decode("latin-1") for name, raw in files(folder)}


def rows(database: Path, table: str) -> dict[str, str]:
    with closing(sqlite3.connect(database)) as db:
        return {f"{table} {number}": str(row) for number, row in enumerate(db.execute(f"SELECT * FROM {table}"))}


async def test_no_secret_is_anywhere_but_where_it_belongs(tmp_path: Path) -> None:
    async with furnished(tmp_path) as (it, ring):
        await everything_goes_wrong(it)
        await learn(it, ring)
        canaries = ring.canaries(it)
        assert len(canaries) >= 12
        shown = await answers(it, ring)
        assert len(shown) > LEAST * len(SHOWN)
        assert sum(text.startswith("200") for text in shown.values()) > len(shown) // 4
        assert found(canaries, shown) == []
        state = it.daemon.state
        backup = await asyncio.to_thread(make, state / "qiaod.db", tmp_path / "backups", SystemClock())
        written = disk(state) | disk(backup.path.parent)
        assert {"qiaod.db", "qiaod.db-wal", backup.path.name} <= written.keys()
        assert found(canaries, written) == []
        assert found(canaries, process(it.daemon.pid)) == []
        assert "QIAOD_MASTER_KEY" in process(it.daemon.pid)["environ"]  # so that it would have been seen
        await it.daemon.stop()
        assert found(canaries | {TEXT}, {f"log {number}": line for number, line in enumerate(it.daemon.lines)}) == []
        for table in ("audit", "alerts", "idempotency"):
            told = rows(state / "qiaod.db", table)
            assert told
            assert found(canaries | {TEXT}, told) == []
        assert found(canaries, disk(state)) == []


@pytest.mark.parametrize("bug", ["plain_column"])
async def test_a_secret_that_is_stored_in_plain_is_found(tmp_path: Path, bug: str) -> None:
    async with mine(tmp_path, bug=bug) as it:
        assert found({it.account["token"]}, disk(it.daemon.state))


async def test_a_daemon_whose_redactor_is_blind_shows_it_to_somebody(tmp_path: Path) -> None:
    async with furnished(tmp_path, bug="blind_redactor") as (it, ring):
        body = {name: value for name, value in (it.account | {"token": WRONG_TOKEN}).items() if name != "id"}
        assert (await it.daemon.call("PUT", f"{ACCOUNTS}/{it.account['id']}", body))[0] == 200
        await send(it)
        await it.ended(SENDS, "error", {"gewe.unauthorized"})
        text: dict[str, Any] = {"sends": await local(it, SENDS)}
        assert found(ring.canaries(it), text)
        await it.daemon.stop()
        log = {f"log {number}": line for number, line in enumerate(it.daemon.lines)}
        assert found({SERVICE_KEY}, log)  # Supabase's key was there to be seen
