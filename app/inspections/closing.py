"""Which defects a later report has closed. Pure.

A report that says that defects were corrected closes those that earlier reports of the same vehicle, or of the same
trailer, listed: those of the kinds that it lists itself, or all when it lists none (49 CFR 396.11(a)(3), 396.13). What
counts is when the inspections were, not when they came; but no report counts as later than the moment it was kept, or
a mistyped year would leave its defects open for as long, whatever corrects them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenDefect:
    """A defect as far as closing it needs. Times are microseconds since 1970 UTC."""

    pk: int
    vehicle_id: str | None
    trailer_id: str | None
    counts_at: int
    type: str


@dataclass(frozen=True, slots=True)
class Correction:
    """A report that corrects; without `types` it corrects everything."""

    log_id: str
    vehicle_id: str | None
    trailer_id: str | None
    counts_at: int
    types: frozenset[str]

    def closes(self, defect: OpenDefect) -> bool:
        """Whether the defect is one of those."""
        is_same = (self.vehicle_id is not None and self.vehicle_id == defect.vehicle_id) or (
            self.trailer_id is not None and self.trailer_id == defect.trailer_id
        )
        return is_same and self.counts_at > defect.counts_at and (not self.types or defect.type in self.types)


def close(defects: Iterable[OpenDefect], corrections: Sequence[Correction]) -> dict[int, Correction]:
    """The first correction of each defect that has one, by the defect's key."""
    in_order = sorted(corrections, key=lambda one: (one.counts_at, one.log_id))
    found = {}
    for defect in defects:
        first = next((one for one in in_order if one.closes(defect)), None)
        if first is not None:
            found[defect.pk] = first
    return found
