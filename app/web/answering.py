"""An endpoint for keys with a scope: who asks, what it may raise as problems, and the time that reading takes."""

from collections.abc import Awaitable, Callable
from functools import wraps
from time import perf_counter
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.types import ASGIApp
from starlette.types import Scope as AsgiScope

from app.keys.schema import ApiKey, Scope
from app.web.metrics import Metrics
from app.web.problems import Problem


class AnsweringContext(Protocol):
    """What endpoints are given when the application is put together."""

    @property
    def authenticate(self) -> Callable[[AsgiScope, Scope], ApiKey]: ...
    @property
    def metrics(self) -> Metrics: ...
    def problem_of(self, trouble: Exception) -> Problem | None:
        """What an exception is on the wire; None for one that nobody foresaw."""
        ...


class HasContext(Protocol):
    """Endpoints that work with a context."""

    @property
    def context(self) -> AnsweringContext: ...


T = TypeVar("T", bound=HasContext)

READING = frozenset({Scope.LOG_READ, Scope.DVIR_READ})
"""Scopes whose requests are timed under their route."""


def answering(
    needed: Scope, route: str, endpoint: Callable[[T, ApiKey, Request], Awaitable[ASGIApp]]
) -> Callable[[T, Request], Awaitable[ASGIApp]]:
    """The endpoint for keys that have the scope `needed`; `route` is the template of its path."""

    @wraps(endpoint)
    async def answer(self: T, request: Request) -> ASGIApp:
        context = self.context
        key = context.authenticate(request.scope, needed)
        began = perf_counter()
        try:
            return await endpoint(self, key, request)
        except Exception as trouble:
            problem = None if isinstance(trouble, Problem) else context.problem_of(trouble)
            if problem is None:
                raise
            raise problem from None
        finally:
            if needed in READING:
                context.metrics.query_answered(route, perf_counter() - began)

    return answer
