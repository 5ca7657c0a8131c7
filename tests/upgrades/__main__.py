"""Writes the file of the present schema version: to be run before a migration is added."""

import asyncio
import tempfile

from app.carrying.carry import everything_lines
from app.db.version import HEAD
from tests.carrying.carried import fill
from tests.ingest.kept import opened
from tests.upgrades import FOLDER


async def write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/hos.db"
        async with opened(url) as database:
            await fill(database)
        lines = b"".join([piece async for piece in everything_lines(url)])
    (FOLDER / f"{HEAD}.ndjson").write_bytes(lines)


if __name__ == "__main__":
    asyncio.run(write())
