import asyncio

import pytest

from daemon.errors import Invalid
from daemon.sim.gewe import TOKEN, GeweSetup
from daemon.sim.gewe_callbacks import Knobs
from daemon.sim.gewe_envelopes import Envelope
from daemon.sim.wechat_events import Samples
from tests.clock import FakeClock
from tests.sim.wires import ANN, APP, BOT, ROOM, asking, gewe, receiving

NAMES = list(Samples().bodies)


def pushing(url: str, knobs: Knobs | None = None) -> GeweSetup:
    return GeweSetup(callback_url=url, knobs=knobs or Knobs())


async def test_a_person_writes_in_the_first_envelope() -> None:
    clock = FakeClock()
    async with receiving() as receiver, gewe(pushing(receiver.url), clock=clock) as (sim, _):
        delivery = await sim.wechat.person_writes(APP, ANN, "你好", name="Ann")
        (body,) = receiver.drained()

    assert (delivery.outcome, delivery.status, delivery.accepted) == ("answered", 200, True)
    assert "secret" not in delivery.where
    assert {key: body[key] for key in ("TypeName", "Appid", "Wxid")} == {
        "TypeName": "AddMsg",
        "Appid": APP,
        "Wxid": BOT,
    }
    data = body["Data"]
    assert (data["FromUserName"], data["ToUserName"], data["MsgType"]) == ({"string": ANN}, {"string": BOT}, 1)
    assert (data["Content"], data["PushContent"]) == ({"string": "你好"}, "Ann : 你好")
    assert data["CreateTime"] == int(clock.now().timestamp())
    assert data["NewMsgId"] == delivery.new_msg_id
    assert data["NewMsgId"] > 1 << 53


async def test_a_group_text_has_its_prefix_and_its_mentions() -> None:
    async with receiving() as receiver, gewe(pushing(receiver.url)) as (sim, _):
        await sim.wechat.group_writes(APP, ROOM, ANN, "@Bot\u2005 在吗", at=[BOT], name="Ann")
        await sim.wechat.group_writes(APP, ROOM, ANN, "闲聊")
        mentioned, idle = [body["Data"] for body in receiver.drained()]

    assert mentioned["FromUserName"] == {"string": ROOM}
    assert mentioned["Content"] == {"string": f"{ANN}:\n@Bot\u2005 在吗"}
    assert f"<atuserlist><![CDATA[,{BOT}]]></atuserlist>" in mentioned["MsgSource"]
    assert mentioned["PushContent"] == "Ann在群聊中@了你"
    assert "atuserlist" not in idle["MsgSource"]
    assert idle["MsgSeq"] > mentioned["MsgSeq"]


async def test_the_owner_on_the_phone_is_the_sender_and_a_send_by_api_calls_nobody_back() -> None:
    async with receiving() as receiver, gewe(pushing(receiver.url)) as (sim, raw):
        await raw.post("/message/postText", {"appId": APP, "toWxid": ANN, "content": "机器人"})
        await sim.wechat.owner_writes_on_phone(APP, ANN, "我晚点回你")
        await sim.wechat.owner_writes_on_phone(APP, ROOM, "收到")
        private, group = [body["Data"] for body in receiver.drained()]

    assert (private["FromUserName"], private["ToUserName"]) == ({"string": BOT}, {"string": ANN})
    assert (group["ToUserName"], group["Content"]) == ({"string": ROOM}, {"string": "收到"})
    assert "PushContent" not in private


async def test_lower_case_keys_are_a_variant_of_the_same() -> None:
    async with receiving() as receiver, gewe(pushing(receiver.url, Knobs(envelope=Envelope.V1_LOWER))) as (sim, _):
        await sim.wechat.person_writes(APP, ANN, "你好")
        (body,) = receiver.drained()

    assert set(body) == {"type_name", "appid", "wxid", "data"}
    assert body["data"]["Content"] == {"string": "你好"}


