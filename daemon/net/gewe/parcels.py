"""What is sent, as GeWe wants it: the call, its fields, and how long it may take."""

from collections.abc import Mapping
from datetime import timedelta
from math import ceil
from typing import Any

from attrs import frozen

from daemon.domain.message import Wxid
from daemon.domain.outgoing import (
    App,
    Card,
    Emoji,
    File,
    Forward,
    Image,
    Link,
    MiniProgram,
    Parcel,
    QuoteReply,
    Text,
    Video,
    Voice,
)
from daemon.errors import NotSupported
from daemon.net.gewe.calls import MEDIA, SENDING
from daemon.net.gewe.xml import escaped
from daemon.net.outbound import Timeouts

FORWARDS = {
    "file": "/message/forwardFile",
    "image": "/message/forwardImage",
    "video": "/message/forwardVideo",
    "link": "/message/forwardUrl",
    "mini_program": "/message/forwardMiniApp",
}
MILLISECOND, SECOND = timedelta(milliseconds=1), timedelta(seconds=1)


@frozen
class Form:
    path: str
    fields: Mapping[str, Any]
    timeouts: Timeouts = SENDING


def form_of(parcel: Parcel, to: Wxid) -> Form:
    match parcel:
        case Text() | QuoteReply() | App() | Card() | Emoji():
            return _said(parcel, to)
        case Image() | File() | Voice() | Video():
            return _medium(parcel)
        case Link() | MiniProgram() | Forward():
            return _shared(parcel)


def _said(parcel: Text | QuoteReply | App | Card | Emoji, to: Wxid) -> Form:
    """Nothing that GeWe would have to fetch."""
    match parcel:
        case Text(text=text, mentions=mentions):
            return Form("/message/postText", {"content": text, **({"ats": ",".join(mentions)} if mentions else {})})
        case QuoteReply():
            return Form("/message/postAppMsg", {"appmsg": quote_xml(parcel, to)})
        case App(appmsg=appmsg):
            return Form("/message/postAppMsg", {"appmsg": appmsg})
        case Card(wxid=wxid, nickname=nickname):
            return Form("/message/postNameCard", {"nickName": nickname, "nameCardWxid": wxid})
        case Emoji(md5=md5, size=size):
            return Form("/message/postEmoji", {"emojiMd5": md5, "emojiSize": size})


def _medium(parcel: Image | File | Voice | Video) -> Form:
    match parcel:
        case Image(url=url):
            return Form("/message/postImage", {"imgUrl": url}, MEDIA)
        case File(url=url, name=name):
            return Form("/message/postFile", {"fileUrl": url, "fileName": name}, MEDIA)
        case Voice(url=url, length=length):
            return Form("/message/postVoice", {"voiceUrl": url, "voiceDuration": ceil(length / MILLISECOND)}, MEDIA)
        case Video(url=url, thumb_url=thumb, length=length):
            seconds = max(1, ceil(length / SECOND))  # a video of none is shown as broken
            return Form("/message/postVideo", {"videoUrl": url, "thumbUrl": thumb, "videoDuration": seconds}, MEDIA)


def _shared(parcel: Link | MiniProgram | Forward) -> Form:
    match parcel:
        case Link(title=title, description=description, url=url, thumb_url=thumb):
            link = {"title": title, "desc": description, "linkUrl": url, "thumbUrl": thumb}
            return Form("/message/postLink", link, MEDIA)
        case MiniProgram():
            return Form("/message/postMiniApp", _mini_program(parcel), MEDIA)
        case Forward(what=what, xml=xml, cover_url=cover):
            if what not in FORWARDS:
                raise NotSupported("gewe.cannot_forward", what=what)
            covered = {"coverImgUrl": cover} if what == MiniProgram.kind else {}
            return Form(FORWARDS[what], {"xml": xml, **covered}, MEDIA)


def _mini_program(parcel: MiniProgram) -> dict[str, Any]:
    return {
        "miniAppId": parcel.app_id,
        "userName": parcel.owner,
        "title": parcel.title,
        "coverImgUrl": parcel.cover_url,
        "pagePath": parcel.path,
        "displayName": parcel.name,
    }


def quote_xml(reply: QuoteReply, to: Wxid) -> str:
    """An app message of type 57. `fromusr` is where the quoted message was said: the room, or the other person."""
    return (
        f"<appmsg><title>{escaped(reply.text)}</title><type>57</type><refermsg><type>1</type>"
        f"<svrid>{escaped(reply.wechat_id)}</svrid><fromusr>{escaped(to)}</fromusr>"
        f"<chatusr>{escaped(reply.sender)}</chatusr><displayname>{escaped(reply.nickname)}</displayname>"
        f"<content>{escaped(reply.quoted)}</content></refermsg></appmsg>"
    )
