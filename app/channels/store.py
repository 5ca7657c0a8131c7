"""Scripts over Maven's queue: the lease of whoever polls it, its position, how it goes, and gaps.

What only the holder of the lease may change is changed `WHERE holder = …`, so that one who lost it without knowing
changes nothing. Leases run by the database's clock, because those of several machines are never quite the same.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from app.db import leases
from app.db.errors import Withdrawn
from app.db.statements import Dialect, Execute, Fetch, ReadScript, WriteScript, database_clock
from app.inbox.model import Channel


class GapReason(StrEnum):
    """Why events of a time may be missing."""

    NOT_POLLED = "not_polled"
    """Nobody read the queue for longer than Maven keeps events."""
    CROWDED = "crowded"
    """More events bear one time than a page holds, and Maven gives no way to the rest."""
    NO_WAY_ON = "no_way_on"
    """A page said that there are more, and not where."""
    POSITION_RESET = "position_reset"
    """The position was of no use, in the future say, and reading began anew."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time whose events may be missing; microseconds since 1970 UTC, both ends belong to it."""

    reason: GapReason
    from_at: int
    to_at: int
    recorded_at: int = 0
    closed_at: int | None = None
    """When all of it was read after all."""


STATE_WORDS = ("off", "starting", "working", "idle", "failing", "key_refused")
"""What `QueueState.word` may say."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """How Maven's queue stands; times are microseconds since 1970 UTC."""

    source: str | None
    asked_at: int
    position: int | None
    resume_at: int | None
    holder: str | None
    last_success_at: int | None
    last_error_at: int | None
    last_error: str | None
    errors_in_row: int
    refused_key: str | None
    refused_at: int | None
    reconciled_at: int | None
    is_held: bool
    """Whether a process has the lease to read it, now."""

    @property
    def word(self) -> str:
        """How reading goes, in a word: `off` (nobody ever read), `starting`, `working`, `failing`, `key_refused`, or
        `idle` when it went well and nobody reads any more."""
        if self.refused_at is not None:
            return "key_refused"
        if self.errors_in_row:
            return "failing"
        if self.last_success_at is not None:
            return "working" if self.is_held else "idle"
        return "starting" if self.asked_at else "off"


class LeaseLost(Withdrawn):
    """Another process reads Maven's queue now. Nothing was changed."""


_COLUMNS = (
    "source, asked_at, position, resume_at, holder, last_success_at, last_error_at, last_error, errors_in_row,"
    " refused_key, refused_at, reconciled_at"
)


def _state_columns(dialect: Dialect) -> str:
    return f"{_COLUMNS}, holder IS NOT NULL AND leased_until > {database_clock(dialect)}"


def queue_state(dialect: Dialect) -> ReadScript[QueueState]:
    """How Maven's queue stands."""
    rows = yield Fetch(f"SELECT {_state_columns(dialect)} FROM maven_queue WHERE pk = 1")
    return QueueState(*rows[0])


def take_lease(
    dialect: Dialect, holder: str, duration: int, *, from_the_refused: bool = False
) -> WriteScript[QueueState | None]:
    """Takes or extends the lease for `duration` microseconds; None while another one holds it.

    One that rests because its key was refused gives way when `from_the_refused` asks for it.
    """
    rows = yield from leases.take(
        dialect,
        "maven_queue",
        holder,
        duration,
        or_when="refused_at IS NOT NULL" if from_the_refused else None,
        returning=_state_columns(dialect),
    )
    return QueueState(*rows[0]) if rows else None


def release_lease(holder: str) -> WriteScript[None]:
    """Gives the lease back, if it is held."""
    yield from leases.release("maven_queue", holder)


def begin_reading(holder: str, now: int, source: str, *, anew: bool) -> WriteScript[None]:
    """Notes that reading begins at `now`; `anew` forgets the position. Raises `LeaseLost` for who has no lease."""
    forget = ", position = NULL, resume_at = NULL" if anew else ""
    rows = yield Execute(
        f"UPDATE maven_queue SET asked_at = $2, source = $3{forget} WHERE pk = 1 AND holder = $1 RETURNING pk",
        (holder, now, source),
    )
    if not rows:
        raise LeaseLost


