import asyncio
from typing import Any

import pytest

from daemon.sim.gewe import HEADER, TOKEN, GeweSetup, GeweSimulator
from daemon.sim.gewe_media import MediaKnobs
from daemon.sim.pictures import jpeg, mp4, pdf, png, seen, silk
from tests.clock import FakeClock
from tests.sim.wires import ANN, APP, ROOM, Raw, Receiver, asking, gewe, receiving

DEVICE = {"appId": APP}


def data_of(receiver: Receiver) -> dict[str, Any]:
    return receiver.drained()[-1]["Data"]  # type: ignore[no-any-return]


async def fetched(raw: Raw, url: str) -> bytes:
    async with raw.session.get(url) as answer:
        assert answer.status == 200
        return await answer.read()


async def picture(sim: GeweSimulator, receiver: Receiver, **more: Any) -> dict[str, Any]:
    """What downloadImage is asked of a picture just received."""
    await sim.wechat.person_sends_image(APP, ANN, **more)
    return {**DEVICE, "xml": data_of(receiver)["Content"]["string"]}


@pytest.mark.parametrize(
    ("kind", "path", "number", "made", "type_"),
    [
        ("image", "downloadImage", 3, png(30, 20), "image/png"),
        ("voice", "downloadVoice", 34, silk(1.0), "audio/silk"),
        ("video", "downloadVideo", 43, mp4(1), "video/mp4"),
        ("file", "downloadFile", 49, pdf("price list"), "application/pdf"),
    ],
)
async def test_what_a_person_sends_is_what_the_download_gives(
    kind: str, path: str, number: int, made: bytes, type_: str
) -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        assert (await getattr(sim.wechat, f"person_sends_{kind}")(APP, ANN, data=made, name="Ann")).accepted
        data = data_of(receiver)
        asked = {**DEVICE, "xml": data["Content"]["string"], "msgId": data["MsgId"]}
        _, document = await raw.post(f"/message/{path}", asked)
        url = document["data"]["fileUrl"]

        assert (data["MsgType"], data["FromUserName"]) == (number, {"string": ANN})
        assert url.startswith(f"{sim.url}/download/")
        assert await fetched(raw, url) == made
        assert seen(made).type == type_


async def test_the_self_hosted_product_gives_a_relative_path_and_pictures_alone() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        asked = await picture(sim, receiver, data=jpeg(40, 30))
        async with asking(sim.self_hosted_url, {HEADER: TOKEN}) as own:
            _, document = await own.post("/message/downloadImage", asked)
            _, refused = await own.post("/message/downloadVideo", asked)
        place = document["data"]["fileUrl"]

        assert not place.startswith(("http", "/"))
        assert await fetched(raw, sim.media_url + place) == jpeg(40, 30)
        assert refused["ret"] == 500


async def test_a_picture_in_a_group_has_a_prefix_that_no_download_understands() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        asked = await picture(sim, receiver, room=ROOM, name="Ann")
        _, refused = await raw.post("/message/downloadImage", asked)
        bare = asked["xml"].partition(":\n")[2]
        _, document = await raw.post("/message/downloadImage", {**asked, "xml": bare})

    assert asked["xml"].startswith(f"{ANN}:\n<?xml")
    assert refused == {"ret": 500, "msg": "下载图片xml解析异常"}
    assert document["ret"] == 200


async def test_a_picture_lacks_the_sizes_it_was_sent_without() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        asked = await picture(sim, receiver, sizes=(3,))
        answers = [(await raw.post("/message/downloadImage", {**asked, "type": n}))[1]["ret"] for n in (1, 2, 3)]

    assert answers == [500, 500, 200]


async def test_a_third_download_at_the_same_time_is_refused() -> None:
    setup = GeweSetup(media=MediaKnobs(download_s=0.1))
    async with gewe(setup) as (_, raw):
        asked = {**DEVICE, "xml": "<msg><img aeskey='x'/></msg>"}
        found = await asyncio.gather(*(raw.post("/message/downloadImage", asked) for _ in range(3)))

    refused = [document for _, document in found if document["ret"] != 200]
    assert len(refused) == 1
    assert "最大支持2条并发" in refused[0]["data"]["msg"]


async def test_a_medium_can_be_gone_or_the_answer_empty() -> None:
    async with gewe() as (sim, raw):
        asked = {**DEVICE, "xml": "<msg><img aeskey='x'/></msg>"}
        sim.media.knobs = MediaKnobs(gone=True)
        _, gone = await raw.post("/message/downloadImage", asked)
        sim.media.knobs = MediaKnobs(empty=True)
        _, nothing = await raw.post("/message/downloadImage", asked)

    assert "NullPointerException" in gone["msg"]
    assert nothing == {"ret": 200, "msg": "操作成功"}


