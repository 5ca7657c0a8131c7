"""URLs that may be dialled, and the spellings that readers of URLs disagree about, which may not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.dialling.urls import LONGEST_URL, Target, check_url, read_target


@pytest.mark.parametrize(
    "url, target, authority",
    [
        ("https://example.com", Target("https", "example.com", 443, "/"), "example.com"),
        ("http://example.com/", Target("http", "example.com", 80, "/"), "example.com"),
        ("HTTPS://Example.COM:443/A?b=C", Target("https", "example.com", 443, "/A?b=C"), "example.com"),
        ("http://example.com:443/", Target("http", "example.com", 443, "/"), "example.com:443"),
        ("https://example.com?a=b/c@d:e", Target("https", "example.com", 443, "/?a=b/c@d:e"), "example.com"),
        ("https://example.com/a@b:c", Target("https", "example.com", 443, "/a@b:c"), "example.com"),
        ("https://xn--bcher-kva.example/%C3%A4", Target("https", "xn--bcher-kva.example", 443, "/%C3%A4"), None),
        ("http://my_service:8080/hook", Target("http", "my_service", 8080, "/hook"), "my_service:8080"),
        ("http://localhost:1", Target("http", "localhost", 1, "/"), "localhost:1"),
        ("http://127.0.0.1:65535", Target("http", "127.0.0.1", 65_535, "/"), "127.0.0.1:65535"),
        ("https://1password.com", Target("https", "1password.com", 443, "/"), "1password.com"),
        ("https://0x.example", Target("https", "0x.example", 443, "/"), "0x.example"),
        ("https://1.2.3.4.example", Target("https", "1.2.3.4.example", 443, "/"), "1.2.3.4.example"),
        ("https://[2001:DB8::1]:8443/a", Target("https", "2001:db8::1", 8443, "/a"), "[2001:db8::1]:8443"),
        ("http://[::1]", Target("http", "::1", 80, "/"), "[::1]"),
        ("http://[::ffff:127.0.0.1]/", Target("http", "::ffff:127.0.0.1", 80, "/"), "[::ffff:127.0.0.1]"),
        ("http://[::ffff:7f00:1]/", Target("http", "::ffff:7f00:1", 80, "/"), "[::ffff:7f00:1]"),
    ],
)
def test_usual_urls(url: str, target: Target, authority: str | None) -> None:
    check_url(url)
    assert read_target(url) == target
    assert target.authority == (authority or target.host)
    assert target.shown == f"{target.scheme}://{target.authority}"


SCHEME, USER, FRAGMENT, WHITE = "must begin with http", "user name", "fragment", "white space"
HOST, NAME, PORT, NUMBERS = "no host", "neither a name", "port", "four decimal numbers"
ENCODED, ASCII, BRACKETS, SHORTEST, UNREADABLE = "percent-encoded", "ASCII", "brackets", "shortest form", "cannot be"


@pytest.mark.parametrize(
    "url, told",
    [
        ("", SCHEME),
        ("example.com", SCHEME),
        ("//example.com", SCHEME),
        ("ftp://example.com", SCHEME),
        ("file:///etc/passwd", SCHEME),
        ("gopher://127.0.0.1:6379/_", SCHEME),
        ("javascript:alert(1)", SCHEME),
        ("http:/example.com", SCHEME),
        ("http:example.com", SCHEME),
        ("httpsx://example.com", SCHEME),
        ("slack://token@channel", SCHEME),
        ("http://user@example.com", USER),
        ("http://user:secret@example.com", USER),
        ("http://@example.com", USER),
        ("http://example.com@127.0.0.1", USER),
        ("http://example.com:80@127.0.0.1", USER),
        ("http://127.0.0.1%40example.com", NAME),
        ("http://example.com#@127.0.0.1", FRAGMENT),
        ("http://example.com/#", FRAGMENT),
        ("http://example.com#", FRAGMENT),
        ("http://127.0.0.1\\@example.com", ENCODED),
        ("http://example.com\\.evil.example", ENCODED),
        ("http:\\\\example.com", ENCODED),
        ("http://example.com/a|b", ENCODED),
        ("http://example.com/<script>", ENCODED),
        (" http://example.com", WHITE),
        ("http://example.com ", WHITE),
        ("http://exam\tple.com", WHITE),
        ("http://example.com/\r\nX: y", WHITE),
        ("http://example.com/\0", WHITE),
        ("http://example.com/\x7f", WHITE),
        ("http://example.com/\u2028", WHITE),
        ("http://example.com/\x85", WHITE),
        ("http://bücher.example", ASCII),
        ("http://example.com/ä", ASCII),
        ("http://ⓔxample.com", ASCII),
        ("http://127。0。0。1", ASCII),
        ("http://", HOST),
        ("http:///path", HOST),
        ("http://:80", HOST),
        ("http://?a", HOST),
        ("http://.", NAME),
        ("http://..", NAME),
        ("http://example.com.", NAME),
        ("http://.example.com", NAME),
        ("http://example..com", NAME),
        ("http://-example.com", NAME),
        ("http://example-.com", NAME),
        ("http://exa%6dple.com", NAME),
        ("http://example.com,evil.example", NAME),
        ("http://" + "a" * 64 + ".example", NAME),
        ("http://" + "a." * 126 + "aa", NAME),
        ("http://example.com:", PORT),
        ("http://example.com:0", PORT),
        ("http://example.com:080", PORT),
        ("http://example.com:65536", PORT),
        ("http://example.com:999999", PORT),
        ("http://example.com:-1", PORT),
        ("http://example.com:+80", PORT),
        ("http://example.com:http", PORT),
        ("http://example.com:80:80", PORT),
        ("http://127.1", NUMBERS),
        ("http://127.0.1", NUMBERS),
        ("http://0x7f.1", NUMBERS),
        ("http://0X7F.0.0.1", NUMBERS),
        ("http://127.0.0.0x1", NUMBERS),
        ("http://0x7f000001", NUMBERS),
        ("http://2130706433", NUMBERS),
        ("http://017700000001", NUMBERS),
        ("http://0177.0.0.1", NUMBERS),
        ("http://127.0.0.01", NUMBERS),
        ("http://127.0.0.1.1", NUMBERS),
        ("http://256.0.0.1", NUMBERS),
        ("http://example.com.1", NUMBERS),
        ("http://0", NUMBERS),
        ("http://0x", NUMBERS),
        ("http://::1", UNREADABLE + "|port|no host"),
        ("http://fe80::1", "port"),
        ("http://[::1", UNREADABLE),
        ("http://::1]", UNREADABLE + "|no host|port"),
        ("http://[::1]x", UNREADABLE),
        ("http://x[::1]", UNREADABLE),
        ("http://[]", BRACKETS),
        ("http://[127.0.0.1]", BRACKETS),
        ("http://[fe80::1%25eth0]", BRACKETS),
        ("http://[fe80::1%eth0]", BRACKETS),
        ("http://[v1.x]", BRACKETS),
        ("http://[0:0:0:0:0:0:0:1]", SHORTEST),
        ("http://[::0001]", SHORTEST),
        ("http://[2001:db8:0::1]", SHORTEST),
        ("http://[::ffff:127.0.0.1]:0", PORT),
    ],
)
def test_urls_that_are_refused(url: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        check_url(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_how_long_a_url_may_be() -> None:
    start = "https://example.com/"
    check_url(start + "a" * (LONGEST_URL - len(start)))
    with pytest.raises(ValueError, match="longer than 2,048"):
        check_url(start + "a" * (LONGEST_URL - len(start) + 1))


@given(st.text(max_size=60).map(lambda rest: f"http://{rest}") | st.text(max_size=60))
def test_anything_is_read_or_refused_in_one_way(text: str) -> None:
    try:
        target = read_target(text)
    except ValueError:
        return
    assert read_target(f"{target.shown}{target.path}") == target
