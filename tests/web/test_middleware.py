"""What the frame gives to every request and puts on every answer."""

import asyncio
import re
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Receive, Scope, Send

from app.web.middleware import Frame, Stopping, add_request_id, decode_segment, normalise_path
from app.web.problems import Problem

Headers = list[tuple[bytes, bytes]]


class Endpoint:
    """An application that keeps the scope it got and answers with given headers."""

    def __init__(self, headers: Headers | None = None) -> None:
        self.headers = headers or []
        self.scope: Scope = {}
        self.logged: list[structlog.typing.EventDict] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.logged.append(dict(add_request_id(None, "info", {"event": "thing.done"})))
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"{}"})


def call(frame: Frame, path: bytes = b"/a", headers: Headers | None = None) -> tuple[int, dict[bytes, bytes]]:
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        messages.append(message)

    scope: Scope = {"type": "http", "method": "GET", "path": path.decode(), "raw_path": path, "headers": headers or []}
    asyncio.run(frame(scope, receive, send))
    return messages[0]["status"], dict(messages[0]["headers"])


@pytest.mark.parametrize("sent", [b"a", b"A.b_c-9", b"x" * 128])
def test_a_well_formed_request_id_is_kept(sent: bytes) -> None:
    endpoint = Endpoint()
    _, headers = call(Frame(endpoint), headers=[(b"host", b"x"), (b"x-request-id", sent)])
    assert headers[b"x-request-id"] == sent
    assert endpoint.scope["state"]["request_id"] == sent.decode()


@pytest.mark.parametrize("sent", [b"", b"x" * 129, b"a b", b"a\n", "é".encode(), b"<script>", None])
def test_any_other_request_id_is_replaced(sent: bytes | None) -> None:
    frame = Frame(Endpoint())
    _, headers = call(frame, headers=[] if sent is None else [(b"x-request-id", sent)])
    assert re.fullmatch(rb"[0-9a-f]{16}", headers[b"x-request-id"])
    assert call(frame)[1][b"x-request-id"] != headers[b"x-request-id"]
    assert call(Frame(Endpoint()))[1][b"x-request-id"] != headers[b"x-request-id"]


def test_the_request_id_is_on_what_is_logged_meanwhile() -> None:
    endpoint = Endpoint()
    call(Frame(endpoint), headers=[(b"x-request-id", b"r-1")])
    assert endpoint.logged == [{"event": "thing.done", "request_id": "r-1"}]
    assert add_request_id(None, "info", {"event": "other"}) == {"event": "other"}


def test_answers_carry_security_headers() -> None:
    _, headers = call(Frame(Endpoint([(b"content-type", b"application/json")])))
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"referrer-policy"] == b"same-origin"
    assert headers[b"cache-control"] == b"no-store"
    assert b"content-security-policy" not in headers


def test_pages_may_load_from_here_alone() -> None:
    page = (b"content-type", b"text/html; charset=utf-8")
    assert call(Frame(Endpoint([page])))[1][b"content-security-policy"] == b"default-src 'self'"
    stricter = (b"content-security-policy", b"default-src 'none'")
    assert call(Frame(Endpoint([page, stricter])))[1][b"content-security-policy"] == b"default-src 'none'"


def test_what_an_endpoint_says_of_caching_stands() -> None:
    assert call(Frame(Endpoint([(b"cache-control", b"max-age=9")])))[1][b"cache-control"] == b"max-age=9"


def test_no_request_is_taken_up_while_stopping() -> None:
    stopping, endpoint = Stopping(), Endpoint()
    frame = Frame(endpoint, stopping)
    assert call(frame)[0] == 200
    stopping.set()
    endpoint.scope = {}
    status, headers = call(frame)
    assert (status, endpoint.scope) == (503, {})
    assert headers[b"connection"] == b"close"
    assert int(headers[b"retry-after"]) > 0
    assert b"x-request-id" in headers
    assert [call(frame, path)[0] for path in (b"/healthz", b"/readyz")] == [200, 200]


def test_a_cancelled_request_is_cancelled_unless_the_process_stops() -> None:
    async def endpoint(scope: Scope, receive: Receive, send: Send) -> None:
        raise asyncio.CancelledError

    stopping = Stopping()
    with pytest.raises(asyncio.CancelledError):
        call(Frame(endpoint, stopping))

    async def stop_and_cancel(scope: Scope, receive: Receive, send: Send) -> None:
        stopping.set()
        raise asyncio.CancelledError

    assert call(Frame(stop_and_cancel, stopping))[0] == 503


@pytest.mark.parametrize(
    "raw,path",
    [
        (b"/a%2fb", "/a%2Fb"),
        (b"/%61%7e%2D%2e", "/a~-."),
        (b"/%ff%FF", "/%FF%FF"),
        (b"/%25%32%46", "/%252F"),
        (b"/%c3%a9", "/%C3%A9"),
        (b"/a%2", "/a%2"),
        (b"/a+b;c", "/a+b;c"),
    ],
)
def test_only_unreserved_characters_are_decoded_in_paths(raw: bytes, path: str) -> None:
    endpoint = Endpoint()
    call(Frame(endpoint), raw)
    assert endpoint.scope["path"] == path


@given(st.text())
def test_any_text_goes_through_a_path_segment(text: str) -> None:
    try:
        raw = quote(text, safe="").encode()
    except UnicodeEncodeError:  # a lone surrogate has no encoding
        return
    segment = normalise_path(raw)
    assert "/" not in segment
    assert decode_segment(segment) == text


@given(st.binary())
def test_normalising_twice_changes_nothing_and_nothing_is_lost(raw: bytes) -> None:
    once = normalise_path(quote(raw, safe="").encode())
    assert normalise_path(once.encode()) == once
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        with pytest.raises(Problem):
            decode_segment(once)
    else:
        assert decode_segment(once) == text


@pytest.mark.parametrize("segment", ["%", "a%2", "%zz", "%FF", "%ED%A0%80", "%C3"])
def test_a_segment_that_is_no_text_is_400(segment: str) -> None:
    with pytest.raises(Problem) as caught:
        decode_segment(segment)
    assert caught.value.status == 400
