"""What the events of violations say, in words, kept for the next page: events never change."""

from collections import OrderedDict
from collections.abc import Iterable

from app.db.statements import Dialect, ReadScript
from app.maven.events import read_data
from app.query.violations import large_payload, payloads
from app.violations.telling import Telling, tell

MOST_KEPT = 20_000
"""Tellings of about half a kilobyte."""


class Tellings:
    """Tellings by the numbers of their events, those asked for last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, Telling] = OrderedDict()

    def of(self, dialect: Dialect, seqs: Iterable[int]) -> ReadScript[dict[int, Telling]]:
        """The tellings of these events, of those that are still there."""
        found: dict[int, Telling] = {}
        missing: list[int] = []
        for seq in seqs:
            telling = self._kept.get(seq)
            if telling is None:
                missing.append(seq)
            else:
                self._kept.move_to_end(seq)
                found[seq] = telling
        if missing:
            for seq, payload in (yield payloads(dialect, missing)):
                if payload is None:
                    ((payload,),) = yield large_payload(seq)
                found[seq] = self._kept[seq] = tell(read_data(bytes(payload)))
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return found
