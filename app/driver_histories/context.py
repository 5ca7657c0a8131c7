"""What the driverHistories endpoints work with, and how they turn troubles into problems."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from starlette.types import Scope as AsgiScope

from app.db.database import Database
from app.db.errors import DatabaseConflict, DatabaseRefused, DatabaseUnavailable
from app.duty_log.schema import MOST_RECORDS, ItemFault, TooManyRecords, WrongRecords
from app.duty_log.terms import RecordsRefused, Why
from app.keys.schema import ApiKey, Scope
from app.maven.faults import is_sentence
from app.web.answers import unavailable
from app.web.metrics import Metrics
from app.web.middleware import Stopping
from app.web.problems import CONFLICT, INVALID_FIELDS, INVALID_JSON, NOT_FOUND, OVERLOADED, TOO_LARGE, Kind, Problem
from app.web.turns import Turns

log = structlog.get_logger(__name__)

TURNS = 2
WAITING = 64
TURN_SECONDS = 4.0


def _crowded() -> Problem:
    return Problem(OVERLOADED, "Too many records are waiting already.", headers={"Retry-After": "2"})


@dataclass(frozen=True, slots=True)
class HistoriesContext:
    """The collaborators of the endpoints."""

    database: Database
    reads: Database
    """Where lists are read from: the database, or a standby of it."""
    authenticate: Callable[[AsgiScope, Scope], ApiKey]
    """The key that a request presents, by Bearer or Basic. Raises `Problem` 401 or 403."""
    clock: Callable[[], int]
    """The present, in microseconds since 1970 UTC."""
    stopping: Stopping
    metrics: Metrics
    turns: Turns
    max_body_bytes: int
    account_id: int
    is_strict: bool

    def problem_of(self, trouble: Exception) -> Problem | None:
        """What an exception is on the wire; None for one that nobody foresaw."""
        return problem_of(trouble) if isinstance(trouble, TROUBLES) else None


def make_turns() -> Turns:
    """The turns of arrays: two at a time, so that one is read while the other is written."""
    return Turns(TURNS, WAITING, TURN_SECONDS, crowded=_crowded, late=unavailable)


TROUBLES = (TooManyRecords, WrongRecords, RecordsRefused, DatabaseUnavailable, DatabaseConflict, DatabaseRefused)

_KINDS: dict[Why, Kind] = {
    Why.UNKNOWN_RECORD: NOT_FOUND,
    Why.NOT_EDITABLE: CONFLICT,
    Why.INVALID: INVALID_FIELDS,
}


def problem_of(trouble: Exception) -> Problem:
    """What one of `TROUBLES` is on the wire. The detail is the first sentence, which is the vendor's where the page has
    one; `errors` have them all.
    """
    if isinstance(trouble, TooManyRecords):
        return Problem(TOO_LARGE, f"An array may have at most {MOST_RECORDS} records. Send several.")
    if isinstance(trouble, WrongRecords):
        return _told(INVALID_FIELDS if trouble.is_json else INVALID_JSON, trouble.faults)
    if isinstance(trouble, RecordsRefused):
        return _told(_KINDS[trouble.why], trouble.faults)
    if not isinstance(trouble, DatabaseUnavailable):  # a fault of ours, and no input's
        log.error("duty_log.request_refused", exc_info=trouble)
    return unavailable()


def _told(kind: Kind, faults: Sequence[ItemFault]) -> Problem:
    first = faults[0]
    detail = first.fault.detail
    if not is_sentence(first.fault):
        field = first.fault.pointer.split("/")[2:]
        detail = f"Item {first.item}: {'/'.join(field) or 'it'} {detail}."
    return Problem(kind, detail, errors=[fault.shown() for fault in faults])
