"""A log day cut and drawn: points of the line, totals, days of 23 and 25 hours, time that is not known, what lies over.

The drawing is sound SVG of nothing but coordinates and classes, whatever the log has in it.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from app.dashboard.duty_day import MOST_ROWS, Band, LogDay, Unknown, cut_days
from app.dashboard.duty_grid import SPECIAL_MARKS, draw_day, hour_label, hour_ticks, line_points
from app.dashboard.duty_words import legend_of
from app.duty_log.driver_log import DriverLog, LogRecord, Special, spans_of
from app.duty_log.log_days import LogDays
from app.duty_log.words import RecordStatus
from app.hours.spans import Duty
from app.maven.times import DAY, HOUR, MINUTE, SECOND, parse_time

ALLOWED = {"svg", "title", "desc", "rect", "line", "text", "path", "circle"}
ATTRIBUTES = {
    *("class", "id", "viewBox", "preserveAspectRatio", "role", "aria-labelledby", "text-anchor", "d", "r"),
    *("x", "y", "x1", "x2", "y1", "y2", "dx", "cx", "cy", "width", "height"),
}
NEW_YORK = ZoneInfo("America/New_York")
TUESDAY = date(2026, 1, 6)
DAYS = LogDays(NEW_YORK)
START = DAYS.start_of(TUESDAY)


def entry(at: int, event_type: str, number: int = 1, **changes: object) -> LogRecord:
    """An active record; the changes are fields of it."""
    made = LogRecord(
        id=number,
        uuid=f"uuid-{number}",
        event_type=event_type,
        event_time=at,
        status=RecordStatus.ACTIVE,
        origin="Driver",
        is_edited=False,
        asset_id=None,
        note=None,
        edit_reason=None,
        location=None,
        changed_by=None,
        driven_until=None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def log_of(
    records: Sequence[LogRecord], end: int = START + 3 * DAY, unidentified: Sequence[LogRecord] = ()
) -> DriverLog:
    start = START - DAY
    return DriverLog(start, end, tuple(records), spans_of(records, start, end), tuple(unidentified), ())


def cut(log: DriverLog, days: LogDays = DAYS, day: date = TUESDAY) -> LogDay:
    (found,) = cut_days(log, days, [day], {501: "T-501"})
    return found


def drawn(day: LogDay) -> ElementTree.Element:
    """The drawing as XML, of nothing but what draws."""
    chart = draw_day(day)
    assert isinstance(chart, Markup)
    root = ElementTree.fromstring(chart)  # noqa: S314 - we wrote it
    for one in root.iter():
        assert one.tag in ALLOWED
        assert set(one.attrib) <= ATTRIBUTES
        for name in ("x", "x1", "x2", "cx", "width"):
            assert re.fullmatch(r"\d+(\.\d\d)?%?", one.get(name, "0")), one.attrib
            if one.get(name, "0").endswith("%"):
                assert 0 <= float(one.attrib[name][:-1]) <= 100.01
    assert root.get("role") == "img"
    return root


def classed(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [one for one in root.iter() if kind in one.get("class", "").split()]


def title_of(one: ElementTree.Element) -> str:
    return one.findtext("title") or ""


def box(one: ElementTree.Element) -> tuple[float, float]:
    """Left and width in per cent."""
    return float(one.attrib["x"][:-1]), float(one.attrib["width"][:-1])


PLAIN = [
    entry(START - 3 * HOUR, "Sleeper", 1),
    entry(START + 6 * HOUR, "OnDuty", 2),
    entry(START + 6 * HOUR + 30 * MINUTE, "Driving", 3),
    entry(START + 12 * HOUR, "OffDuty", 4),
]


def test_the_line_goes_across_the_rows() -> None:
    day = cut(log_of(PLAIN))
    at = {name: START + micros for name, micros in (("a", 6 * HOUR), ("b", 6 * HOUR + 30 * MINUTE), ("c", 12 * HOUR))}
    assert line_points(day) == [
        [
            *((START, Duty.SLEEPER), (at["a"], Duty.SLEEPER)),
            *((at["a"], Duty.ON_DUTY), (at["b"], Duty.ON_DUTY)),
            *((at["b"], Duty.DRIVING), (at["c"], Duty.DRIVING)),
            *((at["c"], Duty.OFF_DUTY), (START + DAY, Duty.OFF_DUTY)),
        ]
    ]
    root = drawn(day)
    (line,) = classed(root, "duty-line")
    assert line.attrib["d"] == "M0 51H2500M2500 119H2708M2708 85H5000M5000 17H10000"
    (falls,) = classed(root, "duty-fall")
    assert falls.attrib["d"] == "M2500 51V119M2708 119V85M5000 85V17"


def test_totals_add_up_to_the_day_and_are_said() -> None:
    day = cut(log_of(PLAIN))
    assert day.totals == {Duty.OFF_DUTY: 720, Duty.SLEEPER: 360, Duty.DRIVING: 330, Duty.ON_DUTY: 30}
    root = drawn(day)
    assert [one.text for one in classed(root, "duty-total")] == ["12:00", "6:00", "5:30", "0:30"]
    assert title_of(root) == "Duty log of Tue 6 Jan 2026"
    assert root.findtext("desc") == "off duty 12:00, sleeper berth 6:00, driving 5:30, on duty 0:30."
    assert [one.attrib["id"] for one in root.iter() if one.get("id")] == root.attrib["aria-labelledby"].split()


@given(st.lists(st.integers(1, 24 * 3600 * 1000 - 1), max_size=12, unique=True).map(sorted), st.integers(0, 25))
def test_parts_cover_the_day_and_minutes_add_up(offsets: list[int], known_hours: int) -> None:
    types = ["Driving", "OnDuty", "OffDuty", "Sleeper", "PersonalUse", "YardMoves", "WaitingAtSite"]
    records = [entry(START + at * 1000, types[n % len(types)], n) for n, at in enumerate(offsets)]
    day = cut(log_of(records, end=START + known_hours * HOUR))
    assert day.parts[0].start == day.start
    assert day.parts[-1].end == day.end
    assert all(before.end == after.start for before, after in zip(day.parts, day.parts[1:], strict=False))
    assert all(part.start < part.end for part in day.parts)
    assert sum(day.totals.values()) + sum(map(day.minutes_of, Unknown)) == 24 * 60
    drawn(day)


@pytest.mark.parametrize(
    "day, hours, labels",
    [
        (date(2026, 3, 8), 23, "M 1 3 4 5 6 7 8 9 10 11 N 1 2 3 4 5 6 7 8 9 10 11 M"),
        (date(2026, 11, 1), 25, "M 1 1 2 3 4 5 6 7 8 9 10 11 N 1 2 3 4 5 6 7 8 9 10 11 M"),
        (TUESDAY, 24, "M 1 2 3 4 5 6 7 8 9 10 11 N 1 2 3 4 5 6 7 8 9 10 11 M"),
    ],
    ids=["spring", "autumn", "usual"],
)
def test_a_day_has_the_hours_it_has(day: date, hours: int, labels: str) -> None:
    start = DAYS.start_of(day)
    log = DriverLog(start, start + 2 * DAY, (), spans_of([entry(start, "OffDuty")], start, start + 2 * DAY), (), ())
    found = cut(log, day=day)
    assert found.totals[Duty.OFF_DUTY] == hours * 60
    assert [hour_label(hour) for _, hour in hour_ticks(found)] == labels.split()
    names = [one for one in drawn(found).iter() if one.get("class", "").startswith("duty-hour-name")]
    assert [one.text for one in names] == labels.split()
    assert float(names[1].attrib["x"][:-1]) == pytest.approx(100 / hours, abs=0.01)
    assert found.remark == (None if hours == 24 else f"{hours} hours, for the clocks changed")
    assert found.rows[0].start == ("00:00" if hours == 24 else f"00:00 {'EST' if hours == 23 else 'EDT'}")


def test_a_day_may_go_from_noon_to_noon() -> None:
    day = cut(log_of(PLAIN), LogDays(NEW_YORK, 12))
    assert [hour_label(hour) for _, hour in hour_ticks(day)][::12] == ["N", "M", "N"]
    assert day.remark == "from noon to noon"
    assert day.rows[-1].end == "12:00"


@pytest.mark.parametrize("zone", ["Australia/Lord_Howe", "Asia/Kathmandu", "America/Havana", "Pacific/Apia", "UTC"])
def test_ticks_are_full_hours_everywhere(zone: str) -> None:
    days = LogDays(ZoneInfo(zone))
    for day in (TUESDAY, date(2026, 4, 5), date(2026, 10, 4), date(2026, 3, 8)):
        start = days.start_of(day)
        log = DriverLog(start, start + 2 * DAY, (), spans_of([entry(start, "Driving")], start, start + 2 * DAY), (), ())
        found = cut(log, days, day)
        assert len(hour_ticks(found)) >= 23
        assert found.totals[Duty.DRIVING] == (found.end - found.start) // MINUTE
        drawn(found)


def test_what_is_not_known_is_not_off_duty() -> None:
    day = cut(log_of([entry(START + 6 * HOUR, "Driving")], end=START + 10 * HOUR))
    assert [(part.words, part.minutes) for part in day.parts] == [
        *(("not known", 360), ("Driving", 240), ("still to come", 840))
    ]
    assert day.totals[Duty.OFF_DUTY] == 0
    assert line_points(day) == [[(START + 6 * HOUR, Duty.DRIVING), (START + 10 * HOUR, Duty.DRIVING)]]
    root = drawn(day)
    assert [box(one) for one in classed(root, "duty-unknown")] == [(0, 25), (41.67, 58.33)]
    assert [one.text for one in classed(root, "duty-unknown-name")] == ["not known", "still to come"]
    assert [row.status for row in day.rows] == ["not known", "Driving", "still to come"]
    assert "not known 6:00, still to come 14:00" in day.words
    assert legend_of([day]).has_unknown
    assert not cut(log_of([], end=START)).is_known
    assert [part.unknown for part in cut(log_of([], end=START)).parts] == [Unknown.TO_COME]


def test_special_statuses_are_dashed_and_named() -> None:
    types = ["PersonalUse", "YardMoves", "WaitingAtSite", "OnDuty"]
    day = cut(log_of([entry(START + n * 4 * HOUR, one, n) for n, one in enumerate(types)]))
    root = drawn(day)
    assert [one.attrib["d"] for one in classed(root, "is-special")] == [
        *("M0 17H1667", "M1667 119H3333", "M3333 17H5000")
    ]
    assert [one.text for one in classed(root, "duty-special")] == ["PC", "YM", "WT"]
    assert [row.status for row in day.rows] == [
        *("Off duty, personal use", "On duty, yard moves", "Off duty, waiting at site", "On duty")
    ]
    assert legend_of([day]).specials == tuple((SPECIAL_MARKS[special], special.value) for special in Special)


def test_violations_lie_over_the_days_they_touch() -> None:
    bands = [
        Band(START - HOUR, START + HOUR, "", "before midnight", "a"),
        Band(START + 2 * HOUR, START + 2 * HOUR, "", "an instant", "b"),
        Band(START + DAY, START + DAY + HOUR, "", "the day after", "c"),
        Band(START - HOUR, START, "", "the day before", "d"),
    ]
    day = cut(log_of(PLAIN)).with_bands(bands)
    assert [(one.mark, one.violation_id) for one in day.bands] == [("1", "a"), ("2", "b")]
    root = drawn(day)
    assert [box(one) for one in classed(root, "duty-band")] == [(0, 4.17), (8.33, 0.4)]
    assert [title_of(one) for one in classed(root, "duty-band")] == [
        *("before midnight: 00:00 to 01:00", "an instant: 02:00 to 02:00")
    ]
    assert day.words.endswith("2 violations")


def test_marks_that_would_overlap_stand_in_lanes() -> None:
    bands = [Band(START + HOUR, START + 2 * HOUR, "", f"v{n}", str(n)) for n in range(3)]
    root = drawn(cut(log_of(PLAIN)).with_bands(bands))
    assert len({one.attrib["y"] for one in classed(root, "duty-band-name")}) == 3
    plain = drawn(cut(log_of(PLAIN)))
    assert int(root.attrib["height"]) > int(plain.attrib["height"])


def test_edits_are_marked_and_told() -> None:
    records = [
        entry(START + 5 * HOUR, "OnDuty", 1, status=RecordStatus.INACTIVE_CHANGED, uuid="same", note="Loading"),
        entry(START + 6 * HOUR, "Driving", 2, uuid="same", changed_by="Dana\u202e Fox", edit_reason="Wrong\nstatus"),
        entry(
            *(START + 6 * HOUR, "YardMoves", 3),
            status=RecordStatus.INACTIVE_CHANGE_REQUESTED,
            uuid="same",
            changed_by="Sam Ortiz",
        ),
    ]
    day = cut(log_of(records))
    row = day.rows[1]
    assert row.is_edited
    assert row.remarks == (
        "edited, asked for by Dana Fox",
        "reason: Wrong status",
        "before: on duty from 6 Jan 05:00, note: Loading",
        "an edit by Sam Ortiz waits for the driver: yard moves from 6 Jan 06:00",
    )
    (mark,) = classed(drawn(day), "duty-edited")
    assert (mark.attrib["cx"], mark.attrib["cy"]) == ("25.00%", str(20 + 34 * 2 + 17))


def test_an_edit_is_marked_where_the_record_is_and_not_on_the_days_after() -> None:
    log = log_of([entry(START + HOUR, "OffDuty", is_edited=True)])
    assert len(cut(log).edited) == 1
    following = cut(log, day=date(2026, 1, 7))
    assert following.edited == ()
    assert following.rows[0].remarks[0] == "since 6 Jan 01:00"


def test_unidentified_driving_is_a_strip_of_its_own() -> None:
    nobody = [
        entry(START - HOUR, "Driving", 1, driven_until=START + HOUR, asset_id=501),
        entry(START + HOUR, "Driving", 2, driven_until=START + 2 * HOUR, asset_id=502),
        entry(START + 3 * HOUR, "Driving", 3),
        entry(START - 5 * HOUR, "Driving", 4),
    ]
    day = cut(log_of(PLAIN, unidentified=nobody))
    assert [(one.start - START, one.end and one.end - START, one.vehicle) for one in day.unidentified] == [
        *((0, HOUR, "T-501"), (HOUR, 2 * HOUR, "vehicle 502"), (3 * HOUR, None, None))
    ]
    root = drawn(day)
    assert [title_of(one) for one in classed(root, "duty-unidentified")] == [
        "Unidentified driving: 00:00 to 01:00",
        "Unidentified driving: 01:00 to 02:00",
        "Unidentified driving: 03:00, end not recorded",
    ]
    assert classed(root, "duty-total")[-1].text == "2:00"
    assert day.totals == cut(log_of(PLAIN)).totals


def test_a_day_of_very_many_records_stays_small() -> None:
    types = ["Driving", "OnDuty"]
    day = cut(log_of([entry(START + n * 4 * SECOND, types[n % 2], n) for n in range(20_000)]))
    assert len(day.rows) == MOST_ROWS
    assert day.left_off == len(day.parts) - MOST_ROWS
    assert len(draw_day(day)) < 600_000


def test_a_hostile_text_is_no_markup() -> None:
    day = cut(log_of(PLAIN)).with_bands([Band(START, START + HOUR, "violation", "<script>alert(1)</script>")])
    assert "<script" not in draw_day(day)
    assert parse_time("2026-01-06T05:00:00Z") == START
    assert title_of(classed(drawn(day), "duty-band")[0]).startswith("<script>alert(1)</script>: ")
