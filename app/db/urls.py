"""What a database URL names: which database, and which file of it."""

from pathlib import Path
from urllib.parse import unquote

from app.db.errors import DatabaseUnusable
from app.db.statements import Dialect


def dialect_of(url: str) -> Dialect:
    """Which database a URL names. Raises `DatabaseUnusable` for any other."""
    scheme = url.split(":", 1)[0].lower()
    if scheme == "sqlite":
        return Dialect.SQLITE
    if scheme in ("postgresql", "postgres"):
        return Dialect.POSTGRESQL
    raise DatabaseUnusable("HOS_DATABASE_URL must begin with sqlite:/// or postgresql://")


def sqlite_path(url: str) -> Path:
    """The file a `sqlite:///relative` or `sqlite:////absolute` URL names. Raises `DatabaseUnusable`."""
    prefix, _, rest = url.partition(":///")
    name = unquote(rest.split("?", 1)[0])
    if prefix.lower() != "sqlite" or not name or ":memory:" in name:
        raise DatabaseUnusable(
            "HOS_DATABASE_URL must name a file: sqlite:///data/hos.db (relative) or sqlite:////var/lib/hos.db"
        )
    return Path(name)
