from typing import Any

import pytest

from daemon.sim.gewe import HEADER, TOKEN
from daemon.sim.pictures import png, seen
from tests.clock import FakeClock
from tests.sim.wires import ANN, APP, BOT, Raw, asking, gewe

DEVICE = {"appId": APP}


async def page(raw: Raw, **more: Any) -> dict[str, Any]:
    told = {**DEVICE, "maxId": 0, "decrypt": True, "firstPageMd5": "", **more}
    _, document = await raw.post("/sns/snsList", told)
    return dict(document["data"])


async def test_posts_are_read_ten_at_a_time_by_a_cursor_that_no_double_holds() -> None:
    async with gewe() as (sim, raw):
        ids = [sim.wechat.friend_posts(APP, ANN, f"第{n}条", name="Ann") for n in range(23)]
        first = await page(raw)
        second = await page(raw, maxId=first["maxId"], firstPageMd5=first["firstPageMd5"])
        third = await page(raw, maxId=str(second["maxId"]))
        over = await page(raw, maxId=third["maxId"])

    told = [post["id"] for some in (first, second, third) for post in some["snsList"]]
    assert told == ids[::-1]
    assert [some["snsCount"] for some in (first, second, third, over)] == [10, 10, 3, 0]
    assert all(number > 1 << 63 and int(float(number)) != number for number in ids)
    assert f"<id><![CDATA[{ids[-1]}]]></id>" in first["snsList"][0]["snsXml"]


async def test_an_unchanged_first_page_may_be_empty_until_something_happens() -> None:
    async with gewe() as (sim, raw):
        sns_id = sim.wechat.friend_posts(APP, ANN, "今天天气不错")
        first = await page(raw)
        same = await page(raw, firstPageMd5=first["firstPageMd5"])
        sim.wechat.friend_likes(APP, "zhangsan2288", sns_id)
        changed = await page(raw, firstPageMd5=first["firstPageMd5"])

    assert (same["snsList"], same["firstPageMd5"]) == ([], first["firstPageMd5"])
    assert changed["snsList"][0]["likeCount"] == 1


@pytest.mark.parametrize("shape", [int, str])
async def test_a_post_is_named_exactly_as_a_number_or_a_text(shape: Any) -> None:
    async with gewe() as (sim, raw):
        sns_id = sim.wechat.friend_posts(APP, ANN, "你好")
        _, found = await raw.post("/sns/snsDetails", {**DEVICE, "snsId": shape(sns_id)})
        _, rounded = await raw.post("/sns/snsDetails", {**DEVICE, "snsId": shape(int(float(sns_id)))})

    assert found["data"]["id"] == sns_id
    assert (rounded["ret"], rounded["msg"]) == (500, "朋友圈详情失败")


async def test_a_post_is_liked_and_commented_on_and_both_are_taken_back() -> None:
    clock = FakeClock()
    async with gewe(clock=clock) as (sim, raw):
        sns_id = sim.wechat.friend_posts(APP, ANN, "你好")
        theirs = sim.wechat.friend_comments(APP, ANN, sns_id, "有人吗")
        on = {**DEVICE, "snsId": sns_id, "wxid": ANN}
        _, wrong = await raw.post("/sns/likeSns", {**on, "wxid": BOT, "operType": 1})
        await raw.post("/sns/likeSns", {**on, "operType": 1})
        await raw.post("/sns/commentSns", {**on, "operType": 1, "commentId": theirs, "content": "在的"})
        _, said = await raw.post("/sns/snsDetails", on)
        mine = said["data"]["commentList"][-1]
        _, foreign = await raw.post("/sns/commentSns", {**on, "operType": 2, "commentId": theirs})
        await raw.post("/sns/commentSns", {**on, "operType": 2, "commentId": str(mine["commentId"])})
        await raw.post("/sns/likeSns", {**on, "operType": 2})
        _, after = await raw.post("/sns/snsDetails", on)

    assert (wrong["ret"], foreign["ret"]) == (500, 500)
    assert [like["userName"] for like in said["data"]["likeList"]] == [BOT]
    assert (mine["userName"], mine["content"], mine["replyCommentId"]) == (BOT, "在的", theirs)
    assert mine["createTime"] == int(clock.now().timestamp())
    assert (after["data"]["likeList"], after["data"]["commentCount"]) == (None, 1)


