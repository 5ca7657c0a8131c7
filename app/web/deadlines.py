"""HTTP connections that end in time, whatever the client does.

Owns one connection: the time a request may take to arrive, the time an answer may wait to be read, how large headers
may grow, and what is answered when a limit is passed. How to close is in `closing`, how heads are read in `heads`;
parsing, pipelining and keep-alive stay uvicorn's. No timer is set per request: the server calls `check` on every
connection a few times a second.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import httptools
from uvicorn import Config
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from app.web.closing import ClosingTransport, render_last_answer
from app.web.heads import HeadTooLarge, count_head, open_parser, render_without_upgrade
from app.web.middleware import Stopping, stopping_problem
from app.web.problems import BAD_REQUEST, HEADERS_TOO_LARGE, REQUEST_TIMEOUT, Problem


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long is waited for clients, in seconds. `request_seconds` is contract section 4."""

    # From the first byte of a request, or from the connection when nothing was sent yet, to the end of its body.
    request_seconds: float = 10.0
    # How long an answer may wait in memory for a client that does not read.
    unread_seconds: float = 30.0
    # How long the rest of a refused request is read and dropped, so that the refusal is not lost in a connection reset.
    linger_seconds: float = 3.0
    # How long a connection may be idle between requests; proxies in front commonly keep theirs for 60 s.
    keep_alive_seconds: float = 65.0
    # How long a request that only reads may have nothing written to it when its client has closed its side.
    half_closed_seconds: float = 2.0
    # While stopping: for uploads under way, unread answers, handlers, the application's own end, and all of it.
    stop_upload_seconds: float = 1.0
    stop_unread_seconds: float = 2.0
    stop_request_seconds: float = 5.0
    stop_lifespan_seconds: float = 2.0
    stop_seconds: float = 9.0


# Request line and headers, trailers, chunk extensions: whatever is not body and not yet a whole header block.
MAX_HEAD_BYTES = 64 * 1024


class DeadlineConfig(Config):
    """uvicorn's configuration, with what our connections need besides."""

    deadlines: Deadlines
    stopping: Stopping


