"""The changes feed: which events were changes, in the order of their commits, and which of them a key sees.

Every event whose outcome is a change is an entry, in the order of `seq`. Writers of all processes number events under
one lock that they hold until their commit; so whoever has seen a number could see all below it, and "everything after
this number" misses nothing (contract section 5). Owns reading entries in bounded pieces, their cursors and their JSON;
waiting for new ones is left to `live`, who asks and how to the endpoints.
"""

from dataclasses import dataclass, field

import orjson

from app.db.arguments import Arguments
from app.db.database import Database
from app.db.statements import Dialect, Row
from app.maven.times import format_time
from app.violations.moments import MOMENT_COLUMNS, MOMENT_SELECT, MOMENT_SOURCE, Moment, moment_fields
from app.violations.rules import Outcome
from app.violations.schema import Renderer
from app.web.cursors import CursorSeal
from app.web.parameters import invalid_parameter
from app.web.problems import Problem

Terminals = frozenset[str] | None
"""The terminals that a key may see; None for all."""

WINDOW = 5000
"""Numbers looked at by one statement: a key that sees little would else hold a reader for the whole history."""

PAGE_BYTES = 4 * 1024 * 1024
"""Payload bytes of one page, unless its first entry alone has more. An event may have megabytes."""

_PURPOSE = "changes"
_SEQ_BYTES = 8


def seal_position(seal: CursorSeal, seq: int) -> str:
    """The cursor of a reader who has seen everything up to number `seq`; 0 is the beginning."""
    return seal.seal(_PURPOSE, seq.to_bytes(_SEQ_BYTES, "big"))


def open_position(seal: CursorSeal, name: str, text: str, newest: int) -> int:
    """The number that a cursor given as `name` stands for, which is at most `newest`. Raises `Problem` 400."""
    try:
        seq = int.from_bytes(seal.open(_PURPOSE, text), "big")
    except Problem:
        raise invalid_parameter(name, "is not a cursor of the changes feed. Begin again without it.") from None
    if seq > newest:
        # The database was replaced by an older one; going on would pass over what it numbers next.
        raise invalid_parameter(name, "is beyond the newest change of this database. Begin again without it.")
    return seq


@dataclass(slots=True, eq=False)
class Change(Moment):
    """One entry of the feed."""

    _rendered: bytes | None = field(default=None)

    def is_visible_to(self, terminals: Terminals) -> bool:
        """Whether a key that is limited to `terminals` sees it."""
        return terminals is None or self.terminal_code in terminals

    def render(self, seal: CursorSeal, renderer: Renderer) -> bytes:
        """The entry as a JSON object in one line; made once, however many readers it has."""
        if self._rendered is None:
            violation = renderer.render(self.details_seq, self.payload, self.state)
            self._rendered = b'{"cursor":"%b","type":"%b","at":"%b","violationId":%b,"violation":%b}' % (
                seal_position(seal, self.seq).encode(),
                self.name.encode(),
                format_time(self.at).encode(),
                orjson.dumps(self.violation_id),
                violation,
            )
        return self._rendered


@dataclass(frozen=True, slots=True)
class Page:
    """Entries in order. All that is visible up to `read_to` is in it; `has_more` says that more is behind."""

    changes: list[Change]
    read_to: int
    has_more: bool


async def read_page(
    database: Database, terminals: Terminals, after: int, up_to: int, limit: int, most_bytes: int = PAGE_BYTES
) -> Page:
    """The first entries after number `after` and not beyond `up_to`, at most `limit` and about `most_bytes` of them.

    Raises `DatabaseUnavailable`.
    """
    changes: list[Change] = []
    room = most_bytes
    begin = after
    while begin < up_to:
        end = min(begin + WINDOW, up_to)
        sql, arguments = _page_query(database.dialect, terminals, begin, end, limit + 1 - len(changes), max(room, 1))
        rows = await database.fetch(sql, *arguments)
        taken = rows[: limit - len(changes)] if room > 0 else []
        changes += map(_change, taken)
        if rows and rows[0][_FOUND] > len(taken):
            return Page(changes, changes[-1].seq, has_more=True)
        room -= sum(row[_SIZE] for row in taken)
        begin = end if rows or end == up_to else await _before_next(database, end, up_to)
    return Page(changes, max(after, up_to), has_more=False)


async def _before_next(database: Database, after: int, up_to: int) -> int:
    """The number before that of the next event, for there are months between some."""
    found: int | None = (await database.fetch("SELECT min(seq) FROM events WHERE seq > $1", after))[0][0]
    return up_to if found is None else min(found - 1, up_to)


_COLUMNS = (*MOMENT_COLUMNS, "size", "found")
_SIZE, _FOUND = _COLUMNS.index("size"), _COLUMNS.index("found")


def _page_query(
    dialect: Dialect, terminals: Terminals, after: int, up_to: int, limit: int, most_bytes: int
) -> tuple[str, list[object]]:
    """Rows of entries, cut where their payloads pass `most_bytes`; `found` counts them as if they were not cut."""
    arguments = Arguments(dialect)
    conditions = [
        f"e.seq > {arguments.add(after)}",
        f"e.seq <= {arguments.add(up_to)}",
        f"e.outcome < {int(Outcome.SUPERSEDED)}",
    ]
    if terminals is not None:
        conditions.append(arguments.one_of("v.terminal_code", sorted(terminals)))
    sql = f"""
        SELECT {", ".join(f"p.{name}" for name in _COLUMNS)}, d.payload
        FROM (
            SELECT q.*, sum(q.size) OVER (ORDER BY q.seq) - q.size AS bytes_before, count(*) OVER () AS found
            FROM (
                SELECT {MOMENT_SELECT}, length(d.payload) AS size
                FROM {MOMENT_SOURCE}
                WHERE {" AND ".join(conditions)}
                ORDER BY e.seq LIMIT {arguments.add(limit)}
            ) AS q
        ) AS p
        JOIN events AS d ON d.seq = p.details_seq
        WHERE p.bytes_before < {arguments.add(most_bytes)}
        ORDER BY p.seq"""
    return sql, arguments.values


def _change(row: Row) -> Change:
    return Change(*moment_fields(row, row[len(_COLUMNS)]))