async def test_the_account_posts_words_pictures_a_video_and_a_link() -> None:
    async with gewe() as (sim, raw):
        url = sim.media.publish(APP, png(12, 8), hosted=True)
        _, uploaded = await raw.post("/sns/uploadSnsImage", {**DEVICE, "imgUrls": [url]})
        _, video = await raw.post("/sns/uploadSnsVideo", {**DEVICE, "thumbUrl": url, "videoUrl": "http://far/v.mp4"})
        link = {"thumbUrl": "http://far/t.jpg", "linkUrl": "http://far/?a=1&b=2", "title": "题", "description": "述"}
        sent = [
            await raw.post("/sns/sendTextSns", {**DEVICE, "content": "开业 <大吉>", "allowWxIds": [ANN]}),
            await raw.post("/sns/sendImgSns", {**DEVICE, "content": "图", "imgInfos": uploaded["data"]}),
            await raw.post("/sns/sendVideoSns", {**DEVICE, "content": "片", "videoInfo": video["data"]}),
            await raw.post("/sns/sendUrlSns", {**DEVICE, "content": "链", **link}),
        ]
        _, own = await raw.post("/sns/contactsSnsList", {**DEVICE, "wxid": BOT, "maxId": 0, "firstPageMd5": ""})
        post = sim.moments.find(APP, sent[0][1]["data"]["id"])
        assert post is not None

        assert set(uploaded["data"][0]) == {"fileUrl", "thumbUrl", "fileMd5", "length", "width", "height"}
        assert (uploaded["data"][0]["width"], uploaded["data"][0]["height"]) == (12, 8)
        assert set(video["data"]) == {"fileUrl", "thumbUrl", "fileMd5", "length"}
        assert [shown["id"] for shown in own["data"]["snsList"]] == [d["data"]["id"] for _, d in reversed(sent)]
        assert post.audience == {"allowWxIds": [ANN]}
        styles = ["<![CDATA[3]]>", "<![CDATA[15]]>", "<![CDATA[1]]>", "<![CDATA[2]]>"]
        for shown, style in zip(own["data"]["snsList"], styles, strict=True):
            assert f"<contentStyle>{style}</contentStyle>" in shown["snsXml"]


async def test_only_own_posts_are_deleted() -> None:
    async with gewe() as (sim, raw):
        theirs = sim.wechat.friend_posts(APP, ANN, "你好")
        _, mine = await raw.post("/sns/sendTextSns", {**DEVICE, "content": "你好"})
        _, refused = await raw.post("/sns/delSns", {**DEVICE, "snsId": theirs})
        _, deleted = await raw.post("/sns/delSns", {**DEVICE, "snsId": mine["data"]["id"]})

        assert (refused["ret"], deleted["ret"]) == (500, 200)
        assert [post["id"] for post in (await page(raw))["snsList"]] == [theirs]


async def test_a_friends_pictures_can_be_seen() -> None:
    async with gewe() as (sim, raw):
        sim.wechat.friend_posts(APP, ANN, "看", images=[None, png(7, 7)])
        xml = (await page(raw))["snsList"][0]["snsXml"]
        urls = [part.split("]]>")[0] for part in xml.split('<thumb type="1"><![CDATA[')[1:]]
        async with raw.session.get(urls[1]) as answer:
            found = seen(await answer.read())

    assert (found.width, found.height) == (7, 7)


async def test_no_pictures_and_the_self_hosted_product_are_refused() -> None:
    async with gewe() as (sim, raw), asking(sim.self_hosted_url, {HEADER: TOKEN}) as own:
        _, none = await raw.post("/sns/uploadSnsImage", {**DEVICE, "imgUrls": []})
        _, refused = await own.post("/sns/snsList", {**DEVICE, "maxId": 0})

    assert none == {"ret": 500, "msg": "imgUrls不可为空"}
    assert refused["ret"] == 500
