"""`hos-receiver holds`: place, list and release legal holds. May run beside `serve` and `purge`."""

import getpass
import os
from collections.abc import Iterable
from typing import Annotated

import typer

from app.clock import now
from app.commands.running import complain, fail, group, opened, run, settings_or_fail
from app.holds.store import Cover, Hold, list_holds, place_hold, release_hold, unknown_of
from app.maven.faults import find_unstorable
from app.maven.times import format_time

LONGEST = 255
LONGEST_REASON = 4000

holds = group("holds", "Legal holds: what purge never deletes. Place, list, release.")


def _checked(text: str, what: str, longest: int = LONGEST) -> str:
    """Text that can be stored and found again. Raises `typer.BadParameter`."""
    if not 1 <= len(text) <= longest:
        raise typer.BadParameter(f"must have 1 to {longest} characters", param_hint=what)
    if find_unstorable(text) is not None or not text.isprintable():
        raise typer.BadParameter("has a character that cannot be shown", param_hint=what)
    return text


def _all_checked(texts: Iterable[str] | None, what: str) -> frozenset[str]:
    return frozenset(_checked(text, what) for text in texts or ())


def _user() -> str:
    """Who calls the command, by the system's word."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may know no names
        return f"user {os.getuid()}"


_By = Annotated[str | None, typer.Option("--by", help="Who does it; by default who is logged in.", metavar="NAME")]
_Name = Annotated[
    str, typer.Argument(metavar="NAME", help="A name for people, unique among holds in force; 1 to 255 characters.")
]


@holds.command("place")
def place(
    name: _Name,
    driver: Annotated[
        list[str] | None, typer.Option(help="Keep all violations of this driver; repeat for several.", metavar="ID")
    ] = None,
    violation: Annotated[
        list[str] | None, typer.Option(help="Keep this violation; repeat for several.", metavar="ID")
    ] = None,
    terminal: Annotated[
        list[str] | None,
        typer.Option(help="Keep all violations of this terminal code; repeat for several.", metavar="CODE"),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why, for people.", metavar="TEXT")] = None,
    by: _By = None,
) -> None:
    """Keep violations, with their events, earlier versions and reviews, whatever their age, until it is released.

    It covers violations that come later too, and those that had the driver or the terminal before. purge leaves them
    alone, with --force as well.
    """
    _checked(name, "NAME")
    cover = Cover(
        _all_checked(driver, "--driver"), _all_checked(violation, "--violation"), _all_checked(terminal, "--terminal")
    )
    if not cover.has_any:
        raise typer.BadParameter("say what to keep: --driver, --violation or --terminal", param_hint="--driver")
    if reason is not None:
        _checked(reason, "--reason", LONGEST_REASON)
    who = _checked(by if by is not None else _user(), "--by")
    settings = settings_or_fail()

    async def work() -> Cover:
        async with opened(settings) as database:
            await database.write(place_hold(database.dialect, name, cover, reason, who, now()))
            return await database.read(unknown_of(cover))

    unknown = run(work())
    typer.echo(f"Hold {name} is in force: {_covered(cover)}.")
    if unknown.has_any:
        complain(f"no violation is known of {_covered(unknown)}: look whether that is written as Maven writes it")


@holds.command("list")
def show() -> None:
    """List holds, oldest first: name, what they cover, why, who placed and released them and when."""
    settings = settings_or_fail()

    async def read() -> list[Hold]:
        async with opened(settings) as database:
            return await database.read(list_holds())

    found = run(read())
    for hold in found:
        typer.echo("\t".join(_shown(hold)))
    if not found:
        typer.echo("There are no holds.", err=True)


@holds.command("release")
def release(name: _Name, by: _By = None) -> None:
    """End a hold. It stays in the list. What no other hold covers goes with the next purge when it is old enough."""
    who = _checked(by if by is not None else _user(), "--by")
    settings = settings_or_fail()

    async def end() -> bool:
        async with opened(settings) as database:
            return await database.write(release_hold(name, who, now()))

    if find_unstorable(name) is not None or not run(end()):
        fail(f"no hold named {name} is in force; see: hos-receiver holds list")
    typer.echo(f"Hold {name} is released.")


def _covered(cover: Cover) -> str:
    parts = [
        f"{word} {', '.join(sorted(names))}"
        for word, names in (
            ("drivers", cover.driver_ids),
            ("violations", cover.violation_ids),
            ("terminals", cover.terminal_codes),
        )
        if names
    ]
    return "; ".join(parts)


def _shown(hold: Hold) -> list[str]:
    parts = [hold.name, _covered(hold.cover), f"placed {format_time(hold.placed_at)} by {hold.placed_by}"]
    if hold.released_at is None:
        parts.append("in force")
    else:
        parts.append(f"released {format_time(hold.released_at)} by {hold.released_by}")
    return [*parts, hold.reason] if hold.reason else parts
