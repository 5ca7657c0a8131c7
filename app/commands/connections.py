"""`hos-receiver connections`: where inspections go. May run beside `serve`, which forwards them.

What a command asks for is read and judged as the API does; what it prints is for people, a line for each thing, with
tabs between its parts.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from app.alerting import connection_desk, open_alerting
from app.commands.cells import cell
from app.commands.connection_options import (
    BasicUser,
    BearerToken,
    FleetRef,
    HeaderName,
    Maps,
    SourceName,
    Url,
    credentials_of,
    mapping_of,
    url_of,
)
from app.commands.running import fail, group, opened, run, settings_or_fail
from app.dvir_logs.desk import ConnectionConflict, ConnectionDesk, ConnectionNotFound, Tested
from app.inspections.connection_schema import NewConnection, read_connection
from app.inspections.connections import Connection
from app.maven.faults import WrongFields

T = TypeVar("T")

connections = group("connections", "Connections: the providers that inspections are forwarded to. Make, list, test.")

Id = Annotated[str, typer.Argument(metavar="ID", help="The connection's id, as connections list shows it.")]


def _at_desk(work: Callable[[ConnectionDesk], Awaitable[T]]) -> T:
    """Does something at the desk; what is wrong becomes one clear line."""
    settings = settings_or_fail()

    async def do() -> T:
        async with opened(settings) as database, open_alerting(database, settings) as alerting:
            # A running `serve` sees by the database's revision of hooks that there is something new.
            return await work(connection_desk(database, alerting, lambda: None))

    try:
        return run(do())
    except ConnectionNotFound:
        fail("there is no such connection; see: hos-receiver connections list")
    except ConnectionConflict as error:
        fail(str(error))
    except WrongFields as error:
        fail(str(error))


def _line(connection: Connection, url: str | None) -> str:
    cells = (
        connection.id,
        connection.name,
        connection.kind.word,
        url,
        connection.credential_type,
        connection.fleet_ref,
        connection.source_name,
    )
    return "\t".join(map(cell, cells))


@connections.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for people, 1 to 100 characters.")],
    kind: Annotated[str, typer.Option(help="Where inspections go: local keeps them here, http posts them to --url.")],
    url: Url = None,
    bearer_token: BearerToken = False,
    basic_user: BasicUser = None,
    header: HeaderName = None,
    maps: Maps = None,
    fleet_ref: FleetRef = None,
    source_name: SourceName = None,
) -> None:
    """Make a connection. Its id is printed alone on the last line.

    What is read from standard input is a line each, first the URL and then the secret. A secret is never shown again.
    """
    mapping = mapping_of(maps or [])
    body: dict[str, object] = {"name": name, "kind": kind, "mapping": mapping}
    # In the order of the lines on standard input.
    given = {"url": url_of(url), "credentials": credentials_of(bearer_token, basic_user, header)}
    given |= {"fleet_ref": fleet_ref, "source_name": source_name}
    body |= {field: value for field, value in given.items() if value is not None}

    async def make(desk: ConnectionDesk) -> Connection:
        return await desk.create(read_connection(NewConnection, json.dumps(body).encode()))

    made = _at_desk(make)
    typer.echo(f"The connection is made. Try it with: hos-receiver connections test {made.id}")
    typer.echo(made.id)


@connections.command("list")
def show_all() -> None:
    """List connections in the order they were made.

    The columns are id, name, kind, URL, type of credentials, fleet and provider, separated by tabs; a hyphen stands for
    what there is not.
    """

    async def read(desk: ConnectionDesk) -> list[str]:
        return [_line(one, await desk.shown_url(one)) for one in await desk.list_all()]

    lines = _at_desk(read)
    for line in lines:
        typer.echo(line)
    if not lines:
        typer.echo("There are no connections.", err=True)


@connections.command("test")
def test(connection_id: Id) -> None:
    """Post an empty object to a provider now, once. Status 1 when nothing answers.

    Any answer shows that the provider is reached, also one that refuses the empty object.
    """

    async def do(desk: ConnectionDesk) -> tuple[Connection, Tested]:
        return await desk.find(connection_id), await desk.test(connection_id)

    connection, tested = _at_desk(do)
    if connection.hook_pk is None:
        typer.echo("The connection is local: inspections are kept here, and nothing has to be reached.")
    elif tested.is_reachable:
        typer.echo(f"The provider is reached: it answered {tested.response_status} in {tested.seconds:.3f} s.")
    else:
        fail(f"the provider is not reached, after {tested.seconds:.3f} s: {tested.detail}")


@connections.command("remove")
def remove(
    connection_id: Id,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a connection. What waits to be forwarded by it fails; inspections that are kept stay."""
    if not yes:
        typer.confirm(f"Remove connection {connection_id} for good?", abort=True, err=True)

    async def do(desk: ConnectionDesk) -> None:
        await desk.remove(connection_id)

    _at_desk(do)
    typer.echo(f"Connection {connection_id} is removed.")
