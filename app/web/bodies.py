"""Request bodies: read whole under a limit, and decompressed under the same limit.

Owns what contract section 4 says of 413, 415 and broken compression, and how wrong fields are told. What the bytes mean
is left to who asked for them.
"""

import zlib

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from app.maven.faults import WrongFields, is_sentence
from app.web.problems import (
    INVALID_ENCODING,
    INVALID_FIELDS,
    INVALID_JSON,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)

GZIP_CODINGS = (b"gzip", b"x-gzip")
FORM_TYPE = "application/x-www-form-urlencoded"
GZIP_TYPES = (b"application/gzip", b"application/x-gzip")
GZIP_MAGIC = b"\x1f\x8b"

# Nobody stacks more than two codings on purpose, and each costs a whole pass.
MAX_CODINGS = 2
# A member is 20 bytes at least and costs far more to open than to send; concatenated files have a few.
MAX_GZIP_MEMBERS = 1000
SLICE_BYTES = 16 * 1024


class ClientGone(ClientDisconnect):
    """The client went away before its request was complete: there is nobody left to answer."""


def _too_large(limit: int) -> Problem:
    # The rest of the body is not read, so the connection cannot carry another request.
    detail = f"The body may have at most {limit} bytes, after decompression too."
    return Problem(TOO_LARGE, detail, headers={"Connection": "close"})


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The whole body as sent, at most `limit` bytes.

    Raises `Problem` 413 as soon as the announced or the received size passes the limit, `ClientGone` when the client
    disconnects or its time is up.
    """
    for name, value in scope["headers"]:
        if name == b"content-length":
            if int(value) > limit:
                raise _too_large(limit)
            break
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit:
            raise _too_large(limit)
        return body
    chunks = bytearray(body)
    while True:
        if len(chunks) > limit:
            raise _too_large(limit)
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunks += message.get("body", b"")
        if not message.get("more_body", False):
            break
    if len(chunks) > limit:
        raise _too_large(limit)
    return bytes(chunks)


def decode_body(raw: bytes, content_encoding: bytes | None, content_type: bytes | None, limit: int) -> bytes:
    """The JSON text that was sent, at most `limit` bytes, from the body and the two headers as received.

    Takes JSON of any name (or of none), and gzip as a coding or as the type. Raises `Problem`: 415 for another type or
    coding, 400 for corrupt or incomplete compression, 413 for a result beyond the limit (inflating stops there).
    """
    if content_encoding is None and (content_type is None or content_type == b"application/json"):
        if len(raw) > limit:
            raise _too_large(limit)
        return raw
    is_gzip_type = _is_gzip_type(content_type)
    codings = [coding.strip().lower() for coding in (content_encoding or b"").split(b",")]
    codings = [coding for coding in codings if coding and coding != b"identity"]
    if len(codings) > MAX_CODINGS or any(coding not in GZIP_CODINGS for coding in codings):
        raise Problem(
            UNSUPPORTED_MEDIA_TYPE,
            "The only content coding understood here is gzip.",
            headers={"Accept-Encoding": "gzip, identity"},
        )
    for _ in codings:
        raw = _gunzip(raw, limit)
    # Some senders name gzip both as the type and as the coding, and compress once.
    if is_gzip_type and (not codings or raw.startswith(GZIP_MAGIC)):
        raw = _gunzip(raw, limit)
    if len(raw) > limit:
        raise _too_large(limit)
    return raw


async def read_json(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The JSON text of a request, read and decompressed. Raises what `read_body` and `decode_body` raise."""
    return decode_sent(scope, await read_body(scope, receive, limit), limit)


def media_type(scope: Scope) -> str:
    """The type that a request says its body is of, in lower case and without parameters; empty when it says none."""
    return Headers(scope=scope).get("content-type", "").partition(";")[0].strip().lower()


def decode_sent(scope: Scope, raw: bytes, limit: int) -> bytes:
    """The JSON text of a request whose body was read. Raises what `decode_body` raises."""
    headers = Headers(scope=scope)

    def sent(name: str) -> bytes | None:
        text = headers.get(name)
        return None if text is None else text.encode("latin-1")

    return decode_body(raw, sent("content-encoding"), sent("content-type"), limit)


def fields_problem(error: WrongFields) -> Problem:
    """The problem that a body is not JSON, or has fields that cannot be."""
    errors = [{"pointer": fault.pointer, "detail": fault.detail} for fault in error.faults]
    if not error.is_json:
        return Problem(INVALID_JSON, "The body is not JSON.", errors=errors)
    first = error.faults[0]
    detail = first.detail if is_sentence(first) else f"{first.pointer.lstrip('/') or 'The body'} {first.detail}"
    return Problem(INVALID_FIELDS, detail, errors=errors)


def _is_gzip_type(content_type: bytes | None) -> bool:
    """Whether the type is gzip rather than JSON. Raises `Problem` 415 when it is neither."""
    essence = (content_type or b"").partition(b";")[0].strip().lower()
    if essence in GZIP_TYPES:
        return True
    is_json_type = essence in (b"", b"application/json", b"text/json")
    if not is_json_type and not (essence.startswith(b"application/") and essence.endswith(b"+json")):
        raise Problem(UNSUPPORTED_MEDIA_TYPE, "Send application/json, or gzip with JSON inside.")
    return False


def _gunzip(raw: bytes, limit: int) -> bytes:
    """Inflates all members of a gzip file (RFC 1952 section 2.2), stopping one byte beyond the limit."""
    view = memoryview(raw)
    inflated = bytearray()
    position = members = 0
    try:
        while position < len(view):
            if members and not any(view[position:]):
                break  # padding with zeros after the last member, as tape and block devices leave it
            members += 1
            if members > MAX_GZIP_MEMBERS:
                raise Problem(INVALID_ENCODING, f"The gzip data has more than {MAX_GZIP_MEMBERS} members.")
            member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
            pending: bytes | memoryview = b""
            while not member.eof:
                if not pending:
                    pending = view[position : position + SLICE_BYTES]
                    position += len(pending)
                    if not pending:
                        raise Problem(INVALID_ENCODING, "The gzip data ends too early.")
                inflated += member.decompress(pending, limit + 1 - len(inflated))
                if len(inflated) > limit:
                    raise _too_large(limit)
                pending = member.unconsumed_tail
            position -= len(member.unused_data)
    except zlib.error:
        raise Problem(INVALID_ENCODING, "The gzip data is corrupt.") from None
    if not members:
        raise Problem(INVALID_ENCODING, "The gzip data ends too early.")
    return bytes(inflated)
