"""The facts beneath the simulated stream: towns on real roads, and local days as the time zone files have them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.maven.simulator.days import local_day
from app.maven.simulator.places import CORRIDORS, PLACES
from app.maven.simulator.roads import all_roads


def test_places_lie_on_corridors_of_the_length_of_the_real_ones() -> None:
    assert len(PLACES) >= 60
    assert len({(place.city, place.state) for place in PLACES}) == len(PLACES)
    on_roads = {place for road in all_roads() for place in road.waypoints}
    assert on_roads == set(PLACES)
    # Official lengths of what lies between our first and last waypoint, in miles; chords are shorter than roads.
    real = {"I-5": 1350, "I-10": 2450, "I-40": 2550, "I-76": 435, "I-80": 2810, "I-90": 3020, "I-95": 1790}
    assert CORRIDORS.count(":") >= 10
    for road in all_roads():
        if road.name in real:
            assert 0.8 * real[road.name] < road.length < real[road.name]


@pytest.mark.parametrize(
    "moment", ["2026-03-08T06:59:59", "2026-03-08T07:00:00", "2026-11-01T05:59:59", "2025-11-02T06:00:00"]
)
def test_local_days_change_with_daylight_saving(moment: str) -> None:
    begins = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    for hours in range(-30, 30):
        instant = begins + timedelta(hours=hours)
        for zone, offset in (("America/New_York", -5), ("America/Los_Angeles", -8)):
            local = instant.astimezone(ZoneInfo(zone)).date().isoformat()
            assert local_day(int(instant.timestamp()), offset, observes_dst=True) == local
