"""Scripts over hooks: made, read, changed, deleted, and how each of them fares.

Whatever changes a hook raises the ledger's `hooks_revision` first, under its lock: so no change of a violation is
matched against hooks that are about to be others, and every process notices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from app.db.statements import Dialect, Execute, Fetch, ReadScript, Row, WriteScript, json_rows, shape_of
from app.hooks.model import HookRow, Kind
from app.hooks.schema import Digest, HookFilter, Threshold


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A signing secret, sealed; it is good until `expires_at`, or without end."""

    sealed: str
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Hook:
    """A hook as stored; times are microseconds since 1970 UTC. `HookRow` says what each field is."""

    pk: int
    id: str
    name: str
    kind: Kind
    url: str
    """Sealed."""
    shown_url: str | None
    events: tuple[str, ...]
    filter: HookFilter
    threshold: Threshold | None
    digest: Digest | None
    secrets: tuple[SealedSecret, ...]
    created_at: int
    updated_at: int
    disabled_at: int | None
    disabled_reason: str | None
    failing_since: int | None
    last_success_at: int | None
    last_failure_at: int | None
    last_error: str | None
    rests_until: int | None
    digest_from: int | None
    digest_due_at: int | None

    def secrets_at(self, now: int) -> list[SealedSecret]:
        """Those that are still good, newest first."""
        return [one for one in self.secrets if one.expires_at is None or one.expires_at > now]


_COLUMNS = shape_of(HookRow).columns
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM hooks"
_SHOWN = f"kind <> {int(Kind.CONNECTION)}"
"""Hooks that are none of the connections."""


def _hook(row: Row) -> Hook:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["kind"] = Kind(values["kind"])
    values["events"] = tuple(orjson.loads(values["events"]))
    values["filter"] = HookFilter.model_validate_json(values["filter"])
    if values["threshold"] is not None:
        values["threshold"] = Threshold.model_validate_json(values["threshold"])
    if values["digest"] is not None:
        values["digest"] = Digest.model_validate_json(values["digest"])
    secrets = orjson.loads(values["secrets"])
    values["secrets"] = tuple(SealedSecret(one["sealed"], one["expiresAt"]) for one in secrets)
    return Hook(**values)


def written(values: Mapping[str, object]) -> dict[str, object]:
    """Fields of a `Hook` as its row has them."""
    return {name: _written(value) for name, value in values.items()}


def _written(value: object) -> object:
    match value:
        case HookFilter() | Threshold() | Digest():
            return value.model_dump_json(exclude_none=True)
        case (SealedSecret(), *_):
            return orjson.dumps([{"sealed": one.sealed, "expiresAt": one.expires_at} for one in value]).decode()  # type: ignore[attr-defined]
        case tuple():
            return orjson.dumps(value).decode()
        case Kind():
            return int(value)
    return value


def list_hooks(after: int, limit: int) -> ReadScript[list[Hook]]:
    """Hooks after a key, in the order they were made."""
    rows = yield Fetch(f"{_SELECT} WHERE pk > $1 AND {_SHOWN} ORDER BY pk LIMIT $2", (after, limit))
    return [_hook(row) for row in rows]


def find_hook(hook_id: str) -> ReadScript[Hook | None]:
    """One hook, None when there is none."""
    rows = yield Fetch(f"{_SELECT} WHERE id = $1 AND {_SHOWN}", (hook_id,))
    return _hook(rows[0]) if rows else None


def connection_hook(pk: int) -> ReadScript[Hook | None]:
    """The row of a connection, by its key."""
    rows = yield Fetch(f"{_SELECT} WHERE pk = $1 AND NOT ({_SHOWN})", (pk,))
    return _hook(rows[0]) if rows else None


def all_hooks() -> ReadScript[list[Hook]]:
    """Every hook, and every connection."""
    rows = yield Fetch(f"{_SELECT} ORDER BY pk")
    return [_hook(row) for row in rows]


