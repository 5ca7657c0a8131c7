"""`hos-receiver simulate`: send a simulated stream of Maven's events to a receiver, and say honestly what came of it.

Owns the sending, its progress and its summary. What is sent is `app/maven/simulator`'s; the command line is
`app/cli.py`'s.
"""

from app.ingest.simulate.options import DEFAULT_URL, SimulationOptions, find_secret
from app.ingest.simulate.run import run_simulation

__all__ = ["DEFAULT_URL", "SimulationOptions", "find_secret", "run_simulation"]
