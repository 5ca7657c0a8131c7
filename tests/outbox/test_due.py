"""What is due of a hook, for any outbox: the whole of each violation's waiting changes in order, up to the first that
is tried again later.
"""

from typing import TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.db.statements import Insert, WriteScript
from app.outbox.model import DeliveryRow, Status, Topic
from app.outbox.store import due_deliveries, pending_row
from tests.databases import Databases
from tests.ingest.kept import opened

HOOK, OTHER_HOOK, NOW = 1, 2, 1_000

Waiting: TypeAlias = list[tuple[int, int | None, Status, int]]
"""Deliveries by hook, violation, status and when they are due."""

WAITING = st.tuples(
    st.sampled_from([HOOK, HOOK, HOOK, OTHER_HOOK]),
    st.sampled_from([None, 1, 2, 3]),
    st.sampled_from([Status.PENDING, Status.PENDING, Status.SUCCEEDED]),
    st.sampled_from([0, 0, 0, NOW - 1, NOW, NOW + 1, NOW + 2]),
)


def rows_of(waiting: Waiting) -> list[tuple[object, ...]]:
    rows = []
    for pk, (hook, violation, status, due_at) in enumerate(waiting, start=1):
        row = list(pending_row(pk, hook, Topic.CREATED, 0, violation_pk=violation, seq=pk))
        row[5], row[7] = status, due_at
        rows.append(tuple(row))
    return rows


def chains(waiting: Waiting) -> list[list[int]]:
    """What may be sent one after the other, by number."""
    found: dict[object, list[int]] = {}
    ended = set()
    for pk, (hook, violation, status, due_at) in enumerate(waiting, start=1):
        if hook != HOOK or status is not Status.PENDING:
            continue
        key = ("none", pk) if violation is None else violation
        if due_at > NOW:
            ended.add(key)
        elif key not in ended:
            found.setdefault(key, []).append(pk)
    return list(found.values())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(waiting=st.lists(WAITING, max_size=14), limit=st.integers(1, 16))
async def test_what_is_due(databases: Databases, waiting: Waiting, limit: int) -> None:
    with databases.fresh() as url:
        async with opened(url) as database:

            def fill() -> WriteScript[None]:
                yield Insert(DeliveryRow, rows_of(waiting))

            if waiting:
                await database.write(fill())
            found, later = await database.read(due_deliveries(database.dialect, HOOK, NOW, limit))
    expected = chains(waiting)
    assert len(found) == min(limit, sum(map(len, expected)))
    assert {one.hook_pk for one in found} <= {HOOK}
    numbers = [one.pk for one in found]
    heads = {chain[0] for chain in expected}
    assert sorted((pk in heads for pk in numbers), reverse=True) == [pk in heads for pk in numbers], "heads come first"
    for chain in expected:
        taken = [pk for pk in numbers if pk in chain]
        assert taken == chain[: len(taken)]
    later_ones = [due for hook, _, status, due in waiting if hook == HOOK and status is Status.PENDING and due > NOW]
    assert later == min(later_ones, default=None)
