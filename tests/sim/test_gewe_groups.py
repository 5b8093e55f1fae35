import re
from typing import Any

from daemon.sim.gewe import GeweSetup
from tests.clock import FakeClock
from tests.sim.wires import ANN, APP, BOT, ROOM, Raw, gewe, receiving

DEVICE = {"appId": APP}
ZHANG = "zhangsan2288"
CARL = "wxid_new0000000001"


async def asked(raw: Raw, name: str, **more: Any) -> dict[str, Any]:
    _, document = await raw.post(f"/group/{name}", {**DEVICE, "chatroomId": ROOM, **more})
    return dict(document)


async def test_a_group_needs_two_friends_and_is_not_in_the_contact_list_until_saved() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        sim.people.name(ANN, "Ann")
        sim.people.name(ZHANG, "Zhang")
        few = await asked(raw, "createChatroom", wxids=[ANN])
        joined = await asked(raw, "createChatroom", wxids=f"{ANN},{ZHANG}")
        made = await asked(raw, "createChatroom", wxids=[ANN, ZHANG])
        event = await receiver.bodies.get()
        room = made["data"]["chatroomId"]
        _, before = await raw.post("/contacts/fetchContactsList", DEVICE)
        await asked(raw, "saveContractList", chatroomId=room, operType=3)
        _, after = await raw.post("/contacts/fetchContactsList", DEVICE)
        info = await asked(raw, "getChatroomInfo", chatroomId=room)

    assert few == joined == {"ret": 500, "msg": "创建群聊失败", "data": {"code": "0", "msg": "MemberList are wrong"}}
    assert (event["TypeName"], event["Data"]["UserName"]) == ("ModContacts", {"string": room})
    assert (before["data"]["chatrooms"], after["data"]["chatrooms"]) == ([], [room])
    assert info["data"]["chatRoomOwner"] == BOT
    assert [member["wxid"] for member in info["data"]["memberList"]] == [BOT, ANN, ZHANG]


async def test_members_come_and_go_by_comma_joined_names_and_only_the_owner_removes() -> None:
    async with gewe() as (sim, raw):
        sim.people.room(ROOM, BOT, ANN)
        invited = await asked(raw, "inviteMember", wxids=f"{ZHANG},{CARL}", reason="")
        listed = await asked(raw, "inviteMember", wxids=[ZHANG], reason="x")
        removed = await asked(raw, "removeMember", wxids=ANN)
        members = await asked(raw, "getChatroomMemberList")
        details = await asked(raw, "getChatroomMemberDetail", memberWxids=[ZHANG])
        sim.people.rooms[ROOM].owner = ZHANG
        forbidden = await asked(raw, "removeMember", wxids=CARL)

    assert (invited["ret"], listed["ret"], removed["ret"], forbidden["ret"]) == (200, 500, 200, 500)
    assert [member["wxid"] for member in members["data"]["memberList"]] == [BOT, ZHANG, CARL]
    assert [(detail["userName"], detail["inviterUserName"]) for detail in details["data"]] == [(ZHANG, BOT)]


async def test_the_owner_names_admins_announces_and_hands_over() -> None:
    clock = FakeClock()
    async with gewe(clock=clock) as (sim, raw):
        sim.people.room(ROOM, BOT, ANN, ZHANG)
        nothing = await asked(raw, "getChatroomAnnouncement")
        announced = await asked(raw, "setChatroomAnnouncement", content="周五停业")
        said = await asked(raw, "getChatroomAnnouncement")
        await asked(raw, "adminOperate", operType=1, wxids=[ANN])
        members = await asked(raw, "getChatroomMemberList")
        handed = await asked(raw, "adminOperate", operType=3, wxids=[ZHANG])
        refused = [
            await asked(raw, "adminOperate", operType=1, wxids=[ANN]),
            await asked(raw, "setChatroomAnnouncement", content="x"),
            await asked(raw, "disbandChatroom"),
        ]

    assert nothing["data"]["announcement"] is None
    assert announced["ret"] == handed["ret"] == 200
    assert said["data"] == {
        "announcement": "周五停业",
        "announcementEditor": BOT,
        "publishTime": int(clock.now().timestamp()),
    }
    assert (members["data"]["adminWxid"], members["data"]["chatroomOwner"]) == ([ANN], BOT)
    assert [document["ret"] for document in refused] == [500, 500, 500]


async def test_names_and_the_accounts_own_view_are_set() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        sim.people.room(ROOM, ZHANG, BOT)
        await asked(raw, "modifyChatroomName", chatroomName="产品群")
        await asked(raw, "modifyChatroomNickNameForSelf", nickName="小助手")
        await asked(raw, "modifyChatroomRemark", chatroomRemark="重要")
        await asked(raw, "pinChat", top=True)
        await asked(raw, "setMsgSilence", silence=True)
        await sim.callbacks.settle()
        info = (await asked(raw, "getChatroomInfo"))["data"]
        code = await asked(raw, "getChatroomQrCode")
        circle = sim.circles.of(APP)

        assert (info["nickName"], info["remark"], info["chatRoomNotify"]) == ("产品群", "重要", 0)
        assert [member["displayName"] for member in info["memberList"]] == [None, "小助手"]
        assert (circle.pinned, circle.silenced) == ({ROOM}, {ROOM})
        assert [body["TypeName"] for body in receiver.drained()] == ["ModContacts"] * 2
        assert set(code["data"]) == {"qrBase64", "qrTips"}


async def test_a_group_that_was_left_is_lost() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        sim.people.room(ROOM, BOT, ANN)
        left = await asked(raw, "quitChatroom")
        event = await receiver.bodies.get()
        _, listed = await raw.post("/contacts/fetchContactsList", DEVICE)

        assert left["ret"] == 200
        assert (event["TypeName"], event["Data"]["UserName"]) == ("DelContacts", {"string": ROOM})
        assert listed["data"]["chatrooms"] == []
        assert sim.people.rooms[ROOM].owner == ANN


async def test_an_invitation_is_agreed_to_once() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        await sim.wechat.person_invites_account(APP, ANN, ROOM, room_name="产品群")
        content = receiver.drained()[0]["Data"]["Content"]["string"]
        found = re.search(r"<url><!\[CDATA\[(.+?)]]></url>", content)
        assert found
        joined = await asked(raw, "agreeJoinRoom", url=found[1])
        again = await asked(raw, "agreeJoinRoom", url=found[1])

        assert "<![CDATA[邀请你加入群聊]]>" in content
        assert (joined["data"], again["ret"]) == ({"chatroomId": ROOM}, 500)
        assert BOT in sim.people.rooms[ROOM].members


async def test_what_happens_in_a_group_is_told_as_wechat_tells_it() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, _):
        sim.people.room(ROOM, ZHANG, BOT)
        await sim.wechat.person_joins(APP, ROOM, CARL, name="Carl")
        await sim.wechat.group_is_renamed(APP, ROOM, "新产品群")
        await sim.wechat.person_leaves(APP, ROOM, CARL)
        await sim.wechat.account_is_removed(APP, ROOM, by=ZHANG)
        told = receiver.drained()

    kinds = [body["Data"].get("MsgType", body["TypeName"]) for body in told]
    assert kinds == [10002, "ModContacts", 10000, "ModContacts", "ModContacts", 10000, "DelContacts"]
    assert told[0]["Data"]["Content"]["string"].startswith(f'{ROOM}:\n<sysmsg type="sysmsgtemplate">')
    assert told[0]["Data"]["Status"] == 4
    assert told[3]["Data"]["NickName"] == {"string": "新产品群"}
    assert "移出群聊" in told[5]["Data"]["Content"]["string"]
