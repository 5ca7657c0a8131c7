"""What a query asks for: the filters of contract section 5 as one typed value, and as conditions in SQL.

Owns which rows match, now or at an earlier moment (`asOf`), and which of them a key may see: every endpoint that
reads violations takes its rows through `matching`, so that a limit to terminals cannot be forgotten. Order, pages and
columns are left to the endpoints.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import orjson

from app.db.arguments import Arguments
from app.keys.schema import ApiKey
from app.reviews.model import ReviewStatus
from app.reviews.schema import STATUSES as REVIEW_WORDS
from app.violations.model import ACTIVE, INVALIDATED
from app.violations.schema import STATUS_WORDS
from app.violations.store import SEARCH_SEPARATOR
from app.web.parameters import Parameters, invalid_parameter

MOST_MINUTES = 9999 * 60 + 59

WORD_FILTERS = {
    "driverId": "driver_id",
    "terminalCode": "terminal_code",
    "type": "type",
    "ruleset": "ruleset",
    "powerUnitNumber": "power_unit_number",
}
"""Exact filters and their columns."""

FILTER_NAMES: tuple[str, ...] = (
    "status",
    *WORD_FILTERS,
    "startTimeFrom",
    "startTimeTo",
    "logDateFrom",
    "logDateTo",
    "minDurationMinutes",
    "egregious",
    "q",
    "review",
    "asOf",
)
"""All filters of the list and of the statistics."""


@dataclass(frozen=True, slots=True)
class ViolationFilter:
    """Which violations are asked for. Times are microseconds since 1970 UTC; None does not narrow."""

    statuses: tuple[int, ...] = (ACTIVE,)
    words: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Columns with the values of which any may match."""
    start_time_from: int | None = None
    start_time_to: int | None = None
    log_date_from: str | None = None
    log_date_to: str | None = None
    min_duration_minutes: int | None = None
    egregious: bool | None = None
    search: str | None = None
    """Casefolded part of the driver's name or of the unit."""
    review_statuses: tuple[int, ...] | None = None
    """What was done about it, by its newest review; with `as_of` by that of then."""
    as_of: int | None = None
    visible_terminals: tuple[str, ...] | None = None
    """Terminals that the key is limited to; compared with the violation's current terminal, whatever `as_of` says."""

    @property
    def start_time(self) -> str:
        """The start as ranges and orders name it. The `+` keeps planners from walking all starts to find a few drivers,
        which have an index of their own."""
        return "+v.start_time" if any(column == "driver_id" for column, _ in self.words) else "v.start_time"

    def fingerprint(self) -> str:
        """A short text that differs between filters, to which cursors are bound."""
        return blake2b(orjson.dumps(self), digest_size=16).hexdigest()


def read_filter(parameters: Parameters, key: ApiKey, driver_id: str | None = None) -> ViolationFilter:
    """The filter that the parameters ask for, within what the key may see, of one driver if one is named.

    Raises `Problem` 400.
    """
    words: tuple[tuple[str, tuple[str, ...]], ...] = () if driver_id is None else (("driver_id", (driver_id,)),)
    words += tuple(
        (column, values) for name, column in WORD_FILTERS.items() if (values := parameters.words(name)) is not None
    )
    search = parameters.text("q")
    if search is not None and SEARCH_SEPARATOR in search:
        raise invalid_parameter("q", "contains U+FFFF, which no name does.")
    return ViolationFilter(
        statuses=_read_statuses(parameters),
        words=words,
        start_time_from=parameters.time("startTimeFrom"),
        start_time_to=parameters.time("startTimeTo"),
        log_date_from=parameters.log_date("logDateFrom"),
        log_date_to=parameters.log_date("logDateTo"),
        min_duration_minutes=parameters.integer("minDurationMinutes", 0, MOST_MINUTES),
        egregious=parameters.boolean("egregious"),
        search=None if search is None else search.casefold(),
        review_statuses=_read_review_statuses(parameters),
        as_of=parameters.time("asOf"),
        visible_terminals=visible_terminals(key),
    )


def _read_statuses(parameters: Parameters) -> tuple[int, ...]:
    asked = parameters.some_of("status", (*STATUS_WORDS, "all"))
    if asked is None:
        return (ACTIVE,)
    if "all" in asked:
        return (ACTIVE, INVALIDATED)
    return tuple(sorted(STATUS_WORDS[word] for word in asked))


