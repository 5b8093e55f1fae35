import re
from typing import Any

import pytest

from daemon.errors import Invalid
from daemon.sim.gewe import GeweSetup
from daemon.sim.gewe_callbacks import Knobs
from daemon.sim.gewe_envelopes import Envelope
from tests.sim.wires import ANN, APP, BOT, Raw, Receiver, gewe, receiving

DEVICE = {"appId": APP}
CARL = "wxid_new0000000001"


def requested(receiver: Receiver) -> dict[str, Any]:
    """v3, v4 and scene of the request just received."""
    data = receiver.drained()[-1]["Data"]
    assert (data["MsgType"], data["FromUserName"]) == (37, {"string": "fmessage"})
    names = {"v3": "encryptusername", "v4": "ticket", "scene": "scene"}
    found = {key: re.search(rf'\b{name}="([^"]*)"', data["Content"]["string"]) for key, name in names.items()}
    told = {key: match[1] for key, match in found.items() if match}
    return {**DEVICE, **told, "scene": int(told["scene"]), "content": ""}


async def friends(raw: Raw) -> list[str]:
    _, document = await raw.post("/contacts/fetchContactsList", DEVICE)
    return list(document["data"]["friends"])


async def test_accepting_a_request_makes_a_friend_and_tells_so_later() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        await sim.wechat.person_asks_to_be_friend(APP, CARL, greeting="我是Carl", nickname="Carl")
        request = requested(receiver)
        before = await friends(raw)
        _, wrong = await raw.post("/contacts/addContacts", {**request, "option": 3, "v4": "v4_other"})
        _, accepted = await raw.post("/contacts/addContacts", {**request, "option": 3})
        event = await receiver.bodies.get()
        _, again = await raw.post("/contacts/addContacts", {**request, "option": 3})

        assert (CARL in before, CARL in await friends(raw)) == (False, True)
        assert (wrong["ret"], accepted, again["ret"]) == (500, {"ret": 200, "msg": "操作成功"}, 500)
        assert event["TypeName"] == "ModContacts"
        assert (event["Data"]["BitVal"], event["Data"]["EncryptUserName"]) == (3, request["v3"])


async def test_a_rejected_request_is_over() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        await sim.wechat.person_asks_to_be_friend(APP, CARL)
        request = requested(receiver)
        _, rejected = await raw.post("/contacts/addContacts", {**request, "option": 4})
        _, late = await raw.post("/contacts/addContacts", {**request, "option": 3})

        assert (rejected["ret"], late["ret"], CARL in await friends(raw)) == (200, 500, False)


async def test_a_request_comes_in_the_flat_envelope_too() -> None:
    knobs = Knobs(envelope=Envelope.V2A)
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url, knobs=knobs)) as (sim, _):
        await sim.wechat.person_asks_to_be_friend(APP, CARL)
        (body,) = receiver.drained()

    assert (body["msgType"], body["fromUser"]) == ("FRIEND_VERIFY", "fmessage")


async def test_who_is_found_can_be_asked_and_may_accept() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        sim.wechat.can_be_found("13800000000", CARL, nickname="Carl")
        _, nobody = await raw.post("/contacts/search", {**DEVICE, "contactsInfo": "13900000000"})
        _, found = await raw.post("/contacts/search", {**DEVICE, "contactsInfo": "13800000000"})
        offer = {"v3": found["data"]["v3"], "v4": found["data"]["v4"], "scene": 3, "option": 2, "content": "你好"}
        with pytest.raises(Invalid):
            await sim.wechat.person_accepts(APP, CARL)
        _, asked = await raw.post("/contacts/addContacts", {**DEVICE, **offer})
        before = await friends(raw)
        await sim.wechat.person_accepts(APP, CARL)
        event, greeting = receiver.drained()
        _, known = await raw.post("/contacts/search", {**DEVICE, "contactsInfo": "13800000000"})

        assert nobody == {"ret": 500, "msg": "搜索联系人失败", "data": {"code": "-4", "msg": "用户不存在"}}
        assert (asked["ret"], CARL in before, CARL in await friends(raw)) == (200, False, True)
        assert event["Data"]["EncryptUserName"] == offer["v3"]
        assert greeting["Data"]["FromUserName"] == {"string": CARL}
        assert known["data"]["v3"] == CARL


async def test_a_card_recommends_somebody_who_can_be_added() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        await sim.wechat.person_sends_card(APP, ANN, CARL, nickname="Carl")
        content = receiver.drained()[0]["Data"]["Content"]["string"]
        v3, v4 = (re.findall(rf'{name}="([^"]+)"', content)[0] for name in ("username", "antispamticket"))
        _, asked = await raw.post(
            "/contacts/addContacts", {**DEVICE, "v3": v3, "v4": v4, "scene": 17, "option": 2, "content": "x"}
        )

        assert asked["ret"] == 200
        assert sim.circles.of(APP).asked[CARL].v3 == v3


async def test_a_friend_is_deleted_and_the_loss_is_told() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        sim.people.name(ANN, "Ann")
        _, deleted = await raw.post("/contacts/deleteFriend", {**DEVICE, "wxid": ANN})
        event = await receiver.bodies.get()
        _, again = await raw.post("/contacts/deleteFriend", {**DEVICE, "wxid": ANN})

        assert (deleted["ret"], again["ret"], ANN in await friends(raw)) == (200, 500, False)
        assert (event["TypeName"], event["Wxid"], event["Data"]["UserName"]) == ("DelContacts", BOT, {"string": ANN})


async def test_a_remark_is_shown_and_a_relation_is_checked() -> None:
    async with gewe() as (sim, raw):
        sim.people.name(ANN, "Ann")
        sim.people.name("wxid_gone", "Gone")
        sim.wechat.person_unfriends(APP, "wxid_gone")
        await raw.post("/contacts/setFriendRemark", {**DEVICE, "wxid": ANN, "remark": "客户-安"})
        _, permitted = await raw.post("/contacts/setFriendPermissions", {**DEVICE, "wxid": ANN, "onlyChat": True})
        _, detail = await raw.post("/contacts/getDetailInfo", {**DEVICE, "wxids": [ANN]})
        _, relations = await raw.post("/contacts/checkRelation", {**DEVICE, "wxids": [ANN, "wxid_gone", "wxid_who"]})

        assert detail["data"][0]["remark"] == "客户-安"
        assert permitted["msg"] == "设置好友权限成功"
        assert sim.circles.of(APP).only_chat == {ANN}
        assert [found["relation"] for found in relations["data"]] == [0, 1, 6]


async def test_labels_are_made_given_and_taken_away() -> None:
    async with gewe() as (sim, raw):
        sim.people.name(ANN, "Ann")
        added = [
            (await raw.post("/label/add", {**DEVICE, "labelName": name}))[1]["data"] for name in ("甲", "乙", "甲")
        ]
        _, given = await raw.post("/label/modifyMemberList", {**DEVICE, "labelIds": "1,2", "wxIds": [ANN]})
        await raw.post("/label/delete", {**DEVICE, "labelIds": "2"})
        _, listed = await raw.post("/label/list", DEVICE)
        _, detail = await raw.post("/contacts/getDetailInfo", {**DEVICE, "wxids": [ANN]})
        _, unknown = await raw.post("/label/modifyMemberList", {**DEVICE, "labelIds": "9", "wxIds": [ANN]})

    assert [label["labelId"] for label in added] == [1, 2, 1]
    assert (given["ret"], unknown["ret"]) == (200, 500)
    assert listed["data"]["labelList"] == [{"labelName": "甲", "labelId": 1}]
    assert detail["data"][0]["labelList"] == "1"
