"""Signing in where the organisation does, through the whole application, at a provider that others wrote."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import orjson
import pytest

from app.dashboard.single_sign_on import COOKIE
from tests.dashboard.reading import Element, read
from tests.databases import SqliteDatabases
from tests.ingest.served import ADMIN, PATIENCE, Service, assert_problem, service_on
from tests.maven.examples import flat_event
from tests.sign_on.real_provider import running_provider

ADA: dict[str, object] = {"sub": "ada-4711", "name": "Ada Lovelace", "groups": ["it", "safety"]}
BOB: dict[str, object] = {"sub": "bob", "name": "Bob", "groups": ["yard-pgh"]}
EVE: dict[str, object] = {"sub": "eve", "name": "Eve <b>", "groups": ["sales"]}
GROUPS = "safety=read,review;yard-pgh=read@PGH"
OTHER = {"HOS_PUBLIC_URL": "https://hos.example.com/"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with running_provider(ADA, BOB, EVE) as issuer:
        yield issuer


@contextmanager
def signing_on(databases: SqliteDatabases, issuer: str, directory: Path, **settings: str) -> Iterator[Service]:
    given = {"HOS_OIDC_ISSUER": issuer, "HOS_OIDC_CLIENT_ID": "hos", "HOS_OIDC_GROUPS": GROUPS}
    secret = {"HOS_OIDC_CLIENT_SECRET": "secret"}
    with databases.fresh() as url, service_on(url, directory, **given, **secret, **settings) as service:
        yield service


@pytest.fixture(scope="module")
def service(
    sqlite_databases: SqliteDatabases, issuer: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with signing_on(sqlite_databases, issuer, tmp_path_factory.mktemp("service")) as running:
        assert running.post([flat_event(id="v1"), flat_event(id="v2", terminalCode="CLE")]).status_code == 200
        yield running


@pytest.fixture
def browser(service: Service) -> Iterator[httpx2.Client]:
    with browser_at(service) as client:
        yield client


def browser_at(service: Service) -> httpx2.Client:
    return httpx2.Client(
        base_url=service.served.url, trust_env=False, timeout=PATIENCE, headers={"accept": "text/html,*/*;q=0.8"}
    )


def leave(browser: httpx2.Client, path: str = "/") -> str:
    """Follows the link to the provider; gives where it leads."""
    page = read(browser.get("/sign-in", params={"next": path}).text)
    (link,) = [one["href"] for one in page.find("a") if one["href"].startswith("/sign-in/")]
    sent = browser.get(link)
    assert sent.status_code == 303
    return str(sent.headers["location"])


def agree(url: str, **form: str) -> str:
    """What a person does at the provider; gives the path and query that the browser comes back with."""
    with httpx2.Client(trust_env=False, timeout=PATIENCE) as elsewhere:
        sent = elsewhere.post(url, data=form)
    assert sent.status_code == 302, sent.text
    parts = urlsplit(sent.headers["location"])
    return f"{parts.path}?{parts.query}"


def sign_in(browser: httpx2.Client, subject: str, path: str = "/") -> httpx2.Response:
    return browser.get(agree(leave(browser, path), sub=subject))


def refusal(answer: httpx2.Response, status: int) -> str:
    """What the page to sign in at says of a sign-in that failed; the cookie of the way there is over."""
    assert answer.status_code == status
    assert "hos_session=" not in answer.headers.get("set-cookie", "")
    assert f'{COOKIE}=""; HttpOnly; Max-Age=0' in answer.headers["set-cookie"]
    page: Element = read(answer.text)
    assert page.find("input", id="key")
    return page.only("p", role="alert").text


def ids(browser: httpx2.Client) -> list[str]:
    page = browser.get("/")
    assert page.status_code == 200
    return sorted(row["data-id"] for row in read(page.text).find("tr") if "data-id" in row.attributes)


def test_people_are_let_in_by_their_groups(service: Service, browser: httpx2.Client) -> None:
    answer = sign_in(browser, "ada-4711", "/violations/v2?x=%2F")
    assert (answer.status_code, answer.headers["location"]) == (303, "/violations/v2?x=%2F")
    assert ids(browser) == ["v1", "v2"]
    assert COOKIE not in browser.cookies
    headers = {"sec-fetch-site": "same-origin"}
    assert browser.post("/violations/v2/review", data={"status": "coached"}, headers=headers).status_code == 303
    review = service.violation("v2")["review"]
    assert isinstance(review, dict)
    assert review["by"] == "Ada Lovelace (ada-4711)"
    page = read(browser.get("/").text)
    assert page.only("form", action="/sign-out").only("span").text == "Ada Lovelace (ada-4711)"
    assert not [one for one in page.find("a") if one["href"] == "/operations"]


def test_a_group_may_be_limited_to_terminals(browser: httpx2.Client) -> None:
    sign_in(browser, "bob")
    assert ids(browser) == ["v1"]
    headers = {"sec-fetch-site": "same-origin"}
    assert browser.post("/violations/v1/review", data={"status": "coached"}, headers=headers).status_code == 403
    assert browser.get("/violations/v2").status_code == 404


def test_who_is_in_no_group_of_ours_is_not_let_in(browser: httpx2.Client) -> None:
    assert refusal(sign_in(browser, "eve"), 403).startswith("Eve <b>, none of your groups is let in here.")
    assert browser.get("/").status_code == 303


def test_who_does_not_agree_is_not_signed_in(browser: httpx2.Client) -> None:
    url = leave(browser)
    back = agree(url, action="deny")
    state = dict(parse_qsl(urlsplit(url).query))["state"]
    assert "did not let you sign on" in refusal(browser.get(f"{back}&state={state}"), 401)
    assert "not begun in this browser" in refusal(browser.get(back), 401)  # the way there counts once


def test_another_browser_cannot_come_back(service: Service, browser: httpx2.Client) -> None:
    back = agree(leave(browser), sub="ada-4711")
    with browser_at(service) as other:
        assert "not begun in this browser" in refusal(other.get(back), 401)
        leave(other)
        assert "not begun in this browser" in refusal(other.get(back), 401)
    assert browser.get(back).status_code == 303


def test_what_came_back_once_comes_back_no_more(browser: httpx2.Client) -> None:
    back = agree(leave(browser), sub="ada-4711")
    kept = browser.cookies[COOKIE]
    assert browser.get(back).status_code == 303
    assert "not begun in this browser" in refusal(browser.get(back), 401)
    browser.cookies.clear()
    assert "counts once" in refusal(browser.get(back, headers={"cookie": f"{COOKIE}={kept}"}), 401)


@pytest.mark.parametrize(
    "value",
    ["", "x", "e30", "\u00ff", "W10", "bnVsbA", base64.urlsafe_b64encode(b'{"state":1}').decode(), "e30=" * 500],
)
def test_a_cookie_that_is_none_begins_nothing(browser: httpx2.Client, value: str) -> None:
    headers = {b"cookie": f"{COOKIE}=".encode() + value.encode("latin-1"), b"accept": b"text/html"}
    answer = browser.get("/sign-in/from-provider?code=x&state=y", headers=headers)
    assert "not begun in this browser" in refusal(answer, 401)


@pytest.mark.parametrize("query", ["", "state=%ff", "state=x", "code=%00&state=%ed%a0%80", "error=access_denied", "%"])
def test_what_comes_back_may_be_anything(browser: httpx2.Client, query: str) -> None:
    leave(browser)
    assert refusal(browser.get(f"/sign-in/from-provider?{query}"), 401)


def test_programs_get_documents(browser: httpx2.Client) -> None:
    assert_problem(browser.get("/sign-in/from-provider", headers={"accept": "application/json"}), 401)


def test_the_way_back_is_the_address_that_browsers_use(
    service: Service, issuer: str, sqlite_databases: SqliteDatabases, tmp_path: Path
) -> None:
    def redirect_of(browser: httpx2.Client) -> str:
        return parse_qs(urlsplit(leave(browser)).query)["redirect_uri"][0]

    with browser_at(service) as browser:
        assert redirect_of(browser) == f"{service.served.url}/sign-in/from-provider"
    with signing_on(sqlite_databases, issuer, tmp_path, **OTHER) as public, browser_at(public) as browser:
        assert redirect_of(browser) == "https://hos.example.com/sign-in/from-provider"
        back = agree(leave(browser), sub="ada-4711")
        assert browser.get(back).status_code == 303
        assert "Ada Lovelace" in browser.get("/").text


@pytest.mark.parametrize("path", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_nobody_is_led_elsewhere(browser: httpx2.Client, path: str) -> None:
    assert sign_in(browser, "ada-4711", path).headers["location"] == "/"
    browser.cookies.clear()
    # Not even by a cookie that was tampered with.
    back = agree(leave(browser), sub="ada-4711")
    kept = orjson.loads(base64.urlsafe_b64decode(browser.cookies[COOKIE] + "=="))
    value = base64.urlsafe_b64encode(orjson.dumps(kept | {"next": path})).decode().rstrip("=")
    assert browser.get(back, headers={"cookie": f"{COOKIE}={value}"}).headers["location"] == "/"


@pytest.mark.parametrize("host", ["[::1", "a b", "x/y@z", "\u00ff", "h:99999999"])
def test_any_host_is_answered(browser: httpx2.Client, host: str) -> None:
    headers = {b"host": host.encode("latin-1"), b"accept": b"text/html"}
    answer = browser.get("/sign-in/with-provider", headers=headers)
    assert answer.status_code in (303, 400)


def test_the_cookie_of_the_way_there_is_short_and_hidden(browser: httpx2.Client) -> None:
    answer = browser.get("/sign-in/with-provider")
    assert "HttpOnly; Max-Age=600; Path=/; SameSite=Lax" in answer.headers["set-cookie"]
    assert answer.headers["cache-control"] == "no-store"
    away = browser.get("/sign-in/with-provider", headers={"host": "hos.example.com"})
    assert away.headers["set-cookie"].endswith("Secure")


def test_without_settings_there_is_no_such_way(sqlite_url: str, tmp_path: Path) -> None:
    with service_on(sqlite_url, tmp_path) as service, browser_at(service) as browser:
        assert "organisation" not in browser.get("/sign-in").text
        for path in ("/sign-in/with-provider", "/sign-in/from-provider?code=x&state=y"):
            answer = browser.get(path)
            assert answer.status_code == 404
            assert "not set up" in read(answer.text).text
            assert_problem(browser.get(path, headers={"accept": "*/*"}), 404)
        assert service.get("/v1/violations").request.headers["authorization"] == ADMIN["Authorization"]
