"""The options that say what a connection is, and the fields of the API that they stand for.

Secrets are read from standard input, and never from the command line: that is shown to all who list processes, and kept
in the shell's history. On a terminal they are asked for without being shown.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from app.commands.running import fail

Url = Annotated[str | None, typer.Option(help="Where to, for kind http; - reads it from standard input.")]
BearerToken = Annotated[
    bool, typer.Option("--bearer-token-stdin", help="Send the token that standard input has in its next line.")
]
BasicUser = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Send this user name with the password that standard input has in its next line."
    ),
]
HeaderName = Annotated[
    str | None,
    typer.Option("--header", metavar="NAME", help="Send this header with the value that standard input has next."),
]
Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=NAME",
        help="The provider's name of a field; FIELD= leaves the field out. Repeat for several.",
    ),
]
FleetRef = Annotated[str | None, typer.Option(help="The fleet, in your words.")]
SourceName = Annotated[str | None, typer.Option(help="The provider, in your words.")]


def url_of(url: str | None) -> str | None:
    """A URL as given, or the next line of standard input. Ends the command when there is none."""
    return _next_line("URL").strip() if url == "-" else url


def credentials_of(is_bearer: bool, basic_user: str | None, header: str | None) -> dict[str, object] | None:
    """What a provider wants to see, as the API has it, with the secret from standard input; None for nothing.

    Raises `typer.BadParameter` where several are asked for. Ends the command when there is no secret.
    """
    if is_bearer + (basic_user is not None) + (header is not None) > 1:
        raise typer.BadParameter("only one of --bearer-token-stdin, --basic-user and --header is possible")
    if is_bearer:
        return {"type": "bearer", "token": _next_line("token")}
    if basic_user is not None:
        return {"type": "basic", "username": basic_user, "password": _next_line("password")}
    if header is not None:
        return {"type": "header", "name": header, "value": _next_line("value")}
    return None


def mapping_of(maps: Sequence[str]) -> dict[str, str | None]:
    """Fields with the provider's names for them; None leaves a field out. Raises `typer.BadParameter`."""
    mapping: dict[str, str | None] = {}
    for text in maps:
        field, equals, name = text.partition("=")
        if not (field and equals):
            raise typer.BadParameter(
                f"must be FIELD=NAME, or FIELD= to leave it out, not {text[:60]!r}", param_hint="--map"
            )
        if field in mapping:
            raise typer.BadParameter(f"{field[:60]} is given twice", param_hint="--map")
        mapping[field] = name or None
    return mapping


def _next_line(what: str) -> str:
    """A line of standard input without its end. Ends the command when there is none."""
    if sys.stdin.isatty():
        answer: str = typer.prompt(what.capitalize() if what.islower() else what, hide_input=True, err=True)
        return answer
    line = sys.stdin.buffer.readline()
    if not line:
        fail(f"standard input has no line for the {what}")
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        fail(f"the {what} on standard input is not UTF-8")
