"""A depot on each database, whose receivers are on loopback."""

from collections.abc import AsyncIterator

import pytest

from app.dialling.client import Patience
from tests.dvir_logs.depot import Depot, depot_on


@pytest.fixture
async def depot(database_url: str) -> AsyncIterator[Depot]:
    """The endpoints on a new database; a provider has a second to answer."""
    async with depot_on(database_url, patience=Patience(total_seconds=1.0)) as depot:
        yield depot
