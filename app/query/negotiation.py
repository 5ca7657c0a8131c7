"""Which of several media types a client would rather have (RFC 9110 section 12.5.1).

Ranges that cannot be read are passed over, as a browser's would be by any server; what nothing fits is 406.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.web.problems import NOT_ACCEPTABLE, Problem

JSON = "application/json"

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_RANGE = re.compile(rf"({_NAME})/({_NAME})((?:\s*;\s*{_NAME}\s*=\s*(?:{_NAME}|\"[^\"]*\"))*)\s*;?")
_WEIGHT = re.compile(r";\s*[qQ]\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$)")
_ANY_WEIGHT = re.compile(r";\s*[qQ]\s*=")


@dataclass(frozen=True, slots=True)
class _Range:
    type: str
    subtype: str
    weight: float
    place: int

    def specificity(self, media_type: str) -> int:
        """How exactly the range names a media type: 3 itself, 2 its kind, 1 any, 0 not at all."""
        main, _, sub = media_type.partition("/")
        if (self.type, self.subtype) == (main, sub):
            return 3
        if (self.type, self.subtype) == (main, "*"):
            return 2
        return int((self.type, self.subtype) == ("*", "*"))


def choose(accept: str | None, offered: Sequence[str]) -> str:
    """The offered media type that the header `Accept` likes best.

    At equal weight the one that is named more exactly, then the one named first, then the first offered. Raises
    `Problem` 406 when none is accepted.
    """
    if accept is None or not accept.strip():
        return offered[0]
    ranges = _read(accept)
    best: tuple[float, int, int] | None = None
    chosen = ""
    for media_type in offered:
        fitting = max(ranges, key=lambda r: (r.specificity(media_type), -r.place), default=None)
        if fitting is None or not fitting.weight or not fitting.specificity(media_type):
            continue
        rank = (fitting.weight, fitting.specificity(media_type), -fitting.place)
        if best is None or rank > best:
            best, chosen = rank, media_type
    if best is None:
        raise Problem(NOT_ACCEPTABLE, f"This is available as {', '.join(offered)}.", headers={"Vary": "accept"})
    return chosen


def _read(accept: str) -> list[_Range]:
    ranges: list[_Range] = []
    for place, part in enumerate(accept.split(",")):
        match = _RANGE.fullmatch(part.strip())
        if match is None:
            continue
        weight = _WEIGHT.search(match[3])
        if weight is None and _ANY_WEIGHT.search(match[3]):
            continue
        ranges.append(_Range(match[1].lower(), match[2].lower(), float(weight[1]) if weight else 1.0, place))
    return ranges
