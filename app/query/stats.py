"""`GET /v1/stats`: how many violations match, and how they spread (contract section 5).

Takes exactly the filters of the list, and no order or page. Each map says for the values that occur how many violations
have them, values in the order of their code points; those without a value are in no map and counted under `without`, so
that each map and its count add up to `total`. Which violations match is left to `filters`.
"""

from dataclasses import dataclass, field

import orjson
from starlette.types import ASGIApp, Scope

from app.db.arguments import Arguments
from app.db.statements import Dialect, Fetch, Rows
from app.keys.schema import ApiKey
from app.query.context import QueryContext
from app.query.filters import FILTER_NAMES, ViolationFilter, matching, read_filter
from app.web.answers import Json
from app.web.parameters import read_parameters

PARAMETERS = frozenset(FILTER_NAMES)

FACETS = {"type": "type", "terminal": "terminal_code", "ruleset": "ruleset", "logDate": "log_date"}
"""What is counted by value, and the columns."""


@dataclass(slots=True)
class Stats:
    """Counts of the violations that match; `by` and `without` by the names of `FACETS`."""

    total: int = 0
    egregious: int = 0
    by: dict[str, dict[str, int]] = field(default_factory=lambda: {name: {} for name in FACETS})
    without: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FACETS, 0))

    def shown(self) -> bytes:
        """The counts on the wire."""
        maps = {f"by{name[0].upper()}{name[1:]}": counts for name, counts in self.by.items()}
        return orjson.dumps({"total": self.total, "egregious": self.egregious, **maps, "without": self.without})


async def show_stats(context: QueryContext, key: ApiKey, scope: Scope) -> ASGIApp:
    """The counts of what the parameters ask for, within what the key may see."""
    asked = read_filter(read_parameters(scope["query_string"], PARAMETERS), key)
    statement = count_by_facet(context.database.dialect, asked)
    return Json(stats_of(await context.database.fetch(statement.sql, *statement.args)).shown())


def count_by_facet(dialect: Dialect, asked: ViolationFilter) -> Fetch:
    """Rows of facet, value, violations and egregious ones, for `stats_of`; one pass over the violations."""
    arguments = Arguments(dialect)
    columns = ", ".join(FACETS.values())
    matched = " UNION ALL ".join(
        f"SELECT {', '.join(f'v.{column}' for column in FACETS.values())}, v.egregious {clause}"
        for clause in matching(asked, arguments)
    )
    facets = " UNION ALL ".join(
        f"SELECT '{name}' AS facet, {column} AS value, CAST(sum(n) AS bigint) AS n, CAST(sum(egregious) AS bigint) AS e"
        f" FROM grouped GROUP BY {column}"
        for name, column in FACETS.items()
    )
    return Fetch(
        f"WITH matched AS ({matched}), grouped AS MATERIALIZED"
        f" (SELECT {columns}, count(*) AS n, sum(egregious) AS egregious FROM matched GROUP BY {columns})"
        f" {facets}",
        tuple(arguments.values),
    )


def stats_of(rows: Rows) -> Stats:
    """The counts from the rows of `count_by_facet`. Every facet has all violations, so one of them gives the totals."""
    stats = Stats()
    first = next(iter(FACETS))
    for facet, value, count, egregious in sorted(rows, key=lambda row: row[1] or ""):
        if value is None:
            stats.without[facet] = count
        else:
            stats.by[facet][value] = count
        if facet == first:
            stats.total += count
            stats.egregious += egregious
    return stats
