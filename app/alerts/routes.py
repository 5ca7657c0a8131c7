"""`/v1/hooks` and what is under it (contract section 7); for admin keys that are not limited to terminals."""

from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import TypeVar

import orjson
import structlog
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope as AsgiScope

from app.alerts.delivery_desk import DeliveryDesk, DeliveryNotFound
from app.alerts.desk import HookDesk
from app.alerts.problems import DESK_ERRORS, desk_problem
from app.alerts.shown import shown_delivery, shown_hook
from app.db.errors import DatabaseRefused, DatabaseUnavailable
from app.hooks.schema import HookChanges, NewHook, Range, Rotation, WrongHook, read_body
from app.hooks.store import list_hooks
from app.keys.schema import ApiKey, Scope
from app.maven.times import format_time
from app.outbox.model import Status
from app.web.bodies import fields_problem, read_json
from app.web.cursors import CursorSeal
from app.web.middleware import decode_segment
from app.web.parameters import read_parameters
from app.web.problems import FORBIDDEN, UNAVAILABLE, Problem

log = structlog.get_logger(__name__)

T = TypeVar("T", bound=BaseModel)

MAX_BODY_BYTES = 4 * 1024 * 1024
_HOOKS, _DELIVERIES = "hooks", "deliveries"
_STATUSES = {status.word: status for status in Status}


def _answering(
    endpoint: Callable[["HookRoutes", Request, ApiKey], Awaitable[Response]],
) -> Callable[..., Awaitable[Response]]:
    """An endpoint for administrators, with what it may raise as problems."""

    @wraps(endpoint)
    async def answer(self: "HookRoutes", request: Request) -> Response:
        key = self.admit(request)
        try:
            return await endpoint(self, request, key)
        except DESK_ERRORS as error:
            raise desk_problem(error) from None
        except WrongHook as error:
            raise fields_problem(error) from None
        except (DatabaseUnavailable, DatabaseRefused) as error:
            if isinstance(error, DatabaseRefused):  # a fault of ours, and no input's
                log.error("hook.request_refused", path=request.scope["path"], exc_info=error)
            raise Problem(UNAVAILABLE, "The database does not answer now.", headers={"Retry-After": "2"}) from None

    return answer