async def test_a_link_lives_a_week() -> None:
    clock = FakeClock()
    async with gewe(clock=clock) as (_, raw):
        _, document = await raw.post("/message/downloadEmojiMd5", {**DEVICE, "emojiMd5": "cc56728d"})
        url = document["data"]["url"]
        assert seen(await fetched(raw, url)).type == "image/png"
        clock.advance(7 * 24 * 3600 + 1)

        async with raw.session.get(url) as answer:
            assert answer.status == 404


async def test_the_pieces_of_an_xml_are_enough_for_the_cdn() -> None:
    async with gewe() as (sim, raw):
        medium = sim.media.keep("image", png(9, 9))
        asked = {**DEVICE, "aesKey": medium.key, "fileId": medium.cdn, "type": "1", "totalSize": "9", "suffix": "jpg"}
        _, document = await raw.post("/message/downloadCdn", asked)
        _, odd = await raw.post("/message/downloadCdn", {**asked, "type": "9"})

        assert await fetched(raw, document["data"]["fileUrl"]) == png(9, 9)
        assert odd["ret"] == 500


async def test_an_announced_file_cannot_be_downloaded_and_the_file_itself_can() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        await sim.wechat.person_sends_file(APP, ANN, title="价目.pdf", announced=True)
        early, whole = [body["Data"]["Content"]["string"] for body in receiver.drained()]
        _, refused = await raw.post("/message/downloadFile", {**DEVICE, "xml": early})
        _, document = await raw.post("/message/downloadFile", {**DEVICE, "xml": whole})

    assert ("<type>74</type>" in early, "<type>6</type>" in whole) == (True, True)
    assert refused["data"]["msg"] == "文件不存在"
    assert document["ret"] == 200


async def test_a_voice_wants_the_message_number_as_a_number() -> None:
    async with receiving() as receiver, gewe(GeweSetup(callback_url=receiver.url)) as (sim, raw):
        await sim.wechat.person_sends_voice(APP, ANN, seconds=2.54)
        data = data_of(receiver)
        _, refused = await raw.post(
            "/message/downloadVoice", {**DEVICE, "xml": data["Content"]["string"], "msgId": "1"}
        )

    assert 'voicelength="2540"' in data["Content"]["string"]
    assert data["ImgBuf"]["iLen"] > 0
    assert refused["ret"] == 500


async def test_a_picture_to_send_is_truly_fetched_and_measured() -> None:
    async with gewe() as (sim, raw):
        url = sim.media.publish(APP, png(33, 22), hosted=True)
        body = {**DEVICE, "toWxid": ANN, "imgUrl": url}
        _, document = await raw.post("/message/postImage", body)
        (sent,) = sim.sends

        assert (document["data"]["width"], document["data"]["height"]) == (33, 22)
        assert sent.seen == seen(png(33, 22))
        medium = sim.media.find(sent.media_key)
        assert medium is not None
        assert medium.data == png(33, 22)


@pytest.mark.parametrize("knobs", [MediaKnobs(), MediaKnobs(fetch_fails=True)])
async def test_a_picture_that_cannot_be_fetched_is_not_sent(knobs: MediaKnobs) -> None:
    async with gewe(GeweSetup(media=knobs)) as (sim, raw):
        body = {**DEVICE, "toWxid": ANN, "imgUrl": f"{sim.url}/download/none.jpg"}
        _, refused = await raw.post("/message/postImage", body)

        assert (refused["ret"], refused["msg"]) == (500, "发送图片失败")
        assert list(sim.sends) == []


async def test_a_voice_that_is_not_silk_is_not_sent() -> None:
    async with gewe() as (sim, raw):
        url = sim.media.publish(APP, b"RIFF....WAVE", hosted=True)
        body = {**DEVICE, "toWxid": ANN, "voiceUrl": url, "voiceDuration": 1000}
        _, refused = await raw.post("/message/postVoice", body)

    assert refused["data"]["msg"] == "语音格式错误"


async def test_an_answer_to_a_message_names_it() -> None:
    async with gewe() as (sim, raw):
        appmsg = (
            "<appmsg><title>好的</title><type>57</type><refermsg><svrid>7773749793478223190</svrid></refermsg></appmsg>"
        )
        await raw.post("/message/postAppMsg", {**DEVICE, "toWxid": ANN, "appmsg": appmsg})

        assert next(iter(sim.sends)).quoted == 7773749793478223190
