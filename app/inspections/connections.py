"""Scripts over connections: made, changed, removed, found. One local connection is always there.

A connection of kind http has a row among the hooks, by which the outbox delivers to it; its URL and its credentials are
sealed there. What is sealed and judged is left to who handles connections.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import NAMESPACE_URL, uuid5

import orjson

from app.db.statements import Execute, Fetch, ReadScript, Row, WriteScript
from app.hooks.model import Kind
from app.hooks.store import add_hook, delete_hook, note_revision, written
from app.inspections.words import ConnectionKind

LOCAL_ID = str(uuid5(NAMESPACE_URL, "hos-receiver:local"))
"""The connection that is always there."""
LOCAL_NAME = "local"


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection as stored. Times are microseconds since 1970 UTC."""

    pk: int
    id: str
    name: str
    kind: ConnectionKind
    fleet_ref: str | None
    source_name: str | None
    mapping: Mapping[str, str | None]
    """Field of the page to its name at the provider; None leaves it out."""
    credential_type: str | None
    hook_pk: int | None
    created_at: int
    updated_at: int
    deleted_at: int | None


_COLUMNS = (
    "pk, id, name, kind, fleet_ref, source_name, mapping, credential_type, hook_pk, created_at, updated_at, deleted_at"
)


def _connection(row: Row) -> Connection:
    head = (row[0], row[1], row[2], ConnectionKind(row[3]), row[4], row[5], orjson.loads(row[6]))
    return Connection(*head, row[7], row[8], row[9], row[10], row[11])


def list_connections(after: int, limit: int) -> ReadScript[list[Connection]]:
    """Connections after a key that are not removed, in the order they were made."""
    rows = yield Fetch(
        f"SELECT {_COLUMNS} FROM connections WHERE pk > $1 AND deleted_at IS NULL ORDER BY pk LIMIT $2", (after, limit)
    )
    return [_connection(row) for row in rows]


def find_connection(connection_id: str) -> ReadScript[Connection | None]:
    """One connection that is not removed."""
    rows = yield Fetch(f"SELECT {_COLUMNS} FROM connections WHERE id = $1 AND deleted_at IS NULL", (connection_id,))
    return _connection(rows[0]) if rows else None


def connection_name(connection_id: str) -> ReadScript[str | None]:
    """The name of a connection, also of one that was removed; None when there never was one."""
    rows = yield Fetch("SELECT name FROM connections WHERE id = $1", (connection_id,))
    return rows[0][0] if rows else None


def connection_of_hook(hook_pk: int) -> ReadScript[Connection | None]:
    """The connection that the outbox knows by a hook's key."""
    rows = yield Fetch(f"SELECT {_COLUMNS} FROM connections WHERE hook_pk = $1", (hook_pk,))
    return _connection(rows[0]) if rows else None


def ensure_local(now: int) -> WriteScript[None]:
    """Makes the local connection, if it is not there yet."""
    yield from note_revision()  # takes the ledger, so that of two processes one makes it
    rows = yield Fetch("SELECT 1 FROM connections WHERE id = $1", (LOCAL_ID,))
    if not rows:
        yield from add_connection(
            {"id": LOCAL_ID, "name": LOCAL_NAME, "kind": int(ConnectionKind.LOCAL), "mapping": "{}"}, None, now
        )


def add_connection(values: Mapping[str, object], sealed: Mapping[str, object] | None, now: int) -> WriteScript[None]:
    """Stores a connection, given by its fields; `sealed` are `url` and `secrets` of the row among the hooks, for kind
    http.
    """
    hook_pk: int | None = None
    if sealed is not None:
        hook_pk = yield from add_hook(
            {
                "id": values["id"],
                "name": values["name"],
                "kind": Kind.CONNECTION,
                "events": (),
                "filter": "{}",
                "created_at": now,
                "updated_at": now,
                **sealed,
            }
        )
    fields = {**values, "hook_pk": hook_pk, "created_at": now, "updated_at": now}
    numbers = ", ".join(f"${n}" for n in range(1, len(fields) + 1))
    yield Execute(f"INSERT INTO connections ({', '.join(fields)}) VALUES ({numbers})", tuple(fields.values()))


def change_connection(
    connection: Connection, values: Mapping[str, object], sealed: Mapping[str, object], now: int
) -> WriteScript[bool]:
    """Changes a connection that is still as it was seen; False when it is not. What waits for it is tried at once."""
    yield from note_revision()
    fields = {**values, "updated_at": max(now, connection.updated_at + 1)}
    set_to = ", ".join(f"{name} = ${n}" for n, name in enumerate(fields, 3))
    rows = yield Execute(
        f"UPDATE connections SET {set_to} WHERE pk = $1 AND updated_at = $2 AND deleted_at IS NULL RETURNING pk",
        (connection.pk, connection.updated_at, *fields.values()),
    )
    if rows and connection.hook_pk is not None:
        of_hook = written({**sealed, "updated_at": fields["updated_at"], "rests_until": None})
        if "name" in values:
            of_hook["name"] = values["name"]
        set_to = ", ".join(f"{name} = ${n}" for n, name in enumerate(of_hook, 2))
        yield Execute(f"UPDATE hooks SET {set_to} WHERE pk = $1", (connection.hook_pk, *of_hook.values()))
    return bool(rows)


def remove_connection(connection: Connection, now: int) -> WriteScript[list[str]]:
    """Removes a connection; gives the ids of its operations that had not ended, which nobody will forward any more."""
    yield from note_revision()
    yield Execute("UPDATE connections SET deleted_at = $2, updated_at = $2 WHERE pk = $1", (connection.pk, now))
    if connection.hook_pk is not None:
        yield from delete_hook(connection.hook_pk)
    rows = yield Fetch(
        "SELECT id FROM resource_operations WHERE status = 0 AND connection_id = $1 ORDER BY pk", (connection.id,)
    )
    return [row[0] for row in rows]
