"""One message to many people, handed out one by one: slowly, in waking hours, and to nobody twice."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import StrEnum

from attrs import field, frozen

from daemon.domain.message import AccountId, Wxid
from daemon.domain.outgoing import Parcel


class CampaignState(StrEnum):
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"  # by a person, or by us where it kept failing; `reason` says why
    STOPPED = "stopped"
    DONE = "done"


OVER = frozenset({CampaignState.STOPPED, CampaignState.DONE})


class RecipientState(StrEnum):
    WAITING = "waiting"
    QUEUED = "queued"  # in the outbox
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"  # it may have arrived; a person settles it, as any other send
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@frozen(kw_only=True)
class QuietHours:
    """Nobody is written to from `begin` to `end` on the clocks of `zone`. The same time twice: there are none."""

    begin: time
    end: time
    zone: str  # of the IANA database


@frozen(kw_only=True)
class Spread:
    """How the messages are spread over time, within the pace of the account."""

    quiet: QuietHours
    per_hour: int
    gap_low: timedelta  # between two recipients
    gap_high: timedelta


@frozen(kw_only=True)
class NewCampaign:
    account_id: AccountId
    name: str
    parcel: Parcel  # with {{ names }} to fill in, see daemon.domain.template
    spread: Spread
    starts_at: datetime
    expires_at: datetime | None  # whoever was not written to by then is not
    request_id: str | None = None


@frozen(kw_only=True)
class Campaign(NewCampaign):
    id: str
    state: CampaignState
    reason: str | None
    next_at: datetime  # nobody is handed out before
    failures: int  # in a row
    created_at: datetime
    created_by: str
    ended_at: datetime | None


@frozen(kw_only=True)
class NewRecipient:
    peer: Wxid
    variables: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Recipient(NewRecipient):
    place: int  # in the order they were given
    state: RecipientState
    reason: str | None
    batch: str | None  # of its sends
    send_id: str | None  # the first of them
    handed_at: datetime | None
