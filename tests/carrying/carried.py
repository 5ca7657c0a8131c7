"""A database with something in every table, as it would be after a while of use, for tests of carrying it elsewhere."""

import orjson

from app.clock import now
from app.db.database import Database
from app.db.statements import Execute, WriteScript
from app.holds.store import Cover, place_hold, release_hold
from app.inbox.model import Channel
from app.inbox.store import Misunderstood, quarantine
from app.inspections.connections import LOCAL_ID, ensure_local, find_connection
from app.inspections.operations import accept_operation
from app.inspections.schema import read_report
from app.reviews.model import ReviewStatus
from app.reviews.schema import NewReview
from app.reviews.store import add_reviews
from tests.duty_log.logging_records import post, put, record, unidentified
from tests.ingest.kept import DAY, NOW, created, invalidated, keep
from tests.maven.examples import without

LARGE = 70_000
"""Bytes of a value that is read by itself."""

_OTHERS = """
INSERT INTO api_keys (name, hash, scopes, terminals, created_at, revoked_at, last_used_at)
VALUES ('a', 'h1', 'read', '["PGH"]', 1, 2, NULL), ('a', 'h2', 'admin', NULL, 3, NULL, 4);
INSERT INTO sessions (token_hash, name, key_hash, scopes, terminals, created_at, seen_at, ends_at)
VALUES ('t', 'Zoë', 'h2', 'read', NULL, 1, 2, 3);
INSERT INTO sign_in_tries (address, tried_at) VALUES ('192.0.2.1', 5);
INSERT INTO gaps (channel, reason, from_at, to_at, recorded_at, closed_at) VALUES (1, 'outage', 1, 2, 3, NULL);
INSERT INTO hooks (id, name, kind, url, events, filter, secrets, created_at, updated_at)
VALUES ('hk1', 'gone', 0, 'sealed', '[]', '{}', '[]', 1, 2), ('hk2', 'n', 0, 'sealed', '[]', '{}', '[]', 1, 2),
('hk3', 'gone too', 0, 'sealed', '[]', '{}', '[]', 1, 2);
DELETE FROM hooks WHERE name <> 'n';
INSERT INTO firing_alerts (hook_pk, violation_pk, labels, starts_at, sent_at)
VALUES (2, 2, '{}', 1, 2), (2, 1, '{}', 1, 2);
UPDATE maven_queue SET source = 'https://maven.example', position = 7, leased_until = 8, holder = 'p';
UPDATE outbox SET swept_at = 9;
UPDATE driver_identities SET driver_id = 'D7', first_name = 'Jo', day_start_hour = 12 WHERE user_id = 7;
INSERT INTO home_terminals (home_terminal_id, code, name, time_zone, changed_at)
VALUES (5, 'PGH', 'Pittsburgh', 'America/New_York', 1);
INSERT INTO catena_vehicles (vehicle_id, name, changed_at) VALUES ('v', 'T-70', 1)
"""


def _statement(sql: str, *args: object) -> WriteScript[None]:
    yield Execute(sql, args)


async def fill(database: Database) -> None:
    """Something in every table: rows that are gone, values of every kind, large ones, events of months far apart."""
    dialect = database.dialect
    for n in range(4):
        await keep(database, created(f"V{n}", driverName="Doe, \U0001f69a Zoë\\\"'"), at=NOW - 100 * DAY + n)
    await keep(database, invalidated("V1"), created("V2", eventTime="2024-01-05T00:00:00Z"), at=NOW)
    await keep(database, created("LARGE", padding="ü" * LARGE), at=NOW + 40 * DAY)
    await keep(database, without(created("X"), "driverId"), at=NOW + 41 * DAY)
    for body in (b"\xff\xfe\x00not text", b"{" * LARGE, b"gone"):
        for _ in range(2):
            await database.write(quarantine([Misunderstood(body, "[]", Channel.WEBHOOK)], NOW + 42 * DAY))
    await database.write(_statement("DELETE FROM quarantine WHERE pk = (SELECT max(pk) FROM quarantine)"))
    # From before there were months.
    await database.write(_statement("UPDATE violation_versions SET replaced_seq = 3 WHERE pk = 2"))
    review = NewReview(ReviewStatus.COACHED, "called\nhim")
    await database.write(add_reviews(dialect, ["V0", "V1"], None, review, "a", now()))
    await database.write(place_hold(dialect, "case", Cover(frozenset({"D"})), None, "me", NOW))
    await database.write(release_hold("case", "me", NOW + 1))
    (first, *_) = await post(database, record(note="Zoë\n"), unidentified(), record("Driving", assetId=71))
    await put(database, {"id": first["id"], "note": "mended"})
    await database.write(ensure_local(NOW))
    report = read_report(orjson.dumps({"connection_id": LOCAL_ID, "driver_id": LOCAL_ID, "defects": ["brakes"]}))
    local = await database.read(find_connection(LOCAL_ID))
    assert local is not None
    await database.write(accept_operation(dialect, local, report, LOCAL_ID, NOW, is_sync=False))
    for sql in _OTHERS.split(";"):
        await database.write(_statement(sql))
    columns = "pk, hook_pk, topic, violation_pk, seq, status, created_at, due_at, tries, attempts, body"
    rows = "(1, 2, 0, 1, 1, 0, 1, 2, 0, 0, NULL), (2, 2, 6, NULL, NULL, 1, 1, 2, 1, 1, $1)"
    await database.write(_statement(f"INSERT INTO deliveries ({columns}) VALUES {rows}", b"\x80 \x80"))
