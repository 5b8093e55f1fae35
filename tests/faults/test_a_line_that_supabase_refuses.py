"""A line that Supabase does not take holds back nothing but itself, is kept and shown, and a person learns of it."""

import asyncio
from pathlib import Path
from typing import Any

from daemon.sim.supabase import SupabaseSimulator
from tests.faults.test_an_answer_given_is_kept import DOWN, due_now
from tests.flows.chat import CHAT, Chatroom, chatroom, waiting

SECRET = "违禁"


def refuse(sim: SupabaseSimulator, words: str = SECRET) -> None:
    sim.base.tables["qiaod_messages"].check = lambda row: words not in row["content"]


async def given_up(room: Chatroom) -> Any:
    """The dead jobs, once there is no other of the lane."""
    async with asyncio.timeout(10):
        while await room.house.bridge.engine.db.read(waiting):
            await due_now(room)
            await asyncio.sleep(0.01)
    return (await room.house.api.get("/api/v1/jobs?lane=dialogue&state=dead"))["data"]


async def test_a_refused_line_holds_back_no_other_and_goes_once_it_is_taken(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        refuse(room.sim)
        for text in ("一", f"{SECRET}二", "三"):
            await room.says("c1", text)
        await room.says("c2", "四")
        (dead,) = await given_up(room)
        assert [row["content"] for row in room.sim.lines("c1")] == ["一", "收到：一", "三", "收到：三"]
        assert [row["content"] for row in room.sim.lines("c2")] == ["四", "收到：四"]
        assert (dead["key"], dead["last_error"].startswith("supabase.refused: ")) == ("c1", True)
        told = await room.history("c1")
        assert [m["content"] for m in told["messages"] if m["is_user"]] == ["一", f"{SECRET}二", "三"]
        assert told["complete"]
        alerts = await room.house.api.get("/api/v1/integrations/monitoring/alerts?service_name=Supabase")
        (alert,) = alerts["data"]
        assert "conversation c1" in alert["message"]
        assert dead["last_error"] in alert["message"]
        assert SECRET not in str(alert) + str(dead)  # a viewer sees no text of a chat
        room.sim.base.tables["qiaod_messages"].check = None
        assert (await room.house.api.post("/api/v1/jobs/requeue", {"lane": "dialogue"}))["count"] == 1
        await room.carried()
        assert len(room.sim.lines("c1")) == 6
        assert await room.alerts() == set()


async def test_a_refused_line_goes_with_the_next_message_too(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        refuse(room.sim)
        await room.says("c1", SECRET)
        await given_up(room)
        room.sim.base.tables["qiaod_messages"].check = None
        await room.says("c1", "好了吗")
        await room.carried()
        assert len(room.sim.lines("c1")) == 4
        assert await room.alerts() == set()


async def test_a_conversation_with_a_refused_line_is_deleted_like_any_other(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        refuse(room.sim)
        await room.says("c1", SECRET)
        await given_up(room)
        assert (await room.house.api.call("DELETE", f"{CHAT}/c1?user_id=ann"))[0] == 204
        await room.carried()
        assert (await room.said("c1"), room.sim.lines("c1"), await room.alerts()) == ([], [], set())


async def test_lines_that_are_too_many_for_one_call_go_in_several(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        room.sim.faults.add(DOWN)
        for number in range(4):
            await room.says("c1", str(number))
        room.sim.faults.clear()
        room.sim.base.most_rows = 3
        await due_now(room)
        await room.carried()
        assert [row["content"] for row in room.sim.lines("c1") if row["is_user"]] == ["0", "1", "2", "3"]
        assert await room.alerts() == set()


async def test_lines_behind_many_that_are_refused_are_not_all_asked_for_alone(tmp_path: Path) -> None:
    """Where everything is refused that is no matter of lines: a conversation costs a bounded number of calls."""
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        room.sim.faults.add(DOWN)
        for number in range(20):
            await room.says("c1", str(number))
        room.sim.faults.clear()
        refuse(room.sim, "")
        before = len(room.sim.ledger.of("*/qiaod_messages"))
        await due_now(room)
        async with asyncio.timeout(10):
            while (await room.house.api.get("/api/v1/jobs?lane=dialogue"))["data"][0]["attempts"] == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert len(room.sim.ledger.of("*/qiaod_messages")) - before < 30
