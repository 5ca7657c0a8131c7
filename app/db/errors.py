"""What can go wrong with a database, in three kinds a caller can act on."""


class DatabaseUnavailable(Exception):
    """The database cannot be reached, is locked, full, read-only, replaced or too slow. Trying again later is right."""


class DatabaseConflict(Exception):
    """A unique key is taken. What the caller asked for contradicts what is there."""


class DatabaseRefused(Exception):
    """The database refused these very values or this statement. Trying again is of no use."""


class Withdrawn(Exception):
    """A script changed its mind within its transaction. Nothing of it is kept, and the database is well."""


class DatabaseUnusable(Exception):
    """The database cannot be used until a person acts: wrong URL, not migrated, held by another process."""
