"""A message on its way out to WeChat."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen

from daemon.domain.message import AccountId, ConversationId, Wxid
from daemon.domain.outgoing import Parcel, Text, shown


class SendState(StrEnum):
    QUEUED = "queued"
    WAITING = "waiting"  # tried, nothing left the house; `error` says why; it will be tried again
    SENDING = "sending"  # durable before the first byte
    SENT = "sent"  # accepted by the gateway; WeChat says nothing of delivery
    FAILED = "failed"
    UNKNOWN = "unknown"  # it may have arrived: never repeated by us, settled by a person
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REVOKED = "revoked"


FINAL = frozenset({SendState.SENT, SendState.FAILED, SendState.CANCELLED, SendState.EXPIRED, SendState.REVOKED})


class SendOrigin(StrEnum):
    REPLY = "reply"  # the assistant's
    API = "api"  # a person or program, through our API
    CAMPAIGN = "campaign"  # one message to many, see daemon.domain.campaign
    RESEND = "resend"  # a person decided to send an unknown or failed one again
    CANARY = "canary"  # our own, to ourselves: whether the account is truly online


class Revoking(StrEnum):
    REVOKING = "revoking"  # durable before the call
    UNKNOWN = "unknown"  # its answer was lost: never tried again


@frozen(kw_only=True)
class NewSend:
    account_id: AccountId
    conversation_id: ConversationId
    to: Wxid
    parcel: Parcel
    origin: SendOrigin
    turn_id: str | None = None
    batch: str  # the parts of one long text share it: when one fails, the rest is not sent
    part: int = 1
    parts: int = 1
    expires_at: datetime
    parent_id: str | None = None  # the send that this one repeats
    request_id: str | None = None
    by: str | None = None  # the actor behind an API send

    @property
    def text(self) -> str:
        """What a person reads of it."""
        return shown(self.parcel)

    @property
    def mentions(self) -> tuple[Wxid, ...]:
        return self.parcel.mentions if isinstance(self.parcel, Text) else ()


@frozen(kw_only=True)
class Send(NewSend):
    id: str
    state: SendState
    error: str | None  # machine code
    detail: str | None
    attempts: int
    not_before: datetime | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    wechat_id: str | None  # newMsgId of the gateway's answer
    message_number: str | None  # its msgId; with it and `wechat_time` a message can be revoked
    wechat_time: int | None  # its createTime, seconds; 0 or none for some kinds
    revoke: Revoking | None  # how taking it back stands, where that was tried

    @property
    def accepted(self) -> "Accepted":
        """What the gateway said of it: taking it back wants all of that."""
        return Accepted(wechat_id=self.wechat_id, message_number=self.message_number, wechat_time=self.wechat_time)


@frozen(kw_only=True)
class Outgoing:
    """What the gateway is asked to send."""

    to: Wxid
    parcel: Parcel


@frozen(kw_only=True)
class Accepted:
    """What the gateway said: accepted, not delivered."""

    wechat_id: str | None
    message_number: str | None
    wechat_time: int | None
