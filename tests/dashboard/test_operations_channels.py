"""The first page for operators: how each channel stands, gaps, and what asks for somebody."""

from collections.abc import Iterator

import pytest

from app.channels.store import STATE_WORDS as STATES
from app.channels.store import (
    Gap,
    GapReason,
    begin_reading,
    move_position,
    note_error,
    note_reconciliation,
    note_success,
    record_gaps,
    take_lease,
)
from app.dashboard.operations.channels import GAP_WORDS, STATE_WORDS
from app.dashboard.operations.troubles import Troubles, troubles
from app.inbox.model import Channel
from app.maven.times import HOUR, SECOND
from tests.dashboard.operating import Office, office_on
from tests.databases import Databases
from tests.maven.examples import flat_event

AT = 1_700_000_000_000_000
"""2023-11-14T22:13:20Z."""


@pytest.fixture
def office(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with databases.fresh() as url, office_on(url, tmp_path_factory.mktemp("office")) as running:
        yield running


def test_every_state_and_every_reason_has_its_words() -> None:
    assert set(STATE_WORDS) == set(STATES)
    assert set(GAP_WORDS) == {reason.value for reason in GapReason}


def test_nothing_came_yet(office: Office) -> None:
    page = office.operator.page("/operations")
    assert "webhook never never" in page.words
    assert "No time is known of which events may be missing." in page.words
    assert "notice is-bad" not in page.answer.text
    assert office.read(troubles(office.dialect)) == Troubles((), 0, 0, 0, False)
    assert not office.read(troubles(office.dialect)).has_any


def test_how_the_channels_stand(office: Office) -> None:
    assert office.service.post(flat_event(id="c1")).status_code == 200
    office.quarantined(b"not understood {")
    office.write(take_lease(office.dialect, "h", 60 * SECOND))
    for script in (
        begin_reading("h", AT, "http://maven.example", anew=False),
        move_position("h", AT - HOUR, None),
        note_success("h", AT, AT),
        note_reconciliation("h", AT - 2 * HOUR),
        note_error("h", AT + HOUR, "Maven answered <b>500</b>."),
        record_gaps(Channel.POLL, [Gap(GapReason.NOT_POLLED, AT - 9 * HOUR, AT - 8 * HOUR)], AT),
    ):
        office.write(script)
    page = office.operator.page("/operations")
    assert "webhook" in page.words
    assert "just now" in page.words
    assert "failing" in page.words
    assert "Addresshttp://maven.example" in page.words
    assert "Read up to14 Nov 2023, 21:13 UTC by Maven's clock" in page.words
    assert "Errors in a row1" in page.words
    assert "Last errorMaven answered <b>500</b>." in page.words
    assert "Last days read again14 Nov 2023, 20:13 UTC" in page.words
    assert "14 Nov 2023, 13:13 UTC 14 Nov 2023, 14:13 UTC poll Nobody read the queue" in page.words
    assert "1 in quarantine" in page.words
    assert "1 open gap" in page.words
    assert office.read(troubles(office.dialect)) == Troubles((), 0, 1, 1, False)


def test_a_refused_key_is_told_of(office: Office) -> None:
    office.write(take_lease(office.dialect, "h", 60 * SECOND))
    office.write(note_error("h", AT, "Maven answered 401.", "a mark"))
    page = office.operator.page("/operations")
    assert "stopped: Maven refused the API key" in page.words
    assert "Set the right HOS_MAVEN_API_KEY and restart" in page.words
    assert office.read(troubles(office.dialect)).is_key_refused
