"""Connections as an administrator handles them: made, changed, tested, removed; for the API and the commands alike.

What is asked for was judged field by field in `connection_schema`; here the fields are judged together and the URL is.
URL and credentials are sealed as those of hooks are.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

import orjson
from pydantic import BaseModel

from app.db.database import Database
from app.db.statements import Dialect, WriteScript
from app.dialling.errors import DialFailed, DialRefused
from app.dialling.sealing import Seal, Unsealable
from app.hooks.purposes import secret_purpose, url_purpose
from app.hooks.store import SealedSecret, connection_hook
from app.inspections.connection_schema import ConnectionChanges, NewConnection
from app.inspections.connections import (
    LOCAL_ID,
    Connection,
    add_connection,
    change_connection,
    find_connection,
    list_connections,
    remove_connection,
)
from app.inspections.operations import fail_operations, removed
from app.inspections.schema import read_uuid
from app.inspections.words import ConnectionKind
from app.maven.faults import Fault, WrongFields, excerpt
from app.outbox.records import make_due

_TURNS = 5
_MOST = 1000


class ConnectionNotFound(Exception):
    """There is no such connection. The message is its id, quoted."""


class ConnectionConflict(Exception):
    """A connection is not in the state for what is asked. The message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Tested:
    """What a provider answered to a test."""

    is_reachable: bool
    response_status: int | None
    detail: str | None
    seconds: float


class Posting(Protocol):
    """What is needed of whoever dials."""

    @property
    def response_status(self) -> int | None: ...
    @property
    def detail(self) -> str | None: ...
    @property
    def seconds(self) -> float: ...


