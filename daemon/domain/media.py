"""A medium that was received: what GeWe needs to fetch it, and what became of it here."""

from datetime import datetime
from enum import StrEnum

from attrs import frozen

from daemon.domain.message import AccountId, ConversationId, MessageId


class MediaKind(StrEnum):
    """Kinds of message that bring a file with them. The values are those of `daemon.domain.content`."""

    IMAGE = "image"
    VOICE = "voice"
    VIDEO = "video"
    FILE = "file"


READ = frozenset({MediaKind.IMAGE, MediaKind.FILE})  # kinds that a workflow can be given


class MediaState(StrEnum):
    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"
    DROPPED = "dropped"  # fetched once, and removed again to keep within the size budget, or for its age


@frozen(kw_only=True)
class MediaFile:
    """`url` is GeWe's, good for seven days; `file` is our copy's name below the state directory."""

    message_id: MessageId
    account_id: AccountId
    conversation_id: ConversationId
    kind: MediaKind
    state: MediaState
    name: str  # of a file, as its sender called it
    url: str | None
    url_at: datetime | None  # when GeWe gave it
    file: str | None
    media_type: str | None  # image/jpeg, …
    size: int
    sha256: str | None
    error: str | None
    created_at: datetime
    fetched_at: datetime | None


@frozen(kw_only=True)
class Arrived:
    """A file that was fetched whole."""

    file: str
    media_type: str
    size: int
    sha256: str


ANYTHING = "application/octet-stream"
HEAD = 16  # bytes that say what a file is

_MARKS = (  # where the mark stands, the mark, and what it says
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"%PDF-", "application/pdf"),
    (4, b"ftyp", "video/mp4"),
    (0, b"#!SILK", "audio/silk"),
    (1, b"#!SILK", "audio/silk"),  # WeChat puts a byte before it
    (0, b"#!AMR", "audio/amr"),
    (0, b"PK\x03\x04", "application/zip"),  # also what newer office programs write
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),  # what older ones write
)

SUFFIXES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "application/pdf": "pdf",
    "video/mp4": "mp4",
    "audio/silk": "silk",
    "audio/amr": "amr",
    "application/zip": "zip",
}


def type_of(head: bytes) -> str:
    """What a file is, by its first bytes alone: what its sender or a server says of it counts for nothing."""
    return next((told for at, mark, told in _MARKS if head[at : at + len(mark)] == mark), ANYTHING)
