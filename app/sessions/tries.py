"""How often a sign-in may fail: from one address, and from all together, counted for all processes in the database.

A try counts as failed until it is known to be right, so that many at once are counted too. Nobody is locked out for
longer than the window, and a try that is not let in does not prolong it.
"""

from app.db.statements import Dialect, Execute, Fetch, WriteScript, lock_until_commit
from app.maven.times import MINUTE

MOST_FAILURES = 10
"""Of one address within `WINDOW`."""
MOST_FAILURES_OF_ALL = 300
WINDOW = 5 * MINUTE

_LOCK = 0x484F5354


def begin_try(dialect: Dialect, address: str, now: int) -> WriteScript[int]:
    """Notes that an address tries; gives the microseconds that it has to wait, 0 when it may go on."""
    yield from lock_until_commit(dialect, _LOCK)
    yield Execute("DELETE FROM sign_in_tries WHERE tried_at <= $1", (now - WINDOW,))
    own = yield Fetch(
        "SELECT tried_at FROM sign_in_tries WHERE address = $1 ORDER BY tried_at DESC LIMIT 1 OFFSET $2",
        (address, MOST_FAILURES - 1),
    )
    all_of_them = yield Fetch(
        "SELECT tried_at FROM sign_in_tries ORDER BY tried_at DESC LIMIT 1 OFFSET $1", (MOST_FAILURES_OF_ALL - 1,)
    )
    wait: int = max([0, *(row[0] + WINDOW - now for row in (*own, *all_of_them))])
    if wait == 0:
        yield Execute("INSERT INTO sign_in_tries (address, tried_at) VALUES ($1, $2)", (address, now))
    return wait


def forget_tries(address: str) -> WriteScript[None]:
    """Somebody there signed in: what failed before was a slip."""
    yield Execute("DELETE FROM sign_in_tries WHERE address = $1", (address,))
