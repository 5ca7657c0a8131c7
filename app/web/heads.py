"""The heads of requests: how large one is, and how one that offers another protocol is read as an ordinary one.

Owns the parser's settings. When it is fed, how large a head may be, and what is answered, is decided in `deadlines`.
"""

import contextlib
from collections.abc import Sequence

import httptools

UPGRADE_TOKENS = (b"upgrade", b"http2-settings")

Headers = Sequence[tuple[bytes, bytes]]


class HeadTooLarge(Exception):
    """A head came whole, and is larger than it may be."""


def open_parser(protocol: object) -> httptools.HttpRequestParser:
    """A parser at the begin of a connection, as lenient as uvicorn's own."""
    parser = httptools.HttpRequestParser(protocol)
    with contextlib.suppress(AttributeError):  # httptools < 0.6.3
        # So that what is pipelined behind a last request does not take away its answer.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def count_head(url: bytes, headers: Headers) -> int:
    """The bytes of a head, but for method, version and white space that does not matter."""
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers)


def render_without_upgrade(parser: httptools.HttpRequestParser, url: bytes, headers: Headers) -> bytes:
    """The head that `parser` just parsed as a request that wants no other protocol.

    The parser takes what follows such a head for the other protocol's bytes, and a body (Java's HTTP client sends
    `Upgrade: h2c` with any request) would be lost. None is offered here, so the request is an ordinary one.
    """
    lines = [b"%s %s HTTP/%s" % (parser.get_method(), url, parser.get_http_version().encode())]
    for name, value in headers:
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            value = b", ".join(token for token in tokens if token.lower() not in UPGRADE_TOKENS)
        if name not in UPGRADE_TOKENS:
            lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"
