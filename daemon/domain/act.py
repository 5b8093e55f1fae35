"""What an account does besides sending messages, and how often each kind of act is safe."""

from datetime import datetime, timedelta
from enum import StrEnum

from attrs import evolve, frozen

from daemon.domain.message import AccountId


class ActKind(StrEnum):
    FRIEND_SEARCH = "friend.search"
    FRIEND_ADD = "friend.add"
    FRIEND_ACCEPT = "friend.accept"
    FRIEND_DELETE = "friend.delete"
    FRIEND_REMARK = "friend.remark"
    RELATION_CHECK = "relation.check"
    CONTACTS_LIST = "contacts.list"  # the ids of the address book
    CONTACTS_READ = "contacts.read"  # who they are, 20 at once
    PROFILE_READ = "profile.read"
    ROOM_READ = "room.read"
    ROOM_CREATE = "room.create"
    ROOM_INVITE = "room.invite"
    ROOM_REMOVE = "room.remove"
    ROOM_ANNOUNCE = "room.announce"
    ROOM_RENAME = "room.rename"
    ROOM_LEAVE = "room.leave"
    MOMENTS_READ = "moments.read"
    MOMENTS_LIKE = "moments.like"
    MOMENTS_COMMENT = "moments.comment"
    MOMENTS_POST = "moments.post"
    MOMENTS_DELETE = "moments.delete"
    MEDIA_DOWNLOAD = "media.download"

    @property
    def only_reads(self) -> bool:
        """Nothing is changed by it: one whose answer was lost is no riddle for a person to solve."""
        return self in _READS


_READS = frozenset(
    {
        ActKind.FRIEND_SEARCH,
        ActKind.RELATION_CHECK,
        ActKind.CONTACTS_LIST,
        ActKind.CONTACTS_READ,
        ActKind.PROFILE_READ,
        ActKind.ROOM_READ,
        ActKind.MOMENTS_READ,
        ActKind.MEDIA_DOWNLOAD,
    }
)


class ActState(StrEnum):
    DOING = "doing"  # durable before the call
    DONE = "done"
    FAILED = "failed"  # surely nothing was done; of a read also: no answer came
    REFUSED = "refused"  # WeChat saw the try and said no: it counts
    UNKNOWN = "unknown"  # it may have been done: never repeated by us, settled by a person


@frozen(kw_only=True)
class Budget:
    """At most so many within any hour and any day, and a pause after each, drawn between two bounds."""

    per_hour: int
    per_day: int
    gap_low: timedelta
    gap_high: timedelta
    days_online: int = 0  # not before the account has been online so long

    def within(self, other: "Budget") -> bool:
        """No laxer than `other` in any figure."""
        return (
            self.per_hour <= other.per_hour
            and self.per_day <= other.per_day
            and self.gap_low >= other.gap_low
            and self.gap_high >= other.gap_high
            and self.days_online >= other.days_online
        )


@frozen(kw_only=True)
class Act:
    id: str
    account_id: AccountId
    kind: ActKind
    target: str
    state: ActState
    error: str | None  # machine code
    detail: str | None
    started_at: datetime
    ended_at: datetime | None
    by: str
    request_id: str | None


def _budget(per_hour: int, per_day: int, low: float, high: float, *, days: int = 0) -> Budget:
    return Budget(
        per_hour=per_hour,
        per_day=per_day,
        gap_low=timedelta(seconds=low),
        gap_high=timedelta(seconds=high),
        days_online=days,
    )


# Figures of the day and gaps are those of GeWe's advice (contract, section 16) where it has them; figures of the hour,
# and what it is silent about, are ours, on the cautious side. Its "8 within 2 hours" for friends holds with 4 an hour.
# Likes and comments share its 500 a day. Where its pages disagree on new accounts (1 or 3 days), we wait the longer.
USUAL = {
    ActKind.FRIEND_SEARCH: _budget(5, 10, 5, 10),
    ActKind.FRIEND_ADD: _budget(4, 10, 300, 900, days=3),
    ActKind.FRIEND_ACCEPT: _budget(30, 200, 3, 10),
    ActKind.FRIEND_DELETE: _budget(5, 20, 3, 10),
    ActKind.FRIEND_REMARK: _budget(30, 200, 2, 6),
    ActKind.RELATION_CHECK: _budget(5, 20, 5, 10),
    ActKind.CONTACTS_LIST: _budget(6, 60, 60, 120),
    ActKind.CONTACTS_READ: _budget(300, 2000, 1, 3),
    ActKind.PROFILE_READ: _budget(20, 100, 1, 3),
    ActKind.ROOM_READ: _budget(60, 500, 1, 3),
    ActKind.ROOM_CREATE: _budget(3, 10, 600, 900),
    ActKind.ROOM_INVITE: _budget(20, 100, 3, 10),
    ActKind.ROOM_REMOVE: _budget(20, 60, 3, 10),
    ActKind.ROOM_ANNOUNCE: _budget(5, 20, 3, 10),
    ActKind.ROOM_RENAME: _budget(5, 20, 3, 10),
    ActKind.ROOM_LEAVE: _budget(5, 20, 3, 10),
    ActKind.MOMENTS_READ: _budget(60, 200, 5, 8),
    ActKind.MOMENTS_LIKE: _budget(60, 300, 3, 10, days=3),
    ActKind.MOMENTS_COMMENT: _budget(40, 200, 3, 10, days=3),
    ActKind.MOMENTS_POST: _budget(1, 5, 3600, 5400, days=3),
    ActKind.MOMENTS_DELETE: _budget(5, 20, 3, 10),
    ActKind.MEDIA_DOWNLOAD: _budget(300, 2000, 3, 10),
}
_MOST = {  # an hour and a day, where more than the usual is still called safe
    ActKind.FRIEND_SEARCH: (10, 20),
    ActKind.FRIEND_ADD: (4, 15),
    ActKind.FRIEND_ACCEPT: (60, 200),
    ActKind.FRIEND_DELETE: (10, 50),
    ActKind.RELATION_CHECK: (10, 50),
    ActKind.CONTACTS_READ: (600, 5000),
    ActKind.ROOM_CREATE: (5, 10),
    ActKind.ROOM_INVITE: (40, 200),
    ActKind.MOMENTS_READ: (120, 200),
    ActKind.MEDIA_DOWNLOAD: (400, 3000),
}
SAFE = {
    kind: usual if kind not in _MOST else evolve(usual, per_hour=_MOST[kind][0], per_day=_MOST[kind][1])
    for kind, usual in USUAL.items()
}
