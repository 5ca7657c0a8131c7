"""What a provider said and is not asked again for some time: its document and its keys.

Owns when it is asked: once for all who wait, again when it has become old, again when somebody finds that it does not
do, but then not often, and after a failure not at once. What is asked, and how, is its user's.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from app.sign_on.asking import Patience
from app.sign_on.errors import SignOnFailed

T = TypeVar("T")


class Remembered(Generic[T]):
    """One thing that a provider said. `monotonic` gives seconds."""

    def __init__(self, ask: Callable[[], Awaitable[T]], patience: Patience, monotonic: Callable[[], float]) -> None:
        self._ask = ask
        self._patience = patience
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._held: tuple[T, float] | None = None
        self._failure: SignOnFailed | None = None
        self._asked_at = 0.0

    async def get(self) -> T:
        """What the provider said, lately. Raises `SignOnFailed`."""
        async with self._lock:
            if self._held is None or self._monotonic() - self._held[1] >= self._patience.lasting_seconds:
                return await self._renew()
            return self._held[0]

    async def newer_than(self, seen: T) -> T | None:
        """What the provider says now that `seen` does not do; None when it was asked lately. Raises `SignOnFailed`."""
        async with self._lock:
            if self._held is not None and self._held[0] is not seen:
                return self._held[0]
            if self._monotonic() - self._asked_at < self._patience.renewal_seconds:
                return None
            return await self._renew()

    async def _renew(self) -> T:
        now = self._monotonic()
        if self._failure is not None and now - self._asked_at < self._patience.failure_seconds:
            raise SignOnFailed(self._failure.reason, str(self._failure))
        self._asked_at, self._failure = now, None
        try:
            said = await self._ask()
        except SignOnFailed as failure:
            self._failure = failure
            raise
        self._held = said, now
        return said