class ConnectionDesk:
    """Handles connections. `judge_url` raises `DialRefused` and `DialFailed`; `post_nothing` posts `{}` to a
    connection, given by its key among the hooks; `on_change` is told when there may be something to deliver.
    """

    def __init__(
        self,
        database: Database,
        seal: Seal,
        judge_url: Callable[[str], Awaitable[object]],
        post_nothing: Callable[[int], Awaitable[Posting]],
        clock: Callable[[], int],
        on_change: Callable[[], None],
    ) -> None:
        self.database = database
        self._seal = seal
        self._judge_url = judge_url
        self._post_nothing = post_nothing
        self._clock = clock
        self._on_change = on_change

    async def find(self, connection_id: str) -> Connection:
        """One connection. Raises `ConnectionNotFound`."""
        try:
            found = await self.database.read(find_connection(read_uuid(connection_id)))
        except ValueError:
            found = None
        if found is None:
            raise ConnectionNotFound(excerpt(connection_id))
        return found

    async def find_or_none(self, connection_id: str) -> Connection | None:
        """One connection; None when it was removed."""
        return await self.database.read(find_connection(connection_id))

    async def list_all(self) -> list[Connection]:
        """All connections, in the order they were made; at most a thousand."""
        return await self.database.read(list_connections(0, _MOST))

    async def shown_url(self, connection: Connection) -> str | None:
        """Where a connection leads; None for a local one, and for one that was sealed with a key that is not here."""
        if connection.hook_pk is None:
            return None
        hook = await self.database.read(connection_hook(connection.hook_pk))
        try:
            return None if hook is None else self._seal.open(url_purpose(connection.id), hook.url)
        except Unsealable:
            return None

    async def create(self, asked: NewConnection) -> Connection:
        """Makes a connection. Raises `WrongFields`."""
        is_http = asked.kind == ConnectionKind.HTTP.word
        faults = []
        if is_http and asked.url is None:
            faults.append(Fault("/url", "is required for kind http."))
        for name, value in (("url", asked.url), ("credentials", asked.credentials), ("method", asked.method)):
            if not is_http and value is not None:
                faults.append(Fault(f"/{name}", "is only for kind http: a local connection keeps inspections here."))
        if faults:
            raise WrongFields(faults)
        connection_id = str(uuid4())
        sealed: dict[str, object] | None = None
        if is_http:
            assert asked.url is not None
            sealed = {**await self._sealed_url(connection_id, asked.url), **self._secrets(connection_id, asked)}
        values = {
            "id": connection_id,
            "name": asked.name,
            "kind": int(ConnectionKind[asked.kind.upper()]),
            "fleet_ref": asked.fleet_ref,
            "source_name": asked.source_name,
            "mapping": orjson.dumps(asked.mapping).decode(),
            "credential_type": None if asked.credentials is None else asked.credentials.type,
        }
        await self.database.write(add_connection(values, sealed, self._clock()))
        self._on_change()
        return await self.find(connection_id)

    async def _sealed_url(self, connection_id: str, url: str) -> dict[str, object]:
        try:
            await self._judge_url(url)
        except DialRefused as error:
            raise WrongFields([Fault("/url", str(error))]) from None
        except DialFailed:
            pass  # a name that does not resolve today may tomorrow; it is judged again at every dial
        return {"url": self._seal.seal(url_purpose(connection_id), url)}

    def _secrets(self, connection_id: str, asked: NewConnection | ConnectionChanges) -> dict[str, object]:
        credentials: BaseModel | None = asked.credentials
        if credentials is None:
            return {"secrets": ()}
        plain = credentials.model_dump_json()
        return {"secrets": (SealedSecret(self._seal.seal(secret_purpose(connection_id), plain)),)}

    async def change(self, connection_id: str, asked: ConnectionChanges) -> Connection:
        """Changes what is asked, and nothing else; what waits for it is tried at once. Raises `WrongFields`,
        `ConnectionNotFound` and `ConnectionConflict`.
        """
        names = asked.model_fields_set
        for _ in range(_TURNS):
            connection = await self.find(connection_id)
            faults = [
                Fault(f"/{name}", "is only for kind http: a local connection keeps inspections here.")
                for name in ("url", "credentials")
                if name in names and connection.hook_pk is None
            ]
            faults += [
                Fault(f"/{name}", "must not be null.") for name in ("name", "url") if _is_null(asked, names, name)
            ]
            if faults:
                raise WrongFields(faults)
            values: dict[str, object] = {
                name: getattr(asked, name) for name in names & {"name", "fleet_ref", "source_name"}
            }
            if "mapping" in names:
                values["mapping"] = orjson.dumps(asked.mapping or {}).decode()
            sealed: dict[str, object] = {}
            if "url" in names and asked.url is not None:
                sealed |= await self._sealed_url(connection.id, asked.url)
            if "credentials" in names:
                values["credential_type"] = None if asked.credentials is None else asked.credentials.type
                sealed |= self._secrets(connection.id, asked)
            script = _change(connection, values, sealed, self._clock())
            if await self.database.write(script):
                self._on_change()
                return await self.find(connection_id)
        raise ConnectionConflict("Others change this connection at the same time. Look at it and try again.")

    async def remove(self, connection_id: str) -> None:
        """Removes a connection; its operations that had not ended fail. Raises `ConnectionNotFound` and
        `ConnectionConflict`.
        """
        connection = await self.find(connection_id)
        if connection.id == LOCAL_ID:
            raise ConnectionConflict("The local connection is always there.")
        await self.database.write(_remove(self.database.dialect, connection, self._clock()))
        self._on_change()

    async def test(self, connection_id: str) -> Tested:
        """Posts an empty object to a provider: any answer shows that it is reached. Raises `ConnectionNotFound`."""
        connection = await self.find(connection_id)
        if connection.hook_pk is None:
            return Tested(is_reachable=True, response_status=None, detail="Kept here.", seconds=0.0)
        posted = await self._post_nothing(connection.hook_pk)
        return Tested(posted.response_status is not None, posted.response_status, posted.detail, posted.seconds)


def _is_null(asked: ConnectionChanges, names: set[str], name: str) -> bool:
    return name in names and getattr(asked, name) is None


def _change(
    connection: Connection, values: Mapping[str, object], sealed: Mapping[str, object], now: int
) -> WriteScript[bool]:
    is_done = yield from change_connection(connection, values, sealed, now)
    if is_done and connection.hook_pk is not None:
        yield from make_due(connection.hook_pk)
    return is_done


def _remove(dialect: Dialect, connection: Connection, now: int) -> WriteScript[None]:
    left = yield from remove_connection(connection, now)
    yield from fail_operations(dialect, left, removed(now))
