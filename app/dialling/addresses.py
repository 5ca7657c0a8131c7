"""Which addresses may be dialled: public ones and those of networks the operator allowed; cloud metadata never.

Judges addresses, never names: what is judged must be what is dialled. The tables follow IANA's registries of special
purpose addresses (RFC 6890 and its successors). `ipaddress.is_global` is not asked, for it lets multicast, NAT64 of
loopback, 6to4 and site-local pass, and its answers change from one Python to the next. Contract section 7.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Network: TypeAlias = IPv4Network | IPv6Network

_METADATA = tuple(
    ip_network(text)
    for text in (
        "169.254.169.0/24",  # .254: AWS, Google, Azure, Oracle, OpenStack and others; AWS has more beside it
        "169.254.170.0/24",  # AWS: container credentials (.2), pod identity (.23)
        "169.254.0.23/32",  # Tencent
        "169.254.42.42/32",  # Scaleway
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure's wire server, a public address
        "192.0.0.192/32",  # Oracle Cloud Classic
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google
        "fd00:c1::a9fe:a9fe/128",  # Oracle
        "fd00:42::42/128",  # Scaleway
        "fe80::a9fe:a9fe/128",  # OpenStack
    )
)

_NOT_PUBLIC_4 = tuple(
    (IPv4Network(text), reason)
    for text, reason in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared address space"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "for documentation"),
        ("192.88.99.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
    )
)

_NOT_PUBLIC_6 = tuple(
    (IPv6Network(text), reason)
    for text, reason in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("64:ff9b:1::/48", "a local translation to IPv4"),
        ("100::/8", "for discarding"),
        ("2001::/32", "a Teredo tunnel"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "for documentation"),
        ("3fff::/20", "for documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)

_GLOBAL_UNICAST = IPv6Network("2000::/3")

_EMBEDDING = tuple(
    # How many bits of the IPv6 address are right of the IPv4 address inside it.
    (IPv6Network(text), shift)
    for text, shift in (
        ("::ffff:0:0/96", 0),  # IPv4-mapped
        ("::/96", 0),  # IPv4-compatible
        ("::ffff:0:0:0/96", 0),  # IPv4-translated, RFC 2765
        ("64:ff9b::/96", 0),  # NAT64, RFC 6052
        ("2002::/16", 80),  # 6to4
    )
)
_MAPPED = _EMBEDDING[0][0]
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_TEREDO = IPv6Network("2001::/32")


def read_networks(text: str) -> tuple[Network, ...]:
    """The networks of a comma-separated list of CIDRs (`HOS_HOOK_ALLOWED_NETWORKS`); an address is a network of one.

    Raises ValueError that names the wrong part.
    """
    return tuple(_read_network(part.strip()) for part in text.split(",") if part.strip())


def _read_network(part: str) -> Network:
    try:
        network = ip_network(part)
    except ValueError:
        try:
            wider = ip_network(part, strict=False)
        except ValueError:
            raise ValueError(f"{part!r} is no network; write it like 10.0.0.0/8 or fd12:3456::/32") from None
        raise ValueError(f"{part!r} has bits set right of its prefix; did you mean {wider}?") from None
    if isinstance(network, IPv6Network) and network.network_address.scope_id is not None:
        raise ValueError(f"{part!r} has a zone; a network has none")
    return network


def is_loopback(host: str) -> bool:
    """Whether what listens at this host, a name or an address, can be reached from this machine alone."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class AddressGuard:
    """Judges addresses by one list of allowed networks, given as CIDRs. Raises ValueError for what is no network."""

    __slots__ = ("_allowed",)

    def __init__(self, allowed: Iterable[str]) -> None:
        networks = [_read_network(text) for text in allowed]
        self._allowed: tuple[Network, ...] = (*networks, *(n for network in networks if (n := _unmapped(network))))

    def refuse(self, address: str) -> str | None:
        """Why this address, as text, is not dialled, in a few words; None when it may be."""
        if "%" in address:
            return "it names a network interface"
        try:
            given = ip_address(address)
        except ValueError:
            return "it is no IP address"
        judged = _low(given) if isinstance(given, IPv6Address) and given in _MAPPED else given
        if _is_metadata(given):
            return "it is cloud metadata"
        if any(judged in network for network in self._allowed):
            return None
        reason = _not_public(judged)
        return None if reason is None else f"it is {reason}, and not in HOS_HOOK_ALLOWED_NETWORKS"


def _unmapped(network: Network) -> IPv4Network | None:
    """The IPv4 network that a network of IPv4-mapped addresses stands for."""
    if isinstance(network, IPv4Network) or not network.subnet_of(_MAPPED):
        return None
    return IPv4Network((_low(network.network_address), network.prefixlen - 96))


def _not_public(address: IPv4Address | IPv6Address) -> str | None:
    if isinstance(address, IPv4Address):
        return next((reason for network, reason in _NOT_PUBLIC_4 if address in network), None)
    for network, reason in _NOT_PUBLIC_6:
        if address in network:
            return reason
    inner = _embedded(address)
    if inner is not None:
        # It is judged as what it leads to. An allowed IPv4 network does not help: the operator allowed what is reached
        # directly, not what a translator or tunnel elsewhere has at that address.
        reason_inside = _not_public(inner)
        return None if reason_inside is None else f"{reason_inside} ({inner} inside)"
    return None if address in _GLOBAL_UNICAST else "reserved"


def _embedded(address: IPv6Address) -> IPv4Address | None:
    for network, shift in _EMBEDDING:
        if address in network:
            return _low(address, shift)
    return None


def _is_metadata(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address, or an IPv4 address that may be meant by it, is a cloud's metadata."""
    meant = [address]
    if isinstance(address, IPv6Address):
        if (inner := _embedded(address)) is not None:
            meant.append(inner)
        if address in _TEREDO:
            meant += [_low(address, 64), IPv4Address(~int(address) & 0xFFFF_FFFF)]
        if address in _LOCAL_NAT64:
            # The operator of the translator chooses where the IPv4 address stands: RFC 6052 section 2.2.
            bits = int(address)
            high, low = bits >> 64 & 0xFFFF, bits >> 40 & 0xFFFF
            behind_56 = (bits >> 64 & 0xFF) << 24 | bits >> 32 & 0xFF_FFFF
            meant += [_low(address), IPv4Address(high << 16 | low), IPv4Address(behind_56), _low(address, 24)]
    return any(one in network for one in meant for network in _METADATA)


def _low(address: IPv6Address, shift: int = 0) -> IPv4Address:
    return IPv4Address(int(address) >> shift & 0xFFFF_FFFF)
