from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from daemon.domain.account import Account
from daemon.domain.message import AppId, Wxid
from daemon.domain.people import Contact, ContactIds, FriendScene, Relation, Stranger
from daemon.errors import Invalid, OutcomeUnknown, RemoteNonsense, RemoteRefused, RemoteUnavailable
from daemon.net.gewe.calls import Calls
from daemon.net.gewe.client import Gewe
from daemon.net.gewe.contacts import LISTING, MOST_WXIDS, GeweContacts
from daemon.net.outbound import Timeouts, open_outbound
from daemon.secret import Redactor
from daemon.sim.gewe import TOKEN, gewe_simulator
from tests.clock import FakeClock
from tests.net.gewe.accounts import account
from tests.net.gewe.answering import Answering, done, failed
from tests.net.gewe.samples import FRIEND, MEMBER, ROOM
from tests.net.loopback import Visit, free_port, loopback
from tests.sim.wires import ANN, APP

ANYWHERE = Wxid(FRIEND)


def of_sim(url: str) -> Account:
    return evolve(account(url, token=TOKEN), app_id=AppId(APP))


async def test_ids_are_cached_for_ten_minutes_and_absent_before(gewe: Gewe) -> None:
    clock = FakeClock()
    async with gewe_simulator(clock=clock) as sim:
        here = of_sim(sim.url)
        sim.people.name(ANN, "Ann")
        sim.people.name("gh_7aac992b0363", "号")
        sim.people.room(ROOM, ANN)
        before = await gewe.contacts.cached_ids(here)
        fetched = await gewe.contacts.ids(here)
        cached = await gewe.contacts.cached_ids(here)
        clock.advance(601)
        after = await gewe.contacts.cached_ids(here)

    assert before is after is None
    assert fetched == cached
    assert fetched.friends[-1] == ANN
    assert (fetched.rooms, fetched.officials) == ((ROOM,), ("gh_7aac992b0363",))


@pytest.mark.parametrize("data", [None, {}, [], ""])
async def test_cached_ids_of_an_empty_cache_are_none(gewe: Gewe, data: object) -> None:
    async with loopback(done(data)) as here:
        assert await gewe.contacts.cached_ids(account(here.url)) is None


async def test_ids_may_be_null_or_no_text(gewe: Gewe) -> None:
    async with loopback(done({"friends": [FRIEND, None, "", 7], "chatrooms": None})) as here:
        ids = await gewe.contacts.ids(account(here.url))

    assert ids == ContactIds(friends=(Wxid(FRIEND), Wxid("7")), rooms=(), officials=())


async def test_ids_that_take_too_long_send_us_to_the_cache() -> None:
    async def never_answers(visit: Visit) -> None:
        await visit.request()
        await visit.reader.read()

    async with open_outbound(Redactor()) as outbound, loopback(never_answers) as here:
        impatient = GeweContacts(Calls(outbound), listing=Timeouts(total=timedelta(milliseconds=50)))
        with pytest.raises(RemoteUnavailable) as caught:
            await impatient.ids(account(here.url))

    assert caught.value.code == "gewe.contacts_slow"
    assert LISTING.total == timedelta(seconds=60)


async def test_ids_that_a_proxy_gave_up_on_are_slow_and_a_gateway_that_is_not_there_is_not(gewe: Gewe) -> None:
    async with loopback(Answering(b"<html>", status="504 Gateway Timeout")) as here:
        with pytest.raises(RemoteUnavailable) as slow:
            await gewe.contacts.ids(account(here.url))
    with pytest.raises(RemoteUnavailable) as absent:
        await gewe.contacts.ids(account(f"http://127.0.0.1:{free_port()}"))

    assert (slow.value.code, absent.value.code) == ("gewe.contacts_slow", "remote.no_connection")