def hooks_with_chores(now: int) -> ReadScript[list[Hook]]:
    """The enabled hooks of which a digest is due, or whose alerts have to be told again."""
    rows = yield Fetch(
        f"{_SELECT} WHERE disabled_at IS NULL AND (digest_due_at <= $1 OR kind = {int(Kind.ALERTMANAGER)}) ORDER BY pk",
        (now,),
    )
    return [_hook(row) for row in rows]


def note_revision() -> WriteScript[None]:
    """Says to all processes that hooks, or what waits for them, changed; and takes the ledger."""
    yield Execute("UPDATE ledger SET hooks_revision = hooks_revision + 1 WHERE pk = 1")


def add_hook(values: Mapping[str, object]) -> WriteScript[int]:
    """Stores a new hook, given by its fields but `pk`; gives its key."""
    yield from note_revision()
    fields = written(values)
    numbers = ", ".join(f"${n}" for n in range(1, len(fields) + 1))
    rows = yield Execute(
        f"INSERT INTO hooks ({', '.join(fields)}) VALUES ({numbers}) RETURNING pk", tuple(fields.values())
    )
    key: int = rows[0][0]
    return key


def change_hook(pk: int, seen_at: int, values: Mapping[str, object]) -> WriteScript[bool]:
    """Changes fields of a hook whose `updated_at` is still `seen_at`; False when it is not, or the hook is gone."""
    yield from note_revision()
    fields = written(values)
    set_to = ", ".join(f"{name} = ${n}" for n, name in enumerate(fields, 3))
    rows = yield Execute(
        f"UPDATE hooks SET {set_to} WHERE pk = $1 AND updated_at = $2 RETURNING pk", (pk, seen_at, *fields.values())
    )
    return bool(rows)


def delete_hook(pk: int) -> WriteScript[None]:
    """Deletes a hook and what an Alertmanager was told for it. Its deliveries are left to the outbox."""
    yield from note_revision()
    yield Execute("DELETE FROM firing_alerts WHERE hook_pk = $1", (pk,))
    yield Execute("DELETE FROM hooks WHERE pk = $1", (pk,))


@dataclass(frozen=True, slots=True)
class Health:
    """How a hook fares after some attempts. What is None stays as it is, but `failing_since`, which is always set."""

    hook_pk: int
    failing_since: int | None
    last_success_at: int | None = None
    last_failure_at: int | None = None
    last_error: str | None = None
    rests_until: int | None = None
    disabled_at: int | None = None
    disabled_reason: str | None = None


_HEALTH = {
    "hook_pk": "bigint",
    "failing_since": "bigint",
    "last_success_at": "bigint",
    "last_failure_at": "bigint",
    "last_error": "text",
    "rests_until": "bigint",
    "disabled_at": "bigint",
    "disabled_reason": "text",
}


def note_health(dialect: Dialect, notes: Sequence[Health]) -> WriteScript[None]:
    """Notes how hooks fare, one note for each hook at most."""
    known = [{name: getattr(note, name) for name in _HEALTH} for note in notes]
    kept = ", ".join(
        f"{name} = coalesce(r.{name}, hooks.{name})"
        for name in ("last_success_at", "last_failure_at", "last_error", "rests_until")
    )
    yield Execute(
        f"UPDATE hooks SET failing_since = r.failing_since, {kept},"
        " disabled_at = coalesce(hooks.disabled_at, r.disabled_at),"
        " disabled_reason = CASE WHEN hooks.disabled_at IS NULL THEN r.disabled_reason ELSE hooks.disabled_reason END"
        f" FROM {json_rows(dialect, 1, _HEALTH)} AS r WHERE hooks.pk = r.hook_pk",
        (orjson.dumps(known).decode(),),
    )


def let_go_on(pk: int) -> WriteScript[None]:
    """Forgets that a receiver asked to be left alone: a person wants it to be tried now."""
    yield from note_revision()
    yield Execute("UPDATE hooks SET rests_until = NULL WHERE pk = $1", (pk,))


def count_disabled() -> ReadScript[tuple[int, int]]:
    """How many hooks there are, and how many of them are disabled."""
    rows = yield Fetch(f"SELECT count(*), count(disabled_at) FROM hooks WHERE {_SHOWN}")
    return rows[0][0], rows[0][1]
