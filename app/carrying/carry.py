"""Carrying everything: out of a database as lines, from lines into a new database, and from one database to another.

A new database is filled in one transaction, and compared before it is committed: it holds everything or nothing.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from app.carrying.contents import Content, OnProgress, Portion, contents_of, fill
from app.carrying.lines import LineReader, LineWriter
from app.db.database import open_database
from app.db.long_transaction import Snapshot, open_filling, open_snapshot
from app.db.new_database import make_schema
from app.inbox.model import LedgerRow

PIECE_BYTES = 256 * 1024


class CarriedOtherwise(Exception):
    """What arrived is not what was sent. Nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What was carried: rows by table, and the SHA-256 of all of it as lines, the same on both sides."""

    counts: dict[str, int]
    sha256: str
    came_meanwhile: int = 0
    """Events that the source received after the moment that was copied."""

    def told(self) -> str:
        """The figures as a part of a sentence."""
        return (
            f"{sum(self.counts.values()):,} rows of {len(self.counts)} tables, {self.counts['events']:,} events of"
            f" {self.counts['violations']:,} violations among them; SHA-256 {self.sha256}"
        )


async def everything_lines(url: str) -> AsyncIterator[bytes]:
    """Everything there is at this moment, as lines, some at a time. Raises what `Database` raises."""
    database = await open_database(url, pool_size=1)  # which brings a SQLite file to the newest schema
    await database.close()
    writer = LineWriter()
    async with open_snapshot(url) as snapshot:
        yield writer.begin()
        parts: list[bytes] = []
        size = 0
        async for content in contents_of(snapshot):
            parts.append(writer.add(content))
            size += len(parts[-1])
            if size >= PIECE_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
        yield b"".join([*parts, writer.end()])


async def carry_in(file: BinaryIO, url: str, on_progress: OnProgress) -> Carried:
    """Takes lines into a new database. Raises `NotAsWritten`, `NotEmpty`, `CarriedOtherwise`, `OSError` and what
    `Database` raises; the database is as empty then as before.
    """
    await make_schema(url)
    writer = LineWriter()
    return await _carry(url, _written(writer, _each(LineReader(file).contents())), writer, on_progress)


async def carry_over(source: str, target: str, on_progress: OnProgress) -> Carried:
    """Copies everything from one database into another one, which has to be new. Raises as `carry_in` does."""
    database = await open_database(source, pool_size=1)
    try:
        await make_schema(target)
        async with open_snapshot(source) as snapshot:
            writer = LineWriter()
            seen = _LastSeen()
            contents = seen.watch(_written(writer, contents_of(snapshot)))
            carried = await _carry(target, contents, writer, on_progress)
        rows = await database.fetch("SELECT count(*) FROM events WHERE seq > $1", seen.seq)
        return Carried(carried.counts, carried.sha256, rows[0][0])
    finally:
        await database.close()


async def _carry(url: str, contents: AsyncIterator[Content], writer: LineWriter, on_progress: OnProgress) -> Carried:
    async with open_filling(url) as filling:
        writer.begin()
        counts = await fill(filling, contents, on_progress)
        if await _digest_of(filling, on_progress) != writer.sha256:
            raise CarriedOtherwise("what arrived in the new database differs from what was sent; nothing was kept")
    return Carried(counts, writer.sha256)


async def _digest_of(snapshot: Snapshot, on_progress: OnProgress) -> str:
    writer = LineWriter()
    writer.begin()
    async for content in contents_of(snapshot):
        writer.add(content)
        on_progress(writer.all_rows, None, "compared")
    return writer.sha256


async def _written(writer: LineWriter, contents: AsyncIterator[Content]) -> AsyncIterator[Content]:
    """The same contents, which the writer has seen then."""
    async for content in contents:
        writer.add(content)
        yield content


async def _each(contents: Iterator[Content]) -> AsyncIterator[Content]:
    for content in contents:
        yield content
        await asyncio.sleep(0)


class _LastSeen:
    """The number of the last event before the snapshot, as its ledger says."""

    def __init__(self) -> None:
        self.seq = 0

    async def watch(self, contents: AsyncIterator[Content]) -> AsyncIterator[Content]:
        async for content in contents:
            if isinstance(content, Portion) and content.table.model is LedgerRow:
                self.seq = int(str(content.rows[0][content.table.shape.columns.index("last_seq")]))
            yield content
