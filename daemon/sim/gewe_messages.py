"""Sends and revokes, as GeWe answers them (contract 3, 15.6, 15.7). No callback follows a send by API.

Media are given by URL, and GeWe fetches them itself before it sends: see MediaKnobs.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from attrs import define, field, frozen

from daemon.clock import Clock
from daemon.sim.gewe_accounts import Accounts, Device
from daemon.sim.gewe_call import Call, Endpoint
from daemon.sim.gewe_media import Media, Medium, Unfetched
from daemon.sim.gewe_wire import (
    OFFLINE,
    REVOKE_FAILED,
    SEND_FAILED,
    TOO_LATE_TO_REVOKE,
    Reply,
    given,
    ok,
    plain,
    refused,
)
from daemon.sim.sent import Sends, Sent

REVOKE_S = 120  # WeChat's own limit, contract 1.3
MOST_IDS = 1 << 31  # msgId is an int32


@frozen(kw_only=True)
class Form:
    """How one kind of message is sent and answered; `shown` names the field that describes it."""

    required: tuple[str, ...]
    shown: str
    type: int | None = None
    has_msg_id: bool = True
    create_time: str = "seconds"  # or zero, or null
    extra: Mapping[str, Any] | None = None
    fetched: Mapping[str, str] = field(factory=dict)  # fields with a URL, and the kind of medium behind it


_IMAGE = {
    "aesKey": "7678796e6d70626e6b626c6f7375616b",
    "fileId": "3052020100044b30490201000204e49785f1",
    "length": 1096,
    "width": 400,
    "height": 400,
    "md5": "e6355eab0393facbd6a2cde3f990ef60",
}
_VIDEO = {"aesKey": _IMAGE["aesKey"], "fileId": _IMAGE["fileId"], "length": 490566}

FORMS = {
    "postText": Form(required=("content",), shown="content", type=1, has_msg_id=False),
    "postImage": Form(
        required=("imgUrl",), shown="imgUrl", create_time="zero", extra=_IMAGE, fetched={"imgUrl": "image"}
    ),
    "postFile": Form(required=("fileUrl", "fileName"), shown="fileName", type=6, fetched={"fileUrl": "file"}),
    "postVoice": Form(required=("voiceUrl", "voiceDuration"), shown="voiceUrl", fetched={"voiceUrl": "voice"}),
    "postVideo": Form(
        required=("videoUrl", "thumbUrl", "videoDuration"),
        shown="videoUrl",
        create_time="null",
        extra=_VIDEO,
        fetched={"videoUrl": "video", "thumbUrl": "image"},
    ),
    "postLink": Form(
        required=("title", "desc", "linkUrl", "thumbUrl"), shown="linkUrl", type=5, fetched={"thumbUrl": "image"}
    ),
    "postNameCard": Form(required=("nickName", "nameCardWxid"), shown="nameCardWxid", type=42, has_msg_id=False),
    "postEmoji": Form(required=("emojiMd5", "emojiSize"), shown="emojiMd5", create_time="null"),
    "postAppMsg": Form(required=("appmsg",), shown="appmsg", type=0),
    "postLocation": Form(required=("content",), shown="content"),
    "postMiniApp": Form(
        required=("miniAppId", "userName", "title", "coverImgUrl", "pagePath", "displayName"),
        shown="title",
        type=33,
        fetched={"coverImgUrl": "image"},
    ),
    "forwardFile": Form(required=("xml",), shown="xml", type=6),
    "forwardImage": Form(required=("xml",), shown="xml", extra=_IMAGE),
    "forwardVideo": Form(required=("xml",), shown="xml", extra={**_VIDEO, "fileId": None}),
    "forwardUrl": Form(required=("xml",), shown="xml", type=5),
    "forwardMiniApp": Form(required=("xml", "coverImgUrl"), shown="xml", type=33, fetched={"coverImgUrl": "image"}),
}
NOUNS = {"image": "图片", "file": "文件", "voice": "语音", "video": "视频"}


@define(eq=False)
class Messages:
    clock: Clock
    accounts: Accounts
    sends: Sends
    media: Media

    def endpoints(self) -> list[Endpoint]:
        sending = [Endpoint(f"message/{kind}", partial(self.send, kind)) for kind in FORMS]
        return [*sending, Endpoint("message/revokeMsg", self.revoke)]

    async def send(self, kind: str, call: Call) -> Reply:
        form = FORMS[kind]
        device, refusal = call.device(self.accounts, SEND_FAILED, "toWxid", *form.required)
        if device is None:
            return refusal
        if not device.alive:
            return refused(SEND_FAILED, OFFLINE)
        if not isinstance(call.body.get("ats", ""), str):
            return plain("参数错误")  # the documented type is a comma-joined string
        try:
            media = [await self._fetched(call.body[name], what) for name, what in form.fetched.items()]
        except Unfetched as error:
            return refused(f"发送{NOUNS[next(iter(form.fetched.values()))]}失败", str(error))
        sent = self._sent(device, kind, call.body, form, media[0] if media else None)
        self.sends.add(sent, reaches=not device.silent)
        call.entry.ids.update(newMsgId=sent.new_msg_id, delivered=not device.silent)
        return given(_answer(sent, form, media[0] if media else None))

    async def _fetched(self, url: object, kind: str) -> Medium | None:
        """What will be sent; None where the URL was taken on trust."""
        try:
            data = await self.media.fetch(url)
        except Unfetched as error:
            raise Unfetched(f"下载{NOUNS[kind]}失败: {error}") from error
        if data is None:
            return None
        medium = self.media.keep(kind, data)
        fits = {"image": medium.seen.is_picture, "voice": medium.seen.type == "audio/silk"}
        if self.media.knobs.checks_format and not fits.get(kind, True):
            raise Unfetched(f"{NOUNS[kind]}格式错误")
        return medium

    def _sent(self, device: Device, kind: str, body: Mapping[str, Any], form: Form, medium: Medium | None) -> Sent:
        new_id = self.sends.new_id()
        return Sent(
            app_id=device.app_id,
            to=str(body["toWxid"]),
            kind=kind,
            text=str(body[form.shown]),
            ats=str(body.get("ats", "")),
            msg_id=new_id % MOST_IDS if form.has_msg_id else 0,
            new_msg_id=new_id,
            create_time=int(self.clock.now().timestamp()),
            monotonic=self.clock.monotonic(),
            fields=body,
            seen=medium.seen if medium else None,
            media_key=medium.key if medium else "",
        )

    def revoke(self, call: Call) -> Reply:
        device, refusal = call.device(self.accounts, REVOKE_FAILED, "msgId", "newMsgId", "createTime")
        if device is None:
            return refusal
        if not device.alive:
            return refused(REVOKE_FAILED, OFFLINE)
        sent = self._named(device, call.body)
        if sent is None or int(self.clock.now().timestamp()) - sent.create_time > REVOKE_S:
            return refused(REVOKE_FAILED, TOO_LATE_TO_REVOKE)
        self.sends.revoke(sent)
        return ok()

    def _named(self, device: Device, body: Mapping[str, Any]) -> Sent | None:
        """The message all three ids name."""
        told = [str(body[name]) for name in ("msgId", "newMsgId", "createTime")]
        sent = self.sends.find(int(told[1])) if told[1].isdecimal() else None
        if sent is None or sent.app_id != device.app_id:
            return None
        return sent if told == [str(sent.msg_id), str(sent.new_msg_id), str(sent.create_time)] else None


def _answer(sent: Sent, form: Form, medium: Medium | None) -> dict[str, Any]:
    times = {"seconds": sent.create_time, "zero": 0, "null": None}
    own = _own(medium)
    return {
        "toWxid": sent.to,
        "createTime": times[form.create_time],
        "msgId": sent.msg_id,
        "newMsgId": sent.new_msg_id,
        "type": form.type,
        **{name: own.get(name, usual) for name, usual in (form.extra or {}).items()},
    }


def _own(medium: Medium | None) -> dict[str, Any]:
    """What the reply says of a medium GeWe has truly fetched."""
    if medium is None:
        return {}
    shown = medium.seen
    size = {"width": shown.width, "height": shown.height} if shown.is_picture else {}
    return {"aesKey": medium.key, "fileId": medium.cdn, "length": shown.length, "md5": medium.md5, **size}
