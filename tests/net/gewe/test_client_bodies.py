"""Each method of the client, and the exact request it makes. docs/gewe.md names these by their ids."""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from attrs import field, fields, frozen

from daemon.domain import content, shared
from daemon.domain import outgoing as out
from daemon.domain.account import Account, Product
from daemon.domain.message import Wxid
from daemon.domain.moments import Audience, NewPost
from daemon.domain.send import Accepted, Outgoing
from daemon.engine import ports
from daemon.errors import NotSupported, OutcomeUnknown, RemoteError, RemoteUnavailable
from daemon.net.gewe.calls import lacks
from daemon.net.gewe.client import Gewe
from tests.net.gewe.accounts import TOKEN, account
from tests.net.gewe.answering import Answers, said
from tests.net.gewe.samples import APP, BOT, FRIEND, MEMBER, NEWCOMER, ROOM
from tests.net.loopback import free_port, loopback

Method = Callable[[Gewe, Account], Awaitable[Any]]

WHO, IN_ROOM, OTHER, NEW = Wxid(FRIEND), Wxid(ROOM), Wxid(MEMBER), Wxid(NEWCOMER)
URL, THUMB = "https://files.example/a", "https://files.example/t.jpg"
POST_ID = "14287779828924756671"  # above 2^63, and no float
POST_NUMBER = 14287779828924756671
XML = '<msg><img aeskey="7678" cdnmidimgurl="3052" length="9"/></msg>'
SENT = Accepted(wechat_id="8992614056172360193", message_number="640355969", wechat_time=1765041160)
QUOTING = (
    "<appmsg><title>好的</title><type>57</type><refermsg><type>1</type><svrid>7773749793478223190</svrid>"
    f"<fromusr>{ROOM}</fromusr><chatusr>{MEMBER}</chatusr><displayname>He</displayname><content>几点？</content>"
    "</refermsg></appmsg>"
)

QR = {"appId": APP, "uuid": "AZ0y", "qrData": "http://weixin.qq.com/x/AZ0y", "qrImgBase64": "data:image/jpg;base64,/9"}
CHECK = {"uuid": "AZ0y", "nickName": "Lan", "expiredTime": 225, "status": 1, "loginInfo": None}
LISTS = {"friends": [FRIEND], "chatrooms": [ROOM], "ghs": []}
PAGE = {"firstPageMd5": "2eb4", "maxId": POST_NUMBER, "snsCount": 0, "requestTime": 1703236186, "snsList": []}
PUBLISHED = {"id": POST_NUMBER, "userName": BOT, "nickName": "Bridge", "createTime": 1703236082}
FOUND = {"v3": "v3_a@stranger", "v4": "v4_b", "nickName": "Tomas", "sex": 1, "signature": None}
LOCATED = {"fileUrl": "http://media.example/6752deb0.jpg"}


def send(parcel: out.Parcel, to: Wxid = WHO) -> Method:
    return lambda gewe, of: gewe.messenger.send(of, Outgoing(to=to, parcel=parcel))


def locate(medium: content.Content) -> Method:
    return lambda gewe, of: gewe.media.locate(of, medium)


def publish(**post: Any) -> Method:
    return lambda gewe, of: gewe.moments.publish(of, NewPost(text="今天天气不错", **post))


@frozen
class Case:
    """A method by its port's name, and what it asks of GeWe. Without `body` the appId alone."""

    name: str
    call: Method
    path: str
    body: Mapping[str, Any] = field(factory=dict)
    answer: Any = None
    product: Product = Product.HOSTED
    bare: bool = False  # says no appId
    before: Mapping[str, Any] = field(factory=dict)  # calls that come first: what each says, and its answer

    @property
    def method(self) -> str:
        return self.name.partition(" ")[0]


