from datetime import timedelta

import pytest
from attrs import evolve

from daemon.domain import content, shared
from daemon.domain.account import Account, Product
from daemon.domain.message import AppId
from daemon.errors import (
    NotSupported,
    RemoteError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.net.gewe.calls import is_own, media_url
from daemon.net.gewe.client import Gewe
from daemon.sim.gewe import TOKEN, GeweSimulator, gewe_simulator
from daemon.sim.gewe_media import MediaKnobs
from tests.net.gewe.accounts import account
from tests.net.gewe.answering import Answering, Answers, done, failed, refusal, said
from tests.net.loopback import Script, Visit, loopback
from tests.sim.wires import APP

IMAGE, CDN = "/message/downloadImage", "/message/downloadCdn"
URL = "http://media.example/20240102/6752deb0.jpg"
XML = '<?xml version="1.0"?>\n<msg><img aeskey="{key}" cdnmidimgurl="3052" cdnthumburl="305" length="9" {more}/></msg>'


def picture(key: str = "7678", more: str = "") -> content.Image:
    return content.Image(xml=XML.format(key=key, more=more), md5="", size=9)


VIDEO = content.Video(xml="<msg><videomsg/></msg>", md5="", length=timedelta(seconds=2), size=9)
VOICE = content.Voice(xml="<msg><voicemsg/></msg>", number="1040356098", length=timedelta(seconds=2), size=9)
FILE = shared.File(
    xml="<msg><appmsg><type>6</type></appmsg></msg>", name="a.pdf", size=9, extension="pdf", md5="", announced_as=""
)


def of_sim(sim: GeweSimulator, product: Product = Product.HOSTED) -> Account:
    return evolve(account(sim.url, product, TOKEN), app_id=AppId(APP))


async def bytes_of(gewe: Gewe, url: str, most_bytes: int = 10_000_000) -> bytes:
    async with gewe.media.fetch(account("http://gewe.example:2531"), url, most_bytes=most_bytes) as pieces:
        return b"".join([piece async for piece in pieces])


@pytest.mark.parametrize("sizes", [(1, 2, 3), (1, 3), (1,)])
async def test_locate_and_fetch_bring_a_picture_in_whichever_size_there_is(gewe: Gewe, sizes: tuple[int, ...]) -> None:
    async with gewe_simulator() as sim:
        medium = sim.media.keep("image", None, sizes=sizes)
        url = await gewe.media.locate(of_sim(sim), picture(medium.key))
        data = await bytes_of(gewe, url)

    assert data.startswith(b"\xff\xd8")
    assert (data == medium.data) is (sizes != (1, 3))  # the smaller one is tried before the larger


@pytest.mark.parametrize("medium", [VOICE, VIDEO, FILE], ids=["voice", "video", "file"])
async def test_locate_and_fetch_bring_the_other_media(gewe: Gewe, medium: content.Content) -> None:
    async with gewe_simulator() as sim:
        assert await bytes_of(gewe, await gewe.media.locate(of_sim(sim), medium))


async def test_locate_tries_the_sizes_and_then_the_cdn(gewe: Gewe) -> None:
    server = Answers({IMAGE: [refusal("下载图片失败")], CDN: [said({"fileUrl": URL})]})
    async with loopback(server) as here:
        assert await gewe.media.locate(account(here.url), picture()) == URL

    assert [(path, fields["type"]) for path, fields in server.asked] == [(IMAGE, 2), (IMAGE, 3), (IMAGE, 1), (CDN, "1")]


async def test_locate_asks_no_cdn_of_the_self_hosted_product(gewe: Gewe) -> None:
    server = Answers({IMAGE: [refusal("下载图片失败"), refusal("下载图片失败", "文件不存在"), refusal("下载图片失败")]})
    async with loopback(server) as here:
        with pytest.raises(RemoteRefused) as caught:
            await gewe.media.locate(account(here.url, Product.SELF_HOSTED), picture())

    assert caught.value.code == "gewe.media_gone"
    assert server.paths == [IMAGE] * 3


async def test_locate_of_a_picture_without_a_key_ends_with_its_sizes(gewe: Gewe) -> None:
    server = Answers({IMAGE: [said(None)]})
    async with loopback(server) as here:
        with pytest.raises(RemoteRefused) as caught:
            await gewe.media.locate(account(here.url), content.Image(xml="<msg><img/></msg>", md5="", size=0))

    assert caught.value.code == "gewe.media_unavailable"


@pytest.mark.parametrize(
    ("server", "kind"),
    [
        (failed("下载失败，最大支持2条并发，请稍后再试"), RemoteLimited),
        (failed("HTTP HEADER: X-GEWE-TOKEN 不可用或已过期"), RemoteUnauthorized),
        (Answering(b"<html>", status="503 Service Unavailable"), RemoteUnavailable),
    ],
)
async def test_locate_tries_no_other_size_where_that_would_not_help(
    gewe: Gewe, server: Answering, kind: type[RemoteError]
) -> None:
    async with loopback(server) as here:
        with pytest.raises(RemoteError) as caught:
            await gewe.media.locate(account(here.url), picture())

    assert type(caught.value) is kind
    assert here.visits == 1


@pytest.mark.parametrize(
    ("server", "code"),
    [
        (failed("java.lang.NullPointerException"), "gewe.media_gone"),
        (failed("下载视频失败", "文件不存在"), "gewe.media_gone"),
        (failed("下载视频失败", "资源不存在"), "gewe.media_gone"),
        (failed("下载视频失败", "链接已过期"), "gewe.media_gone"),
        (failed("下载视频xml解析异常"), "gewe.media_bad_xml"),
        (failed("下载视频失败"), "gewe.refused"),
        (done(None), "gewe.media_unavailable"),
        (done({}), "gewe.media_unavailable"),
        (done({"fileUrl": None, "url": ""}), "gewe.media_unavailable"),
    ],
)
async def test_locate_says_why_there_is_none(gewe: Gewe, server: Answering, code: str) -> None:
    async with loopback(server) as here:
        with pytest.raises(RemoteRefused) as caught:
            await gewe.media.locate(account(here.url), VIDEO)

    assert caught.value.code == code


@pytest.mark.parametrize("name", ["fileUrl", "url"])
async def test_locate_takes_the_address_by_either_name(gewe: Gewe, name: str) -> None:
    async with loopback(done({name: URL})) as here:
        assert await gewe.media.locate(account(here.url), VIDEO) == URL


@pytest.mark.parametrize("number", ["", "x", "-5"])
async def test_locate_of_a_voice_needs_its_number(gewe: Gewe, number: str) -> None:
    with pytest.raises(RemoteRefused) as caught:
        await gewe.media.locate(account("http://127.0.0.1:1"), evolve(VOICE, number=number))

    assert caught.value.code == "gewe.media_unavailable"


async def test_locate_of_a_text_is_not_supported(gewe: Gewe) -> None:
    with pytest.raises(NotSupported):
        await gewe.media.locate(account("http://127.0.0.1:1"), content.Text())


async def test_locate_joins_a_relative_path_to_the_self_hosted_media_port(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        medium = sim.media.keep("image", None)
        url = await gewe.media.locate(of_sim(sim, Product.SELF_HOSTED), picture(medium.key))

    assert url.startswith("http://127.0.0.1:2532/download/2")


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        ("http://gewe.lan:2531", "http://gewe.lan:2532/download/a/b.jpg"),
        ("https://gewe.lan/v2/api/", "http://gewe.lan:2532/download/a/b.jpg"),
        (" http://[::1]:2531/v2/api", "http://[::1]:2532/download/a/b.jpg"),
    ],
)
def test_the_media_port_is_on_the_same_host(base: str, expected: str) -> None:
    assert media_url(account(base, Product.SELF_HOSTED), "/a/b.jpg") == expected


