from typing import Any

from daemon.sim.fastgpt import DEMO_KEY, FastGptSetup
from daemon.sim.fastgpt_script import Script
from tests.clock import FakeClock
from tests.sim.streams import APP, asked, fastgpt
from tests.sim.wires import Raw

HISTORY = "/core/chat/history"


async def talked(raw: Raw, chat_id: str, data_id: str, question: str = "你好") -> None:
    body = asked(question, appId=APP, chatId=chat_id, responseChatItemId=data_id)
    status, _ = await raw.post("/v1/chat/completions", body)
    assert status == 200


async def listed(raw: Raw, path: str = f"{HISTORY}/getHistories", **more: Any) -> dict[str, Any]:
    _, document = await raw.post(path, {"appId": APP, **more})
    assert document["code"] == 200
    return dict(document["data"])


async def test_chats_are_listed_newest_first_and_pinned_ones_before() -> None:
    clock = FakeClock()
    async with fastgpt(clock=clock) as (_, raw):
        for n in range(3):
            await talked(raw, f"t-{n}", f"d-{n}", f"问题{n}")
            clock.advance(60)
        _, updated = await raw.post(
            f"{HISTORY}/updateHistory", {"appId": APP, "chatId": "t-0", "top": True, "customTitle": "重要"}
        )
        whole = await listed(raw)
        second = await listed(raw, "/core/chat/getHistories", pageNum=2, pageSize=2)
        recent = await listed(raw, startUpdateTime="2026-01-02T03:05:00.000Z")

    assert updated["data"] is None
    assert [chat["chatId"] for chat in whole["list"]] == ["t-0", "t-2", "t-1"]
    assert (whole["list"][0]["customTitle"], whole["list"][0]["title"], whole["total"]) == ("重要", "问题0", 3)
    assert whole["list"][0]["chatGenerateStatus"] == 1
    assert [chat["chatId"] for chat in second["list"]] == ["t-1"]
    assert [chat["chatId"] for chat in recent["list"]] == ["t-2", "t-1"]


async def test_a_chat_is_deleted_or_all_of_them() -> None:
    async with fastgpt() as (_, raw):
        for n in range(3):
            await talked(raw, f"t-{n}", f"d-{n}")
        deleted = await raw.status("DELETE", f"{HISTORY}/delHistory?appId={APP}&chatId=t-1")
        async with raw.session.delete(
            f"{raw.url}{HISTORY}/delHistory?appId={APP}&chatId=t-1", headers=raw.headers
        ) as it:
            assert it.status == 200
        after = await listed(raw)
        url = f"{raw.url}{HISTORY}/clearHistories?appId={APP}"
        async with raw.session.delete(url, headers=raw.headers) as it:
            assert it.status == 200
        none = await listed(raw)

    assert deleted == 403  # without a key
    assert [chat["chatId"] for chat in after["list"]] == ["t-2", "t-0"]
    assert none == {"list": [], "total": 0}


async def test_a_thumb_is_kept_with_the_answer_and_taken_back() -> None:
    async with fastgpt() as (_, raw):
        await talked(raw, "t-1", "d-1")
        on = {"appId": APP, "chatId": "t-1", "dataId": "d-1"}
        path = "/core/chat/feedback/updateUserFeedback"
        _, given = await raw.post(path, {**on, "userGoodFeedback": "yes"})
        _, records = await raw.post("/core/chat/record/getPaginationRecords", on)
        _, logs = await raw.post("/core/app/logs/list", {"appId": APP, "pageSize": 20, "offset": 0})
        await raw.post(path, on)
        _, cleared = await raw.post("/core/chat/record/getPaginationRecords", on)
        status, unknown = await raw.post(path, {**on, "dataId": "d-9"})

    assert given["data"] is None
    assert records["data"]["list"][1]["userGoodFeedback"] == "yes"
    assert logs["data"]["list"][0]["userGoodFeedbackCount"] == 1
    assert "userGoodFeedback" not in cleared["data"]["list"][1]
    assert (status, unknown["message"]) == (500, "Chat item not found")


async def test_the_logs_count_messages_errors_and_points() -> None:
    async with fastgpt() as (sim, raw):
        await talked(raw, "t-1", "d-1")
        sim.play(Script(mishap="node-failure"), times=1)
        await talked(raw, "t-1", "d-2")
        _, document = await raw.post("/core/app/logs/list", {"appId": APP})
        _, status = await raw.post(f"{HISTORY}/getHistoryStatus", {"appId": APP, "chatIds": ["t-1", "t-9"]})

    (row,) = document["data"]["list"]
    assert (row["messageCount"], row["errorCount"], row["source"]) == (4, 1, "api")
    assert row["totalPoints"] > 0
    assert [(chat["chatId"], chat["chatGenerateStatus"]) for chat in status["data"]["list"]] == [("t-1", 1)]


async def test_the_old_version_has_no_logs_and_says_less_of_a_chat() -> None:
    async with fastgpt(FastGptSetup(profile="legacy")) as (_, raw):
        await talked(raw, "t-1", "d-1")
        logs = await raw.status("POST", "/core/app/logs/list", {"appId": APP})
        found = await listed(raw, "/core/chat/getHistories")

    assert logs == 404
    assert "chatGenerateStatus" not in found["list"][0]


async def test_a_foreign_key_sees_no_list() -> None:
    async with fastgpt() as (_, raw):
        raw.headers["Authorization"] = "Bearer fastgpt-unknown"
        status, document = await raw.post(f"{HISTORY}/getHistories", {"appId": APP})
        raw.headers["Authorization"] = f"Bearer {DEMO_KEY}"
        wrong = await raw.get("/core/chat/init?appId=6a10c0ffee0000000000ffff&chatId=t-1")

    assert (document["statusText"], status >= 400) == ("unAuthApiKey", True)
    assert wrong["statusText"] == "appUnExist"
