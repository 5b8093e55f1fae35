"""What can be sent to WeChat, by kind: one frozen type each, told apart by `kind`.

Media go by URL: GeWe fetches them itself, so the address must be reachable from it. Fields as of `/message/post*` and
`/message/forward*` of GeWe.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar, get_args

from attrs import frozen

from daemon.domain.message import Wxid


@frozen(kw_only=True)
class Text:
    kind: ClassVar[str] = "text"
    text: str  # holds the @names of those it mentions; GeWe adds only their ids
    mentions: tuple[Wxid, ...] = ()


@frozen(kw_only=True)
class Image:
    kind: ClassVar[str] = "image"
    url: str


@frozen(kw_only=True)
class File:
    kind: ClassVar[str] = "file"
    url: str
    name: str


@frozen(kw_only=True)
class Voice:
    kind: ClassVar[str] = "voice"
    url: str  # of a silk file; WeChat plays nothing else
    length: timedelta  # GeWe wants milliseconds


@frozen(kw_only=True)
class Video:
    kind: ClassVar[str] = "video"
    url: str
    thumb_url: str
    length: timedelta  # GeWe wants whole seconds


@frozen(kw_only=True)
class Link:
    kind: ClassVar[str] = "link"
    title: str
    description: str
    url: str
    thumb_url: str


@frozen(kw_only=True)
class Card:
    kind: ClassVar[str] = "card"
    wxid: Wxid
    nickname: str


@frozen(kw_only=True)
class Emoji:
    kind: ClassVar[str] = "emoji"
    md5: str
    size: int


@frozen(kw_only=True)
class App:
    kind: ClassVar[str] = "app"
    appmsg: str  # the <appmsg> element alone


@frozen(kw_only=True)
class MiniProgram:
    kind: ClassVar[str] = "mini_program"
    app_id: str
    owner: str  # gh_…@app
    title: str
    cover_url: str
    path: str
    name: str


@frozen(kw_only=True)
class QuoteReply:
    """A text that quotes a message of the same conversation."""

    kind: ClassVar[str] = "quote"
    text: str
    wechat_id: str  # NewMsgId of what is quoted
    sender: Wxid  # who wrote that
    nickname: str = ""
    quoted: str = ""  # its text, as it is shown above the reply


@frozen(kw_only=True)
class Forward:
    """A medium that was received, sent on without being fetched and uploaded again."""

    kind: ClassVar[str] = "forward"
    what: str  # file, image, video, link, mini_program
    xml: str  # of the callback, without the sender's prefix
    cover_url: str = ""  # a mini program wants one


Parcel = Text | Image | File | Voice | Video | Link | Card | Emoji | App | MiniProgram | QuoteReply | Forward

KINDS: Mapping[str, type[Parcel]] = {kind.kind: kind for kind in get_args(Parcel)}


def shown(parcel: Parcel) -> str:
    """What a person reads of it in a list: its text, title or name; "" where it has none."""
    match parcel:
        case Text(text=text) | QuoteReply(text=text):
            return text
        case File(name=name):
            return name
        case Link(title=title) | MiniProgram(title=title):
            return title
        case Card(nickname=nickname):
            return nickname
        case _:
            return ""
