"""A libpq URL as asyncpg wants it: several hosts, connection parameters, and our own limits added."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from app.db.errors import DatabaseUnusable

_LIBPQ_ONLY = frozenset(
    {
        "channel_binding",
        "client_encoding",
        "fallback_application_name",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "load_balance_hosts",
        "min_protocol_version",
        "max_protocol_version",
        "require_auth",
        "requirepeer",
        "sslcompression",
        "tcp_user_timeout",
    }
)
"""Parameters of libpq that asyncpg does not know; it would send them to the server, which refuses them."""

_SERVER_SETTINGS = {
    "statement_timeout": "8000",
    "lock_timeout": "5000",
    "idle_in_transaction_session_timeout": "10000",
    "TimeZone": "UTC",
    "jit": "off",
}

_HOST = re.compile(r"(\[[^\[\]]+\]|[^:\[\]]*)(:(\d{0,5}))?")
"""One host of a URL: a name, an address, or a percent-encoded socket directory, and perhaps a port."""


def split_url(url: str) -> tuple[str, dict[str, str]]:
    """The URL without its query, and the query's parameters."""
    base, _, query = url.partition("?")
    return base, dict(parse_qsl(query, keep_blank_values=True))


def _require_address(base: str, parameters: dict[str, str]) -> None:
    """Raises `DatabaseUnusable` for an address that the driver could not read, without a word of what it holds: in a
    URL that is not understood, any part may be the password.
    """
    try:
        urlsplit(base)  # knows what may stand in brackets
        found = [_HOST.fullmatch(host) for host in base.split("://")[1].partition("/")[0].rpartition("@")[2].split(",")]
        ports = parameters.get("port", "").split(",")
        is_address = "#" not in base and all(host is not None for host in found)
        is_address &= all(int(port or 0) < 65536 for port in [*ports, *(host[3] for host in found if host)])
        is_address &= len(ports) in (1, len(parameters.get("host", "").split(",")))
    except (ValueError, IndexError):
        is_address = False
    if not is_address:
        raise DatabaseUnusable(
            "HOS_DATABASE_URL must be a valid address, written postgresql://user:password@host:port/name"
        )


def connect_arguments(url: str) -> dict[str, Any]:
    """Keyword arguments for `asyncpg.connect`. Raises `DatabaseUnusable` for a URL that is none."""
    base, parameters = split_url(url)
    _require_address(base, parameters)
    for name in _LIBPQ_ONLY & parameters.keys():
        del parameters[name]
    settings = dict(_SERVER_SETTINGS)
    settings["application_name"] = parameters.pop("application_name", "hos-receiver")
    parameters.pop("connect_timeout", None)
    hosts = base.partition("://")[2].partition("/")[0].rpartition("@")[2] + parameters.get("host", "")
    session = parameters.pop("target_session_attrs", "read-write" if "," in hosts else "any")
    if session not in ("any", "read-write", "primary"):
        raise DatabaseUnusable("target_session_attrs must be any, read-write or primary in HOS_DATABASE_URL: we write")
    dsn = base if not parameters else f"{base}?{urlencode(parameters)}"
    return {"dsn": dsn, "server_settings": settings, "target_session_attrs": session}
