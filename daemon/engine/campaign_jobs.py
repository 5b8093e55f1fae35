"""The job of a campaign: one each, which is begun, and woken when one of its messages has ended."""

from datetime import datetime

from attrs import frozen

from daemon.codec import encode
from daemon.domain.job import NewJob, OnConflict
from daemon.store import due, jobs, recipients
from daemon.store.tx import Tx

LANE = "campaign"


@frozen(kw_only=True)
class Args:
    campaign_id: str


def start(tx: Tx, campaign_id: str, *, due_at: datetime | None = None) -> None:
    job = NewJob(
        lane=LANE,
        key=campaign_id,
        args=encode(Args(campaign_id=campaign_id)),
        due_at=due_at,
        unique_key=campaign_id,
        on_conflict=OnConflict.REPLACE,
    )
    jobs.add(tx, job)


def wake(tx: Tx, batch: str) -> None:
    """A message has ended: where it is a campaign's, the campaign looks at it now."""
    campaign_id = recipients.campaign_of(tx, batch)
    if campaign_id is not None:
        due.hasten(tx, lane=LANE, key=campaign_id)


def look_at(tx: Tx, batch: str) -> None:
    """A person settled or repeated a message: its recipient says so, and one that is under way is followed."""
    campaign_id = recipients.campaign_of(tx, batch)
    if campaign_id is not None:
        recipients.follow(tx, batch)
        start(tx, campaign_id)
