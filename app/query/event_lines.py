"""Events as they are given back: what is known of each beside its payload, and the payload as received.

Owns how one event reads, and the export of all of them as NDJSON. Which events, and who may see them, is the callers'.
"""

from collections.abc import AsyncIterator

import orjson

from app.db.database import Database
from app.db.statements import Row
from app.inbox.model import Channel
from app.maven.times import format_time
from app.query.pages import fetch_payload
from app.query.violations import INLINE_BYTES
from app.violations.rules import Outcome
from app.violations.schema import EVENT_TYPE_WORDS

CHUNK = 200
"""Events read at a time."""

_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")


def render_event(row: Row, payload: bytes | None) -> bytes:
    """The JSON object of an event (contract section 5, events endpoint). None stands for a payload that is gone."""
    members = {
        "receivedAt": format_time(row["received_at"]),
        "channel": Channel(row["channel"]).word,
        "eventId": row["event_id"],
        "eventType": EVENT_TYPE_WORDS[row["event_type"]],
        "eventTime": format_time(row["event_time"]),
        "outcome": Outcome(row["outcome"]).word,
    }
    return b'%b,"payload":%b}' % (orjson.dumps(members)[:-1], payload or b"null")


async def event_lines(database: Database) -> AsyncIterator[bytes]:
    """All events there are now as NDJSON, oldest receipt first, some lines at a time.

    Payloads are as received but for line ends, which JSON has only between its tokens: they become spaces. Raises
    `DatabaseUnavailable`.
    """
    last = (await database.fetch("SELECT max(seq) FROM events"))[0][0] or 0
    seq = 0
    while rows := await database.fetch(
        "SELECT seq, received_at, channel, event_id, event_type, event_time, outcome,"
        f" CASE WHEN length(payload) <= {INLINE_BYTES} THEN payload END AS payload"
        " FROM events WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3",
        *(seq, last, CHUNK),
    ):
        lines: list[bytes] = []
        for row in rows:
            seq = row["seq"]
            payload = row["payload"]
            if payload is None:
                yield b"".join(lines)  # large ones go by themselves
                lines.clear()
                payload = await fetch_payload(database, seq)
            if payload is not None:  # else purged this moment
                lines.append(render_event(row, payload).translate(_LINE_ENDS) + b"\n")
        yield b"".join(lines)