def _read_review_statuses(parameters: Parameters) -> tuple[int, ...] | None:
    asked = parameters.some_of("review", tuple(REVIEW_WORDS))
    return None if asked is None else tuple(sorted(REVIEW_WORDS[word] for word in asked))


def visible_terminals(key: ApiKey) -> tuple[str, ...] | None:
    """The terminals that a key is limited to, in a fixed order; None when it is not limited."""
    return None if key.terminals is None else tuple(sorted(key.terminals))


def may_see(key: ApiKey, terminal_code: str | None) -> bool:
    """Whether a key may see a violation whose current terminal is this one."""
    return key.terminals is None or terminal_code in key.terminals


def matching(
    asked: ViolationFilter, arguments: Arguments, status: int | None = None, also: Sequence[str] = ()
) -> list[str]:
    """`FROM … WHERE …` clauses whose rows, aliased `v`, together are the matching violations, none of them twice.

    One clause for the present; with `as_of` a second one for the versions since replaced. `status` narrows to one of
    the filter's statuses, for which there is an index; `also` are further conditions on `v`.
    """
    conditions = [*_conditions(asked, arguments, status), *also]
    if asked.as_of is None:
        conditions += _reviewed(asked.review_statuses)
        if asked.visible_terminals is not None:
            conditions.append(arguments.one_of("v.terminal_code", asked.visible_terminals))
        return [_clause("violations AS v", conditions)]
    as_of = arguments.add(asked.as_of)
    conditions.append(f"v.last_received_at <= {as_of}")
    conditions += _reviewed(asked.review_statuses, f" AND r.reviewed_at <= {as_of}")
    versions = "violation_versions AS v"
    now_visible = []
    if asked.visible_terminals is not None:
        now_visible.append(arguments.one_of("terminal_code", asked.visible_terminals))
        versions += " JOIN violations AS now ON now.pk = v.pk"
    return [
        _clause("violations AS v", [*conditions, *(f"v.{c}" for c in now_visible)]),
        _clause(versions, [*conditions, f"v.replaced_at > {as_of}", *(f"now.{c}" for c in now_visible)]),
    ]


def _reviewed(statuses: tuple[int, ...] | None, until: str = "") -> list[str]:
    """The condition that the newest review has one of some statuses; a violation without one is open.

    It names the statuses that are not asked for: planners expect most rows to pass such a condition, and so walk along
    the order and stop early, instead of judging all to sort them.
    """
    others = [] if statuses is None else [str(int(status)) for status in ReviewStatus if status not in statuses]
    if not others:
        return []
    newest = f"SELECT r.status FROM reviews AS r WHERE r.violation_id = v.id{until} ORDER BY r.pk DESC LIMIT 1"
    return [f"COALESCE(({newest}), {int(ReviewStatus.OPEN)}) NOT IN ({', '.join(others)})"]


def _clause(relation: str, conditions: list[str]) -> str:
    return f"FROM {relation} WHERE {' AND '.join(conditions)}" if conditions else f"FROM {relation}"


def _conditions(asked: ViolationFilter, arguments: Arguments, status: int | None) -> list[str]:
    conditions: list[str] = []
    if status is not None:
        conditions.append(f"v.status = {status}")
    elif len(asked.statuses) == 1:
        conditions.append(f"v.status = {asked.statuses[0]}")
    conditions += [arguments.one_of(f"v.{column}", values) for column, values in asked.words]
    ranges = (
        (f"{asked.start_time} >=", asked.start_time_from),
        (f"{asked.start_time} <=", asked.start_time_to),
        ("v.log_date >=", asked.log_date_from),
        ("v.log_date <=", asked.log_date_to),
        ("v.duration_minutes >=", asked.min_duration_minutes),
    )
    conditions += [f"{comparison} {arguments.add(value)}" for comparison, value in ranges if value is not None]
    if asked.egregious is not None:
        conditions.append(f"v.egregious = {int(asked.egregious)}")
    if asked.search is not None:
        conditions.append(arguments.contains("v.search_text", asked.search))
    return conditions
