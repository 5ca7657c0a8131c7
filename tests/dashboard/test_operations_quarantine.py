"""The quarantine on pages: listed, shown with the fault marked, taken away whole, read again, discarded."""

import itertools
from collections.abc import Iterator

import pytest

from app.dashboard.operations.quarantine import PER_PAGE
from app.inbox.model import Channel
from app.inbox.store import Misunderstood, quarantine
from app.ingest.quarantine import find_entry
from tests.dashboard.operating import Office, office_on
from tests.databases import Databases
from tests.maven.examples import as_bytes, flat_event

HOSTILE = "<script>alert(1)</script>\u202e\u200bmoc.live " + "x" * 200
NUMBERS = itertools.count(1)
LIST = "/operations/quarantine"


@pytest.fixture(scope="module")
def office(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with databases.fresh() as url, office_on(url, tmp_path_factory.mktemp("office")) as running:
        yield running


def once_misunderstood(office: Office, body: bytes, detail: str = "not understood then") -> str:
    """An entry that an earlier version of the program did not understand, and this one does."""
    errors = f'[{{"pointer":"","detail":"{detail}"}}]'
    (pk,) = office.write(quarantine([Misunderstood(body, errors, Channel.POLL)], 1_700_000_000_000_000))
    return str(pk)


def test_entries_are_listed_newest_first_page_by_page(office: Office) -> None:
    entries = [once_misunderstood(office, b"listed %d" % n) for n in range(2 * PER_PAGE + 1)]
    found: list[str] = []
    path: str | None = LIST
    while path is not None:
        page = office.operator.page(path)
        found += [link.rsplit("/", 1)[1] for link in page.reader.links if link.startswith(f"{LIST}/")]
        path = next((link for link in page.reader.links if "?before=" in link), None)
    assert [entry for entry in found if entry in entries] == entries[::-1]
    assert len(found) == len(set(found))
    assert "No older entries." in office.operator.page(f"{LIST}?before=1").words


def test_the_value_at_fault_is_marked_on_the_page(office: Office) -> None:
    entry = office.quarantined(as_bytes(flat_event(id="q1", duration="three hours")))
    page = office.operator.page(f"{LIST}/{entry}")
    assert page.reader.marks == ['"three hours"']
    assert "/duration must be a duration written H:MM" in page.words
    assert "Times received1" in page.words


def test_what_is_no_json_is_marked_where_it_ends_to_be(office: Office) -> None:
    entry = office.quarantined(b"{\n  still not json}")
    assert office.operator.page(f"{LIST}/{entry}").reader.marks == ["s"]


def test_an_empty_body_is_listed_and_shown(office: Office) -> None:
    entry = office.quarantined(b"")
    assert f"Entry {entry}" in office.operator.page(LIST).words
    assert "Times received1" in office.operator.page(f"{LIST}/{entry}").words


def test_bytes_that_are_no_text_are_shown_in_hexadecimal_digits(office: Office) -> None:
    entry = office.quarantined(b'{"a":"' + bytes(range(128, 256)) + b'"}')
    page = office.operator.page(f"{LIST}/{entry}")
    assert page.reader.marks == ["80"]
    assert "They are not UTF-8." in page.words
    assert '00000000 7b 22 61 22 3a 22 80 81 82 83 84 85 86 87 88 89 {"a":"..........' in page.words


def test_hostile_bytes_are_inert(office: Office) -> None:
    entry = office.quarantined(as_bytes(flat_event(id="q2", duration=HOSTILE, driverName=HOSTILE)))
    page = office.operator.page(f"{LIST}/{entry}")
    assert "<script>alert(1)</script>U+202EU+200Bmoc.live" in page.reader.words
    assert page.reader.marks[0].startswith('"<script>')
    listed = office.operator.page(LIST)
    for one in (page, listed):
        assert "\u202e" not in one.answer.text
        assert "<script>alert" not in one.answer.text


def test_the_bytes_are_given_whole(office: Office) -> None:
    body = b"<html>\xff\x00\r\n" + b"<script>" * 20_000
    entry = office.quarantined(body)
    answer = office.operator.client.get(f"{LIST}/{entry}/bytes")
    assert answer.content == body
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == f'attachment; filename="quarantine-{entry}.bin"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(office.operator.client.get(f"{LIST}/{entry}").text) < 100_000


def test_what_is_understood_now_is_told_by_what_it_did(office: Office) -> None:
    known, fresh = f"r{next(NUMBERS)}", f"r{next(NUMBERS)}"
    assert office.service.post(flat_event(id=known)).status_code == 200
    events = [flat_event(id=known), flat_event(id=fresh), flat_event(id=fresh, duration="x"), flat_event("other")]
    entry = once_misunderstood(office, as_bytes(events))
    page = office.operator.page(f"{LIST}/{entry}")
    retried = office.operator.read(office.operator.send(page.form(f"{LIST}/{entry}/retry")))
    assert "3 events understood. The entry is gone." in retried.words
    for told in ("1 made a violation known", "1 were here already", "1 are of another type", "1 are not understood"):
        assert told in retried.words
    (left,) = [link for link in retried.reader.links if link.startswith(f"{LIST}/")]
    assert office.operator.page(left).reader.marks == ['"x"']
    assert office.service.violation(fresh)["status"] == "active"
    office.operator.page(f"{LIST}/{entry}", 404)
    office.operator.read(office.operator.send(page.form(f"{LIST}/{entry}/retry")), 404)
    (line,) = [line for line in office.logged("quarantine.retried") if f'"entry": {entry},' in line]
    assert '"understood": 3' in line
    assert '"by": "admin"' in line


def test_what_is_still_not_understood_stays(office: Office) -> None:
    entry = once_misunderstood(office, as_bytes(flat_event(id="q3", duration="x")), "of then")
    page = office.operator.page(f"{LIST}/{entry}")
    assert "of then" in page.words
    again = office.operator.read(office.operator.send(page.form(f"{LIST}/{entry}/retry")), 422)
    assert "still not understood: 0 events" in again.words
    assert again.reader.marks == ['"x"']
    assert "must be a duration" in again.words
    assert office.read(find_entry(int(entry))) is not None


def test_discarding_is_confirmed_first(office: Office) -> None:
    entry = office.quarantined(b"to be discarded {")
    confirm = f"{LIST}/{entry}/discard"
    assert confirm in office.operator.page(f"{LIST}/{entry}").reader.links
    page = office.operator.page(confirm)
    assert "nothing brings them back" in page.words
    assert office.read(find_entry(int(entry))) is not None
    after = office.operator.follow(office.operator.send(page.form(confirm)))
    assert f"{LIST}/{entry}" not in after.reader.links
    assert office.read(find_entry(int(entry))) is None
    office.operator.read(office.operator.send(page.form(confirm)), 404)
    assert len([line for line in office.logged("quarantine.discarded") if f'"entry": {entry},' in line]) == 1
