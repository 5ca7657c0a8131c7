"""Forms: where they have to come from, what they have to be, and that a refused one changes nothing."""

from collections.abc import AsyncIterator
from urllib.parse import quote, urlencode

import pytest

from app.dashboard.pages import MOST_FORM_BYTES, MOST_FORM_FIELDS
from app.keys.schema import Scope
from tests.dashboard.reading import read
from tests.dashboard.visiting import AWAY, HOME, Browser, House, open_house
from tests.ingest.served import assert_problem
from tests.maven.examples import flat_event
from tests.query.desk import path_of
from tests.query.test_detail import WEIRD_IDS

pytestmark = pytest.mark.anyio

COACHED = {"status": "coached", "note": "Talked."}
BOUND = {"sec_fetch_site": "", "origin": ""}
"""What a client does that says nothing of where a form came from."""
OTHER_SITES = [
    {"sec_fetch_site": "cross-site", "origin": "https://evil.example"},
    {"sec_fetch_site": "same-site", "origin": "http://127.0.0.1:9999"},
    {"sec_fetch_site": "cross-site", "origin": HOME},
    {"sec_fetch_site": "none", "origin": "null"},
    {"sec_fetch_site": "", "origin": "https://evil.example"},
    {"sec_fetch_site": "", "origin": "null"},
    {"sec_fetch_site": "", "origin": "http://[::1"},
    {"sec_fetch_site": "", "origin": f"{HOME}.evil.example"},
    {"sec_fetch_site": "nonsense", "origin": ""},
    {"sec_fetch_site": "cross-site", "origin": ""},
]


@pytest.fixture
async def house(sqlite_url: str) -> AsyncIterator[House]:
    async with open_house(sqlite_url) as opened:
        await opened.keep(flat_event(id="v1"), flat_event(id="v2"))
        yield opened


@pytest.fixture
async def browser(house: House) -> Browser:
    return await house.visitor()


async def review_of(house: House, violation_id: str = "v1") -> dict[str, object]:
    """What the API says of a violation's review, without its history."""
    shown: dict[str, object] = (await house.ask(path_of(violation_id))).json()["review"]
    return {name: shown[name] for name in ("status", "note", "by")}


OPEN = {"status": "open", "note": None, "by": None}


@pytest.mark.parametrize("headers", OTHER_SITES)
@pytest.mark.parametrize("with_token", [False, True])
async def test_other_sites_change_nothing(
    house: House, browser: Browser, headers: dict[str, str], with_token: bool
) -> None:
    token = {"token": await browser.form_token()} if with_token else {}
    for path, fields in (
        ("/violations/v1/review", COACHED),
        ("/reviews", {**COACHED, "id": ["v1", "v2"]}),
        ("/sign-out", {}),
    ):
        answer = await browser.post(path, {**fields, **token}, **headers)
        assert answer.status_code == 403
        assert "another site" in read(answer.text).text
        assert_problem(await browser.post(path, {**fields, **token}, accept="*/*", **headers), 403)
    assert await review_of(house) == await review_of(house, "v2") == OPEN
    assert (await browser.get("/")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": ""},
        {"sec_fetch_site": ""},
        {"sec_fetch_site": "none", "origin": ""},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "", "origin": HOME.upper()},
    ],
)
async def test_a_form_of_our_own_passes(house: House, browser: Browser, headers: dict[str, str]) -> None:
    is_ours = headers.get("sec_fetch_site") != "same-site"
    answer = await browser.post("/violations/v1/review", COACHED, **headers)
    assert answer.status_code == (303 if is_ours else 403)
    assert (await review_of(house) == OPEN) is not is_ours


async def test_who_does_not_say_where_from_needs_the_forms_token(house: House, browser: Browser) -> None:
    token = await browser.form_token()
    other = await (await house.visitor("other")).form_token()
    assert browser.session not in (None, token)
    for wrong in (None, "", "x", other, token.upper(), token + "0", token[:-1], "\ud7ff"):
        sent = COACHED if wrong is None else {**COACHED, "token": wrong}
        assert (await browser.post("/violations/v1/review", sent, **BOUND)).status_code == 403
        if wrong is not None:  # neither may a form of ours have a wrong one
            assert (await browser.post("/violations/v1/review", sent)).status_code == 403
    assert await review_of(house) == OPEN
    assert (await browser.post("/violations/v1/review", {**COACHED, "token": token}, **BOUND)).status_code == 303
    assert await review_of(house) == {**COACHED, "by": "safety"}


async def test_behind_a_proxy_the_public_address_is_ours(sqlite_url: str) -> None:
    async with open_house(sqlite_url, public_url="https://HOS.example.com/") as house:
        await house.keep(flat_event(id="v1"))
        browser = await house.visitor(base_url="http://10.0.0.1:8000")
        inside = {"host": "10.0.0.1:8000", "sec_fetch_site": ""}
        # As it came over plain HTTP to an inner name, the cookie would not be kept by a browser; the test sends it.
        cookie = f"hos_session={browser.client.cookies['hos_session']}"
        for origin, status in ((AWAY, 303), ("http://10.0.0.1:8000", 303), ("https://hos.example.org", 403)):
            sent = await browser.post("/violations/v1/review", COACHED, origin=origin, cookie=cookie, **inside)
            assert sent.status_code == status


