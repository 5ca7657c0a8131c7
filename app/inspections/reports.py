"""Scripts that keep inspection reports and their defects, and close what later reports correct."""

from collections.abc import Sequence
from uuid import uuid4

import orjson

from app.db.arguments import any_of, list_argument
from app.db.statements import Dialect, Execute, Fetch, ReadScript, WriteScript
from app.inspections.closing import Correction, OpenDefect, close
from app.inspections.schema import Fields, corrects, is_safety_critical, listed_defects
from app.maven.ijson_grammar import Json
from app.maven.times import parse_time

_COUNTS_AT = "CASE WHEN l.occurred_at > l.created_at THEN l.created_at ELSE l.occurred_at END"
"""When a report counts as made, for what closes what."""


def keep_report(
    dialect: Dialect, fields: Fields, source_id: str | None, received_at: int, now: int
) -> WriteScript[str]:
    """Keeps a report that its connection has, with its defects; closes what it corrects, and of its own what was
    corrected since. Gives its id. Times are microseconds since 1970 UTC.
    """
    log_id = str(uuid4())
    occurred_at = parse_time(str(fields["occurred_at"])) if fields.get("occurred_at") is not None else received_at
    defects = listed_defects(fields)
    is_critical = is_safety_critical(fields, defects)
    vehicle_id, trailer_id = _text(fields.get("vehicle_id")), _text(fields.get("trailer_id"))
    rows = yield Execute(
        "INSERT INTO dvir_logs (id, connection_id, source_id, driver_id, vehicle_id, trailer_id, occurred_at, log_type,"
        " status, is_safety_critical, is_correction, defect_count, created_at, updated_at, payload)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14) RETURNING pk",
        (
            log_id,
            fields["connection_id"],
            source_id,
            fields["driver_id"],
            vehicle_id,
            trailer_id,
            occurred_at,
            fields["log_type"],
            fields.get("status"),
            int(is_critical),
            int(corrects(fields)),
            fields["defect_count"],
            now,
            orjson.dumps(fields),
        ),
    )
    log_pk = rows[0][0]
    if not corrects(fields):
        for defect in defects:
            yield Execute(
                "INSERT INTO dvir_defects (id, dvir_log_pk, driver_id, vehicle_id, trailer_id, occurred_at,"
                " defect_type, is_safety_critical, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                (
                    str(uuid4()),
                    log_pk,
                    fields["driver_id"],
                    vehicle_id,
                    trailer_id,
                    occurred_at,
                    defect.type,
                    int(defect.is_safety_critical),
                    defect.detail,
                ),
            )
    for column, value in (("vehicle_id", vehicle_id), ("trailer_id", trailer_id)):
        if value is not None:
            yield from _close_defects(dialect, column, value, min(occurred_at, now))
    return log_id


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _close_defects(dialect: Dialect, column: str, value: str, since: int) -> WriteScript[None]:
    """Closes the defects of one vehicle or trailer that its corrections close, after a report was kept that counts as
    of `since`. Also those are looked at that were closed later: the first correction is the one that counts, however
    late it comes.
    """
    rows = yield Fetch(
        f"SELECT d.pk, d.vehicle_id, d.trailer_id, {_COUNTS_AT}, d.defect_type"
        " FROM dvir_defects AS d JOIN dvir_logs AS l ON l.pk = d.dvir_log_pk"
        f" WHERE d.{column} = $1 AND (d.resolved_at IS NULL OR d.resolved_at >= $2) ORDER BY d.pk",
        (value, since),
    )
    defects = [OpenDefect(*row) for row in rows]
    if not defects:
        return
    corrections = yield from _corrections(column, value, min(one.counts_at for one in defects))
    closed = close(defects, corrections)
    for correction in {one.log_id: one for one in closed.values()}.values():
        keys = [pk for pk, one in closed.items() if one.log_id == correction.log_id]
        yield Execute(
            f"UPDATE dvir_defects SET resolved_at = $2, resolved_by = $3 WHERE pk IN {any_of(dialect, 1, 'bigint')}"
            " AND (resolved_at IS NULL OR resolved_at > $2 OR (resolved_at = $2 AND resolved_by > $3))",
            (list_argument(dialect, keys), correction.counts_at, correction.log_id),
        )


def _corrections(column: str, value: str, since: int) -> ReadScript[Sequence[Correction]]:
    rows = yield Fetch(
        f"SELECT l.id, l.vehicle_id, l.trailer_id, {_COUNTS_AT}, l.payload FROM dvir_logs AS l"
        f" WHERE l.{column} = $1 AND l.is_correction = 1 AND l.occurred_at > $2 AND l.created_at > $2",
        (value, since),
    )
    return [
        Correction(
            row[0],
            row[1],
            row[2],
            row[3],
            frozenset(one.type for one in listed_defects(orjson.loads(bytes(row[4])))),
        )
        for row in rows
    ]
