"""What Maven's queue holds: events in the order they were saved, given out by pages for 30 days.

Owns the order, the retention and the arithmetic of pages. How a page is written, and how it can go wrong, is
`endpoint.py`'s.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from typing import NamedTuple

import orjson

from app.maven.queue_page import RETENTION
from app.maven.standin.envelopes import MILLISECOND


class HeldPage(NamedTuple):
    """One page: the events as they were added, and where the next begins, in microseconds since 1970 UTC.

    Where nothing follows, `next_start_us` is the time of the last event, or None on an empty page: Maven's
    documentation shows only a page that has a next one, and a reader who starts there next time misses nothing.
    """

    events: list[bytes]
    has_next: bool
    next_start_us: int | None


class Census(NamedTuple):
    """How many events are past their 30 days, how many can be read, and how many are not saved yet."""

    gone: int
    shown: int
    ahead: int


class HeldEvents:
    """The queue of one fleet. Times are microseconds since 1970 UTC, and are cut to Maven's milliseconds.

    Adding at the end costs the same however many there are; one that comes late moves those behind it.
    """

    def __init__(self) -> None:
        self._times: list[int] = []
        self._events: list[bytes] = []
        self._times_by_id: dict[str, list[int]] | None = None

    def __len__(self) -> int:
        return len(self._times)

    def add(self, saved_at_us: int, event: bytes) -> None:
        """Keep an event, the JSON of its whole envelope, behind all that were saved at the same time or before.

        The bytes are given out as they are, whatever they are. The same event may be added more than once.
        """
        saved_at = saved_at_us // MILLISECOND * MILLISECOND
        # Copied, because bytes fresh from orjson hold on to the memory they were written in, several times their size.
        event = bytes(memoryview(event))
        if not self._times or saved_at >= self._times[-1]:
            self._times.append(saved_at)
            self._events.append(event)
        else:
            place = bisect_right(self._times, saved_at)
            self._times.insert(place, saved_at)
            self._events.insert(place, event)
        if self._times_by_id is not None:
            _note_id(self._times_by_id, saved_at, event)

    def page(
        self, start_us: int, end_us: int | None, size: int, now_us: int, ids: Collection[str] | None = None
    ) -> HeldPage:
        """Up to `size` events saved from `start_us` to `end_us`, both inclusive, of those that can be read at `now_us`.

        With `ids` only events that have one of these. The next page begins at the time of its first event, so events
        of that very time come again; when more than `size` share one time, it does not move (as at Maven, whose cursor
        is a time and nothing else).
        """
        first = bisect_left(self._times, max(start_us, now_us - RETENTION))
        past = bisect_right(self._times, now_us if end_us is None else min(end_us, now_us))
        places: Sequence[int] = range(first, past)
        if ids is not None:
            places = self._places_of(ids, first, past)
        events = [self._events[place] for place in places[:size]]
        if len(places) > size:
            return HeldPage(events, True, self._times[places[size]])
        return HeldPage(events, False, self._times[places[-1]] if events else None)

    def census(self, now_us: int) -> Census:
        """What of it can be read at a time."""
        gone = bisect_left(self._times, now_us - RETENTION)
        saved = bisect_right(self._times, now_us)
        return Census(gone, saved - gone, len(self._times) - saved)

    def _places_of(self, ids: Collection[str], first: int, past: int) -> list[int]:
        if self._times_by_id is None:
            # Only now, because hardly anyone asks by id, and it takes reading every event.
            self._times_by_id = {}
            for saved_at, event in zip(self._times, self._events, strict=True):
                _note_id(self._times_by_id, saved_at, event)
        wanted = set(ids)
        found: set[int] = set()
        for saved_at in {saved_at for event_id in wanted for saved_at in self._times_by_id.get(event_id, ())}:
            begin, end = bisect_left(self._times, saved_at), bisect_right(self._times, saved_at)
            found.update(
                place for place in range(max(begin, first), min(end, past)) if _id_of(self._events[place]) in wanted
            )
        return sorted(found)


def _note_id(times_by_id: dict[str, list[int]], saved_at: int, event: bytes) -> None:
    event_id = _id_of(event)
    if event_id is not None:
        times_by_id.setdefault(event_id, []).append(saved_at)


def _id_of(event: bytes) -> str | None:
    try:
        members = orjson.loads(event)
    except ValueError:
        return None
    event_id = members.get("id") if isinstance(members, dict) else None
    return event_id if isinstance(event_id, str) else None
