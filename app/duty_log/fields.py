"""The fields of a duty record: which there are, what each may hold, and the sentence for what it may not.

After the table of VisTracks' driverHistories page. One compiled validator reads a whole record; times are brought to
one form on the way, everything else stays as it was sent. A field that is not in the table is not judged here.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from pydantic_core import SchemaValidator, core_schema

from app.duty_log.words import KNOWN_WORDS, REGULATION_MODES, STATUSES
from app.maven.faults import excerpt
from app.maven.ijson_grammar import Json
from app.maven.kinds import BOOLEAN, LONG_MOST, Kind, number, one_of, parsed, read_uuid, text, whole
from app.maven.times import format_millis, parse_log_date, parse_time

INTEGER_MOST = 2**31 - 1

_AMOUNT = "([0-9]{1,11}(?:[.,][0-9]{1,9})?)"
_DURATION = re.compile(
    f"P(?=[0-9T])(?:{_AMOUNT}W|(?:{_AMOUNT}D)?(?:T(?=[0-9])(?:{_AMOUNT}H)?(?:{_AMOUNT}M)?(?:{_AMOUNT}S)?)?)"
)
_SECONDS_OF = (604_800, 86_400, 3600, 60, 1)


def read_timestamp(text: str) -> str:
    """A timestamp in the form in which all are kept: UTC, to the millisecond. Raises ValueError with a sentence."""
    micros = parse_time(text)
    is_written_so = len(text) == 24 and text[23] == "Z" and text[19] == "." and text[17:19] != "60"
    return text if is_written_so else format_millis(micros)


def duration_seconds(text: str) -> float:
    """The seconds of an ISO 8601 duration in weeks, days, hours, minutes and seconds, of which the smallest may have a
    fraction. Raises ValueError with a sentence.
    """
    match = _DURATION.fullmatch(text)
    parts = () if match is None else tuple((n, part) for n, part in enumerate(match.groups()) if part is not None)
    if not parts or not all(part.isdigit() for _, part in parts[:-1]):
        allowed = "such as PT8H30M, without years and months, and with a fraction at most of its last part"
        raise ValueError(f"must be an ISO 8601 duration {allowed}, not {excerpt(text)}")
    return float(sum(Decimal(part.replace(",", ".")) * _SECONDS_OF[n] for n, part in parts))


def _check_duration(text: str) -> str:
    duration_seconds(text)
    return text


def _text_or_list(item: Kind, items: str) -> Kind:
    core = core_schema.union_schema([_TEXT.core, core_schema.list_schema(item.core, strict=True, max_length=100)])
    shape = {"anyOf": [{"type": "string"}, {"type": "array", "items": item.json_schema, "maxItems": 100}]}
    return Kind(core, shape, f"must be a string, or a list of at most 100 {items}")


LONG = whole(LONG_MOST, " of 64 bits")
INTEGER = whole(INTEGER_MOST, " of 32 bits")
DOUBLE = number()
CHARACTER = text(255)
NAMED = text(255, 1)
STATE = text(25)
_TEXT = text(None)
TIMESTAMP = parsed(read_timestamp, {"format": "date-time"}, "a date and time such as 2016-11-10T01:28:15.229Z")
DATE = parsed(parse_log_date, {"format": "date"}, "a date written YYYY-MM-DD")
DURATION = parsed(_check_duration, {"format": "duration"}, "an ISO 8601 duration such as PT8H30M")
UUID = parsed(read_uuid, {"format": "uuid"}, "a UUID")
STATUS = one_of(tuple(STATUSES))
MODE = one_of(REGULATION_MODES)


@dataclass(frozen=True)
class Field:
    """A field of the table."""

    kind: Kind
    description: str
    is_required: bool = False
    is_auto: bool = False
    """Made here: passed over when it is sent."""


FIELDS: dict[str, Field] = {
    "userId": Field(LONG, "The driver who performed the event.", is_required=True),
    "uuid": Field(UUID, "Names the record; all its versions share it.", is_required=True),
    "recordStatus": Field(STATUS, "Where this version stands.", is_required=True),
    "username": Field(
        NAMED, "The driver's username; `unidentifiedDriver` where nobody was signed in.", is_required=True
    ),
    "eventType": Field(NAMED, "What happened; an open list.", is_required=True),
    "recordOrigin": Field(NAMED, "Who recorded it; an open list.", is_required=True),
    "eventTime": Field(TIMESTAMP, "When it happened.", is_required=True),
    "accountId": Field(LONG, "The account that owns the record; `HOS_LOG_ACCOUNT_ID` when it is not sent."),
    "assetId": Field(LONG, "The vehicle."),
    "autoEventEndTimestamp": Field(TIMESTAMP, "When automatically recorded driving ended."),
    "canAdlHoursDriving": Field(DURATION, "Canadian rules: additional driving hours."),
    "canAdlHoursOffDuty": Field(DURATION, "Canadian rules: additional off-duty hours."),
    "canAdlHoursOnDuty": Field(DURATION, "Canadian rules: additional on-duty hours."),
    "canAdlHoursSleeper": Field(DURATION, "Canadian rules: additional sleeper hours."),
    "canOffDutyTimeDeferred": Field(DURATION, "Canadian rules: off-duty time deferred by the driver."),
    "canAdlHoursWorkShiftStart": Field(TIMESTAMP, "Canadian rules: start of the work shift with additional hours."),
    "canAdlHoursWorkShiftEnd": Field(TIMESTAMP, "Canadian rules: end of the work shift with additional hours."),
    "certificationCount": Field(INTEGER, "How often the driver certified the day."),
    "certificationDate": Field(DATE, "The day that was certified."),
    "changeRequestedBy": Field(LONG, "The user who asked the driver for an edit."),
    "changeRequestedByName": Field(CHARACTER, "The name of that user."),
    "coDriverUserIds": Field(_text_or_list(LONG, "whole numbers"), "Ids of co-drivers, as a list or as text."),
    "coDriverUsernames": Field(
        _text_or_list(CHARACTER, "strings of at most 255 characters"),
        "E-mail addresses of co-drivers, as a list or as text.",
    ),
    "cycleResetTimestamp": Field(TIMESTAMP, "When the cycle was reset."),
    "dataCheck": Field(INTEGER, "The event's check value, 0 to 255 (docs/duty-log.md).", is_auto=True),
    "deletedAt": Field(TIMESTAMP, "When the event was soft-deleted."),
    "diagnosticIndicator": Field(BOOLEAN, "Whether a device has a data diagnostic; false when it is not sent."),
    "distanceLastGpsKm": Field(DOUBLE, "Distance since the last GPS fix, in km."),
    "driverEdit": Field(BOOLEAN, "Whether the event was edited; false when it is not sent, true after an edit."),
    "editReason": Field(CHARACTER, "Why it was edited."),
    "editReasonCode": Field(CHARACTER, "Why it was edited, as a code."),
    "engineHours": Field(DURATION, "How long the engine has run."),
    "eventSequenceIdentifier": Field(INTEGER, "The ELD's sequence number of the event."),
    "excludeDrivingEndTimestamp": Field(TIMESTAMP, "Until when driving is excluded."),
    "gpsSource": Field(CHARACTER, "Where the position came from; an open list."),
    "id": Field(LONG, "The number of this version of the record, given out here.", is_auto=True),
    "iftaState": Field(STATE, "The state for fuel tax."),
    "lastChangedDate": Field(TIMESTAMP, "When this version was last changed here.", is_auto=True),
    "latitude": Field(number(-90, 90), "Degrees north."),
    "location": Field(CHARACTER, "Where it happened, in words."),
    "longitude": Field(number(-180, 180), "Degrees east."),
    "malfunctionIndicator": Field(BOOLEAN, "Whether a device has a malfunction; false when it is not sent."),
    "note": Field(_TEXT, "The driver's annotation."),
    "odometerKm": Field(DOUBLE, "The vehicle's odometer, in km."),
    "odometerSource": Field(CHARACTER, "Where the odometer came from; an open list."),
    "regulationMode": Field(MODE, "How the vehicle is regulated."),
    "relatedUuid": Field(_TEXT, "The record that this one belongs to."),
    "shippingDocsManifestNo": Field(CHARACTER, "The shipping document's number."),
    "speedKph": Field(DOUBLE, "Speed, in km/h."),
    "state": Field(STATE, "The state where it was recorded."),
    "trailerNumbers": Field(CHARACTER, "Trailers."),
    "useCycleReset": Field(BOOLEAN, "Whether a cycle reset was taken; true when it is not sent."),
    "validBeginTime": Field(TIMESTAMP, "From when this version is valid; the event's time when it is not sent."),
    "validEndTime": Field(TIMESTAMP, "Until when this version is valid."),
    "vin": Field(CHARACTER, "The vehicle's identification number."),
}
"""The table. `editReasonCode` and `iftaState` stand in the page's examples only."""

