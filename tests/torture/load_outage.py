"""A `serve` that stays up while its database goes and comes back: what every outage has in common.

Every request is answered in time whatever happens, no connection fails, and soon after the database is back nobody is
told that it is away. How the database is taken away is left to the trials.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.ingest.served import service_on
from tests.torture.course import Course, Round
from tests.torture.load import ANSWER_SECONDS, AWAY, Load, Packing, Record
from tests.torture.load_checks import Watched, count_promises

HEALED_SECONDS = 5.0
READERS = 4
COMPARED_EVERY = 20


@dataclass(slots=True)
class Enduring:
    """The service, its load and its database."""

    course: Course
    load: Load
    watched: Watched

    @contextmanager
    def loaded(self, one: Round) -> Iterator[None]:
        """A round of load, from some answers before its body to some after it. Asserts that all were in time."""
        self.load.packing.go_on(one.chance, f"r{one.number}")
        self.load.exchanges.clear()
        with self.load.running():
            self.load.await_answers(one.chance.randint(1, 60))
            time.sleep(one.chance.uniform(0, 0.01))  # else it would always be the moment of an answer
            yield
            self.load.await_answers(one.chance.randint(20, 60))
        self._assert_in_time()

    def await_healed(self, one: Round, back_at: float) -> None:
        """Returns when requests succeed again; `back_at` is when the database was back, by `time.monotonic`.

        Now and then only when the service has had all the time it is given to heal, and more.
        """
        self.load.await_answers(1)
        if one.chance.random() < 0.1:
            time.sleep(max(0.0, back_at + HEALED_SECONDS + 0.5 - time.monotonic()))

    def assert_healed(self, back_at: float) -> None:
        """Asserts that the requests begun since then succeeded, all but those of the first seconds. After `loaded`."""
        since = [one for one in self.load.exchanges if one.began_at >= back_at]
        away = [one.ended_at - back_at for one in since if one.status in AWAY]
        first = min(one.ended_at - back_at for one in since if one.path == "/webhooks/maven" and one.status not in AWAY)
        healed = max([first, *away])
        self.course.most("slowest healing in ms", healed * 1000)
        assert healed <= HEALED_SECONDS, f"{healed:.1f} s after the database was back a request got 503"

    def _assert_in_time(self) -> None:
        failed = [one for one in self.load.exchanges if one.status is None]
        assert failed == [], f"{len(failed)} connections failed"
        slowest = max(self.load.exchanges, key=lambda one: one.ended_at - one.began_at)
        seconds = slowest.ended_at - slowest.began_at
        self.course.count("requests", len(self.load.exchanges))
        self.course.count("of them 503", sum(one.status == 503 for one in self.load.exchanges))
        self.course.most("slowest answer in ms", seconds * 1000)
        assert seconds <= ANSWER_SECONDS, f"{slowest.path} was answered after {seconds:.1f} s"


@contextmanager
def enduring(course: Course, url: str) -> Iterator[Enduring]:
    """A service on a migrated database; in the end everything is compared, and it stops in order."""
    record = Record()
    watched = Watched(url, record)
    with service_on(url, course.directory) as service:
        load = Load(Packing(course.chance(-1), record, "first"), service.served.url, readers=READERS)
        yield Enduring(course, load, watched)
        watched.look_closely(course, course.directory)
        assert service.served.stop() == 0, service.served.log
    count_promises(course, record)