SENDS = [
    Case(
        "messenger.send text",
        send(out.Text(text="@He 你好", mentions=(OTHER, WHO)), IN_ROOM),
        "/message/postText",
        {"toWxid": ROOM, "content": "@He 你好", "ats": f"{MEMBER},{FRIEND}"},
    ),
    Case("messenger.send image", send(out.Image(url=URL)), "/message/postImage", {"toWxid": FRIEND, "imgUrl": URL}),
    Case(
        "messenger.send file",
        send(out.File(url=URL, name="报价.pdf")),
        "/message/postFile",
        {"toWxid": FRIEND, "fileUrl": URL, "fileName": "报价.pdf"},
    ),
    Case(
        "messenger.send voice",
        send(out.Voice(url=URL, length=timedelta(seconds=3.007))),
        "/message/postVoice",
        {"toWxid": FRIEND, "voiceUrl": URL, "voiceDuration": 3007},
    ),
    Case(
        "messenger.send video",
        send(out.Video(url=URL, thumb_url=THUMB, length=timedelta(seconds=9.2))),
        "/message/postVideo",
        {"toWxid": FRIEND, "videoUrl": URL, "thumbUrl": THUMB, "videoDuration": 10},
    ),
    Case(
        "messenger.send link",
        send(out.Link(title="Qiao", description="说明", url=URL, thumb_url=THUMB)),
        "/message/postLink",
        {"toWxid": FRIEND, "title": "Qiao", "desc": "说明", "linkUrl": URL, "thumbUrl": THUMB},
    ),
    Case(
        "messenger.send card",
        send(out.Card(wxid=OTHER, nickname="He")),
        "/message/postNameCard",
        {"toWxid": FRIEND, "nickName": "He", "nameCardWxid": MEMBER},
    ),
    Case(
        "messenger.send emoji",
        send(out.Emoji(md5="e635", size=1096)),
        "/message/postEmoji",
        {"toWxid": FRIEND, "emojiMd5": "e635", "emojiSize": 1096},
    ),
    Case(
        "messenger.send app",
        send(out.App(appmsg="<appmsg><title>a &amp; b</title></appmsg>")),
        "/message/postAppMsg",
        {"toWxid": FRIEND, "appmsg": "<appmsg><title>a &amp; b</title></appmsg>"},
    ),
    Case(
        "messenger.send mini_program",
        send(
            out.MiniProgram(app_id="wx9f", owner="gh_7aac@app", title="点餐", cover_url=URL, path="p/i.html", name="店")
        ),
        "/message/postMiniApp",
        {
            "toWxid": FRIEND,
            "miniAppId": "wx9f",
            "userName": "gh_7aac@app",
            "title": "点餐",
            "coverImgUrl": URL,
            "pagePath": "p/i.html",
            "displayName": "店",
        },
    ),
    Case(
        "messenger.send quote",
        send(
            out.QuoteReply(text="好的", wechat_id="7773749793478223190", sender=OTHER, nickname="He", quoted="几点？"),
            IN_ROOM,
        ),
        "/message/postAppMsg",
        {"toWxid": ROOM, "appmsg": QUOTING},
    ),
    *(
        Case(
            f"messenger.send forward_{what}",
            send(out.Forward(what=what, xml="<msg/>")),
            path,
            {"toWxid": FRIEND, "xml": "<msg/>"},
        )
        for what, path in {
            "file": "/message/forwardFile",
            "image": "/message/forwardImage",
            "video": "/message/forwardVideo",
            "link": "/message/forwardUrl",
        }.items()
    ),
    Case(
        "messenger.send forward_mini_program",
        send(out.Forward(what="mini_program", xml="<msg/>", cover_url=URL)),
        "/message/forwardMiniApp",
        {"toWxid": FRIEND, "xml": "<msg/>", "coverImgUrl": URL},
    ),
    Case(
        "messenger.revoke",
        lambda gewe, of: gewe.messenger.revoke(of, WHO, SENT),
        "/message/revokeMsg",
        {"toWxid": FRIEND, "msgId": "640355969", "newMsgId": "8992614056172360193", "createTime": "1765041160"},
    ),
]

