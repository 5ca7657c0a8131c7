"""Bodies are read and inflated under one limit: contract section 4, statuses 400, 413 and 415."""

import asyncio
import gzip
import os
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from app.web.bodies import ClientGone, decode_body, read_body
from app.web.problems import Problem

LIMIT = 1000
JSON = b'{"id": 1}'


def read(messages: Sequence[Message], headers: Sequence[tuple[bytes, bytes]] = (), limit: int = LIMIT) -> bytes:
    waiting = list(messages)

    async def receive() -> Message:
        return waiting.pop(0)

    return asyncio.run(read_body({"type": "http", "headers": list(headers)}, receive, limit))


def chunk(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=10))
def test_a_body_is_what_was_sent(chunks: list[bytes]) -> None:
    messages = [chunk(data, more=number < len(chunks) - 1) for number, data in enumerate(chunks)]
    assert read(messages) == b"".join(chunks)


@pytest.mark.parametrize("sizes", [[LIMIT], [LIMIT - 1, 1], [1, 0, LIMIT - 1], []])
def test_the_limit_itself_is_allowed(sizes: list[int]) -> None:
    messages = [chunk(b"x" * size, more=True) for size in sizes]
    assert len(read([*messages, {"type": "http.request"}])) == sum(sizes)


@pytest.mark.parametrize("sizes", [[LIMIT + 1], [LIMIT, 1], [LIMIT + 1, 0], [1, LIMIT, 0]])
def test_beyond_the_limit_is_413(sizes: list[int]) -> None:
    messages = [chunk(b"x" * size, more=number < len(sizes) - 1) for number, size in enumerate(sizes)]
    with pytest.raises(Problem) as caught:
        read(messages)
    assert caught.value.status == 413
    assert caught.value.headers == {"Connection": "close"}


def test_an_announced_size_is_refused_unread() -> None:
    with pytest.raises(Problem) as caught:
        read([], [(b"host", b"x"), (b"content-length", b"1001")])
    assert caught.value.status == 413
    assert read([chunk(b"x")], [(b"content-length", b"1")]) == b"x"


@pytest.mark.parametrize("before", [[], [chunk(b"a", more=True)]])
def test_a_disconnect_ends_reading(before: list[Message]) -> None:
    with pytest.raises(ClientGone):
        read([*before, {"type": "http.disconnect"}])


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        b"",
        b"application/json",
        b"Application/JSON; charset=utf-8",
        b"application/problem+json",
        b"application/vnd.maven.v1+json;a=b",
        b"text/json",
    ],
)
@pytest.mark.parametrize("coding", [None, b"", b"identity", b"gzip", b"GZip", b"x-gzip", b"identity, gzip"])
def test_json_is_taken_plain_and_compressed(content_type: bytes | None, coding: bytes | None) -> None:
    is_plain = coding in (None, b"", b"identity")
    assert decode_body(JSON if is_plain else gzip.compress(JSON), coding, content_type, LIMIT) == JSON


@pytest.mark.parametrize("content_type", [b"application/gzip", b"application/x-gzip"])
def test_gzip_is_a_type_too(content_type: bytes) -> None:
    once = gzip.compress(JSON)
    assert decode_body(once, None, content_type, LIMIT) == JSON
    assert decode_body(once, b"gzip", content_type, LIMIT) == JSON
    assert decode_body(gzip.compress(once), b"gzip", content_type, LIMIT) == JSON
    assert decode_body(gzip.compress(once), b"gzip, gzip", b"application/json", LIMIT) == JSON


@pytest.mark.parametrize(
    "coding,content_type",
    [
        (None, b"text/plain"),
        (None, b"application/x-www-form-urlencoded"),
        (None, b"application/octet-stream"),
        (None, b"text/vnd+json"),
        (None, b"json"),
        (b"gzip", b"text/html"),
        (b"br", b"application/json"),
        (b"deflate", None),
        (b"gzip, br", b"application/json"),
        (b"gzip, gzip, gzip", b"application/json"),
        (b"gzip;q=1", b"application/json"),
    ],
)
def test_other_types_and_codings_are_415(coding: bytes | None, content_type: bytes | None) -> None:
    with pytest.raises(Problem) as caught:
        decode_body(gzip.compress(JSON), coding, content_type, LIMIT)
    assert caught.value.status == 415


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=12), st.integers(0, 30))
def test_members_are_joined_and_padding_is_passed_over(parts: list[bytes], padding: int) -> None:
    raw = b"".join(gzip.compress(part, mtime=0) for part in parts) + bytes(padding)
    assert decode_body(raw, b"gzip", None, LIMIT) == b"".join(parts)


@given(st.binary(min_size=1, max_size=300), st.data())
def test_gzip_cut_short_is_400(body: bytes, data: st.DataObject) -> None:
    raw = gzip.compress(body, mtime=0)
    with pytest.raises(Problem) as caught:
        decode_body(raw[: data.draw(st.integers(0, len(raw) - 1))], b"gzip", None, LIMIT)
    assert caught.value.status == 400


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(raw: bytes) -> None:
    outcome: bytes | int
    try:
        outcome = decode_body(raw, b"gzip", None, LIMIT)
    except Problem as problem:
        outcome = problem.status
    assert outcome in (400, 413) if isinstance(outcome, int) else len(outcome) <= LIMIT


@pytest.mark.parametrize("junk", [b"x", b"\x1f\x8b", JSON])
def test_what_follows_gzip_must_be_gzip(junk: bytes) -> None:
    with pytest.raises(Problem) as caught:
        decode_body(gzip.compress(JSON) + junk, b"gzip", None, LIMIT)
    assert caught.value.status == 400


@pytest.mark.parametrize("size", [15 * 1024, 16 * 1024, 16 * 1024 + 1, 200_000])
def test_bodies_longer_than_a_slice_are_inflated(size: int) -> None:
    body = os.urandom(size)
    assert decode_body(gzip.compress(body, 1) + gzip.compress(body, 1), b"gzip", None, 2 * size) == body * 2


def test_the_limit_holds_after_inflating() -> None:
    assert len(decode_body(gzip.compress(b"x" * LIMIT), b"gzip", None, LIMIT)) == LIMIT
    for raw in (gzip.compress(b"x" * (LIMIT + 1)), gzip.compress(b"x" * LIMIT) + gzip.compress(b"x")):
        with pytest.raises(Problem) as caught:
            decode_body(raw, b"gzip", None, LIMIT)
        assert caught.value.status == 413
    with pytest.raises(Problem) as caught:
        decode_body(b"x" * (LIMIT + 1), None, None, LIMIT)
    assert caught.value.status == 413


def test_a_bomb_is_not_inflated() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(Problem) as caught:
            decode_body(bomb, b"gzip", None, LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert caught.value.status == 413


def test_a_bomb_of_members_is_refused() -> None:
    with pytest.raises(Problem) as caught:
        decode_body(gzip.compress(b"", mtime=0) * 1001, b"gzip", None, LIMIT)
    assert caught.value.status == 400
