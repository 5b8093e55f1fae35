"""What a WeChat account received, in our own words: no GeWe, no SQL, no HTTP."""

from datetime import datetime
from enum import StrEnum
from typing import NewType

from attrs import frozen

from daemon.domain.content import Content

AppId = NewType("AppId", str)  # GeWe's device slot: one logged-in WeChat account; case-sensitive
Wxid = NewType("Wxid", str)  # a person, an official account, or a room when it ends in @chatroom; opaque
AccountId = NewType("AccountId", str)  # ours
MessageId = NewType("MessageId", str)  # ours; ids of WeChat are text too, they exceed 2^53
ConversationId = NewType("ConversationId", str)  # ours

ROOM_SUFFIX = "@chatroom"


class Origin(StrEnum):
    """Who a message comes from, as far as answering it is concerned."""

    PEER = "peer"  # a person writes to us, alone or in a room
    SELF = "self"  # we wrote it, on the phone: API sends are not called back
    SYSTEM = "system"  # WeChat's own accounts and notices: never answered


@frozen(kw_only=True)
class Message:
    """One message or system event of one account. `peer` is the conversation: the room, or the other person."""

    app_id: AppId
    dedupe_key: str  # the same for every delivery of the same message, see contracts of intake
    wechat_id: str | None  # NewMsgId, exact; None where the callback has none
    peer: Wxid
    sender: Wxid  # in a room the member who spoke; the room itself for its notices
    origin: Origin
    content: Content
    text: str  # what a person would read; the question, for a text
    mentions: frozenset[Wxid] = frozenset()  # who is @-ed; MENTION_ALL for everybody
    nickname: str | None = None  # how the sender is shown, where the callback says it
    sent_at: datetime
    sequence: int = 0  # MsgSeq: orders messages of one second
    account_wxid: Wxid | None = None  # the logged-in account, where the callback says it
    raw: bytes | None = None  # the whole callback, kept where we do not understand it

    @property
    def in_room(self) -> bool:
        return self.peer.endswith(ROOM_SUFFIX)


MENTION_ALL = Wxid("notify@all")
