"""Whatever receivers answer and whenever the worker is broken off: every change arrives, in each violation's order."""

import asyncio
from collections.abc import Sequence

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.dialling.client import Patience
from app.hooks.schema import HookChanges
from tests.alerts.alerted import House, alerting_on, created, eventually, invalidated, told_of
from tests.databases import Databases
from tests.dialling.answering import Request, answering, http

STATUSES = st.sampled_from([200, 204, 500, 503, 429, 302, 404])
STEPS = st.one_of(
    st.tuples(st.just("keep"), st.integers(0, 2)),
    st.tuples(st.just("break"), st.just(0)),
    st.tuples(st.just("pass"), st.sampled_from([1, 7, 400, 90_000])),
)
PER_HOOK = 2


class Moody:
    """Answers with one status after the other, and with 200 when they are used up; some requests it never answers."""

    def __init__(self, statuses: Sequence[int], hangs: set[int]) -> None:
        self.statuses = list(statuses)
        self.hangs = hangs
        self.accepted: list[Request] = []

    async def reply(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        if request.number in self.hangs:
            await asyncio.sleep(3600)
        status = self.statuses.pop(0) if self.statuses else 200
        if 200 <= status < 300:
            self.accepted.append(request)
        writer.write(http(status))
        return True


@settings(
    max_examples=15,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink a failure would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    steps=st.lists(STEPS, min_size=1, max_size=12),
    moods=st.lists(st.lists(STATUSES, max_size=6), min_size=PER_HOOK, max_size=PER_HOOK),
    hangs=st.sets(st.integers(0, 10), max_size=2),
)
async def test_every_change_arrives_in_its_order(
    databases: Databases, steps: list[tuple[str, int]], moods: list[list[int]], hangs: set[int]
) -> None:
    moody = [Moody(statuses, hangs) for statuses in moods]
    patience = Patience(total_seconds=0.3)
    with databases.fresh() as url:
        async with (
            alerting_on(url, patience=patience) as house,
            answering(moody[0].reply) as one,
            answering(moody[1].reply) as other,
        ):
            hooks = [(await house.hook(server.url))[0] for server in (one, other)]
            expected: list[tuple[str, str]] = []
            changes = [0, 0, 0]
            worker = house.worker()
            task = asyncio.create_task(worker.deliver_for_ever())
            for what, number in steps:
                match what:
                    case "keep":
                        expected.append(await _change(house, number, changes))
                    case "pass":
                        house.clock.pass_by(number)
                        await asyncio.sleep(0)
                    case "break":
                        task.cancel()
                        await asyncio.gather(task, return_exceptions=True)
                        task = asyncio.create_task(house.worker().deliver_for_ever())

            async def have_all() -> bool:
                house.clock.pass_by(90_000)
                for hook in hooks:  # so many days of failures disable one
                    await house.desk.change(hook.id, HookChanges(enabled=True))
                rows = await house.database.fetch("SELECT count(*) FROM deliveries WHERE status = 1")
                return bool(rows[0][0] == len(expected) * len(hooks))

            await eventually(have_all, "everything has arrived")
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    for receiver in moody:
        _assert_in_order(receiver.accepted, expected)


async def _change(house: House, number: int, changes: list[int]) -> tuple[str, str]:
    """Makes the next change of a violation."""
    name, turn = f"v{number}", changes[number]
    changes[number] += 1
    at = f"2024-01-01T00:00:{turn:02}Z"
    await house.keep(invalidated(name, eventTime=at) if turn % 2 else created(name, eventTime=at))
    return name, "invalidated" if turn % 2 else "reopened" if turn else "created"


def _assert_in_order(accepted: list[Request], expected: list[tuple[str, str]]) -> None:
    """Each violation's changes came in their order, each at least once; one that came again, came at once again."""
    by_id: dict[str, tuple[str, str]] = {}
    firsts: list[tuple[str, str]] = []
    for request, told in zip(accepted, told_of(accepted), strict=True):
        message_id = request.headers["webhook-id"]
        if message_id not in by_id:
            firsts.append(told)
        assert by_id.setdefault(message_id, told) == told
    for name in {name for name, _ in expected}:
        assert [t for t in firsts if t[0] == name] == [t for t in expected if t[0] == name]
    assert len(by_id) == len(expected)