class DeadlineProtocol(HttpToolsProtocol):
    """One connection. See the module for what it adds to uvicorn's."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        assert isinstance(config, DeadlineConfig)
        self.deadlines = config.deadlines
        self.request_seconds = config.deadlines.request_seconds
        self.unread_seconds = config.deadlines.unread_seconds
        self.line: ClosingTransport
        # The cycle whose answer is due; `cycle` is the one whose request came last, and may still wait its turn.
        self.active: RequestResponseCycle | None = None
        self.is_message_begun = False
        self.is_head_complete = False
        self.is_upgrade = False
        # What has come of the head, trailers or chunk line that is being read: at least, and for the head at most.
        self.head_bytes = 0
        self.head_bytes_at_most = 0
        self.received_bytes = 0
        # Nothing more is parsed: the connection was refused, or is being closed.
        self.is_refused = False
        self.is_stopping = False
        self.read_by: float | None = None
        self.idle_since: float | None = None
        self.unread_since: float | None = None
        self.gone_by: float | None = None
        # The client has closed its side; and how much was written to it when that was last looked at.
        self.is_half_closed = False
        self.seen_writes = 0

    # What the transport tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.line = ClosingTransport(transport, self.begin_closing)
        self.read_by = self.loop.time() + self.request_seconds
        super().connection_made(self.line)

    def connection_lost(self, exc: Exception | None) -> None:
        self.line.is_done = self.is_refused = True
        for cycle, _ in self.pipeline:
            cycle.disconnected = True
        if self.active is not None and self.active is not self.cycle:
            # uvicorn tells only the cycle whose request came last.
            self._disconnect(self.active)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.is_refused:
            return
        if self.read_by is None:
            self.read_by = self.loop.time() + self.request_seconds
        self.received_bytes = len(data)
        self.head_bytes += len(data)
        self.head_bytes_at_most += len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError as exc:
            if isinstance(exc.__context__, HeadTooLarge):
                self.refuse(_head_too_large())
            else:
                self.send_400_response("")
        else:
            if self.head_bytes > MAX_HEAD_BYTES:
                self.refuse(_head_too_large())

    def _feed(self, data: bytes) -> None:
        """Parses what came. A head that offers another protocol is parsed again, once, as one that offers none."""
        rest = memoryview(data)
        while rest:
            try:
                self.parser.feed_data(rest)
                return
            except httptools.HttpParserUpgrade as upgrade:
                if not self.is_upgrade:
                    self._refuse_connect()
                    return
                # Every pass takes something away, so this ends.
                rest = rest[max(upgrade.args[0], 1) :]
                head = render_without_upgrade(self.parser, self.url, self.headers)
                # The old parser is done for when the head wants the connection closed as well.
                self.parser = open_parser(self)
                try:
                    self.parser.feed_data(head)
                except httptools.HttpParserUpgrade:
                    self.send_400_response("")
                    return

    def _refuse_connect(self) -> None:
        """CONNECT opens a tunnel, and there is none. Its answer comes from the router; nothing after it is read."""
        self.is_refused = True
        # What comes after it is read and dropped for a while, as after any refusal: it would reset the connection.
        self.read_by = self.loop.time()
        if self._is_answering():
            self._last_cycle().keep_alive = False
        else:
            self.line.close()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client has said all it will. What came whole is still answered, then the connection ends.

        A client that has gone altogether looks the same. One that brings something is waited for to the end of its
        answer, since it counts. One that only reads, as long as its answer keeps coming: a stream or an export is
        written to, and finds out; a long poll is not, and ends.
        """
        if self.is_message_begun:
            self._drop_reading()
        if not self._is_answering():
            return False
        self.is_refused = self.is_half_closed = True
        self.read_by = None  # nothing more comes that would have to be read and dropped
        self._last_cycle().keep_alive = False
        assert self.active is not None
        self._wait_for_reader(self.active)
        return True

    def _drop_reading(self) -> None:
        """Forgets the request of which not all will come; those before it are answered."""
        self.is_message_begun = False
        self.read_by = None
        if self.is_head_complete:
            self._disconnect(self.cycle)
            if self.pipeline and self.pipeline[0][0] is self.cycle:
                self.pipeline.popleft()

    def _wait_for_reader(self, cycle: RequestResponseCycle) -> None:
        if cycle.scope["method"] in ("GET", "HEAD"):
            self.seen_writes = self.line.writes
            self.gone_by = self.loop.time() + self.deadlines.half_closed_seconds
        else:
            self.gone_by = None

    def pause_writing(self) -> None:
        self.unread_since = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        self.unread_since = None
        super().resume_writing()

    # What the parser tells

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.is_message_begun = True
        self.is_head_complete = False
        self.head_bytes = 0
        self.head_bytes_at_most = self.received_bytes
        if self.read_by is None:
            self.read_by = self.loop.time() + self.request_seconds

    def on_headers_complete(self) -> None:
        self.is_upgrade = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if self.head_bytes_at_most > MAX_HEAD_BYTES and count_head(self.url, self.headers) > MAX_HEAD_BYTES:
            raise HeadTooLarge
        if self.is_upgrade:
            return
        super().on_headers_complete()
        self.is_head_complete = True
        self.head_bytes = 0
        # Trailers are reported like headers. The application has the list, and must not find them in it.
        self.headers = []
        if self.is_stopping:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self.head_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.is_upgrade:
            return
        self.is_message_begun = False
        self.head_bytes = 0
        self.read_by = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self.refuse(Problem(BAD_REQUEST, "The request is not valid HTTP."))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self.active = cycle
        self.idle_since = None
        if self.is_half_closed:
            self._wait_for_reader(cycle)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        # Instead of uvicorn's, which sets a timer for every answer and forgets it when the body comes after the answer.
        self.server_state.total_requests += 1
        if self.line.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self.idle_since = self.loop.time()

    # What the server tells

    def check(self, now: float, elapsed: float) -> None:
        """Ends the connection when its time is up. `elapsed` is the time since the last check, in seconds."""
        if self.is_half_closed and self.gone_by is not None:
            self._follow_answer(now)
        if (self.gone_by is not None and now >= self.gone_by) or (
            self.unread_since is not None and now >= self.unread_since + self.unread_seconds
        ):
            self.line.abort()
        elif self.read_by is not None and not self.is_refused:
            if self.flow.read_paused:
                # It is us who do not read.
                self.read_by += elapsed
            elif now >= self.read_by:
                self.refuse(stopping_problem() if self.is_stopping else self._timeout())
        elif self.idle_since is not None and now >= self.idle_since + self.deadlines.keep_alive_seconds:
            self.line.close()

    def shutdown(self) -> None:
        """Stop after what was received is answered. Called once by the server, and again never."""
        if self.is_stopping:
            return
        self.is_stopping = True
        now = self.loop.time()
        self.unread_seconds = self.deadlines.stop_unread_seconds
        if self.unread_since is not None:
            self.unread_since = now
        if self.gone_by is not None:
            self.gone_by = min(self.gone_by, now + self.unread_seconds)
        elif self.is_message_begun and self.read_by is not None:
            self.read_by = min(self.read_by, now + self.deadlines.stop_upload_seconds)
            if self.is_head_complete:
                self.cycle.keep_alive = False
        elif self._is_answering():
            self._last_cycle().keep_alive = False
        else:
            self.read_by = None
            self.line.close()

    def break_off(self) -> None:
        """Ends an answer that has begun and whose handler does not end. One that has not begun may still say 503."""
        if self.active is not None and self.active.response_started and not self.active.response_complete:
            self._disconnect(self.active)
            self.line.abort()

    # How a connection ends

    def refuse(self, problem: Problem) -> None:
        """Answers the request that is being read with `problem`, after those before it, and closes."""
        self.is_refused = True
        reading = self.cycle if self.is_message_begun and self.is_head_complete else None
        if reading is not None and self.pipeline and self.pipeline[0][0] is reading:
            self.pipeline.popleft()
        if self._is_answering() and self.active is not reading:
            # Its answer may have begun, so nothing can be said about what came after it.
            self._last_cycle().keep_alive = False
            return
        if reading is not None:
            has_started = reading.response_started
            self._disconnect(reading)
            if has_started:
                self.line.close()
                return
        self.line.write(render_last_answer(problem, None if reading is None else dict(reading.scope)))
        self.line.close()

    def begin_closing(self) -> None:
        """Called by `line.close`: everything that is to be said is written."""
        self.is_refused = True
        now = self.loop.time()
        transport = self.line.inner
        if self.read_by is None or transport.is_closing():
            self.gone_by = now + self.unread_seconds
            transport.close()
            return
        self.gone_by = now + (self.unread_seconds if self.is_stopping else self.deadlines.linger_seconds)
        transport.write_eof()
        self.flow.resume_reading()

    def _follow_answer(self, now: float) -> None:
        is_coming = self.unread_since is not None or self.seen_writes != self.line.writes
        if is_coming and not self.is_stopping and not self.line.is_closing():
            self.seen_writes = self.line.writes
            self.gone_by = now + self.deadlines.half_closed_seconds

    def _is_answering(self) -> bool:
        return self.active is not None and not self.active.response_complete and not self.active.disconnected

    def _last_cycle(self) -> RequestResponseCycle:
        assert self.active is not None
        return self.pipeline[0][0] if self.pipeline else self.active

    def _disconnect(self, cycle: RequestResponseCycle) -> None:
        cycle.disconnected = True
        cycle.message_event.set()
        self.flow.resume_writing()

    def _timeout(self) -> Problem:
        return Problem(REQUEST_TIMEOUT, f"The request was not complete within {self.request_seconds:g} s.")


def _head_too_large() -> Problem:
    return Problem(HEADERS_TOO_LARGE, f"The request line and the headers may have {MAX_HEAD_BYTES} bytes together.")
