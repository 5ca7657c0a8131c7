"""Who may see and do what on operators' pages, and that a form has to come from one of ours."""

from collections.abc import Iterator

import pytest

from app.db.statements import Fetch, ReadScript
from app.ingest.quarantine import find_entry
from tests.dashboard.operating import Office, Operator, office_on
from tests.databases import SqliteDatabases

PAGES = [
    "/operations",
    "/operations/quarantine",
    "/operations/quarantine/{entry}",
    "/operations/quarantine/{entry}/bytes",
    "/operations/quarantine/{entry}/discard",
    "/operations/hooks",
    "/operations/hooks/new",
    "/operations/hooks/{hook}",
    "/operations/hooks/{hook}/delete",
    "/operations/hooks/{hook}/rotate-secret",
    "/operations/keys",
    "/operations/keys/revoke?name=victim",
]
FORMS = {
    "/operations/quarantine/{entry}/retry": {},
    "/operations/quarantine/{entry}/discard": {},
    "/operations/hooks/new": {"name": "smuggled", "kind": "webhook", "url": "http://127.0.0.1:9/"},
    "/operations/hooks/{hook}/test": {},
    "/operations/hooks/{hook}/switch": {"enabled": "false"},
    "/operations/hooks/{hook}/delete": {},
    "/operations/hooks/{hook}/rotate-secret": {"graceHours": "0"},
    "/operations/hooks/{hook}/deliveries/1/retry": {},
    "/operations/keys": {"name": "smuggled", "scope": "admin"},
    "/operations/keys/revoke": {"name": "victim"},
}


@pytest.fixture(scope="module")
def office(sqlite_databases: SqliteDatabases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with sqlite_databases.fresh() as url, office_on(url, tmp_path_factory.mktemp("office")) as running:
        running.key("victim", "--scope", "read")
        yield running


@pytest.fixture(scope="module")
def places(office: Office) -> dict[str, str]:
    made = office.service.client.post(
        "/v1/hooks",
        json={"name": "Safety", "url": "http://127.0.0.1:9/"},
        headers={"Authorization": "Bearer an-admin-key-for-tests"},
    )
    return {"entry": office.quarantined(b"access {"), "hook": made.json()["id"]}


@pytest.fixture(scope="module")
def reader(office: Office) -> Operator:
    return office.signed_in(office.key("reader", "--scope", "read", "--scope", "review"))


@pytest.fixture(scope="module")
def limited(office: Office) -> Operator:
    return office.signed_in(office.key("limited", "--scope", "admin", "--terminal", "PGH"))


def state(office: Office, places: dict[str, str]) -> tuple[object, ...]:
    """What no form may have changed."""

    def rows() -> ReadScript[list[tuple[object, ...]]]:
        hooks = yield Fetch("SELECT id, name, disabled_at, secrets FROM hooks ORDER BY pk")
        keys = yield Fetch("SELECT name, revoked_at FROM api_keys ORDER BY pk")
        sent = yield Fetch("SELECT count(*) FROM deliveries")
        return [tuple(row) for row in (*hooks, *keys, *sent)]

    return office.read(find_entry(int(places["entry"]))), office.read(rows())


@pytest.mark.parametrize("path", PAGES)
def test_who_is_not_signed_in_is_led_to_the_sign_in(office: Office, places: dict[str, str], path: str) -> None:
    answer = office.visitor(None).client.get(path.format(**places))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=%2Foperations")


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_for_administrators_of_all_terminals(
    office: Office, places: dict[str, str], reader: Operator, limited: Operator, path: str
) -> None:
    for visitor in (reader, limited):
        page = visitor.page(path.format(**places), 403) if not path.endswith("/bytes") else None
        if page is not None:
            assert "for administrators of all terminals" in page.words
            assert "/operations" not in page.reader.links
        else:
            assert visitor.client.get(path.format(**places)).status_code == 403
    assert office.operator.client.get(path.format(**places)).status_code == 200


@pytest.mark.parametrize("path", FORMS)
def test_forms_are_too_and_nothing_is_done(
    office: Office, places: dict[str, str], reader: Operator, limited: Operator, path: str
) -> None:
    before = state(office, places)
    for visitor in (reader, limited):
        assert visitor.post(path.format(**places), FORMS[path]).status_code == 403
    assert office.visitor(None).post(path.format(**places), FORMS[path]).status_code == 401
    assert state(office, places) == before


@pytest.mark.parametrize("path", FORMS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Accept": "text/html"},
    ],
)
def test_a_form_from_elsewhere_does_nothing(
    office: Office, places: dict[str, str], path: str, headers: dict[str, str]
) -> None:
    before = state(office, places)
    answer = office.operator.post(path.format(**places), FORMS[path], **headers)
    page = office.operator.read(answer, 403)
    assert "form" in page.words
    if "Accept" not in headers:
        token = office.operator.page("/operations/hooks/new").form("/operations/hooks/new").get("token")
        assert token is not None
        with_token = office.operator.post(path.format(**places), {**FORMS[path], "token": token}, **headers)
        assert with_token.status_code == 403
    assert state(office, places) == before


