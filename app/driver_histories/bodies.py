"""Parameters in a body: the vendor's page asks for unidentified driving by POST, its clients by a query string."""

from collections.abc import Collection
from urllib.parse import quote

import orjson
from starlette.requests import Request

from app.web.bodies import read_json
from app.web.parameters import Parameters, read_parameters
from app.web.problems import INVALID_FIELDS, INVALID_JSON, Problem

MAX_BODY_BYTES = 64 * 1024


async def parameters_of(request: Request, allowed: Collection[str]) -> Parameters:
    """The parameters of a request: those of its query string and, of a POST, the members of the JSON object that may be
    its body. Raises `Problem`.
    """
    query: bytes = request.scope["query_string"]
    if request.method == "POST":
        body = await read_json(request.scope, request.receive, MAX_BODY_BYTES)
        if body.strip():
            query = b"&".join(part for part in (query, _as_query(body)) if part)
    return read_parameters(query, allowed)


def _as_query(body: bytes) -> bytes:
    try:
        members = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Problem(INVALID_JSON, "The body is not JSON.") from None
    if not isinstance(members, dict):
        raise Problem(INVALID_FIELDS, "The body must be an object with the parameters as members, or empty.")
    return "&".join(f"{quote(name, safe='')}={_written(name, value)}" for name, value in members.items()).encode()


def _written(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return quote(str(value), safe="")
    if isinstance(value, list) and value and all(isinstance(one, str | int) for one in value):
        return ",".join(_written(name, one) for one in value)
    detail = f"{name} must be a string, a number, true, false, or a list of these."
    raise Problem(INVALID_FIELDS, detail, errors=[{"pointer": f"/{name}", "detail": detail}])
