"""Parameters in a body: the vendor's page asks for unidentified driving by POST, its clients by a query string."""

from collections.abc import Collection
from urllib.parse import quote

from starlette.requests import Request

from app.maven.faults import WrongFields
from app.maven.members import read_members
from app.web.bodies import FORM_TYPE, decode_sent, fields_problem, media_type, read_body
from app.web.parameters import Parameters, read_parameters
from app.web.problems import INVALID_FIELDS, Problem

MAX_BODY_BYTES = 64 * 1024


async def parameters_of(request: Request, allowed: Collection[str]) -> Parameters:
    """The parameters of a request: those of its query string and, of a POST, those in its body, which may be a form, or
    a JSON object with the parameters as members, or empty. Raises `Problem`.
    """
    query: bytes = request.scope["query_string"]
    if request.method == "POST":
        query = b"&".join(part for part in (query, await _sent(request)) if part)
    return read_parameters(query, allowed)


async def _sent(request: Request) -> bytes:
    """What a body asks for as a query string. One that is empty, of whatever type, asks for nothing."""
    body = await read_body(request.scope, request.receive, MAX_BODY_BYTES)
    if not body or (media_type(request.scope) == FORM_TYPE and "content-encoding" not in request.headers):
        return body.strip()
    text = decode_sent(request.scope, body, MAX_BODY_BYTES)
    return _as_query(text) if text.strip() else b""


def _as_query(body: bytes) -> bytes:
    try:
        members = read_members(body, WrongFields)
    except WrongFields as error:
        raise fields_problem(error) from None
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
