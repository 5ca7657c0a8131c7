"""A review on the wire: what may be asked for, what is wrong with what was asked, and how reviews are shown.

Owns the fields of a review, their limits, and the sentences for a wrong one, for the API and for forms alike. Whose
violations may be reviewed, and what is kept, is left to `store`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.maven.faults import UNSTORABLE, Fault, WrongFields, find_unstorable, point
from app.maven.members import read_members
from app.maven.times import format_time
from app.reviews.model import ReviewStatus

STATUSES = {status.word: status for status in ReviewStatus}
"""What a violation may be by its reviews, by the words on the wire."""

FIELDS = ("status", "note")
MAX_NOTE = 4000
"""Characters of a note without the space around it."""


class WrongReview(WrongFields):
    """A review that cannot be."""


@dataclass(frozen=True, slots=True)
class NewReview:
    """What somebody says of a violation."""

    status: ReviewStatus
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """A review as it is kept. `at` is in microseconds since 1970 UTC; `by` is the name of a key or of a session."""

    pk: int
    status: ReviewStatus
    note: str | None
    by: str
    at: int


def read_review(body: bytes) -> NewReview:
    """A JSON body as a review. Raises `WrongReview`."""
    return check_review(read_members(body, WrongReview))


def check_review(given: Mapping[str, object]) -> NewReview:
    """Fields as a review: those of a JSON object, or of a form. Raises `WrongReview` with all that is wrong."""
    faults = [
        Fault(point([name]), f"is not known. The fields here are {', '.join(FIELDS)}.")
        for name in given
        if name not in FIELDS
    ]
    word, note = given.get("status"), given.get("note")
    status = STATUSES.get(word) if isinstance(word, str) else None
    if "status" not in given:
        faults.append(Fault("/status", "is required."))
    elif status is None:
        faults.append(Fault("/status", f"must be one of {', '.join(STATUSES)}."))
    if isinstance(note, str):
        note = note.strip() or None
    if isinstance(note, str):
        if len(note) > MAX_NOTE:
            faults.append(Fault("/note", f"has {len(note)} characters; it may have {MAX_NOTE}."))
        if find_unstorable(note) is not None:
            faults.append(Fault("/note", UNSTORABLE))
    elif note is not None:
        faults.append(Fault("/note", "must be text or null."))
    if faults or status is None:
        raise WrongReview(faults)
    return NewReview(status, note if isinstance(note, str) else None)


def shown_reviews(history: Sequence[Review]) -> dict[str, object]:
    """All reviews of one violation, oldest first, as the wire has them: the one that holds, and the history."""
    if not history:
        return {"status": ReviewStatus.OPEN.word, "note": None, "by": None, "at": None, "history": []}
    shown = [_shown(review) for review in history]
    return {**shown[-1], "history": shown}


def _shown(review: Review) -> dict[str, object]:
    return {"status": review.status.word, "note": review.note, "by": review.by, "at": format_time(review.at)}