PROXY = "socks5://u:secret-pass@10.0.0.1:1080"
LOGINS = [
    Case(
        "devices.login_code hosted",
        lambda gewe, of: gewe.devices.login_code(of, region="320000", proxy=PROXY),
        "/login/getLoginQrCode",
        {"type": "ipad", "regionId": "320000", "proxyIp": PROXY},
        QR,
    ),
    Case(
        "devices.login_code self_hosted",
        lambda gewe, of: gewe.devices.login_code(of, region=None, proxy=None),
        "/login/getLoginQrCode",
        {},
        QR,
        Product.SELF_HOSTED,
    ),
    Case(
        "devices.push_login hosted",
        lambda gewe, of: gewe.devices.push_login(of, region="110000", proxy=None),
        "/login/dialogLogin",
        {"regionId": "110000"},
        {"appId": APP, "uuid": "AZ0y"},
    ),
    Case(
        "devices.check_login hosted",
        lambda gewe, of: gewe.devices.check_login(of, "AZ0y", code="482913"),
        "/login/checkLogin",
        {"uuid": "AZ0y", "captchCode": "482913", "autoSliding": False},
        CHECK,
    ),
    Case(
        "devices.check_login self_hosted",
        lambda gewe, of: gewe.devices.check_login(of, "AZ0y", code=None),
        "/login/checkLogin",
        {"uuid": "AZ0y"},
        CHECK,
        Product.SELF_HOSTED,
    ),
    Case("devices.check_online", lambda gewe, of: gewe.devices.check_online(of), "/login/checkOnline", {}, True),
    Case("devices.reconnect", lambda gewe, of: gewe.devices.reconnect(of), "/login/reconnection"),
    Case("devices.logout", lambda gewe, of: gewe.devices.logout(of), "/login/logout"),
    Case(
        "devices.set_callback hosted",
        lambda gewe, of: gewe.devices.set_callback(of, "https://q.example/cb"),
        "/login/setCallback",
        {"token": TOKEN, "callbackUrl": "https://q.example/cb"},
        bare=True,
    ),
    Case(
        "devices.set_callback self_hosted",
        lambda gewe, of: gewe.devices.set_callback(of, "https://q.example/cb"),
        "/tools/setCallback",
        {"token": TOKEN, "callbackUrl": "https://q.example/cb"},
        product=Product.SELF_HOSTED,
        bare=True,
    ),
    Case("devices.profile", lambda gewe, of: gewe.devices.profile(of), "/personal/getProfile", {}, {"wxid": BOT}),
]

PEOPLE = [
    Case("contacts.ids", lambda gewe, of: gewe.contacts.ids(of), "/contacts/fetchContactsList", {}, LISTS),
    Case("contacts.cached_ids", lambda gewe, of: gewe.contacts.cached_ids(of), "/contacts/fetchContactsListCache"),
    Case(
        "contacts.brief",
        lambda gewe, of: gewe.contacts.brief(of, [WHO, IN_ROOM]),
        "/contacts/getBriefInfo",
        {"wxids": [FRIEND, ROOM]},
        [],
    ),
    Case(
        "contacts.detail",
        lambda gewe, of: gewe.contacts.detail(of, [WHO]),
        "/contacts/getDetailInfo",
        {"wxids": [FRIEND]},
        [],
    ),
    Case(
        "contacts.search",
        lambda gewe, of: gewe.contacts.search(of, "tomas77"),
        "/contacts/search",
        {"contactsInfo": "tomas77"},
        FOUND,
    ),
    Case(
        "contacts.add",
        lambda gewe, of: gewe.contacts.add(of, user_ticket="v3_a", ticket="v4_b", scene=3, greeting="你好"),
        "/contacts/addContacts",
        {"scene": 3, "option": 2, "v3": "v3_a", "v4": "v4_b", "content": "你好"},
    ),
    Case(
        "contacts.accept",
        lambda gewe, of: gewe.contacts.accept(of, user_ticket="v3_a", ticket="v4_b", scene=6),
        "/contacts/addContacts",
        {"scene": 6, "option": 3, "v3": "v3_a", "v4": "v4_b", "content": ""},
    ),
    Case(
        "contacts.remark",
        lambda gewe, of: gewe.contacts.remark(of, WHO, "客户 Lan"),
        "/contacts/setFriendRemark",
        {"wxid": FRIEND, "remark": "客户 Lan"},
    ),
    Case(
        "contacts.delete",
        lambda gewe, of: gewe.contacts.delete(of, WHO),
        "/contacts/deleteFriend",
        {"wxid": FRIEND},
    ),
    Case(
        "contacts.relations",
        lambda gewe, of: gewe.contacts.relations(of, [WHO]),
        "/contacts/checkRelation",
        {"wxids": [FRIEND]},
        [],
    ),
]

