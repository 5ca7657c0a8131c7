"""Connections to PostgreSQL: the first host of the URL that takes one, each with its share of the time.

What the URL says is `postgresql_url`; what a connection is used for is `postgresql`.
"""

import errno
import os
import socket
from typing import Any
from urllib.parse import unquote, urlencode

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


class NotConnected(ConnectionError):
    """A server could not be reached. The message names its host and port, or its socket, and why; no password."""


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


def address_of(dsn: str) -> str:
    """Where a DSN of one host leads: `host:port`, or the path of a socket."""
    base, parameters = split_url(dsn)
    location = base.partition("://")[2].partition("/")[0].rpartition("@")[2]
    host, _, port = location.rpartition(":") if not location.endswith("]") and ":" in location else (location, "", "")
    host = unquote(host) or parameters.get("host") or os.environ.get("PGHOST") or "localhost"
    port = port or parameters.get("port") or os.environ.get("PGPORT") or "5432"
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host}:{port}"


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "name not known"
    # A name with several addresses fails with all their errors in one text.
    if isinstance(error, ConnectionRefusedError) or f"[Errno {errno.ECONNREFUSED}]" in str(error):
        return "connection refused"
    if isinstance(error, FileNotFoundError):
        return "there is no such socket"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return error.strerror or str(error) or type(error).__name__


async def connect(arguments: dict[str, Any], *, seconds: float = CONNECT_SECONDS, **more: object) -> Any:
    """A new connection, from the `connect_arguments` of a URL. Raises one of `CONNECT_ERRORS`.

    The driver would give all the time to the first host, and a host that lost its power answers nothing at all.
    """
    dsns = each_host(arguments["dsn"])
    failure: BaseException | None = None
    for dsn in dsns:
        try:
            return await asyncpg.connect(**{**arguments, **more, "dsn": dsn}, timeout=seconds / len(dsns))
        except OSError as error:
            failure = NotConnected(f"{address_of(dsn)}: {_reason(error)}")
            failure.__cause__ = error
        except CONNECT_ERRORS as error:
            failure = error
    assert failure is not None
    raise failure
