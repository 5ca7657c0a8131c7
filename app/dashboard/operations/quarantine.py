"""The quarantine on pages: what was not understood, its bytes with the fault marked, retry, discard."""

import asyncio
from collections import Counter

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from app.dashboard.context import DashboardContext
from app.dashboard.gate import Visitor
from app.dashboard.operations.marking import mark
from app.dashboard.pages import back_to, html, render_page
from app.db.statements import ReadScript
from app.inbox.store import discard
from app.ingest.quarantine import (
    Entry,
    Head,
    StillNotUnderstood,
    count_entries,
    list_heads,
    named_entry,
    retry_entry,
)
from app.violations.rules import Outcome
from app.web.middleware import decode_segment
from app.web.parameters import read_parameters

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

PER_PAGE = 50
LARGEST_KEY = 10**18 - 1
FEW_BYTES = 20_000
"""Bodies beyond are marked in a thread."""

OUTCOME_WORDS = {
    Outcome.CREATED: "made a violation known",
    Outcome.UPDATED: "changed a violation",
    Outcome.INVALIDATED: "ended a violation",
    Outcome.REOPENED: "made a violation active again",
    Outcome.SUPERSEDED: "were older than what is known, and changed nothing",
    Outcome.DUPLICATE: "were here already",
    Outcome.IGNORED: "are of another type than violations",
    Outcome.QUARANTINED: "are not understood, and are in quarantine by themselves",
}


async def show_list(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`GET /operations/quarantine`, newest first."""
    before = read_parameters(request.scope["query_string"], ("before",)).integer("before", 1, LARGEST_KEY)
    count, heads = await context.database.read(_read_list(before))
    text = render_page(
        "operations/quarantine.html",
        context,
        visitor,
        here="operations",
        part="quarantine",
        entries=heads[:PER_PAGE],
        beginnings={one.pk: one.beginning.decode("utf-8", "replace") for one in heads},
        count=count,
        is_first=before is None,
        following=heads[PER_PAGE - 1].pk if len(heads) > PER_PAGE else None,
        now=context.clock(),
    )
    return html(request, text)


def _read_list(before: int | None) -> ReadScript[tuple[int, list[Head]]]:
    count = yield from count_entries()
    heads = yield from list_heads(before, PER_PAGE + 1)
    return count, heads


async def _entry(context: DashboardContext, request: Request) -> Entry:
    read_parameters(request.scope["query_string"], ())
    return await named_entry(context.database, decode_segment(request.path_params["id"]))


async def show_one(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`GET /operations/quarantine/{id}`."""
    return await _shown(context, visitor, request, await _entry(context, request))


async def _shown(
    context: DashboardContext,
    visitor: Visitor,
    request: Request,
    entry: Entry,
    today: StillNotUnderstood | None = None,
) -> Response:
    """An entry; after a retry in vain with what is wrong with it `today`."""
    errors = entry.errors
    if today is not None:
        errors = [{name: str(value) for name, value in error.items()} for error in today.errors]
    is_small = len(entry.body) <= FEW_BYTES
    marked = mark(entry.body, errors) if is_small else await asyncio.to_thread(mark, entry.body, errors)
    text = render_page(
        "operations/quarantine_entry.html",
        context,
        visitor,
        here="operations",
        part="quarantine",
        entry=entry,
        errors=errors,
        marked=marked,
        is_retried=today is not None,
        now=context.clock(),
    )
    return html(request, text, 200 if today is None else 422)


async def give_bytes(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`GET /operations/quarantine/{id}/bytes`: the bytes as they came, to be kept as a file."""
    entry = await _entry(context, request)
    headers = {"Content-Disposition": f'attachment; filename="quarantine-{entry.pk}.bin"'}
    return Response(entry.body, headers=headers, media_type="application/octet-stream")


async def retry(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`POST /operations/quarantine/{id}/retry`."""
    entry = await _entry(context, request)
    try:
        events, kept = await retry_entry(context.writer, entry)
    except StillNotUnderstood as error:
        log.info("quarantine.retried", entry=entry.pk, understood=0, quarantined=1, by=visitor.key.name)
        return await _shown(context, visitor, request, entry, error)
    quarantined = [one.quarantine_id for one in kept if one.quarantine_id is not None]
    understood = len(events) - len(quarantined)
    log.info(
        "quarantine.retried",
        entry=entry.pk,
        understood=understood,
        quarantined=len(quarantined),
        by=visitor.key.name,
    )
    counts = Counter(one.outcome for one in kept)
    text = render_page(
        "operations/quarantine_retried.html",
        context,
        visitor,
        here="operations",
        part="quarantine",
        entry=entry,
        understood=understood,
        outcomes=[(counts[outcome], words) for outcome, words in OUTCOME_WORDS.items() if counts[outcome]],
        entries=list(dict.fromkeys(quarantined)),
    )
    return html(request, text)


async def confirm_discard(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`GET /operations/quarantine/{id}/discard`: it cannot be undone."""
    entry = await _entry(context, request)
    text = render_page(
        "operations/quarantine_discard.html", context, visitor, here="operations", part="quarantine", entry=entry
    )
    return html(request, text)


async def discard_one(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """`POST /operations/quarantine/{id}/discard`."""
    entry = await _entry(context, request)
    if await context.database.write(discard(entry.pk)):
        log.info("quarantine.discarded", entry=entry.pk, size=len(entry.body), by=visitor.key.name)
    return back_to("/operations/quarantine")
