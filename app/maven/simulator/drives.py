"""One simulated violation: which limit a driver passed, for how long, from where to where.

Owns the draw of a violation and its Violation Data (every field of Maven's ELD page, in that order). When it is told,
and whether it is later taken back, is `stream.py`'s.
"""

from itertools import pairwise
from random import Random
from typing import NamedTuple

import orjson

from app.maven.simulator.days import local_day, utc_instant
from app.maven.simulator.fleet import Driver
from app.maven.simulator.roads import Road

# Hours of each limit by ruleset, for the long description: 49 CFR 395.3 and 395.5; for the intrastate ones state law.
_DRIVE, _SHIFT, _CYCLE = 0, 1, 2
_LIMITS = {
    "USA_PROPERTY_70_8": (11, 14, 70),
    "USA_PROPERTY_60_7": (11, 14, 60),
    "USA_PASSENGER_70_8": (10, 15, 70),
    "CALIFORNIA_INTRASTATE_PROPERTY": (12, 16, 80),
    "TEXAS_INTRASTATE_PROPERTY": (12, 15, 70),
}
# Upper ends of the shares of shift_drive, shift and cycle; above is break, which only federal property rules have.
_SHARES = (0.38, 0.65, 0.75)

# Share of violations at most so many seconds long, straight lines between: half under 18 minutes, 3 % over 3 hours.
_DURATIONS = ((0.0, 60), (0.5, 1080), (0.75, 2520), (0.86, 3600), (0.95, 7200), (0.97, 10_800), (1.0, 18_000))
SHORTEST_SECONDS = 60
LONGEST_SECONDS = 18_000

_SLOWEST_MPH, _FASTEST_MPH = 50.0, 65.0
# Between violations a truck gets on at no more than this, rests included, and turns so many miles an hour on the
# odometer.
_TRANSFER_MPH = 40.0
_USUAL_MPH = 9.0


class Drive(NamedTuple):
    """Time driven past a limit: instants in seconds since 1970, positions and odometer in miles, at its start and
    end.
    """

    driver_id: str
    driver_name: str
    ruleset: str
    power_unit: str
    terminal_code: str
    utc_offset_hours: int
    observes_dst: bool
    road: Road
    kind: str
    short_description: str
    long_description: str
    started_at: int
    ended_at: int
    start_mile: float
    end_mile: float
    end_odometer: float


def drive_too_long(rng: Random, driver: Driver, ended_at: int, seconds: int) -> Drive:
    """Let `driver` drive past a limit for `seconds` until `ended_at`, and move them and their odometer there.

    The drive is cut shorter where the corridor ends before it.
    """
    road = driver.road
    miles_an_hour = _SLOWEST_MPH + rng.random() * (_FASTEST_MPH - _SLOWEST_MPH)
    miles = seconds * miles_an_hour / 3600
    hours_since = max(0, ended_at - seconds - driver.stopped_at) / 3600
    reach = hours_since * _TRANSFER_MPH
    lowest, highest = max(0.0, driver.mile - reach), min(road.length, driver.mile + reach)
    start_mile = lowest + (highest - lowest) * rng.random()
    goes_forward = rng.random() < 0.5
    if miles > (road.length - start_mile if goes_forward else start_mile):
        goes_forward = start_mile < road.length / 2
        room = road.length - start_mile if goes_forward else start_mile
        if miles > room:
            miles = room
            seconds = int(miles / miles_an_hour * 3600)
    end_mile = start_mile + miles if goes_forward else start_mile - miles
    transfer = max(abs(start_mile - driver.mile), hours_since * _USUAL_MPH)
    driver.odometer += transfer + miles
    # Rounding must not put the truck beside the road's end.
    driver.mile = min(max(end_mile, 0.0), road.length)
    driver.stopped_at = ended_at
    kind, short, long = _draw_kind(rng.random(), driver.ruleset)
    return Drive(
        driver.driver_id,
        driver.name,
        driver.ruleset,
        driver.power_unit,
        driver.terminal.code,
        driver.terminal.utc_offset_hours,
        driver.terminal.observes_dst,
        road,
        kind,
        short,
        long,
        ended_at - seconds,
        ended_at,
        start_mile,
        driver.mile,
        driver.odometer,
    )


