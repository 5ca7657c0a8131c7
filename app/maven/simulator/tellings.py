"""What Maven tells about one drive past a limit: created, taken back, replaced, told anew, and when each arrives.

Owns the shares and delays of that story, and the ids. The order of delivery over all violations is `stream.py`'s.
"""

from itertools import pairwise
from random import Random
from typing import Literal, NamedTuple

from app.maven.simulator.days import DAY
from app.maven.simulator.drives import SHORTEST_SECONDS, Drive, shorten, violation_data

EventType = Literal["violationCreated", "violationInvalidated"]

# Shares of violations.
INVALIDATED_SHARE = 0.15
CREATED_AGAIN_SHARE = 0.01  # the same id once more with a newer event time, often after its invalidation
LATE_CREATION_SHARE = 0.045
# Shares of the invalidated ones.
RECREATED_SHARE = 0.2  # replaced by a shorter one under another id
OVERTAKEN_SHARE = 0.1  # the invalidation arrives before its creation
TELLINGS_PER_VIOLATION = 1 + INVALIDATED_SHARE * (1 + RECREATED_SHARE) + CREATED_AGAIN_SHARE

LATE_SECONDS = 3600
_LATEST_SECONDS = 10 * 3600
# Share of invalidations at most so many seconds after the violation: minutes to three weeks.
_INVALIDATED_AFTER = ((0.0, 180), (0.25, 3600), (0.6, DAY), (0.85, 5 * DAY), (0.97, 14 * DAY), (1.0, 21 * DAY))


class Telling(NamedTuple):
    """One event and when it arrives, in seconds since 1970; `data` is what `violation_data` gave.

    `is_late`: it arrives an hour or more after its turn, or after the invalidation that it precedes.
    """

    event_type: EventType
    violation_id: str
    data: bytes
    event_time: int
    arrives_at: int
    is_late: bool


def tell(rng: Random, drive: Drive, ends_at: int) -> list[Telling]:
    """Everything Maven tells of `drive`, its creation first; nothing happens later than `ends_at`, if that can be."""
    draw = rng.random
    left_drive_at = drive.ended_at
    violation_id = draw_uuid(rng)
    data = violation_data(violation_id, drive)
    arrives_at = left_drive_at + 2 + int(draw() * 40)
    if draw() < LATE_CREATION_SHARE:
        delay = LATE_SECONDS + int(draw() * (_LATEST_SECONDS - LATE_SECONDS))
        arrives_at = _later(rng, left_drive_at, delay, ends_at)
    later: list[Telling] = []
    edited_at = left_drive_at
    if draw() < INVALIDATED_SHARE:
        is_overtaken = draw() < OVERTAKEN_SHARE
        delay = 120 + int(draw() * 6 * 3600) if is_overtaken else _draw_delay(draw())
        edited_at = _later(rng, left_drive_at, delay, ends_at)
        if is_overtaken:
            told_at = edited_at + 1
            arrives_at = told_at + 1 + int(draw() * 1800)
        else:
            told_at = max(edited_at, arrives_at) + 1 + int(draw() * 20)
        later.append(
            Telling("violationInvalidated", violation_id, data, edited_at, told_at, told_at - edited_at >= LATE_SECONDS)
        )
        if draw() < RECREATED_SHARE and drive.ended_at - drive.started_at > 2 * SHORTEST_SECONDS:
            other_id = draw_uuid(rng)
            shorter = violation_data(other_id, shorten(drive, 0.2 + draw() * 0.6))
            replaced_at = told_at + 1 + int(draw() * 5)
            later.append(Telling("violationCreated", other_id, shorter, left_drive_at, replaced_at, False))
    if draw() < CREATED_AGAIN_SHARE:
        again_at = _later(rng, edited_at, 600 + int(draw() * 2 * DAY), ends_at)
        again = violation_data(violation_id, shorten(drive, 0.5 + draw() * 0.5))
        later.append(Telling("violationCreated", violation_id, again, again_at, again_at + 2 + int(draw() * 40), False))
    is_late = arrives_at - left_drive_at >= LATE_SECONDS or any(telling.arrives_at < arrives_at for telling in later)
    return [Telling("violationCreated", violation_id, data, left_drive_at, arrives_at, is_late), *later]


def draw_uuid(rng: Random) -> str:
    """A random (version 4) UUID, RFC 9562."""
    digits = f"{rng.getrandbits(128):032x}"
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _later(rng: Random, moment: int, delay: int, ends_at: int) -> int:
    """`delay` seconds after `moment`, or at some time before `ends_at` when that would be past it."""
    if moment + delay <= ends_at:
        return moment + delay
    return moment + 1 + int(max(0, ends_at - moment) * rng.random())


def _draw_delay(drawn: float) -> int:
    for (low_share, low), (high_share, high) in pairwise(_INVALIDATED_AFTER):
        if drawn < high_share:
            return int(low + (high - low) * (drawn - low_share) / (high_share - low_share))
    return _INVALIDATED_AFTER[-1][1]
