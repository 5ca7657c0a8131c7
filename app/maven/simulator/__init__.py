"""A believable stream of Maven's violation events for demos and load, the same for the same seed.

Owns the simulated carrier and what Maven tells about it, as bytes; knows nothing of HTTP, databases or the receiver.
Sending it is `app/ingest/simulate`'s.
"""

from app.maven.simulator.expected import ExpectedState
from app.maven.simulator.fleet import TERMINALS
from app.maven.simulator.stream import (
    DEFAULT_DAYS,
    DEFAULT_TERMINALS,
    DEFAULT_UNTIL,
    Shape,
    SimulatedDelivery,
    default_drivers,
    simulate,
)

__all__ = [
    "DEFAULT_DAYS",
    "DEFAULT_TERMINALS",
    "DEFAULT_UNTIL",
    "TERMINALS",
    "ExpectedState",
    "Shape",
    "SimulatedDelivery",
    "default_drivers",
    "simulate",
]
