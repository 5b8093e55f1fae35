"""What people do with campaigns: plan one, begin it, look at it, pause, resume and stop it."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

import structlog
from attrs import define, frozen

from daemon.domain import template
from daemon.domain.access import Actor
from daemon.domain.account import Account
from daemon.domain.campaign import (
    OVER,
    Campaign,
    CampaignState,
    NewCampaign,
    NewRecipient,
    Recipient,
    RecipientState,
    Spread,
)
from daemon.domain.message import Wxid
from daemon.domain.outgoing import Parcel
from daemon.engine import campaign_jobs
from daemon.engine import campaign_steps as steps
from daemon.engine.accounts import check_sending
from daemon.engine.campaign_plan import ends_about, next_at
from daemon.errors import Conflict, Invalid, NotFound, Problem
from daemon.store import alerts, audit, campaigns, do_not_contact, recipients, sends
from daemon.store.database import Database
from daemon.store.tx import Tx
from daemon.texts import render

log = structlog.get_logger()

SAMPLES = 5  # messages shown in full
MOST_PROBLEMS = 20  # told at once


@frozen(kw_only=True)
class LeftOut:
    """One of those given who is not written to. `place` counts from 0."""

    place: int
    peer: Wxid
    reason: str
    variable: str | None = None  # that is missing


@frozen(kw_only=True)
class Plan:
    """What a campaign would do."""

    written: tuple[NewRecipient, ...]  # who is written to, in order
    left_out: tuple[LeftOut, ...]
    samples: tuple[Parcel, ...]  # of the first
    first_at: datetime
    ends_about: datetime | None


@frozen(kw_only=True)
class Progress:
    campaign: Campaign
    counts: dict[RecipientState, int]
    ends_about: datetime | None  # None: it is not running, or nobody can say


@define
class Campaigns:
    db: Database
    usual: Spread  # what a campaign gets where its maker says nothing

    async def plan(self, new: NewCampaign, given: Sequence[NewRecipient], *, language: str) -> Plan:
        """Without any effect. Raises Invalid where the message itself makes no sense."""
        if wrong := template.misplaced(new.parcel):
            text = render("campaign.braces", language, {})
            raise Invalid(problems=[Problem(f"message.{field}", text) for field in wrong])
        return await self.db.read(_plan, new, given)

    async def add(
        self, account: Account, new: NewCampaign, given: Sequence[NewRecipient], *, by: Actor, language: str
    ) -> tuple[Campaign, Plan]:
        """Begun, and durable. Raises Invalid where a message cannot be filled in, naming recipient and variable."""
        check_sending(account)
        plan = await self.plan(new, given, language=language)
        if problems := [_problem(left, language) for left in plan.left_out if left.reason in UNFILLED][:MOST_PROBLEMS]:
            raise Invalid(problems=problems)
        if not plan.written:
            raise Conflict("campaign.nobody")
        campaign = await self.db.write(_add, new, plan, by=by)
        log.info("campaign.created", campaign=campaign.id, recipients=len(plan.written), by=by.id)
        return campaign, plan

    async def get(self, campaign_id: str) -> Progress:
        return await self.db.read(_progress, campaign_id)

    async def page(
        self, *, scope: Collection[str] | None, state: CampaignState | None, before: str | None, limit: int
    ) -> tuple[list[Progress], int]:
        return await self.db.read(_page, scope=scope, state=state, before=before, limit=limit)

    async def recipients(
        self, campaign_id: str, *, state: RecipientState | None, after: int, limit: int
    ) -> tuple[list[Recipient], int]:
        return await self.db.read(_recipients, campaign_id, state=state, after=after, limit=limit)

    async def pause(self, campaign_id: str, *, by: Actor) -> Progress:
        """What is in the outbox already still goes; nobody else is handed out."""
        return await self._moved(campaign_id, CampaignState.PAUSED, by)

    async def resume(self, campaign_id: str, *, by: Actor) -> Progress:
        return await self._moved(campaign_id, CampaignState.RUNNING, by)

    async def stop(self, campaign_id: str, *, by: Actor) -> Progress:
        """For good. What is in the outbox and has not begun is cancelled."""
        return await self._moved(campaign_id, CampaignState.STOPPED, by)

    async def _moved(self, campaign_id: str, state: CampaignState, by: Actor) -> Progress:
        moved = await self.db.write(_MOVES[state], campaign_id, by=by)
        log.info("campaign.moved", campaign=campaign_id, state=state, by=by.id)
        return moved


DUPLICATE, LEFT_ALONE = "campaign.duplicate", "send.do_not_contact"
MISSING, TOO_LONG = "campaign.missing_variable", "campaign.too_long"
UNFILLED = frozenset({MISSING, TOO_LONG})


def _plan(tx: Tx, new: NewCampaign, given: Sequence[NewRecipient]) -> Plan:
    wanted, alone = template.names(new.parcel), do_not_contact.among(tx, new.account_id, {g.peer for g in given})
    left_out = {left.place: left for left in _left_out(new.parcel, wanted, given, alone)}
    written = [one for place, one in enumerate(given) if place not in left_out]
    first_at = next_at(tx.now, new.spread, not_before=new.starts_at, hour_began=None)
    return Plan(
        written=tuple(written),
        left_out=tuple(left_out.values()),
        samples=tuple(template.fill(new.parcel, one.variables) for one in written[:SAMPLES]),
        first_at=first_at,
        ends_about=ends_about(first_at, len(written), new.spread),
    )


def _left_out(
    parcel: Parcel, wanted: frozenset[str], given: Sequence[NewRecipient], alone: Collection[Wxid]
) -> Iterator[LeftOut]:
    """Pure. Of those given twice the first counts."""
    seen = set[Wxid]()
    for place, one in enumerate(given):
        missing = min(wanted - one.variables.keys(), default=None)
        if one.peer in seen:
            yield LeftOut(place=place, peer=one.peer, reason=DUPLICATE)
        elif one.peer in alone:
            yield LeftOut(place=place, peer=one.peer, reason=LEFT_ALONE)
        elif missing is not None:
            yield LeftOut(place=place, peer=one.peer, reason=MISSING, variable=missing)
        elif not _fits(parcel, one):
            yield LeftOut(place=place, peer=one.peer, reason=TOO_LONG)
        seen.add(one.peer)


def _fits(parcel: Parcel, one: NewRecipient) -> bool:
    try:
        template.fill(parcel, one.variables)
    except template.TooLong:
        return False
    return True


def _problem(left: LeftOut, language: str) -> Problem:
    where = f"recipients[{left.place}]" + (f".variables.{left.variable}" if left.variable else "")
    return Problem(where, render(left.reason, language, {"variable": left.variable, "to": left.peer}))


def _add(tx: Tx, new: NewCampaign, plan: Plan, *, by: Actor) -> Campaign:
    later = new.starts_at > tx.now
    campaign_id = campaigns.add(tx, new, state=CampaignState.SCHEDULED if later else CampaignState.RUNNING, by=by.id)
    alone = [(left.peer, left.reason) for left in plan.left_out if left.reason == LEFT_ALONE]
    recipients.add(tx, campaign_id, plan.written, alone)
    campaign_jobs.start(tx, campaign_id, due_at=new.starts_at if later else None)
    detail = {"account": new.account_id, "recipients": len(plan.written), "kind": new.parcel.kind}
    audit.record(tx, by, "campaign.created", f"campaign:{campaign_id}", detail=detail)
    return _known(tx, campaign_id)


def _known(tx: Tx, campaign_id: str) -> Campaign:
    campaign = campaigns.get(tx, campaign_id)
    if campaign is None:
        raise NotFound("campaign.not_found", id=campaign_id)
    return campaign


def _progress(tx: Tx, campaign_id: str) -> Progress:
    return _progress_of(tx, _known(tx, campaign_id))


def _progress_of(tx: Tx, campaign: Campaign) -> Progress:
    counts, ends = recipients.counts(tx, campaign.id), None
    if campaign.state in {CampaignState.SCHEDULED, CampaignState.RUNNING}:
        ends = ends_about(max(campaign.next_at, tx.now), counts.get(RecipientState.WAITING, 0), campaign.spread)
    return Progress(campaign=campaign, counts=counts, ends_about=ends)


def _page(
    tx: Tx, *, scope: Collection[str] | None, state: CampaignState | None, before: str | None, limit: int
) -> tuple[list[Progress], int]:
    found = campaigns.page(tx, scope=scope, state=state, before=before, limit=limit)
    return [_progress_of(tx, campaign) for campaign in found], campaigns.count(tx, scope=scope, state=state)


def _recipients(
    tx: Tx, campaign_id: str, *, state: RecipientState | None, after: int, limit: int
) -> tuple[list[Recipient], int]:
    _known(tx, campaign_id)
    counts = recipients.counts(tx, campaign_id)
    total = sum(counts.values()) if state is None else counts.get(state, 0)
    return recipients.page(tx, campaign_id, state=state, after=after, limit=limit), total


def _pause(tx: Tx, campaign_id: str, *, by: Actor) -> Progress:
    campaign = _known(tx, campaign_id)
    if campaign.state not in {CampaignState.SCHEDULED, CampaignState.RUNNING}:
        raise Conflict("campaign.not_running", state=campaign.state)
    campaigns.move(tx, campaign_id, CampaignState.PAUSED, reason="campaign.paused")
    return _recorded(tx, campaign, "campaign.paused", by)


def _resume(tx: Tx, campaign_id: str, *, by: Actor) -> Progress:
    campaign = _known(tx, campaign_id)
    if campaign.state is not CampaignState.PAUSED:
        raise Conflict("campaign.not_paused", state=campaign.state)
    later = campaign.starts_at > tx.now
    campaigns.move(tx, campaign_id, CampaignState.SCHEDULED if later else CampaignState.RUNNING)
    campaigns.count_failures(tx, campaign_id, 0)
    alerts.resolve(tx, steps.alarm(campaign_id), by=by.id)
    campaign_jobs.start(tx, campaign_id)
    return _recorded(tx, campaign, "campaign.resumed", by)


def _stop(tx: Tx, campaign_id: str, *, by: Actor) -> Progress:
    campaign = _known(tx, campaign_id)
    if campaign.state in OVER:
        raise Conflict("campaign.over", state=campaign.state)
    for recipient in recipients.queued(tx, campaign_id):
        assert recipient.batch is not None
        sends.cancel_rest(tx, recipient.batch, error="campaign.stopped")
    recipients.end_waiting(tx, campaign_id, RecipientState.CANCELLED, reason="campaign.stopped")
    campaigns.move(tx, campaign_id, CampaignState.STOPPED, reason="campaign.stopped")
    alerts.resolve(tx, steps.alarm(campaign_id), by=by.id)
    campaign_jobs.start(tx, campaign_id)  # to see what became of what is in the outbox
    return _recorded(tx, campaign, "campaign.stopped", by)


def _recorded(tx: Tx, campaign: Campaign, action: str, by: Actor) -> Progress:
    audit.record(tx, by, action, f"campaign:{campaign.id}", detail={"account": campaign.account_id})
    return _progress(tx, campaign.id)


_MOVES = {CampaignState.PAUSED: _pause, CampaignState.RUNNING: _resume, CampaignState.STOPPED: _stop}
