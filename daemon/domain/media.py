"""A medium that was received: what GeWe needs to fetch it, and what became of it here."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen

from daemon.domain.message import AccountId, MessageId


class MediaState(StrEnum):
    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"
    DROPPED = "dropped"  # fetched once, and removed again to keep within the size budget


@frozen(kw_only=True)
class MediaFile:
    """`url` is GeWe's, good for seven days; `file` is our copy's name below the state directory."""

    message_id: MessageId
    account_id: AccountId
    kind: str  # image, voice, video, file
    state: MediaState
    name: str  # of a file, as its sender called it
    url: str | None
    file: str | None
    media_type: str | None  # image/jpeg, …
    size: int
    sha256: str | None
    error: str | None
    created_at: datetime
    fetched_at: datetime | None
