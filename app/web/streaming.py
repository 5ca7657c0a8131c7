"""An answer that is sent piece by piece, until it is whole or nobody may have it any more.

The first piece is there before the answer begins, so that a database in trouble is a 503; trouble afterwards breaks the
connection off, because an answer that ends orderly is complete. What the pieces are is left to who makes them.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing

import structlog
from starlette.types import Receive, Scope, Send

from app.db.errors import DatabaseUnavailable
from app.web.middleware import Stopping
from app.web.problems import Problem

log = structlog.get_logger(__name__)

JUDGE_SECONDS = 2.0
"""How often the key of a running answer is judged again; a revocation holds within 5 s."""


class Streamed:
    """The answer; sent by calling it, once. `judge` raises `Problem` when the request's key may not read any more."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        first: bytes,
        headers: Iterable[tuple[bytes, bytes]],
        judge: Callable[[Scope], object],
        stopping: Stopping,
    ) -> None:
        self._pieces = pieces
        self._first = first
        self._headers = list(headers)
        self._judge = judge
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._pieces):
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body"})
                return
            await self._send_while_wanted(scope, receive, send)

    async def _send_while_wanted(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends everything, unless the client goes, its key ends, or the process stops: what is sent in part then has
        no end.
        """
        sending = asyncio.create_task(self._send_all(send))
        revoked = asyncio.create_task(self._until_revoked(scope))
        stopping = asyncio.create_task(self._stopping.wait())
        leaving = [asyncio.create_task(_until_gone(receive)), revoked, stopping]
        try:
            await asyncio.wait([sending, *leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, *leaving):
                task.cancel()
            outcome, *_ = await asyncio.gather(sending, *leaving, return_exceptions=True)
        if isinstance(outcome, DatabaseUnavailable):
            log.warning("export.broken_off", reason=str(outcome))
        elif isinstance(outcome, asyncio.CancelledError):
            is_revoked = revoked.done() and not revoked.cancelled()
            reason = "stopping" if self._stopping.is_set() else "key revoked" if is_revoked else "client gone"
            log.info("export.broken_off", reason=reason)
        elif isinstance(outcome, BaseException):
            raise outcome

    async def _until_revoked(self, scope: Scope) -> None:
        """Returns when the key that asked is no longer in force; keys that cannot be judged now are left alone."""
        while True:
            await asyncio.sleep(JUDGE_SECONDS)
            try:
                self._judge(scope)
            except Problem as problem:
                if problem.status in (401, 403):
                    return

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.body", "body": self._first, "more_body": True})
        async for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
