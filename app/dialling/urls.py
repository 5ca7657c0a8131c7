"""URLs that may be dialled, read by one strict grammar: what is checked is read no other way when it is dialled.

Readers of URLs disagree about backslashes, user information, odd spellings of addresses, and white space; what they
disagree about is refused here. Which addresses may be reached is left to `addresses`. Contract section 7.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

LONGEST_URL = 2048
"""Characters."""

_PORTS = {"http": 80, "https": 443}
_PARTS = re.compile(r"([a-z][a-z0-9+.-]*):(?://)([^/?#]*)([^#]*)(#.*)?", re.IGNORECASE | re.DOTALL)
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(:.*)?", re.DOTALL)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_FOREIGN = re.compile(r'["<>\\^`{|}]')
"""Printable characters that RFC 3986 has no place for."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in its parts. `host` is in lower case, an IPv6 address without its brackets."""

    scheme: str
    host: str
    port: int
    path: str
    """With the query."""

    @property
    def authority(self) -> str:
        """For the Host header: without the port where it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """For people and logs, without what may be secret."""
        return f"{self.scheme}://{self.authority}"


def check_url(text: str) -> None:
    """Raises ValueError, with one sentence that never shows the URL, when this is no URL that may be dialled."""
    read_target(text)


def read_target(text: str) -> Target:
    """The URL in its parts. Raises ValueError as `check_url` does."""
    if len(text) > LONGEST_URL:
        raise ValueError(f"The URL is longer than {LONGEST_URL:,} characters.")
    if any(c.isspace() or ord(c) < 0x21 or ord(c) == 0x7F for c in text):
        raise ValueError("The URL has white space or control characters in it.")
    if not text.isascii():
        raise ValueError("The URL must be ASCII: the host in punycode (xn--...), everything else percent-encoded.")
    if _FOREIGN.search(text):
        raise ValueError('The URL has a character in it that must be percent-encoded: one of " < > \\ ^ ` { | }')
    parts = _PARTS.fullmatch(text)
    if parts is None or parts[1].lower() not in _PORTS:
        raise ValueError("The URL must begin with http:// or https://.")
    scheme, authority, path = parts[1].lower(), parts[2], parts[3]
    if "@" in authority:
        raise ValueError("The URL must not have a user name or password in it.")
    if parts[4] is not None:
        raise ValueError("The URL must not have a fragment: leave out what begins with #.")
    halves = _AUTHORITY.fullmatch(authority)
    if halves is None:
        raise ValueError("The host of the URL cannot be read; an IPv6 address stands in brackets.")
    host = _read_host(halves[1].lower())
    path = path if path.startswith("/") else f"/{path}"
    return Target(scheme, host, _read_port(halves[2], _PORTS[scheme]), path)


def _read_port(text: str | None, usual: int) -> int:
    if text is None:
        return usual
    digits = text[1:]
    if not re.fullmatch(r"[1-9][0-9]{0,4}", digits) or int(digits) > 65_535:
        raise ValueError("The port of the URL must be a number from 1 to 65535.")
    return int(digits)


def _read_host(host: str) -> str:
    if not host:
        raise ValueError("The URL has no host.")
    if host.startswith("["):
        return _read_ipv6(host[1:-1])
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("The host of the URL is neither a name nor an address.")
    if not _NUMBER.fullmatch(labels[-1]):
        return host
    # Resolvers take all of 127.1, 0x7f.1, 2130706433 and 017700000001 for 127.0.0.1; a host that ends in a number is an
    # address (WHATWG URL, "ends in a number"), and is taken in its one usual spelling.
    try:
        return str(IPv4Address(host))
    except ValueError:
        raise ValueError("An IPv4 address is written as four decimal numbers without leading zeros.") from None


def _read_ipv6(text: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError:
        address = None
    if address is None or address.scope_id is not None:
        raise ValueError("What stands in brackets in the URL must be an IPv6 address without a zone.")
    spellings = {address.compressed}
    if address.ipv4_mapped is not None:
        low = int(address) & 0xFFFF_FFFF
        # Pythons differ in which of the two they write.
        spellings = {f"::ffff:{address.ipv4_mapped}", f"::ffff:{low >> 16:x}:{low & 0xFFFF:x}"}
    if text not in spellings:
        raise ValueError("An IPv6 address is written in its shortest form (RFC 5952).")
    return text
