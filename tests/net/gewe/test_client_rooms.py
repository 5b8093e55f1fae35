from typing import Any

import pytest
from attrs import evolve

from daemon.domain.message import AppId, Wxid
from daemon.domain.people import Member, Room, RoomNotice
from daemon.errors import Invalid, RemoteNonsense, RemoteRefused
from daemon.net.gewe.client import Gewe
from daemon.sim.gewe import TOKEN, gewe_simulator
from tests.net.gewe.accounts import account
from tests.net.gewe.answering import done, failed
from tests.net.gewe.samples import FRIEND, MEMBER, ROOM
from tests.net.loopback import free_port, loopback
from tests.sim.wires import ANN, APP

IN_ROOM = Wxid(ROOM)
HE: dict[str, Any] = {
    "wxid": MEMBER,
    "nickName": "He",
    "inviterUserName": None,
    "memberFlag": 1,
    "displayName": None,
    "bigHeadImgUrl": "https://wx.qlogo.cn/a/0",
    "smallHeadImgUrl": "https://wx.qlogo.cn/a/132",
}
LAN: dict[str, Any] = {
    "wxid": FRIEND,
    "nickName": None,
    "inviterUserName": MEMBER,
    "memberFlag": 2049,
    "displayName": "Lan-sales",
    "bigHeadImgUrl": None,
    "smallHeadImgUrl": None,
}


def member(wxid: str, *, is_admin: bool = False) -> Member:
    if wxid == MEMBER:
        return Member(
            wxid=Wxid(MEMBER),
            nickname="He",
            display_name="",
            invited_by=None,
            is_admin=is_admin,
            avatar_url="https://wx.qlogo.cn/a/0",
        )
    return Member(
        wxid=Wxid(FRIEND),
        nickname="",
        display_name="Lan-sales",
        invited_by=Wxid(MEMBER),
        is_admin=is_admin,
        avatar_url="",
    )


async def test_info_names_the_room_its_owner_and_its_members(gewe: Gewe) -> None:
    told = {
        "chatroomId": ROOM,
        "nickName": "产品群",
        "remark": None,
        "chatRoomOwner": MEMBER,
        "smallHeadImgUrl": "https://wx.qlogo.cn/mmcrhead/x/0",
        "memberList": [HE, LAN, {"wxid": None}, None],
    }
    async with loopback(done(told)) as here:
        room = await gewe.rooms.info(account(here.url), IN_ROOM)

    assert room == Room(
        wxid=IN_ROOM,
        name="产品群",
        remark="",
        owner=Wxid(MEMBER),
        avatar_url="https://wx.qlogo.cn/mmcrhead/x/0",
        members=(member(MEMBER), member(FRIEND)),
    )
    assert [one.name for one in room.members] == ["He", "Lan-sales"]


async def test_info_and_members_of_a_simulated_room(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        sim.people.name(ANN, "Ann")
        sim.people.room(ROOM, "zhangsan2288", ANN, name="产品群")
        here = evolve(account(sim.url, token=TOKEN), app_id=AppId(APP))
        info = await gewe.rooms.info(here, IN_ROOM)
        members = await gewe.rooms.members(here, IN_ROOM)

    assert (info.name, info.owner, members.owner) == ("产品群", "zhangsan2288", "zhangsan2288")
    assert [one.wxid for one in info.members] == [one.wxid for one in members.members] == ["zhangsan2288", ANN]


@pytest.mark.parametrize(("admins", "who"), [(None, []), ([], []), ([FRIEND], [FRIEND])])
async def test_members_say_who_is_admin(gewe: Gewe, admins: object, who: list[str]) -> None:
    async with loopback(done({"memberList": [HE, LAN], "chatroomOwner": None, "adminWxid": admins})) as here:
        room = await gewe.rooms.members(account(here.url), IN_ROOM)

    assert room.owner is None
    assert [one.wxid for one in room.members if one.is_admin] == who


async def test_members_of_a_room_that_gewe_refuses_to_read(gewe: Gewe) -> None:
    async with loopback(failed("获取群成员列表异常:null")) as here:
        with pytest.raises(RemoteRefused) as caught:
            await gewe.rooms.members(account(here.url), IN_ROOM)

    assert (caught.value.code, caught.value.detail) == ("gewe.refused", "获取群成员列表异常:null")


@pytest.mark.parametrize("data", [None, [], "x"])
async def test_info_of_nothing_is_nonsense(gewe: Gewe, data: object) -> None:
    async with loopback(done(data)) as here:
        with pytest.raises(RemoteNonsense):
            await gewe.rooms.info(account(here.url), IN_ROOM)


async def test_create_answers_with_the_new_room(gewe: Gewe) -> None:
    async with loopback(done({"chatroomId": ROOM, "headImgBase64": "/9j/"})) as here:
        room = await gewe.rooms.create(account(here.url), [Wxid(FRIEND), Wxid(MEMBER)])

    assert room == ROOM


async def test_create_takes_two_people_beside_ourselves(gewe: Gewe) -> None:
    with pytest.raises(Invalid):
        await gewe.rooms.create(account(f"http://127.0.0.1:{free_port()}"), [Wxid(FRIEND)])


async def test_create_with_people_whom_wechat_does_not_take(gewe: Gewe) -> None:
    async with loopback(failed("创建群聊失败", "MemberList are wrong")) as here:
        with pytest.raises(RemoteRefused) as caught:
            await gewe.rooms.create(account(here.url), [Wxid(FRIEND), Wxid("x")])

    assert caught.value.code == "gewe.bad_members"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            {"announcement": "明天放假", "announcementEditor": MEMBER, "publishTime": 1703841160},
            RoomNotice(text="明天放假", editor=Wxid(MEMBER), published_at=1703841160),
        ),
        (
            {"announcement": None, "announcementEditor": None, "publishTime": None},
            RoomNotice(text="", editor=None, published_at=0),
        ),
        (None, RoomNotice(text="", editor=None, published_at=0)),
    ],
)
async def test_notice_may_be_empty(gewe: Gewe, data: object, expected: RoomNotice) -> None:
    async with loopback(done(data)) as here:
        assert await gewe.rooms.notice(account(here.url), IN_ROOM) == expected
