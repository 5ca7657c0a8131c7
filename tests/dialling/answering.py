"""A real server on loopback that answers with exactly the bytes a test gives it, and certificates for it.

Reads one request after another; what it says and when it ends is the test's.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Request:
    number: int
    line: str
    headers: dict[str, str]
    body: bytes


Reply: TypeAlias = Callable[[Request, asyncio.StreamWriter], Awaitable[bool]]
"""Writes an answer; says whether the connection goes on."""


@dataclass(slots=True)
class Server:
    greeting: bytes
    """Said before anything is asked."""
    reply: Reply
    port: int = 0
    connections: int = 0
    asked: list[Request] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a connection has ended."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            writer.write(self.greeting)
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:-2])}
                body = await reader.readexactly(int(headers["content-length"]))
                request = Request(len(self.asked), lines[0], headers, body)
                self.asked.append(request)
                if not await self.reply(request, writer):
                    return
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            pass
        finally:
            writer.close()
            self.ended.set()


async def silent(request: Request, writer: asyncio.StreamWriter) -> bool:
    """Never answers."""
    await asyncio.get_running_loop().create_future()
    return False


def saying(*answers: bytes, goes_on: bool = True) -> Reply:
    """Answers with these bytes, one after another; the last again and again."""

    async def reply(request: Request, writer: asyncio.StreamWriter) -> bool:
        writer.write(answers[min(request.number, len(answers) - 1)])
        return goes_on

    return reply


def http(status: int, body: bytes = b"", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


@asynccontextmanager
async def answering(reply: Reply, tls: ssl.SSLContext | None = None, greeting: bytes = b"") -> AsyncIterator[Server]:
    server = Server(greeting, reply)
    conversations: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.create_task(server.converse(reader, writer)))

    listener = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for conversation in conversations:
            conversation.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that signed itself, for a server and for who trusts it."""

    serving: ssl.SSLContext
    trusting: ssl.SSLContext


def certificate(folder: Path, name: str, days: int = 1) -> Certificate:
    """For a name or an address; with negative days it has ended."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    try:
        alternative: x509.GeneralName = x509.IPAddress(ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    in_text = signed.public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain) + in_text)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(path)
    return Certificate(serving, ssl.create_default_context(cadata=in_text.decode()))
