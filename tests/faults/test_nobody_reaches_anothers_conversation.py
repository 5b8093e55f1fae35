"""A conversation that was begun while Supabase was away may be another's there: until that is known nothing of it is
shown, and nothing deleted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from daemon.sim.supabase import SupabaseSimulator
from daemon.store.tx import Tx
from tests.faults.test_an_answer_given_is_kept import DOWN, due_now
from tests.flows.chat import CHAT, Chatroom, chatroom

THEIRS = "鲍勃的秘密"


@asynccontextmanager
async def intruded(folder: Path) -> AsyncIterator[tuple[Chatroom, SupabaseSimulator]]:
    """Ann wrote in Bob's conversation while Supabase was away; it is back, and the job has not looked yet."""
    async with chatroom(folder, "supabase") as room:
        assert room.sim is not None
        owner = {"id": "c1", "user_id": "bob", "chat": "dlg-bob"}
        line = {"id": "0", "conversation_id": "c1", "content": THEIRS, "is_user": True}
        for table, row in (("qiaod_conversations", owner), ("qiaod_messages", line)):
            room.sim.base.insert(table, [row], conflict=None, resolution=None)
        room.sim.faults.add(DOWN)
        await room.says("c1", "我是安")
        async with asyncio.timeout(5):
            while not await room.house.bridge.engine.db.write(put_off):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield room, room.sim


def put_off(tx: Tx) -> int:
    return tx.run("UPDATE jobs SET due_ms = due_ms + 3600000 WHERE lane = 'dialogue' AND state = 'ready'")


async def test_its_lines_are_not_shown_and_go_to_no_workflow(tmp_path: Path) -> None:
    async with intruded(tmp_path) as (room, sim):
        sim.faults.clear()
        room.breaker.reset()
        told = await room.history("c1")
        assert [m["content"] for m in told["messages"]] == ["我是安", "收到：我是安"]
        assert told["complete"] is False
        await room.says("c1", "还有呢")
        assert THEIRS not in str(room.asked())


async def test_it_is_not_deleted_by_who_wrote_in_it(tmp_path: Path) -> None:
    async with intruded(tmp_path) as (room, sim):
        assert (await room.house.api.call("DELETE", f"{CHAT}/c1?user_id=ann"))[0] in (502, 503)
        sim.faults.clear()
        room.breaker.reset()
        assert (await room.house.api.call("DELETE", f"{CHAT}/c1?user_id=ann"))[0] == 204
        await due_now(room)
        await room.carried()
        assert [row["content"] for row in sim.lines("c1")] == [THEIRS]
        assert (await room.refused("c1", {"user_id": "ann", "message": "我的吗"}))[0] == 403


async def test_ones_own_that_was_taken_for_new_is_deleted_whole(tmp_path: Path) -> None:
    async with intruded(tmp_path) as (room, sim):
        sim.base.tables["qiaod_conversations"].rows["c1"]["user_id"] = "ann"
        sim.faults.clear()
        room.breaker.reset()
        assert (await room.house.api.call("DELETE", f"{CHAT}/c1?user_id=ann"))[0] == 204
        await due_now(room)
        await room.carried()
        assert (sim.lines("c1"), await room.said("c1")) == ([], [])
