"""`GET /drivers/{driverId}`: all violations of one driver that the visitor sees, and the duty log of eight days."""

from datetime import date

from starlette.requests import Request
from starlette.responses import Response

from app.dashboard.charts import Span, timeline
from app.dashboard.context import DashboardContext
from app.dashboard.duty_section import FIRST_YEAR, LAST_YEAR, Driver, DutySection, Unshown, read_drivers_log
from app.dashboard.gate import Visitor
from app.dashboard.pages import html, render_page
from app.dashboard.subjects import VIOLATIONS_PER_PAGE, DriverView, read_driver, timeline_of
from app.dashboard.tellings import Tellings
from app.db.statements import ReadScript
from app.maven.faults import find_unstorable
from app.maven.times import DAY
from app.query.filters import ViolationFilter, visible_terminals
from app.violations.model import ACTIVE, INVALIDATED
from app.web.middleware import decode_segment
from app.web.parameters import Parameters, invalid_parameter, read_parameters

TIMELINE_DAYS = 30
MOST_PAGES = 1_000_000


class DriverPage:
    """The page of a driver. One never heard of has no violations, as on the API."""

    def __init__(self, tellings: Tellings) -> None:
        self._tellings = tellings

    async def show(self, context: DashboardContext, visitor: Visitor, request: Request) -> Response:
        """The page."""
        driver_id = decode_segment(request.path_params["driverId"])
        parameters = read_parameters(request.scope["query_string"], ("page", "day"))
        page = parameters.integer("page", 1, MOST_PAGES) or 1
        day = _read_day(parameters)
        now, database = context.clock(), context.database
        duty: DutySection | Unshown = Unshown.NOT_LINKED
        if find_unstorable(driver_id) is None:
            asked = ViolationFilter(
                words=(("driver_id", (driver_id,)),), visible_terminals=visible_terminals(visitor.key)
            )
            view, duty = await database.read(self._read(context, visitor, asked, driver_id, page, day))
        else:
            view = DriverView([], {}, has_more=False)
        since = now - TIMELINE_DAYS * DAY
        active = [one for one in view.violations if one.is_active]
        newest = view.violations[0] if view.violations else None
        text = render_page(
            "driver.html",
            context,
            visitor,
            driver_id=driver_id,
            newest=newest,
            view=view,
            page=page,
            per_page=VIOLATIONS_PER_PAGE,
            counts=(view.count(ACTIVE), view.count(INVALIDATED)),
            groups=[
                ("Active, of the last 30 days", [one for one in active if (one.start_time or 0) >= since]),
                ("Active, earlier", [one for one in active if (one.start_time or 0) < since]),
                ("Invalidated", [one for one in view.violations if not one.is_active]),
            ],
            duty=duty,
            day=None if day is None else day.isoformat(),
            days=TIMELINE_DAYS,
            chart=timeline(
                [
                    Span(
                        one.start_time or 0,
                        one.duration_minutes or 0,
                        f"{one.telling.what}, {'active' if one.is_active else 'invalidated'}",
                        is_active=one.is_active,
                        is_egregious=one.is_egregious,
                    )
                    for one in timeline_of(view.violations, since)
                ],
                since,
                now,
            ),
        )
        return html(request, text)

    def _read(
        self,
        context: DashboardContext,
        visitor: Visitor,
        asked: ViolationFilter,
        driver_id: str,
        page: int,
        day: date | None,
    ) -> ReadScript[tuple[DriverView, DutySection | Unshown]]:
        dialect, tellings = context.database.dialect, self._tellings
        view = yield from read_driver(dialect, tellings, asked, page)
        driver = Driver(driver_id, view.violations[0].terminal_code if view.violations else None)
        duty = yield from read_drivers_log(
            dialect, visitor.key, context.zones, driver, tellings, asked, day, context.clock()
        )
        return view, duty


def _read_day(parameters: Parameters) -> date | None:
    """The last log day that is asked for. Raises `Problem` 400."""
    asked = parameters.log_date("day")
    if asked is None:
        return None
    day = date.fromisoformat(asked)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise invalid_parameter("day", f"must be in the years {FIRST_YEAR} to {LAST_YEAR}.")
    return day
