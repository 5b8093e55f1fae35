"""What people share in a message: links, files, quotes, money. Each is one of the kinds in `daemon.domain.content`.

`xml` is what GeWe wants back to download or forward a thing. What WeChat does not say is an empty string, or 0.
"""

from typing import ClassVar

from attrs import frozen


@frozen(kw_only=True)
class Link:
    kind: ClassVar[str] = "link"
    title: str
    description: str
    url: str
    source: str  # who published it
    xml: str = ""  # empty in rows of before it was kept


@frozen(kw_only=True)
class GroupInvitation:
    kind: ClassVar[str] = "group_invitation"
    title: str
    description: str
    url: str  # what accepting it takes


@frozen(kw_only=True)
class FileAnnounced:
    """A file on its way: a `File` follows under another id."""

    kind: ClassVar[str] = "file_announced"
    name: str
    size: int
    extension: str
    md5: str


@frozen(kw_only=True)
class File:
    kind: ClassVar[str] = "file"
    xml: str
    name: str
    size: int
    extension: str
    md5: str
    announced_as: str  # wechat_id of its FileAnnounced


@frozen(kw_only=True)
class Quote:
    """A reply to an earlier message. The reply itself is the message's text."""

    kind: ClassVar[str] = "quote"
    quoted_id: str  # wechat_id
    quoted_author: str
    quoted_name: str
    quoted_text: str


@frozen(kw_only=True)
class MiniProgram:
    kind: ClassVar[str] = "mini_program"
    title: str
    name: str
    app_id: str
    owner: str  # gh_…@app
    page: str
    xml: str = ""  # as of a link


@frozen(kw_only=True)
class RecordLine:
    kind: str  # WeChat's number: 1 text, 2 image, 4 video, 5 link, 6 and 8 file, 17 another record, 37 emoji
    author: str
    at: str  # as it is shown there, without a zone
    text: str


@frozen(kw_only=True)
class ChatRecord:
    kind: ClassVar[str] = "chat_record"
    title: str
    description: str
    lines: tuple[RecordLine, ...]  # none where it came truncated


@frozen(kw_only=True)
class Transfer:
    kind: ClassVar[str] = "transfer"
    stage: str  # sent, received, refunded, or WeChat's own number
    amount: str  # as it is shown, with its currency
    transfer_id: str
    memo: str


@frozen(kw_only=True)
class RedPacket:
    kind: ClassVar[str] = "red_packet"
    wish: str


@frozen(kw_only=True)
class FinderVideo:
    kind: ClassVar[str] = "finder_video"
    author: str
    description: str
    url: str


@frozen(kw_only=True)
class AppMessage:
    """A shared thing of a kind without a type of its own."""

    kind: ClassVar[str] = "app_message"
    wire_type: str
    title: str
    description: str
    url: str
