"""The chat API's promise: an answer once given is in the history, whatever is killed or away."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import define, field

from daemon.sim.fastgpt import DEMO_APP, DEMO_KEY, fastgpt_simulator
from daemon.sim.faults import Fault, Kind
from daemon.sim.supabase import SupabaseSimulator, supabase_simulator
from daemon.store.tx import Tx
from tests.faults.living import Living, living
from tests.flows.chat import CHAT, STORES, Chatroom, chatroom

DOWN = Fault(kind=Kind.ERROR, name="no-database")
WRONG_KEY = Fault(kind=Kind.ERROR, name="jwt-expired")


@define
class Crowd:
    """Users who talk without a pause, each in a conversation of their own, until nobody answers."""

    daemon: Living
    given: dict[str, list[str]] = field(factory=dict)  # ids of the answers that came, by conversation
    _heard: asyncio.Event = field(factory=asyncio.Event)

    async def talk(self, conversation: str) -> None:
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            while True:
                body = {"user_id": "ann", "message": f"问题{len(self.given.get(conversation, []))}"}
                status, told = await self.daemon.call("POST", f"{CHAT}/{conversation}", body)
                assert status == 200, told
                self.given.setdefault(conversation, []).append(told["response_id"])
                self._heard.set()

    async def until(self, answers: int) -> None:
        async with asyncio.timeout(20):
            while sum(map(len, self.given.values())) < answers:
                self._heard.clear()
                await self._heard.wait()


@asynccontextmanager
async def furnished(state: Path, store: str) -> AsyncIterator[tuple[Living, SupabaseSimulator | None]]:
    async with AsyncExitStack() as stack:
        ai, sim = await stack.enter_async_context(fastgpt_simulator()), None
        environ: Mapping[str, str] = {}
        if store == "supabase":
            sim = await stack.enter_async_context(supabase_simulator())
            environ = {
                "QIAOD_CHAT_STORE": "supabase",
                "QIAOD_CHAT_SUPABASE_URL": sim.url,
                "QIAOD_SUPABASE_KEY": sim.key,
            }
        daemon = await stack.enter_async_context(living(state, environ=dict(environ)))
        workflow = {"name": "Sales", "base_url": ai.base_url, "key": DEMO_KEY, "app_id": DEMO_APP.id}
        assert (await daemon.call("POST", "/api/v1/workflows", workflow))[0] == 201
        yield daemon, sim


async def shown(daemon: Living, conversation: str) -> list[Any]:
    status, told = await daemon.call("GET", f"{CHAT}/{conversation}/history?user_id=ann&limit=500")
    assert (status, told["complete"]) == (200, True)
    return list(told["messages"])


@pytest.mark.parametrize("store", STORES)
async def test_every_answer_given_before_a_kill_is_in_the_history_in_order(tmp_path: Path, store: str) -> None:
    names = [f"c{number}" for number in range(5)]
    async with furnished(tmp_path, store) as (daemon, sim):
        if sim:
            sim.faults.add(Fault(kind=Kind.LATENCY, path="*/qiaod_messages", chance=0.5, seconds=0.0, up_to=0.1))
        crowd = Crowd(daemon)
        talking = asyncio.gather(*(crowd.talk(name) for name in names))
        await crowd.until(40)
        assert daemon.process is not None
        daemon.process.kill()
        await daemon.ended()
        await talking
        await daemon.start()
        kept = {name: await shown(daemon, name) for name in names}
        for name in names:
            answers = [line["id"] for line in kept[name] if not line["is_user"]]
            assert answers[: len(crowd.given[name])] == crowd.given[name]
            assert len(answers) - len(crowd.given[name]) <= 1  # that was kept, and could not be given any more
            said = [line["content"] for line in kept[name] if line["is_user"]]
            assert said == [f"问题{number}" for number in range(len(answers))]
        if sim:
            await there(sim, {name: [line["id"] for line in kept[name]] for name in names})


async def there(sim: SupabaseSimulator, wanted: Mapping[str, list[str]]) -> None:
    """Once Supabase has just these, in this order."""
    async with asyncio.timeout(10):
        while {name: [row["id"] for row in sim.lines(name)] for name in wanted} != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def due_now(room: Chatroom) -> None:
    """As if the pause after the last failure were over."""

    def hurry(tx: Tx) -> None:
        tx.run("UPDATE jobs SET due_ms = 0 WHERE lane = 'dialogue' AND state = 'ready'")
        tx.lanes.add("dialogue")

    room.breaker.reset()
    await room.house.bridge.engine.db.write(hurry)


async def test_while_supabase_is_away_answers_go_on_and_nothing_is_lost(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        await room.says("known", "一")
        await room.carried()
        room.sim.faults.add(DOWN)
        await room.says("known", "二")
        await room.says("new", "三")
        assert [m["content"] for m in room.asked()[1]["messages"]] == ["一", "收到：一", "二"]  # out of the copy
        told = await room.history("known")
        assert ([m["content"] for m in told["messages"]], told["complete"]) == (
            ["一", "收到：一", "二", "收到：二"],
            False,
        )
        async with asyncio.timeout(5):
            while await room.alerts() != {"dialogue.not_carried"}:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        status, problem = await room.house.api.call("DELETE", f"{CHAT}/unknown?user_id=ann")
        assert status in (502, 503), problem  # it may be there
        room.sim.faults.clear()
        await due_now(room)
        await room.carried()
        assert [row["content"] for row in room.sim.lines("known")] == ["一", "收到：一", "二", "收到：二"]
        assert [row["content"] for row in room.sim.lines("new")] == ["三", "收到：三"]
        assert await room.alerts() == set()


async def test_a_key_that_is_refused_holds_lines_back_and_loses_none(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        room.sim.faults.add(WRONG_KEY)
        for text in ("一", "二", "三"):
            await room.says("c1", text)
        room.sim.faults.clear()
        await room.carried()
        said = [row["content"] for row in room.sim.lines("c1")]
        assert said == ["一", "收到：一", "二", "收到：二", "三", "收到：三"]
        assert await room.alerts() == set()


async def test_a_lost_answer_of_supabase_doubles_no_line(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        room.sim.faults.add(Fault(kind=Kind.DROP, path="*/qiaod_messages", times=2, effect=True))
        await room.says("c1", "一")
        await room.carried()
        assert await room.said("c1") == [(True, "一"), (False, "收到：一")]
        assert len(room.sim.lines("c1")) == 2


async def test_who_wrote_in_anothers_conversation_while_supabase_was_away_wrote_nowhere(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        owner = {"id": "c1", "user_id": "bob"}
        line = {"id": "0", "conversation_id": "c1", "content": "鲍勃的", "is_user": True}
        for table, row in (("qiaod_conversations", owner), ("qiaod_messages", line)):
            room.sim.base.insert(table, [row], conflict=None, resolution=None)
        room.sim.faults.add(DOWN)
        await room.says("c1", "我是安")
        room.sim.faults.clear()
        await due_now(room)
        await room.carried()
        assert [row["content"] for row in room.sim.lines("c1")] == ["鲍勃的"]
        assert await room.alerts() == {"dialogue.owner_differs"}
        assert (await room.refused("c1", {"user_id": "ann", "message": "还在"}))[0] == 403
        assert await room.said("c1", user="bob") == [(True, "鲍勃的")]


async def test_what_somebody_deletes_in_supabase_is_gone_and_the_conversation_goes_on(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        await room.says("c1", "一")
        await room.carried()
        room.sim.base.delete("qiaod_conversations", {"id": "eq.c1"})
        assert await room.said("c1") == []
        await room.says("c1", "二")
        await room.carried()
        assert await room.said("c1") == [(True, "二"), (False, "收到：二")]


async def test_a_conversation_is_forgotten_in_supabase_once_that_is_back(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        await room.says("c1", "忘了我")
        await room.carried()
        room.sim.faults.add(DOWN)
        assert (await room.house.api.call("DELETE", f"{CHAT}/c1?user_id=ann"))[0] == 204
        await room.says("c1", "新的", user="bob")
        room.sim.faults.clear()
        assert await room.said("c1", user="bob") == [(True, "新的"), (False, "收到：新的")]
        await due_now(room)
        await room.carried()
        assert [row["content"] for row in room.sim.lines("c1")] == ["新的", "收到：新的"]


async def test_conversations_are_known_to_a_daemon_that_has_lost_its_copy(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        await room.says("c1", "一")
        await room.carried()

        def lose(tx: Tx) -> None:
            tx.run("DELETE FROM dialogue_lines")
            tx.run("DELETE FROM dialogues")

        await room.house.bridge.engine.db.write(lose)
        assert (await room.refused("c1", {"user_id": "bob", "message": "二"}))[0] == 403
        await room.says("c1", "二")
        assert [m["content"] for m in room.asked()[-1]["messages"]] == ["一", "收到：一", "二"]


async def test_without_supabase_in_the_settings_what_waited_for_it_stays_here(tmp_path: Path) -> None:
    async with chatroom(tmp_path, "supabase") as room:
        assert room.sim is not None
        room.sim.faults.add(DOWN)
        await room.says("c1", "一")
        room.house.bridge.engine.dialogues.shelf.elsewhere = None
        carrier = next(lane for lane in room.house.bridge.engine.jobs.lanes if lane.name == "dialogue").handler
        carrier.elsewhere = None  # type: ignore[attr-defined]
        await due_now(room)
        await room.carried()
        assert await room.said("c1") == [(True, "一"), (False, "收到：一")]
        places = await room.house.bridge.engine.db.read(lambda tx: tx.all("SELECT place FROM dialogue_lines"))
        assert {row["place"] for row in places} == {"here"}