async def test_brief_and_detail_describe_whom_gewe_knows(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        sim.people.name(ANN, "Ann")
        brief = await gewe.contacts.brief(of_sim(sim.url), [Wxid(ANN)])
        detail = await gewe.contacts.detail(of_sim(sim.url), [Wxid(ANN)])

    assert [contact.wxid for contact in (*brief, *detail)] == [ANN, ANN]
    assert (brief[0].nickname, brief[0].name, brief[0].signature) == ("Ann", "Ann", "")
    assert (detail[0].country, detail[0].avatar_url) == ("CN", "https://wx.qlogo.cn/c/0")


TOLD: dict[str, Any] = {
    "userName": FRIEND,
    "nickName": "Lan",
    "sex": 2,
    "remark": "客户 Lan",
    "signature": None,
    "alias": "lan_77",
    "country": "CN",
    "bigHeadImgUrl": None,
    "smallHeadImgUrl": "https://wx.qlogo.cn/c/132",
    "labelList": "1, 3,",
    "province": "Jiangsu",
    "city": "Nanjing",
}


async def test_detail_reads_every_field_and_leaves_out_whom_gewe_does_not_name(gewe: Gewe) -> None:
    async with loopback(done([TOLD, {"userName": None, "nickName": "?"}, None, "x"])) as here:
        contacts = await gewe.contacts.detail(account(here.url), [Wxid(FRIEND), Wxid(MEMBER)])

    assert contacts == [
        Contact(
            wxid=Wxid(FRIEND),
            nickname="Lan",
            remark="客户 Lan",
            alias="lan_77",
            sex=2,
            country="CN",
            province="Jiangsu",
            city="Nanjing",
            signature="",
            avatar_url="https://wx.qlogo.cn/c/132",
            labels=("1", "3"),
        )
    ]


async def test_brief_takes_twenty_at_once_and_asks_nothing_for_nobody(gewe: Gewe) -> None:
    nowhere = account(f"http://127.0.0.1:{free_port()}")
    assert await gewe.contacts.brief(nowhere, []) == []
    with pytest.raises(Invalid):
        await gewe.contacts.brief(nowhere, [ANYWHERE] * (MOST_WXIDS + 1))
    with pytest.raises(RemoteUnavailable):
        await gewe.contacts.brief(nowhere, [ANYWHERE] * MOST_WXIDS)


@pytest.mark.parametrize("data", [{}, "x", True])
async def test_brief_does_not_take_something_else_for_contacts(gewe: Gewe, data: object) -> None:
    async with loopback(done(data)) as here:
        with pytest.raises(RemoteNonsense):
            await gewe.contacts.brief(account(here.url), [ANYWHERE])


async def test_search_finds_a_stranger_with_both_tickets(gewe: Gewe) -> None:
    found = {
        "v3": "v3_a@stranger",
        "v4": "v4_b",
        "nickName": "Tomas",
        "sex": 1,
        "signature": None,
        "bigHeadImgUrl": "u",
    }
    async with loopback(done(found)) as here:
        stranger = await gewe.contacts.search(account(here.url), "tomas77")

    assert stranger == Stranger(
        user_ticket="v3_a@stranger", ticket="v4_b", nickname="Tomas", sex=1, signature="", avatar_url="u"
    )


async def test_search_that_finds_nobody_says_so(gewe: Gewe) -> None:
    async with loopback(failed("搜索联系人失败", "用户不存在")) as here:
        with pytest.raises(RemoteRefused) as caught:
            await gewe.contacts.search(account(here.url), "nobody")

    assert caught.value.code == "gewe.no_such_user"


async def test_add_whose_answer_is_lost_may_have_been_done(gewe: Gewe) -> None:
    async def hangs_up(visit: Visit) -> None:
        await visit.request()

    async with loopback(hangs_up) as here:
        with pytest.raises(OutcomeUnknown):
            await gewe.contacts.add(
                account(here.url), user_ticket="v3_a", ticket="v4_b", scene=FriendScene.PHONE, greeting=""
            )


async def test_add_tells_the_scene_as_a_number(gewe: Gewe) -> None:
    server = done(None)
    async with loopback(server) as here:
        await gewe.contacts.add(
            account(here.url), user_ticket="v3_a", ticket="v4_b", scene=FriendScene.GROUP, greeting="你好"
        )

    assert server.fields["scene"] == 8


async def test_relations_are_told_apart_and_what_is_unknown_is_said_to_be(gewe: Gewe) -> None:
    told: list[Any] = [{"wxid": str(code), "relation": code} for code in (0, 1, 2, 3, 4, 5, 6, 7, 99, 1234)]
    async with loopback(done([*told, {"wxid": "a", "relation": "2"}, {"wxid": "b"}, {"relation": 0}, None])) as here:
        relations = await gewe.contacts.relations(account(here.url), [ANYWHERE])

    known = {"0": Relation.NORMAL, "1": Relation.DELETED_US, "2": Relation.BLOCKED_US, "3": Relation.BLOCKED_BY_US}
    known |= {"5": Relation.LIMITED, "a": Relation.BLOCKED_US}
    assert relations == {**dict.fromkeys(["4", "6", "7", "99", "1234", "b"], Relation.UNKNOWN), **known}
