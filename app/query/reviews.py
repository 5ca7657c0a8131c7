"""`PUT /v1/violations/{id}/review`: says what was done about a violation.

Owns the request and its answer. What Maven said of the violation is never touched: a review is kept beside it.
"""

import orjson
from starlette.datastructures import Headers
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from app.db.errors import DatabaseUnavailable
from app.db.statements import Dialect, WriteScript
from app.keys.schema import ApiKey
from app.keys.schema import Scope as KeyScope
from app.query.answers import Json, path_text, unavailable
from app.query.context import QueryContext
from app.query.detail import unknown_violation
from app.query.filters import visible_terminals
from app.reviews.schema import NewReview, Review, WrongReview, read_review, shown_reviews
from app.reviews.store import add_reviews, reviews_of
from app.web.bodies import decode_body, read_body
from app.web.parameters import read_parameters
from app.web.problems import INVALID_FIELDS, INVALID_JSON, Problem

PATH = "/v1/violations/{id}/review"
MAX_BODY_BYTES = 64 * 1024


class Reviewing:
    """The endpoint, for keys with scope `review`."""

    def __init__(self, context: QueryContext) -> None:
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._context.authenticate(scope, KeyScope.REVIEW)
        read_parameters(scope["query_string"], ())
        violation_id = path_text(scope, "id")
        given = await _read(scope, receive)
        database = self._context.database
        try:
            history = await database.write(_review(database.dialect, violation_id, key, given, self._context.clock()))
        except DatabaseUnavailable as error:
            raise unavailable() from error
        if history is None:
            raise unknown_violation(violation_id)
        await Json(orjson.dumps(shown_reviews(history)))(scope, receive, send)


async def _read(scope: Scope, receive: Receive) -> NewReview:
    raw = await read_body(scope, receive, MAX_BODY_BYTES)
    headers = Headers(scope=scope)
    coding, media_type = headers.get("content-encoding"), headers.get("content-type")
    body = decode_body(
        raw,
        None if coding is None else coding.encode("latin-1"),
        None if media_type is None else media_type.encode("latin-1"),
        MAX_BODY_BYTES,
    )
    try:
        return read_review(body)
    except WrongReview as error:
        raise _wrong(error) from None


def _wrong(error: WrongReview) -> Problem:
    errors = [{"pointer": fault.pointer, "detail": fault.detail} for fault in error.faults]
    if not error.is_json:
        return Problem(INVALID_JSON, "The body is not JSON.", errors=errors)
    first = error.faults[0]
    return Problem(INVALID_FIELDS, f"{first.pointer.lstrip('/') or 'The body'} {first.detail}", errors=errors)


def _review(
    dialect: Dialect, violation_id: str, key: ApiKey, given: NewReview, now: int
) -> WriteScript[list[Review] | None]:
    """Gives all reviews of the violation, this one last; None when the key sees no such violation."""
    found = yield from add_reviews(dialect, [violation_id], visible_terminals(key), given, key.name, now)
    if not found:
        return None
    return (yield from reviews_of(violation_id))


def routes(context: QueryContext) -> list[BaseRoute]:
    """The route."""
    return [Route(PATH, Reviewing(context), methods=["PUT"])]