@pytest.mark.parametrize("url", ["a/b.jpg", "ftp://media.example/a", "file:///etc/passwd"])
async def test_locate_takes_no_address_that_is_none(gewe: Gewe, url: str) -> None:
    async with loopback(done({"fileUrl": url})) as here:
        with pytest.raises(RemoteNonsense):
            await gewe.media.locate(account(here.url), VIDEO)


async def test_locate_says_that_a_medium_is_gone(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        sim.media.knobs = MediaKnobs(gone=True)
        with pytest.raises(RemoteRefused) as gone:
            await gewe.media.locate(of_sim(sim), VIDEO)
        sim.media.knobs = MediaKnobs(empty=True)
        with pytest.raises(RemoteRefused) as empty:
            await gewe.media.locate(of_sim(sim), VIDEO)

    assert (gone.value.code, empty.value.code) == ("gewe.media_gone", "gewe.media_unavailable")


async def test_fetch_gives_the_store_no_token_of_ours(gewe: Gewe) -> None:
    server = Answering(b"silk")
    async with loopback(server) as here:
        assert await bytes_of(gewe, f"{here.url}/a.silk?sign=1") == b"silk"

    assert server.head.startswith("GET /a.silk?sign=1 HTTP/1.1")
    assert "token" not in server.head.lower()


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        ("404 Not Found", RemoteRefused, "gewe.media_gone"),
        ("403 Forbidden", RemoteRefused, "gewe.media_gone"),
        ("302 Found", RemoteRefused, "remote.redirected"),
        ("206 Partial Content", RemoteRefused, "gewe.media_gone"),
        ("429 Too Many Requests", RemoteLimited, "gewe.limited"),
        ("503 Service Unavailable", RemoteUnavailable, "gewe.media_store_down"),
        ("502 Bad Gateway", RemoteUnavailable, "remote.gateway"),
    ],
)
async def test_fetch_reads_the_stores_status(gewe: Gewe, status: str, kind: type[RemoteError], code: str) -> None:
    async with loopback(Answering(b"x", status=status)) as here:
        with pytest.raises(RemoteError) as caught:
            await bytes_of(gewe, here.url)

    assert (type(caught.value), caught.value.code, caught.value.service) == (kind, code, "gewe-media")


