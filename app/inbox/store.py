"""Scripts over the inbox: the ledger that numbers events, and the quarantine. `violations/store.py` writes the
events.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.db.statements import Dialect, Execute, Fetch, ReadScript, WriteScript, row_lock
from app.inbox.model import Channel
from app.inbox.months import month_of


@dataclass(slots=True)
class Ledger:
    """The numbers to go on from, within one writing transaction. A hook that changes raises `hooks_revision`."""

    last_seq: int
    last_violation_pk: int
    last_delivery_pk: int
    hooks_revision: int
    now: int
    """The time of this transaction, microseconds since 1970; never before an earlier one's, whatever the clock does."""
    channels: set[Channel] = field(default_factory=set)
    """The channels of which this transaction keeps an event that was not here before."""


def open_ledger(dialect: Dialect, now: int) -> WriteScript[Ledger]:
    """Takes the ledger: until the commit no other writer of any process numbers an event."""
    numbers = "last_seq, last_violation_pk, last_delivery_pk, hooks_revision"
    rows = yield Fetch(f"SELECT {numbers}, last_received_at FROM ledger WHERE pk = 1{row_lock(dialect)}")
    last_seq, last_violation_pk, last_delivery_pk, hooks_revision, last_received_at = rows[0]
    now = max(now, last_received_at)
    # The last number below those of this month, when none of them was given out yet.
    last_seq = max(last_seq, month_of(now).first_number - 1)
    return Ledger(last_seq, last_violation_pk, last_delivery_pk, hooks_revision, now)


def close_ledger(ledger: Ledger) -> WriteScript[None]:
    """Writes back the numbers given out."""
    yield Execute(
        "UPDATE ledger SET last_seq = $1, last_violation_pk = $2, last_received_at = $3, last_delivery_pk = $4,"
        f" hooks_revision = $5{_noted(ledger)} WHERE pk = 1",
        (ledger.last_seq, ledger.last_violation_pk, ledger.now, ledger.last_delivery_pk, ledger.hooks_revision),
    )


def _noted(ledger: Ledger) -> str:
    return "".join(f", last_{channel.word}_at = $3" for channel in sorted(ledger.channels))


def last_events() -> ReadScript[dict[Channel, int | None]]:
    """When an event was last kept of each channel, microseconds since 1970 UTC."""
    columns = ", ".join(f"last_{channel.word}_at" for channel in Channel)
    rows = yield Fetch(f"SELECT {columns} FROM ledger WHERE pk = 1")
    return dict(zip(Channel, rows[0], strict=True))


@dataclass(frozen=True, slots=True)
class Misunderstood:
    """Bytes for the quarantine, and why, as JSON text of a list of errors."""

    body: bytes
    errors: str
    channel: Channel


def quarantine(entries: Iterable[Misunderstood], now: int) -> WriteScript[list[int]]:
    """Keeps each entry once and counts repetitions; gives the quarantine ids in order."""
    keys: list[int] = []
    for entry in entries:
        rows = yield Execute(
            "INSERT INTO quarantine (body_hash, body, errors, channel, count, received_at, last_received_at)"
            " VALUES ($1, $2, $3, $4, 1, $5, $5)"
            " ON CONFLICT (body_hash)"
            " DO UPDATE SET count = quarantine.count + 1, last_received_at = excluded.last_received_at"
            " RETURNING pk",
            (hashlib.sha256(entry.body).hexdigest(), entry.body, entry.errors, int(entry.channel), now),
        )
        keys.append(rows[0][0])
    return keys


def discard(pk: int) -> WriteScript[bool]:
    """Removes an entry; False when it is not there."""
    rows = yield Execute("DELETE FROM quarantine WHERE pk = $1 RETURNING pk", (pk,))
    return bool(rows)


def cursor_key() -> ReadScript[bytes]:
    """The key that seals cursors, the same for every process on this database."""
    rows = yield Fetch("SELECT cursor_key FROM ledger WHERE pk = 1")
    return bytes(rows[0][0])


@dataclass(frozen=True, slots=True)
class Span:
    """Events by their numbers: those after `after`, up to `up_to`."""

    after: int
    up_to: int


def numbers_between(begin: int, end: int) -> ReadScript[Span]:
    """The numbers of the events received from one instant to another, both included; microseconds since 1970 UTC.

    Receipt never goes back as numbers go on, so both ends are found by halving.
    """
    rows = yield Fetch("SELECT last_seq FROM ledger WHERE pk = 1")
    newest: int = rows[0][0]
    after = yield from _newest_before(begin, newest)
    up_to = yield from _newest_before(end + 1, newest)
    return Span(after, up_to)


def _newest_before(instant: int, newest: int) -> ReadScript[int]:
    """A number from that of the newest event received before an instant, or 0, to below that of the next one."""
    low, high = 0, newest
    while low < high:
        middle = (low + high + 1) // 2
        rows = yield Fetch("SELECT seq, received_at FROM events WHERE seq <= $1 ORDER BY seq DESC LIMIT 1", (middle,))
        if not rows or rows[0][1] < instant:
            low = middle
        else:
            high = rows[0][0] - 1
    return low
