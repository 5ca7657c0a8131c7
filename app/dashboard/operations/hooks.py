"""Hooks on pages: all of them, a new one, one with its deliveries, and what is done to it.

What a hook is, and what may be done to it, is `alerts`'. A secret is on the page that answers the form which made it,
and nowhere else.
"""

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from app.alerts.delivery_desk import DeliveryNotFound
from app.alerts.desk import BY_HAND, HookConflict
from app.dashboard.context import DashboardContext
from app.dashboard.gate import Visitor
from app.dashboard.operations.hook_form import LISTS, HookForm, asked_of, typed_of
from app.dashboard.operations.troubles import dead_deliveries
from app.dashboard.pages import Form, back_to, form_of, html, render_page
from app.dashboard.words import segment
from app.db.statements import ReadScript
from app.hooks.model import Kind
from app.hooks.schema import CHANGES, DVIR_ADDED, EVENTS, THRESHOLD, HookChanges, Rotation, WrongHook
from app.hooks.store import Hook, list_hooks
from app.outbox.model import Status
from app.web.middleware import decode_segment
from app.web.parameters import read_parameters
from app.web.problems import INVALID_FIELDS, Problem

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

PER_PAGE = 100
DELIVERIES_PER_PAGE = 50
LARGEST_KEY = 10**18 - 1
STATUSES = {status.word: status for status in Status}


def _page(
    context: DashboardContext, visitor: Visitor, request: Request, template: str, status: int = 200, **values: object
) -> Response:
    text = render_page(
        f"operations/{template}",
        context,
        visitor,
        here="operations",
        part="hooks",
        by_hand=BY_HAND,
        now=context.clock(),
        **values,
    )
    return html(request, text, status)


def _hook_id(request: Request) -> str:
    return decode_segment(request.path_params["id"])


def _address(hook: Hook) -> str:
    return f"/operations/hooks/{segment(hook.id)}"