ROOMS = [
    Case(
        "rooms.info", lambda gewe, of: gewe.rooms.info(of, IN_ROOM), "/group/getChatroomInfo", {"chatroomId": ROOM}, {}
    ),
    Case(
        "rooms.members",
        lambda gewe, of: gewe.rooms.members(of, IN_ROOM),
        "/group/getChatroomMemberList",
        {"chatroomId": ROOM},
        {},
    ),
    Case(
        "rooms.create",
        lambda gewe, of: gewe.rooms.create(of, [WHO, OTHER]),
        "/group/createChatroom",
        {"wxids": [FRIEND, MEMBER]},
        {"chatroomId": ROOM, "headImgBase64": ""},
    ),
    Case(
        "rooms.invite",
        lambda gewe, of: gewe.rooms.invite(of, IN_ROOM, [OTHER, NEW], "同事"),
        "/group/inviteMember",
        {"chatroomId": ROOM, "wxids": f"{MEMBER},{NEWCOMER}", "reason": "同事"},
    ),
    Case(
        "rooms.remove",
        lambda gewe, of: gewe.rooms.remove(of, IN_ROOM, [OTHER, NEW]),
        "/group/removeMember",
        {"chatroomId": ROOM, "wxids": f"{MEMBER},{NEWCOMER}"},
    ),
    Case(
        "rooms.notice",
        lambda gewe, of: gewe.rooms.notice(of, IN_ROOM),
        "/group/getChatroomAnnouncement",
        {"chatroomId": ROOM},
        {},
    ),
    Case(
        "rooms.announce",
        lambda gewe, of: gewe.rooms.announce(of, IN_ROOM, "明天放假"),
        "/group/setChatroomAnnouncement",
        {"chatroomId": ROOM, "content": "明天放假"},
    ),
    Case(
        "rooms.rename",
        lambda gewe, of: gewe.rooms.rename(of, IN_ROOM, "产品群"),
        "/group/modifyChatroomName",
        {"chatroomId": ROOM, "chatroomName": "产品群"},
    ),
    Case("rooms.leave", lambda gewe, of: gewe.rooms.leave(of, IN_ROOM), "/group/quitChatroom", {"chatroomId": ROOM}),
]

