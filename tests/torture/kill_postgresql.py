"""All processes of the PostgreSQL server killed with -9 under load, and the server started again.

The service stays up: it loses nothing it has acknowledged, and goes on by itself.
"""

import time

from app.db.migrate import upgrade
from tests.torture.course import Course, Round, Trial
from tests.torture.load_outage import COMPARED_EVERY, enduring
from tests.torture.standby import single_postgresql


def _run(course: Course) -> None:
    with single_postgresql() as server:
        upgrade(server.url)
        with enduring(course, server.url) as service:

            def kill(one: Round) -> None:
                with service.loaded(one):
                    server.kill()
                    if one.chance.random() < 0.3:
                        time.sleep(one.chance.uniform(0, 3))
                    server.start()
                    back_at = time.monotonic()
                    service.await_healed(one, back_at)
                service.assert_healed(back_at)
                service.watched.look(course)
                if one.number % COMPARED_EVERY == COMPARED_EVERY - 1:
                    service.watched.look_closely(course, course.directory)

            course.play(kill)


TRIALS = (
    Trial(
        "kill-postgresql",
        "No kill -9 of PostgreSQL loses an acknowledged event, and the service heals within 5 s of its return.",
        "kills",
        short=1,
        full=100,
        run=_run,
    ),
)
