"""When the next one may be written to: waking hours, also on the nights when clocks are changed, and a full hour."""

import math
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.domain.campaign import QuietHours, Spread
from daemon.engine.campaign_plan import HOUR, MINUTE, ends_about, is_quiet, next_at, quiet_until
from tests.engine.samples import NOW

NIGHT = QuietHours(begin=time(22), end=time(8), zone="Asia/Shanghai")
ZONES = ["Asia/Shanghai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "UTC"]
YEAR_2026 = st.integers(0, 365 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + minutes * MINUTE)
CHANGES = st.sampled_from(  # around the hours at which these zones change their clocks
    [
        datetime(2026, 3, 29, 1, tzinfo=UTC),
        datetime(2026, 10, 25, 1, tzinfo=UTC),
        datetime(2026, 3, 8, 7, tzinfo=UTC),
        datetime(2026, 11, 1, 6, tzinfo=UTC),
        datetime(2026, 4, 4, 15, tzinfo=UTC),
        datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
    ]
)
NEAR = st.builds(lambda change, minutes: change + minutes * MINUTE, CHANGES, st.integers(-600, 600))
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))
QUIET = st.builds(QuietHours, begin=TIMES, end=TIMES, zone=st.sampled_from(ZONES))


def spread(**changes: object) -> Spread:
    fields: dict[str, object] = {
        "quiet": NIGHT,
        "per_hour": 60,
        "gap_low": timedelta(seconds=10),
        "gap_high": timedelta(seconds=20),
    }
    return Spread(**(fields | changes))  # type: ignore[arg-type]  # named right above


@given(YEAR_2026 | NEAR, QUIET)
@example(datetime(2026, 3, 8, 4, tzinfo=UTC), QuietHours(begin=time(2, 1), end=time(2), zone="America/New_York"))
def test_quiet_ends_at_the_first_moment_that_is_not_quiet(moment: datetime, quiet: QuietHours) -> None:
    until = quiet_until(moment, quiet)
    assert (until is None) is not is_quiet(moment, quiet)
    if until is not None:
        assert moment < until < moment + timedelta(days=2)  # the hour left out may hold all there was of a day
        assert not is_quiet(until, quiet)
        between = [moment + number * MINUTE for number in range(math.ceil((until - moment) / MINUTE))]
        assert all(is_quiet(one, quiet) for one in between)
        assert is_quiet(until - timedelta(seconds=1), quiet)


@pytest.mark.parametrize(
    ("local", "until"),
    [
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),  # 02:30 is left out
        (datetime(2026, 10, 25, 0, 10, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # 02:30 the first time
        (datetime(2026, 10, 25, 1, 10, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),  # and the second
    ],
)
def test_the_night_ends_right_when_clocks_are_changed(local: datetime, until: datetime) -> None:
    assert quiet_until(local, QuietHours(begin=time(22), end=time(2, 30), zone="Europe/Berlin")) == until


def test_the_same_time_twice_is_never_quiet() -> None:
    never = QuietHours(begin=time(), end=time(), zone="Asia/Shanghai")
    assert not any(is_quiet(NOW + hours * HOUR, never) for hours in range(30))


@given(YEAR_2026 | NEAR, QUIET, st.none() | st.integers(-120, 60), st.integers(-60, 600))
def test_nobody_is_ever_written_to_at_night_or_in_a_full_hour(
    now: datetime, quiet: QuietHours, full_since: int | None, gap: int
) -> None:
    began = None if full_since is None else now + full_since * MINUTE
    at = next_at(now, spread(quiet=quiet), not_before=now + gap * MINUTE, hour_began=began)
    assert at >= max(now, now + gap * MINUTE)
    assert not is_quiet(at, quiet)
    assert began is None or at >= min(began, now) + HOUR


def test_a_forecast_leaves_out_the_nights() -> None:
    begin = datetime(2026, 1, 2, 1, tzinfo=UTC)  # 9 in the morning there
    assert ends_about(begin, 61, spread(per_hour=60)) == begin + HOUR
    assert ends_about(begin, 13 * 60 + 31, spread(per_hour=60)) == begin + timedelta(hours=23, minutes=30)
    assert ends_about(begin, 1, spread()) == begin
    assert ends_about(begin, 5_000, spread(per_hour=1)) == begin + 357 * timedelta(days=1) + 1 * HOUR
    assert ends_about(begin, 50_000, spread(per_hour=1)) is None


def test_the_longer_of_gap_and_hour_decides_the_forecast() -> None:
    begin = datetime(2026, 1, 2, 1, tzinfo=UTC)
    slow = spread(per_hour=2400, gap_low=timedelta(seconds=30), gap_high=timedelta(seconds=90))
    assert ends_about(begin, 11, slow) == begin + timedelta(minutes=10)
