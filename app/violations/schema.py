"""A violation on the wire: the JSON of contract section 5, and the row of a CSV export.

The details come from the event that holds them, rendered by Maven's own schema, with what this service adds spliced
in as bytes. Events never change, so what is rendered of one is kept for the next reader, up to a bound. Which
violations, at which moment, and who may see them is left to the queries.
"""

import re
import unicodedata
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from app.maven.events import EventType, read_data
from app.maven.schema import VehicleData, ViolationData, render
from app.maven.times import format_time
from app.violations.model import ACTIVE, INVALIDATED
from app.violations.regulation import is_egregious, regulation_of

STATUS_WORDS = {"active": ACTIVE, "invalidated": INVALIDATED}
"""The two states by their names on the wire."""

EVENT_TYPE_WORDS: tuple[str, ...] = (EventType.CREATED, EventType.INVALIDATED)
"""Names of event types by their number in the table `events`."""

KEPT_BYTES = 8 * 1024 * 1024
"""How much rendered text one `Renderer` keeps."""
LONGEST_KEPT = 64 * 1024


@dataclass(frozen=True, slots=True)
class State:
    """What a violation is beside its details, now or at an earlier moment. Times are microseconds since 1970 UTC."""

    invalidated_at: int | None
    first_received_at: int
    last_received_at: int
    revision: int


class Renderer:
    """Renders violations, and keeps what it rendered last. One per database, because events are known by their
    `seq`.
    """

    def __init__(self, kept_bytes: int = KEPT_BYTES) -> None:
        self._details = _Kept(kept_bytes)
        self._whole = _Kept(kept_bytes)

    def find(self, details_seq: int, state: State) -> bytes | None:
        """The JSON object of a violation if it was rendered lately; None when its payload is needed."""
        return self._whole.get(_whole_key(details_seq, state))

    def render(self, details_seq: int, payload: bytes, state: State) -> bytes:
        """The JSON object of a violation whose details are those of event `details_seq`, received as `payload`."""
        text = splice_state(self.details(details_seq, payload), state)
        self._whole.put(_whole_key(details_seq, state), text)
        return text

    def details(self, details_seq: int, payload: bytes) -> bytes:
        """The JSON object of a violation up to its state, which is open: `splice_state` closes it."""
        details = self._details.get((details_seq,))
        if details is None:
            details = render_details(read_data(payload))
            self._details.put((details_seq,), details)
        return details


def _whole_key(details_seq: int, state: State) -> tuple[int, ...]:
    return details_seq, state.revision, state.last_received_at, state.invalidated_at or 0


class _Kept:
    """Texts by what they are made of, the ones asked for last, up to so many bytes together."""

    def __init__(self, room: int) -> None:
        self._texts: OrderedDict[tuple[int, ...], bytes] = OrderedDict()
        self._room = room

    def get(self, key: tuple[int, ...]) -> bytes | None:
        text = self._texts.get(key)
        if text is not None:
            self._texts.move_to_end(key)
        return text

    def put(self, key: tuple[int, ...], text: bytes) -> None:
        if len(text) > LONGEST_KEPT or key in self._texts:
            return
        self._texts[key] = text
        self._room -= len(text)
        while self._room < 0:
            _, oldest = self._texts.popitem(last=False)
            self._room += len(oldest)


def render_violation(payload: bytes, state: State) -> bytes:
    """The JSON object of one violation, without keeping anything; for exports, which pass by each event once."""
    return splice_state(render_details(read_data(payload)), state)


def render_details(data: ViolationData) -> bytes:
    """The fields of Violation Data and what follows from them, as an object that is still open."""
    minutes = data.duration_minutes
    regulation = regulation_of(data.ruleset, data.type)
    shown = None if regulation is None else {"cite": regulation.cite, "title": regulation.title}
    return b'%b,"durationMinutes":%b,"egregious":%b,"regulation":%b' % (
        render(data)[:-1],
        b"null" if minutes is None else b"%d" % minutes,
        b"true" if is_egregious(data.type, minutes) else b"false",
        orjson.dumps(shown),
    )


def splice_state(details: bytes, state: State) -> bytes:
    """Closes the object of `render_details` with a state."""
    return b"".join((details, render_state(state)))


