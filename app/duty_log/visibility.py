"""Which records a key may see that is limited to terminals."""

from app.db.arguments import any_of, list_argument
from app.db.statements import Dialect


def visible_records(dialect: Dialect, terminals: frozenset[str] | None, first: int) -> tuple[str, tuple[object, ...]]:
    """A further condition on `duty_records AS r`, with its arguments from placeholder `first` on; both empty for a key
    without a limit.

    A record is its driver's, and so their terminal's; what was driven while nobody was signed in is that of the
    vehicle's home terminal. What the registry does not place is seen by keys without a limit alone.
    """
    if terminals is None:
        return "", ()
    listed = any_of(dialect, first)
    condition = (
        f" AND CASE WHEN r.is_system = 0 THEN r.user_id IN"
        f" (SELECT user_id FROM driver_identities WHERE terminal_code IN {listed} AND user_id IS NOT NULL)"
        " ELSE r.asset_id IN (SELECT asset_id FROM assets AS a JOIN home_terminals AS t"
        f" ON t.home_terminal_id = a.home_terminal_id WHERE t.code IN {listed}) END"
    )
    return condition, (list_argument(dialect, terminals),)
