"""Keys on pages: made and shown once, listed, revoked with all that hangs on them."""

from collections.abc import Iterator

import pytest

from app.keys.schema import SCOPE_NAMES, Scope, hash_key
from app.keys.store import KeyRecord, list_keys, note_used
from tests.dashboard.operating import Office, Page, office_on
from tests.databases import Databases

PATH = "/operations/keys"
REVOKE = f"{PATH}/revoke"


@pytest.fixture(scope="module")
def office(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with databases.fresh() as url, office_on(url, tmp_path_factory.mktemp("office")) as running:
        yield running


def records(office: Office, name: str) -> list[KeyRecord]:
    return [one for one in office.read(list_keys()) if one.key.name == name]


def make(office: Office, name: str, *scopes: str, terminals: str = "", status: int = 200) -> Page:
    form = office.operator.page(PATH).form(PATH)
    answer = office.operator.send(form, name=name, scope=list(scopes), terminals=terminals)
    return office.operator.read(answer, status)


def test_a_key_is_made_and_shown_this_once(office: Office) -> None:
    page = make(office, "Grüße 東京 <b>", "read", "review", terminals="PGH\r\n\r\n ERI \nPGH")
    key = page.value_of("key")
    assert key.startswith("hos_key_")
    (record,) = records(office, "Grüße 東京 <b>")
    assert record.hash == hash_key(key)
    assert record.key.scopes == {Scope.READ, Scope.REVIEW}
    assert record.key.terminals == frozenset({"PGH", "ERI"})
    listed = office.operator.page(PATH)
    assert "Grüße 東京 <b> read, review ERI, PGH" in listed.words
    assert key not in listed.answer.text
    assert record.hash not in listed.answer.text
    (line,) = [line for line in office.logged("key.created") if '"terminals": 2' in line]
    assert '"by": "admin"' in line
    assert key not in office.service.served.log


@pytest.mark.parametrize(
    "name,scopes,terminals,status,told",
    [
        ("", ["read"], "", 422, "The name must be 1 to 100 printable characters"),
        ("x" * 101, ["read"], "", 422, "The name must be 1 to 100 printable characters"),
        ("a\u202eb", ["read"], "", 422, "The name must be 1 to 100 printable characters"),
        ("nul\0", ["read"], "", 422, "The name must be 1 to 100 printable characters"),
        ("admin", ["read"], "", 422, "the name admin belongs to the key in HOS_ADMIN_KEY"),
        ("none", [], "", 422, "The scopes must be one at least"),
        (
            "odd",
            ["read", "fly"],
            "",
            422,
            f"The scopes must be {SCOPE_NAMES}",
        ),
        ("w", ["webhook"], "PGH", 422, "scope webhook reads nothing"),
        ("t", ["read"], "P\0", 422, "must be a terminal code"),
        ("t", ["read"], "\n".join(map(str, range(1001))), 422, "must be 1000 at most"),
        ("taken", ["read"], "", 409, "that of a key in force already"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field(
    office: Office, name: str, scopes: list[str], terminals: str, status: int, told: str
) -> None:
    if status == 409:
        office.key(name, "--scope", "read")
    before = office.read(list_keys())
    page = make(office, name, *scopes, terminals=terminals, status=status)
    assert told in " ".join(page.reader.errors)
    form = page.form(PATH)
    assert (form.get("name") or "") == name
    assert [value for field, value in form.fields if field == "scope"] == [s for s in scopes if s != "fly"]
    assert form.get("terminals") == terminals
    assert office.read(list_keys()) == before


def test_a_token_for_the_webhook_is_told_by_its_prefix(office: Office) -> None:
    assert make(office, "maven", "webhook").value_of("key").startswith("hos_webhook_")


def test_revoking_is_confirmed_and_ends_the_sign_ins(office: Office) -> None:
    name = "a/b?&=#%  .. é"
    key = make(office, name, "read").value_of("key")
    guest = office.signed_in(key)
    office.signed_in(key)
    link = next(link for link in office.operator.page(PATH).reader.links if "a%2Fb" in link)
    page = office.operator.page(link)
    assert "2 sign-ins end" in page.words
    assert "signs you out" not in page.words
    assert guest.client.get("/").status_code == 200
    form = page.form(REVOKE)
    assert form.get("name") == name
    after = office.operator.follow(office.operator.send(form))
    assert link not in after.reader.links
    assert records(office, name)[0].revoked_at is not None
    assert guest.client.get("/").status_code == 303
    headers = {"Authorization": f"Bearer {key}"}
    assert office.service.client.get("/v1/violations", headers=headers).status_code == 401
    assert office.operator.send(form).status_code == 404
    assert len([line for line in office.logged("key.revoked") if "a/b" in line]) == 1


def test_ones_own_key_is_revoked_only_when_that_was_said(office: Office) -> None:
    boss = office.signed_in(make(office, "boss", "admin").value_of("key"))
    plain = office.operator.page(f"{REVOKE}?name=boss").form(REVOKE)
    fields = [(name, value) for name, value in plain.fields if name != "token"]
    assert fields == [("name", "boss")]
    refused = boss.read(boss.post(REVOKE, fields), 409)
    assert "Revoking it signs you out." in refused.words
    assert records(office, "boss")[0].revoked_at is None
    page = boss.page(f"{REVOKE}?name=boss")
    assert "You are signed in with this key." in page.words
    answer = boss.send(page.form(REVOKE))
    assert answer.status_code == 303
    assert boss.client.get(answer.headers["location"]).headers["location"].startswith("/sign-in")
    assert records(office, "boss")[0].revoked_at is not None


@pytest.mark.parametrize("name,status", [("nobody", 404), ("admin", 409), ("\0", 404), ("\u202e", 404), ("", 422)])
def test_what_cannot_be_revoked(office: Office, name: str, status: int) -> None:
    answer = office.operator.post(REVOKE, {"name": name})
    page = office.operator.read(answer, status)
    assert "\u202e" not in page.answer.text


def test_when_a_key_was_last_used_is_shown(office: Office) -> None:
    key = office.key("used", "--scope", "read")
    assert "used read all" in office.operator.page(PATH).words
    office.write(note_used([hash_key(key)], 1_700_000_000_000_000))
    assert "14 Nov 2023, 22:13 UTC" in office.operator.page(PATH).words


def test_revoked_keys_are_listed_apart(office: Office) -> None:
    office.key("gone", "--scope", "read")
    page = office.operator.page(f"{REVOKE}?name=gone")
    office.operator.send(page.form(REVOKE))
    words = office.operator.page(PATH).words
    assert "gone" in words.partition("Those revoked last first")[2]
    assert "gone" not in words.partition("New key")[0]
