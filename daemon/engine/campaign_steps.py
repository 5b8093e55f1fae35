"""A campaign at work: its job hands out one recipient at a time, in the transaction that fills the outbox.

Whatever dies in between, a recipient is either still waiting or in the outbox, where a message goes at most once.
"""

from datetime import timedelta
from random import Random

from attrs import define, frozen

from daemon.codec import decode
from daemon.domain import template
from daemon.domain.access import SYSTEM
from daemon.domain.account import Account, AccountState
from daemon.domain.alert import AlertType, NewAlert, Severity
from daemon.domain.campaign import OVER, Campaign, CampaignState, Recipient, RecipientState
from daemon.domain.job import Job
from daemon.domain.send import NewSend, SendOrigin
from daemon.engine.accounts import Accounts
from daemon.engine.campaign_jobs import Args
from daemon.engine.campaign_plan import HOUR, next_at
from daemon.engine.jobs import Done, Result, Snooze
from daemon.engine.sends import enqueue_all
from daemon.errors import NotFound
from daemon.store import alerts, audit, campaigns, conversations, do_not_contact, recipients, sends
from daemon.store.database import Database
from daemon.store.tx import Tx

LOOK_AGAIN = timedelta(seconds=5)  # at what is in the outbox: of this campaign, or of anybody, whose sends go first
LOOK_AT_HELD = timedelta(seconds=30)  # at those whom a person answers now, where nobody else is left
MOST_FAILURES = 10  # in a row: then a person should look
MOST_SKIPPED = 200  # in one unit of work
AWAY = frozenset({AccountState.OFFLINE, AccountState.QR_PENDING, AccountState.SUSPENDED, AccountState.LOGGED_OUT})
RESTRICTED = "gewe.restricted"
OVERTAKEN = "send.overtaken"  # a person took the conversation over before the message went


@frozen(kw_only=True)
class Mailing:
    """How the messages of a campaign go out."""

    most_bytes: int  # of one WeChat message
    lives: timedelta  # one that waits longer in the outbox expires


@define
class HandOut:
    """The handler of the lane `campaign`."""

    db: Database
    accounts: Accounts
    random: Random
    mailing: Mailing

    async def __call__(self, job: Job) -> Result:
        campaign = await self.db.read(campaigns.get, decode(job.args, Args).campaign_id)
        if campaign is None:
            return Done()
        wait = await self.db.write(
            step, campaign.id, self._account(campaign), drawn=self.random.random(), mailing=self.mailing
        )
        return Done() if wait is None else Snooze(wait, reason="campaign.waiting")

    def _account(self, campaign: Campaign) -> Account | None:
        try:
            return self.accounts.get(campaign.account_id)
        except NotFound:
            return None


def step(tx: Tx, campaign_id: str, account: Account | None, *, drawn: float, mailing: Mailing) -> timedelta | None:
    """One look at the campaign; how long until the next, None where it needs none. `drawn`: the gap, from 0 to 1."""
    campaign = campaigns.get(tx, campaign_id)
    assert campaign is not None
    open_still, failures, reason = _look_at_queued(tx, campaign)
    if campaign.state in OVER | {CampaignState.PAUSED}:
        return LOOK_AGAIN if open_still else None
    if account is None or account.state in AWAY:
        reason = "campaign.account_away"
    elif reason is None and failures >= MOST_FAILURES:
        reason = "campaign.failing"
    if tx.now < campaign.starts_at:
        return campaign.starts_at - tx.now
    if reason is not None or account is None:
        _give_pause(tx, campaign, reason or "campaign.account_away")
        return LOOK_AGAIN if open_still else None
    if campaign.state is CampaignState.SCHEDULED:
        campaigns.move(tx, campaign.id, CampaignState.RUNNING)
    if campaign.expires_at is not None and tx.now >= campaign.expires_at:
        recipients.skip_held(tx, campaign.id, reason="campaign.held")
        recipients.end_waiting(tx, campaign.id, RecipientState.SKIPPED, reason="campaign.expired")
    if open_still:
        return LOOK_AGAIN
    return _go_on(tx, campaign, account, drawn=drawn, mailing=mailing)