def test_a_token_of_another_session_is_none(office: Office, places: dict[str, str]) -> None:
    other = office.visitor().page("/operations/keys").form("/operations/keys").get("token")
    assert other is not None
    before = state(office, places)
    fields = {"name": "smuggled", "scope": "admin", "token": other}
    assert office.operator.post("/operations/keys", fields).status_code == 403
    assert state(office, places) == before


@pytest.mark.parametrize(
    "path",
    [
        "/operations?x=1",
        "/operations/quarantine?before=0",
        "/operations/quarantine?before=x",
        "/operations/hooks?after=-1",
        "/operations/hooks/{hook}?status=lost",
        "/operations/hooks/{hook}?before=%00",
        "/operations/keys?name=x",
        "/operations/keys/revoke?name=",
    ],
)
def test_what_is_asked_wrongly_is_said(office: Office, places: dict[str, str], path: str) -> None:
    assert "parameter" in office.operator.page(path.format(**places), 400).words


ODD = ["0", "-1", "9" * 18, "9" * 40, "x", "1.0", "%31%2F", "%00", "%D9%A1", "%201", "1e3", "%F0%9F%9A%9A", "..%2F1"]


@pytest.mark.parametrize("odd", ODD)
def test_what_is_not_there_is_not_found(office: Office, places: dict[str, str], odd: str) -> None:
    hook = f"/operations/hooks/{places['hook']}"
    for path in (
        f"/operations/quarantine/{odd}",
        f"/operations/quarantine/{odd}/bytes",
        f"/operations/quarantine/{odd}/discard",
        f"/operations/hooks/{odd}",
        f"/operations/hooks/{odd}/delete",
        f"/operations/hooks/{odd}/rotate-secret",
        f"{hook}/deliveries/{odd}",
    ):
        office.operator.page(path, 404)
    for path in (
        f"/operations/quarantine/{odd}/retry",
        f"/operations/quarantine/{odd}/discard",
        f"/operations/hooks/{odd}/test",
        f"/operations/hooks/{odd}/delete",
        f"{hook}/deliveries/{odd}/retry",
    ):
        office.operator.read(office.operator.post(path, {}), 404)
    switched = office.operator.post(f"/operations/hooks/{odd}/switch", {"enabled": "true"})
    assert switched.status_code == 404
    rotated = office.operator.post(f"/operations/hooks/{odd}/rotate-secret", {"graceHours": "1"})
    assert rotated.status_code == 404


def test_a_path_that_is_no_text_is_refused(office: Office) -> None:
    for path in ("/operations/quarantine/%FF", "/operations/hooks/%C3%28"):
        office.operator.page(path, 400)