async def test_the_flat_envelope_of_a_private_text() -> None:
    clock = FakeClock()
    async with (
        receiving() as receiver,
        gewe(pushing(receiver.url, Knobs(envelope=Envelope.V2A)), clock=clock) as (sim, _),
    ):
        await sim.wechat.person_writes(APP, ANN, "你好")
        await sim.wechat.owner_writes_on_phone(APP, ANN, "我来")
        theirs, mine = receiver.drained()

    assert (theirs["msgType"], theirs["fromUser"], theirs["toUser"], theirs["isSelf"]) == ("TEXT", ANN, BOT, False)
    assert (theirs["content"], theirs["eventCode"]) == ("你好", "private_msg_event")
    assert theirs["createTime"] == int(clock.now().timestamp()) * 1000
    assert mine["isSelf"] is True


@pytest.mark.parametrize(
    ("envelope", "group", "sender", "content"),
    [
        (Envelope.V2A, ROOM, ANN, "大家好"),
        (Envelope.V2B, None, ANN, f"{ANN}:\n大家好"),
        (Envelope.V2C, None, ROOM, f"{ANN}:\n大家好"),
    ],
)
async def test_the_flat_envelope_has_three_forms_of_a_group_text(
    envelope: Envelope, group: str | None, sender: str, content: str
) -> None:
    async with receiving() as receiver, gewe(pushing(receiver.url, Knobs(envelope=envelope))) as (sim, _):
        await sim.wechat.group_writes(APP, ROOM, ANN, "大家好")
        (body,) = receiver.drained()

    assert (body.get("fromGroup"), body["fromUser"], body["content"]) == (group, sender, content)


@pytest.mark.parametrize("name", NAMES)
async def test_every_sample_of_the_contract_can_be_pushed_in_every_envelope(name: str) -> None:
    app_id, wxid = "wx_other", "wxid_other"
    async with receiving() as receiver:
        setup = GeweSetup(accounts={app_id: wxid}, callback_url=receiver.url)
        async with gewe(setup) as (sim, _):
            for envelope in Envelope:
                sim.callbacks.knobs = Knobs(envelope=envelope)
                assert (await sim.wechat.sample(app_id, name)).accepted
            first, *others = receiver.drained()

    assert first["Appid"] == app_id
    assert BOT not in str(first)
    assert all(body["appid"] == app_id for body in others)


def test_the_samples_are_all_there() -> None:
    numbered = [f"E{n}" for n in range(1, 30) if n != 11]
    assert set(NAMES) == {*numbered, "E11a", "E11b"}


async def test_a_sample_is_fresh_or_as_it_was_and_a_pseudo_message_keeps_its_small_id() -> None:
    clock = FakeClock()
    async with receiving() as receiver, gewe(pushing(receiver.url), clock=clock) as (sim, _):
        await sim.wechat.sample(APP, "E1", fresh=False)
        await sim.wechat.sample(APP, "E1")
        await sim.wechat.sample(APP, "E19")
        old, fresh, revoke = [body["Data"] for body in receiver.drained()]
        with pytest.raises(Invalid):
            await sim.wechat.sample(APP, "E99")

    assert (old["NewMsgId"], old["CreateTime"]) == (7773749793478223190, 1705043418)
    assert fresh["NewMsgId"] != old["NewMsgId"]
    assert fresh["CreateTime"] == int(clock.now().timestamp())
    assert revoke["NewMsgId"] == 1968256046


@pytest.mark.parametrize(
    ("sample", "name"),
    [("E1", "TEXT"), ("E5", "IMAGE"), ("E10", "LINK"), ("E11a", "APP_MSG"), ("E11b", "FILE"), ("E12", "QUOTE"),
     ("E16", "RED_PACKET"), ("E19", "REVOKE_MSG"), ("E21", "PAT_MSG"), ("E23", "SYSTEM"), ("E26", "MOD_CONTACTS"),
     ("E28", "DEL_CONTACTS"), ("E29", "LOGOUT")],
)  # fmt: skip
async def test_the_flat_envelope_names_the_kinds(sample: str, name: str) -> None:
    async with receiving() as receiver, gewe(pushing(receiver.url, Knobs(envelope=Envelope.V2A))) as (sim, _):
        await sim.wechat.sample(APP, sample)

        assert receiver.drained()[0]["msgType"] == name


