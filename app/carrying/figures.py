"""What a database holds in a few figures, by which a person knows a copy for the right one."""

from dataclasses import dataclass

from app.db.statements import Row
from app.maven.times import format_time

FIGURES = (
    "SELECT (SELECT version_num FROM alembic_version), (SELECT count(*) FROM events),"
    " (SELECT count(*) FROM violations), (SELECT count(*) FROM quarantine),"
    " (SELECT last_received_at FROM ledger WHERE pk = 1)"
)
"""The SELECT of them; it reads every schema version there ever was."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Schema version, rows, and when the newest event was received, microseconds since 1970 UTC; 0 when none was."""

    version: str
    events: int
    violations: int
    quarantined: int
    newest_at: int

    @classmethod
    def of(cls, row: Row) -> "Figures":
        """From the row of `FIGURES`."""
        return cls(*row)

    def told(self) -> str:
        """The figures as a part of a sentence."""
        newest = f"newest received {format_time(self.newest_at)}" if self.newest_at else "nothing received yet"
        return (
            f"schema version {self.version}, {self.events:,} events, {self.violations:,} violations,"
            f" {self.quarantined:,} in quarantine, {newest}"
        )
