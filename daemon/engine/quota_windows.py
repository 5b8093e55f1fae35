"""Quotas at work: a charge is held against the windows it counts in, all or none; how full they are, a person is told.

Units of work, called inside those of others. A unit that refuses may still commit: what it reserved it has given back.
"""

from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from attrs import evolve

from daemon.clock import rfc3339
from daemon.domain.access import SYSTEM
from daemon.domain.alert import AlertType, NewAlert, Severity
from daemon.domain.cost import Charge, plain
from daemon.domain.quota import (
    EACH,
    Quota,
    QuotaScope,
    Window,
    amount_of,
    debt_after,
    level_of,
    owner_of,
    span_of,
    windows_from,
)
from daemon.errors import QuotaExceeded
from daemon.store import alerts, audit, ledger, quota_windows, quotas
from daemon.store.ledger import Hold
from daemon.store.quota_windows import Place, place_of
from daemon.store.tx import Tx

FULL = 100
SEVERITIES = {50: Severity.LOW, 80: Severity.MEDIUM, 95: Severity.MEDIUM, FULL: Severity.HIGH}  # the last is the seed's
TOLD_AT_ONCE = 100  # windows whose alerts are closed in one unit


@lru_cache(maxsize=64)  # more zones than an installation has; reading one takes a file
def zone_of(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def take(tx: Tx, charge: Charge) -> list[Hold] | QuotaExceeded:
    """Reserve the charge's estimate in every window it counts in; or in none, and which quota refused."""
    taken: list[Hold] = []
    for quota in quotas.matching(tx, charge.scopes, charge.kind):
        window = running(tx, quota, owner_of(quota.scope, charge.scopes) or EACH)
        amount = amount_of(quota.measure, charge.units, charge.estimate_micro)
        if not quota_windows.reserve(tx, place_of(window), amount, cap=quota.cap_micro if quota.hard else None):
            give_back(tx, taken)
            return _refuse(tx, quota, window)
        taken.append(Hold(place=place_of(window), amount=amount))
    return taken


def give_back(tx: Tx, taken: list[Hold]) -> None:
    """Nothing happened: all of it is free again, and what it may have owed to later windows with it."""
    for hold in taken:
        quota_windows.free(tx, hold.place, hold.amount)
        _pass_on(tx, hold.place)


def book(tx: Tx, charge: Charge) -> None:
    """A charge is settled: what it truly used counts, in the windows where it was reserved."""
    for hold in ledger.holds(tx, charge.id):
        quota = quotas.get(tx, hold.place[0])
        if quota is None:
            continue  # removed meanwhile, with its windows
        used = amount_of(quota.measure, charge.units, charge.cost_micro)
        quota_windows.book(tx, hold.place, hold.amount, used)
        ledger.rebook(tx, charge.id, quota.id, used)
        _pass_on(tx, hold.place)
        _warn(tx, quota, hold.place)


def running(tx: Tx, quota: Quota, owner: str) -> Window:
    """The window of this moment, opened if it is the first call in it; the alert of the one before is over then."""
    window, before = look(tx, quota, owner)
    if before is not None:
        quota_windows.add(tx, window)
        if before.told:
            close(tx, before)
    elif quota_windows.get(tx, place_of(window)) is None:
        quota_windows.add(tx, window)
    return window


def look(tx: Tx, quota: Quota, owner: str) -> tuple[Window, Window | None]:
    """The window of this moment as it is, or would begin; then with the one before it. Reads only."""
    start, end = span_of(quota.period, zone_of(quota.time_zone), tx.now)
    fresh = Window(quota_id=quota.id, scope_id=owner, start=start, end=end)
    known = quota_windows.get(tx, place_of(fresh))
    if known is not None:
        return known, None
    before = quota_windows.latest_before(tx, place_of(fresh))
    return evolve(fresh, debt=_debt(quota, before, start)), before


def close(tx: Tx, window: Window) -> None:
    """It renewed, or is no more: nobody needs to know how full it was."""
    alerts.resolve(tx, fingerprint(window))
    quota_windows.tell(tx, place_of(window), 0)


def close_ended(tx: Tx) -> int:
    """The alerts of windows that are over, some at a time; how many those were."""
    ended = quota_windows.ended_and_told(tx, limit=TOLD_AT_ONCE)
    for window in ended:
        close(tx, window)
    return len(ended)


def fingerprint(window: Window) -> str:
    """Of its alert."""
    return f"quota/{window.quota_id}/{window.scope_id}/{rfc3339(window.start)}"


def _debt(quota: Quota, before: Window | None, start: datetime) -> int:
    if before is None or not quota.hard or not before.over(quota.cap_micro):
        return 0
    passed = windows_from(quota.period, zone_of(quota.time_zone), before.start, start)
    return debt_after(before, quota.cap_micro, windows=passed)


def _pass_on(tx: Tx, place: Place) -> None:
    """A window that is over has changed: those after it owe what it overshot, no more and no less."""
    later = quota_windows.later(tx, place)
    before = quota_windows.get(tx, place) if later else None
    quota = quotas.get(tx, place[0]) if later else None
    if quota is None:
        return
    for window in later:
        debt = _debt(quota, before, window.start)
        quota_windows.owe(tx, place_of(window), debt)
        before = evolve(window, debt=debt)


def _refuse(tx: Tx, quota: Quota, window: Window) -> QuotaExceeded:
    quota_windows.refuse(tx, place_of(window))
    if not window.refused:  # one row a window: a caller that asks all day must not fill the log
        detail = {"scope": quota.scope, "scope_id": window.scope_id, "renews_at": rfc3339(window.end)}
        audit.record(tx, SYSTEM, "quota.exceeded", f"quota:{quota.id}", outcome=audit.REFUSED, detail=detail)
    if window.told < FULL:
        _tell(tx, quota, window, FULL)
    return QuotaExceeded("quota.exceeded", renews_at=window.end, **_facts(quota, window))


def _warn(tx: Tx, quota: Quota, place: Place) -> None:
    """Tell of a level that was reached, once, and not of a window that is over."""
    window = quota_windows.get(tx, place)
    if window is None or window.end <= tx.now:
        return
    level = level_of(window, quota.cap_micro)
    if level > window.told:
        _tell(tx, quota, window, level)


def _tell(tx: Tx, quota: Quota, window: Window, level: int) -> None:
    """Each level is news of its own, in the place of the one below it."""
    quota_windows.tell(tx, place_of(window), level)
    alerts.resolve(tx, fingerprint(window))
    alerts.raise_(
        tx,
        NewAlert(
            fingerprint=fingerprint(window),
            service="qiaod",
            type=AlertType.QUOTA_EXCEEDED if level == FULL else AlertType.THRESHOLD,
            severity=SEVERITIES[level],
            code="quota.used_up" if level == FULL else "quota.threshold",
            facts={"percent": level, "renews_at": rfc3339(window.end), **_facts(quota, window)},
            account_id=window.scope_id if quota.scope is QuotaScope.ACCOUNT else None,
        ),
    )


def _facts(quota: Quota, window: Window) -> dict[str, object]:
    left = window.left(quota.cap_micro)
    return {
        "id": quota.id,
        "name": quota.name,
        "scope": quota.scope if quota.scope is QuotaScope.GLOBAL else f"{quota.scope} {window.scope_id}",
        "measure": quota.measure,
        "left": plain(left),
        "left_micro": left,
        "cap_micro": quota.cap_micro,
    }
