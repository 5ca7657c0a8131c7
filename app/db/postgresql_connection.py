"""Connections to PostgreSQL: the first host of the URL that takes one, each with its share of the time.

What the URL says is `postgresql_url`; what a connection is used for is `postgresql`.
"""

from typing import Any
from urllib.parse import urlencode

import asyncpg

from app.db.postgresql_url import split_url

CONNECT_SECONDS = 3.0

CONNECT_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
    ValueError,
)
"""What an attempt to connect can fail with. `InternalClientError` is the driver's word for a host that is a standby."""


def each_host(dsn: str) -> list[str]:
    """A DSN for each of its hosts, in order."""
    base, parameters = split_url(dsn)
    scheme, _, rest = base.partition("://")
    location, slash, name = rest.partition("/")
    user, at, hosts = location.rpartition("@")
    if "," in hosts:
        query = f"?{urlencode(parameters)}" if parameters else ""
        return [f"{scheme}://{user}{at}{host}{slash}{name}{query}" for host in hosts.split(",")]
    if "," not in parameters.get("host", ""):
        return [dsn]
    named = parameters["host"].split(",")
    ports = parameters["port"].split(",") if "port" in parameters else []
    pairs = zip(named, ports * len(named) if len(ports) == 1 else ports or [""] * len(named), strict=True)
    own = [{**parameters, "host": host, **({"port": port} if port else {})} for host, port in pairs]
    return [f"{base}?{urlencode(one)}" for one in own]


async def connect(arguments: dict[str, Any], *, seconds: float = CONNECT_SECONDS, **more: object) -> Any:
    """A new connection, from the `connect_arguments` of a URL. Raises one of `CONNECT_ERRORS`.

    The driver would give all the time to the first host, and a host that lost its power answers nothing at all.
    """
    dsns = each_host(arguments["dsn"])
    failure: BaseException | None = None
    for dsn in dsns:
        try:
            return await asyncpg.connect(**{**arguments, **more, "dsn": dsn}, timeout=seconds / len(dsns))
        except CONNECT_ERRORS as error:
            failure = error
    assert failure is not None
    raise failure
