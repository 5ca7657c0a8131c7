"""What every field of a duty record may hold, and what it may not, field by field; for tests."""

from collections.abc import Sequence

from app.maven.ijson_grammar import Json
from tests.duty_log.samples import uuid_of

UTC = "2016-11-10T01:28:15.229Z"

TEXT: list[Json] = ["", "a", "ü\U0001f69a,'\";--\n", "x" * 255, "ü" * 255]
NOT_TEXT: list[Json] = [1, 1.5, True, [], {}, "x" * 256]
TIMES: list[Json] = [UTC, "1970-01-01T00:00:00.000Z", "2199-12-31T23:59:59.999Z"]
NOT_TIMES: list[Json] = [
    *("", "2016-11-10", "2016-11-10 01:28:15", "20161110T012815Z", "2016-02-30T00:00:00Z", "2016-11-10T24:00:00Z"),
    *("1969-12-31T23:59:59.999Z", "2200-01-01T00:00:00Z", "1970-01-01T00:00:00+01:00", "2016-11-10T01:28:15.229z"),
    *("\uff12016-11-10T01:28:15.229Z", UTC + "\n", 1478741295229, True, [], {}),
]
DURATIONS: list[Json] = ["PT0S", "PT64595520S", "PT8H30M", "P1DT2H", "P2W", "PT0.5S", "PT1,25S", "PT1.5H", "P0,5D"]
NOT_DURATIONS: list[Json] = [
    *("", "P", "PT", "P1DT", "PT8H30", "8:30", "P1Y", "P1M", "-PT1S", "PT-1S", "PT1S ", "pt1s", "PT1M1H", "PT1.5H1M"),
    *("PT\u0663S", 0, 3600, True, [], {}),
]
LONGS: list[Json] = [0, 7.0, -1, 2**63 - 1, -(2**63)]
NOT_LONGS: list[Json] = [2**63, -(2**63) - 1, 1.5, "1", True, [], {}, 1e20]
INTEGERS: list[Json] = [0, -1, 2**31 - 1, -(2**31)]
NOT_INTEGERS: list[Json] = [2**31, -(2**31) - 1, 0.1, "1", False, [], {}]
DOUBLES: list[Json] = [0, 0.0, -0.5, 20, 504326.685, 0.015000000013969839, 1e300, -1e-300, 5e-324, 2**53]
NOT_DOUBLES: list[Json] = ["1", "", True, [], {}]
BOOLEANS: list[Json] = [True, False]
NOT_BOOLEANS: list[Json] = [0, 1, "true", "", [], {}]
STATES: list[Json] = ["IL", "", "x" * 25]
NOT_STATES: list[Json] = ["x" * 26, 1, [], {}]
WORDS: list[Json] = ["Unheard Of", "x", "x" * 255]
NOT_WORDS: list[Json] = ["", *NOT_TEXT]
ENDLESS: list[Json] = ["", "x" * 5000]
NOT_ENDLESS: list[Json] = [1, True, [], {}]

KINDS: dict[tuple[str, ...], tuple[Sequence[Json], Sequence[Json]]] = {
    ("userId", "accountId", "assetId", "changeRequestedBy"): (LONGS, NOT_LONGS),
    ("uuid",): (
        [uuid_of(1), "96E2D49F-ABE4-4A65-A808-5D57917F93D9", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
        ["", "96e2d49fabe44a65a8085d57917f93d9", "{96e2d49f-abe4-4a65-a808-5d57917f93d9}", uuid_of(1) + "0", 1, [], {}],
    ),
    ("recordStatus",): (
        ["Active", "InactiveChanged", "InactiveChangeRequested", "InactiveChangeRejected"],
        ["", "active", "Inactive", 1, True, [], {}],
    ),
    ("username", "eventType", "recordOrigin"): (WORDS, NOT_WORDS),
    (
        *("eventTime", "autoEventEndTimestamp", "canAdlHoursWorkShiftStart", "canAdlHoursWorkShiftEnd", "deletedAt"),
        *("cycleResetTimestamp", "excludeDrivingEndTimestamp", "validBeginTime", "validEndTime"),
    ): (TIMES, NOT_TIMES),
    (
        *("canAdlHoursDriving", "canAdlHoursOffDuty", "canAdlHoursOnDuty", "canAdlHoursSleeper"),
        *("canOffDutyTimeDeferred", "engineHours"),
    ): (DURATIONS, NOT_DURATIONS),
    ("certificationCount", "eventSequenceIdentifier"): (INTEGERS, NOT_INTEGERS),
    ("certificationDate",): (["2016-02-29"], ["", "2015-02-29", "2016-2-9", "20160229", UTC, 1, [], {}]),
    (
        *("changeRequestedByName", "editReason", "editReasonCode", "gpsSource", "location", "odometerSource"),
        *("shippingDocsManifestNo", "trailerNumbers", "vin"),
    ): (TEXT, NOT_TEXT),
    ("coDriverUserIds",): (["", "1,2", [], [1, 2**63 - 1], [0] * 100], [1, True, {}, ["1"], [1.5], [[1]], [0] * 101]),
    ("coDriverUsernames",): (["", "a@b.c", [], ["a", ""]], [1, True, {}, [1], [None], ["x" * 256], ["x"] * 101]),
    ("diagnosticIndicator", "driverEdit", "malfunctionIndicator", "useCycleReset"): (BOOLEANS, NOT_BOOLEANS),
    ("distanceLastGpsKm", "odometerKm", "speedKph"): (DOUBLES, NOT_DOUBLES),
    ("latitude",): ([0, -90, 90, 90.0, 8.47985282], [91, -90.000001, 1e300, "1", True, [], {}]),
    ("longitude",): ([0, -180, 180.0, -115.142155519392], [181, -180.000001, "1", False, [], {}]),
    ("iftaState", "state"): (STATES, NOT_STATES),
    ("note", "relatedUuid"): (ENDLESS, NOT_ENDLESS),
    ("regulationMode",): (["ELD", "AOBRD"], ["", "eld", 1, True, [], {}]),
}
RIGHT = [(name, value) for names, (right, _) in KINDS.items() for name in names for value in right]
WRONG = [(name, value) for names, (_, wrong) in KINDS.items() for name in names for value in wrong]
