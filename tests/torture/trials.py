"""All trials by name, in the order in which they are run."""

from tests.torture.course import Trial

_MODULES: tuple[tuple[Trial, ...], ...] = ()
"""The trials of each module, one line each."""

TRIALS = {trial.name: trial for trials in _MODULES for trial in trials}
