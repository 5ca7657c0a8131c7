"""Messages for people by Apprise, which runs in processes of its own, for here it could not be held to anything.

Owns how many processes there are, who waits for one, the deadline, and when one is ended. Starting and asking one is
`apprise_process`'s, what is allowed in it `apprise_gate`'s and `apprise_urls`'s. Apprise is never imported here: it
is heavy, blocks, resolves names itself, and follows redirects. Contract section 7.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from app.alerts.apprise_process import AppriseProcess
from app.alerts.messages import Message
from app.dialling.addresses import AddressGuard
from app.dialling.errors import DialFailed, DialRefused


class AppriseSender:
    """Sends by Apprise URLs. Closed with `aclose`; may be used by many tasks at a time.

    `allowed` are the networks that may be reached beside public addresses, as CIDRs. A call takes `total_seconds` at
    most, waiting for one of `processes` included; a process that has nothing to do for `idle_seconds` is ended. Raises
    ValueError for what is no network.
    """

    def __init__(
        self,
        allowed: Sequence[str],
        *,
        total_seconds: float = 15.0,
        processes: int = 4,
        idle_seconds: float = 60.0,
    ) -> None:
        AddressGuard(allowed)
        self._allowed = tuple(allowed)
        self._total_seconds = total_seconds
        self._idle_seconds = idle_seconds
        self._places = asyncio.Semaphore(processes)
        self._idle: dict[AppriseProcess, asyncio.TimerHandle] = {}
        """The one used last comes last."""
        self._busy: set[AppriseProcess] = set()
        self._starting: set[asyncio.Task[AppriseProcess]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def check(self, url: str) -> str:
        """What may be shown of an Apprise URL that may be used: its schema, and the host and port it names, if any.

        Sends nothing. Raises `DialRefused`, with a sentence that never shows more of the URL than that, when it may not
        be used, and `DialFailed` when its host cannot be resolved now.
        """
        answer = await self._ask({"do": "check", "url": url})
        return str(answer["shown"])

    async def send(self, url: str, message: Message) -> None:
        """Sends one message, once. Raises `DialRefused` and `DialFailed`, whose texts show no more than `check` does.

        A service that tells several people may have told some of them when it fails.
        """
        await self._ask({"do": "send", "url": url, "title": message.title, "body": message.body, "kind": message.kind})

    async def aclose(self) -> None:
        """Ends all processes; what is being sent fails."""
        self._is_closed = True
        for process, timer in list(self._idle.items()):
            timer.cancel()
            self._end(process)
        self._idle.clear()
        for process in self._busy:
            self._end(process)
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*self._ending)

    async def _ask(self, request: dict[str, object]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._total_seconds), self._places:
                answer = await self._exchange(request)
        except TimeoutError:
            what = "The message was not sent" if request["do"] == "send" else "The Apprise URL was not checked"
            raise DialFailed("timeout", f"{what} within {self._total_seconds:g} s.") from None
        if "refused" in answer:
            raise DialRefused(answer["refused"])
        if "failed" in answer:
            outcome, text = answer["failed"]
            raise DialFailed(outcome, text)
        return answer

    async def _exchange(self, request: dict[str, object]) -> dict[str, Any]:
        process = self._take() or await self._start()
        self._busy.add(process)
        try:
            answer = await process.ask(request)
        except BaseException:
            # Also when the deadline has come: a late answer must not be taken for that of the next message.
            self._end(process)
            raise
        finally:
            self._busy.discard(process)
        self._keep(process)
        return answer

    async def _start(self) -> AppriseProcess:
        # In a task of its own, for uvloop loses a process whose start is broken off.
        task = asyncio.create_task(self._started())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._end_unwanted)
            raise

    async def _started(self) -> AppriseProcess:
        process = await AppriseProcess.start(self._allowed, self._total_seconds)
        if self._is_closed:
            await process.end()
            raise DialFailed("unreachable", "Apprise is used no more.")
        return process

    def _end_unwanted(self, task: "asyncio.Task[AppriseProcess]") -> None:
        if not task.cancelled() and task.exception() is None:
            self._end(task.result())

    def _take(self) -> AppriseProcess | None:
        while self._idle:
            process, timer = self._idle.popitem()
            timer.cancel()
            if process.is_alive:
                return process
            self._end(process)
        return None

    def _keep(self, process: AppriseProcess) -> None:
        if self._is_closed:
            self._end(process)
            return
        loop = asyncio.get_running_loop()
        self._idle[process] = loop.call_later(self._idle_seconds, self._end_idle, process)

    def _end_idle(self, process: AppriseProcess) -> None:
        del self._idle[process]
        self._end(process)

    def _end(self, process: AppriseProcess) -> None:
        task = asyncio.get_running_loop().create_task(process.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