class HookRoutes:
    """The endpoints."""

    def __init__(
        self,
        desk: HookDesk,
        authenticate: Callable[[AsgiScope, Scope], ApiKey],
        cursors: CursorSeal,
    ) -> None:
        self._desk = desk
        self._deliveries = DeliveryDesk(desk)
        self._authenticate = authenticate
        self._cursors = cursors

    def admit(self, request: Request) -> ApiKey:
        """The key of a request, which may handle hooks. Raises `Problem`."""
        key = self._authenticate(request.scope, Scope.ADMIN)
        if key.terminals is not None:
            raise Problem(FORBIDDEN, "Hooks may tell of any terminal; this key is limited to some.")
        return key

    async def _read(self, request: Request, model: type[T], *, empty: bytes | None = None) -> T:
        """The body as `model`; `empty` is what an empty one stands for."""
        body = await read_json(request.scope, request.receive, MAX_BODY_BYTES)
        return read_body(model, empty if empty is not None and not body.strip() else body)

    async def all(self, request: Request) -> Response:
        """`GET` and `POST /v1/hooks`: one route, so that a wrong method is told of both."""
        return await (self.create if request.method == "POST" else self.list_all)(request)

    @_answering
    async def list_all(self, request: Request, key: ApiKey) -> Response:
        """`GET /v1/hooks`."""
        parameters = read_parameters(request.scope["query_string"], ("limit", "cursor"))
        limit = parameters.limit()
        cursor = parameters.text("cursor")
        after = 0 if cursor is None else int.from_bytes(self._cursors.open(_HOOKS, cursor), "big")
        found = await self._desk.database.read(list_hooks(after, limit + 1))
        following = self._cursors.seal(_HOOKS, found[limit - 1].pk.to_bytes(8, "big")) if len(found) > limit else None
        return _page([shown_hook(hook, self._desk.shown_url(hook)) for hook in found[:limit]], following)

    @_answering
    async def create(self, request: Request, key: ApiKey) -> Response:
        """`POST /v1/hooks`."""
        read_parameters(request.scope["query_string"], ())
        hook, secret = await self._desk.create(await self._read(request, NewHook))
        log.info("hook.created", hook=hook.id, name=hook.name, kind=hook.kind.word, by=key.name)
        shown = shown_hook(hook, self._desk.shown_url(hook))
        if secret is not None:
            shown["secret"] = secret
        return _json(shown, 201, {"Location": f"/v1/hooks/{hook.id}"})

    @_answering
    async def one(self, request: Request, key: ApiKey) -> Response:
        """`GET`, `PATCH` and `DELETE /v1/hooks/{id}`."""
        read_parameters(request.scope["query_string"], ())
        hook_id = _id(request, "id")
        if request.method == "PATCH":
            await self._desk.find(hook_id)
            asked = await self._read(request, HookChanges)
            hook = await self._desk.change(hook_id, asked)
            fields = sorted(asked.model_fields_set)
            log.info("hook.changed", hook=hook.id, name=hook.name, fields=fields, by=key.name)
            return _json(shown_hook(hook, self._desk.shown_url(hook)))
        if request.method == "DELETE":
            await self._desk.delete(hook_id)
            log.info("hook.deleted", hook=hook_id, by=key.name)
            return Response(status_code=204)
        hook = await self._desk.find(hook_id)
        return _json(shown_hook(hook, self._desk.shown_url(hook)))

    @_answering
    async def test(self, request: Request, key: ApiKey) -> Response:
        """`POST /v1/hooks/{id}/test`."""
        read_parameters(request.scope["query_string"], ())
        hook = await self._desk.find(_id(request, "id"))
        record = await self._desk.test(hook.id)
        log.info(
            "hook.tested", hook=hook.id, status=record.status.word, response_status=record.response_status, by=key.name
        )
        return _json(shown_delivery(hook.id, record, self._deliveries.message_id(hook, record)))

    @_answering
    async def rotate_secret(self, request: Request, key: ApiKey) -> Response:
        """`POST /v1/hooks/{id}/rotate-secret`."""
        read_parameters(request.scope["query_string"], ())
        hook = await self._desk.find(_id(request, "id"))
        asked = await self._read(request, Rotation, empty=b"{}")
        secret, ends_at = await self._desk.rotate_secret(hook.id, asked.graceHours)
        log.info("hook.secret_rotated", hook=hook.id, grace_hours=asked.graceHours, by=key.name)
        shown = {"id": hook.id, "secret": secret}
        return _json({**shown, "oldSecretExpiresAt": None if ends_at is None else format_time(ends_at)})

    @_answering
    async def replay(self, request: Request, key: ApiKey) -> Response:
        """`POST /v1/hooks/{id}/replay`."""
        read_parameters(request.scope["query_string"], ())
        hook = await self._desk.find(_id(request, "id"))
        asked = await self._read(request, Range)
        count = await self._deliveries.replay(hook.id, asked.from_, asked.to)
        log.info("hook.replayed", hook=hook.id, since=asked.from_, until=asked.to, deliveries=count, by=key.name)
        return _json({"deliveries": count}, 202)

    @_answering
    async def list_deliveries(self, request: Request, key: ApiKey) -> Response:
        """`GET /v1/hooks/{id}/deliveries`."""
        parameters = read_parameters(request.scope["query_string"], ("status", "limit", "cursor"))
        hook_id = _id(request, "id")
        limit = parameters.limit()
        words = parameters.some_of("status", tuple(_STATUSES)) or tuple(_STATUSES)
        purpose = f"{_DELIVERIES}:{hook_id}:{','.join(sorted(words))}"
        cursor = parameters.text("cursor")
        before = None if cursor is None else int.from_bytes(self._cursors.open(purpose, cursor), "big")
        statuses = [_STATUSES[word] for word in words]
        hook, found = await self._deliveries.list_some(hook_id, statuses, before, limit + 1)
        shown = [shown_delivery(hook.id, one, self._deliveries.message_id(hook, one)) for one in found[:limit]]
        following = self._cursors.seal(purpose, found[limit - 1].pk.to_bytes(8, "big")) if len(found) > limit else None
        return _page(shown, following)

    @_answering
    async def one_delivery(self, request: Request, key: ApiKey) -> Response:
        """`GET /v1/hooks/{id}/deliveries/{deliveryId}`."""
        read_parameters(request.scope["query_string"], ())
        hook, record = await self._deliveries.find(_id(request, "id"), _delivery_id(request))
        return _json(shown_delivery(hook.id, record, self._deliveries.message_id(hook, record)))

    @_answering
    async def retry(self, request: Request, key: ApiKey) -> Response:
        """`POST /v1/hooks/{id}/deliveries/{deliveryId}/retry`."""
        read_parameters(request.scope["query_string"], ())
        hook, record = await self._deliveries.retry(_id(request, "id"), _delivery_id(request))
        log.info("delivery.retried", hook=hook.id, delivery=record.pk, by=key.name)
        return _json(shown_delivery(hook.id, record, self._deliveries.message_id(hook, record)), 202)


def _id(request: Request, name: str) -> str:
    return decode_segment(request.path_params[name])


def _delivery_id(request: Request) -> int:
    text = _id(request, "deliveryId")
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise DeliveryNotFound
    return int(text)


def _json(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers=headers, media_type="application/json")


def _page(items: list[dict[str, object]], following: str | None) -> Response:
    return _json({"data": items, "pagination": {"nextCursor": following, "hasNextPage": following is not None}})


def routes(hooks: HookRoutes) -> list[BaseRoute]:
    """The routes of this room."""
    one = "/v1/hooks/{id}"
    delivery = f"{one}/deliveries/{{deliveryId}}"
    return [
        Route("/v1/hooks", hooks.all, methods=["GET", "POST"], name="hooks"),
        Route(one, hooks.one, methods=["GET", "PATCH", "DELETE"], name="hook"),
        Route(f"{one}/test", hooks.test, methods=["POST"], name="test_hook"),
        Route(f"{one}/rotate-secret", hooks.rotate_secret, methods=["POST"], name="rotate_secret"),
        Route(f"{one}/replay", hooks.replay, methods=["POST"], name="replay_hook"),
        Route(f"{one}/deliveries", hooks.list_deliveries, methods=["GET"], name="list_deliveries"),
        Route(delivery, hooks.one_delivery, methods=["GET"], name="delivery"),
        Route(f"{delivery}/retry", hooks.retry, methods=["POST"], name="retry_delivery"),
    ]
