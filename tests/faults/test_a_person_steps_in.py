"""Takeover, release and mute by the API, while upstream is slow or down: who answers is decided again at each step."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from daemon.sim.fastgpt_script import Script
from daemon.sim.faults import Fault, Kind
from tests.flows.house import ANN, House, house

ASK = "*/chat/completions"
POST = "*/message/postText"
CONVERSATIONS = "/api/v1/integrations/conversations"
SENDS = "/api/v1/integrations/gewe/messages"


async def conversation(h: House) -> str:
    return str((await h.api.get(CONVERSATIONS))["data"][0]["id"])


async def turn_ended(h: House, state: str) -> dict[str, Any]:
    return (await h.settled(f"{CONVERSATIONS}/{await conversation(h)}/turns", "state", {state}))[0]


async def test_a_takeover_while_the_workflow_thinks_keeps_its_answer_home(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        h.fastgpt.play(Script(delay_s=0.4))
        await h.writes("多少钱")
        await h.fastgpt.ledger.wait_for(ASK)
        held = await h.api.post(f"{CONVERSATIONS}/{await conversation(h)}/takeover", {"minutes": 5})
        assert held["answered_by"] == "person"
        turn = await turn_ended(h, "skipped")
        assert (turn["error"], turn["answer"]) == ("held", "收到：多少钱")
        assert h.gewe.ledger.of(POST) == []


async def test_a_takeover_overtakes_a_reply_that_waits_for_an_offline_account(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        offline = h.gewe.faults.add(Fault(kind=Kind.ERROR, name="offline", path=POST))
        await h.writes("多少钱")
        reply = (await h.settled(SENDS, "state", {"waiting"}))[0]["id"]
        await h.api.post(f"{CONVERSATIONS}/{await conversation(h)}/takeover", {"minutes": 5})
        h.gewe.faults.remove(offline)
        await h.writes("你好", wxid="wxid_friend00000002")
        cancelled = (await h.settled(SENDS, "state", {"cancelled"}))[0]
        assert (cancelled["id"], cancelled["error"]) == (reply, "send.overtaken")
        assert h.gewe.received(ANN) == []


async def test_a_release_lets_the_assistant_answer_again(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.writes("第一个")
        await h.replies()
        known = await conversation(h)
        await h.api.post(f"{CONVERSATIONS}/{known}/takeover", {"minutes": 5})
        await h.writes("第二个")
        released = await h.api.post(f"{CONVERSATIONS}/{known}/release")
        assert (released["answered_by"], released["held_until"]) == ("assistant", None)
        await h.writes("第三个")
        assert await h.replies(2) == ["收到：第一个", "收到：第三个"]


async def test_a_muted_conversation_is_kept_and_not_answered(tmp_path: Path) -> None:
    async with house(tmp_path) as h:
        await h.writes("第一个")
        await h.replies()
        known = await conversation(h)
        status, muted = await h.api.call("PUT", f"{CONVERSATIONS}/{known}", {"muted": True})
        assert (status, muted["muted"]) == (200, True)
        await h.writes("第二个")
        lines = (await h.api.get(f"{CONVERSATIONS}/{known}/history"))["data"]
        assert (lines[0]["text"], lines[0]["reason"]) == ("第二个", "muted")
        stale = {"If-Match": f'"{muted["version"] - 1}"'}
        assert (await h.api.call("PUT", f"{CONVERSATIONS}/{known}", {"muted": False}, **stale))[0] == 412
        assert (await h.api.call("PUT", f"{CONVERSATIONS}/{known}", {"muted": False}))[0] == 200
        await h.writes("第三个")
        assert await h.replies(2) == ["收到：第一个", "收到：第三个"]


async def test_a_mute_while_the_workflow_is_down_ends_the_turn_unanswered(tmp_path: Path) -> None:
    slow_retry = {"retry_base": timedelta(seconds=0.5), "retry_cap": timedelta(seconds=0.5)}
    async with house(tmp_path, jobs=slow_retry) as h:
        down = h.fastgpt.faults.add(Fault(kind=Kind.STATUS, status=503, path=ASK))
        await h.writes("多少钱")
        await h.fastgpt.ledger.wait_for(ASK, ended=True)
        assert (await h.api.call("PUT", f"{CONVERSATIONS}/{await conversation(h)}", {"muted": True}))[0] == 200
        h.fastgpt.faults.remove(down)
        assert (await turn_ended(h, "skipped"))["error"] == "muted"
        assert h.gewe.ledger.of(POST) == []
