import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain.message import Wxid
from daemon.domain.moments import Comment, Like, Medium, NewPost, Post, Published, Timeline
from daemon.errors import Invalid, OutcomeUnknown, RemoteNonsense, RemoteRefused, RemoteUnavailable
from daemon.net.gewe.client import Gewe
from daemon.net.gewe.posts import exact_id, post_of
from tests.net.gewe.accounts import account
from tests.net.gewe.answering import Answering, Answers, done, refusal, said
from tests.net.gewe.samples import FRIEND, MEMBER
from tests.net.loopback import Visit, free_port, loopback

POST_ID, LAST_ID = "14287779828924756671", "14287734111135740102"
XML = (
    "<TimelineObject><id><![CDATA[14287779828924756671]]></id><username><![CDATA[wxid_lan5xq81ttz22]]></username>"
    "<createTime><![CDATA[1703236082]]></createTime><contentDesc><![CDATA[今天天气不错]]></contentDesc>"
    "<private><![CDATA[0]]></private><ContentObject><contentStyle><![CDATA[1]]></contentStyle><mediaList><media>"
    "<id><![CDATA[14287779829602333383]]></id><type><![CDATA[2]]></type>"
    '<url type="1" md5="d001e2d7"><![CDATA[http://shmmsns.qpic.cn/mmsns/x/0?a=1&amp;b=2]]></url>'
    '<thumb type="1"><![CDATA[http://shmmsns.qpic.cn/mmsns/x/150]]></thumb>'
    '<size totalSize="63166.0" width="1080.0" height="1440.0"></size></media></mediaList></ContentObject>'
    "</TimelineObject>"
)
ITEM: dict[str, Any] = {
    "id": int(POST_ID),
    "userName": FRIEND,
    "nickName": "Lan",
    "createTime": 1703236082,
    "snsXml": XML,
    "likeCount": 1,
    "likeList": [{"userName": MEMBER, "nickName": "He", "source": 0, "type": 1, "createTime": 1703236120}],
    "commentCount": 1,
    "commentList": [
        {
            "userName": MEMBER,
            "nickName": "He",
            "source": 0,
            "type": 2,
            "content": "在哪里",
            "createTime": 1703236150,
            "commentId": 33,
            "replyCommentId": 0,
            "isNotRichText": 1,
        },
        {
            "userName": FRIEND,
            "nickName": None,
            "content": "家里",
            "createTime": 1703236160,
            "commentId": 34,
            "replyCommentId": 33,
        },
    ],
    "withUserCount": 0,
    "withUserList": None,
}
PAGE: dict[str, Any] = {
    "firstPageMd5": "2eb48afd4862ddc8",
    "maxId": int(LAST_ID),
    "snsCount": 1,
    "requestTime": 1703236186,
    "snsList": [ITEM],
}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


POST = Post(
    id=POST_ID,
    author=Wxid(FRIEND),
    nickname="Lan",
    text="今天天气不错",
    kind="images",
    title="",
    link="",
    media=(
        Medium(
            kind="image",
            url="http://shmmsns.qpic.cn/mmsns/x/0?a=1&b=2",
            thumb_url="http://shmmsns.qpic.cn/mmsns/x/150",
        ),
    ),
    at=at(1703236082),
    likes=(Like(wxid=Wxid(MEMBER), nickname="He", at=at(1703236120)),),
    comments=(
        Comment(id="33", reply_to=None, wxid=Wxid(MEMBER), nickname="He", text="在哪里", at=at(1703236150)),
        Comment(id="34", reply_to="33", wxid=Wxid(FRIEND), nickname="", text="家里", at=at(1703236160)),
    ),
)


async def test_timeline_reads_posts_and_what_the_next_page_begins_with(gewe: Gewe) -> None:
    async with loopback(done(PAGE)) as here:
        page = await gewe.moments.timeline(account(here.url), next_id="0", first_page="")

    assert page == Timeline(posts=(POST,), next_id=LAST_ID, first_page="2eb48afd4862ddc8")


async def test_of_contact_reads_the_same(gewe: Gewe) -> None:
    async with loopback(done(PAGE)) as here:
        page = await gewe.moments.of_contact(account(here.url), Wxid(FRIEND), next_id="0", first_page="")

    assert page.posts == (POST,)


async def test_post_reads_one(gewe: Gewe) -> None:
    async with loopback(done(ITEM)) as here:
        assert await gewe.moments.post(account(here.url), POST_ID) == POST


