"""The whole daemon with its chat API, over either store of conversations."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from daemon.limits.breaker import Breaker
from daemon.sim.supabase import SupabaseSimulator, supabase_simulator
from daemon.store.tx import Tx
from tests.flows.house import House, house

STORES = ("embedded", "supabase")
CHAT = "/api/chat"


@frozen
class Chatroom:
    """`sim` is there where the conversations are kept in Supabase."""

    house: House
    sim: SupabaseSimulator | None

    async def says(self, conversation: str, message: str, *, user: str = "ann", **more: Any) -> Any:
        return await self.house.api.post(f"{CHAT}/{conversation}", {"user_id": user, "message": message, **more})

    async def refused(self, conversation: str, body: Any, *, key: str = "", **headers: str) -> tuple[int, Any]:
        api = evolve(self.house.api, key=key) if key else self.house.api
        return await api.call("POST", f"{CHAT}/{conversation}", body, **headers)

    async def history(self, conversation: str, *, user: str = "ann", query: str = "") -> Any:
        return await self.house.api.get(f"{CHAT}/{conversation}/history?user_id={user}{query}")

    async def said(self, conversation: str, *, user: str = "ann") -> list[tuple[bool, str]]:
        """Whether it was the user, and what."""
        told = await self.history(conversation, user=user)
        return [(message["is_user"], message["content"]) for message in told["messages"]]

    def asked(self) -> list[Any]:
        """What the workflow was sent, question by question."""
        return [entry.body for entry in self.house.fastgpt.ledger.of("*/chat/completions")]

    @property
    def breaker(self) -> Breaker:
        return self.house.bridge.engine.breakers.of("supabase", "chat")

    async def carried(self) -> None:
        """Once nothing waits for the other store any more."""
        async with asyncio.timeout(10):
            while await self.house.bridge.engine.db.read(waiting):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def alerts(self) -> set[str]:
        return set(await self.house.bridge.engine.db.read(_alerts))

    async def key(self, role: str, *, scoped: bool = False) -> str:
        accounts = {"accounts": [self.house.account_id]} if scoped else {}
        made = await self.house.api.post("/api/v1/keys", {"name": role, "role": role, **accounts})
        return str(made["key"])


@asynccontextmanager
async def chatroom(folder: Path, store: str, **given: Any) -> AsyncIterator[Chatroom]:
    async with AsyncExitStack() as stack:
        sim, chat = None, dict(given.pop("chat", {}))
        if store == "supabase":
            sim = await stack.enter_async_context(supabase_simulator())
            chat |= supabase(folder, sim)
        h = await stack.enter_async_context(house(folder / "state", chat=chat, **given))
        yield Chatroom(h, sim)


def supabase(folder: Path, sim: SupabaseSimulator) -> dict[str, Any]:
    """Settings of the section `chat`; the key is in a file of its own."""
    key = folder / "supabase.key"
    key.write_text(sim.key + "\n")
    key.chmod(0o600)
    return {"store": "supabase", "supabase_url": sim.url, "supabase_key_file": key}


def waiting(tx: Tx) -> int:
    return int(tx.value("SELECT count(*) FROM jobs WHERE lane = 'dialogue' AND state IN ('ready', 'running')"))


def _alerts(tx: Tx) -> list[str]:
    rows = tx.all("SELECT code FROM alerts WHERE resolved_ms IS NULL AND code LIKE 'dialogue.%'")
    return [row["code"] for row in rows]
