"""How much may be used in a day or a month, of what, and by whom."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from attrs import frozen

from daemon.domain.cost import MICRO, MOST, ChargeKind, Scopes, Units

EACH = "*"  # of a scope: each one of its kind by itself; of the global one: all together
LEVELS = (50, 80, 95, 100)  # percent of a window that a person is told of


class QuotaScope(StrEnum):
    GLOBAL = "global"
    ACCOUNT = "account"
    WORKFLOW = "workflow"
    CONTACT = "contact"
    RULE = "rule"
    KEY = "key"


class Period(StrEnum):
    DAY = "day"
    MONTH = "month"


class Measure(StrEnum):
    COST = "cost"  # money, in the currency of the settings
    POINTS = "points"
    TOKENS = "tokens"  # of all kinds
    CALLS = "calls"


@frozen(kw_only=True)
class Quota:
    id: str
    name: str
    scope: QuotaScope
    scope_id: str  # EACH, or the one it is for
    kind: ChargeKind | None  # which charges count; None: all
    period: Period
    time_zone: str  # in which its days and months begin
    measure: Measure
    cap_micro: int  # millionths of the measure
    hard: bool  # what does not fit is refused; else it is only told of
    created_at: datetime
    updated_at: datetime
    version: int


@frozen(kw_only=True)
class Window:
    """One day or month of a quota, for one of those it is for. Amounts in millionths of its measure."""

    quota_id: str
    scope_id: str
    start: datetime
    end: datetime  # when it renews
    debt: int = 0  # what the window before overshot
    used: int = 0
    reserved: int = 0
    told: int = 0  # the highest of LEVELS that was told of
    refused: int = 0  # calls

    def left(self, cap: int) -> int:
        return max(0, cap - self.debt - self.used - self.reserved)

    def over(self, cap: int) -> int:
        """What it leaves to the next window to make good."""
        return max(0, self.debt + self.used + self.reserved - cap)


def owner_of(scope: QuotaScope, scopes: Scopes) -> str | None:
    """Who a charge is for in this scope; None: nobody. Pure."""
    match scope:
        case QuotaScope.GLOBAL:
            return EACH
        case QuotaScope.ACCOUNT:
            return scopes.account_id
        case QuotaScope.WORKFLOW:
            return scopes.workflow_id
        case QuotaScope.CONTACT:
            return scopes.contact
        case QuotaScope.RULE:
            return scopes.rule_id
        case QuotaScope.KEY:
            return scopes.key_id


def amount_of(measure: Measure, units: Units, cost_micro: int) -> int:
    """What a charge takes of a quota, in millionths of its measure. Pure."""
    match measure:
        case Measure.COST:
            return cost_micro
        case Measure.POINTS:
            return units.points_micro
        case Measure.TOKENS:
            return min(units.tokens * MICRO, MOST)
        case Measure.CALLS:
            return MICRO


def span_of(period: Period, zone: ZoneInfo, moment: datetime) -> tuple[datetime, datetime]:
    """The day or month around `moment` as that place's clocks have it, in UTC: from its first instant to the next's.

    Where midnight is skipped, the day begins with the jump; where it comes twice, with the first.
    """
    first = moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if period is Period.MONTH:
        first = first.replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
    else:
        following = first + timedelta(days=1)
    return _instant(first, zone), _instant(following, zone)


def _instant(midnight: datetime, zone: ZoneInfo) -> datetime:
    return midnight.replace(tzinfo=zone, fold=0).astimezone(UTC)


def windows_from(period: Period, zone: ZoneInfo, start: datetime, later: datetime) -> int:
    """How many windows after the one that begins at `start` is the one that begins at `later`. Pure."""
    first, last = start.astimezone(zone), later.astimezone(zone)
    if period is Period.MONTH:
        return (last.year - first.year) * 12 + last.month - first.month
    return (last.date() - first.date()).days


def debt_after(before: Window, cap: int, *, windows: int) -> int:
    """What is left of a window's overshoot `windows` later: each one between has made a cap of it good. Pure."""
    return max(0, before.over(cap) - (windows - 1) * cap)


def level_of(window: Window, cap: int) -> int:
    """The highest of LEVELS that what is used has reached; 0: none. Pure."""
    spent = (window.debt + window.used) * 100
    return max((level for level in LEVELS if spent >= cap * level and spent > 0), default=0)
