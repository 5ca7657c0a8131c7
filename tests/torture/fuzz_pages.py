"""Requests for the pages, which the OpenAPI document does not have: looked at and filled in, by whoever can."""

import random
from collections.abc import Mapping
from urllib.parse import quote

from tests.torture.fuzz_events import IDS
from tests.torture.fuzz_requests import TEXTS, Credentials, query_value, request_bytes, segment
from tests.torture.fuzz_wire import Ask

_PAGES = (
    *(
        "/",
        "/sign-in",
        "/operations",
        "/operations/quarantine",
        "/operations/hooks",
        "/operations/hooks/new",
        "/operations/keys",
    ),
    *(
        "/violations.csv",
        "/operations/keys/revoke?name=x",
        "/sign-in?next=//x",
        "/static/x/y",
        "/docs",
        "/nowhere",
    ),
)
_PAGE_PARAMETERS = (
    "terminalCode",
    "type",
    "status",
    "q",
    "day",
    "from",
    "to",
    "cursor",
    "sort",
    "review",
    "page",
    "driverId",
    "x",
)


def make_page_ask(credentials: Credentials, chance: random.Random) -> Ask:
    """A page, or a form that is filled in."""
    is_for_people = chance.random() < 0.5
    headers = [b"Host: x", credentials.cookie if chance.random() < 0.9 else b"Cookie: hos_session=x"]
    headers.append(b"Accept: text/html" if is_for_people else b"Accept: application/json")
    if chance.random() < 0.5:
        headers.append(b"Accept-Encoding: gzip")
    match chance.randrange(10):
        case 0:
            path = f"/violations/{segment('id', chance)}/review"
            form = {"status": chance.choice(("coached", "open", "x")), "note": chance.choice(TEXTS)}
            return _form_ask(path, form, headers, is_for_people, chance)
        case 1:
            form = {"id": chance.choice(IDS), "status": "acknowledged", "note": "", "next": chance.choice(TEXTS)}
            return _form_ask("/reviews", form, headers, is_for_people, chance)
        case 2 | 3 | 4:
            path = f"/violations/{segment('id', chance)}"
        case 5 | 6:
            path = f"/drivers/{segment('driverId', chance)}"
        case _:
            path = chance.choice(_PAGES)
    query: list[bytes] = []
    if "?" not in path and chance.random() < 0.4:
        name = chance.choice(_PAGE_PARAMETERS)
        query.append(name.encode() + b"=" + query_value(name, {"type": "string"}, chance))
    return Ask("page", request_bytes("GET", path.encode(), query, headers, b""), is_for_people=is_for_people)


def _form_ask(
    path: str, form: Mapping[str, str], headers: list[bytes], is_for_people: bool, chance: random.Random
) -> Ask:
    pairs = "&".join(f"{name}={quote(text, errors='replace')}" for name, text in form.items())
    body = pairs.encode() if chance.random() < 0.9 else chance.choice((b"%", b"=&=", b"\xff" * 9, b"a=" * 999))
    site = chance.choice((b"same-origin",) * 8 + (b"cross-site", b"none"))
    more = [b"Sec-Fetch-Site: " + site, b"Content-Type: application/x-www-form-urlencoded"]
    return Ask("form", request_bytes("POST", path.encode(), [], [*headers, *more], body), is_for_people=is_for_people)