def shorten(drive: Drive, share: float) -> Drive:
    """The same drive after a log edit that moved its beginning: `share` (0 to 1) of the time is left."""
    seconds = max(SHORTEST_SECONDS, int((drive.ended_at - drive.started_at) * share))
    share = min(1.0, seconds / (drive.ended_at - drive.started_at))
    return drive._replace(
        started_at=drive.ended_at - seconds, start_mile=drive.end_mile - (drive.end_mile - drive.start_mile) * share
    )


def draw_seconds(drawn: float, longest: float) -> int:
    """A duration for `drawn` (0 to 1), scaled down when even the longest has to fit into `longest` seconds."""
    scale = min(1.0, longest / LONGEST_SECONDS)
    for (low_share, low), (high_share, high) in pairwise(_DURATIONS):
        if drawn < high_share:
            seconds = low + (high - low) * (drawn - low_share) / (high_share - low_share)
            return max(SHORTEST_SECONDS, int(seconds * scale))
    return int(LONGEST_SECONDS * scale)


def violation_data(violation_id: str, drive: Drive) -> bytes:
    """Violation Data of `drive` as JSON, from its `id` to the closing brace; the event time belongs in front."""
    hours, minutes = divmod((drive.ended_at - drive.started_at) // 60, 60)
    miles = abs(drive.end_mile - drive.start_mile)
    heading = drive.road.forward if drive.end_mile >= drive.start_mile else drive.road.backward
    return orjson.dumps(
        {
            "id": violation_id,
            "terminalCode": drive.terminal_code,
            "logDate": local_day(drive.started_at, drive.utc_offset_hours, drive.observes_dst),
            "driverName": drive.driver_name,
            "driverId": drive.driver_id,
            "ruleset": drive.ruleset,
            "powerUnitNumber": drive.power_unit,
            "type": drive.kind,
            "shortDescription": drive.short_description,
            "longDescription": drive.long_description,
            "startTime": utc_instant(drive.started_at),
            "endTime": utc_instant(drive.ended_at),
            "duration": f"{hours}:{minutes:02d}",
            "startData": _vehicle_data(drive.road, drive.start_mile, heading, drive.end_odometer - miles),
            "endData": _vehicle_data(drive.road, drive.end_mile, heading, drive.end_odometer),
        }
    )[1:]


def _draw_kind(drawn: float, ruleset: str) -> tuple[str, str, str]:
    hours = _LIMITS[ruleset]
    if not ruleset.startswith("USA_PROPERTY"):
        drawn *= _SHARES[-1]
    if drawn < _SHARES[0]:
        return "shift_drive", "Drive", f"{hours[_DRIVE]} Hr Drive"
    if drawn < _SHARES[1]:
        return "shift", "Shift", f"{hours[_SHIFT]} Hr Shift"
    if drawn < _SHARES[2]:
        return "cycle", "Cycle", f"{hours[_CYCLE]} Hr Cycle"
    return "break", "Break", "30 Min Break"


def _vehicle_data(road: Road, mile: float, heading: str, odometer: float) -> dict[str, object]:
    spot = road.surroundings(mile)
    town = spot.nearest
    # An address on the open road is its milepost.
    post, street = str(int(mile) + 1), f"{road.name} {heading}"
    return {
        "odometer": round(odometer, 1),
        "latitude": spot.latitude,
        "longitude": spot.longitude,
        "streetNumber": post,
        "street": street,
        "city": town.city,
        "state": town.state,
        "country": "US",
        "postalCode": town.postal_code,
        "formattedAddress": f"{post} {street}, {town.city}, {town.state} {town.postal_code}",
        "eldLocation": {
            "city": town.city,
            "country": "USA",
            "direction": spot.direction,
            "distance": spot.distance,
            "formattedLocation": f"{spot.distance} mi {spot.direction} {town.state} {town.city}, USA",
            "jurisdiction": town.state,
            "postalCode": town.postal_code,
            "units": "mi",
        },
    }
