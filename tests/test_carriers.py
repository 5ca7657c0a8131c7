"""Two carriers in one PostgreSQL database, each in a schema of its own, know nothing of each other.

So one cluster serves many carriers, and engines that distribute by schema can move one from node to node.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest
from sqlmodel import SQLModel

from app.db.migrate import differences, upgrade
from tests.command_line import run
from tests.databases import PostgresqlDatabases
from tests.ingest.served import Service, service_on
from tests.maven.examples import flat_event
from tests.test_migrations import TABLES

CARRIERS = ("acme", "bolt-freight")


async def _make_schemas(url: str) -> None:
    owner = await asyncpg.connect(url)
    for carrier in CARRIERS:
        await owner.execute(f'CREATE SCHEMA "{carrier}"')
    await owner.close()


@pytest.fixture(scope="module")
def urls(postgresql_databases: PostgresqlDatabases) -> Iterator[list[str]]:
    with postgresql_databases.empty() as url:
        asyncio.run(_make_schemas(url))
        of_carriers = [f"{url}&options={quote(f'-csearch_path={carrier}')}" for carrier in CARRIERS]
        for one in of_carriers:
            upgrade(one)
        yield of_carriers


@pytest.fixture(scope="module")
def services(urls: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Service]]:
    with ExitStack() as stack:
        yield [stack.enter_context(service_on(url, tmp_path_factory.mktemp("carrier"))) for url in urls]


def test_each_schema_is_what_the_models_say(urls: list[str]) -> None:
    assert set(SQLModel.metadata.tables) >= TABLES
    assert [differences(url, SQLModel.metadata) for url in urls] == [[], []]


def test_what_one_carrier_has_the_other_has_not(services: list[Service]) -> None:
    one, other = services
    for service, name in zip(services, ("Ada", "Bea"), strict=True):
        assert service.post(flat_event(id="same-id", driverName=name)).json()["results"][0]["outcome"] == "created"
    assert one.post(flat_event(id="acme-alone")).status_code == 200
    assert [service.violation("same-id")["driverName"] for service in services] == ["Ada", "Bea"]
    assert other.get("/v1/violations/acme-alone").status_code == 404
    assert [len(service.get("/v1/changes").json()["data"]) for service in services] == [2, 1]
    cursor = one.get("/v1/changes").json()["pagination"]["nextCursor"]
    assert other.get("/v1/changes", after=cursor).status_code == 400


def test_keys_and_purges_are_a_carriers_own(services: list[Service], urls: list[str], tmp_path: Path) -> None:
    made = run("keys", "create", "mine", "--scope", "read", cwd=tmp_path, HOS_DATABASE_URL=urls[0])
    assert made.returncode == 0, made.stderr
    assert "mine" not in run("keys", "list", cwd=tmp_path, HOS_DATABASE_URL=urls[1]).stdout
    done = run("rebuild", "--check", cwd=tmp_path, HOS_DATABASE_URL=urls[1])
    assert done.returncode == 0, done.stdout
    assert "1 events, 1 violations, 0 differences" in done.stdout
