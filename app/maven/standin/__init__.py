"""A stand-in for Maven's `GET /return-events`: the same envelope, paging, retention and errors, and faults on demand.

Owns what Maven's queue holds and how the endpoint answers, as a plain ASGI application; knows nothing of databases or
of the receiver. Serving it on a port is `app/ingest/simulate/standin.py`'s. What Maven does not document is told where
it was decided.
"""

from app.maven.queue_page import RETENTION
from app.maven.standin.endpoint import DEFAULT_API_KEY, DEFAULT_PAGE_SIZE, Asked, StandIn
from app.maven.standin.envelopes import enveloped, maven_time
from app.maven.standin.faults import FAULT_DESCRIPTIONS, FaultName, Faults, read_fault
from app.maven.standin.fill import DEFAULT_OTHERS, Filled, fill_from_simulation
from app.maven.standin.foreign import FOREIGN_TYPES, foreign_event
from app.maven.standin.held_events import Census, HeldEvents, HeldPage
from app.maven.standin.odd_data import OddShape, odd_event

__all__ = [
    "DEFAULT_API_KEY",
    "DEFAULT_OTHERS",
    "DEFAULT_PAGE_SIZE",
    "FAULT_DESCRIPTIONS",
    "FOREIGN_TYPES",
    "RETENTION",
    "Asked",
    "Census",
    "FaultName",
    "Faults",
    "Filled",
    "HeldEvents",
    "HeldPage",
    "OddShape",
    "StandIn",
    "enveloped",
    "fill_from_simulation",
    "foreign_event",
    "maven_time",
    "odd_event",
    "read_fault",
]
