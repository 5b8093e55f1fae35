"""What a callback says of a person or a room an account knows."""

from enum import StrEnum

from attrs import frozen

from daemon.domain.message import AppId, Wxid


class Change(StrEnum):
    CHANGED = "changed"  # added, or something about them is new
    REMOVED = "removed"  # the friend was deleted, or the room left


@frozen(kw_only=True)
class ContactChange:
    app_id: AppId
    wxid: Wxid | None  # the account's own; the callback may not say it
    dedupe_key: str
    change: Change
    contact: Wxid
    name: str | None = None
    remark: str | None = None
    owner: Wxid | None = None  # of a room
    user_ticket: str | None = None  # v3_…: the one a friend request was sent or accepted with
    befriended: bool = False  # they are a friend now
