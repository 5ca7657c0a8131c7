"""`holds` as an operator calls them, and what `purge` says of them."""

import asyncio
import re

import pytest

from tests.command_line import Call, caller
from tests.complaints import complaints
from tests.ingest.kept import NOW, created, invalidated, keep, opened


@pytest.fixture
def call(database_url: str) -> Call:
    return caller(database_url)


def test_a_hold_is_placed_listed_and_released(call: Call) -> None:
    listed = call("holds", "list")
    assert (listed.exit_code, listed.stdout, complaints(listed.stderr)) == (0, "", "There are no holds.\n")
    placed = call(
        *("holds", "place", "smith-v-carrier", "--driver", "D2", "--driver", "D1", "--violation", "V9"),
        *("--terminal", "PGH", "--reason", "Letter of 3 March", "--by", "jane"),
    )
    said = "drivers D1, D2; violations V9; terminals PGH"
    assert placed.exit_code == 0
    assert placed.stderr == (
        f"hos-receiver: no violation is known of {said}: look whether that is written as Maven writes it\n"
    )
    assert placed.stdout == f"Hold smith-v-carrier is in force: {said}.\n"
    line = rf"smith-v-carrier\t{said}\tplaced \S+Z by jane"
    assert re.fullmatch(rf"{line}\tin force\tLetter of 3 March\n", call("holds", "list").stdout)
    released = call("holds", "release", "smith-v-carrier", "--by", "joe")
    assert (released.exit_code, released.stdout) == (0, "Hold smith-v-carrier is released.\n")
    assert re.fullmatch(rf"{line}\treleased \S+Z by joe\tLetter of 3 March\n", call("holds", "list").stdout)


async def test_of_what_a_hold_covers_that_is_said_which_nobody_knows(database_url: str) -> None:
    async with opened(database_url) as database:
        await keep(database, created("V1", driverId="D1", terminalCode="PGH"))
        await keep(
            database, created("V1", driverId="D2", terminalCode="ERI", eventTime="2030-01-01T00:00:00Z"), at=NOW + 1
        )
    call = caller(database_url)
    known = ("--driver", "D1", "--driver", "D2", "--violation", "V1", "--terminal", "PGH", "--terminal", "ERI")
    placed = await asyncio.to_thread(call, "holds", "place", "one", *known)
    assert (placed.exit_code, complaints(placed.stderr)) == (0, "")
    placed = await asyncio.to_thread(call, "holds", "place", "two", *known, "--driver", "d1", "--violation", "V 1")
    assert "no violation is known of drivers d1; violations V 1: look" in placed.stderr


def test_who_places_it_is_who_is_logged_in(call: Call) -> None:
    assert call("holds", "place", "h", "--driver", "D", LOGNAME="operator").exit_code == 0
    assert call("holds", "release", "h", LOGNAME="other").exit_code == 0
    assert re.search(r"placed \S+ by operator\treleased \S+ by other\n", call("holds", "list").stdout)


def test_one_name_is_in_force_once(call: Call) -> None:
    assert call("holds", "place", "h", "--driver", "D").exit_code == 0
    again = call("holds", "place", "h", "--driver", "E")
    assert again.exit_code == 1
    assert again.stderr == (
        "hos-receiver: a hold named h is in force already; release it first or choose another name\n"
    )


@pytest.mark.parametrize("name", ["unknown", "nul\0"])
def test_what_is_not_in_force_cannot_be_released(call: Call, name: str) -> None:
    result = call("holds", "release", name)
    assert result.exit_code == 1
    assert result.stderr == f"hos-receiver: no hold named {name} is in force; see: hos-receiver holds list\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["h"],
        ["", "--driver", "D"],
        ["h" * 256, "--driver", "D"],
        ["h", "--driver", ""],
        ["h", "--violation", "x\n"],
        ["h", "--terminal", "x" * 256],
        ["h", "--driver", "D", "--reason", "x" * 4001],
        ["h", "--driver", "D", "--by", ""],
    ],
)
def test_a_hold_that_cannot_be_is_wrong_usage(call: Call, arguments: list[str]) -> None:
    assert call("holds", "place", *arguments).exit_code == 2
    assert call("holds", "list").stdout == ""


def test_purge_says_what_holds_kept(call: Call, database_url: str) -> None:
    async def fill() -> None:
        async with opened(database_url) as database:
            for n in range(3):
                await keep(database, created(f"V{n}", driverId=f"D{n}"), invalidated(f"V{n}"), at=NOW - 10**15)

    asyncio.run(fill())
    assert call("holds", "place", "h", "--driver", "D1").exit_code == 0
    kept = "Kept 1 violations as old as that because of holds; see: hos-receiver holds list\n"
    for arguments, verb in ((["--dry-run"], "Would delete"), ([], "Deleted")):
        result = call("purge", "--days", "1", "--force", "--quarantine", *arguments)
        assert (result.exit_code, complaints(result.stderr)) == (0, "")
        first, _, rest = result.stdout.partition("\n")
        assert first.startswith(f"{verb} 2 violations with 4 events and 0 quarantine entries, received before ")
        assert rest == (
            f"{kept}Kept the quarantine, for a hold is in force and nobody can say whose its entries are.\n"
        )
    assert call("rebuild", "--check").stdout == "2 events, 1 violations, 0 differences\n"
