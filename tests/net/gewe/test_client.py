import asyncio

import pytest
from aioresponses import aioresponses

from daemon.domain.account import Product
from daemon.domain.message import MENTION_ALL, Wxid
from daemon.domain.outgoing import Text
from daemon.domain.send import Accepted, Outgoing
from daemon.errors import (
    AccountOffline,
    OutcomeUnknown,
    RemoteError,
    RemoteLimited,
    RemoteNonsense,
    RemoteRefused,
    RemoteUnauthorized,
    RemoteUnavailable,
)
from daemon.net.gewe.calls import base_url
from daemon.net.gewe.client import Gewe
from tests.net.gewe.accounts import TOKEN, account
from tests.net.gewe.answering import Answering, done, failed
from tests.net.gewe.samples import APP, FRIEND, MEMBER, ROOM
from tests.net.loopback import Script, Visit, free_port, loopback

HELLO = Outgoing(to=Wxid(FRIEND), parcel=Text(text="你好"))


async def test_a_text_is_sent_and_its_ids_come_back_exact(gewe: Gewe) -> None:
    server = done({"toWxid": FRIEND, "createTime": 1765041160, "msgId": 0, "newMsgId": 3768973957878705021, "type": 1})
    async with loopback(server) as here:
        accepted = await gewe.messenger.send(account(here.url), HELLO)

    assert accepted == Accepted(wechat_id="3768973957878705021", message_number="0", wechat_time=1765041160)
    assert server.head.startswith("POST /gewe/v2/api/message/postText HTTP/1.1")
    assert f"X-GEWE-TOKEN: {TOKEN}" in server.head
    assert server.fields == {"appId": APP, "toWxid": FRIEND, "content": "你好"}


async def test_who_is_mentioned_is_listed_and_the_text_is_left_as_it_is(gewe: Gewe) -> None:
    server = done({})
    parcel = Text(text="@Lan\u2005 好的", mentions=(Wxid(FRIEND), Wxid(MEMBER), MENTION_ALL))
    outgoing = Outgoing(to=Wxid(ROOM), parcel=parcel)
    async with loopback(server) as here:
        await gewe.messenger.send(account(here.url), outgoing)

    assert server.fields["ats"] == f"{FRIEND},{MEMBER},notify@all"
    assert server.fields["content"] == "@Lan\u2005 好的"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (
            {"newMsgId": 18446744073709551617, "msgId": "640355969", "createTime": None},
            Accepted(wechat_id="18446744073709551617", message_number="640355969", wechat_time=None),
        ),
        (
            {"newMsgId": "3768973957878705021", "msgId": 5, "createTime": 0},
            Accepted(wechat_id="3768973957878705021", message_number="5", wechat_time=0),
        ),
        (
            {"newMsgId": 0, "msgId": "0", "createTime": "0"},
            Accepted(wechat_id=None, message_number="0", wechat_time=0),
        ),
        ({}, Accepted(wechat_id=None, message_number=None, wechat_time=None)),
        (None, Accepted(wechat_id=None, message_number=None, wechat_time=None)),
        ([1], Accepted(wechat_id=None, message_number=None, wechat_time=None)),
        ({"newMsgId": {}, "msgId": True}, Accepted(wechat_id=None, message_number=None, wechat_time=None)),
    ],
)
async def test_what_was_accepted_is_accepted_however_its_ids_are_written(
    gewe: Gewe, data: object, expected: Accepted
) -> None:
    async with loopback(done(data)) as here:
        assert await gewe.messenger.send(account(here.url), HELLO) == expected


@pytest.mark.parametrize(
    ("written", "product", "expected"),
    [
        ("http://h:2531", Product.SELF_HOSTED, "http://h:2531/v2/api"),
        ("http://h:2531/v2/api/", Product.SELF_HOSTED, "http://h:2531/v2/api"),
        ("https://api.geweapi.com", Product.HOSTED, "https://api.geweapi.com/gewe/v2/api"),
        (" https://api.geweapi.com/gewe/v2/api ", Product.HOSTED, "https://api.geweapi.com/gewe/v2/api"),
        ("https://relabelled.example/finder/v2/api", Product.HOSTED, "https://relabelled.example/finder/v2/api"),
        ("https://proxy.example/wechat//", Product.HOSTED, "https://proxy.example/wechat/gewe/v2/api"),
    ],
)
def test_an_address_may_have_its_prefix_or_not(written: str, product: Product, expected: str) -> None:
    assert base_url(account(written, product)) == expected


async def test_the_hosted_service_is_called_by_its_own_name_and_not_followed_elsewhere(
    gewe: Gewe, web: aioresponses
) -> None:
    address = "https://api.geweapi.com/gewe/v2/api/message/postText"
    web.post(address, status=302, headers={"Location": "https://elsewhere.example/"})

    with pytest.raises(RemoteRefused):
        await gewe.messenger.send(account("https://api.geweapi.com"), HELLO)

    assert [str(url) for _, url in web.requests] == [address]