def _look_at_queued(tx: Tx, campaign: Campaign) -> tuple[int, int, str | None]:
    """How many are still in the outbox, how many failed in a row by now, and what is reason enough to pause."""
    open_still, failures, reason = 0, campaign.failures, None
    for recipient in recipients.queued(tx, campaign.id):
        assert recipient.batch is not None
        state, error = recipients.became(tx, recipient.batch)
        if state is RecipientState.QUEUED:
            open_still += 1
            continue
        if error == OVERTAKEN and campaign.state not in OVER and not recipients.has_begun(tx, recipient.batch):
            recipients.wait_again(tx, campaign.id, recipient.place)
            continue
        recipients.end(tx, campaign.id, recipient.place, state, reason=error)
        if state is RecipientState.SENT:
            failures = 0
        elif state is not RecipientState.CANCELLED:
            failures += 1
        if error == RESTRICTED:
            reason = "campaign.restricted"
    if failures != campaign.failures:
        campaigns.count_failures(tx, campaign.id, failures)
    return open_still, failures, reason


def _give_pause(tx: Tx, campaign: Campaign, reason: str) -> None:
    campaigns.move(tx, campaign.id, CampaignState.PAUSED, reason=reason)
    detail = {"account": campaign.account_id, "reason": reason}
    audit.record(tx, SYSTEM, "campaign.paused", f"campaign:{campaign.id}", detail=detail)
    alerts.raise_(
        tx,
        NewAlert(
            fingerprint=alarm(campaign.id),
            service="GeWe",
            type=AlertType.ANOMALY,
            severity=Severity.HIGH,
            code=reason,
            facts={"name": campaign.name},
            account_id=campaign.account_id,
        ),
    )


def alarm(campaign_id: str) -> str:
    """The fingerprint of its alert."""
    return f"campaign/{campaign_id}"


def _go_on(tx: Tx, campaign: Campaign, account: Account, *, drawn: float, mailing: Mailing) -> timedelta | None:
    following = recipients.following(tx, campaign.id, limit=MOST_SKIPPED)
    if not following:
        return _wait_for_held(tx, campaign)
    spread = campaign.spread
    hour = recipients.handed_before(tx, campaign.id, since=tx.now - HOUR, back=spread.per_hour)
    due = next_at(tx.now, spread, not_before=campaign.next_at, hour_began=hour)
    if due > tx.now:
        campaigns.postpone(tx, campaign.id, due)
        return due - tx.now
    if sends.open_of(tx, account.id):
        return LOOK_AGAIN  # replies never stand behind a crowd
    for recipient in following:
        if _hand_out(tx, campaign, account, recipient, mailing):
            gap = spread.gap_low + drawn * (spread.gap_high - spread.gap_low)
            campaigns.postpone(tx, campaign.id, tx.now + gap)
            return min(gap, LOOK_AGAIN)
    return timedelta()  # none of these was to be written to: look at those behind them


def _wait_for_held(tx: Tx, campaign: Campaign) -> timedelta | None:
    """Nobody is left but those whom a person answers now; it is over where there are none."""
    free_at = recipients.free_at(tx, campaign.id)
    if free_at is None:
        campaigns.move(tx, campaign.id, CampaignState.DONE)
        return None
    return min(max(free_at - tx.now, timedelta()), LOOK_AT_HELD)


def _hand_out(tx: Tx, campaign: Campaign, account: Account, recipient: Recipient, mailing: Mailing) -> bool:
    """Whether it is in the outbox now. Who asked to be left alone meanwhile is."""
    if do_not_contact.holds(tx, account.id, recipient.peer):
        recipients.end(tx, campaign.id, recipient.place, RecipientState.SKIPPED, reason="send.do_not_contact")
        return False
    lives_until = tx.now + mailing.lives
    new = NewSend(
        account_id=account.id,
        conversation_id=conversations.touch(tx, account.id, recipient.peer).id,
        to=recipient.peer,
        parcel=template.fill(campaign.parcel, recipient.variables),
        origin=SendOrigin.CAMPAIGN,
        batch=tx.new_id(),
        expires_at=lives_until if campaign.expires_at is None else min(lives_until, campaign.expires_at),
        request_id=campaign.request_id,
        by=campaign.created_by,
    )
    ids = enqueue_all(tx, new, mailing.most_bytes)
    recipients.hand_out(tx, campaign.id, recipient.place, batch=new.batch, send_id=ids[0])
    return True
