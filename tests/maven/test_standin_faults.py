"""Which fault a request gets, and events whose data is odd."""

import orjson
import pytest

from app.maven.events import AcceptedEvent, RejectedEvent, read_delivery
from app.maven.standin import FAULT_DESCRIPTIONS, FaultName, Faults, OddShape, enveloped, odd_event, read_fault
from app.maven.standin.odd_data import make_some_odd
from tests.maven import examples

EVENT = examples.as_bytes(examples.enveloped(examples.violation_data()))


@pytest.mark.parametrize(
    "text, read",
    [
        ("reset", (FaultName.RESET, None)),
        ("too-many-requests:1", (FaultName.TOO_MANY_REQUESTS, 1)),
        ("malformed-next:250", (FaultName.MALFORMED_NEXT, 250)),
    ],
)
def test_a_fault_is_read_from_its_name(text: str, read: tuple[FaultName, int | None]) -> None:
    assert read_fault(text) == read


@pytest.mark.parametrize(
    "text", ["", "Reset", "reset:", "reset:0", "reset:-1", "reset:x", "reset:1:2", " reset", "nope"]
)
def test_what_is_no_fault_is_refused_with_the_names_there_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"NAME one of malformed-next, .*, empty-page; not ") as refusal:
        read_fault(text)
    assert str(refusal.value).endswith(repr(text))
    assert "\n" not in str(refusal.value)


def test_every_fault_is_described() -> None:
    assert set(FAULT_DESCRIPTIONS) == set(FaultName)


def test_a_request_has_no_fault_unless_one_is_on() -> None:
    faults = Faults()
    assert (faults.take_instead(), faults.take_for_page(), faults.active) == (None, (), ())


def test_of_those_in_place_of_a_page_the_first_is_shown_until_it_is_used_up() -> None:
    faults = Faults()
    faults.switch_on("unavailable", 2)
    faults.switch_on("odd-data")
    faults.switch_on(FaultName.UNAUTHORIZED, 1)
    assert list(faults.active) == [FaultName.UNAVAILABLE, FaultName.ODD_DATA, FaultName.UNAUTHORIZED]
    assert [faults.take_instead() for _ in range(4)] == ["unavailable", "unavailable", "unauthorized", None]
    assert list(faults.active) == [FaultName.ODD_DATA]


def test_a_page_has_all_that_change_it_and_one_way_of_coming() -> None:
    faults = Faults()
    for name, times in (("slow", 1), ("malformed-next", 2), ("reset", None), ("silent", None), ("odd-data", None)):
        faults.switch_on(name, times)
    assert faults.take_for_page() == ("malformed-next", "odd-data", "slow")
    assert faults.take_for_page() == ("malformed-next", "odd-data", "reset")
    assert faults.take_for_page() == ("odd-data", "reset")


def test_faults_are_switched_off_again() -> None:
    faults = Faults()
    faults.switch_on("silent")
    faults.switch_on("reset")
    faults.switch_off("silent")
    faults.switch_off(FaultName.SLOW)
    assert list(faults.active) == [FaultName.RESET]
    faults.clear()
    assert list(faults.active) == []
    with pytest.raises(ValueError, match="nope"):
        faults.switch_on("nope")
    with pytest.raises(ValueError, match="times"):
        faults.switch_on("reset", 0)


def read(event: bytes) -> object:
    [one] = read_delivery(b'{"events":[' + event + b"]}", 10)
    return one


@pytest.mark.parametrize("shape", list(OddShape))
def test_an_odd_event_is_odd_to_a_reader(shape: OddShape) -> None:
    altered = odd_event(EVENT, shape)
    assert altered != EVENT
    assert isinstance(read(EVENT), AcceptedEvent)
    # A timestamp is the queue's business; all else is not the violation that was meant.
    is_readable = shape in {OddShape.NO_TIMESTAMP, OddShape.WRONG_TIMESTAMP}
    assert isinstance(read(altered), AcceptedEvent if is_readable else RejectedEvent)
    assert orjson.loads(altered) is not None


def test_what_is_no_object_stays_as_it_is() -> None:
    assert [odd_event(one, OddShape.DATA_NULL) for one in (b"no JSON", b"[1]")] == [b"no JSON", b"[1]"]


def test_some_events_are_odd_and_always_the_same() -> None:
    events = [enveloped(f"e{number}", "stopArrival", number, {"stop": number}) for number in range(300)]
    altered = make_some_odd(events, 3)
    changed = {number for number in range(300) if altered[number] != events[number]}
    assert 60 < len(changed) < 140
    assert make_some_odd(events[100:], 3) == altered[100:]
    assert all(one != other for one, other in zip(make_some_odd(events, 1), events, strict=True))
    assert len({orjson.dumps(orjson.loads(one).get("data")) for one in altered if one.startswith(b"{")}) > 200
