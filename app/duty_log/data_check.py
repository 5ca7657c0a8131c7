"""The event data check value (49 CFR part 395 subpart B appendix A, 4.4.5.1).

The rule adds up the characters of ten data elements of an event, takes the lower byte, rotates it left by three bits
and changes it by C3 (hexadecimal). What a record does not have is blank, as in an ELD's file; the elements are made of
the record in the formats of section 7, so the value equals the ELD's where the record has all that the ELD had.
"""

from collections.abc import Mapping
from datetime import datetime
from math import trunc
from zoneinfo import ZoneInfo

from app.duty_log.fields import duration_seconds
from app.duty_log.words import EVENT_TYPES
from app.maven.ijson_grammar import Json
from app.maven.times import SECOND, parse_time

KM_PER_MILE = 1.609344

# Table 3 of the appendix: digits count as they are, letters by their code less 48, everything else nothing.
_WORTH = bytes(
    code - 48 if chr(code) in "123456789" or (code < 128 and chr(code).isalpha()) else 0 for code in range(256)
)


def check_of(text: str) -> int:
    """The check value of the characters of an event's elements, one after the other."""
    total = sum(text.encode("ascii", "replace").translate(_WORTH)) & 0xFF
    return ((total << 3 | total >> 5) & 0xFF) ^ 0xC3


def data_check(fields: Mapping[str, Json], unit: str | None, zone: ZoneInfo | None) -> int:
    """The check value of a record, 0 to 255. `unit` is the vehicle's number at the carrier, `zone` that of the driver's
    home terminal; UTC where it is not known.
    """
    return check_of("".join(_elements(fields, unit or "", zone)))


def _elements(fields: Mapping[str, Json], unit: str, zone: ZoneInfo | None) -> list[str]:
    coded = EVENT_TYPES.get(str(fields["eventType"]))
    code = None
    if coded is not None:
        count = fields.get("certificationCount")
        # A driver certifies a day up to nine times (7.21); more count as the ninth.
        code = coded.code if coded.code is not None else min(count, 9) if isinstance(count, int) else None
    micros = parse_time(str(fields["eventTime"]))
    at = None if zone is None else datetime.fromtimestamp(micros // SECOND, zone)
    written = str(fields["eventTime"]) if at is None else at.isoformat()
    return [
        "" if coded is None else str(coded.type),
        "" if code is None else str(code),
        f"{written[5:7]}{written[8:10]}{written[2:4]}",
        f"{written[11:13]}{written[14:16]}{written[17:19]}",
        _miles(fields.get("odometerKm")),
        _hours(fields.get("engineHours")),
        _degrees(fields.get("latitude")),
        _degrees(fields.get("longitude")),
        unit,
        str(fields["username"]),
    ]


def _miles(kilometres: Json) -> str:
    return str(trunc(kilometres / KM_PER_MILE)) if isinstance(kilometres, int | float) else ""


def _hours(duration: Json) -> str:
    return f"{duration_seconds(duration) / 3600:.1f}" if isinstance(duration, str) else ""


def _degrees(degrees: Json) -> str:
    return f"{degrees:.2f}" if isinstance(degrees, int | float) else ""
