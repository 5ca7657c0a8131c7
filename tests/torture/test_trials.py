"""Every trial, a few rounds of it; `make torture ROUNDS=full` runs them at length."""

import os
import random
from pathlib import Path

import pytest

from tests.torture.course import Course, run_trial
from tests.torture.trials import TRIALS

# On CI the same rounds each time, so that a red build is red because of its commit.
SEED = 1 if "CI" in os.environ else random.SystemRandom().randrange(1_000_000)


@pytest.mark.parametrize("name", TRIALS)
def test_no_promise_is_broken(name: str, tmp_path: Path) -> None:
    trial = TRIALS[name]
    line = run_trial(trial, Course(name, SEED, trial.short, tmp_path))
    print(line)
    assert line.startswith(f"{name}: {trial.short:,} {trial.unit}")


def test_a_round_can_be_had_again(tmp_path: Path) -> None:
    def course(first: int, rounds: int) -> Course:
        return Course("any", 7, rounds, tmp_path, first)

    all_rounds = [one.chance.random() for one in course(0, 5).each_round()]
    assert [one.chance.random() for one in course(3, 1).each_round()] == all_rounds[3:4]
    assert len(set(all_rounds)) == 5


def test_an_error_says_how_to_have_it_again(tmp_path: Path) -> None:
    def breaks(one: object) -> None:
        raise AssertionError("lost")

    with pytest.raises(AssertionError) as caught:
        Course("any", 7, 1, tmp_path, 3).play(breaks)
    assert caught.value.__notes__ == ["Round 3 of seed 7; again: make torture SEED=7 ROUNDS=1 ARGS='any --first 3'"]