@pytest.mark.parametrize(
    ("server", "kind", "code"),
    [
        (failed("发送消息失败", "微信已离线"), AccountOffline, "gewe.offline"),
        (failed("header:X-GEWE-TOKEN 不可为空"), RemoteUnauthorized, "gewe.unauthorized"),
        (failed("发送消息失败", "操作频繁"), RemoteLimited, "gewe.limited"),
        (failed(None), RemoteRefused, "gewe.refused"),
        (Answering(b"busy", status="429 Too Many Requests"), RemoteLimited, "gewe.limited"),
        (Answering(b"{}", status="404 Not Found"), RemoteRefused, "gewe.refused"),
        (Answering(b'{"ret":200,"data":{"newMs'), OutcomeUnknown, "gewe.broken_answer"),
        (Answering(b"<html>", status="503 Service Unavailable"), OutcomeUnknown, "gewe.broken_answer"),
        (Answering(b"<html>", status="502 Bad Gateway"), OutcomeUnknown, "remote.gateway"),
        (Answering(b"<html>", status="504 Gateway Timeout"), OutcomeUnknown, "remote.gateway"),
    ],
)
async def test_a_send_that_was_not_accepted_says_why(
    gewe: Gewe, server: Answering, kind: type[RemoteError], code: str
) -> None:
    async with loopback(server) as here:
        with pytest.raises(RemoteError) as caught:
            await gewe.messenger.send(account(here.url), HELLO)

    assert (type(caught.value), caught.value.code, caught.value.service) == (kind, code, "gewe")


async def reads_nothing(visit: Visit) -> None:
    pass


async def reads_the_head(visit: Visit) -> None:
    await visit.reader.readuntil(b"\r\n\r\n")


async def reads_and_closes(visit: Visit) -> None:
    await visit.request()


async def reads_and_resets(visit: Visit) -> None:
    await visit.request()
    visit.reset()


async def resets_while_reading(visit: Visit) -> None:
    await visit.reader.read(10)
    visit.reset()


async def answers_half_a_head(visit: Visit) -> None:
    await visit.request()
    await visit.say(b"HTTP/1.1 200 O")


async def answers_half_a_body(visit: Visit) -> None:
    await visit.request()
    await visit.say(b'HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"ret":500,"msg":"')


@pytest.mark.parametrize(
    "fault",
    [
        reads_nothing,
        reads_the_head,
        reads_and_closes,
        reads_and_resets,
        resets_while_reading,
        answers_half_a_head,
        answers_half_a_body,
    ],
)
@pytest.mark.parametrize("text", ["你好", "长" * 300_000])
async def test_once_a_byte_may_have_left_no_fault_makes_a_send_repeatable(gewe: Gewe, fault: Script, text: str) -> None:
    async with loopback(fault) as here:
        with pytest.raises(OutcomeUnknown):
            await gewe.messenger.send(account(here.url), Outgoing(to=Wxid(FRIEND), parcel=Text(text=text)))

    assert here.visits == 1


async def test_a_send_whose_answer_is_awaited_when_we_stop_is_cancelled_and_not_repeated(gewe: Gewe) -> None:
    received = asyncio.Event()

    async def keeps_waiting(visit: Visit) -> None:
        await visit.request()
        received.set()
        await visit.reader.read()

    async with loopback(keeps_waiting) as here:
        sending = asyncio.create_task(gewe.messenger.send(account(here.url), HELLO))
        await asyncio.wait_for(received.wait(), 5)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending

    assert here.visits == 1


async def test_a_gateway_that_is_not_there_has_sent_nothing(gewe: Gewe) -> None:
    with pytest.raises(RemoteUnavailable) as caught:
        await gewe.messenger.send(account(f"http://127.0.0.1:{free_port()}"), HELLO)

    assert caught.value.code == "remote.no_connection"


@pytest.mark.parametrize("status", ["200 OK", "500 Internal Server Error", "429 Too Many Requests"])
@pytest.mark.parametrize("body", [f'{{"ret":500,"msg":"X-GEWE-TOKEN={TOKEN} 不可用"}}', f"{'x' * 190}{TOKEN}"])
async def test_the_token_that_gewe_echoes_is_not_repeated(gewe: Gewe, status: str, body: str) -> None:
    async with loopback(Answering(body.encode(), status=status)) as here:
        with pytest.raises(RemoteError) as caught:
            await gewe.messenger.send(account(here.url), HELLO)

    told = f"{caught.value} {caught.value.detail} {caught.value.text('zh')} {caught.value.facts}"
    assert TOKEN[:6] not in told


async def test_whether_an_account_is_online_is_asked(gewe: Gewe) -> None:
    server = done(True)
    async with loopback(server) as here:
        online = await gewe.devices.check_online(account(here.url, Product.SELF_HOSTED))

    assert online is True
    assert server.head.startswith("POST /v2/api/login/checkOnline HTTP/1.1")
    assert server.fields == {"appId": APP}


@pytest.mark.parametrize("server", [done(False), failed("检测失败", "微信已离线")])
async def test_an_account_that_is_not_online_is_known_as_such(gewe: Gewe, server: Answering) -> None:
    async with loopback(server) as here:
        assert await gewe.devices.check_online(account(here.url)) is False


async def test_an_answer_to_another_question_is_nonsense(gewe: Gewe) -> None:
    async with loopback(done({"x": 1})) as here:
        with pytest.raises(RemoteNonsense):
            await gewe.devices.check_online(account(here.url))


async def test_a_question_may_be_repeated_after_any_fault(gewe: Gewe) -> None:
    async with loopback(reads_and_closes) as here:
        with pytest.raises(RemoteUnavailable):
            await gewe.devices.check_online(account(here.url))
