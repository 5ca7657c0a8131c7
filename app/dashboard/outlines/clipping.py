"""Cuts lines and rings at the edges of a frame, thins them, and finds room for a label. Plane geometry, no degrees."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

Spot = tuple[float, float]
"""x to the right and y downward, in units of the drawing."""


class Frame(NamedTuple):
    """An upright rectangle, edges included."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Frame") -> bool:
        """Whether the two share more than an edge."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def is_within(self, other: "Frame") -> bool:
        """Whether no part of this one is outside of the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.top >= other.top
            and self.bottom <= other.bottom
        )


def thin(line: Sequence[Spot], distance: float) -> list[Spot]:
    """The line without the spots that are nearer than `distance` to the one kept before; both ends stay."""
    kept = [line[0]]
    for spot in line[1:-1]:
        if abs(spot[0] - kept[-1][0]) >= distance or abs(spot[1] - kept[-1][1]) >= distance:
            kept.append(spot)
    kept.append(line[-1])
    return kept


def clip_ring(ring: Sequence[Spot], frame: Frame) -> list[Spot]:
    """What of a filled ring is within the frame (Sutherland and Hodgman, 1974); empty when nothing is.

    Parts that the frame separates stay joined along its edge, so the edge has to lie outside of what is seen.
    """
    spots = list(ring)
    for axis, limit, sign in ((0, frame.left, 1), (0, frame.right, -1), (1, frame.top, 1), (1, frame.bottom, -1)):
        cut: list[Spot] = []
        for before, spot in zip(spots[-1:] + spots[:-1], spots, strict=True):
            was_inside, is_inside = (before[axis] - limit) * sign >= 0, (spot[axis] - limit) * sign >= 0
            if was_inside is not is_inside:
                share = (limit - before[axis]) / (spot[axis] - before[axis])
                other = before[1 - axis] + (spot[1 - axis] - before[1 - axis]) * share
                cut.append((limit, other) if axis == 0 else (other, limit))
            if is_inside:
                cut.append(spot)
        spots = cut
    return spots if len(spots) >= 3 else []


def clip_line(line: Sequence[Spot], frame: Frame) -> Iterator[list[Spot]]:
    """The pieces of a line that are within the frame (Liang and Barsky, 1984)."""
    piece: list[Spot] = []
    for here, there in pairwise(line):
        cut = _clip_segment(here, there, frame)
        if cut is None:
            continue
        if piece and piece[-1] != cut[0]:
            yield piece
            piece = []
        piece = [*piece, cut[1]] if piece else list(cut)
    if piece:
        yield piece


def _clip_segment(here: Spot, there: Spot, frame: Frame) -> tuple[Spot, Spot] | None:
    first, last = 0.0, 1.0
    along_x, along_y = there[0] - here[0], there[1] - here[1]
    for along, room in (
        (-along_x, here[0] - frame.left),
        (along_x, frame.right - here[0]),
        (-along_y, here[1] - frame.top),
        (along_y, frame.bottom - here[1]),
    ):
        if along == 0:
            if room < 0:
                return None
        elif along < 0:
            first = max(first, room / along)
        else:
            last = min(last, room / along)
    if first > last:
        return None
    begin = here if first == 0 else (here[0] + along_x * first, here[1] + along_y * first)
    end = there if last == 1 else (here[0] + along_x * last, here[1] + along_y * last)
    return begin, end


def crossings(rings: Iterable[Sequence[Spot]], y: float) -> list[float]:
    """Where the level line `y` enters and leaves the rings, from left to right: an even number of x."""
    found = []
    for ring in rings:
        before_x, before_y = ring[-1]
        for x, here_y in ring:
            if (before_y <= y) is not (here_y <= y):
                found.append(before_x + (x - before_x) * (y - before_y) / (here_y - before_y))
            before_x, before_y = x, here_y
    return sorted(found)


def holds(rings: Iterable[Sequence[Spot]], spot: Spot) -> bool:
    """Whether an odd number of rings surround the spot."""
    return sum(x <= spot[0] for x in crossings(rings, spot[1])) % 2 == 1


def room_for(
    rings: Sequence[Sequence[Spot]], width: float, height: float, within: Frame, taken: Sequence[Frame]
) -> Frame | None:
    """A place for a label of this size inside the rings and clear of what is taken: wide, and near the middle.

    None when there is no such place.
    """
    largest = max(rings, key=lambda ring: max(y for _, y in ring) - min(y for _, y in ring))
    low, high = min(y for _, y in largest), max(y for _, y in largest)
    best, best_score = None, float("-inf")
    y = max(low, within.top) + height / 2
    while y + height / 2 <= min(high, within.bottom):
        levels = [_intervals(crossings(rings, level)) for level in (y - height / 2, y, y + height / 2)]
        for left, right in _shared(_shared(levels[0], levels[1]), levels[2]):
            left, right = max(left, within.left), min(right, within.right)
            score = min(right - left, width * 4) - abs(y - (low + high) / 2)
            if right - left < width or score <= best_score:
                continue
            for share in (0.5, 0.25, 0.75):
                start = left + (right - left - width) * share
                place = Frame(start, y - height / 2, start + width, y + height / 2)
                if not any(place.overlaps(other) for other in taken):
                    best, best_score = place, score
                    break
        y += height / 2
    return best


def _intervals(edges: Sequence[float]) -> list[Spot]:
    return list(zip(edges[::2], edges[1::2], strict=True))


def _shared(some: Iterable[Spot], others: Sequence[Spot]) -> list[Spot]:
    return [(max(a, c), min(b, d)) for a, b in some for c, d in others if max(a, c) < min(b, d)]
