"""The hours check in words: what agrees, what differs and which way, when there is not enough log, and its clocks."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import pytest

from app.dashboard.hours_check import HoursCheck, check_hours, end_of, log_needed, tell_comparison, tell_too_far
from app.duty_log.driver_log import DriverLog, spans_of
from app.duty_log.log_days import LogDays
from app.hours.comparison import Comparison, Verdict
from app.hours.limits import SEVENTY_EIGHT, SIXTY_SEVEN, Excess, Limit
from app.maven.schema import ViolationData
from app.maven.times import DAY, HOUR, MINUTE, parse_time
from app.violations.regulation import Countable, countable, regulation_of
from tests.dashboard.logged import LONG_SHIFT, fortnight
from tests.dashboard.test_duty_log_drawing import entry

DAYS = LogDays(ZoneInfo("America/New_York"))
START = parse_time("2026-01-15T19:00:00Z")
LENGTH = 90 * MINUTE


def violation(**changes: object) -> ViolationData:
    return ViolationData.model_validate(
        {
            "id": "v",
            "eventTime": "2026-01-16T00:00:00Z",
            "startTime": "2026-01-15T19:00:00Z",
            "endTime": "2026-01-15T20:30:00Z",
            "duration": "1:30",
            "logDate": "2026-01-15",
            "ruleset": "USA_PROPERTY_70_8",
            "type": "shift_drive",
            **changes,
        }
    )


def logged(first: int = 0, adverse: Sequence[tuple[int, int]] = ()) -> DriverLog:
    """The log of a fortnight in which the 11 hours end at `START`, from its record number `first` on."""
    kept = [one for one in fortnight(START, START + LENGTH, START + 3 * DAY) if one["username"] == "user71"]
    made = [entry(parse_time(str(one["eventTime"])), str(one["eventType"]), n) for n, one in enumerate(kept)]
    start = DAYS.start_of(DAYS.day_at(START - 9 * DAY))
    return DriverLog(
        start, START + 2 * DAY, tuple(made), spans_of(made[first:], start, START + 2 * DAY), (), tuple(adverse)
    )


def checked(log: DriverLog, **changes: object) -> HoursCheck:
    found = check_hours(log, DAYS, violation(**changes))
    assert found is not None
    return found


def test_a_log_that_shows_the_same_agrees() -> None:
    check = checked(logged())
    assert (check.verdict, check.sentence) == (
        Verdict.AGREES,
        "The log agrees: start and length are the same to within 2 minutes.",
    )
    assert check.found == (Excess(Limit.DRIVING, START, START + LENGTH),)
    assert [(one.limit, one.left, one.is_passed) for one in check.clocks] == [
        ("11 hours of driving", "none left", False),
        ("14 hours since coming on duty", "1 h 45 min left", False),
        ("8 hours of driving before a break", "2 h 30 min left", False),
        ("70 hours on duty in 8 days", check.clocks[3].left, False),
    ]
    assert check.clocks[1].until == START - LONG_SHIFT + 14 * HOUR
    assert check.adverse == ()


@pytest.mark.parametrize(
    "changes, sentence",
    [
        (
            {"startTime": "2026-01-15T18:48:00Z", "endTime": "2026-01-15T20:38:00Z", "duration": "1:50"},
            "The log differs: by the log it began 12 min later and lasted 20 min less.",
        ),
        (
            {"startTime": "2026-01-15T19:30:00Z", "endTime": "2026-01-15T19:50:00Z", "duration": "0:20"},
            "The log differs: by the log it began 30 min earlier and lasted 1 h 10 min more.",
        ),
        (
            {"endTime": "2026-01-15T19:30:00Z", "duration": "0:30"},
            "The log differs: by the log it began at the same time and lasted 1 h 00 min more.",
        ),
        (
            {"startTime": "2026-01-14T12:00:00Z", "endTime": "2026-01-14T12:30:00Z", "duration": "0:30"},
            "The log differs: it shows no driving beyond this limit at that time.",
        ),
    ],
    ids=["later and less", "earlier and more", "same start", "nothing"],
)
def test_a_difference_is_told_with_its_direction(changes: dict[str, object], sentence: str) -> None:
    check = checked(logged(), **changes)
    assert (check.verdict, check.sentence) == (Verdict.DIFFERS, sentence)


def test_too_little_log_is_said_with_the_reason() -> None:
    check = checked(logged(first=len(logged().records) - 14))
    assert check.verdict is Verdict.NOT_ENOUGH_LOG
    assert check.sentence.startswith("Not enough log. The log ")
    nothing = checked(DriverLog(START - DAY, START + DAY, (), (), (), ()))
    assert nothing.sentence == "Not enough log. The log has no entry for the start of this violation."
    assert {one.left for one in nothing.clocks} == {"the log does not tell"}
    unknown = checked(logged(), startTime=None, endTime=None)
    assert unknown.sentence == "Not enough log. Maven did not say when the violation began."
    far = tell_too_far(violation())
    assert far is not None
    assert far.sentence == "Not enough log. Log date and start of this violation lie too far apart."
    assert tell_too_far(violation(ruleset="USA_PASSENGER_70_8")) is None


def test_a_claim_of_adverse_conditions_is_honoured_and_named() -> None:
    claim = (START - 2 * HOUR, START - 2 * HOUR + MINUTE)
    check = checked(logged(adverse=[claim]))
    assert check.adverse == (claim[0],)
    assert check.clocks[0].left == "2 h 00 min left"
    assert check.sentence == "The log differs: it shows no driving beyond this limit at that time."


def test_a_ruleset_without_days_has_no_cycle() -> None:
    plain = checked(logged(), ruleset="USA_PROPERTY")
    assert plain.verdict is Verdict.AGREES
    assert (plain.clocks[3].limit, plain.clocks[3].left) == ("60 or 70 hours on duty", "the log does not tell")
    cycle = checked(logged(), ruleset="USA_PROPERTY", type="cycle")
    assert cycle.verdict is Verdict.NOT_ENOUGH_LOG
    assert "60 hours in 7 days or 70 hours in 8 days" in cycle.sentence
    assert cycle.found == ()


@pytest.mark.parametrize(
    "ruleset", ["USA_PASSENGER_70_8", "USA_CA_PROPERTY", "CAN_SOUTH_70_7", None, "usa_property_80_8"]
)
def test_other_rulesets_are_not_counted(ruleset: str | None) -> None:
    assert check_hours(logged(), DAYS, violation(ruleset=ruleset)) is None


@pytest.mark.parametrize(
    "ruleset, kind, found",
    [
        ("USA_PROPERTY_70_8", "shift_drive", Countable(Limit.DRIVING, SEVENTY_EIGHT)),
        ("usa_property_60_7", "SHIFT", Countable(Limit.WINDOW, SIXTY_SEVEN)),
        ("USA_PROPERTY_60_7", "rest_break", Countable(Limit.BREAK, SIXTY_SEVEN)),
        ("USA_PROPERTY_70_8", "cycle", Countable(Limit.CYCLE, SEVENTY_EIGHT)),
        ("USA_PROPERTY", "drive", Countable(Limit.DRIVING, None)),
        ("USA_PROPERTY_70_8", "speeding", None),
        ("USA_PROPERTY_70_8", None, None),
        (None, "drive", None),
    ],
    ids=["driving", "window", "break", "cycle", "plain", "unknown type", "no type", "no ruleset"],
)
def test_what_is_counted_has_a_regulation(ruleset: str | None, kind: str | None, found: Countable | None) -> None:
    assert countable(ruleset, kind) == found
    if found is not None:
        regulation = regulation_of(ruleset, kind)
        assert regulation is not None
        assert "395.3(" in regulation.cite


def test_the_log_is_read_from_nine_days_before_to_a_day_after() -> None:
    needed = log_needed(violation(), DAYS)
    assert needed == (DAYS.day_at(START - 9 * DAY), START + LENGTH + DAY)
    assert log_needed(violation(startTime=None), DAYS) is None
    assert end_of(violation(endTime=None)) == START + LENGTH
    assert end_of(violation(endTime="2026-01-15T18:00:00Z")) == START
    assert end_of(violation(endTime="2028-01-15T18:00:00Z")) == START + 14 * DAY


def test_a_difference_below_a_minute_is_none() -> None:
    found = (Excess(Limit.DRIVING, START, START + LENGTH),)
    told = tell_comparison(Comparison(Verdict.DIFFERS, 20_000_000, None, found, None))
    assert told == "The log differs: by the log it began at the same time."