@pytest.mark.parametrize("data", [{"snsList": None, "maxId": 0, "firstPageMd5": "2eb4"}, {"snsList": []}, None, {}])
async def test_timeline_at_its_end_asks_for_the_same_page_again(gewe: Gewe, data: object) -> None:
    async with loopback(done(data)) as here:
        page = await gewe.moments.timeline(account(here.url), next_id=LAST_ID, first_page="2eb4")

    assert (page.posts, page.next_id) == ((), LAST_ID)


@pytest.mark.parametrize(
    "told", [b"14287779828924756671", b'"14287779828924756671"', b"14287779828924756000", b"1.4287779828924757e19"]
)
async def test_timeline_keeps_ids_exact_also_where_a_relay_rounded_them(gewe: Gewe, told: bytes) -> None:
    raw = json.dumps({"ret": 200, "data": {**PAGE, "maxId": 77, "snsList": [{**ITEM, "id": 88}]}}).encode()
    rounded = raw.replace(b'"id": 88', b'"id": ' + told).replace(b'"maxId": 77', b'"maxId": ' + told)
    async with loopback(Answering(rounded)) as here:
        page = await gewe.moments.timeline(account(here.url), next_id="0", first_page="")

    assert (page.posts[0].id, page.next_id) == (POST_ID, POST_ID)


@pytest.mark.parametrize(
    ("told", "written", "expected"),
    [
        (7, "14287779828924756671", "7"),  # another number altogether: a post within a post
        (None, "14287779828924756671", "14287779828924756671"),
        (14287779828924756671, "", "14287779828924756671"),
        (1.4287779828924757e19, "", None),
        (0, "0", None),
        ("x", "<", None),
    ],
)
def test_an_id_is_the_one_told_unless_it_was_rounded(told: object, written: str, expected: str | None) -> None:
    assert exact_id(told, written) == expected


@given(st.integers(1, (1 << 64) - 1))
def test_no_id_is_lost_to_a_double(number: int) -> None:
    assert exact_id(number, "") == exact_id(int(float(number)), str(number)) == str(number)


STYLES = [("1", "images"), ("2", "text"), ("3", "link"), ("15", "video"), ("28", "other"), ("", "other")]


@pytest.mark.parametrize(("style", "kind"), STYLES)
def test_a_post_is_of_a_kind(style: str, kind: str) -> None:
    post = post_of({**ITEM, "snsXml": XML.replace("<contentStyle><![CDATA[1]", f"<contentStyle><![CDATA[{style}]")})
    assert post is not None
    assert post.kind == kind
    assert post.media[0].kind == ("video" if kind == "video" else "image")


def test_a_post_of_a_link_has_its_address_and_title() -> None:
    xml = (
        "<TimelineObject><id>14287779828924756671</id><contentDesc/><ContentObject><contentStyle>3</contentStyle>"
        "<title>Qiao &amp; 桥</title><contentUrl>https://q.example/?a=1&b=2</contentUrl></ContentObject></TimelineObject>"
    )
    post = post_of({**ITEM, "snsXml": xml})
    assert post is not None
    assert (post.kind, post.title, post.link) == ("link", "Qiao & 桥", "https://q.example/?a=1&b=2")


@pytest.mark.parametrize("xml", ["", None, "<TimelineObject>", "<!DOCTYPE x [<!ENTITY a 'b'>]><TimelineObject/>", 7])
def test_a_post_without_readable_xml_is_still_one(xml: object) -> None:
    post = post_of({**ITEM, "snsXml": xml})
    assert post is not None
    assert (post.id, post.kind, post.text, post.media) == (POST_ID, "other", "", ())


def test_a_post_without_an_exact_id_is_none() -> None:
    assert post_of({**ITEM, "id": 1.4287779828924757e19, "snsXml": ""}) is None


UPLOADED = {"fileUrl": "http://sz.example/0", "thumbUrl": "http://sz.example/150", "fileMd5": "d001", "length": 63166}
IMAGES = NewPost(text="你好", image_urls=("https://files.example/a.jpg", "https://files.example/b.jpg"))
PUBLISHED = said({"id": int(POST_ID), "userName": "b", "nickName": "B", "createTime": 1703236082})


