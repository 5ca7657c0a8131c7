"""`python -m tests.torture [NAME…] [--rounds N|full] [--seed S] [--first K]`: tries to break what is promised.

Prints a line of figures for each trial. Exit status 1 when a promise was broken, with how to have that again.
Everything stays on this machine, and ends by itself.
"""

import argparse
import random
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from tests.torture.course import Course, Trial, run_trial
from tests.torture.trials import TRIALS


def _rounds_of(text: str) -> int | None:
    """A number of rounds; None for each trial's full number."""
    if text == "full":
        return None
    rounds = int(text)
    if rounds < 1:
        raise ValueError(text)
    return rounds


def main() -> int:
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(TRIALS)}; all without")
    parser.add_argument("--rounds", type=_rounds_of, default=0, help="a number, or full; few without")
    parser.add_argument("--seed", type=int, default=None, help="the seed of a run to have again")
    parser.add_argument("--first", type=int, default=0, help="the number of the first round")
    options = parser.parse_args()
    unknown = set(options.names) - TRIALS.keys()
    if unknown:
        parser.error(f"no such trial: {', '.join(sorted(unknown))}")
    # Ended from outside, it ends what it started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    broken = [name for name in options.names or TRIALS if not _holds(TRIALS[name], seed, options)]
    if broken:
        print(f"broken: {', '.join(broken)}", file=sys.stderr)
    return 1 if broken else 0


def _holds(trial: Trial, seed: int, options: argparse.Namespace) -> bool:
    match options.rounds:
        case None:
            rounds = trial.full
        case 0:
            rounds = trial.short
        case given:
            rounds = given
    with tempfile.TemporaryDirectory(prefix="hos-torture-") as directory:
        course = Course(trial.name, seed, rounds, Path(directory), options.first)
        try:
            print(run_trial(trial, course), flush=True)
        except Exception:  # whatever it is, it is shown, and the other trials are run
            traceback.print_exc()
            print(f"{trial.name}: BROKEN", flush=True)
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
