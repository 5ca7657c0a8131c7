"""`PUT /v1/violations/{id}/review`: says what was done about a violation.

Owns the request and its answer. What Maven said of the violation is never touched: a review is kept beside it.
"""

import orjson
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from app.db.errors import DatabaseUnavailable
from app.db.statements import Dialect, WriteScript
from app.keys.schema import ApiKey
from app.keys.schema import Scope as KeyScope
from app.query.context import QueryContext
from app.query.detail import unknown_violation
from app.query.filters import visible_terminals
from app.reviews.schema import NewReview, Review, WrongReview, read_review, shown_reviews
from app.reviews.store import add_reviews, reviews_of
from app.web.answers import Json, path_text, unavailable
from app.web.bodies import fields_problem, read_json
from app.web.parameters import read_parameters

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
        body = await read_json(scope, receive, MAX_BODY_BYTES)
        try:
            given = read_review(body)
        except WrongReview as error:
            raise fields_problem(error) from None
        database = self._context.database
        try:
            history = await database.write(_review(database.dialect, violation_id, key, given, self._context.clock()))
        except DatabaseUnavailable as error:
            raise unavailable() from error
        if history is None:
            raise unknown_violation(violation_id)
        await Json(orjson.dumps(shown_reviews(history)))(scope, receive, send)


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