async def announces(visit: Visit) -> None:
    await visit.request()
    await visit.answer(b"x" * 1001)


async def says_nothing_of_its_length(visit: Visit) -> None:
    await visit.request()
    await visit.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"x" * 1001)


@pytest.mark.parametrize("script", [announces, says_nothing_of_its_length])
async def test_fetch_stops_at_the_bound(gewe: Gewe, script: Script) -> None:
    async with loopback(script) as here:
        assert len(await bytes_of(gewe, here.url, most_bytes=1001)) == 1001
        with pytest.raises(RemoteRefused) as caught:
            await bytes_of(gewe, here.url, most_bytes=1000)

    assert (caught.value.code, caught.value.facts["most_bytes"]) == ("gewe.media_too_large", 1000)


async def test_fetch_cut_off_halfway_may_be_tried_again(gewe: Gewe) -> None:
    async def half(visit: Visit) -> None:
        await visit.request()
        await visit.say(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nhalf")

    async with loopback(half) as here:
        with pytest.raises(RemoteUnavailable):
            await bytes_of(gewe, here.url)


def test_only_the_gateway_itself_counts_as_its_own() -> None:
    gateway = account("http://10.0.0.9:2531", Product.SELF_HOSTED)
    assert is_own(gateway, "http://10.0.0.9:2532/download/a.jpg")
    assert is_own(gateway, "http://10.0.0.9:2531/a")
    for other in (
        "http://10.0.0.9:6379/",
        "http://10.0.0.8:2532/",
        "http://10.0.0.8\\@10.0.0.9:2532/",
        "http://10.0.0.9:2532@10.0.0.8/",
        "http://10.0.0.9.example:2532/",
    ):
        assert not is_own(gateway, other)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ftp://media.example/a", "ws://media.example/a", "", "//x", "http://[", "http://"]
)
async def test_fetch_goes_to_http_only(gewe: Gewe, url: str) -> None:
    with pytest.raises(RemoteRefused) as caught:
        await bytes_of(gewe, url)

    assert caught.value.code in {"targets.scheme", "targets.no_url"}
