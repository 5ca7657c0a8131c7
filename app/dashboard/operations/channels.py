"""`GET /operations`: how each channel stands, what may be missing, and where else to look."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp

from app.channels.store import Gap
from app.dashboard.context import DashboardContext
from app.dashboard.gate import Visitor
from app.dashboard.operations.troubles import Troubles, troubles
from app.dashboard.pages import html, render_page
from app.db.statements import Dialect, Fetch, ReadScript
from app.hooks.store import count_disabled
from app.inbox.model import Channel
from app.query.status import Standing, lag_seconds, read_standing
from app.web.parameters import read_parameters

MOST_GAPS = 100
"""How many gaps the page shows, the ones recorded last."""

GAP_WORDS = {
    "not_polled": "Nobody read the queue for longer than Maven keeps events.",
    "crowded": "More events bear one time than a page of Maven's holds.",
    "no_way_on": "Maven said that there are more events, and not where.",
    "position_reset": "The position was of no use, and reading began anew.",
}
STATE_WORDS = {
    "off": "not polled",
    "starting": "starting",
    "working": "working",
    "idle": "idle: nobody polls now",
    "failing": "failing",
    "key_refused": "stopped: Maven refused the API key",
}


@dataclass(frozen=True, slots=True)
class Survey:
    """What the page shows."""

    standing: Standing
    troubles: Troubles
    hooks: int
    disabled: int
    failing: int
    keys: int
    """Stored keys in force."""

    @property
    def gaps(self) -> list[tuple[Channel, Gap]]:
        """The gaps that are shown, open ones first, those recorded last before others."""
        return sorted(self.standing.gaps, key=lambda one: one[1].closed_at is not None)[:MOST_GAPS]


def read_survey(dialect: Dialect) -> ReadScript[Survey]:
    """How everything stands that operators look after."""
    standing = yield from read_standing(dialect)
    found = yield from troubles(dialect)
    hooks, disabled = yield from count_disabled()
    rows = yield Fetch(
        "SELECT (SELECT count(*) FROM hooks WHERE disabled_at IS NULL AND failing_since IS NOT NULL),"
        " (SELECT count(*) FROM api_keys WHERE revoked_at IS NULL)"
    )
    return Survey(standing, found, hooks, disabled, rows[0][0], rows[0][1])


async def show(context: DashboardContext, visitor: Visitor, request: Request) -> ASGIApp:
    """The page."""
    read_parameters(request.scope["query_string"], ())
    survey = await context.database.read(read_survey(context.database.dialect))
    now = context.clock()
    text = render_page(
        "operations/channels.html",
        context,
        visitor,
        here="operations",
        part="channels",
        survey=survey,
        now=now,
        lag=lag_seconds(survey.standing.queue, now),
        channels=list(Channel),
        poll=Channel.POLL,
        state_words=STATE_WORDS,
        gap_words=GAP_WORDS,
    )
    return html(request, text)
