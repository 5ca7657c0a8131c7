"""What the desks raise, as problems: the same sentences for programs and on pages."""

from app.alerts.delivery_desk import DeliveryNotFound
from app.alerts.desk import HookConflict, HookNotFound
from app.web.problems import CONFLICT, NOT_FOUND, Problem

DESK_ERRORS = (HookNotFound, DeliveryNotFound, HookConflict)


def desk_problem(error: Exception) -> Problem:
    """The problem that one of `DESK_ERRORS` stands for."""
    if isinstance(error, HookNotFound):
        return Problem(NOT_FOUND, "There is no such hook; it may have been deleted.")
    if isinstance(error, DeliveryNotFound):
        return Problem(NOT_FOUND, "The hook has no such delivery; it may have been deleted with age.")
    return Problem(CONFLICT, str(error))
