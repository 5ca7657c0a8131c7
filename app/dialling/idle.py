"""Connections that wait for their next request to the same origin, a short while.

A kept connection leads to an address that was checked when it was dialled, by a guard that never changes, and with a
certificate verified for its name. So it may serve its own origin again without a check; nothing else may use it.
"""

from collections import defaultdict
from time import monotonic
from typing import TypeAlias

from app.dialling.connecting import Connection
from app.dialling.urls import Target

Origin: TypeAlias = tuple[str, str, int]


def _origin(target: Target) -> Origin:
    return target.scheme, target.host, target.port


class IdleConnections:
    """At most `most` connections, each `longest_seconds` old at most, so that a name is soon looked up again."""

    __slots__ = ("_by_origin", "_longest_seconds", "_most", "_oldest_first")

    def __init__(self, most: int, longest_seconds: float) -> None:
        self._most = most
        self._longest_seconds = longest_seconds
        self._by_origin: defaultdict[Origin, list[Connection]] = defaultdict(list)
        self._oldest_first: dict[Connection, Origin] = {}

    def __len__(self) -> int:
        return len(self._oldest_first)

    async def take(self, target: Target) -> Connection | None:
        """The connection to this origin used last, None when there is none that still stands."""
        origin = _origin(target)
        while connections := self._by_origin.get(origin):
            connection = connections[-1]
            self._remove(connection)
            if not self._is_spent(connection):
                return connection
            await connection.aclose()
        return None

    async def keep(self, target: Target, connection: Connection) -> None:
        """Keeps the connection if it can be used again, else closes it. Closes the oldest when there are too many."""
        if not connection.is_idle() or self._is_spent(connection):
            await connection.aclose()
            return
        origin = _origin(target)
        self._by_origin[origin].append(connection)
        self._oldest_first[connection] = origin
        while len(self._oldest_first) > self._most:
            await self._close(next(iter(self._oldest_first)))

    async def close_spent(self) -> None:
        """Closes what is not to be used again: too long idle, too old, or ended by the other side."""
        for connection in [one for one in self._oldest_first if self._is_spent(one)]:
            if connection in self._oldest_first:
                await self._close(connection)

    async def aclose(self) -> None:
        """Closes all."""
        while self._oldest_first:
            await self._close(next(iter(self._oldest_first)))

    async def _close(self, connection: Connection) -> None:
        self._remove(connection)
        await connection.aclose()

    def _remove(self, connection: Connection) -> None:
        origin = self._oldest_first.pop(connection)
        connections = self._by_origin[origin]
        connections.remove(connection)
        if not connections:
            del self._by_origin[origin]

    def _is_spent(self, connection: Connection) -> bool:
        return connection.has_expired() or monotonic() - connection.opened > self._longest_seconds