def change_source(holder: str, source: str) -> WriteScript[None]:
    """Forgets what is known of another Maven than the one at `source`. Raises `LeaseLost`."""
    rows = yield Execute(
        "UPDATE maven_queue SET source = $2, position = NULL, resume_at = NULL, last_success_at = NULL,"
        " reconciled_at = NULL WHERE pk = 1 AND holder = $1 RETURNING pk",
        (holder, source),
    )
    if not rows:
        raise LeaseLost


def move_position(holder: str, position: int | None, resume_at: int | None) -> WriteScript[None]:
    """Moves the position on, never back; None leaves it. Remembers where reading goes on, None at its end.

    Raises `LeaseLost` for who does not hold the lease.
    """
    rows = yield Execute(
        "UPDATE maven_queue SET position = CASE WHEN position >= moved.at OR moved.at IS NULL THEN position"
        " ELSE moved.at END, resume_at = moved.next FROM (SELECT CAST($2 AS BIGINT) AS at, CAST($3 AS BIGINT) AS next)"
        " AS moved WHERE pk = 1 AND holder = $1 RETURNING pk",
        (holder, position, resume_at),
    )
    if not rows:
        raise LeaseLost


def note_success(holder: str, now: int, start: int) -> WriteScript[None]:
    """Notes that everything Maven had was read at `now`, beginning at `start`: where a page had shown no way on after
    that, one was found.
    """
    yield Execute(
        "UPDATE gaps SET closed_at = $1 WHERE channel = $2 AND reason = $3 AND from_at >= $4 AND closed_at IS NULL",
        (now, int(Channel.POLL), GapReason.NO_WAY_ON.value, start),
    )
    yield Execute(
        "UPDATE maven_queue SET last_success_at = $2, errors_in_row = 0, refused_key = NULL, refused_at = NULL"
        " WHERE pk = 1 AND holder = $1",
        (holder, now),
    )


def note_error(holder: str, now: int, detail: str, refused_key: str | None = None) -> WriteScript[None]:
    """Notes a failure; `refused_key` marks the key when Maven refused it."""
    yield Execute(
        "UPDATE maven_queue SET last_error_at = $2, last_error = $3, errors_in_row = errors_in_row + 1,"
        " refused_key = $4, refused_at = $5 WHERE pk = 1 AND holder = $1",
        (holder, now, detail, refused_key, None if refused_key is None else now),
    )


def note_reconciliation(holder: str, now: int) -> WriteScript[None]:
    """Notes that the last days were read again at `now`."""
    yield Execute("UPDATE maven_queue SET reconciled_at = $2 WHERE pk = 1 AND holder = $1", (holder, now))


def record_gaps(channel: Channel, gaps: Iterable[Gap], now: int) -> WriteScript[list[Gap]]:
    """Records gaps; gives those that are new. One that begins where a known one of its reason does extends it."""
    new: list[Gap] = []
    for gap in gaps:
        key = (int(channel), gap.reason.value, gap.from_at)
        known = yield Fetch(
            "SELECT to_at FROM gaps WHERE channel = $1 AND reason = $2 AND from_at = $3 AND to_at >= $4"
            " AND closed_at IS NULL",
            (*key, gap.to_at),
        )
        if known:
            continue
        rows = yield Execute(
            "INSERT INTO gaps (channel, reason, from_at, to_at, recorded_at) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT (channel, reason, from_at) DO UPDATE SET to_at = excluded.to_at, closed_at = NULL"
            " RETURNING recorded_at",
            (*key, gap.to_at, now),
        )
        if rows[0][0] == now:
            new.append(gap)
    return new


def list_gaps(limit: int) -> ReadScript[list[tuple[Channel, Gap]]]:
    """The gaps recorded last, newest first."""
    rows = yield Fetch(
        "SELECT channel, reason, from_at, to_at, recorded_at, closed_at FROM gaps ORDER BY pk DESC LIMIT $1", (limit,)
    )
    return [(Channel(row[0]), Gap(GapReason(row[1]), row[2], row[3], row[4], row[5])) for row in rows]


def open_gaps() -> ReadScript[int]:
    """How many gaps are not closed."""
    rows = yield Fetch("SELECT count(*) FROM gaps WHERE closed_at IS NULL")
    count: int = rows[0][0]
    return count