def render_state(state: State) -> bytes:
    """The members that tell the state, from the comma to the closing brace."""
    at = state.invalidated_at
    if at is None:
        standing = b'"status":"active","invalidated":false,"invalidatedAt":null'
    else:
        standing = b'"status":"invalidated","invalidated":true,"invalidatedAt":"%b"' % format_time(at).encode()
    return b',%b,"firstReceivedAt":"%b","lastReceivedAt":"%b","revision":%d}' % (
        standing,
        format_time(state.first_received_at).encode(),
        format_time(state.last_received_at).encode(),
        state.revision,
    )


_CSV_DETAILS: dict[str, Callable[[ViolationData], object]] = {
    "driverId": lambda data: data.driverId,
    "driverName": lambda data: data.driverName,
    "terminalCode": lambda data: data.terminalCode,
    "type": lambda data: data.type,
    "startTime": lambda data: _time(data.startTime),
    "endTime": lambda data: _time(data.endTime),
    "eventTime": lambda data: _time(data.eventTime),
    "logDate": lambda data: data.logDate,
    "duration": lambda data: data.duration,
    "durationMinutes": lambda data: data.duration_minutes,
    "egregious": lambda data: _boolean(is_egregious(data.type, data.duration_minutes)),
    "regulation": lambda data: _cite(data),
    "ruleset": lambda data: data.ruleset,
    "powerUnitNumber": lambda data: data.powerUnitNumber,
    "shortDescription": lambda data: data.shortDescription,
    "longDescription": lambda data: data.longDescription,
}
_CSV_VEHICLE: dict[str, Callable[[VehicleData], object]] = {
    "City": lambda vehicle: vehicle.city,
    "State": lambda vehicle: vehicle.state,
    "Latitude": lambda vehicle: vehicle.latitude,
    "Longitude": lambda vehicle: vehicle.longitude,
    "Odometer": lambda vehicle: vehicle.odometer,
}
_CSV_STATE: dict[str, Callable[[State], object]] = {
    "invalidatedAt": lambda state: _time(state.invalidated_at),
    "firstReceivedAt": lambda state: _time(state.first_received_at),
    "lastReceivedAt": lambda state: _time(state.last_received_at),
    "revision": lambda state: state.revision,
}

CSV_COLUMNS: tuple[str, ...] = (
    "id",
    "status",
    *_CSV_DETAILS,
    *(f"start{name}" for name in _CSV_VEHICLE),
    *(f"end{name}" for name in _CSV_VEHICLE),
    *_CSV_STATE,
)
"""The header row of an export. Names are those of the JSON members; the data at start and end are flattened."""


def _time(micros: int | None) -> str | None:
    return None if micros is None else format_time(micros)


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _cite(data: ViolationData) -> str | None:
    regulation = regulation_of(data.ruleset, data.type)
    return None if regulation is None else regulation.cite


def csv_header() -> bytes:
    """The first line of an export."""
    return ",".join(CSV_COLUMNS).encode() + b"\r\n"


def render_csv(payload: bytes, state: State) -> bytes:
    """One violation as a line of CSV (RFC 4180): CRLF, UTF-8, an empty cell for null, guarded against formulas."""
    data = read_data(payload)
    cells: list[object] = [data.id, "active" if state.invalidated_at is None else "invalidated"]
    cells += [column(data) for column in _CSV_DETAILS.values()]
    for vehicle in (data.startData, data.endData):
        cells += [None if vehicle is None else column(vehicle) for column in _CSV_VEHICLE.values()]
    cells += [column(state) for column in _CSV_STATE.values()]
    return ",".join([csv_cell(cell) for cell in cells]).encode() + b"\r\n"


_PLAIN = re.compile(r"[0-9A-Za-z][^\",\r\n]*")
_QUOTED = re.compile(r'[",\r\n]')
_LEADING_SPACE = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\u2060\ufeff]*")


def csv_cell(value: object) -> str:
    """One cell. Text that a spreadsheet might take for a formula gets an apostrophe before it; numbers stay numbers."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return repr(value)
    if _PLAIN.fullmatch(value):
        return value
    if _may_be_formula(value):
        value = "'" + value
    if _QUOTED.search(value) or value != value.strip():
        return '"' + value.replace('"', '""') + '"'
    return value


def _may_be_formula(text: str) -> bool:
    """Whether a spreadsheet might evaluate the text: it begins with a tab, a line end, or, after any space, with one of
    `= + - @` in any width."""
    if text[:1] in ("\t", "\r", "\n"):
        return True
    first = _LEADING_SPACE.sub("", text, count=1)[:1]
    return unicodedata.normalize("NFKC", first) in ("=", "+", "-", "@")