async def test_publish_says_the_exact_id_and_when(gewe: Gewe) -> None:
    async with loopback(Answering(PUBLISHED)) as here:
        published = await gewe.moments.publish(account(here.url), NewPost(text="你好"))

    assert published == Published(id=POST_ID, at=at(1703236082))


@pytest.mark.parametrize("uploaded", [[], [UPLOADED], [UPLOADED, None], {}, None, "x"])
async def test_publish_posts_nothing_where_not_every_image_was_taken(gewe: Gewe, uploaded: object) -> None:
    server = Answers({"/sns/uploadSnsImage": [said(uploaded)]})
    async with loopback(server) as here:
        with pytest.raises(RemoteRefused) as caught:
            await gewe.moments.publish(account(here.url), IMAGES)

    assert caught.value.code == "gewe.upload_incomplete"
    assert server.paths == ["/sns/uploadSnsImage"]


@pytest.mark.parametrize(
    "post", [IMAGES, NewPost(text="", video_url="https://files.example/a.mp4", thumb_url="https://files.example/t")]
)
async def test_publish_whose_upload_is_cut_off_has_surely_posted_nothing(gewe: Gewe, post: NewPost) -> None:
    async def hangs_up(visit: Visit) -> None:
        await visit.request()

    async with loopback(hangs_up) as here:
        with pytest.raises(RemoteUnavailable):
            await gewe.moments.publish(account(here.url), post)


async def test_publish_whose_own_answer_is_lost_may_have_been_posted(gewe: Gewe) -> None:
    server = Answers({"/sns/uploadSnsImage": [said([UPLOADED, UPLOADED])], "/sns/sendImgSns": [b"<html>"]})
    async with loopback(server) as here:
        with pytest.raises(OutcomeUnknown):
            await gewe.moments.publish(account(here.url), IMAGES)

    assert server.paths == ["/sns/uploadSnsImage", "/sns/sendImgSns"]


async def test_publish_of_two_kinds_at_once_is_invalid(gewe: Gewe) -> None:
    post = NewPost(text="", image_urls=("https://files.example/a.jpg",), link="https://q.example")
    with pytest.raises(Invalid):
        await gewe.moments.publish(account(f"http://127.0.0.1:{free_port()}"), post)


@pytest.mark.parametrize("data", [None, {}, {"id": 1.4e19}, True])
async def test_publish_without_an_id_is_nonsense(gewe: Gewe, data: object) -> None:
    async with loopback(done(data)) as here:
        with pytest.raises(RemoteNonsense):
            await gewe.moments.publish(account(here.url), NewPost(text="你好"))


@pytest.mark.parametrize("method", ["delete", "like", "comment"])
@pytest.mark.parametrize("post_id", ["", "x", "-1", "1.5", "1e19", "18446744073709551616", "１２", "9" * 5000])
async def test_an_id_that_is_none_is_never_sent(gewe: Gewe, method: str, post_id: str) -> None:
    more: dict[str, dict[str, Any]] = {"delete": {}, "like": {"on": True}, "comment": {"text": "好", "reply_to": None}}
    author = () if method == "delete" else (Wxid(FRIEND),)
    with pytest.raises(Invalid) as caught:
        await getattr(gewe.moments, method)(
            account(f"http://127.0.0.1:{free_port()}"), post_id, *author, **more[method]
        )

    assert (caught.value.code, caught.value.problems[0].field) == ("gewe.bad_moments_id", "post_id")


async def test_delete_sends_the_largest_id_as_a_whole_number(gewe: Gewe) -> None:
    server = done(None)
    async with loopback(server) as here:
        await gewe.moments.delete(account(here.url), "18446744073709551615")

    assert b'"snsId":18446744073709551615}' in server.asked[0]


@pytest.mark.parametrize("on", [True, False])
async def test_like_that_gewe_refuses_is_refused(gewe: Gewe, on: bool) -> None:
    async with loopback(Answering(refusal("朋友圈详情失败"))) as here:
        with pytest.raises(RemoteRefused):
            await gewe.moments.like(account(here.url), POST_ID, Wxid(FRIEND), on=on)


async def test_comment_answers_a_comment_by_its_number(gewe: Gewe) -> None:
    with pytest.raises(Invalid) as caught:
        await gewe.moments.comment(
            account(f"http://127.0.0.1:{free_port()}"), POST_ID, Wxid(FRIEND), text="好", reply_to="abc"
        )

    assert caught.value.problems[0].field == "reply_to"
