"""What the dvir-logs endpoints work with, and how troubles become problems."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import structlog
from starlette.types import Scope as AsgiScope

from app.db.database import Database
from app.db.errors import DatabaseConflict, DatabaseRefused, DatabaseUnavailable
from app.dvir_logs.desk import ConnectionConflict, ConnectionDesk, ConnectionNotFound
from app.inspections.operations import Attempted
from app.keys.ring import KeyRing
from app.keys.schema import ApiKey, Scope
from app.maven.faults import WrongFields
from app.web.answers import unavailable
from app.web.bodies import fields_problem
from app.web.cursors import CursorSeal
from app.web.metrics import Metrics
from app.web.middleware import Stopping
from app.web.problems import CONFLICT, NOT_FOUND, Problem

log = structlog.get_logger(__name__)

ForwardNow = Callable[[int, str, Mapping[str, object]], Awaitable[Attempted]]
"""Tries an operation once: the connection's key among the hooks, the operation's id, its payload."""


@dataclass(frozen=True, slots=True)
class InspectionsContext:
    """The collaborators of the endpoints."""

    database: Database
    reads: Database
    """Where lists are read from: the database, or a standby of it."""
    authenticate: Callable[[AsgiScope, Scope], ApiKey]
    """The key that a request presents. Raises `Problem` 401 or 403."""
    ring: KeyRing
    cursors: CursorSeal
    desk: ConnectionDesk
    forward_now: ForwardNow
    clock: Callable[[], int]
    """The present, in microseconds since 1970 UTC."""
    metrics: Metrics
    stopping: Stopping
    on_change: Callable[[], None]
    """Told when there may be something to deliver."""

    def problem_of(self, trouble: Exception) -> Problem | None:
        """What an exception is on the wire; None for one that nobody foresaw."""
        return problem_of(trouble) if isinstance(trouble, TROUBLES) else None


TROUBLES = (
    WrongFields,
    ConnectionNotFound,
    ConnectionConflict,
    DatabaseUnavailable,
    DatabaseConflict,
    DatabaseRefused,
)


def problem_of(trouble: Exception) -> Problem:
    """What one of `TROUBLES` is on the wire."""
    match trouble:
        case WrongFields():
            return fields_problem(trouble)
        case ConnectionNotFound():
            return Problem(NOT_FOUND, f"There is no connection with the id {trouble}.")
        case ConnectionConflict():
            return Problem(CONFLICT, str(trouble))
        case DatabaseUnavailable():
            return unavailable()
    log.error("inspections.request_refused", exc_info=trouble)  # a fault of ours, and no input's
    return unavailable()
