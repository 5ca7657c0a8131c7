"""What a trial is, and one run of it: which rounds, from which seed, and what was counted.

All chance of a round comes from the seed and the round's number, so that a round can be run again by itself.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Round:
    """One of many tries to break a promise."""

    number: int
    chance: random.Random


@dataclass(slots=True)
class Course:
    """A run of the trial `name`: rounds `first` to `first + rounds - 1` of `seed`, with a directory of its own."""

    name: str
    seed: int
    rounds: int
    directory: Path
    first: int = 0
    figures: Counter[str] = field(default_factory=Counter)
    """What was counted, in the order of the first count."""

    def each_round(self) -> Iterator[Round]:
        """The rounds in turn. Use `told` around what is done in one, or `play` for both."""
        for number in range(self.first, self.first + self.rounds):
            yield Round(number, self.chance(number))

    def chance(self, number: int) -> random.Random:
        """The chance of one round, the same each time."""
        return random.Random(f"{self.name} {self.seed} {number}")

    @contextmanager
    def told(self, number: int) -> Iterator[None]:
        """Adds to an error how to have this round again."""
        try:
            yield
        except BaseException as error:
            error.add_note(
                f"Round {number} of seed {self.seed}; again: "
                f"make torture SEED={self.seed} ROUNDS=1 ARGS='{self.name} --first {number}'"
            )
            raise

    def play(self, work: Callable[[Round], None]) -> None:
        """Does the work once for each round."""
        for one in self.each_round():
            with self.told(one.number):
                work(one)

    def count(self, what: str, number: int = 1) -> None:
        """Counts for the line of figures; zero too, for what must be zero is worth showing."""
        self.figures[what] += number

    def most(self, what: str, number: float) -> None:
        """Notes the greatest of what is measured, such as milliseconds, for the line of figures."""
        self.figures[what] = max(self.figures[what], round(number))


@dataclass(frozen=True, slots=True)
class Trial:
    """One way to break a promise. `run` raises AssertionError when it succeeds in that."""

    name: str
    promise: str
    """What is shown never to happen, or always to; one sentence."""
    unit: str
    """What a round is, in the plural: `kills`."""
    short: int
    """Rounds that are worth their time with every change."""
    full: int
    """Rounds that the guarantee rests on."""
    run: Callable[[Course], None]


def line_of(trial: Trial, course: Course, seconds: float) -> str:
    """The figures of a run that broke nothing."""
    counted = ", ".join(f"{what} {number:,}" for what, number in course.figures.items())
    return f"{trial.name}: {course.rounds:,} {trial.unit}, {counted}; {seconds:,.0f} s, seed {course.seed}"


def run_trial(trial: Trial, course: Course) -> str:
    """Runs a trial; gives its line of figures."""
    began = time.monotonic()
    trial.run(course)
    return line_of(trial, course, time.monotonic() - began)
