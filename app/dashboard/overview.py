"""`GET /`: who is in violation, how bad, since when, where, and what was done about it.

The page has a live part, which is the same for all who see the same and ask the same: it is made once per state of the
database, and handed to every page that asks for it again. Around it stand the filters and the forms, which are one
visitor's.
"""

import asyncio
import gzip
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from time import perf_counter

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from app.dashboard.asking import Asked, read_asked
from app.dashboard.charts import bars
from app.dashboard.context import DashboardContext
from app.dashboard.day_counts import DayCounts
from app.dashboard.gate import Visitor
from app.dashboard.operations.troubles import troubles
from app.dashboard.overview_data import CHART_DAYS, DRIVERS_PER_PAGE, Overview, read_overview
from app.dashboard.pages import LIVE_HEADER, accepts_html, html, page_answer, render, render_page
from app.dashboard.tellings import Tellings
from app.db.statements import Fetch, ReadScript
from app.maven.times import SECOND
from app.query.exports import FORMATS, begin_export
from app.query.violations import NEWEST_FIRST, ORDERS
from app.reviews.model import ReviewStatus

KEPT_PARTS = 200
OLDEST_SECONDS = 60
"""A part is made again after this time, though nothing came: it compares with a day before."""
REUSED_SECONDS = 1.0
"""A page that asks by itself may get a part of this age, though something came since: it asks again."""

MAKING_SHARE = 0.02
LONGEST_REUSED_SECONDS = 15.0
"""A part that took long to make is reused for so long that making it takes this share of one core, while events keep
coming and open pages keep asking. With a hundred thousand violations active it takes a third of a second."""


@dataclass(slots=True)
class _Part:
    """The live part of one view."""

    body: bytes
    packed: bytes
    version: tuple[object, ...]
    made_at: int
    """Microseconds since 1970 UTC, taken before it was read."""
    made_in_seconds: float

    def may_be_reused(self, now: int) -> bool:
        """Whether a page that asks by itself may get it, though something came since."""
        seconds = max(REUSED_SECONDS, min(LONGEST_REUSED_SECONDS, self.made_in_seconds / MAKING_SHARE))
        return 0 <= now - self.made_at < seconds * SECOND


class OverviewPage:
    """The overview, with what is kept of it for the next visitor."""

    def __init__(self, tellings: Tellings) -> None:
        self._tellings = tellings
        self._days = DayCounts()
        self._parts: OrderedDict[tuple[object, ...], _Part] = OrderedDict()
        self._making: dict[tuple[object, ...], asyncio.Lock] = {}

    async def show(self, context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
        """The page, or its live part alone for a page that is open already."""
        asked = read_asked(request.scope["query_string"], visitor.key)
        if asked.problem is not None and not accepts_html(request):
            raise asked.problem
        if LIVE_HEADER in request.headers and asked.problem is None:
            return _live_answer(request, await self._part(context, visitor, asked, may_be_old=True))
        part = None if asked.problem is not None else await self._part(context, visitor, asked, may_be_old=False)
        text = render_page(
            "overview.html",
            context,
            visitor,
            here="overview",
            asked=asked,
            reviews=[status.word for status in ReviewStatus],
            troubles=await context.database.read(troubles(context.database.dialect)) if visitor.may_operate else None,
            made_at=context.clock() if part is None else part.made_at,
            # Made by our own template, which escapes what it is given.
            live=Markup("" if part is None else part.body.decode()),  # noqa: S704
        )
        return html(request, text, 200 if asked.problem is None else asked.problem.status)

    async def _part(self, context: DashboardContext, visitor: Visitor, asked: Asked, *, may_be_old: bool) -> _Part:
        key = (asked.filter.visible_terminals, asked.query, asked.page, visitor.may_review)
        lock = self._making.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                return await self._made(context, visitor, asked, key, may_be_old=may_be_old)
        finally:
            if not lock.locked():
                self._making.pop(key, None)

    async def _made(
        self, context: DashboardContext, visitor: Visitor, asked: Asked, key: tuple[object, ...], *, may_be_old: bool
    ) -> _Part:
        now = context.clock()
        part = self._parts.get(key)
        if part is not None:
            if may_be_old and part.may_be_reused(now):
                return part
            is_young = 0 <= now - part.made_at < OLDEST_SECONDS * SECOND
            if is_young and part.version == await context.database.read(_version()):
                return part
        began = perf_counter()
        version, overview = await context.database.read(_versioned(context, self._tellings, self._days, asked, now))
        text = render(
            "overview_live.html",
            overview=overview,
            asked=asked,
            zones=context.zones,
            may_review=visitor.may_review,
            chart=bars([(day.log_date, day.active, day.invalidated) for day in overview.days]),
            is_limited=visitor.key.terminals is not None,
            pages=-(-overview.driver_count // DRIVERS_PER_PAGE),
        )
        body = text.encode("utf-8", "replace")
        packed = gzip.compress(body, 4, mtime=0)
        part = self._parts[key] = _Part(body, packed, version, now, perf_counter() - began)
        self._parts.move_to_end(key)
        while len(self._parts) > KEPT_PARTS:
            self._parts.popitem(last=False)
        return part

    async def export(self, context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
        """`GET /violations.csv`: all that the same address shows, over all its pages, as CSV."""
        asked = read_asked(request.scope["query_string"], visitor.key)
        if asked.problem is not None:
            raise asked.problem
        return await begin_export(context.query_of(visitor), asked.filter, ORDERS[NEWEST_FIRST], FORMATS["text/csv"])


def _live_answer(request: Request, part: _Part) -> Response:
    headers = {"X-Made-At": str(part.made_at // 1000)}
    return page_answer(request, part.body, lambda: part.packed, headers=headers)


def _version() -> ReadScript[tuple[object, ...]]:
    """What changes with everything that the overview shows."""
    rows = yield Fetch("SELECT l.last_seq, (SELECT max(pk) FROM reviews) FROM ledger AS l WHERE l.pk = 1")
    return tuple(rows[0])


def _versioned(
    context: DashboardContext, tellings: Tellings, days: DayCounts, asked: Asked, now: int
) -> ReadScript[tuple[tuple[object, ...], Overview]]:
    version = yield from _version()
    first = (asked.page - 1) * DRIVERS_PER_PAGE
    dates = last_dates(asked.filter.as_of or now, CHART_DAYS)
    overview = yield from read_overview(context.database.dialect, tellings, days, asked.filter, now, first, dates)
    return version, overview


def last_dates(now: int, count: int) -> list[str]:
    """The last so many log dates, today's in UTC the last."""
    today: date = datetime.fromtimestamp(now // SECOND, UTC).date()
    return [(today - timedelta(days=back)).isoformat() for back in range(count - 1, -1, -1)]