async def test_forms_are_encoded_as_forms_are(house: House, browser: Browser) -> None:
    right = urlencode(COACHED).encode()
    wrong: list[tuple[int, bytes, dict[str, str]]] = [
        (415, right, {"content_type": "application/json"}),
        (415, right, {"content_type": "multipart/form-data; boundary=x"}),
        (415, right, {"content_type": "text/plain"}),
        (415, right, {"content_type": ""}),
        (413, right + b"&x=" + b"x" * MOST_FORM_BYTES, {}),
        (422, right + b"&x=1" * MOST_FORM_FIELDS, {}),
        (422, b"status=coached&note=%ff", {}),
        (422, b"status=coached&note=\xff", {}),
        (422, "status=coached&note=ü".encode(), {}),
        (422, b"status=coached&note=%ed%a0%80", {}),
        (422, b"status=coached&note=%00", {}),
        (422, b"status=done", {}),
        (422, b"note=x", {}),
        (422, b"", {}),
        (422, b"status=coached&note=" + b"x" * 4001, {}),
    ]
    for status, body, headers in wrong:
        answer = await browser.post("/violations/v1/review", body, **headers)
        assert answer.status_code == status, body[:60]
        assert read(answer.text).only("p", class_="notice").text
        assert_problem(await browser.post("/violations/v1/review", body, accept="application/json", **headers), status)
    assert await review_of(house) == OPEN
    kind = "Application/X-WWW-Form-Urlencoded; charset=UTF-8"
    assert (await browser.post("/violations/v1/review", right, content_type=kind)).status_code == 303


@pytest.mark.parametrize("path", ["/violations/v1/review", "/reviews", "/sign-out"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_forms_are_posted(browser: Browser, path: str, method: str) -> None:
    answer = await browser.get(path, method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize("path", ["/", "/violations.csv", "/violations/v1", "/drivers/JDOE123", "/live"])
async def test_pages_are_got(browser: Browser, path: str) -> None:
    answer = await browser.post(path, COACHED)
    assert answer.status_code == 405
    head = await browser.get(path, "HEAD")
    assert (head.status_code, head.content) == (200, b"")


async def test_who_may_not_review_changes_nothing(house: House) -> None:
    reader = await house.visitor("reader", Scope.READ)
    cle = await house.visitor("cle", terminals=("CLE",))
    for path, fields in (("/violations/v1/review", COACHED), ("/reviews", {**COACHED, "id": "v1"})):
        assert (await reader.post(path, fields)).status_code == 403
    assert (await cle.post("/violations/v1/review", COACHED)).status_code == 404
    await cle.post("/reviews", {**COACHED, "id": ["v1", "v2"]})
    nobody = await house.browser()
    assert (await nobody.post("/violations/v1/review", COACHED)).status_code == 401
    await house.key()
    assert await review_of(house) == await review_of(house, "v2") == OPEN
    page = await reader.page("/violations/v1")
    assert not page.find("textarea")
    assert not (await reader.page("/")).find("form", action="/reviews")


async def test_one_is_reviewed_and_led_back_to(house: House, browser: Browser) -> None:
    form = (await browser.page("/violations/v1")).only("form", action="/violations/v1/review")
    assert dict(form.fields)["status"] == "acknowledged"
    answer = await browser.post(form["action"], {**dict(form.fields), "note": " Two\r\nlines. "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/violations/v1#review")
    assert await review_of(house) == {"status": "acknowledged", "note": "Two\nlines.", "by": "safety"}
    page = await browser.page("/violations/v1")
    assert page.only("section", id="review").only("p", class_="note").raw_text == "Two\nlines."
    assert dict(page.only("form", action=form["action"]).fields)["status"] == "acknowledged"


async def test_many_are_reviewed_and_one_is_led_back(house: House, browser: Browser) -> None:
    page = await browser.page("/?terminalCode=PGH&status=all")
    bulk = page.only("form", id="bulk")
    sent = [*bulk.fields, ("status", "coached"), ("note", "x"), ("id", "v1"), ("id", "v2"), ("id", "v1"), ("id", "no")]
    answer = await browser.post("/reviews", sent_as(sent))
    assert (answer.status_code, answer.headers["location"]) == (303, "/?terminalCode=PGH&status=all")
    assert await review_of(house) == await review_of(house, "v2") == {"status": "coached", "note": "x", "by": "safety"}
    for path in ("//evil.example", "https://evil.example"):
        away = await browser.post("/reviews", {**COACHED, "id": "v1", "next": path})
        assert away.headers["location"] == "/"
    none = await browser.post("/reviews", dict(bulk.fields) | COACHED)
    assert none.status_code == 422
    assert "No violation was chosen" in none.text


def sent_as(pairs: list[tuple[str, str]]) -> bytes:
    return urlencode(pairs).encode()


async def test_any_id_is_reviewed_by_itself(database_url: str) -> None:
    async with open_house(database_url) as house:
        await house.keep(*(flat_event(id=one) for one in WEIRD_IDS))
        browser = await house.visitor()
        for number, one in enumerate(WEIRD_IDS):
            path = f"/violations/{quote(one, safe='').replace('.', '%2E')}/review"
            answer = await browser.post(path, {"status": "coached", "note": str(number)})
            assert answer.status_code == 303
        assert [(await review_of(house, one))["note"] for one in WEIRD_IDS] == [str(n) for n in range(len(WEIRD_IDS))]
        sent = [("status", "disputed"), *(("id", one) for one in WEIRD_IDS)]
        assert (await browser.post("/reviews", sent_as(sent))).status_code == 303
        assert {str((await review_of(house, one))["status"]) for one in WEIRD_IDS} == {"disputed"}
        for segment, status in (("no", 404), ("%00", 404), ("%EF%BF%BF", 404), ("%FF", 400), ("%ed%a0%80", 400)):
            assert (await browser.post(f"/violations/{segment}/review", COACHED)).status_code == status
        assert (await browser.post("/reviews", {**COACHED, "id": ["\0", "no"]})).status_code < 500
