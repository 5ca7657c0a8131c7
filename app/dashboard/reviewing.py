"""Reviews given on pages: of one violation, and of many chosen in a table."""

from collections.abc import Sequence

import structlog
from starlette.requests import Request
from starlette.responses import Response

from app.dashboard.context import DashboardContext
from app.dashboard.gate import Visitor
from app.dashboard.live import Ticker
from app.dashboard.pages import back_to, form_of, local_address
from app.dashboard.words import segment
from app.query.detail import unknown_violation
from app.query.filters import visible_terminals
from app.reviews.schema import WrongReview, check_review
from app.reviews.store import add_reviews
from app.web.middleware import decode_segment
from app.web.problems import FORBIDDEN, INVALID_FIELDS, Problem

log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


class ReviewForms:
    """The forms' endpoints. Pages that are open are told of every review."""

    def __init__(self, ticker: Ticker) -> None:
        self._ticker = ticker

    async def review_one(self, context: DashboardContext, visitor: Visitor, request: Request) -> Response:
        """`POST /violations/{id}/review`."""
        violation_id = decode_segment(request.path_params["id"])
        if not await self._review(context, visitor, request, [violation_id]):
            raise unknown_violation(violation_id)
        return back_to(f"/violations/{segment(violation_id)}#review")

    async def review_many(self, context: DashboardContext, visitor: Visitor, request: Request) -> Response:
        """`POST /reviews`: the chosen ones of a table, all or none."""
        form = form_of(request)
        chosen = form.all("id")
        if not chosen:
            raise Problem(INVALID_FIELDS, "No violation was chosen. Tick some in the table first.")
        await self._review(context, visitor, request, chosen)
        return back_to(local_address(form.get("next")))

    async def _review(
        self, context: DashboardContext, visitor: Visitor, request: Request, violation_ids: Sequence[str]
    ) -> list[str]:
        """The ids of those that were reviewed. Raises `Problem` 403 and 422."""
        if not visitor.may_review:
            raise Problem(FORBIDDEN, "Your sign-in lacks the scope review.")
        form = form_of(request)
        try:
            given = check_review({"status": form.text("status"), "note": form.text("note")})
        except WrongReview as error:
            errors = [{"pointer": fault.pointer, "detail": fault.detail} for fault in error.faults]
            raise Problem(
                INVALID_FIELDS, "The review is not complete, or has what it must not.", errors=errors
            ) from None
        terminals = visible_terminals(visitor.key)
        found = await context.database.write(
            add_reviews(context.database.dialect, violation_ids, terminals, given, visitor.key.name, context.clock())
        )
        if found:
            self._ticker.tell_all()
        return found
