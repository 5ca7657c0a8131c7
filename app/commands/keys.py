"""`hos-receiver keys`: make, list and revoke API keys and webhook tokens. May run beside `serve`."""

from typing import Annotated

import typer

from app.clock import now
from app.commands.running import fail, group, opened, run, settings_or_fail
from app.db.statements import Dialect
from app.db.urls import dialect_of, sqlite_path
from app.keys.schema import NAME_TAKEN, SCOPE_NAMES, SETTINGS_NAME, Scope, WrongKey, check_new_key, hash_key, new_key
from app.keys.store import create_key, list_keys, revoke_key
from app.maven.faults import find_unstorable
from app.maven.times import format_time

_OPTIONS = {"name": "NAME", "scopes": "--scope", "terminals": "--terminal"}

keys = group("keys", "API keys and webhook tokens: make, list, revoke.")


def scope_of(text: str) -> Scope:
    """A scope as typed. Raises `typer.BadParameter`."""
    if text not in list(Scope):
        raise typer.BadParameter(f"must be {SCOPE_NAMES}, not {text[:60]!r}")
    return Scope(text)


@keys.command("create")
def create(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A name for people, unique among keys in force; 1 to 100 characters.")
    ],
    scope: Annotated[
        list[Scope],
        typer.Option(parser=scope_of, help=f"{SCOPE_NAMES}; repeat for several.", metavar="SCOPE"),
    ],
    terminal: Annotated[
        list[str] | None,
        typer.Option(help="Show the key only violations of this terminal code; repeat for several.", metavar="CODE"),
    ] = None,
) -> None:
    """Make a key and print it alone on the last line.

    It is shown this once; only its hash is kept. Scope read reads violations, review says what was done about
    them, admin may both and handles the quarantine and the hooks, webhook posts events and nothing else.
    """
    scopes = frozenset(scope)
    try:
        check_new_key(name, scopes, terminal or (), lambda text: find_unstorable(text) is None)
    except WrongKey as error:
        raise typer.BadParameter(str(error), param_hint=_OPTIONS[error.field]) from None
    settings = settings_or_fail()
    if name == SETTINGS_NAME and settings.admin_key is not None:
        fail(NAME_TAKEN)
    key = new_key(scopes)
    url = settings.database_url.get_secret_value()
    is_new = dialect_of(url) is Dialect.SQLITE and not sqlite_path(url).exists()

    async def make() -> None:
        async with opened(settings) as database:
            await database.write(create_key(name, hash_key(key), scopes, set(terminal) if terminal else None, now()))

    run(make())
    if is_new:
        typer.echo(f"Made the database {sqlite_path(url).absolute()}; serve it from here, or with its absolute path.")
    terminals = f"; terminals {', '.join(sorted(set(terminal)))}" if terminal else ""
    typer.echo(f"Key {name} ({', '.join(sorted(scopes))}{terminals}), shown this once:")
    typer.echo(key)


@keys.command("list")
def show() -> None:
    """List keys: name, scopes, terminals, when made, whether in force, when last used. Never the keys themselves."""
    settings = settings_or_fail()

    async def read() -> list[str]:
        async with opened(settings) as database:
            return [
                "\t".join(
                    (
                        record.key.name,
                        ",".join(sorted(record.key.scopes)),
                        "all terminals" if record.key.terminals is None else ",".join(sorted(record.key.terminals)),
                        f"made {format_time(record.created_at)}",
                        "in force" if record.revoked_at is None else f"revoked {format_time(record.revoked_at)}",
                        "never used" if record.last_used_at is None else f"used {format_time(record.last_used_at)}",
                    )
                )
                for record in await database.read(list_keys())
            ]

    lines = run(read())
    if settings.admin_key is not None:
        lines.append("admin\tadmin,read,review\tall terminals\tfrom HOS_ADMIN_KEY\tin force")
    for line in lines:
        typer.echo(line)
    if not lines:
        typer.echo("There are no keys.", err=True)


@keys.command("revoke")
def revoke(name: Annotated[str, typer.Argument(metavar="NAME", help="The key's name, as keys list shows it.")]) -> None:
    """End a key. Running servers follow within half a second."""
    settings = settings_or_fail()

    async def end() -> bool:
        async with opened(settings) as database:
            return await database.write(revoke_key(name, now()))

    if find_unstorable(name) is not None or not run(end()):
        belongs = name == SETTINGS_NAME and settings.admin_key is not None
        fail(
            "the key admin comes from HOS_ADMIN_KEY; take it out of the settings and restart to end it"
            if belongs
            else f"no key named {name} is in force; see: hos-receiver keys list"
        )
    typer.echo(f"Key {name} is revoked.")
