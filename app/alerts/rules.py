"""The verdict on an attempt: delivered, tried again and when, or given up (contract section 7). Pure.

Sending is left to `sending`, noting the verdict and acting by it to `worker`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from app.db.statements import WriteScript
from app.maven.times import SECOND
from app.outbox.model import Status

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

RETRY_SECONDS = (
    5,
    5 * _MINUTE,
    30 * _MINUTE,
    2 * _HOUR,
    5 * _HOUR,
    10 * _HOUR,
    14 * _HOUR,
    20 * _HOUR,
    24 * _HOUR,
)
"""How long after a failed try the next one is; after the last of them a delivery is dead."""
SPREAD = 0.2
"""Each is that much longer or shorter, by chance, so that what failed together does not come back together."""
LONGEST_RETRY_AFTER_SECONDS = 24.0 * _HOUR
"""However long a receiver asks to be left alone."""
DISABLED_AFTER = 5 * _DAY * SECOND
"""Of nothing but failures."""

GONE = 410
GONE_REASON = "The receiver answered 410 Gone."
FAILING_REASON = "For five days every delivery failed."

AttemptOutcome: TypeAlias = Literal[
    "succeeded",
    "status",
    "timeout",
    "unreachable",
    "tls",
    "protocol",
    "too_large",
    "refused",
    "unreadable",
    "purged",
    "rejected",
    "crashed",
]
"""What became of an attempt. `status`: an answer that is not 2xx. `refused`: we do not dial there. `unreadable`: a
sealed secret cannot be opened. `purged`: the violation it would tell of is gone. `rejected`: a
provider refused what was forwarded to it. `crashed`: a fault of ours."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver, and how it went."""

    outcome: AttemptOutcome
    response_status: int | None = None
    detail: str | None = None
    """For people: one line, without secrets."""
    retry_after: float | None = None
    """Seconds that the receiver asked to be left alone."""
    seconds: float = 0.0
    """How long it took."""

    @property
    def is_success(self) -> bool:
        """Whether it was delivered."""
        return self.outcome == "succeeded"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from an attempt. Times are microseconds since 1970 UTC."""

    status: Status
    due_at: int = 0
    """When to try again, for what is pending still."""
    rests_until: int = 0
    """Until when nothing is to be sent to this hook."""
    disables: str | None = None
    """Why the hook gets nothing any more."""


Along = Callable[[Verdict], WriteScript[None]]
"""Makes the script of what is to be noted with what follows from an attempt."""


def judge(attempt: Attempt, tries: int, now: int, draw: float) -> Verdict:
    """The verdict on the attempt made after `tries` failed ones; `draw` is random, 0 to 1."""
    if attempt.is_success:
        return Verdict(Status.SUCCEEDED)
    if attempt.outcome in ("purged", "rejected"):
        return Verdict(Status.FAILED)
    if attempt.response_status == GONE:
        return Verdict(Status.FAILED, disables=GONE_REASON)
    asked = 0.0 if attempt.retry_after is None else min(attempt.retry_after, LONGEST_RETRY_AFTER_SECONDS)
    rests_until = now + round(asked * SECOND) if asked else 0
    if tries >= len(RETRY_SECONDS):
        return Verdict(Status.DEAD, rests_until=rests_until)
    wait = max(RETRY_SECONDS[tries] * (1 - SPREAD + 2 * SPREAD * draw), asked)
    return Verdict(Status.PENDING, due_at=now + round(wait * SECOND), rests_until=rests_until)


def has_failed_long(failing_since: int | None, now: int) -> bool:
    """Whether a hook, of which every attempt failed since then and the newest one now, is to be disabled."""
    return failing_since is not None and now - failing_since >= DISABLED_AFTER
