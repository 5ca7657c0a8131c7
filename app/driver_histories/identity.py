"""`/v1/drivers/{driverId}/identity`: who a driver is in the other systems.

Owns the request and its answer. Whose the ids are, and who is merged into whom, is decided in `identities`.
"""

from collections.abc import Callable

import orjson
import structlog
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from app.db.database import Database
from app.db.errors import DatabaseUnavailable
from app.db.statements import Dialect, WriteScript
from app.identities.registering import NotRegistered, register
from app.identities.schema import Entry, Values, WrongIdentity, read_whole, shown_identity
from app.identities.store import Identity, find_driver
from app.keys.schema import ApiKey
from app.keys.schema import Scope as KeyScope
from app.maven.faults import excerpt, find_unstorable
from app.web.answers import Json, path_text, unavailable
from app.web.bodies import fields_problem, read_json
from app.web.parameters import read_parameters
from app.web.problems import CONFLICT, FORBIDDEN, NOT_FOUND, Problem

log = structlog.get_logger(__name__)

PATH = "/v1/drivers/{driverId}/identity"
MAX_BODY_BYTES = 64 * 1024


class IdentityEndpoint:
    """Reads an identity for keys with scope `read`, and takes the place of one for those with `admin`."""

    def __init__(
        self, database: Database, authenticate: Callable[[Scope, KeyScope], ApiKey], clock: Callable[[], int]
    ) -> None:
        self._database = database
        self._authenticate = authenticate
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await (self._put if scope["method"] == "PUT" else self._get)(scope, receive, send)
        except DatabaseUnavailable as error:
            raise unavailable() from error

    async def _get(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._authenticate(scope, KeyScope.READ)
        read_parameters(scope["query_string"], ())
        driver_id = path_text(scope, "driverId")
        identity = None
        if find_unstorable(driver_id) is None:
            identity = await self._database.read(find_driver(driver_id))
        if identity is None or (key.terminals is not None and identity.terminal_code not in key.terminals):
            raise Problem(
                NOT_FOUND,
                f"There is no identity of a driver {excerpt(driver_id)}. It is made known by a PUT to this path, or by"
                " hos-receiver drivers import.",
            )
        await Json(_shown(identity))(scope, receive, send)

    async def _put(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._authenticate(scope, KeyScope.ADMIN)
        if key.terminals is not None:
            raise Problem(FORBIDDEN, "An identity may be of any terminal; this key is limited to some.")
        read_parameters(scope["query_string"], ())
        driver_id = path_text(scope, "driverId")
        body = await read_json(scope, receive, MAX_BODY_BYTES)
        try:
            values = read_whole(body, driver_id)
            is_new, identity = await self._database.write(
                _put_identity(self._database.dialect, driver_id, values, self._clock())
            )
        except WrongIdentity as error:
            raise fields_problem(error) from None
        except NotRegistered as error:
            raise Problem(CONFLICT, error.misfits[0].sentence) from None
        log.info("identity.changed", driver=driver_id, by=key.name)
        await Response(_shown(identity), 201 if is_new else 200, media_type="application/json")(scope, receive, send)


def _put_identity(dialect: Dialect, driver_id: str, values: Values, now: int) -> WriteScript[tuple[bool, Identity]]:
    """Gives the identity as it is now, and whether there was none before that a GET had found."""
    before = yield from find_driver(driver_id)
    yield from register(dialect, [Entry("", values)], (), (), now)
    identity = yield from find_driver(driver_id)
    assert identity is not None
    return before is None, identity


def _shown(identity: Identity) -> bytes:
    matched_by = "username" if identity.driver_id is None else "driverId"
    return orjson.dumps({**shown_identity(identity), "matchedBy": matched_by})


def routes(
    database: Database, authenticate: Callable[[Scope, KeyScope], ApiKey], clock: Callable[[], int]
) -> list[BaseRoute]:
    """The route. `authenticate` gives the key of a request that has a scope, `clock` microseconds since 1970 UTC."""
    return [Route(PATH, IdentityEndpoint(database, authenticate, clock), methods=["GET", "PUT"])]
