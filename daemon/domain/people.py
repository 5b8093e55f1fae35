"""Contacts and rooms as GeWe tells of them. Strings are empty where it says nothing."""

from enum import IntEnum, StrEnum

from attrs import frozen

from daemon.domain.message import Wxid


@frozen(kw_only=True)
class ContactIds:
    """The address book: ids only. Rooms are those saved to it; others are known from their messages."""

    friends: tuple[Wxid, ...]
    rooms: tuple[Wxid, ...]
    officials: tuple[Wxid, ...]


@frozen(kw_only=True)
class Contact:
    wxid: Wxid
    nickname: str
    remark: str
    alias: str
    sex: int  # 0 unknown, 1 male, 2 female
    country: str
    province: str
    city: str
    signature: str
    avatar_url: str
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.remark or self.nickname or self.wxid


@frozen(kw_only=True)
class Stranger:
    """Who a search found. For somebody who is a friend already, `user_ticket` is their wxid."""

    user_ticket: str  # v3_…
    ticket: str  # v4_…
    nickname: str
    sex: int
    signature: str
    avatar_url: str


class FriendScene(IntEnum):
    """How they were found: WeChat wants to know."""

    WECHAT_NUMBER = 3
    QQ = 4
    GROUP = 8
    PHONE = 15


class Relation(StrEnum):
    NORMAL = "normal"
    DELETED_US = "deleted_us"
    BLOCKED_US = "blocked_us"
    BLOCKED_BY_US = "blocked_by_us"
    LIMITED = "limited"  # checked too often
    UNKNOWN = "unknown"


@frozen(kw_only=True)
class Member:
    wxid: Wxid
    nickname: str
    display_name: str  # within the room
    invited_by: Wxid | None
    is_admin: bool
    avatar_url: str

    @property
    def name(self) -> str:
        return self.display_name or self.nickname or self.wxid


@frozen(kw_only=True)
class Room:
    wxid: Wxid
    name: str
    remark: str
    owner: Wxid | None
    avatar_url: str
    members: tuple[Member, ...]


@frozen(kw_only=True)
class RoomNotice:
    """A room's announcement."""

    text: str
    editor: Wxid | None
    published_at: int  # seconds since 1970; 0 where there is none