async def test_a_receiver_that_is_late_loses_the_push_and_is_not_asked_again() -> None:
    async with receiving() as receiver, gewe(pushing(receiver.url, Knobs(patience_s=0.4))) as (sim, _):
        receiver.stalled = True

        delivery = await sim.wechat.person_writes(APP, ANN, "快点")

        assert (delivery.outcome, delivery.status) == ("timeout", None)
        assert len(receiver.drained()) == 1
        assert [record.outcome for record in sim.callbacks.records] == ["timeout"]


async def test_a_receiver_that_fails_is_asked_again_only_when_told_to() -> None:
    async with receiving() as receiver, gewe(pushing(receiver.url)) as (sim, _):
        receiver.status = 503
        once = await sim.wechat.person_writes(APP, ANN, "一")
        assert len(receiver.drained()) == 1

        sim.callbacks.knobs = Knobs(retries=2)
        await sim.wechat.person_writes(APP, ANN, "二")

        assert (once.outcome, once.status, once.accepted) == ("answered", 503, False)
        assert len(receiver.drained()) == 3


async def test_a_receiver_that_is_not_there_is_on_record() -> None:
    async with gewe(pushing("http://127.0.0.1:9/gone")) as (sim, _):
        delivery = await sim.wechat.person_writes(APP, ANN, "喂")
        assert (delivery.outcome, delivery.where) == ("failed", "http://127.0.0.1:9/***")

    async with gewe() as (sim, _):
        assert (await sim.wechat.person_writes(APP, ANN, "喂")).outcome == "nowhere"


async def test_duplicates_carry_the_same_number() -> None:
    async with receiving() as receiver, gewe(pushing(receiver.url, Knobs(copies=2))) as (sim, _):
        await sim.wechat.person_writes(APP, ANN, "三遍")
        bodies = receiver.drained()

        assert len(bodies) == 3
        assert len({body["Data"]["NewMsgId"] for body in bodies}) == 1
        assert [record.copy for record in sim.callbacks.records] == [0, 1, 2]


async def test_a_push_held_back_is_overtaken_by_the_next() -> None:
    async with receiving() as receiver, gewe(pushing(receiver.url, Knobs(hold_chance=1.0, hold_s=30.0))) as (sim, _):
        async with asyncio.TaskGroup() as group:
            group.create_task(sim.wechat.person_writes(APP, ANN, "先写"))
            await asyncio.sleep(0)
            sim.callbacks.knobs = Knobs()
            group.create_task(sim.wechat.person_writes(APP, ANN, "后写"))

        assert [body["Data"]["Content"]["string"] for body in receiver.drained()] == ["后写", "先写"]


async def test_the_oddities_of_a_body_are_knobs() -> None:
    async with receiving() as receiver, gewe(pushing(receiver.url)) as (sim, _):
        sim.callbacks.knobs = Knobs(
            without_wxid=True,
            string_ids=True,
            token_in_body=True,
            group_prefix=False,
            type_name="Long_Serve_Close",
            header_secret="shh",
        )
        delivery = await sim.wechat.group_writes(APP, ROOM, ANN, "大家好")
        sim.callbacks.knobs = Knobs(broken_xml=True)
        await sim.wechat.sample(APP, "E5")
        odd, broken = receiver.drained()

    assert "Wxid" not in odd
    assert (odd["TypeName"], odd["token"]) == ("Long_Serve_Close", TOKEN)
    assert odd["Data"]["NewMsgId"] == str(delivery.new_msg_id)
    assert odd["Data"]["Content"] == {"string": "大家好"}
    assert receiver.headers[0]["Authorization"] == "shh"
    assert "</msg>" not in broken["Data"]["Content"]["string"]


