"""Scripts over reviews: given, read, and deleted with their violation.

Reviews are given one transaction after the other, under a lock of their own: so their keys are in the order of the
commits, and a violation is not reviewed while it is purged. The ledger is left alone, so that no event waits.
"""

from collections.abc import Collection, Iterable, Sequence

import orjson

from app.db.arguments import any_of, list_argument
from app.db.statements import Dialect, Execute, Fetch, ReadScript, Row, WriteScript, json_rows, lock_until_commit
from app.maven.faults import find_unstorable
from app.reviews.model import ReviewStatus
from app.reviews.schema import NewReview, Review

_ADVISORY_LOCK = 0x686F735F72657677  # "hos_revw"
_COLUMNS = "r.pk, r.status, r.note, r.reviewed_by, r.reviewed_at"


def _review(row: Row) -> Review:
    return Review(row[0], ReviewStatus(row[1]), row[2], row[3], row[4])


def reviews_of(violation_id: str) -> ReadScript[list[Review]]:
    """All reviews of a violation, oldest first; the last one holds."""
    rows = yield Fetch(f"SELECT {_COLUMNS} FROM reviews AS r WHERE r.violation_id = $1 ORDER BY r.pk", (violation_id,))
    return [_review(row) for row in rows]


def latest_reviews(dialect: Dialect, violation_ids: Collection[str]) -> ReadScript[dict[str, Review]]:
    """The review that holds, by the violation's id; those never reviewed are not in it."""
    if not violation_ids:
        return {}
    rows = yield Fetch(
        f"SELECT {_COLUMNS}, r.violation_id FROM reviews AS r WHERE r.pk IN (SELECT max(n.pk) FROM reviews AS n"
        f" WHERE n.violation_id IN {any_of(dialect, 1)} GROUP BY n.violation_id)",
        (list_argument(dialect, violation_ids),),
    )
    return {row[5]: _review(row) for row in rows}


def add_reviews(
    dialect: Dialect,
    violation_ids: Iterable[str],
    terminals: Sequence[str] | None,
    given: NewReview,
    by: str,
    at: int,
) -> WriteScript[list[str]]:
    """Reviews violations, within the terminals that `by` is limited to; None for all. `at` is in microseconds since
    1970 UTC.

    Gives the ids of those that there are, in the order asked, each once; others are unknown to `by`. Where the same
    status and note by the same name hold already, nothing is added. No review is earlier than the one before it.
    """
    yield from lock_until_commit(dialect, _ADVISORY_LOCK)
    found = yield from _visible(dialect, violation_ids, terminals)
    latest = yield from latest_reviews(dialect, found)
    rows = [
        {"violation_id": one, "reviewed_at": max(at, latest[one].at) if one in latest else at}
        for one in found
        if one not in latest or (latest[one].status, latest[one].note, latest[one].by) != (given.status, given.note, by)
    ]
    if rows:
        relation = json_rows(dialect, 1, {"violation_id": "text", "reviewed_at": "bigint"})
        yield Execute(
            "INSERT INTO reviews (violation_id, status, note, reviewed_by, reviewed_at) SELECT r.violation_id,"
            f" {int(given.status)}, CAST($2 AS text), CAST($3 AS text), r.reviewed_at FROM {relation} AS r",
            (orjson.dumps(rows).decode(), given.note, by),
        )
    return found


def delete_reviews(dialect: Dialect, violation_ids: Collection[str]) -> WriteScript[None]:
    """Deletes all reviews of violations that are deleted in this transaction."""
    yield from lock_until_commit(dialect, _ADVISORY_LOCK)
    yield Execute(
        f"DELETE FROM reviews WHERE violation_id IN {any_of(dialect, 1)}", (list_argument(dialect, violation_ids),)
    )


def _visible(dialect: Dialect, violation_ids: Iterable[str], terminals: Sequence[str] | None) -> ReadScript[list[str]]:
    """Those of the violations that there are, and whose terminal now is one of these."""
    # What cannot be stored is no violation's id, and PostgreSQL would refuse to look for it.
    asked = [one for one in dict.fromkeys(violation_ids) if find_unstorable(one) is None]
    if not asked:
        return []
    rows = yield Fetch(
        f"SELECT v.id, v.terminal_code FROM violations AS v WHERE v.id IN {any_of(dialect, 1)}",
        (list_argument(dialect, asked),),
    )
    seen = {row[0] for row in rows if terminals is None or row[1] in terminals}
    return [one for one in asked if one in seen]
