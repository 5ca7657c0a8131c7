"""A driver's log: active records become spans of duty, without gaps from the first that is known."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db.database import Database
from app.duty_log.driver_log import DriverLog, LogRecord, Special, read_driver_log, spans_of
from app.duty_log.schema import Fields
from app.duty_log.words import RecordStatus
from app.hours.spans import Duty, Span
from app.maven.times import DAY, HOUR, MINUTE, format_millis
from tests.duty_log.logging_records import NOW, post, put, record, unidentified
from tests.ingest.kept import opened

START = NOW - 2 * DAY


async def read(database: Database, *records: Fields, end: int = START + DAY, now: int = NOW) -> DriverLog:
    if records:
        await post(database, *records)
    return await database.read(read_driver_log(database.dialect, 7, START, end, now))


def spans(log: DriverLog) -> list[tuple[str, float, float]]:
    """Duty, start and end in hours since the start of the day."""
    return [(s.duty.value, (s.start - START) / HOUR, (s.end - START) / HOUR) for s in log.spans]


async def test_a_status_holds_until_the_next_one(database_url: str) -> None:
    async with opened(database_url) as database:
        log = await read(
            database,
            record("Sleeper", START - HOUR),
            record("Driving", START + 6 * HOUR),
            record("Login", START + 7 * HOUR),
            record("OnDuty", START + 10 * HOUR),
            record("OffDuty", START + 30 * HOUR),
        )
    assert spans(log) == [("sleeper", 0, 6), ("driving", 6, 10), ("on_duty", 10, 24)]
    assert log.duty_spans[1] == Span(Duty.DRIVING, START + 6 * HOUR, START + 10 * HOUR)


async def test_time_before_the_first_status_is_not_known_and_time_to_come_is_not_there(database_url: str) -> None:
    async with opened(database_url) as database:
        log = await read(database, record("OnDuty", START + 3 * HOUR), now=START + 5 * HOUR)
        assert spans(log) == [("on_duty", 3, 5)]
        assert log.end == START + 5 * HOUR
        later = await database.read(read_driver_log(database.dialect, 7, START + 6 * HOUR, NOW, START + 5 * HOUR))
    assert later.spans == ()


async def test_what_holds_no_longer_draws_nothing(database_url: str) -> None:
    async with opened(database_url) as database:
        off, driving = await post(database, record("OffDuty", START), record("Driving", START + HOUR))
        await put(database, {"id": driving["id"], "eventType": "OnDuty"})
        await put(database, {"id": off["id"], "deletedAt": format_millis(NOW)})
        log = await read(
            database,
            record("Sleeper", START + 2 * HOUR, recordStatus="InactiveChangeRequested"),
            record("Sleeper", START + 2 * HOUR, userId=8),
            unidentified("Driving", START + 2 * HOUR, userId=7),
        )
    assert spans(log) == [("on_duty", 1, 24)]
    assert [(one.event_type, one.is_edited) for one in log.records] == [
        ("OffDuty", False),  # the version before it was deleted
        ("Driving", False),
        ("OnDuty", True),
        ("Sleeper", False),
    ]


@pytest.mark.parametrize(
    "begun, ended, duty, special, after",
    [
        ("PersonalUse", "ClearPU", Duty.OFF_DUTY, Special.PERSONAL_USE, Duty.OFF_DUTY),
        ("YardMoves", "ClearYM", Duty.ON_DUTY, Special.YARD_MOVES, Duty.ON_DUTY),
        ("WaitingAtSite", "OnDuty", Duty.OFF_DUTY, Special.WAITING_AT_SITE, Duty.ON_DUTY),
    ],
)
async def test_special_statuses(
    database_url: str, begun: str, ended: str, duty: Duty, special: Special, after: Duty
) -> None:
    async with opened(database_url) as database:
        log = await read(
            database, record(begun, START), record("ClearNothing", START + HOUR), record(ended, START + 2 * HOUR)
        )
    assert [(s.duty, s.special) for s in log.spans] == [(duty, special), (after, None)]


async def test_clearing_what_was_not_set_changes_nothing(database_url: str) -> None:
    async with opened(database_url) as database:
        log = await read(database, record("Driving", START), record("ClearPU", START + HOUR))
    assert spans(log) == [("driving", 0, 24)]


async def test_unidentified_driving_of_the_drivers_vehicles(database_url: str) -> None:
    async with opened(database_url) as database:
        log = await read(
            database,
            record("Driving", START, assetId=70),
            unidentified(at=START + HOUR, autoEventEndTimestamp=format_millis(START + 2 * HOUR)),
            unidentified(at=START + HOUR, assetId=71),
            unidentified("PowerOn", START + HOUR),
            unidentified(at=START + 25 * HOUR),
        )
    assert [(one.event_time, one.driven_until) for one in log.unidentified] == [(START + HOUR, START + 2 * HOUR)]


async def test_claims_of_adverse_conditions(database_url: str) -> None:
    async with opened(database_url) as database:
        log = await read(
            database,
            record("AddedExceptionRemark", START + HOUR, note="Adverse driving conditions: ice"),
            record("AddedExceptionRemark", START + 2 * HOUR, note="Short haul"),
            record("RemovedExceptionRemark", START + 3 * HOUR, note="adverse driving conditions"),
            record("AddedExceptionRemark", START + 9 * HOUR, note="AdverseDrivingConditions"),
        )
    assert log.adverse == (
        (START + HOUR, START + 3 * HOUR),
        (START + 9 * HOUR, START + 9 * HOUR + MINUTE),
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                ["OffDuty", "Sleeper", "Driving", "OnDuty", "PersonalUse", "YardMoves", "ClearPU", "Inter"]
            ),
            st.integers(-5, 30),
        ),
        max_size=20,
    )
)
def test_spans_follow_one_another_without_gaps(changes: list[tuple[str, int]]) -> None:
    records = [
        LogRecord(n, "", kind, at, RecordStatus.ACTIVE, "", False, None, None, None, None, None, None)
        for n, (kind, at) in enumerate(sorted(changes, key=lambda one: one[1]))
    ]
    found = spans_of(records, 0, 24)
    assert all(0 <= span.start < span.end <= 24 for span in found)
    assert all(earlier.end == later.start for earlier, later in pairwise(found))
    if found:
        assert found[-1].end == 24
