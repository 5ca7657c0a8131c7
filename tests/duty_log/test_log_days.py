"""Log days: cut at midnight or noon of the driver's clocks, also on days on which the clocks change."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.duty_log.log_days import LogDays
from app.maven.times import HOUR, parse_time

CHICAGO = ZoneInfo("America/Chicago")
ZONES = [ZoneInfo(name) for name in ("UTC", "America/Chicago", "America/St_Johns", "America/Havana", "Pacific/Apia")]


@pytest.mark.parametrize(
    "day, hours", [(date(2024, 3, 9), 24), (date(2024, 3, 10), 23), (date(2024, 11, 3), 25)], ids=str
)
def test_a_day_is_as_long_as_its_clocks_make_it(day: date, hours: int) -> None:
    days = LogDays(CHICAGO)
    assert days.end_of(day) - days.start_of(day) == hours * HOUR


def test_a_day_that_starts_at_noon_is_the_date_of_that_noon() -> None:
    days = LogDays(CHICAGO, 12)
    assert days.start_of(date(2024, 1, 1)) == parse_time("2024-01-01T18:00:00Z")
    assert days.day_at(parse_time("2024-01-02T17:59:59Z")) == date(2024, 1, 1)
    assert days.day_at(parse_time("2024-01-02T18:00:00Z")) == date(2024, 1, 2)


@given(
    instant=st.integers(0, 6_000_000_000_000_000),
    zone=st.sampled_from(ZONES),
    hour=st.sampled_from([0, 12]),
)
def test_every_instant_is_in_the_day_it_is_said_to_be_in(instant: int, zone: ZoneInfo, hour: int) -> None:
    days = LogDays(zone, hour)
    day = days.day_at(instant)
    assert days.start_of(day) <= instant < days.end_of(day)


def test_starts_are_those_of_each_day() -> None:
    days = LogDays(CHICAGO)
    first = date(2024, 3, 8)
    assert days.starts_between(first, date(2024, 3, 12)) == tuple(
        days.start_of(first + timedelta(days=n)) for n in range(5)
    )
