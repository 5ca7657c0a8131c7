"""How often a sign-in may fail: from one address, and from all together. Kept in memory, by each process for itself."""

from collections import OrderedDict, deque
from collections.abc import Callable

MOST_FAILURES = 10
"""Of one address within `WINDOW_SECONDS`."""
MOST_FAILURES_OF_ALL = 300
WINDOW_SECONDS = 300.0
MOST_ADDRESSES = 10_000


class Attempts:
    """Failed sign-ins of late. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._of: OrderedDict[str, deque[float]] = OrderedDict()
        self._all: deque[float] = deque(maxlen=MOST_FAILURES_OF_ALL)

    def wait_seconds(self, address: str) -> float:
        """How long an address has to wait before it may try; 0 when it may now."""
        failures = self._of.get(address)
        waits = [0.0]
        if failures is not None and len(failures) == MOST_FAILURES:
            waits.append(failures[0] + WINDOW_SECONDS - self._clock())
        if len(self._all) == MOST_FAILURES_OF_ALL:
            waits.append(self._all[0] + WINDOW_SECONDS - self._clock())
        return max(waits)

    def failed(self, address: str) -> None:
        """Notes a failure."""
        now = self._clock()
        self._of.setdefault(address, deque(maxlen=MOST_FAILURES)).append(now)
        self._of.move_to_end(address)
        if len(self._of) > MOST_ADDRESSES:
            self._of.popitem(last=False)
        self._all.append(now)

    def succeeded(self, address: str) -> None:
        """Forgets the failures of an address."""
        self._of.pop(address, None)
