"""Signing in and out: cookies, where one is led, who is let in, how often one may fail, and what ends a session."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.dashboard.pages import local_address
from app.db.database import open_database
from app.keys.schema import Scope, hash_key
from app.keys.store import create_key, revoke_key
from app.maven.times import MINUTE, SECOND
from app.sessions.book import KEPT_SECONDS
from app.sessions.tries import MOST_FAILURES, WINDOW
from tests.dashboard.reading import assert_inert, read
from tests.dashboard.visiting import AWAY, HOME, IDLE, SESSION, WHOLE, Browser, House, open_house
from tests.ingest.served import assert_problem, service_on
from tests.maven.examples import flat_event

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(sqlite_url: str) -> AsyncIterator[House]:
    async with open_house(sqlite_url) as opened:
        yield opened


async def is_in(browser: Browser) -> bool:
    """Whether it is signed in."""
    answer = await browser.get("/")
    if answer.status_code == 200:
        return True
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2F")
    return False


@pytest.mark.parametrize(
    "base_url, is_secure",
    [
        (HOME, False),
        ("http://localhost:8000", False),
        ("http://hos.localhost", False),
        ("http://[::1]:8000", False),
        (AWAY, True),
        ("https://127.0.0.1", True),
        ("http://hos.example.com", True),
        ("http://127.0.0.1.example.com", True),
        ("http://192.0.2.1", True),
    ],
)
async def test_the_cookie_is_for_the_server_alone(house: House, base_url: str, is_secure: bool) -> None:
    browser = await house.browser(base_url)
    answer = await browser.sign_in(await house.key())
    (cookie,) = answer.headers.get_list("set-cookie")
    name_and_value, *flags = cookie.split("; ")
    assert re.fullmatch(rf"{SESSION}=[A-Za-z0-9_-]{{43}}", name_and_value)
    wanted = {"HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={WHOLE // SECOND}"}
    assert set(flags) == (wanted | {"Secure"} if is_secure else wanted)
    assert answer.content == b""


async def test_the_page_to_sign_in_at_needs_nobody(house: House) -> None:
    browser = await house.browser("http://hos.example.com")
    page = await browser.page("/sign-in")
    assert_inert(page)
    assert "not encrypted" in page.text
    assert "organisation" not in page.text
    assert "not encrypted" not in (await (await house.browser()).page("/sign-in")).text


@pytest.mark.parametrize("path", ["/", "/?q=a%26b&status=all", "/violations/a%2Fb", "/drivers/%20x?page=2"])
async def test_who_is_led_to_sign_in_is_led_back(house: House, path: str) -> None:
    browser = await house.browser()
    away = await browser.get(path)
    assert away.status_code == 303
    form = (await browser.page(away.headers["location"])).only("form", action="/sign-in")
    back = await browser.post("/sign-in", {**dict(form.fields), "key": await house.key()})
    assert (back.status_code, back.headers["location"]) == (303, path)
    assert (await browser.get("/sign-in?next=/x")).headers["location"] == "/x"  # is in already


@pytest.mark.parametrize(
    "address",
    [
        *("//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "evil.example", ""),
        *("/\t/evil.example", "\\\\evil.example", "/x\r\nset-cookie: a=b", "/ü", "/a\\b", " /x", "/\u2028", "///x"),
    ],
)
async def test_nobody_is_led_elsewhere(house: House, address: str) -> None:
    assert local_address(address) == "/"
    browser = await house.browser()
    answer = await browser.post("/sign-in", {"key": await house.key(), "next": address})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_what_signs_nobody_in(house: House) -> None:
    await house.key("maven", Scope.WEBHOOK)
    await house.key("reviews", Scope.REVIEW)
    await house.key("gone")
    await house.revoke("gone")
    cases = (
        ("", 401, "unknown or was revoked"),
        ("hos_key_wrong", 401, "unknown or was revoked"),
        ("hos_key_gone", 401, "unknown or was revoked"),
        ("hos_access_token", 401, "This is an access token. Sign in with the API key itself."),
        ("k" * 1001, 401, "unknown or was revoked"),
        ("\U0001f511\u0000", 401, "unknown or was revoked"),
        ("hos_key_maven", 403, "maven lacks the scope read"),
        ("hos_key_reviews", 403, "reviews lacks the scope read"),
    )
    for number, (key, status, words) in enumerate(cases):
        browser = await house.browser(address=f"198.51.100.{number}")
        answer = await browser.post("/sign-in", {"key": key, "next": "/drivers/D1"})
        page = read(answer.text)
        assert answer.status_code == status
        assert words in page.only("p", role="alert").text
        assert dict(page.only("form", action="/sign-in").fields)["next"] == "/drivers/D1"
        assert SESSION not in browser.client.cookies
        assert "set-cookie" not in answer.headers
        document = await browser.post("/sign-in", {"key": key}, accept="*/*")
        assert_problem(document, status)
        assert not await is_in(browser)


async def test_a_key_with_space_around_it_is_the_key(house: House) -> None:
    browser = await house.browser()
    assert (await browser.post("/sign-in", {"key": f" {await house.key()}\n"})).status_code == 303


async def test_who_fails_often_has_to_wait_and_others_do_not(house: House) -> None:
    key = await house.key()
    browser, other = await house.browser(), await house.browser(address="198.51.100.8")
    for _ in range(MOST_FAILURES):
        assert (await browser.post("/sign-in", {"key": "wrong"})).status_code == 401
    for sent in ("wrong", key):  # a guess that is right is not told either
        answer = await browser.post("/sign-in", {"key": sent})
        assert answer.status_code == 429
        assert WINDOW - MINUTE <= int(answer.headers["retry-after"]) * SECOND <= WINDOW
        assert "Wait 5 min" in read(answer.text).only("p", role="alert").text
        assert_problem(await browser.post("/sign-in", {"key": sent}, accept="*/*"), 429)
    assert (await browser.get("/sign-in")).status_code == 200
    assert (await other.sign_in(key)).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site", "origin": "https://evil.example"},
        {"sec_fetch_site": "same-site", "origin": "https://evil.localhost"},
        {"sec_fetch_site": "", "origin": "https://evil.example"},
        {"sec_fetch_site": "", "origin": "null"},
        {"sec_fetch_site": "cross-site", "origin": ""},
    ],
)
async def test_another_site_signs_nobody_in(house: House, headers: dict[str, str]) -> None:
    browser = await house.browser()
    answer = await browser.post("/sign-in", {"key": await house.key()}, **headers)
    assert answer.status_code == 403
    assert SESSION not in browser.client.cookies


async def test_a_program_that_is_no_browser_may_sign_in(house: House) -> None:
    browser = await house.browser()
    sent = {"key": await house.key()}
    assert (await browser.post("/sign-in", sent, sec_fetch_site="", origin="")).status_code == 303


async def test_signing_in_gives_a_new_token_and_ends_the_old(house: House) -> None:
    key = await house.key()
    browser = await house.browser()
    browser.client.cookies.set(SESSION, "chosen-by-another", domain="127.0.0.1")
    await browser.sign_in(key)
    first = browser.session
    assert first not in (None, "chosen-by-another")
    answer = await browser.post("/sign-in", {"key": key})
    assert answer.status_code == 303
    assert browser.session not in (None, first)
    old = await house.browser()
    assert first is not None
    old.client.cookies.set(SESSION, first)
    assert not await is_in(old)
    assert await is_in(browser)


async def test_signing_out_ends_the_session_for_good(house: House) -> None:
    browser = await house.visitor()
    thief = await house.browser()
    thief.client.cookies.update(browser.client.cookies)
    assert await is_in(thief)
    answer = await browser.sign_out()
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert SESSION not in browser.client.cookies
    assert not await is_in(browser)
    assert not await is_in(thief)
    assert_problem(await thief.post("/sign-out", {}, accept="*/*"), 401)
    assert (await thief.post("/sign-out", {})).status_code == 401


async def test_sessions_end_by_themselves(house: House) -> None:
    browser = await house.visitor()
    for _ in range(WHOLE // (IDLE - MINUTE)):
        await house.pass_time(IDLE - MINUTE)
        assert await is_in(browser)
    await house.pass_time(IDLE)
    assert not await is_in(browser)


async def test_a_page_that_is_only_open_does_not_keep_its_session(house: House) -> None:
    browser = await house.visitor()
    for _ in range(IDLE // (60 * MINUTE) - 1):
        await house.pass_time(60 * MINUTE)
        assert (await browser.live()).status_code == 200
    await house.pass_time(60 * MINUTE)
    assert (await browser.live()).status_code == 303


async def test_a_session_ends_with_its_key(house: House) -> None:
    browser, other = await house.visitor(), await house.visitor("other")
    await house.revoke()
    assert not await is_in(browser)
    assert await is_in(other)


async def test_while_keys_cannot_be_read_it_is_503_for_everybody(house: House) -> None:
    browser = await house.visitor()
    house.clock.at += 6 * SECOND
    for answer in (await browser.get("/"), await browser.post("/sign-in", {"key": "x"}), await browser.get("/sign-in")):
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert read(answer.text).find("h1")
    assert_problem(await browser.get("/sign-in", accept="*/*"), 503)
    await house.ring.refresh()
    assert await is_in(browser)


async def test_a_session_is_good_in_every_process(database_url: str) -> None:
    async with open_house(database_url) as here, open_house(database_url) as there:
        browser = await here.visitor()
        await there.ring.refresh()
        guest = await there.browser()
        assert browser.session is not None
        guest.client.cookies.set(SESSION, browser.session)
        assert await is_in(guest)
        token = await guest.form_token()
        assert token == await browser.form_token()
        await browser.sign_out()
        there.clock.at += KEPT_SECONDS * SECOND
        assert not await is_in(guest)


async def test_a_running_service(database_url: str, tmp_path: Path) -> None:
    """A real process: a session outlives it, and a revoked key's does not live for five seconds."""
    database = await open_database(database_url)
    await database.write(create_key("safety", hash_key("hos_key_safety"), [Scope.READ], None, 1))
    with service_on(database_url, tmp_path) as service:
        assert service.post(flat_event(id="v1")).status_code == 200
        client = service.client
        assert client.get("/").headers["location"] == "/sign-in?next=%2F"
        sent = client.post("/sign-in", data={"key": "hos_key_safety"})
        assert (sent.status_code, sent.headers["location"]) == (303, "/")
        assert "Secure" not in sent.headers["set-cookie"]
        kept = dict(client.cookies)
        assert 'data-id="v1"' in client.get("/").text
    with service_on(database_url, tmp_path) as service:
        service.client.cookies.update(kept)
        assert 'data-id="v1"' in service.client.get("/").text
        await database.write(revoke_key("safety", 2))
        revoked = time.monotonic()
        while service.client.get("/").status_code == 200:
            assert time.monotonic() - revoked < 5
            await asyncio.sleep(0.02)
    await database.close()
