"""What passes between one account and one person or room, and who is answering."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen

from daemon.domain.media import MediaState
from daemon.domain.message import AccountId, ConversationId, MessageId, Wxid


@frozen(kw_only=True)
class Conversation:
    id: ConversationId
    account_id: AccountId
    peer: Wxid
    name: str | None
    muted: bool  # the assistant never answers here
    held_until: datetime | None  # a person has taken over, until then
    held_by: str | None  # "phone", "system" where a workflow asked for a person, or who said so through the API
    created_at: datetime
    last_message_at: datetime
    version: int

    def held(self, now: datetime) -> bool:
        return self.held_until is not None and self.held_until > now


class Standing(StrEnum):
    """What became of a received message."""

    PENDING = "pending"  # part of a turn that has not ended
    ANSWERED = "answered"  # part of a turn that has
    KEPT = "kept"  # not for the assistant; `reason` says why


class Kept(StrEnum):
    """Why a message was not answered."""

    SELF = "self"
    SYSTEM = "system"
    HISTORICAL = "historical"
    NOT_TEXT = "not_text"  # a kind the assistant does not read
    NOT_ADDRESSED = "not_addressed"  # in a room, and not to us
    NOT_ALLOWED = "not_allowed"
    BLOCKED = "blocked"
    MUTED = "muted"
    HELD = "held"  # a person has taken over
    SUSPENDED = "suspended"
    NO_WORKFLOW = "no_workflow"
    CANCELLED = "cancelled"  # somebody cancelled the job that was to answer it
    FLOODED = "flooded"  # more than an account may trigger
    FAILED = "failed"  # every workflow did; the turn says how
    REVOKED = "revoked"  # its author took it back in time


class Author(StrEnum):
    """Who wrote a line of a conversation."""

    PEER = "peer"
    ASSISTANT = "assistant"
    PERSON = "person"  # one of ours, on the phone or through the API


@frozen(kw_only=True)
class Line:
    """One line of a conversation's history, received or sent."""

    id: MessageId
    author: Author
    sender: Wxid | None
    kind: str
    text: str
    at: datetime  # when it was written, as far as WeChat tells; when it was queued, for one of ours
    received_at: datetime | None  # None for one of ours
    state: str  # a Standing, or the state of a send
    reason: str | None
    media: MediaState | None = None  # of what it brought, where that was to be fetched
