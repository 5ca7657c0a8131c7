"""The options that say what a hook is told of, and the fields of the API that they stand for."""

import sys
from typing import Annotated

import typer

Events = Annotated[
    list[str] | None,
    typer.Option("--event", help="What of, such as violation.created or dvir_log.added; repeat for several."),
]
Terminals = Annotated[list[str] | None, typer.Option("--terminal", help="Only this terminal; repeat for several.")]
Types = Annotated[list[str] | None, typer.Option("--type", help="Only this violation type; repeat for several.")]
Rulesets = Annotated[list[str] | None, typer.Option("--ruleset", help="Only this ruleset; repeat for several.")]
Drivers = Annotated[list[str] | None, typer.Option("--driver", help="Only this driver's id; repeat for several.")]
Minutes = Annotated[int | None, typer.Option("--min-minutes", help="Only violations at least this long.")]
Egregious = Annotated[bool | None, typer.Option("--egregious/--not-egregious", help="Only egregious ones, or others.")]
SafetyCritical = Annotated[
    bool | None,
    typer.Option(
        "--safety-critical/--not-safety-critical",
        help="Only safety-critical inspections, or others; of dvir_log.added.",
    ),
]
AtLeast = Annotated[int | None, typer.Option(help="Tell of drivers with so many active violations.")]
WithinDays = Annotated[int | None, typer.Option(help="In how many days they began, with --at-least.")]
DigestAt = Annotated[str | None, typer.Option(help="Once a day at this time, HH:MM, and not one by one.")]
Zone = Annotated[str | None, typer.Option(help="Whose time: an IANA time zone, such as America/Chicago.")]


def filter_of(
    terminals: list[str] | None,
    types: list[str] | None,
    rulesets: list[str] | None,
    drivers: list[str] | None,
    minutes: int | None,
    egregious: bool | None,
    safety_critical: bool | None,
) -> dict[str, object]:
    """The filter as the API has it; what was not given is left out."""
    given = {
        "terminalCodes": terminals,
        "types": types,
        "rulesets": rulesets,
        "driverIds": drivers,
        "minDurationMinutes": minutes,
        "egregious": egregious,
        "safetyCritical": safety_critical,
    }
    return {name: value for name, value in given.items() if value is not None and value != []}


def _pair(first: object, second: object, names: tuple[str, str], keys: tuple[str, str]) -> dict[str, object] | None:
    """Two options that belong together. Raises `typer.BadParameter` when one is missing."""
    if first is None and second is None:
        return None
    if first is None or second is None:
        raise typer.BadParameter(f"{names[0]} and {names[1]} belong together")
    return {keys[0]: first, keys[1]: second}


def body_of(
    events: list[str] | None,
    asked: dict[str, object],
    at_least: int | None,
    within_days: int | None,
    digest_at: str | None,
    zone: str | None,
) -> dict[str, object]:
    """The fields of a hook as the API has them; what was not given is left out. Raises `typer.BadParameter`."""
    given = {
        "events": events or None,
        "filter": asked or None,
        "threshold": _pair(at_least, within_days, ("--at-least", "--within-days"), ("atLeast", "withinDays")),
        "digest": _pair(digest_at, zone, ("--digest-at", "--zone"), ("at", "zone")),
    }
    return {name: value for name, value in given.items() if value is not None}


def url_of(text: str) -> str:
    """A URL as given, or read from standard input."""
    return sys.stdin.readline().strip() if text == "-" else text
