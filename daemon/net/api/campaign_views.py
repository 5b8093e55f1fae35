"""Campaigns as the API takes and shows them."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from attrs import field, frozen

from daemon.domain.campaign import (
    CampaignState,
    NewCampaign,
    NewRecipient,
    QuietHours,
    Recipient,
    RecipientState,
    Spread,
)
from daemon.domain.message import AccountId, Wxid
from daemon.domain.outgoing import shown
from daemon.engine.campaigns import Plan, Progress
from daemon.errors import Invalid, Problem
from daemon.net.api.contents import ContentBody, ContentType, details_of, parcel_of
from daemon.net.api.fields import ForeignId, Identifier, Name
from daemon.net.server.call import Call
from daemon.net.server.constraints import Length, Note, Pattern, Range
from daemon.texts import render

MOST_RECIPIENTS = 5000
MOST_LEFT_OUT = 500  # told one by one
DAY = 86_400

Clock = Annotated[str, Pattern(r"([01][0-9]|2[0-3]):[0-5][0-9]")]
Gap = Annotated[float, Range(1, DAY)]


@frozen(kw_only=True)
class QuietHoursBody:
    begin: Annotated[Clock, Note("From when on nobody is written to.", "22:00")]
    end: Annotated[Clock, Note("And until when. The same as begin: there are no quiet hours.", "08:00")]
    time_zone: Annotated[str, Length(1, 64), Note("Its name in the IANA database.", "Asia/Shanghai")]


@frozen(kw_only=True)
class RecipientBody:
    to: ForeignId
    variables: Annotated[
        dict[str, Annotated[str, Length(0, 1000)]], Note("What stands in the message for each {{ name }}.")
    ] = field(factory=dict)


@frozen(kw_only=True)
class CampaignBody:
    """What is left out is as the settings have it."""

    account_id: Identifier
    name: Name
    message: Annotated[ContentBody, Note("With {{ name }} where each recipient's own value is to stand.")]
    recipients: Annotated[list[RecipientBody], Length(1, MOST_RECIPIENTS)]
    starts_at: Annotated[datetime, Note("Now, where it is left out.")] | None = None
    expires_at: Annotated[datetime, Note("Who was not written to by then is not.")] | None = None
    quiet_hours: QuietHoursBody | None = None
    per_hour: Annotated[int, Range(1, 2400)] | None = None
    min_gap_seconds: Annotated[Gap, Note("Between two recipients, at least.")] | None = None
    max_gap_seconds: Annotated[Gap, Note("And at most; drawn anew for each.")] | None = None
    dry_run: Annotated[bool, Note("Show what would be sent to whom, and do nothing.")] = False


@frozen(kw_only=True)
class LeftOutView:
    to: str
    reason: Annotated[str, Note("A machine code.")]
    variable: Annotated[str | None, Note("That is missing.")]


@frozen(kw_only=True)
class SampleView:
    to: str
    content: str
    details: dict[str, Any]


@frozen(kw_only=True)
class CampaignView:
    id: str
    account_id: str
    name: str
    type: ContentType
    content: str
    details: dict[str, Any]
    state: CampaignState
    reason: Annotated[str | None, Note("Why it is paused or was ended, as a machine code.")]
    progress: Annotated[dict[str, int], Note("How many recipients are in each state.")]
    total: int
    quiet_hours: QuietHoursBody
    per_hour: int
    min_gap_seconds: float
    max_gap_seconds: float
    starts_at: datetime
    expires_at: datetime | None
    next_at: Annotated[datetime | None, Note("Nobody is written to before.")]
    ends_at: Annotated[datetime | None, Note("When the last one is written to, about.")]
    failures: Annotated[int, Note("In a row; ten of them pause it.")]
    created_at: datetime
    created_by: str
    ended_at: datetime | None


@frozen(kw_only=True)
class CampaignPlanView:
    campaign: Annotated[CampaignView | None, Note("Null for a dry run.")]
    recipients: Annotated[int, Note("Who are written to.")]
    left_out: Annotated[list[LeftOutView], Length(0, MOST_LEFT_OUT)]
    left_out_total: int
    samples: Annotated[list[SampleView], Note("What the first ones get.")]
    first_at: datetime
    ends_at: datetime | None


@frozen(kw_only=True)
class RecipientView:
    to: str
    state: RecipientState
    reason: str | None
    message_id: Annotated[str | None, Note("Of the first part of what was sent.")]
    handed_at: Annotated[datetime | None, Note("When it was queued.")]


def new_campaign(call: Call, body: CampaignBody, usual: Spread, now: datetime) -> NewCampaign:
    starts_at = max(body.starts_at or now, now)
    if body.expires_at is not None and body.expires_at <= starts_at:
        raise _wrong(call, "expires_at", "campaign.expires_early")
    return NewCampaign(
        account_id=AccountId(body.account_id),
        name=body.name,
        parcel=parcel_of(body.message, call.language, under="message."),
        spread=_spread(call, body, usual),
        starts_at=starts_at,
        expires_at=body.expires_at,
        request_id=call.id,
    )


def _spread(call: Call, body: CampaignBody, usual: Spread) -> Spread:
    low = usual.gap_low if body.min_gap_seconds is None else timedelta(seconds=body.min_gap_seconds)
    high = max(usual.gap_high, low) if body.max_gap_seconds is None else timedelta(seconds=body.max_gap_seconds)
    if low > high:
        raise _wrong(call, "min_gap_seconds", "campaign.gaps")
    return Spread(
        quiet=usual.quiet if body.quiet_hours is None else _quiet(call, body.quiet_hours),
        per_hour=usual.per_hour if body.per_hour is None else body.per_hour,
        gap_low=low,
        gap_high=high,
    )


def _quiet(call: Call, body: QuietHoursBody) -> QuietHours:
    try:
        ZoneInfo(body.time_zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise _wrong(call, "quiet_hours.time_zone", "campaign.zone") from None
    return QuietHours(begin=time.fromisoformat(body.begin), end=time.fromisoformat(body.end), zone=body.time_zone)


def _wrong(call: Call, name: str, code: str) -> Invalid:
    return Invalid(problems=[Problem(name, render(code, call.language, {}))])


def recipients_of(body: CampaignBody) -> list[NewRecipient]:
    return [NewRecipient(peer=Wxid(one.to), variables=one.variables) for one in body.recipients]


def plan_view(plan: Plan, campaign: CampaignView | None) -> CampaignPlanView:
    samples = zip(plan.written, plan.samples, strict=False)
    return CampaignPlanView(
        campaign=campaign,
        recipients=len(plan.written),
        left_out=[
            LeftOutView(to=left.peer, reason=left.reason, variable=left.variable)
            for left in plan.left_out[:MOST_LEFT_OUT]
        ],
        left_out_total=len(plan.left_out),
        samples=[SampleView(to=one.peer, content=shown(parcel), details=details_of(parcel)) for one, parcel in samples],
        first_at=plan.first_at,
        ends_at=plan.ends_about,
    )


def view(progress: Progress) -> CampaignView:
    campaign, counts = progress.campaign, progress.counts
    quiet, open_still = campaign.spread.quiet, campaign.ended_at is None
    return CampaignView(
        id=campaign.id,
        account_id=campaign.account_id,
        name=campaign.name,
        type=ContentType(campaign.parcel.kind),
        content=shown(campaign.parcel),
        details=details_of(campaign.parcel),
        state=campaign.state,
        reason=campaign.reason,
        progress=_figures(counts),
        total=sum(counts.values()),
        quiet_hours=QuietHoursBody(begin=f"{quiet.begin:%H:%M}", end=f"{quiet.end:%H:%M}", time_zone=quiet.zone),
        per_hour=campaign.spread.per_hour,
        min_gap_seconds=campaign.spread.gap_low.total_seconds(),
        max_gap_seconds=campaign.spread.gap_high.total_seconds(),
        starts_at=campaign.starts_at,
        expires_at=campaign.expires_at,
        next_at=campaign.next_at if open_still else None,
        ends_at=progress.ends_about,
        failures=campaign.failures,
        created_at=campaign.created_at,
        created_by=campaign.created_by,
        ended_at=campaign.ended_at,
    )


def _figures(counts: Mapping[RecipientState, int]) -> dict[str, int]:
    return {state.value: counts.get(state, 0) for state in RecipientState}


def recipient_view(recipient: Recipient) -> RecipientView:
    return RecipientView(
        to=recipient.peer,
        state=recipient.state,
        reason=recipient.reason,
        message_id=recipient.send_id,
        handed_at=recipient.handed_at,
    )
