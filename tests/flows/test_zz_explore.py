import asyncio, time
from pathlib import Path
from typing import Any
import aiohttp
import pytest
from attrs import evolve
from daemon.codec import encode, parse
from daemon.sim.fastgpt_script import Script
from daemon.sim.faults import Fault, Kind
from daemon.store.tx import Tx
from tests.flows.chat import CHAT, STORES, chatroom
from tests.flows.test_chat_api import BODY, heard
from yarl import URL

async def raw(room, method, path, body=None, **headers):
    api = room.house.api
    headers = {"Authorization": f"Bearer {api.key}", "Content-Type": "application/json"} | headers
    async with api.http.request(method, URL(api.url + path, encoded=True), data=body, headers=headers) as r:
        return r.status, await r.text(), r.headers

async def test_paths(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        for name in ("a%2Fhistory", "a%2F..%2Fb", "%2e%2e", "..", "%2e", "a%25b", "a%00b", "%ff", "%ed%a0%80", "%F0%9F%98%80", "a+b", "a%20b", "%20", "a?b", "a%3Fb", "a%23b", "x"*200, "x"*201, "x"*7000, "a//b", "a;b", "%E3%80%80", "a,b", "(a)", "%22a%22", "*", "%E2%80%AE"):
            t = time.monotonic()
            s, text, _ = await raw(room, "POST", f"{CHAT}/{name}", encode(BODY))
            doc = parse(text.encode()) if text else {}
            s2, text2, _ = await raw(room, "GET", f"{CHAT}/{name}/history?user_id=ann")
            d2 = parse(text2.encode()) if text2 else {}
            print(name[:30], s, repr(doc.get("conversation_id", doc.get("code")))[:60], s2, len(d2.get("messages", [])), d2.get("code"), round(time.monotonic()-t, 2))

async def test_redos(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        for n in (1000, 10_000, 50_000):
            t = time.monotonic()
            s, text, _ = await raw(room, "POST", f"{CHAT}/c", encode({"user_id": "a" * n + "\n", "message": "x"}))
            print("uid", n, s, round(time.monotonic() - t, 2))
            t = time.monotonic()
            s, text, _ = await raw(room, "POST", f"{CHAT}/c", encode({"user_id": "ann", "message": " " * n}))
            print("msg", n, s, round(time.monotonic() - t, 2))
        for uid in ("a\x00b", "😀", "\u3000", "a" * 200, "a" * 201, "\u202e", "é", "e\u0301"):
            s, text, _ = await raw(room, "POST", f"{CHAT}/c-{len(uid)}-{ord(uid[0])}", encode({"user_id": uid, "message": "x\x00y😀"}))
            print(repr(uid[:10]), s, text[:90])
        s, text, _ = await raw(room, "POST", f"{CHAT}/c", b'{"user_id": "ann", "message": "\\ud83d"}')
        print(s, text[:120])
        s, text, _ = await raw(room, "POST", f"{CHAT}/c", b'{"user_id": "ann", "message": "x", "message": "y"}')
        print(s, text[:120])
        s, text, _ = await raw(room, "POST", f"{CHAT}/c", b'[' * 5000)
        print(s, text[:120])
        s, text, _ = await raw(room, "POST", f"{CHAT}/c", b'{"user_id":' + b'[' * 900 + b']' * 900 + b'}')
        print(s, text[:120])
        s, text, _ = await raw(room, "POST", f"{CHAT}/c", encode(BODY), **{"Content-Type": "text/plain"})
        print(s, text[:120])
        s, text, _ = await raw(room, "POST", f"{CHAT}/c", b"x" * 900_000)
        print(s, text[:120])
        for q in ("user_id=ann&before=%27", "user_id=ann&before=zzz", "user_id=ann&before=", "user_id=%00", "user_id=", "user_id=ann&user_id=bob", "user_id=%ff"):
            s, text, _ = await raw(room, "GET", f"{CHAT}/c/history?{q}")
            print(q, s, text[:120])
        for m in ("PUT", "PATCH", "HEAD", "OPTIONS", "GET"):
            s, text, h = await raw(room, m, f"{CHAT}/c")
            print(m, s, text[:80])

@pytest.mark.parametrize("store", STORES)
async def test_delete_in_run(tmp_path: Path, store) -> None:
    async with chatroom(tmp_path, store, workflow={"memory": "service"}) as room:
        await room.says("c1", "secret")
        await room.carried()
        room.house.fastgpt.play(Script(delay_s=0.3))
        t = asyncio.ensure_future(room.says("c1", "two"))
        while len(room.asked()) < 2: await asyncio.sleep(0.01)
        print((await room.house.api.call("DELETE", f"{CHAT}/c1?user_id=ann"))[0])
        await t
        print(await room.said("c1"))
        await room.says("c1", "three")
        print([a["chatId"] for a in room.asked()])
        await room.carried()
        print(await room.said("c1"))

async def test_stream_idem(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "embedded") as room:
        for _ in range(2):
            s, text, h = await raw(room, "POST", f"{CHAT}/c1", encode(BODY | {"stream": True}), **{"Idempotency-Key": "k"})
            print(s, text[-60:])
        print(len(await room.said("c1")))
        for mishap in ("cut", "disconnect", "drop"):
            pass

async def test_poison(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        await room.says("c1", "x")
        await room.carried()
        room.sim.faults.add(Fault(kind=Kind.ERROR, name="no-database"))
        for kind in Kind: print(kind)
