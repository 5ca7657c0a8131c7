"""The words of a duty record that form lists: statuses, event types, origins, sources.

Owns which are known and what the ELD rule (49 CFR 395 subpart B appendix A) calls them. The status list is closed; of
the others VisTracks publishes examples only, so a word that is not here is kept as it came, unless the settings are
strict.
"""

from enum import IntEnum
from typing import NamedTuple

SYSTEM_USERNAME = "unidentifiedDriver"
"""The driver of what was driven while nobody was signed in."""


class RecordStatus(IntEnum):
    """Where a version of a record stands (appendix A, 7.23); the numbers are the rule's."""

    ACTIVE = 1
    INACTIVE_CHANGED = 2
    INACTIVE_CHANGE_REQUESTED = 3
    INACTIVE_CHANGE_REJECTED = 4

    @property
    def word(self) -> str:
        """The status on the wire."""
        return _STATUS_WORDS[self]


_STATUS_WORDS = {
    RecordStatus.ACTIVE: "Active",
    RecordStatus.INACTIVE_CHANGED: "InactiveChanged",
    RecordStatus.INACTIVE_CHANGE_REQUESTED: "InactiveChangeRequested",
    RecordStatus.INACTIVE_CHANGE_REJECTED: "InactiveChangeRejected",
}
STATUSES = {word: status for status, word in _STATUS_WORDS.items()}
"""Statuses by their words."""


class EldCode(NamedTuple):
    """An event's type and code in the ELD rule (appendix A, 7.20 and 7.25)."""

    type: int
    code: int | None


DUTY_CHANGES = ("OffDuty", "Sleeper", "Driving", "OnDuty", "WaitingAtSite")
SPECIAL_DRIVING = ("PersonalUse", "YardMoves", "ClearPU", "ClearYM")

EVENT_TYPES: dict[str, EldCode | None] = {
    "OffDuty": EldCode(1, 1),
    "Sleeper": EldCode(1, 2),
    "Driving": EldCode(1, 3),
    "OnDuty": EldCode(1, 4),
    "WaitingAtSite": EldCode(1, 1),  # off duty with a remark: 49 CFR 395.1(d)(2)
    "Inter": EldCode(2, 1),
    "PersonalUse": EldCode(3, 1),
    "YardMoves": EldCode(3, 2),
    "ClearPU": EldCode(3, 0),
    "ClearYM": EldCode(3, 0),
    "Certification": EldCode(4, None),
    "Login": EldCode(5, 1),
    "Logout": EldCode(5, 2),
    "PowerOn": EldCode(6, 1),
    "PowerOff": EldCode(6, 3),
    "Remark": None,
    "ExcludeDriveTime": None,
    "AddedExceptionRemark": None,
    "RemovedExceptionRemark": None,
    "MalPower": EldCode(7, 1),
    "MalSync": EldCode(7, 1),
    "MalTime": EldCode(7, 1),
    "MalPos": EldCode(7, 1),
    "MalRecord": EldCode(7, 1),
    "MalTransfer": EldCode(7, 1),
    "DiagPower": EldCode(7, 3),
    "DiagSync": EldCode(7, 3),
    "DiagMissing": EldCode(7, 3),
    "DiagTransfer": EldCode(7, 3),
    "DiagUnidentified": EldCode(7, 3),
}
"""Event types that are known, with the rule's coding where there is one; a certification's code is its number."""

DRIVEN = ("Driving", "Inter", "PersonalUse", "YardMoves")
"""Event types in which the driver moved the vehicle."""

RECORD_ORIGINS: dict[str, int] = {"Auto": 1, "Driver": 2, "OtherUser": 3, "FromUnidentifiedDriver": 4}
"""Origins with the rule's code (7.22). VisTracks' word for an edit by somebody else is not published; `OtherUser` is
ours."""

FROM_UNIDENTIFIED = "FromUnidentifiedDriver"

GPS_SOURCES = ("MOBILE_DEVICE", "ECU", "MANUAL")
ODOMETER_SOURCES = ("ECU", "Manual", "GPS")
REGULATION_MODES = ("ELD", "AOBRD")
"""A closed list."""

KNOWN_WORDS: dict[str, tuple[str, ...]] = {
    "eventType": tuple(EVENT_TYPES),
    "recordOrigin": tuple(RECORD_ORIGINS),
    "gpsSource": GPS_SOURCES,
    "odometerSource": ODOMETER_SOURCES,
}
"""Fields whose words are known in part."""

AUTOMATIC_NOTE = "Automatic Transition"
"""The note of unidentified driving that nobody has classified yet."""
