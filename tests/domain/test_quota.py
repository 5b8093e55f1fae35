"""Days and months as a place's clocks have them."""

# ruff: noqa: DTZ001  # local times are meant: each test says of which place

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from daemon.domain.quota import Period, Window, debt_after, level_of, span_of, windows_from

ZONES = [ZoneInfo(name) for name in ("UTC", "Asia/Shanghai", "Europe/Berlin", "America/Havana", "Pacific/Apia")]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
moments = st.datetimes(datetime(2005, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@given(moments, st.sampled_from(Period), st.sampled_from(ZONES))
@example(datetime(2011, 12, 30, 10, tzinfo=UTC), Period.DAY, ZoneInfo("Pacific/Apia"))  # a day that never was
@example(datetime(2026, 11, 1, 4, 30, tzinfo=UTC), Period.DAY, ZoneInfo("America/Havana"))  # midnight comes twice
def test_windows_follow_each_other_without_a_gap_and_each_moment_is_in_its_own(
    moment: datetime, period: Period, zone: ZoneInfo
) -> None:
    start, end = span_of(period, zone, moment)
    assert start <= moment < end
    assert span_of(period, zone, start) == (start, end)
    assert span_of(period, zone, end)[0] == end
    assert span_of(period, zone, start - timedelta(milliseconds=1))[1] == start


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", datetime(2026, 3, 29, 12), 23),
        ("Europe/Berlin", datetime(2026, 10, 25, 12), 25),
        ("America/Havana", datetime(2026, 3, 8, 12), 23),  # begins with the jump: midnight is skipped
        ("America/Havana", datetime(2026, 11, 1, 12), 25),  # begins with the first midnight of two
        ("Asia/Shanghai", datetime(2026, 3, 29, 12), 24),
    ],
)
def test_a_day_on_which_clocks_change_is_as_long_as_it_is(zone: str, day: datetime, hours: int) -> None:
    start, end = span_of(Period.DAY, ZoneInfo(zone), day.replace(tzinfo=ZoneInfo(zone)))
    assert end - start == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("moment", "last_day"),
    [
        (datetime(2026, 1, 31, 23, 59, 59), 31),
        (datetime(2026, 2, 1), 28),
        (datetime(2028, 2, 29, 12), 29),
        (datetime(2026, 12, 31, 12), 31),
    ],
)
def test_a_month_ends_with_its_last_day(moment: datetime, last_day: int) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    start, end = span_of(Period.MONTH, zone, moment.replace(tzinfo=zone))
    assert start.astimezone(zone).date() == moment.date().replace(day=1)
    assert (end - timedelta(seconds=1)).astimezone(zone).date() == moment.date().replace(day=last_day)


@given(moments, st.integers(0, 40), st.sampled_from(Period), st.sampled_from(ZONES[:4]))
def test_windows_are_counted_as_they_come(moment: datetime, number: int, period: Period, zone: ZoneInfo) -> None:
    first, _ = span_of(period, zone, moment)
    later = first
    for _ in range(number):
        _, later = span_of(period, zone, later)
    assert windows_from(period, zone, first, later) == number


def test_a_debt_is_made_good_by_a_cap_a_window() -> None:
    window = Window(quota_id="q", scope_id="*", start=NOW, end=NOW, debt=5, used=30)
    assert [debt_after(window, 10, windows=number) for number in (1, 2, 3, 4)] == [25, 15, 5, 0]


@pytest.mark.parametrize(
    ("used", "level"), [(0, 0), (49, 0), (50, 50), (79, 50), (80, 80), (95, 95), (100, 100), (300, 100)]
)
def test_levels_are_those_reached(used: int, level: int) -> None:
    window = Window(quota_id="q", scope_id="*", start=NOW, end=NOW, used=used)
    assert level_of(window, 100) == level
