"""The state rule, pure: the rule over a set, the rule one event at a time and the oracle say the same."""

from functools import reduce

from hypothesis import given, settings
from hypothesis import strategies as st

from app.maven.events import AcceptedEvent
from app.violations.rules import Outcome, Standing, advance, first_outcome, standing_of
from tests.events import (
    CHANGES,
    CREATED,
    INVALIDATED,
    Told,
    canonical,
    histories,
    outcomes_of,
    state_of,
    view_of,
    view_of_accepted,
)
from tests.maven.examples import as_bytes, violation_data

MIDNIGHT = 1_704_067_200_000_000


def event_of(event_type: str, event_time: str = "2024-01-01T00:00:00Z", **changes: object) -> AcceptedEvent:
    data = violation_data(eventTime=event_time, **changes)  # type: ignore[arg-type]
    return Told(event_type, data, as_bytes({"eventType": event_type, **data})).read()


def fold(events: list[AcceptedEvent]) -> tuple[Standing, list[Outcome]]:
    """One event after the other, duplicates left out as the store leaves them out."""
    standing: Standing | None = None
    known: set[str] = set()
    outcomes = []
    for event in events:
        if event.identity in known:
            outcomes.append(Outcome.DUPLICATE)
            continue
        known.add(event.identity)
        standing, outcome = advance(standing, event)
        outcomes.append(outcome)
    assert standing is not None
    return standing, outcomes


def seen(standing: Standing) -> tuple[int | None, dict[str, object]]:
    return standing.invalidated_at, view_of_accepted(standing.details)


@given(histories(["v"]))
@settings(max_examples=300)
def test_set_and_fold_and_oracle_agree(history: list[Told]) -> None:
    events = [told.read() for told in history]
    standing, outcomes = fold(events)
    assert standing == standing_of(events)
    expected = state_of(history)
    assert seen(standing) == expected.seen
    assert standing.details.canonical == canonical(expected.details.data)
    assert [outcome.word for outcome in outcomes] == outcomes_of(history)


@given(histories(["v"]), st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_order_and_repetition_do_not_matter(history: list[Told], random: object) -> None:
    assert hasattr(random, "sample")
    events = [told.read() for told in history]
    shuffled = random.sample(events + events, 2 * len(events))
    assert seen(fold(events)[0]) == seen(fold(shuffled)[0]) == seen(standing_of(shuffled))


@given(histories(["v"]))
def test_an_outcome_is_a_change_exactly_when_something_visible_changed(history: list[Told]) -> None:
    standing: Standing | None = None
    known: set[str] = set()
    for told in history:
        event = told.read()
        if event.identity in known:
            continue
        known.add(event.identity)
        before = None if standing is None else seen(standing)
        standing, outcome = advance(standing, event)
        assert outcome.is_change is (before != seen(standing))
        assert outcome.is_change is (outcome.word in CHANGES)
        assert (outcome is Outcome.CREATED) <= (before is None)
        if outcome is Outcome.REOPENED:
            assert before is not None
            assert before[0] is not None
            assert standing.invalidated_at is None


def test_identity_is_type_and_data_as_json_values() -> None:
    data = violation_data(note=1)
    flat = Told(CREATED, data, as_bytes({"eventType": CREATED, **data})).read()
    other_forms = [
        as_bytes({**dict(reversed(data.items())), "note": 1.0, "eventType": CREATED}),
        as_bytes({"id": "another", "eventType": CREATED, "data": data, "timestamp": "x"}),
    ]
    for body in other_forms:
        assert Told(CREATED, data, body).read().identity == flat.identity
    for changed in (violation_data(note="1"), violation_data(note=True), violation_data(note=1, other=None)):
        body = as_bytes({"eventType": CREATED, **changed})
        assert Told(CREATED, changed, body).read().identity != flat.identity
    body = as_bytes({"eventType": INVALIDATED, **data})
    assert Told(INVALIDATED, data, body).read().identity != flat.identity


def test_the_invalidation_wins_at_one_time() -> None:
    created, invalidated = event_of(CREATED), event_of(INVALIDATED)
    for events in ([created, invalidated], [invalidated, created]):
        assert standing_of(events).invalidated_at == MIDNIGHT
        assert standing_of(events).details is created
    assert fold([created, invalidated])[1] == [Outcome.CREATED, Outcome.INVALIDATED]
    # The details become the creation's own, which are the same: nothing is to be seen of it.
    assert fold([invalidated, created])[1] == [Outcome.INVALIDATED, Outcome.SUPERSEDED]


def test_a_creation_one_microsecond_later_reopens() -> None:
    invalidated = event_of(INVALIDATED)
    created = event_of(CREATED, "2024-01-01T00:00:00.000001Z")
    standing, outcomes = fold([invalidated, created])
    assert outcomes == [Outcome.INVALIDATED, Outcome.REOPENED]
    assert standing.invalidated_at is None
    standing, outcomes = fold([created, invalidated])
    assert outcomes == [Outcome.CREATED, Outcome.SUPERSEDED]
    assert standing.invalidated_at is None


def test_details_stay_those_of_the_newest_creation() -> None:
    created = event_of(CREATED, driverName="As created")
    invalidated = event_of(INVALIDATED, "2024-02-01T00:00:00Z", driverName="As invalidated")
    for events in ([created, invalidated], [invalidated, created]):
        standing = standing_of(events)
        assert standing.details.data.driverName == "As created"
        assert standing.details.data.eventTime == MIDNIGHT
        assert standing.invalidated_at is not None
    assert standing_of([invalidated]).details.data.driverName == "As invalidated"


def test_at_one_time_the_greater_canonical_json_counts_in_either_order() -> None:
    for event_type in (CREATED, INVALIDATED):
        lesser, greater = event_of(event_type, driverName="A"), event_of(event_type, driverName="B")
        assert lesser.canonical < greater.canonical
        for events in ([lesser, greater], [greater, lesser]):
            assert standing_of(events).details is greater
        assert fold([lesser, greater])[1][1] is Outcome.UPDATED
        assert fold([greater, lesser])[1][1] is Outcome.SUPERSEDED


def test_a_later_invalidation_moves_invalidated_at_and_an_earlier_one_does_not() -> None:
    created = event_of(CREATED)
    first = event_of(INVALIDATED, "2024-01-02T00:00:00Z")
    second = event_of(INVALIDATED, "2024-01-03T00:00:00Z")
    standing, outcomes = fold([created, first, second])
    assert outcomes == [Outcome.CREATED, Outcome.INVALIDATED, Outcome.UPDATED]
    assert standing.invalidated_at == MIDNIGHT + 2 * 86_400_000_000
    assert fold([created, second, first])[1] == [Outcome.CREATED, Outcome.INVALIDATED, Outcome.SUPERSEDED]


def test_what_is_only_kept_changes_nothing_visible() -> None:
    created = event_of(CREATED, zzz=1)
    for other in (event_of(CREATED, zzz=2), event_of(CREATED, zzz=1, startData=[violation_data()["startData"]])):
        assert fold([created, other])[1] == [Outcome.CREATED, Outcome.SUPERSEDED]


def test_the_first_outcome_is_told_by_the_type_alone() -> None:
    assert first_outcome(event_of(CREATED)) is Outcome.CREATED
    assert first_outcome(event_of(INVALIDATED)) is Outcome.INVALIDATED


def test_the_oracle_knows_the_fields_it_compares() -> None:
    told = Told(CREATED, violation_data(), as_bytes({"eventType": CREATED, **violation_data()}))
    assert view_of(told.data) == view_of_accepted(told.read())
    assert reduce(lambda found, value: found and value is not None, view_of(told.data).values(), True)