REQUIRED = tuple(name for name, field in FIELDS.items() if field.is_required)
AUTOMATIC = tuple(name for name, field in FIELDS.items() if field.is_auto)


def _validator(is_required: Callable[[str, Field], bool], own: Mapping[str, Kind]) -> SchemaValidator:
    taken = {
        name: core_schema.typed_dict_field(
            field.kind.core if is_required(name, field) else core_schema.nullable_schema(field.kind.core),
            required=is_required(name, field),
        )
        for name, field in FIELDS.items()
        if not field.is_auto
    }
    taken |= {name: core_schema.typed_dict_field(kind.core) for name, kind in own.items()}
    return SchemaValidator(core_schema.typed_dict_schema(taken, extra_behavior="allow"))


check_new = _validator(lambda _, field: field.is_required, {}).validate_python
"""Read the members of a JSON object as a new record. Raises ValidationError."""

check_edit = _validator(lambda *_: False, {"id": LONG}).validate_python
"""Read the members of a JSON object as the edit of record `id`; null takes a field away. Raises ValidationError."""


def what_is_wrong(name: str, value: Json) -> str:
    """The rest of a sentence that begins with the field's name, for a value that was refused."""
    return FIELDS[name].kind.what_is_wrong(value)


def unknown_word(name: str, value: str) -> str:
    """The same for a word that only strict settings refuse."""
    return f"must be one of {', '.join(KNOWN_WORDS[name])} while HOS_LOG_STRICT is set, not {excerpt(value)}"
