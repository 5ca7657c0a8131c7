"""Opening a connection to a name: resolve once, check every address, dial one that was checked, verify the certificate.

Owns the step between a name and a socket, where a check made apart from the dial could be got round. Which addresses
pass is `addresses`'s; requests and answers are `client`'s.
"""

import os
import ssl
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from time import monotonic

import httpcore2

from app.dialling.addresses import AddressGuard
from app.dialling.errors import DialFailed, DialRefused
from app.dialling.resolving import Resolver
from app.dialling.urls import Target

HEAD_BYTES = 32 * 1024
"""The largest head of an answer that is read."""


class Connection(httpcore2.AsyncHTTP11Connection):
    """One HTTP/1.1 connection to a checked address, and when it was opened (seconds of the monotonic clock)."""

    # The parser looks at its limit only between reads, so both together bound what is held.
    READ_NUM_BYTES = 16 * 1024
    MAX_INCOMPLETE_EVENT_SIZE = HEAD_BYTES

    def __init__(self, origin: httpcore2.Origin, stream: httpcore2.AsyncNetworkStream, keepalive_expiry: float) -> None:
        super().__init__(origin, stream, keepalive_expiry)
        self.opened = monotonic()


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Connects to names and addresses that the guard lets pass, and to nothing else."""

    def __init__(self, guard: AddressGuard, resolver: Resolver, connect_seconds: float) -> None:
        self._guard = guard
        self._resolver = resolver
        self._sockets = httpcore2.AnyIOBackend()
        self._connect_seconds = connect_seconds

    async def check(self, host: str) -> Sequence[str]:
        """All addresses of `host`, each of which may be dialled. Raises `DialRefused` if any may not.

        A name with public and private addresses is made to get past a check of one of them. Raises `DialFailed` when
        the name has no address.
        """
        addresses = [host] if _is_address(host) else await self._resolve(host)
        for address in addresses:
            reason = self._guard.refuse(address)
            if reason is not None:
                named = address if address == host else f"{address} of {host}"
                raise DialRefused(f"The address {named} may not be dialled: {reason}")
        return addresses

    async def _resolve(self, host: str) -> Sequence[str]:
        try:
            addresses = await self._resolver(host)
        except OSError as error:
            why = error.strerror or "the lookup failed"
            raise DialFailed("unreachable", f"The name {host} cannot be resolved: {why}") from None
        if not addresses:
            raise DialFailed("unreachable", f"The name {host} has no address")
        return addresses

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A stream to the first address that answers; each is given `timeout` seconds.

        Raises `DialRefused`, `DialFailed` and httpcore2's ConnectError and ConnectTimeout, of the last address tried.
        """
        addresses = await self.check(host)
        failure: httpcore2.ConnectError | httpcore2.ConnectTimeout | None = None
        for address in addresses:
            try:
                return await self._sockets.connect_tcp(
                    address, port, timeout=timeout, local_address=local_address, socket_options=socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure

    async def open(self, target: Target, tls: ssl.SSLContext, keep_seconds: float) -> Connection:
        """A new connection to the target. Raises `DialRefused` and `DialFailed`."""
        seconds = self._connect_seconds
        try:
            stream = await self.connect_tcp(target.host, target.port, timeout=seconds)
        except httpcore2.ConnectTimeout:
            raise DialFailed("timeout", f"No connection to {target.shown} within {seconds:g} s") from None
        except httpcore2.ConnectError as error:
            raise DialFailed("unreachable", f"No connection to {target.shown}: {_reason(error)}") from None
        if target.scheme == "https":
            # The name of the URL, not the address dialled, is sent (SNI) and has to be in the certificate.
            try:
                stream = await stream.start_tls(tls, server_hostname=target.host, timeout=seconds)
            except httpcore2.ConnectTimeout:
                raise DialFailed("timeout", f"No TLS connection to {target.shown} within {seconds:g} s") from None
            except (httpcore2.ConnectError, OSError, ValueError) as error:
                raise DialFailed("tls", f"No TLS connection to {target.shown}: {_reason(error)}") from None
            except BaseException:
                # Broken off by the deadline of the whole, in which case the library leaves it open.
                await stream.aclose()
                raise
        origin = httpcore2.Origin(target.scheme.encode(), target.host.encode(), target.port)
        return Connection(origin, stream, keep_seconds)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _reason(error: BaseException) -> str:
    """What the system said, in words: the libraries' own texts repeat addresses or are empty."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not accepted: {' '.join(cause.verify_message.split())}"
        if isinstance(cause, ssl.SSLError):
            return (cause.reason or "its TLS is not understood").replace("_", " ").lower()
        if isinstance(cause, OSError) and cause.errno is not None and cause.errno > 0:
            return os.strerror(cause.errno).lower()
        cause = cause.__cause__
    return "the connection ended"
