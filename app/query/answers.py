"""The order of things around a reading handler: who asks, the database's troubles as 503, the bytes out.

What is asked and found is left to the handlers.
"""

from collections.abc import Awaitable, Callable
from time import perf_counter

from starlette.types import ASGIApp, Receive, Scope, Send

from app.db.errors import DatabaseUnavailable
from app.keys.schema import ApiKey
from app.keys.schema import Scope as KeyScope
from app.query.context import QueryContext
from app.web.answers import unavailable

Handler = Callable[[QueryContext, ApiKey, Scope], Awaitable[ASGIApp]]
"""Gives the answer to a request of a key that may read. Raises `Problem`, and `DatabaseUnavailable`."""


class Reading:
    """An endpoint for keys with scope `read`. `route` is the template of its path, by which its latency is counted."""

    __slots__ = ("_context", "_handler", "_route")

    def __init__(self, context: QueryContext, handler: Handler, route: str) -> None:
        self._context = context
        self._handler = handler
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._context.authenticate(scope, KeyScope.READ)
        began = perf_counter()
        try:
            answer = await self._handler(self._context, key, scope)
        except DatabaseUnavailable as error:
            raise unavailable() from error
        finally:
            self._context.metrics.query_answered(self._route, perf_counter() - began)
        await answer(scope, receive, send)
