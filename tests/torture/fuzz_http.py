"""Bytes at the socket that are HTTP, nearly HTTP, or something else."""

import random
import zlib

from tests.torture.fuzz_events import make_body, mutated
from tests.torture.fuzz_wire import Ask

METHODS = (
    b"GET",
    b"POST",
    b"HEAD",
    b"PUT",
    b"DELETE",
    b"PATCH",
    b"OPTIONS",
    b"TRACE",
    b"CONNECT",
    b"BREW",
    b"get",
    b"",
)
TARGETS = (
    *(
        b"/healthz",
        b"/v1/violations",
        b"/webhooks/maven",
        b"/",
        b"*",
        b"",
        b"//",
        b"/%",
        b"/%zz",
        b"/%ff",
        b"/a%00b",
        b"/../x",
    ),
    *(
        b"http://127.0.0.1/healthz",
        b"/v1/violations/%F0%9F%9A%9A",
        b"/\xff\xfe",
        b"/v1/violations?%",
        b"/v1/violations?=&=&",
    ),
    *(
        b"/v1/violations?limit=%00",
        b"/v1/violations?q=%ff",
        b"/" + b"a" * 9000,
        b"/" + b"%2F" * 3000,
        b"127.0.0.1:80",
        b"\x00",
    ),
    *(
        b"/v1/changes?after=" + b"A" * 5000,
        b"/static/../../etc/passwd",
        b"/docs/..%2f..",
        b"/violations/%2e%2e",
        b"/?" + b"a&" * 4000,
    ),
)
VERSIONS = (b"HTTP/1.1",) * 9 + (
    b"HTTP/1.0",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"HTTP/1.9",
    b"HTTP",
    b"",
    b"HTTP/1.1 x",
    b"ICY/1.1",
)
HEADERS = (
    *(
        b"Host: x",
        b"Host:",
        b"Host: a\r\nHost: b",
        b"Connection: close",
        b"Connection: keep-alive, Upgrade",
        b"Connection: x",
    ),
    *(
        b"Upgrade: websocket",
        b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        b"Expect: 100-continue",
        b"Expect: x",
    ),
    *(
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked, identity",
        b"TE: trailers",
    ),
    *(b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: 99999999999999999999", b"Content-Length: 5, 5"),
    *(b"Content-Length: 1e3", b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length:", b"Content-Length: 0x5"),
    *(
        b"Content-Type: application/json; charset=utf-16",
        b"Content-Type: ;;;",
        b"Content-Type: text/plain",
        b"Content-Type: \xff",
    ),
    *(
        b"Content-Encoding: gzip",
        b"Content-Encoding: br",
        b"Content-Encoding: gzip, gzip",
        b"Content-Encoding: identity",
    ),
    *(
        b"Authorization: Basic",
        b"Authorization: Basic !!!",
        b"Authorization: Bearer",
        b"Authorization: Bearer \xff\xfe",
        b"apiKey:",
    ),
    *(
        b"Authorization: Bearer a\r\nAuthorization: Bearer b",
        b"webhook-id: x\r\nwebhook-timestamp: x\r\nwebhook-signature: v1,x",
    ),
    *(
        b"webhook-id: x\r\nwebhook-timestamp: 99999999999999999999\r\nwebhook-signature: v1a,",
        b"x-request-id: \x01",
        b"X-Request-Id: a b",
    ),
    *(
        b"X-Forwarded-For: \xff, 1",
        b'Forwarded: for="["',
        b"Accept: \xff/*;q=nan",
        b"Accept: */*;q=1e999",
        b"Range: bytes=5-2",
    ),
    *(
        b'If-None-Match: "',
        b"If-None-Match: W/*, ,",
        b"Last-Event-ID: \xc3\x28",
        b'Cookie: hos_session="; ;=',
        b"Cookie: " + b"a=b;" * 900,
    ),
    *(
        b"Accept-Encoding: gzip;q=nan",
        b"Origin: null",
        b"Sec-Fetch-Site: x",
        b"NoColon",
        b": empty",
        b" folded: x",
        b"Bad Name: x",
        b"A\x00B: c",
    ),
    *(
        b"Long: " + b"x" * 70_000,
        b"\r\n".join(b"H%d: x" % n for n in range(300)),
        b"Nul: a\x00b",
        b"Cr: a\rb",
        b"Tab:\tx\t",
    ),
)
_BOMB = zlib.compress(b"[" + b" " * 20_000_000 + b"]", 9, 31)
_NESTED_BOMB = zlib.compress(_BOMB, 9, 31)


def make_rough(chance: random.Random, credential: bytes) -> Ask:
    """Bytes for a connection of their own."""
    match chance.randrange(10):
        case 0:
            data = bytes(chance.randrange(256) for _ in range(chance.choice((1, 10, 300))))
        case 1:
            data = chance.choice(
                (
                    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 60,
                    b"\r\n" * chance.choice((1, 3, 40_000)) + b"GET /healthz HTTP/1.1\r\n\r\n",
                    b"GET /healthz\r\n",
                    b"GET  /healthz  HTTP/1.1\n\n",
                    b"SSH-2.0-x\r\n",
                    b"\x00" * 70_000,
                    b"x" * 70_000,
                )
            )
        case 2:
            return Ask("pipelined", b"".join(_request(chance, credential) for _ in range(chance.randint(2, 12))), True)
        case 3:
            return Ask("chunked", _chunked(chance, credential), is_rough=True)
        case 4:
            return Ask("compressed", _compressed(chance, credential), is_rough=True)
        case 5:
            data = mutated(chance, _request(chance, credential))
        case 6 if chance.random() < 0.3:
            whole = _posted(credential, make_body(chance))
            return Ask("cut", whole[: chance.randrange(1, len(whole))], is_rough=True, is_cut=True)
        case _:
            data = _odd_request(chance)
    return Ask("rough", data, is_rough=True)


def _posted(credential: bytes, body: bytes, *headers: bytes) -> bytes:
    lines = (b"POST /webhooks/maven HTTP/1.1", b"Host: x", b"Content-Type: application/json", credential)
    length = b"Content-Length: %d" % len(body)
    return b"\r\n".join((*lines, *headers, length, b"", body))


def _request(chance: random.Random, credential: bytes) -> bytes:
    """A request that is whole and mostly right."""
    if chance.random() < 0.5:
        return _posted(credential, make_body(chance))
    return b"%b %b HTTP/1.1\r\nHost: x\r\n\r\n" % (
        chance.choice((b"GET", b"GET", b"OPTIONS")),
        chance.choice(TARGETS[:4]),
    )


def _odd_request(chance: random.Random) -> bytes:
    end = chance.choice((b"\r\n", b"\r\n", b"\r\n", b"\n"))
    line = b" ".join((chance.choice(METHODS), chance.choice(TARGETS), chance.choice(VERSIONS)))
    headers = chance.sample(HEADERS, chance.randint(0, 4))
    body = chance.choice((b"", b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"\r\n", b"{}"))
    return end.join((line, *headers, b"", body))


def _chunked(chance: random.Random, credential: bytes) -> bytes:
    body = make_body(chance)
    pieces: list[bytes] = []
    while body:
        size = chance.choice((1, 7, 100, 5000))
        piece, body = body[:size], body[size:]
        written = chance.choice(
            (b"%x" % len(piece),) * 30 + (b"%X;a=b" % len(piece), b"0%x" % len(piece), b"-1", b"g", b"")
        )
        pieces.append(b"%b\r\n%b\r\n" % (written, piece))
    pieces.append(
        chance.choice(
            (b"0\r\n\r\n",) * 6
            + (b"0\r\nTrailer: x\r\n\r\n", b"0\r\n" + b"T: x\r\n" * 9000 + b"\r\n", b"ffffffffffffffff1\r\n")
        )
    )
    head = (b"POST /webhooks/maven HTTP/1.1", b"Host: x", b"Content-Type: application/json", credential)
    return b"\r\n".join((*head, b"Transfer-Encoding: chunked", b"", b"".join(pieces)))


def _compressed(chance: random.Random, credential: bytes) -> bytes:
    packed = zlib.compress(make_body(chance), 6, 31)
    match chance.randrange(8):
        case 0:
            packed = chance.choice((_BOMB, _NESTED_BOMB))
        case 1:
            packed = packed[: chance.randrange(len(packed))]
        case 2:
            packed = mutated(chance, packed)
        case 3:
            packed += chance.choice((packed, b"junk", b"\x00" * 100))
        case 4:
            packed = zlib.compress(b"{}")  # not gzip
    kind = chance.choice((b"Content-Encoding: gzip",) * 4 + (b"Content-Encoding: x-gzip", b"Content-Encoding: deflate"))
    return _posted(credential, packed, kind)
