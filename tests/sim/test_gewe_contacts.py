from tests.clock import FakeClock
from tests.sim.wires import ANN, APP, ROOM, gewe

DEVICE = {"appId": APP}


async def test_the_list_is_cached_for_ten_minutes_and_absent_before() -> None:
    clock = FakeClock()
    async with gewe(clock=clock) as (sim, raw):
        sim.people.name(ANN, "Ann")
        sim.people.name("gh_7aac992b0363", "号")
        sim.people.room(ROOM, ANN)
        _, before = await raw.post("/contacts/fetchContactsListCache", DEVICE)
        _, fetched = await raw.post("/contacts/fetchContactsList", DEVICE)
        clock.advance(600)
        _, cached = await raw.post("/contacts/fetchContactsListCache", DEVICE)
        clock.advance(1)
        _, expired = await raw.post("/contacts/fetchContactsListCache", DEVICE)

    assert before == expired == {"ret": 200, "msg": "操作成功"}
    assert fetched == cached
    assert fetched["data"] == {
        "friends": ["weixin", "filehelper", ANN],
        "chatrooms": [ROOM],
        "ghs": ["gh_7aac992b0363"],
    }


async def test_contacts_are_described_briefly_or_in_detail_twenty_at_most() -> None:
    async with gewe() as (sim, raw):
        sim.people.name(ANN, "Ann")
        _, brief = await raw.post("/contacts/getBriefInfo", {**DEVICE, "wxids": [ANN]})
        _, detail = await raw.post("/contacts/getDetailInfo", {**DEVICE, "wxids": [ANN]})
        _, many = await raw.post("/contacts/getBriefInfo", {**DEVICE, "wxids": [ANN] * 21})
        _, none = await raw.post("/contacts/getBriefInfo", {**DEVICE, "wxids": []})

    assert (brief["msg"], brief["data"][0]["nickName"]) == ("获取联系人信息成功", "Ann")
    assert set(brief["data"][0]) < set(detail["data"][0])
    assert (many["ret"], none["msg"]) == (500, "wxids不可为空")


async def test_a_room_has_its_members() -> None:
    async with gewe() as (sim, raw):
        sim.people.name(ANN, "Ann")
        sim.people.room(ROOM, "zhangsan2288", ANN, name="产品群")
        room = {**DEVICE, "chatroomId": ROOM}
        _, info = await raw.post("/group/getChatroomInfo", room)
        _, members = await raw.post("/group/getChatroomMemberList", room)
        _, unknown = await raw.post("/group/getChatroomMemberList", {**room, "chatroomId": "1@chatroom"})

    assert (info["data"]["nickName"], info["data"]["chatRoomOwner"]) == ("产品群", "zhangsan2288")
    assert [member["wxid"] for member in members["data"]["memberList"]] == ["zhangsan2288", ANN]
    assert members["data"]["chatroomOwner"] == "zhangsan2288"
    assert unknown == {"ret": 500, "msg": "获取群成员列表异常:null"}


async def test_an_offline_account_reads_nothing() -> None:
    async with gewe() as (sim, raw):
        await sim.wechat.drop(APP)
        _, contacts = await raw.post("/contacts/fetchContactsList", DEVICE)
        _, profile = await raw.post("/personal/getProfile", DEVICE)

    assert (contacts["msg"], contacts["data"]["msg"]) == ("获取联系人列表失败", "微信已离线")
    assert profile["data"]["msg"] == "微信已离线"
