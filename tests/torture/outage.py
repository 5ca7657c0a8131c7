"""PostgreSQL stopped, frozen, restarted and failed over under load.

The service stays up throughout: every request is answered in time, it goes on by itself, and nothing that it
acknowledged is lost, also when a synchronous standby takes the place of a primary that was killed.
"""

import time

from app.db.migrate import upgrade
from tests.torture.course import Course, Round, Trial
from tests.torture.load_outage import COMPARED_EVERY, Enduring, enduring
from tests.torture.standby import Node, Pair, replicated_postgresql, single_postgresql

WAYS = ("fast", "immediate", "smart", "restart", "frozen", "one process frozen")


def _break(one: Round, server: Node, course: Course) -> None:
    """Takes the database away for a while."""
    way = one.chance.choice(WAYS)
    course.count(way)
    # Mostly short; sometimes longer than any request may wait.
    seconds = one.chance.uniform(9, 14) if one.chance.random() < 0.15 else one.chance.uniform(0, 2)
    match way:
        case "frozen":
            server.freeze()
            time.sleep(seconds)
            server.thaw()
        case "one process frozen":
            server.freeze_one(one.chance)
            time.sleep(seconds)
            server.thaw()
        case "restart":
            server.stop(one.chance.choice(["fast", "immediate"]))
            server.start()
        case mode:
            server.stop(mode)
            time.sleep(seconds)
            server.start()


def _run_outages(course: Course) -> None:
    with single_postgresql() as server:
        upgrade(server.url)
        with enduring(course, server.url) as service:

            def play(one: Round) -> None:
                with service.loaded(one):
                    _break(one, server, course)
                    back_at = time.monotonic()
                    service.await_healed(one, back_at)
                _assert_well(one, course, service, back_at)

            course.play(play)


def _assert_well(one: Round, course: Course, service: Enduring, back_at: float, *, may_forget: bool = False) -> None:
    service.assert_healed(back_at)
    service.watched.look(course, may_forget=may_forget)
    if one.number % COMPARED_EVERY == COMPARED_EVERY - 1:
        service.watched.look_closely(course, course.directory)


def _fail_over(one: Round, course: Course, pair: Pair) -> float:
    """Kills the primary and makes the pair whole again; gives when there was a primary that commits."""
    trouble = one.chance.random()
    if trouble < 0.6:
        # Now the primary has what its standby has not, and nobody may be told that it is kept.
        course.count("after the standby froze" if trouble < 0.2 else "after the standby died")
        if trouble < 0.2:
            pair.standby.freeze()
        else:
            pair.standby.kill()
        time.sleep(one.chance.uniform(8, 11) if one.chance.random() < 0.3 else one.chance.uniform(0, 2))
    waits = one.chance.random() < 0.3
    pair.fail_over(waits=waits)
    back_at = time.monotonic()
    rewinds = one.chance.random() < 0.5
    course.count("rewound" if rewinds else "copied")
    pair.rebuild_standby(rewinds=rewinds)
    pair.wait_until_streaming()
    return time.monotonic() if waits else back_at


def _run_failovers(course: Course) -> None:
    with replicated_postgresql() as pair:
        upgrade(pair.primary.url)
        with enduring(course, pair.url) as service:

            def play(one: Round) -> None:
                with service.loaded(one):
                    back_at = _fail_over(one, course, pair)
                    service.await_healed(one, back_at)
                _assert_well(one, course, service, back_at, may_forget=True)

            course.play(play)


TRIALS = (
    Trial(
        "postgresql-outage",
        "PostgreSQL away in any way: each request is answered within 10 s, and the service heals within 5 s.",
        "outages",
        short=1,
        full=100,
        run=_run_outages,
    ),
    Trial(
        "postgresql-failover",
        "A failover to a synchronous standby loses no acknowledged event, and the service goes on within 5 s.",
        "failovers",
        short=1,
        full=50,
        run=_run_failovers,
    ),
)
