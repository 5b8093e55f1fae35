from datetime import timedelta
from xml.etree.ElementTree import fromstring

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from daemon.domain import outgoing as out
from daemon.domain.message import AppId, Wxid
from daemon.domain.send import Accepted, Outgoing
from daemon.errors import AccountOffline, Conflict, NotSupported, OutcomeUnknown, RemoteRefused
from daemon.net.gewe.calls import MEDIA, SENDING
from daemon.net.gewe.client import Gewe
from daemon.net.gewe.parcels import form_of, quote_xml
from daemon.sim.gewe import TOKEN, gewe_simulator
from tests.clock import FakeClock
from tests.net.gewe.accounts import account
from tests.net.gewe.answering import done, failed
from tests.net.gewe.samples import FRIEND, MEMBER, ROOM
from tests.net.loopback import Visit, free_port, loopback
from tests.sim.wires import ANN, APP

SENT = Accepted(wechat_id="8992614056172360193", message_number="640355969", wechat_time=1765041160)
HELLO = Outgoing(to=Wxid(ANN), parcel=out.Text(text="你好"))


async def test_revoke_takes_back_a_text_whose_number_is_0(gewe: Gewe) -> None:
    async with gewe_simulator() as sim:
        here = evolve(account(sim.url, token=TOKEN), app_id=AppId(APP))
        sent = await gewe.messenger.send(here, HELLO)
        assert (sent.message_number, sim.received(ANN)) == ("0", ["你好"])

        await gewe.messenger.revoke(here, HELLO.to, sent)

        assert sim.received(ANN) == []


async def test_revoke_comes_too_late_after_two_minutes(gewe: Gewe) -> None:
    clock = FakeClock()
    async with gewe_simulator(clock=clock) as sim:
        here = evolve(account(sim.url, token=TOKEN), app_id=AppId(APP))
        sent = await gewe.messenger.send(here, HELLO)
        clock.advance(121)
        with pytest.raises(RemoteRefused) as caught:
            await gewe.messenger.revoke(here, HELLO.to, sent)

    assert caught.value.code == "gewe.too_late_to_revoke"


@pytest.mark.parametrize(
    ("sent", "missing"),
    [
        (evolve(SENT, wechat_id=None), "newMsgId"),
        (evolve(SENT, message_number=None), "msgId"),
        (evolve(SENT, wechat_time=None), "createTime"),
        (evolve(SENT, wechat_time=0), "createTime"),
        (Accepted(wechat_id=None, message_number=None, wechat_time=None), "newMsgId, msgId, createTime"),
    ],
)
async def test_revoke_without_all_three_ids_is_not_even_asked_for(gewe: Gewe, sent: Accepted, missing: str) -> None:
    with pytest.raises(Conflict) as caught:
        await gewe.messenger.revoke(account(f"http://127.0.0.1:{free_port()}"), Wxid(FRIEND), sent)

    assert (caught.value.code, caught.value.facts["missing"]) == ("gewe.cannot_revoke", missing)


async def test_revoke_whose_answer_is_lost_may_have_been_done(gewe: Gewe) -> None:
    async def hangs_up(visit: Visit) -> None:
        await visit.request()

    async with loopback(hangs_up) as here:
        with pytest.raises(OutcomeUnknown):
            await gewe.messenger.revoke(account(here.url), Wxid(FRIEND), SENT)

    assert here.visits == 1


async def test_an_image_is_accepted_without_a_time(gewe: Gewe) -> None:
    server = done({"createTime": 0, "msgId": 640355969, "newMsgId": 8992614056172360193, "type": None, "length": 1096})
    async with loopback(server) as here:
        accepted = await gewe.messenger.send(
            account(here.url), Outgoing(to=Wxid(FRIEND), parcel=out.Image(url="https://files.example/a.jpg"))
        )

    assert accepted == evolve(SENT, wechat_time=0)


@pytest.mark.parametrize(
    ("parcel", "timeouts"),
    [
        (out.Text(text="你好"), SENDING),
        (out.Card(wxid=Wxid(MEMBER), nickname="He"), SENDING),
        (out.Image(url="https://files.example/a.jpg"), MEDIA),
        (out.Video(url="https://files.example/a.mp4", thumb_url="https://files.example/t", length=timedelta()), MEDIA),
        (out.Forward(what="video", xml="<msg/>"), MEDIA),
    ],
)
def test_what_gewe_has_to_fetch_may_take_two_minutes(parcel: out.Parcel, timeouts: object) -> None:
    assert form_of(parcel, Wxid(FRIEND)).timeouts is timeouts
    assert (SENDING.total, MEDIA.total) == (timedelta(seconds=30), timedelta(seconds=120))


@pytest.mark.parametrize(
    ("length", "seconds"), [(timedelta(), 1), (timedelta(seconds=3), 3), (timedelta(seconds=3.1), 4)]
)
def test_a_video_is_told_in_whole_seconds(length: timedelta, seconds: int) -> None:
    video = out.Video(url="https://files.example/a.mp4", thumb_url="https://files.example/t.jpg", length=length)
    told = form_of(video, Wxid(FRIEND)).fields["videoDuration"]
    assert (told, type(told)) == (seconds, int)


@given(st.integers(0, 10**9))
def test_a_voice_is_told_in_exact_milliseconds(milliseconds: int) -> None:
    voice = out.Voice(url="https://files.example/a.silk", length=timedelta(milliseconds=milliseconds))
    assert form_of(voice, Wxid(FRIEND)).fields["voiceDuration"] == milliseconds


WORDS = st.text(max_size=40) | st.sampled_from(
    ["</title><type>1</type>", "]]>", "a & b", "&lt;", "\x00\x0b", "<!DOCTYPE x>"]
)


@given(WORDS, WORDS, WORDS)
def test_whatever_is_quoted_stays_within_its_element(text: str, nickname: str, quoted: str) -> None:
    reply = out.QuoteReply(text=text, wechat_id="7773", sender=Wxid(MEMBER), nickname=nickname, quoted=quoted)
    root = fromstring(quote_xml(reply, Wxid(ROOM)))

    assert [child.tag for child in root] == ["title", "type", "refermsg"]
    assert root.findtext("type") == "57"
    assert [child.tag for child in root[2]] == ["type", "svrid", "fromusr", "chatusr", "displayname", "content"]
    for path, meant in {"title": text, "refermsg/displayname": nickname, "refermsg/content": quoted}.items():
        if meant.isprintable():
            assert (root.findtext(path) or "") == meant


async def test_what_cannot_be_forwarded_is_said_to_be(gewe: Gewe) -> None:
    outgoing = Outgoing(to=Wxid(FRIEND), parcel=out.Forward(what="voice", xml="<msg/>"))
    with pytest.raises(NotSupported):
        await gewe.messenger.send(account(f"http://127.0.0.1:{free_port()}"), outgoing)


async def test_an_account_without_a_device_sends_nothing(gewe: Gewe) -> None:
    bare = evolve(account(f"http://127.0.0.1:{free_port()}"), app_id=AppId("new:018f"))
    with pytest.raises(AccountOffline) as caught:
        await gewe.messenger.send(bare, HELLO)

    assert caught.value.code == "gewe.no_device"
    assert await gewe.devices.check_online(bare) is False


async def test_the_same_sentence_means_nothing_special_to_another_call(gewe: Gewe) -> None:
    async with loopback(failed("失败", "消息已超过可撤回时间")) as here:
        with pytest.raises(RemoteRefused) as caught:
            await gewe.messenger.send(account(here.url), HELLO)

    assert caught.value.code == "gewe.refused"
