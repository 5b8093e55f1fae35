from typing import Any

import pytest

from daemon.sim.gewe_messages import FORMS
from tests.clock import FakeClock
from tests.sim.wires import ANN, APP, ROOM, gewe

TEXT = {"appId": APP, "toWxid": ANN, "content": "你好"}


def ids(document: dict[str, Any]) -> dict[str, Any]:
    names = ("msgId", "newMsgId", "createTime")
    return {"appId": APP, **{name: str(document["data"][name]) for name in names}}


async def test_a_text_is_answered_with_an_exact_64_bit_number() -> None:
    clock = FakeClock()
    async with gewe(clock=clock) as (sim, raw):
        _, body = await raw.bytes("/message/postText", TEXT)
        _, document = await raw.post("/message/postText", TEXT)

        first = next(iter(sim.sends)).new_msg_id
        assert f'"newMsgId":{first}'.encode() in body
        assert int(float(first)) != first
        assert document["data"] == {
            "toWxid": ANN,
            "createTime": int(clock.now().timestamp()),
            "msgId": 0,
            "newMsgId": list(sim.sends)[1].new_msg_id,
            "type": 1,
        }
        assert sim.received(ANN) == ["你好", "你好"]


@pytest.mark.parametrize("field", ["appId", "toWxid", "content"])
async def test_a_text_without_a_field_names_it(field: str) -> None:
    async with gewe() as (sim, raw):
        _, without = await raw.post("/message/postText", {k: v for k, v in TEXT.items() if k != field})
        _, empty = await raw.post("/message/postText", {**TEXT, field: ""})

        assert without == empty == {"ret": 500, "msg": f"{field}不可为空"}
        assert list(sim.sends) == []


async def test_mentions_are_one_string() -> None:
    async with gewe() as (sim, raw):
        _, listed = await raw.post("/message/postText", {**TEXT, "toWxid": ROOM, "ats": [ANN]})
        await raw.post("/message/postText", {**TEXT, "toWxid": ROOM, "ats": f"{ANN},x"})

        assert listed["ret"] == 500
        assert [sent.ats for sent in sim.sends.received(ROOM)] == [f"{ANN},x"]


async def test_an_unknown_device_and_an_offline_one_have_their_texts() -> None:
    async with gewe() as (sim, raw):
        _, unknown = await raw.post("/message/postText", {**TEXT, "appId": "wx_none"})
        await sim.wechat.drop(APP)
        _, offline = await raw.post("/message/postText", TEXT)

    assert unknown["data"]["msg"] == "[wx_none]设备不存在"
    assert offline == {"ret": 500, "msg": "发送消息失败", "data": {"code": "-1", "msg": "微信已离线"}}


async def test_a_silent_account_accepts_and_reaches_nobody() -> None:
    async with gewe() as (sim, raw):
        sim.accounts.get(APP).silent = True

        _, document = await raw.post("/message/postText", TEXT)

        assert document["ret"] == 200
        assert sim.received(ANN) == []
        assert next(iter(sim.ledger)).ids["delivered"] is False


@pytest.mark.parametrize("kind", [kind for kind in FORMS if kind != "postText"])
async def test_every_kind_of_message_is_checked_and_answered(kind: str) -> None:
    form = FORMS[kind]
    body = {"appId": APP, "toWxid": ANN, **dict.fromkeys(form.required, "x")}
    async with gewe() as (sim, raw):
        _, refused = await raw.post(f"/message/{kind}", {**body, form.required[-1]: None})
        _, document = await raw.post(f"/message/{kind}", body)

        assert refused == {"ret": 500, "msg": f"{form.required[-1]}不可为空"}
        assert document["data"]["type"] == form.type
        assert (document["data"]["msgId"] != 0) is form.has_msg_id
        assert set(form.extra or {}) <= set(document["data"])
        assert sim.received(ANN) == ["x"]


async def test_a_picture_and_a_video_have_no_time() -> None:
    async with gewe() as (_, raw):
        _, image = await raw.post("/message/postImage", {"appId": APP, "toWxid": ANN, "imgUrl": "http://x/1.jpg"})
        video = {"appId": APP, "toWxid": ANN, "videoUrl": "u", "thumbUrl": "t", "videoDuration": 3}
        _, film = await raw.post("/message/postVideo", video)

    assert (image["data"]["createTime"], film["data"]["createTime"]) == (0, None)


async def test_a_message_is_revoked_once_by_its_three_ids() -> None:
    async with gewe() as (sim, raw):
        _, document = await raw.post("/message/postText", TEXT)
        _, wrong = await raw.post("/message/revokeMsg", {**ids(document), "createTime": "1"})
        _, revoked = await raw.post("/message/revokeMsg", ids(document))
        _, again = await raw.post("/message/revokeMsg", ids(document))

        assert (wrong["ret"], again["ret"]) == (500, 500)
        assert revoked == {"ret": 200, "msg": "操作成功"}
        assert sim.received(ANN) == []


async def test_a_message_is_revoked_within_two_minutes() -> None:
    clock = FakeClock()
    async with gewe(clock=clock) as (_, raw):
        sent = [(await raw.post("/message/postText", TEXT))[1] for _ in range(2)]
        clock.advance(120)
        _, in_time = await raw.post("/message/revokeMsg", ids(sent[0]))
        clock.advance(1)
        _, late = await raw.post("/message/revokeMsg", ids(sent[1]))

    assert in_time["ret"] == 200
    assert late["data"]["msg"] == "消息已超过可撤回时间"


async def test_an_id_rounded_to_a_double_revokes_nothing() -> None:
    async with gewe() as (_, raw):
        _, document = await raw.post("/message/postText", TEXT)
        rounded = str(int(float(document["data"]["newMsgId"])))

        _, refused = await raw.post("/message/revokeMsg", {**ids(document), "newMsgId": rounded})

    assert refused["ret"] == 500


async def test_a_wait_for_texts_ends_with_them_or_with_the_time() -> None:
    async with gewe() as (sim, raw):
        await raw.post("/message/postText", TEXT)

        assert await sim.wait_for_texts(ANN, 1, timeout=5) == ["你好"]
        with pytest.raises(TimeoutError):
            await sim.wait_for_texts(ANN, 2, timeout=0.01)


async def test_a_simulator_started_later_gives_other_ids() -> None:
    clock = FakeClock()
    given: list[int] = []
    for _ in range(2):
        async with gewe(clock=clock) as (_, raw):
            given += [(await raw.post("/message/postText", TEXT))[1]["data"]["newMsgId"] for _ in range(20)]
        clock.advance(1)

    assert len(set(given)) == 40
    assert max(given) < 1 << 63
