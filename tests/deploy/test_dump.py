"""A dump of PostgreSQL, put back by the very lines of docs/deploying.md: all is there, every index too."""

import os
import shlex
import subprocess
from urllib.parse import parse_qs, urlsplit

from app.db.database import Database
from app.violations.rules import Outcome
from tests.command_line import ROOT
from tests.ingest.kept import created, invalidated, keep, opened
from tests.programs import path_with_postgresql
from tests.test_documentation import blocks

IN_CONTAINER = "docker compose exec -T postgres "
MONTHS = (1_700_000_000_000_000, 1_703_000_000_000_000, 1_800_000_000_000_000)
"""Moments in different months, each of which is a part of its tables."""


def documented() -> list[str]:
    """The lines of the page that make a dump and put it back, without the container."""
    page = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    (block,) = [block for block in blocks(page, "text") if "pg_restore" in block]
    lines = [line.removeprefix(IN_CONTAINER) for line in block.splitlines() if line.startswith(IN_CONTAINER)]
    assert [shlex.split(line)[0] for line in lines] == ["pg_dump", "dropdb", "createdb", "pg_restore"]
    return lines


async def structure(database: Database) -> set[str]:
    """Every index and constraint, as PostgreSQL would have it made."""
    rows = await database.fetch(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' UNION ALL"
        " SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace"
    )
    return {row[0] for row in rows}


async def test_a_dump_is_put_back_by_the_lines_of_the_page(postgresql_url: str, tmp_path: os.PathLike[str]) -> None:
    async with opened(postgresql_url) as database:
        for n, at in enumerate(MONTHS):
            await keep(database, created(f"v{n}"), at=at)
        before = await structure(database)
    parts = urlsplit(postgresql_url)
    name = parts.path.lstrip("/")
    variables = {
        "PATH": path_with_postgresql(),
        "PGHOST": parts.hostname or parse_qs(parts.query)["host"][0],
        "PGPORT": str(parts.port or 5432),
        "PGPASSWORD": parts.password or "",
    }
    for line in documented():
        told = line.replace("-U hos", f"-U {parts.username}").replace("--dbname=hos", f"--dbname={name}")
        told = told.replace("hos-$(date +%F).dump", "the.dump").replace("hos-2026-01-31.dump", "the.dump")
        words = [name if word == "hos" else word for word in told.split(" ")]
        done = subprocess.run(  # noqa: ASYNC221, S602 - the lines are for a shell, and nothing else goes on
            " ".join(words), shell=True, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
    async with opened(postgresql_url) as database:
        assert await structure(database) == before
        await database.check()
        assert await keep(database, created("v1")) == [Outcome.DUPLICATE]
        assert await keep(database, invalidated("v1"), created("new")) == [Outcome.INVALIDATED, Outcome.CREATED]
