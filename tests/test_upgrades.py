"""From every schema version there ever was, with data in it: nothing is lost, and everything goes on."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from app.carrying.tables import TABLES
from app.db import migrate
from app.db.statements import table_of
from app.db.version import HEAD
from app.ingest.rebuild import rebuild
from tests.api_description.application import ADMIN, SENDER, Running, running
from tests.databases import Databases
from tests.ingest.kept import NOW, opened
from tests.upgrades import make, revisions, rows


def test_every_version_before_this_one_is_there() -> None:
    assert revisions() == [f"{number:04d}" for number in range(1, int(HEAD))]


async def counts(url: str, tables: list[str]) -> dict[str, int]:
    async with opened(url) as database:
        return {table: (await database.fetch(f"SELECT count(*) FROM {table}"))[0][0] for table in tables}


async def differences(url: str) -> list[str]:
    async with opened(url) as database:
        return (await rebuild(database, repair=False, clock=lambda: NOW, on_progress=lambda done, total: None)).listed


@pytest.mark.parametrize("revision", revisions())
def test_an_upgrade_keeps_everything_and_goes_on(databases: Databases, revision: str) -> None:
    expected = Counter(table for table, _ in rows(revision))
    assert {"events", "violations", "violation_versions", "quarantine", "api_keys", "ledger"} <= expected.keys()
    with databases.empty() as url:
        make(url, revision)
        migrate.upgrade(url)
        assert migrate.differences(url, table_of(TABLES[0].model).metadata) == []
        assert asyncio.run(counts(url, list(expected))) == expected
        assert asyncio.run(differences(url)) == []
        with running(url) as served:
            assert_is_read(served, revision)
            assert_goes_on(served, revision)
        assert asyncio.run(differences(url)) == []


def answer(served: Running, path: str) -> Any:
    found = served.client.get(path, headers=ADMIN)
    assert found.status_code == 200, found.text
    return found.json()


def assert_is_read(served: Running, revision: str) -> None:
    """What the rows say is what the API says, by every way in."""
    stored = [row for table, row in rows(revision) if table == "violations"]
    listed = {one["id"]: one for one in answer(served, "/v1/violations?status=all")["data"]}
    assert {one: listed[one]["driverId"] for one in listed} == {row["id"]: row["driver_id"] for row in stored}
    for row in stored:
        assert listed[row["id"]]["status"] == ("active", "invalidated")[row["status"]]
        events = answer(served, f"/v1/violations/{row['id']}/events")["data"]
        assert len(events) == sum(
            table == "events" and event["violation_pk"] == row["pk"] for table, event in rows(revision)
        )
    changes = answer(served, "/v1/changes?limit=1000")["data"]
    assert len(changes) == sum(table == "events" and event["outcome"] < 4 for table, event in rows(revision))
    held = sum(table == "quarantine" for table, _ in rows(revision))
    assert len(answer(served, "/v1/quarantine")["data"]) == held
    hooks = [row["name"] for table, row in rows(revision) if table == "hooks"]
    assert [hook["name"] for hook in answer(served, "/v1/hooks")["data"]] == hooks


def assert_goes_on(served: Running, revision: str) -> None:
    """What was here is a duplicate, and what is new is new."""
    event = next(row["payload"] for table, row in rows(revision) if table == "events")
    for body, outcome in ((event, "duplicate"), (event.replace('"V', '"NEW-V'), "created")):
        given = served.client.post("/webhooks/maven", content=body.encode(), headers=SENDER)
        assert [one["outcome"] for one in given.json()["results"]] == [outcome]
    refused = served.client.post("/webhooks/maven", content=b'{"eventType":"violationCreated"}', headers=SENDER)
    (entry,) = refused.json()["quarantineIds"]
    assert int(entry) > max(row["pk"] for table, row in rows(revision) if table == "quarantine")
