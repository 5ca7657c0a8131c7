"""Whatever is asked of the pages: no crash, and always the headers that every answer has."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from starlette.types import Message

from app.query.filters import FILTER_NAMES
from tests.dashboard.reading import assert_inert, read
from tests.dashboard.visiting import House, open_house
from tests.databases import Databases
from tests.maven.examples import flat_event
from tests.query.reading import PATIENCE

pytestmark = pytest.mark.anyio

SEGMENTS = st.sampled_from(
    ["v1", "JDOE123", "%2F", "%00", "%", "%FF", "%ED%A0%80", "..", "%2e%2e", "", "a b", "\u00fc"]
)
PATHS = st.one_of(
    st.sampled_from(["/", "/violations.csv", "/sign-in", "/sign-out", "/reviews", "/sign-in/with-provider"]),
    st.sampled_from(["/sign-in/from-provider", "/violations/v1", "/violations/v1/review", "/drivers/JDOE123"]),
    SEGMENTS.map(lambda one: f"/violations/{one}"),
    SEGMENTS.map(lambda one: f"/violations/{one}/review"),
    SEGMENTS.map(lambda one: f"/drivers/{one}"),
    st.tuples(SEGMENTS, SEGMENTS).map(lambda both: f"/static/{both[0]}/{both[1]}"),
    st.just("/static/x/pages.js"),
)
VALUES = st.one_of(
    st.sampled_from(
        ["", "1", "-1", "true", "all", "PGH", "2024-01-01", "2024-01-01T00:00:00Z", "v1", "//x", "coached"]
    ),
    st.sampled_from(["%", "%00", "%FF", "%ED%A0%80", "%EF%BF%BF", "a,b", ",", "99999999999999999999", "9" * 5000]),
    st.text(st.characters(max_codepoint=255, exclude_characters=" \r\n\0"), max_size=8),
)
NAMES = st.sampled_from([*FILTER_NAMES, "page", "next", "id", "status", "note", "token", "key", "code", "state", ""])
QUERIES = st.lists(st.tuples(NAMES, VALUES), max_size=4).map(lambda pairs: "&".join(f"{n}={v}" for n, v in pairs))
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("accept", "host", "origin", "sec-fetch-site", "content-type", "accept-encoding", "x-request-id"),
                *("x-live", "content-encoding", "authorization", "cookie", "x-forwarded-proto"),
            ]
        ),
        st.one_of(
            st.sampled_from(["text/html", "*/*", "same-origin", "application/x-www-form-urlencoded", "gzip", "br"]),
            st.sampled_from(["[::1", "http://[::1", "hos_session=x", "hos_session", "hos_sign_on=%%%", "0", "-1", ""]),
            st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=12),
        ),
    ),
    max_size=4,
)
BODIES = QUERIES.map(lambda query: query.encode("latin-1")) | st.binary(max_size=40)
METHODS = st.sampled_from(["GET", "GET", "GET", "POST", "POST", "HEAD", "PUT", "OPTIONS", "BREW"])


async def answer_to(
    house: House, method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """The answer to a request of these very bytes."""
    raw = path.encode("latin-1")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": raw,
        "query_string": query.encode("latin-1"),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("192.0.2.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    messages: list[Message] = []
    is_asked = False

    async def receive() -> Message:
        nonlocal is_asked
        if is_asked:
            await asyncio.Event().wait()
        is_asked = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    async with asyncio.timeout(PATIENCE):
        await house.app(scope, receive, send)
    start, *rest = messages
    named = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return start["status"], named, b"".join(message.get("body", b"") for message in rest)


@asynccontextmanager
async def house_with_a_visitor(databases: Databases) -> AsyncIterator[tuple[House, str]]:
    with databases.fresh() as url:
        async with open_house(url) as house:
            await house.keep(flat_event(id="v1"))
            browser = await house.visitor()
            assert browser.session is not None
            yield house, browser.session


UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""Of many requests the failed assertion names the one: making them fewer would take minutes and tell nothing."""
REQUESTS = st.lists(st.tuples(METHODS, PATHS, QUERIES, HEADERS, BODIES, st.booleans()), min_size=20, max_size=20)


@settings(max_examples=25, phases=UNSHRUNK)
@given(requests=REQUESTS)
async def test_nothing_crashes(
    databases: Databases, requests: list[tuple[str, str, str, list[tuple[str, str]], bytes, bool]]
) -> None:
    async with house_with_a_visitor(databases) as (house, session):
        for method, path, query, headers, body, is_in in requests:
            cookie = [("cookie", f"hos_session={session}")] if is_in else []
            sent = [("accept", "text/html"), ("host", "127.0.0.1"), *cookie, *headers]
            if method == "POST":
                sent += [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", "same-origin")]
            status, named, content = await answer_to(house, method, path, query, sent, body)
            assert status not in (500, 501, 502), (method, path, query, headers, body)
            assert status != 503, (method, path, query, headers, body)
            assert named["x-request-id"]
            assert named["x-content-type-options"] == "nosniff"
            assert named["referrer-policy"] == "same-origin"
            if named.get("content-type", "").startswith("text/html"):
                assert "default-src 'self'" in named["content-security-policy"]
                if "content-encoding" not in named and method != "HEAD":
                    assert_inert(read(content.decode()))
            elif status >= 400:
                assert named["content-type"] == "application/problem+json"
            if "location" in named:
                assert named["location"].startswith("/")
                assert not named["location"].startswith(("//", "/\\"))
