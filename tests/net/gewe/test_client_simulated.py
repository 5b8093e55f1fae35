"""The client against the simulator, as the daemon uses both: what one call says, the next one wants back."""

import pytest
from attrs import evolve

from daemon.domain.account import Account
from daemon.domain.message import AppId, Wxid
from daemon.domain.moments import Audience, NewPost
from daemon.domain.people import FriendScene, Relation
from daemon.errors import RemoteRefused
from daemon.net.gewe.client import Gewe
from daemon.sim.gewe import TOKEN, GeweSimulator, gewe_simulator
from tests.net.gewe.accounts import account
from tests.net.gewe.samples import FRIEND, MEMBER, NEWCOMER
from tests.sim.wires import ANN, APP, BOT


def of_sim(sim: GeweSimulator) -> Account:
    return evolve(account(sim.url, token=TOKEN), app_id=AppId(APP))


async def test_timeline_is_read_page_by_page_to_its_end(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        written = [sim.moments.add(ANN, f"第{number}条", seen_by=[APP]).id for number in range(23)]
        found: list[str] = []
        next_id, first_page = "0", ""
        for _ in range(5):
            page = await gewe.moments.timeline(of_sim(sim), next_id=next_id, first_page=first_page)
            found += [post.id for post in page.posts]
            if page.next_id == next_id:
                break
            next_id, first_page = page.next_id, page.first_page
        again = await gewe.moments.timeline(of_sim(sim), next_id="0", first_page=first_page)

    assert found == [str(number) for number in reversed(written)]
    assert (again.posts, again.next_id) == ((), "0")


NEWS = [
    NewPost(text="你好"),
    NewPost(text="图", image_urls=("https://files.example/a.jpg", "https://files.example/b.jpg")),
    NewPost(text="片", video_url="https://files.example/a.mp4", thumb_url="https://files.example/t.jpg"),
    NewPost(text="看", link="https://q.example/?a=1&b=2", link_title="Q & A", thumb_url="https://files.example/t.jpg",
            link_description="说明"),
]  # fmt: skip


@pytest.mark.parametrize("new", NEWS, ids=["text", "images", "video", "link"])
async def test_publish_is_read_back_as_it_was_written(gewe: Gewe, new: NewPost) -> None:
    async with gewe_simulator() as sim:
        published = await gewe.moments.publish(of_sim(sim), new)
        post = await gewe.moments.post(of_sim(sim), published.id)
        own = await gewe.moments.of_contact(of_sim(sim), Wxid(BOT), next_id="0", first_page="")

    assert (post.id, post.text, post.author, post.at) == (published.id, new.text, BOT, published.at)
    assert (post.link, post.title) == (new.link, new.link_title)
    if new.image_urls:
        assert [(medium.kind, medium.url) for medium in post.media] == [("image", url) for url in new.image_urls]
    if new.video_url:
        assert [(medium.kind, medium.url) for medium in post.media] == [("video", new.video_url)]
    assert own.posts == (post,)


async def test_publish_to_some_friends_says_to_whom(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        audience = Audience(private=True, only=(Wxid(ANN),))
        published = await gewe.moments.publish(of_sim(sim), NewPost(text="你好", audience=audience))
        kept = sim.moments.find(APP, int(published.id))

    assert kept is not None
    assert kept.audience == {"privacy": True, "allowWxIds": [ANN]}


async def test_like_and_comment_are_seen_at_the_post_and_can_be_taken_back(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        here, post_id = of_sim(sim), str(sim.moments.add(ANN, "晚饭", seen_by=[APP]).id)
        await gewe.moments.like(here, post_id, Wxid(ANN), on=True)
        await gewe.moments.comment(here, post_id, Wxid(ANN), text="真好", reply_to=None)
        first = (await gewe.moments.post(here, post_id)).comments[0]
        await gewe.moments.comment(here, post_id, Wxid(ANN), text="在哪里", reply_to=first.id)
        liked = await gewe.moments.post(here, post_id)
        await gewe.moments.like(here, post_id, Wxid(ANN), on=False)
        unliked = await gewe.moments.post(here, post_id)

    assert [like.wxid for like in liked.likes] == [BOT]
    assert [(comment.text, comment.reply_to) for comment in liked.comments] == [("真好", None), ("在哪里", first.id)]
    assert unliked.likes == ()


async def test_delete_takes_only_what_is_ours(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        here = of_sim(sim)
        theirs = str(sim.moments.add(ANN, "晚饭", seen_by=[APP]).id)
        ours = (await gewe.moments.publish(here, NewPost(text="你好"))).id
        await gewe.moments.delete(here, ours)
        with pytest.raises(RemoteRefused):
            await gewe.moments.delete(here, theirs)
        with pytest.raises(RemoteRefused):
            await gewe.moments.post(here, ours)


async def test_search_then_add_makes_a_friend_once_they_say_yes(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        here = of_sim(sim)
        sim.wechat.can_be_found("tomas77", ANN, nickname="Ann")
        found = await gewe.contacts.search(here, "tomas77")
        await gewe.contacts.add(
            here, user_ticket=found.user_ticket, ticket=found.ticket, scene=FriendScene.WECHAT_NUMBER, greeting="你好"
        )
        before = await gewe.contacts.relations(here, [Wxid(ANN)])
        await sim.wechat.person_accepts(APP, ANN)
        after = await gewe.contacts.relations(here, [Wxid(ANN)])
        again = await gewe.contacts.search(here, "tomas77")

    assert (before[Wxid(ANN)], after[Wxid(ANN)]) == (Relation.UNKNOWN, Relation.NORMAL)
    assert again.user_ticket == ANN  # a friend already: GeWe gives the wxid instead of a ticket


async def test_accept_takes_the_scene_of_the_request(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        here = of_sim(sim)
        await sim.wechat.person_asks_to_be_friend(APP, ANN, greeting="我是 Ann", scene=17)
        request = next(iter(sim.circles.of(APP).requests.values()))
        with pytest.raises(RemoteRefused):
            await gewe.contacts.accept(here, user_ticket=request.v3, ticket=request.v4, scene=3)
        await gewe.contacts.accept(here, user_ticket=request.v3, ticket=request.v4, scene=17)
        ids = await gewe.contacts.ids(here)

    assert ANN in ids.friends


async def test_remark_and_delete_change_the_address_book(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        here = of_sim(sim)
        sim.people.name(ANN, "Ann")
        await gewe.contacts.remark(here, Wxid(ANN), "客户 Ann")
        remarked = await gewe.contacts.detail(here, [Wxid(ANN)])
        await gewe.contacts.remark(here, Wxid(ANN), "")
        plain = await gewe.contacts.detail(here, [Wxid(ANN)])
        await gewe.contacts.delete(here, Wxid(ANN))
        ids = await gewe.contacts.ids(here)

    assert [contact.name for contact in (*remarked, *plain)] == ["客户 Ann", "Ann"]
    assert ANN not in ids.friends


async def test_relations_say_who_deleted_us(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        sim.people.name(ANN, "Ann")
        sim.wechat.person_unfriends(APP, ANN)
        relations = await gewe.contacts.relations(of_sim(sim), [Wxid(ANN)])

    assert relations == {ANN: Relation.DELETED_US}


async def test_a_room_is_made_filled_named_told_emptied_and_left(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        here = of_sim(sim)
        for wxid in (ANN, FRIEND, MEMBER, NEWCOMER):
            sim.people.name(wxid)
        room = await gewe.rooms.create(here, [Wxid(ANN), Wxid(FRIEND)])
        await gewe.rooms.invite(here, room, [Wxid(MEMBER), Wxid(NEWCOMER)], "同事")
        await gewe.rooms.remove(here, room, [Wxid(FRIEND), Wxid(MEMBER)])
        await gewe.rooms.rename(here, room, "产品群")
        await gewe.rooms.announce(here, room, "明天放假")
        info, members = await gewe.rooms.info(here, room), await gewe.rooms.members(here, room)
        notice = await gewe.rooms.notice(here, room)
        await gewe.rooms.leave(here, room)

        assert BOT not in sim.people.rooms[room].members

    assert (info.name, info.owner, members.owner) == ("产品群", BOT, BOT)
    assert [one.wxid for one in info.members] == [one.wxid for one in members.members] == [BOT, ANN, NEWCOMER]
    assert (notice.text, notice.editor) == ("明天放假", BOT)
    assert notice.published_at > 0