UPLOADED = {"fileUrl": "http://sz.example/0", "thumbUrl": "http://sz.example/150", "fileMd5": "d001", "length": 63166}
MOMENTS = [
    Case(
        "moments.timeline first",
        lambda gewe, of: gewe.moments.timeline(of, next_id="0", first_page=""),
        "/sns/snsList",
        {"maxId": 0, "decrypt": True, "firstPageMd5": ""},
        PAGE,
    ),
    Case(
        "moments.timeline next",
        lambda gewe, of: gewe.moments.timeline(of, next_id=POST_ID, first_page="2eb4"),
        "/sns/snsList",
        {"maxId": POST_NUMBER, "decrypt": True, "firstPageMd5": "2eb4"},
        PAGE,
    ),
    Case(
        "moments.of_contact",
        lambda gewe, of: gewe.moments.of_contact(of, WHO, next_id="0", first_page=""),
        "/sns/contactsSnsList",
        {"wxid": FRIEND, "maxId": 0, "decrypt": True, "firstPageMd5": ""},
        PAGE,
    ),
    Case(
        "moments.post",
        lambda gewe, of: gewe.moments.post(of, POST_ID),
        "/sns/snsDetails",
        {"snsId": POST_NUMBER},
        PUBLISHED,
    ),
    Case(
        "moments.publish text",
        publish(audience=Audience(private=True, only=(WHO,), without=(OTHER,), mention=(NEW,))),
        "/sns/sendTextSns",
        {
            "content": "今天天气不错",
            "privacy": True,
            "allowWxIds": [FRIEND],
            "disableWxIds": [MEMBER],
            "atWxIds": [NEWCOMER],
        },
        PUBLISHED,
    ),
    Case(
        "moments.publish images",
        publish(image_urls=(URL, THUMB)),
        "/sns/sendImgSns",
        {"content": "今天天气不错", "imgInfos": [UPLOADED, UPLOADED]},
        PUBLISHED,
        before={"/sns/uploadSnsImage": ({"imgUrls": [URL, THUMB]}, [UPLOADED, UPLOADED])},
    ),
    Case(
        "moments.publish video",
        publish(video_url=URL, thumb_url=THUMB),
        "/sns/sendVideoSns",
        {"content": "今天天气不错", "videoInfo": UPLOADED},
        PUBLISHED,
        before={"/sns/uploadSnsVideo": ({"thumbUrl": THUMB, "videoUrl": URL}, UPLOADED)},
    ),
    Case(
        "moments.publish link",
        publish(link=URL, thumb_url=THUMB, link_title="Qiao", link_description="说明"),
        "/sns/sendUrlSns",
        {"content": "今天天气不错", "thumbUrl": THUMB, "linkUrl": URL, "title": "Qiao", "description": "说明"},
        PUBLISHED,
    ),
    Case("moments.delete", lambda gewe, of: gewe.moments.delete(of, POST_ID), "/sns/delSns", {"snsId": POST_NUMBER}),
    Case(
        "moments.like on",
        lambda gewe, of: gewe.moments.like(of, POST_ID, WHO, on=True),
        "/sns/likeSns",
        {"snsId": POST_NUMBER, "operType": 1, "wxid": FRIEND},
    ),
    Case(
        "moments.like off",
        lambda gewe, of: gewe.moments.like(of, POST_ID, WHO, on=False),
        "/sns/likeSns",
        {"snsId": POST_NUMBER, "operType": 2, "wxid": FRIEND},
    ),
    Case(
        "moments.comment",
        lambda gewe, of: gewe.moments.comment(of, POST_ID, WHO, text="真好", reply_to=None),
        "/sns/commentSns",
        {"snsId": POST_NUMBER, "operType": 1, "wxid": FRIEND, "commentId": 0, "content": "真好"},
    ),
    Case(
        "moments.comment reply",
        lambda gewe, of: gewe.moments.comment(of, POST_ID, WHO, text="真好", reply_to="17"),
        "/sns/commentSns",
        {"snsId": POST_NUMBER, "operType": 1, "wxid": FRIEND, "commentId": 17, "content": "真好"},
    ),
]

FILE = shared.File(xml=XML, name="报价.pdf", size=9, extension="pdf", md5="e635", announced_as="")
MEDIA = [
    Case(
        "media.locate image",
        locate(content.Image(xml=XML, md5="", size=9)),
        "/message/downloadImage",
        {"xml": XML, "type": 2},
        LOCATED,
    ),
    Case(
        "media.locate voice",
        locate(content.Voice(xml=XML, number="1040356098", length=timedelta(seconds=2), size=9)),
        "/message/downloadVoice",
        {"xml": XML, "msgId": 1040356098},
        LOCATED,
    ),
    Case(
        "media.locate video",
        locate(content.Video(xml=XML, md5="", length=timedelta(seconds=2), size=9)),
        "/message/downloadVideo",
        {"xml": XML},
        LOCATED,
    ),
    Case("media.locate file", locate(FILE), "/message/downloadFile", {"xml": XML}, LOCATED),
    Case(
        "media.locate emoji",
        locate(content.Emoji(md5="e635", size=9, url="")),
        "/message/downloadEmojiMd5",
        {"emojiMd5": "e635"},
        {"url": "http://media.example/e.gif"},
    ),
    Case(
        "media.locate cdn",
        locate(content.Image(xml=XML, md5="", size=9)),
        "/message/downloadCdn",
        {"aesKey": "7678", "fileId": "3052", "type": "1", "totalSize": "9", "suffix": "jpg"},
        LOCATED,
        before={"/message/downloadImage": None},
    ),
]

