"""Which addresses may be dialled: the tables of special addresses, hiding one in another, allowed networks."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dialling.addresses import AddressGuard, read_networks

PUBLIC_ONLY = AddressGuard([])
EVERYTHING = AddressGuard(["0.0.0.0/0", "::/0"])

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "2000::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "2001:200::1",
    "2001:4860:4860::8888",
    "3ffe:ffff::1",
    "::ffff:8.8.8.8",
    "::ffff:808:808",
    "64:ff9b::808:808",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
    "::ffff:0:808:808",
]

NOT_PUBLIC = [
    ("0.0.0.0", "unspecified"),
    ("0.1.2.3", "unspecified"),
    ("10.0.0.0", "private"),
    ("10.255.255.255", "private"),
    ("100.64.0.0", "shared"),
    ("100.127.255.255", "shared"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("169.254.0.1", "link-local"),
    ("169.254.255.255", "link-local"),
    ("172.16.0.0", "private"),
    ("172.31.255.255", "private"),
    ("192.0.0.0", "reserved"),
    ("192.0.0.8", "reserved"),
    ("192.0.0.9", "reserved"),
    ("192.0.0.170", "reserved"),
    ("192.0.2.1", "documentation"),
    ("192.88.99.1", "reserved"),
    ("192.168.0.1", "private"),
    ("192.168.255.255", "private"),
    ("198.18.0.0", "benchmarks"),
    ("198.19.255.255", "benchmarks"),
    ("198.51.100.7", "documentation"),
    ("203.0.113.7", "documentation"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.250", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.254", "reserved"),
    ("255.255.255.255", "broadcast"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::2", "unspecified"),
    ("::127.0.0.1", "loopback"),
    ("::10.0.0.1", "private"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:7f00:1", "loopback"),
    ("::ffff:10.1.2.3", "private"),
    ("::ffff:0.0.0.0", "unspecified"),
    ("::ffff:224.0.0.1", "multicast"),
    ("::ffff:0:127.0.0.1", "loopback"),
    ("::ffff:0:a00:1", "private"),
    ("64:ff9b::7f00:1", "loopback"),
    ("64:ff9b::10.0.0.1", "private"),
    ("64:ff9b::192.168.1.1", "private"),
    ("64:ff9b::e000:1", "multicast"),
    ("64:ff9b:1::808:808", "local translation"),
    ("64:ff9b:1::7f00:1", "local translation"),
    ("64:ff9b:1:a00:0:100::", "local translation"),
    ("64:ff9b:0:0:0:1::", "reserved"),
    ("2002:7f00:1::", "loopback"),
    ("2002:a00:1::1", "private"),
    ("2002:c0a8:101::1", "private"),
    ("2002:e000:1::", "multicast"),
    ("2001::1", "Teredo"),
    ("2001:0:4136:e378:8000:63bf:80ff:fffe", "Teredo"),
    ("2001:2::1", "reserved"),
    ("2001:10::1", "reserved"),
    ("2001:20::1", "reserved"),
    ("2001:1ff:ffff::", "reserved"),
    ("2001:db8::1", "documentation"),
    ("3fff:fff::1", "documentation"),
    ("100::1", "discarding"),
    ("100:0:0:1::1", "discarding"),
    ("5f00::1", "reserved"),
    ("4000::1", "reserved"),
    ("1fff::1", "reserved"),
    ("e000::1", "reserved"),
    ("fc00::1", "private"),
    ("fd12:3456::1", "private"),
    ("fdff:ffff::1", "private"),
    ("fe00::1", "reserved"),
    ("fe80::1", "link-local"),
    ("febf::1", "link-local"),
    ("fec0::1", "site-local"),
    ("feff::1", "site-local"),
    ("ff02::1", "multicast"),
    ("ff0e::1", "multicast"),
]

METADATA = [
    "169.254.169.254",
    "169.254.169.123",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.0.23",
    "169.254.42.42",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "fd00:c1::a9fe:a9fe",
    "fd00:42::42",
    "fe80::a9fe:a9fe",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "::169.254.169.254",
    "::ffff:0:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::6464:64c8",
    "64:ff9b::168.63.129.16",
    "2002:a9fe:a9fe::",
    "2002:a83f:8110::1",
    "64:ff9b:1::a9fe:a9fe",
    "64:ff9b:1:a9fe:a9:fe00::",
    "64:ff9b:1:a9:fe:a9fe::",
    "64:ff9b:1:ffff:a9:fea9:fe00:0",
    "2001:0:a9fe:a9fe::",
    "2001:0:808:808:0:0:5601:5601",
]

NO_ADDRESS = [
    "",
    " ",
    "127.0.0.1 ",
    "localhost",
    "127.1",
    "0x7f.0.0.1",
    "2130706433",
    "127.0.0.01",
    "[::1]",
    "1.1.1.1:80",
]
ZONES = ["fe80::1%eth0", "fe80::1%1", "2606:4700::1%eth0", "::1%lo", "1.1.1.1%eth0", "%"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_dialled(address: str) -> None:
    assert PUBLIC_ONLY.refuse(address) is None


@pytest.mark.parametrize("address, reason", NOT_PUBLIC)
def test_others_are_refused_with_their_reason_unless_allowed(address: str, reason: str) -> None:
    told = PUBLIC_ONLY.refuse(address)
    assert told is not None
    assert reason in told
    assert EVERYTHING.refuse(address) is None


@pytest.mark.parametrize("address", METADATA)
def test_metadata_is_never_dialled(address: str) -> None:
    exactly = AddressGuard([address])
    for guard in (PUBLIC_ONLY, EVERYTHING, exactly):
        assert guard.refuse(address) == "it is cloud metadata"


@pytest.mark.parametrize("address", [*NO_ADDRESS, *ZONES])
def test_what_is_no_plain_address_is_refused(address: str) -> None:
    assert PUBLIC_ONLY.refuse(address) is not None
    assert EVERYTHING.refuse(address) is not None


@pytest.mark.parametrize(
    "allowed, passes, refused",
    [
        (["127.0.0.0/8"], "127.0.0.1 127.9.9.9 ::ffff:7f00:1", "::1 10.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: ::7f00:1"),
        (["10.1.2.3"], "10.1.2.3 ::ffff:a01:203", "10.1.2.2 10.1.2.4 ::ffff:0:a01:203"),
        (["::1/128"], "::1", "127.0.0.1 ::ffff:127.0.0.1"),
        (["::ffff:10.0.0.0/104"], "10.0.0.1 ::ffff:10.0.0.1", "11.1.1.1%x 127.0.0.1"),
        (["64:ff9b:1::/48"], "64:ff9b:1::808:808 64:ff9b:1::7f00:1", "64:ff9b::7f00:1 127.0.0.1"),
        (["fd00::/8", "192.168.0.0/16"], "fd00::1 192.168.3.4", "fc00::1 fe80::1 10.0.0.1"),
        (["64:ff9b::/96"], "64:ff9b::a00:1 8.8.8.8", "10.0.0.1"),
        ([], "8.8.8.8", "127.0.0.1"),
    ],
)  # fmt: skip
def test_allowed_networks(allowed: list[str], passes: str, refused: str) -> None:
    guard = AddressGuard(allowed)
    assert [address for address in passes.split() if guard.refuse(address) is not None] == []
    assert [address for address in refused.split() if guard.refuse(address) is None] == []


HIDDEN_4 = [IPv4Network(text) for text in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
HIDDEN_4 += [IPv4Network("169.254.0.0/16"), IPv4Network("224.0.0.0/4"), IPv4Network("0.0.0.0/8")]
WRAPPINGS = [
    (0xFFFF << 32, 0),
    (0, 0),
    (0xFFFF << 48, 0),
    (0x64_FF9B << 96, 0),
    (0x64_FF9B_0001 << 80, 0),
    (0x2002 << 112, 80),
]


def inside(networks: list[IPv4Network]) -> st.SearchStrategy[IPv4Address]:
    return st.sampled_from(networks).flatmap(
        lambda network: st.integers(int(network.network_address), int(network.broadcast_address)).map(IPv4Address)
    )


@given(inside(HIDDEN_4), st.sampled_from(WRAPPINGS))
def test_nothing_inside_is_reached_in_any_wrapping(address: IPv4Address, wrapping: tuple[int, int]) -> None:
    prefix, shift = wrapping
    assert PUBLIC_ONLY.refuse(str(address)) is not None
    assert PUBLIC_ONLY.refuse(str(IPv6Address(prefix | int(address) << shift))) is not None


@given(
    st.sampled_from(["fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "2001:db8::/32"]).flatmap(
        lambda text: st.integers(int(ip_network(text)[0]), int(ip_network(text)[-1])).map(IPv6Address)
    )
)
def test_nothing_inside_is_reached_by_ipv6(address: IPv6Address) -> None:
    assert PUBLIC_ONLY.refuse(str(address)) is not None


@given(st.integers(0, 2**32 - 1).map(IPv4Address) | inside(HIDDEN_4), st.integers(8, 32))
def test_a_mapped_address_is_judged_as_the_address_it_maps(address: IPv4Address, bits: int) -> None:
    mapped = f"::ffff:{address}"
    allowing = AddressGuard([str(IPv4Network((int(address), bits), strict=False))])
    for guard in (PUBLIC_ONLY, EVERYTHING, allowing):
        assert guard.refuse(mapped) == guard.refuse(str(address))


@given(st.integers(0, 2**128 - 1).map(IPv6Address) | st.integers(0, 2**32 - 1).map(IPv4Address))
def test_what_is_dialled_is_public_for_python_too(address: IPv4Address | IPv6Address) -> None:
    # Of 6to4 newer Pythons say that it is not; here it is what it leads to.
    if PUBLIC_ONLY.refuse(str(address)) is None and address not in IPv6Network("2002::/16"):
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        assert (mapped or address).is_global


def test_networks_are_read() -> None:
    listed = read_networks(" 10.0.0.0/8,fd00::/8 , 192.168.1.1,")
    assert [str(network) for network in listed] == ["10.0.0.0/8", "fd00::/8", "192.168.1.1/32"]
    assert read_networks("") == read_networks(" , ") == ()


@pytest.mark.parametrize(
    "text, told",
    [
        ("10.0.0.0/8,localhost", "'localhost' is no network"),
        ("10.0.0.0/33", "'10.0.0.0/33' is no network"),
        ("10.0.0.1/8", "'10.0.0.1/8' has bits set right of its prefix; did you mean 10.0.0.0/8?"),
        ("10.0.0.0/8 fd00::/8", "is no network"),
        ("fe80::%eth0/64", "zone"),
        ("*", "is no network"),
    ],
)
def test_what_is_no_network_is_named(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read_networks(text)
    assert told in str(caught.value)