async def show_list(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`GET /operations/hooks`, in the order they were made."""
    after = read_parameters(request.scope["query_string"], ("after",)).integer("after", 0, LARGEST_KEY) or 0
    found, dead = await context.database.read(_read_list(after))
    return _page(
        context,
        visitor,
        request,
        "hooks.html",
        hooks=[(hook, context.hooks.shown_url(hook), dead.get(hook.pk, 0)) for hook in found[:PER_PAGE]],
        following=found[PER_PAGE - 1].pk if len(found) > PER_PAGE else None,
        is_first=not after,
    )


def _read_list(after: int) -> ReadScript[tuple[list[Hook], dict[int, int]]]:
    found = yield from list_hooks(after, PER_PAGE + 1)
    dead = yield from dead_deliveries()
    return found, dead


async def show_form(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`GET /operations/hooks/new`."""
    read_parameters(request.scope["query_string"], ())
    form = HookForm({"kind": Kind.WEBHOOK.word, "enabled": "yes"})
    return _form(context, visitor, request, form)


def _form(context: DashboardContext, visitor: Visitor, request: Request, form: HookForm, status: int = 200) -> Response:
    return _page(context, visitor, request, "hook_new.html", status, form=form, event_names=EVENTS, lists=LISTS.items())


async def create(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`POST /operations/hooks/new`: the page of the new hook with its secret, or the form again with what is wrong."""
    form = form_of(request)
    try:
        hook, secret = await context.hooks.create(asked_of(form))
    except WrongHook as error:
        return _form(context, visitor, request, typed_of(form, error), 422)
    log.info("hook.created", hook=hook.id, name=hook.name, kind=hook.kind.word, by=visitor.key.name)
    if secret is None:
        return back_to(_address(hook))
    return _page(context, visitor, request, "hook_secret.html", hook=hook, secret=secret, is_new=True, ends_at=None)


async def show_one(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`GET /operations/hooks/{id}`, with its deliveries, newest first."""
    parameters = read_parameters(request.scope["query_string"], ("status", "before"))
    words = parameters.some_of("status", tuple(STATUSES)) or tuple(STATUSES)
    before = parameters.integer("before", 1, LARGEST_KEY)
    statuses = [STATUSES[word] for word in words]
    hook, found = await context.deliveries.list_some(_hook_id(request), statuses, before, DELIVERIES_PER_PAGE + 1)
    chosen = "&".join(f"status={word}" for word in words) if "status" in parameters else ""
    return _page(
        context,
        visitor,
        request,
        "hook.html",
        hook=hook,
        url=context.hooks.shown_url(hook),
        is_of_violations=not {*CHANGES, THRESHOLD}.isdisjoint(hook.events),
        is_of_inspections=DVIR_ADDED in hook.events,
        secrets=len(hook.secrets_at(context.clock())),
        deliveries=found[:DELIVERIES_PER_PAGE],
        statuses=list(STATUSES),
        words=words if chosen else (),
        chosen=chosen,
        is_first=before is None,
        following=found[DELIVERIES_PER_PAGE - 1].pk if len(found) > DELIVERIES_PER_PAGE else None,
    )


async def test(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`POST /operations/hooks/{id}/test`; leads to the delivery, which tells how it went."""
    hook = await context.hooks.find(_hook_id(request))
    record = await context.hooks.test(hook.id)
    status, by = record.status.word, visitor.key.name
    log.info("hook.tested", hook=hook.id, status=status, response_status=record.response_status, by=by)
    return back_to(f"{_address(hook)}/deliveries/{record.pk}")


async def switch(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`POST /operations/hooks/{id}/switch`: enables or disables, as the field `enabled` says."""
    wanted = form_of(request).text("enabled")
    if wanted not in ("true", "false"):
        raise Problem(INVALID_FIELDS, "Say whether the hook is to be enabled: true or false.")
    try:
        hook = await context.hooks.change(_hook_id(request), HookChanges(enabled=wanted == "true"))
    except WrongHook as error:
        raise Problem(INVALID_FIELDS, str(error)) from None
    log.info("hook.changed", hook=hook.id, name=hook.name, fields=["enabled"], by=visitor.key.name)
    return back_to(_address(hook))


async def confirm_delete(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`GET /operations/hooks/{id}/delete`: it cannot be undone."""
    hook = await context.hooks.find(_hook_id(request))
    return _page(context, visitor, request, "hook_delete.html", hook=hook)


async def delete(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`POST /operations/hooks/{id}/delete`."""
    hook_id = _hook_id(request)
    await context.hooks.delete(hook_id)
    log.info("hook.deleted", hook=hook_id, by=visitor.key.name)
    return back_to("/operations/hooks")


async def confirm_rotation(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`GET /operations/hooks/{id}/rotate-secret`."""
    hook = await context.hooks.find(_hook_id(request))
    if hook.kind is not Kind.WEBHOOK:
        raise HookConflict(f"A hook of kind {hook.kind.word} has no secret to sign with.")
    return _page(context, visitor, request, "hook_rotate.html", hook=hook)


async def rotate(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`POST /operations/hooks/{id}/rotate-secret`: a page with the new secret."""
    hook = await context.hooks.find(_hook_id(request))
    hours = _grace_hours(form_of(request))
    secret, ends_at = await context.hooks.rotate_secret(hook.id, hours)
    log.info("hook.secret_rotated", hook=hook.id, grace_hours=hours, by=visitor.key.name)
    return _page(context, visitor, request, "hook_secret.html", hook=hook, secret=secret, is_new=False, ends_at=ends_at)


def _grace_hours(form: Form) -> int:
    text = form.text("graceHours")
    try:
        return Rotation(graceHours=int(text) if text.isascii() and text.isdigit() and len(text) < 5 else -1).graceHours
    except ValueError:
        detail = "The old secret may sign along for 0 to 168 hours."
        raise Problem(INVALID_FIELDS, detail, errors=[{"pointer": "/graceHours", "detail": detail}]) from None


def _delivery_id(request: Request) -> int:
    text = decode_segment(request.path_params["delivery"])
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise DeliveryNotFound
    return int(text)


async def show_delivery(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`GET /operations/hooks/{id}/deliveries/{delivery}`."""
    read_parameters(request.scope["query_string"], ())
    hook, record = await context.deliveries.find(_hook_id(request), _delivery_id(request))
    return _page(
        context,
        visitor,
        request,
        "delivery.html",
        hook=hook,
        record=record,
        message_id=context.deliveries.message_id(hook, record),
    )


async def retry_delivery(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`POST /operations/hooks/{id}/deliveries/{delivery}/retry`."""
    hook, record = await context.deliveries.retry(_hook_id(request), _delivery_id(request))
    log.info("delivery.retried", hook=hook.id, delivery=record.pk, by=visitor.key.name)
    return back_to(f"{_address(hook)}/deliveries/{record.pk}")
