"""What a message is, by kind: one frozen type each, told apart by `kind`.

`xml` is what WeChat said of a medium, without the sender before it: GeWe wants it back to download or forward it.
Strings are empty where WeChat says nothing; numbers are 0.
"""

from datetime import timedelta
from typing import ClassVar

from attrs import frozen

from daemon.domain.shared import (
    AppMessage,
    ChatRecord,
    File,
    FileAnnounced,
    FinderVideo,
    GroupInvitation,
    Link,
    MiniProgram,
    Quote,
    RedPacket,
    Transfer,
)


@frozen(kw_only=True)
class Text:
    kind: ClassVar[str] = "text"


@frozen(kw_only=True)
class Image:
    kind: ClassVar[str] = "image"
    xml: str
    md5: str
    size: int


@frozen(kw_only=True)
class Voice:
    kind: ClassVar[str] = "voice"
    xml: str
    number: str  # MsgId: the download wants it
    length: timedelta
    size: int


@frozen(kw_only=True)
class Video:
    kind: ClassVar[str] = "video"
    xml: str
    md5: str
    length: timedelta
    size: int


@frozen(kw_only=True)
class Emoji:
    kind: ClassVar[str] = "emoji"
    md5: str
    size: int
    url: str


@frozen(kw_only=True)
class Location:
    kind: ClassVar[str] = "location"
    latitude: str  # decimal, as it came
    longitude: str
    label: str
    name: str


@frozen(kw_only=True)
class NameCard:
    kind: ClassVar[str] = "name_card"
    nickname: str
    alias: str
    user_ticket: str  # v3_…: with `ticket` it is what adding the person takes
    ticket: str  # v4_…
    scene: int


@frozen(kw_only=True)
class FriendRequest:
    kind: ClassVar[str] = "friend_request"
    wxid: str
    nickname: str
    greeting: str
    user_ticket: str  # v3_…: with `ticket` it is what accepting takes
    ticket: str  # v4_…
    scene: int
    room: str  # where they found us


@frozen(kw_only=True)
class Revoke:
    kind: ClassVar[str] = "revoke"
    revoked_id: str  # wechat_id of the message that is gone
    revoked_number: str  # its MsgId


@frozen(kw_only=True)
class Pat:
    kind: ClassVar[str] = "pat"
    by: str
    patted: str


@frozen(kw_only=True)
class Person:
    wxid: str
    name: str


@frozen(kw_only=True)
class Slot:
    """One gap of a notice's template, and who fills it."""

    name: str  # username, names, adder, kickoutname, identity, …
    people: tuple[Person, ...]


@frozen(kw_only=True)
class GroupNotice:
    """Somebody joined, left, was removed, the room was closed: told by a template in the phone's language."""

    kind: ClassVar[str] = "group_notice"
    template: str
    slots: tuple[Slot, ...]


@frozen(kw_only=True)
class JoinApplication:
    kind: ClassVar[str] = "join_application"
    xml: str  # approving it wants it back


@frozen(kw_only=True)
class Announcement:
    kind: ClassVar[str] = "announcement"


@frozen(kw_only=True)
class GroupTodo:
    kind: ClassVar[str] = "group_todo"


@frozen(kw_only=True)
class Notice:
    """A line of WeChat's own, in the phone's language."""

    kind: ClassVar[str] = "notice"


@frozen(kw_only=True)
class Call:
    kind: ClassVar[str] = "call"
    in_room: bool


@frozen(kw_only=True)
class Noise:
    """What WeChat's devices tell one another: synchronised state, pushed configuration."""

    kind: ClassVar[str] = "noise"
    wire_type: str


@frozen(kw_only=True)
class Unknown:
    """A kind we have no type for, or one that is broken; the message keeps the callback as it came."""

    kind: ClassVar[str] = "unknown"
    wire_type: str


Content = (
    Text
    | Image
    | Voice
    | Video
    | Emoji
    | Location
    | Link
    | GroupInvitation
    | FileAnnounced
    | File
    | Quote
    | MiniProgram
    | ChatRecord
    | Transfer
    | RedPacket
    | NameCard
    | FriendRequest
    | Revoke
    | Pat
    | GroupNotice
    | JoinApplication
    | Announcement
    | GroupTodo
    | Notice
    | FinderVideo
    | Call
    | Noise
    | AppMessage
    | Unknown
)

NOTICES = (Revoke, Pat, GroupNotice, JoinApplication, GroupTodo, Notice, Noise, FriendRequest)
"""Kinds that are WeChat speaking, whoever caused them."""