CASES = [*SENDS, *LOGINS, *PEOPLE, *ROOMS, *MOMENTS, *MEDIA]
BY_NAME = [pytest.param(case, id=case.name) for case in CASES]


@pytest.mark.parametrize("case", BY_NAME)
async def test_each_method_makes_its_request(gewe: Gewe, case: Case) -> None:
    first = {path: [said(told[1] if told else None)] for path, told in case.before.items()}
    server = Answers({**first, case.path: [said(case.answer)]})
    async with loopback(server) as here:
        await case.call(gewe, account(here.url, case.product))

    asked = {} if case.bare else {"appId": APP}
    assert server.asked[-1] == (case.path, {**asked, **case.body})
    for path, told in case.before.items():
        assert told is None or (path, {**asked, **told[0]}) in server.asked
    assert set(server.paths) == {*case.before, case.path}


@frozen
class Row:
    """One line of the documented table."""

    method: str
    path: str
    product: str
    effect: bool


def documented() -> list[Row]:
    table = Path("docs/gewe.md").read_text("utf-8").partition("## What is called")[2]
    found = re.findall(r"^\| `(\w+\.\w+)`[^|]*\| `?([^|`]+)`? \| (\w+) \| (yes|no) \|", table, re.MULTILINE)
    return [Row(method, path.strip(), product, effect == "yes") for method, path, product, effect in found]


def test_every_call_is_documented_and_nothing_else_is() -> None:
    asked = {(case.method, case.path) for case in CASES}
    asked |= {(case.method, path) for case in CASES for path in case.before}
    assert {(row.method, row.path) for row in documented()} == asked | {("media.fetch", "GET of the address")}
    for row in documented():
        assert lacks(Product.SELF_HOSTED, row.path) is (row.product == "hosted" and row.path != "/login/setCallback")


@pytest.mark.parametrize("case", BY_NAME)
async def test_a_lost_answer_is_unknown_where_the_call_has_an_effect(gewe: Gewe, case: Case) -> None:
    row = next(row for row in documented() if (row.method, row.path) == (case.method, case.path))
    first = {path: [said(told[1] if told else None)] for path, told in case.before.items()}
    async with loopback(Answers(first)) as here:  # hangs up on any other
        with pytest.raises(RemoteError) as caught:
            await case.call(gewe, account(here.url, case.product))

    assert type(caught.value) is (OutcomeUnknown if row.effect else RemoteUnavailable)


def test_every_method_of_every_port_is_among_them() -> None:
    of = {"messenger": ports.Messenger, "devices": ports.Devices, "contacts": ports.Contacts}
    of |= {"rooms": ports.Rooms, "moments": ports.Moments, "media": ports.MediaSource}
    assert set(of) == {part.name for part in fields(Gewe)}
    promised = {
        f"{name}.{method}"
        for name, port in of.items()
        for method, _ in inspect.getmembers(port, inspect.isfunction)
        if not method.startswith("_")
    }
    assert promised - {case.method for case in CASES} == {"media.fetch"}  # which asks an object store, not GeWe


LACKING = [case for case in CASES if lacks(Product.SELF_HOSTED, case.path)]


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name) for case in LACKING if not case.path.endswith("Cdn")]
)
async def test_what_the_self_hosted_product_lacks_is_refused_at_once(gewe: Gewe, case: Case) -> None:
    nowhere = account(f"http://127.0.0.1:{free_port()}", Product.SELF_HOSTED)
    with pytest.raises(NotSupported) as caught:
        await case.call(gewe, nowhere)

    assert caught.value.code == "gewe.not_supported"
    assert caught.value.facts["product"] == "self_hosted"
    assert str(caught.value.facts["call"]).startswith(("/sns/", "/message/download", "/contacts/"))


def test_the_self_hosted_product_lacks_what_the_contract_says() -> None:
    assert {case.method for case in LACKING} == {
        "contacts.cached_ids",
        "contacts.relations",
        "media.locate",
        *(case.method for case in MOMENTS),
    }
    assert not lacks(Product.SELF_HOSTED, "/message/downloadImage")
    assert not any(lacks(Product.HOSTED, case.path) for case in CASES)
