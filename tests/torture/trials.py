"""All trials by name, in the order in which they are run."""

from tests.torture import (
    disk_trouble,
    feed,
    fuzzing,
    histories,
    kill_postgresql,
    kill_server,
    outage,
    outbox,
    power_cut,
    slow_clients,
)
from tests.torture.course import Trial

_MODULES: tuple[tuple[Trial, ...], ...] = (
    histories.TRIALS,
    feed.TRIALS,
    outbox.TRIALS,
    fuzzing.TRIALS,
    power_cut.TRIALS,
    disk_trouble.TRIALS,
    kill_server.TRIALS,
    kill_postgresql.TRIALS,
    outage.TRIALS,
    slow_clients.TRIALS,
)
"""The trials of each module, one line each."""

TRIALS = {trial.name: trial for trials in _MODULES for trial in trials}
