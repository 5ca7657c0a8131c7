"""What a query string of the driverHistories API asks for.

Names and meanings are the vendor page's; how names and values are written, and that a wrong one is a 400, is as
everywhere (`web.parameters`). Of every list any value may match.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from app.duty_log.reading import SORTS, Order, RecordFilter
from app.duty_log.words import STATUSES, RecordStatus
from app.keys.schema import ApiKey
from app.maven.faults import excerpt
from app.maven.kinds import LONG_MOST, read_uuid
from app.maven.times import parse_time
from app.web.parameters import Parameters, invalid_parameter, read_parameters

T = TypeVar("T")

PARAMETERS = (
    *("user-id", "asset-id", "uuid", "home-terminal-id", "event-type", "note", "record-status", "record-origin"),
    *("from-event-time", "to-event-time", "from-deleted-at", "from-change-timestamp", "to-change-timestamp"),
    *("offset", "limit", "driver.system", "driver-edit", "can-adl-hours-work-shift-start", "sort"),
)
"""Of `GET /api/v2/driverHistories`."""

UNIDENTIFIED_PARAMETERS = (
    *("asset-id", "home-terminal-id", "from-event-time", "to-event-time", "event-type", "offset", "limit"),
    *("record-status", "record-origin", "is-classified"),
)
"""Of `meta/unidentifiedDrivingEvents`."""

MOST_OFFSET = 10**15
EVERYTHING = "*"
_MILLISECOND = 1000


@dataclass(frozen=True, slots=True)
class AskedRecords:
    """Which records, in which order, and which part of them; without a limit all."""

    filter: RecordFilter
    orders: tuple[Order, ...]
    offset: int
    limit: int | None


def read_asked(query_string: bytes, key: ApiKey) -> AskedRecords:
    """What a list is asked for, within what the key may see. Raises `Problem` 400."""
    parameters = read_parameters(query_string, PARAMETERS)
    has_deleted, deleted_after = _deleted(parameters)
    changed_from, changed_before = _time(parameters, "from-change-timestamp"), _time(parameters, "to-change-timestamp")
    if changed_before is not None and changed_from is None:
        raise invalid_parameter("to-change-timestamp", "requires from-change-timestamp.")
    shift_from, shift_to = _shift_start(parameters)
    return AskedRecords(
        RecordFilter(
            user_ids=_numbers(parameters, "user-id"),
            asset_ids=_numbers(parameters, "asset-id"),
            uuids=_uuids(parameters),
            home_terminal_ids=_numbers(parameters, "home-terminal-id"),
            event_types=parameters.listed_or_whole("event-type"),
            notes=parameters.words("note"),
            statuses=_statuses(parameters),
            origins=parameters.listed_or_whole("record-origin"),
            event_from=_time(parameters, "from-event-time"),
            event_to=_time(parameters, "to-event-time"),
            has_deleted=has_deleted,
            deleted_after=deleted_after,
            changed_from=changed_from,
            changed_before=changed_before,
            is_system=_is_system(parameters),
            is_edited=parameters.boolean("driver-edit"),
            shift_from=shift_from,
            shift_to=shift_to,
            terminals=key.terminals,
        ),
        _orders(parameters),
        *_part(parameters),
    )


def read_asked_unidentified(parameters: Parameters, key: ApiKey) -> AskedRecords:
    """What is asked of the driving of nobody known, within what the key may see. Raises `Problem` 400."""
    return AskedRecords(
        RecordFilter(
            asset_ids=_numbers(parameters, "asset-id"),
            home_terminal_ids=_numbers(parameters, "home-terminal-id"),
            event_types=parameters.listed_or_whole("event-type"),
            statuses=_statuses(parameters),
            origins=parameters.listed_or_whole("record-origin"),
            event_from=_time(parameters, "from-event-time"),
            event_to=_time(parameters, "to-event-time"),
            is_system=True,
            is_classified=parameters.boolean("is-classified"),
            terminals=key.terminals,
        ),
        (Order(),),
        *_part(parameters),
    )


def read_users(query_string: bytes) -> tuple[int, ...]:
    """Whose vehicles are asked for. Raises `Problem` 400 when nobody's are."""
    users = _numbers(read_parameters(query_string, ("user-id",)), "user-id")
    if users is None:
        raise invalid_parameter("user-id", "is required: whose vehicles are asked for.")
    return users


def _part(parameters: Parameters) -> tuple[int, int | None]:
    return parameters.integer("offset", 0, MOST_OFFSET) or 0, parameters.integer("limit", 0, MOST_OFFSET)


def _numbers(parameters: Parameters, name: str) -> tuple[int, ...] | None:
    words = parameters.listed(name)
    return None if words is None else tuple(dict.fromkeys(_number(name, word) for word in words))


def _number(name: str, word: str) -> int:
    digits = word.removeprefix("-")
    if (
        not (digits.isascii() and digits.isdigit() and len(digits) <= 19)
        or not -LONG_MOST - 1 <= int(word) <= LONG_MOST
    ):
        raise invalid_parameter(name, f"must be a whole number, or several apart by commas, not {excerpt(word)}.")
    return int(word)


def _uuids(parameters: Parameters) -> tuple[str, ...] | None:
    words = parameters.listed("uuid")
    for word in words or ():
        _parsed("uuid", word, read_uuid)
    return None if words is None else tuple(dict.fromkeys(word.lower() for word in words))


def _statuses(parameters: Parameters) -> tuple[RecordStatus, ...] | None:
    words = parameters.some_of("record-status", tuple(STATUSES))
    return None if words is None else tuple(STATUSES[word] for word in words)


def _time(parameters: Parameters, name: str) -> int | None:
    text = parameters.text(name)
    return None if text is None else _instant(name, text)


def _instant(name: str, text: str) -> int:
    """An instant as records have it, to the millisecond; the `+` of an offset may have come as a space."""
    return _parsed(name, text.replace(" ", "+"), parse_time) // _MILLISECOND * _MILLISECOND


def _parsed(name: str, text: str, parse: Callable[[str], T]) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise invalid_parameter(name, f"{error}.") from None


def _deleted(parameters: Parameters) -> tuple[bool, int | None]:
    text = parameters.text("from-deleted-at")
    if text is None or text == EVERYTHING:
        return text is not None, None
    return True, _instant("from-deleted-at", text)


def _is_system(parameters: Parameters) -> bool | None:
    """False when it is not asked for: records of actual drivers alone."""
    words = parameters.some_of("driver.system", ("true", "false", EVERYTHING))
    if words is None:
        return False
    if EVERYTHING in words or len(words) == 2:
        return None
    return words == ("true",)


def _shift_start(parameters: Parameters) -> tuple[int | None, int | None]:
    """A range, both ends inclusive, from one time or from two apart by a comma."""
    name = "can-adl-hours-work-shift-start"
    words = parameters.listed(name)
    if words is None:
        return None, None
    if len(words) > 2:
        raise invalid_parameter(name, "must be one time to start from, or two apart by a comma.")
    first, *rest = (_instant(name, word) for word in words)
    return first, rest[0] if rest else None


def _orders(parameters: Parameters) -> tuple[Order, ...]:
    words = parameters.listed("sort") or ("id",)
    for word in words:
        if word.removeprefix("-") not in SORTS or word.startswith("--"):
            allowed = ", ".join(f"{name}, -{name}" for name in SORTS)
            raise invalid_parameter("sort", f"must be one of {allowed}, not {excerpt(word)}.")
    return tuple(Order(word.removeprefix("-"), word.startswith("-")) for word in words)
