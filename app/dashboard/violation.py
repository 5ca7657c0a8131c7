"""`GET /violations/{id}`: all that is known of one violation, in plain words, and what was done about it."""

import json

from starlette.requests import Request
from starlette.responses import Response

from app.dashboard.context import DashboardContext
from app.dashboard.differences import differences
from app.dashboard.duty_section import DutySection, Unshown, read_violation_log
from app.dashboard.gate import Visitor
from app.dashboard.inspection_views import UnitView, read_unit
from app.dashboard.maps import Point, distance_in_words, draw_map, point_of
from app.dashboard.pages import html, render_page
from app.dashboard.subjects import ShownEvent, ViolationView, read_violation
from app.db.statements import ReadScript
from app.hours.limits import NOT_CONSIDERED
from app.inbox.model import Channel
from app.maven.faults import find_unstorable
from app.maven.schema import VehicleData
from app.query.detail import unknown_violation
from app.query.filters import may_see
from app.reviews.model import ReviewStatus
from app.violations.regulation import is_egregious, regulation_of
from app.violations.regulation_text import REGULATION_TEXTS
from app.violations.rules import Outcome
from app.violations.schema import EVENT_TYPE_WORDS
from app.violations.telling import one_line, tell
from app.web.middleware import decode_segment

_WHAT_HAPPENED = {
    Outcome.CREATED: "Created",
    Outcome.UPDATED: "Updated",
    Outcome.INVALIDATED: "Invalidated by a log edit",
    Outcome.REOPENED: "Reopened",
    Outcome.SUPERSEDED: "Older than what was known already; changed nothing",
}
_CHANNELS = {
    Channel.WEBHOOK: "by webhook",
    Channel.POLL: "read from Maven's queue",
    Channel.REPLAY: "from quarantine, understood later",
}


async def show_violation(context: DashboardContext, visitor: Visitor, request: Request) -> Response:
    """The page."""
    violation_id = decode_segment(request.path_params["id"])
    found = (
        None if find_unstorable(violation_id) else await context.database.read(_read(context, visitor, violation_id))
    )
    if found is None:
        raise unknown_violation(violation_id)
    view, duty, unit = found
    data = view.data
    regulation = regulation_of(data.ruleset, data.type)
    start, end = _point(data.startData), _point(data.endData)
    text = render_page(
        "violation.html",
        context,
        visitor,
        id=violation_id,
        data=data,
        telling=tell(data),
        state=view.found.state,
        regulation=regulation,
        regulation_text=None if regulation is None else REGULATION_TEXTS.get(regulation.cite),
        is_egregious=is_egregious(data.type, data.duration_minutes),
        terminal=view.terminal_code,
        map=draw_map(start, end),
        distance=distance_in_words(start, end),
        places=[("Start", _place_lines(data.startData)), ("End", _place_lines(data.endData))],
        duty=duty,
        unit=unit,
        now=context.clock(),
        not_considered=NOT_CONSIDERED,
        history=_history(view),
        events=[(event, _pretty(event)) for event in view.events],
        has_more_events=view.has_more_events,
        reviews=view.reviews,
        review_word=view.reviews[-1].status.word if view.reviews else ReviewStatus.OPEN.word,
        statuses=[status.word for status in ReviewStatus],
    )
    return html(request, text)


def _read(
    context: DashboardContext, visitor: Visitor, violation_id: str
) -> ReadScript[tuple[ViolationView, DutySection | Unshown | None, UnitView | None] | None]:
    """The violation, the driver's log and the vehicle's inspections; None when there is no such violation that the
    visitor may see.
    """
    view = yield from read_violation(violation_id)
    if view is None or not may_see(visitor.key, view.terminal_code):
        return None
    dialect, zones = context.database.dialect, context.zones
    duty = yield from read_violation_log(dialect, visitor.key, zones, view.data, view.terminal_code, context.clock())
    unit = yield from read_unit(dialect, visitor.key, view.data.powerUnitNumber)
    return view, duty, unit


def _point(vehicle: VehicleData | None) -> Point | None:
    return None if vehicle is None else point_of(vehicle.latitude, vehicle.longitude)


def _place_lines(vehicle: VehicleData | None) -> list[tuple[str, str]]:
    """Where the vehicle was, as far as Maven said it: a name and a line each."""
    if vehicle is None:
        return []
    street = " ".join(filter(None, (one_line(vehicle.streetNumber), one_line(vehicle.street))))
    town = ", ".join(filter(None, (one_line(vehicle.city), one_line(vehicle.state), one_line(vehicle.country))))
    eld = vehicle.eldLocation
    lines = [
        ("Address", one_line(vehicle.formattedAddress) or ", ".join(filter(None, (street, town))) or None),
        ("ELD location", None if eld is None else one_line(eld.formattedLocation) or one_line(eld.city)),
        ("Odometer", None if vehicle.odometer is None else f"{vehicle.odometer:,.1f}"),
    ]
    point = _point(vehicle)
    if point is not None:
        lines.append(("Coordinates", f"{point.latitude:.5f}, {point.longitude:.5f}"))
    return [(name, line) for name, line in lines if line is not None]


def _history(view: ViolationView) -> list[dict[str, object]]:
    """What the events did, in the order of their receipt, and what each says otherwise than the one before it."""
    told = []
    before: ShownEvent | None = None
    for event in view.events:
        changed = []
        if before is not None and before.data is not None and event.data is not None:
            changed = differences(before.data, event.data)
        told.append(
            {
                "what": _WHAT_HAPPENED.get(Outcome(event.outcome), Outcome(event.outcome).word),
                "type": EVENT_TYPE_WORDS[event.event_type],
                "how": _CHANNELS[Channel(event.channel)],
                "event_time": event.event_time,
                "received_at": event.received_at,
                "event_id": event.event_id,
                "changed": changed,
            }
        )
        before = event
    return told


def _pretty(event: ShownEvent) -> str | None:
    """The event as indented JSON, with everything escaped that is not seen; None when it is too large."""
    if event.payload is None:
        return None
    try:
        return json.dumps(json.loads(event.payload), indent=2, ensure_ascii=True)
    except (ValueError, RecursionError):
        return event.payload.decode("utf-8", "backslashreplace")
