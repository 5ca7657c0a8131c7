"""`GET /v1/status`: how each channel stands, what may be missing, and what a limited key is not told."""

from collections.abc import AsyncIterator

import pytest

from app.channels.store import (
    Gap,
    GapReason,
    begin_reading,
    move_position,
    note_error,
    note_reconciliation,
    note_success,
    open_gaps,
    record_gaps,
    take_lease,
)
from app.db.statements import WriteScript
from app.inbox.model import Channel
from app.maven.times import SECOND, format_time
from tests.maven.examples import as_bytes, flat_event
from tests.query.desk import BEGIN, Desk, open_desk

pytestmark = pytest.mark.anyio

SILENT: dict[str, object] = {
    "lastEventAt": None,
    "lastSuccessAt": None,
    "lagSeconds": None,
    "cursor": None,
    "errorsInRow": 0,
    "gaps": [],
}
NEVER_POLLED = {**SILENT, "state": "off", "lastErrorAt": None, "lastError": None, "lastReconciledAt": None}


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database_url) as desk:
        yield desk


async def polled(desk: Desk, *scripts: WriteScript[object]) -> None:
    await desk.database.write(take_lease(desk.database.dialect, "h", 60 * SECOND))
    for script in scripts:
        await desk.database.write(script)


async def test_nothing_came_yet(desk: Desk) -> None:
    answer = await desk.get("/v1/status")
    assert answer.status_code == 200
    assert answer.json() == {"channels": {"webhook": SILENT, "poll": NEVER_POLLED, "replay": SILENT}}


async def test_each_channel_says_when_its_last_event_came(desk: Desk) -> None:
    await desk.receive(as_bytes(flat_event(id="a")), at=BEGIN - 3 * SECOND)
    await desk.receive(as_bytes(flat_event(id="b")), at=BEGIN - 2 * SECOND, channel=Channel.POLL)
    await desk.receive(as_bytes(flat_event(id="c")), at=BEGIN - SECOND, channel=Channel.REPLAY)
    await desk.receive(as_bytes(flat_event(id="a")), at=BEGIN)  # a duplicate, which is nothing new
    channels = (await desk.get("/v1/status")).json()["channels"]
    assert [channels[name]["lastEventAt"] for name in ("webhook", "poll", "replay")] == [
        format_time(BEGIN - seconds * SECOND) for seconds in (3, 2, 1)
    ]
    assert channels["webhook"]["lastSuccessAt"] == channels["webhook"]["lastEventAt"]
    assert channels["poll"]["lastSuccessAt"] is None


async def test_the_queue_says_how_far_it_was_read(desk: Desk) -> None:
    await polled(
        desk,
        begin_reading("h", BEGIN - 20 * SECOND, "http://maven", anew=False),
        move_position("h", BEGIN - 30 * SECOND, None),
        note_success("h", BEGIN - 12_500_000, BEGIN),
        note_reconciliation("h", BEGIN - 60 * SECOND),
    )
    poll = (await desk.get("/v1/status")).json()["channels"]["poll"]
    assert poll == {
        **NEVER_POLLED,
        "state": "working",
        "lastSuccessAt": format_time(BEGIN - 12_500_000),
        "lagSeconds": 12.5,
        "cursor": format_time(BEGIN - 30 * SECOND),
        "lastReconciledAt": format_time(BEGIN - 60 * SECOND),
    }


async def test_the_queue_says_how_it_fails_and_works_again(desk: Desk) -> None:
    await polled(desk, begin_reading("h", BEGIN, "http://maven", anew=False))
    assert (await desk.get("/v1/status")).json()["channels"]["poll"]["state"] == "starting"
    await polled(
        desk, note_error("h", BEGIN - 2, "Maven answered 500"), note_error("h", BEGIN - 1, "Maven answered 503")
    )
    poll = (await desk.get("/v1/status")).json()["channels"]["poll"]
    assert (poll["state"], poll["errorsInRow"], poll["lastError"]) == ("failing", 2, "Maven answered 503")
    assert poll["lastErrorAt"] == format_time(BEGIN - 1)
    await polled(desk, note_error("h", BEGIN, "Maven refused the API key", "mark"))
    assert (await desk.get("/v1/status")).json()["channels"]["poll"]["state"] == "key_refused"
    await polled(desk, note_success("h", BEGIN, BEGIN))
    poll = (await desk.get("/v1/status")).json()["channels"]["poll"]
    assert (poll["state"], poll["errorsInRow"], poll["lastError"]) == ("working", 0, None)
    assert poll["lastErrorAt"] == format_time(BEGIN)


async def test_gaps_are_shown_with_their_ranges_newest_first_and_grow(desk: Desk) -> None:
    first = Gap(GapReason.NOT_POLLED, BEGIN - 50, BEGIN - 40)
    second = Gap(GapReason.CROWDED, BEGIN - 30, BEGIN - 29)
    longer = Gap(GapReason.NOT_POLLED, BEGIN - 50, BEGIN - 35)
    assert await desk.database.write(record_gaps(Channel.POLL, [first, second], BEGIN)) == [first, second]
    assert await desk.database.write(record_gaps(Channel.POLL, [longer, second], BEGIN + 1)) == []
    assert await desk.database.write(record_gaps(Channel.POLL, [first], BEGIN + 2)) == []
    channels = (await desk.get("/v1/status")).json()["channels"]
    assert channels["poll"]["gaps"] == [
        {
            "from": format_time(gap.from_at),
            "to": format_time(gap.to_at),
            "reason": gap.reason.value,
            "recordedAt": format_time(BEGIN),
            "closedAt": None,
        }
        for gap in (second, longer)
    ]
    assert channels["webhook"]["gaps"] == []


async def test_a_limited_key_is_not_told_when_events_came(desk: Desk) -> None:
    await desk.receive(as_bytes(flat_event(id="a")), at=BEGIN - SECOND)
    await polled(desk, move_position("h", BEGIN, None), note_success("h", BEGIN, BEGIN))
    channels = (await desk.get("/v1/status", desk.limit_key(["ERI"]))).json()["channels"]
    assert channels["webhook"] == SILENT
    assert (channels["poll"]["cursor"], channels["poll"]["lastEventAt"]) == (None, None)
    assert channels["poll"]["lastSuccessAt"] == format_time(BEGIN)


async def test_it_takes_no_parameters_and_a_key(desk: Desk) -> None:
    assert (await desk.get("/v1/status?limit=1")).status_code == 400
    assert (await desk.get("/v1/status", "nobody")).status_code == 401


async def test_a_gap_without_a_way_on_is_closed_when_one_was_found(desk: Desk) -> None:
    gaps = [Gap(reason, BEGIN - at, BEGIN) for at in (50, 30) for reason in (GapReason.NO_WAY_ON, GapReason.CROWDED)]
    await desk.database.write(record_gaps(Channel.POLL, gaps, BEGIN))
    assert await desk.database.read(open_gaps()) == 4
    await polled(desk, note_success("h", BEGIN + 1, BEGIN - 30))
    shown = (await desk.get("/v1/status")).json()["channels"]["poll"]["gaps"]
    closed = [gap["from"] for gap in shown if gap["closedAt"] == format_time(BEGIN + 1)]
    assert closed == [format_time(BEGIN - 30)]
    assert await desk.database.read(open_gaps()) == 3
    await desk.database.write(record_gaps(Channel.POLL, gaps, BEGIN + 2))
    assert await desk.database.read(open_gaps()) == 4