async def test_the_header_secret_is_for_messages_and_is_lost_when_the_callback_is_set_by_api() -> None:
    setup = GeweSetup(knobs=Knobs(header_secret="shh"))
    async with receiving() as receiver, gewe(setup) as (sim, raw):
        await raw.post("/login/setCallback", {"token": TOKEN, "callbackUrl": receiver.url})
        await sim.wechat.person_writes(APP, ANN, "你好")

    assert [headers.get("Authorization") for headers in receiver.headers] == [None, None]


async def test_history_comes_old_and_out_of_order() -> None:
    clock = FakeClock()
    async with receiving() as receiver, gewe(pushing(receiver.url), clock=clock) as (sim, _):
        deliveries = await sim.wechat.history_burst(APP, ANN, 12, age_s=600)
        times = [body["Data"]["CreateTime"] for body in receiver.drained()]

    now = int(clock.now().timestamp())
    assert all(delivery.accepted for delivery in deliveries)
    assert sorted(times) == [now - 611 + n for n in range(12)]
    assert times != sorted(times)


async def test_a_drop_is_told_unless_it_is_not_and_afterwards_nothing_is_heard() -> None:
    async with receiving() as receiver, gewe(pushing(receiver.url)) as (sim, _):
        await sim.wechat.drop(APP)
        later = await sim.wechat.person_writes(APP, ANN, "在吗")
        assert await sim.wechat.drop(APP, tell=False) is None

        assert receiver.drained() == [{"TypeName": "Offline", "Appid": APP, "Wxid": BOT}]
        assert later.outcome == "offline"


async def test_wechat_is_driven_over_http() -> None:
    async with receiving() as receiver, gewe(pushing(receiver.url)) as (sim, _), asking(sim.url) as control:
        person = {"app_id": APP, "wxid": ANN, "text": "一"}
        bodies = {
            "person": person,
            "group": {**person, "room": ROOM, "at": [BOT]},
            "owner": {"app_id": APP, "to": ANN, "text": "二"},
            "sample": {"app_id": APP, "name": "E9"},
            "raw": {"app_id": APP, "body": {"TypeName": "Odd", "Appid": APP}},
            "history": {"app_id": APP, "wxid": ANN, "number": 2},
            "drop": {"app_id": APP},
        }
        answers = {name: await control.post(f"/_sim/wechat/{name}", body) for name, body in bodies.items()}
        kinds = [body["TypeName"] for body in receiver.drained()]
        records = (await control.get("/_sim/callbacks?after=1&limit=3"))["callbacks"]

        assert {status for status, _ in answers.values()} == {200}
        assert answers["history"][1] == {"pushed": 2, "accepted": 2}
        assert kinds == ["AddMsg"] * 4 + ["Odd", "AddMsg", "AddMsg", "Offline"]
        assert [record["seq"] for record in records] == [2, 3, 4]
        assert (await control.post("/_sim/wechat/person", {"app_id": APP}))[0] == 400


async def test_what_was_received_is_read_and_awaited_over_http() -> None:
    async with gewe() as (sim, raw), asking(sim.url) as control:
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(control.get(f"/_sim/wechat/received?to={ANN}&number=1"))
            group.create_task(raw.post("/message/postText", {"appId": APP, "toWxid": ANN, "content": "到"}))

        assert waiting.result() == {"texts": ["到"], "complete": True}
        assert await control.get("/_sim/wechat/received?to=nobody") == {"texts": [], "complete": True}
        late = await control.get(f"/_sim/wechat/received?to={ANN}&number=2&timeout=0")
        assert late == {"texts": ["到"], "complete": False}


async def test_knobs_are_set_over_http() -> None:
    async with gewe() as (sim, _), asking(sim.url) as control:
        assert await control.status("PUT", "/_sim/callbacks/knobs", {"envelope": "v2c", "copies": 1}) == 200
        shown = await control.get("/_sim/callbacks/knobs")

        assert (shown["envelope"], shown["copies"], sim.callbacks.knobs.copies) == ("v2c", 1, 1)
        assert await control.status("PUT", "/_sim/callbacks/knobs", {"envelope": "v9"}) == 400
