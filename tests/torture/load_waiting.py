"""How long a process waited for a processor, so that a deadline can be judged on a machine that does much else.

What a server owes within seconds it owes when it may run. On a quiet machine this is nothing.
"""

import time
from bisect import bisect
from pathlib import Path


class ProcessorWaits:
    """The time that the first threads of some processes were ready to run and did not, in seconds.

    A system that does not tell has none.
    """

    def __init__(self, *pids: int) -> None:
        self._files = [Path(f"/proc/{pid}/schedstat") for pid in pids]
        self._times: list[float] = []
        self._waits: list[float] = []

    def so_far(self) -> float:
        """Of all their lives; ended processes count no more."""
        seconds = 0.0
        for file in self._files:
            try:
                seconds += int(file.read_text().split()[1]) / 1e9
            except (OSError, IndexError):
                continue
        return seconds

    def note(self) -> None:
        """Remembers how much it is now; to be called several times a second."""
        self._times.append(time.monotonic())
        self._waits.append(self.so_far())

    def between(self, began_at: float, ended_at: float) -> float:
        """How much it was between two times by `time.monotonic`, as far as was noted."""
        if not self._times:
            return 0.0
        first = max(0, bisect(self._times, began_at) - 1)
        last = min(len(self._times) - 1, bisect(self._times, ended_at))
        return max(0.0, self._waits[last] - self._waits[first])
