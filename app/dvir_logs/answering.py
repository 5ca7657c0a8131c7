"""An endpoint for keys with a scope, with what it may raise as problems."""

from collections.abc import Awaitable, Callable
from functools import wraps
from time import perf_counter
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.types import ASGIApp

from app.dvir_logs.context import TROUBLES, InspectionsContext, problem_of
from app.keys.schema import ApiKey, Scope


class HasContext(Protocol):
    """Endpoints that work with a context."""

    context: InspectionsContext


T = TypeVar("T", bound=HasContext)


def answering(
    needed: Scope, route: str, endpoint: Callable[[T, ApiKey, Request], Awaitable[ASGIApp]]
) -> Callable[[T, Request], Awaitable[ASGIApp]]:
    """The endpoint; reading is timed under its route, a template."""

    @wraps(endpoint)
    async def answer(self: T, request: Request) -> ASGIApp:
        key = self.context.authenticate(request.scope, needed)
        began = perf_counter()
        try:
            return await endpoint(self, key, request)
        except TROUBLES as trouble:
            raise problem_of(trouble) from None
        finally:
            if needed is Scope.DVIR_READ:
                self.context.metrics.query_answered(route, perf_counter() - began)

    return answer
