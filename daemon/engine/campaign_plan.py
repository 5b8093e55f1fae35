"""When a campaign may write to the next one, and when it is about through. Pure."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from daemon.domain.campaign import QuietHours, Spread

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONGEST = 400  # days that a forecast looks ahead


def is_quiet(moment: datetime, quiet: QuietHours) -> bool:
    clock = moment.astimezone(ZoneInfo(quiet.zone)).time()
    if quiet.begin <= quiet.end:
        return quiet.begin <= clock < quiet.end
    return clock >= quiet.begin or clock < quiet.end


def quiet_until(moment: datetime, quiet: QuietHours) -> datetime | None:
    """The first moment after it at which somebody may be written to; None where it is not quiet.

    Clocks that are set back show the end twice, and those that are set forward may not show it at all.
    """
    if not is_quiet(moment, quiet):
        return None
    zone = ZoneInfo(quiet.zone)
    today = moment.astimezone(zone).date()
    ends = sorted(
        datetime.combine(today + days * DAY, quiet.end, zone).replace(fold=fold).astimezone(moment.tzinfo)
        for days in (-1, 0, 1, 2)
        for fold in (0, 1)
    )
    end = next(end for end in ends if end > moment and not is_quiet(end, quiet))
    while end - MINUTE > moment and not is_quiet(end - MINUTE, quiet):
        end -= MINUTE  # the hour that was left out had the end in it
    return end


def next_at(now: datetime, spread: Spread, *, not_before: datetime, hour_began: datetime | None) -> datetime:
    """When the next one may be handed out: `now` where it may be at once.

    `hour_began`: when the first was handed out of those that fill the hour, where it is full.
    """
    moment = max(now, not_before)
    if hour_began is not None:
        moment = max(moment, min(hour_began, now) + HOUR)  # one in the future: somebody set the clock back
    return quiet_until(moment, spread.quiet) or moment


def ends_about(begin: datetime, left: int, spread: Spread) -> datetime | None:
    """When the last of `left` is handed out, as far as can be said; None: in more than a year."""
    each = max((spread.gap_low + spread.gap_high) / 2, HOUR / spread.per_hour)
    work, moment = each * max(left - 1, 0), begin
    for _ in range(2 * LONGEST):
        moment = quiet_until(moment, spread.quiet) or moment
        open_for = _open_for(moment, spread.quiet)
        if work <= open_for:
            return moment + work
        work, moment = work - open_for, moment + open_for
    return None


def _open_for(moment: datetime, quiet: QuietHours) -> timedelta:
    """How long it stays open from here, by the clock on the wall; a day where it is never quiet."""
    if quiet.begin == quiet.end:
        return LONGEST * DAY
    local = moment.astimezone(ZoneInfo(quiet.zone))
    begins = local.replace(hour=quiet.begin.hour, minute=quiet.begin.minute, second=0, microsecond=0)
    open_for = begins.astimezone(moment.tzinfo) - moment
    if open_for <= timedelta():
        begins = datetime.combine(local.date() + DAY, quiet.begin, local.tzinfo)
        open_for = begins.astimezone(moment.tzinfo) - moment
    return max(open_for, MINUTE)
